//! Weights at random and arithmetic in f64, for the tests beside.
#![allow(dead_code)] // each test file uses its part

pub mod attention;

use std::num::NonZeroUsize;

use half::{bf16, f16};
use plimsoll_kernels::{Cpu, DType, Isa, Matrix, dequantise};
use proptest::test_runner::Config as ProptestConfig;

/// So many cases of a property, or `PROPTEST_CASES` where it is set: under an emulator fewer have to do.
pub fn cases(usual: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(), // reads it
        None => ProptestConfig::with_cases(usual),
    }
}

/// A device at `isa` with `threads` threads.
pub fn cpu(isa: Isa, threads: usize) -> Cpu {
    Cpu::new(isa, NonZeroUsize::new(threads).unwrap()).unwrap()
}

/// A small generator of its own, so that a failure repeats (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    /// `rows * cols` stored weights: random blocks whose scales are finite and moderate.
    pub fn weights(&mut self, dtype: DType, rows: usize, cols: usize) -> Vec<u8> {
        let n = rows * dtype.row_bytes(cols).expect("whole blocks");
        match dtype {
            DType::F32 => (0..n / 4).flat_map(|_| self.float().to_le_bytes()).collect(),
            DType::F16 => (0..n / 2).flat_map(|_| f16::from_f32(self.float()).to_le_bytes()).collect(),
            DType::BF16 => (0..n / 2).flat_map(|_| bf16::from_f32(self.float()).to_le_bytes()).collect(),
            _ => {
                let mut bytes: Vec<u8> = (0..n).map(|_| self.next() as u8).collect();
                for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
                    self.moderate_scales(dtype, block);
                }
                bytes
            }
        }
    }

    /// Makes the half-precision scales of a block finite and moderate.
    pub fn moderate_scales(&mut self, dtype: DType, block: &mut [u8]) {
        let halves: &[usize] = match dtype {
            DType::Q4_1 | DType::Q5_1 | DType::Q4_K | DType::Q5_K => &[0, 2],
            DType::Q2_K => &[80, 82],
            DType::Q3_K => &[108],
            DType::Q6_K => &[208],
            DType::TQ1_0 => &[52],
            DType::TQ2_0 => &[64],
            DType::MXFP4 => {
                block[0] = 120 + block[0] % 8;
                &[]
            }
            DType::AFFINE8 => {
                for at in [0, 4] {
                    let value = f16::from_f32(self.float() * 0.01).to_f32();
                    block[at..at + 4].copy_from_slice(&value.to_le_bytes());
                }
                &[]
            }
            DType::IQ1_M => {
                block[55] &= 0x3f; // the scale's exponent lies in the last word's top nibble
                &[]
            }
            _ => &[0],
        };
        for &at in halves {
            block[at..at + 2].copy_from_slice(&f16::from_f32(self.float() * 0.01).to_le_bytes());
        }
    }
}

/// `(n, rows)` of `x @ w.T` in f64, and beside each the sum of magnitudes that bounds its rounding.
pub fn reference_matmul(weights: &[f32], x: &[f32], rows: usize, cols: usize) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for x in x.chunks_exact(cols) {
        for w in weights.chunks_exact(cols).take(rows) {
            let products = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            out.push(products.fold((0.0, 0.0), |(sum, magnitude), p| (sum + p, magnitude + p.abs())));
        }
    }
    out
}

/// All weights of a matrix stored by rows, widened.
pub fn widen(dtype: DType, bytes: &[u8], n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n];
    dequantise(dtype, bytes, &mut out);
    out
}

/// `x @ w.T` by `cpu`.
pub fn matmul(cpu: &Cpu, w: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.cols() * w.rows()];
    cpu.matmul(w, x, &mut out);
    out
}

/// Bits, so that equality means equality.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
