//! Products of generated tokens, at the levels that multiply row by row: every bit follows from the order of sums that
//! `product::by_row` states, in any company, on any threads.

use crate::common::{Random, bits, cases, cpu};
use half::{bf16, f16};
use plimsoll_kernels::{Activations, Cpu, DType, Isa, Matrix, Phase, Product, fused};
use proptest::prelude::*;

const TYPES: [DType; 5] = [DType::Q4_0, DType::Q8_0, DType::Q4_K, DType::Q6_K, DType::BF16];

/// The levels that are here and multiply row by row.
fn levels() -> impl Iterator<Item = Isa> {
    Isa::available().into_iter().filter(|isa| matches!(isa, Isa::Avx512 | Isa::Amx))
}

/// `x @ w.T` of generated tokens.
fn decode(cpu: &Cpu, w: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.cols() * w.rows()];
    let activations = cpu.fastest(Phase::Decode, w.dtype());
    cpu.multiply(Phase::Decode, activations, x, &mut [Product { w: *w, out: &mut out }]);
    out
}

/// A group of 32 inputs: codes to the nearest, ties to even, and their scale.
fn rounded(x: &[f32]) -> (Vec<i32>, f32) {
    let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
    let inverse = 127.0 / most;
    (x.iter().map(|x| (x * inverse).round_ties_even() as i32).collect(), most / 127.0)
}

/// What a group of 32 weights adds to `sum`: the block's bytes, which group of the block, its inputs.
fn add_group(dtype: DType, block: &[u8], g: usize, x: &[f32], sum: f32) -> f32 {
    let (codes, dx) = rounded(x);
    let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    let dot = |of: &dyn Fn(usize) -> i32| (0..32).map(|i| of(i) * codes[i]).sum::<i32>() as f32;
    let nibble = |byte: u8, high: bool| i32::from(if high { byte >> 4 } else { byte & 15 });
    match dtype {
        DType::Q4_0 => fused(dot(&|i| nibble(block[2 + i % 16], i >= 16) - 8), half(0) * dx, sum),
        DType::Q8_0 => fused(dot(&|i| i32::from(block[2 + i] as i8)), half(0) * dx, sum),
        DType::Q4_K => {
            let packed = &block[4..16];
            let (k, m) = match g {
                0..4 => (packed[g] & 63, packed[g + 4] & 63),
                _ => (packed[g + 4] & 15 | packed[g - 4] >> 6 << 4, packed[g + 4] >> 4 | packed[g] >> 6 << 4),
            };
            let dot = dot(&|i| i32::from(k) * nibble(block[16 + g / 2 * 32 + i], g % 2 == 1));
            let moment = dx * codes.iter().sum::<i32>() as f32;
            fused(f32::from(m), -half(2) * moment, fused(dot, half(0) * dx, sum))
        }
        DType::Q6_K => {
            let code = |i: usize| {
                let (part, l) = (g / 4, i);
                let low = block[64 * part + g % 2 * 32 + l];
                let upper = block[128 + 32 * part + l] >> (2 * (g % 4)) & 3;
                (nibble(low, g % 4 >= 2) | i32::from(upper) << 4) - 32
            };
            fused(dot(&|i| i32::from(block[192 + 2 * g + i / 16] as i8) * code(i)), half(208) * dx, sum)
        }
        _ => unreachable!("{dtype} has no reference here"),
    }
}

/// Upper half onto lower half until one is left.
fn sum_of_lanes(mut lanes: Vec<f32>) -> f32 {
    while lanes.len() > 1 {
        let upper = lanes.split_off(lanes.len() / 2);
        lanes.iter_mut().zip(upper).for_each(|(lane, upper)| *lane += upper);
    }
    lanes[0]
}

/// A row times a token, in the order of `product::by_row`.
fn reference(dtype: DType, row: &[u8], x: &[f32]) -> f32 {
    if dtype == DType::BF16 {
        let mut sums = vec![vec![0f32; 16]; 4];
        for (i, (w, x)) in row.chunks_exact(2).zip(x).enumerate() {
            let sum = &mut sums[i % 64 / 32 * 2 + i % 2][i % 32 / 2];
            *sum = fused(bf16::from_le_bytes([w[0], w[1]]).to_f32(), *x, *sum);
        }
        return sum_of_lanes((0..16).map(|l| (sums[0][l] + sums[1][l]) + (sums[2][l] + sums[3][l])).collect());
    }
    let mut lanes = vec![0f32; 16];
    let of_block = dtype.block_len() / 32;
    for (g, x) in x.chunks_exact(32).enumerate() {
        let block = &row[g / of_block * dtype.block_bytes()..][..dtype.block_bytes()];
        lanes[g % 16] = add_group(dtype, block, g % of_block, x, lanes[g % 16]);
    }
    sum_of_lanes(lanes)
}

fn check(dtype: DType, rows: usize, blocks: usize, n: usize, threads: usize, seed: u64) {
    let cols = blocks * dtype.block_len().max(1);
    let mut random = Random(seed);
    let bytes = random.weights(dtype, rows, cols);
    let x = random.floats(n * cols);
    let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
    let row_bytes = dtype.row_bytes(cols).unwrap();
    for isa in levels() {
        let got = decode(&cpu(isa, threads), &w, &x);
        for (t, x) in x.chunks_exact(cols).enumerate() {
            let expected: Vec<f32> = bytes.chunks_exact(row_bytes).map(|row| reference(dtype, row, x)).collect();
            let got = &got[t * rows..][..rows];
            assert_eq!(bits(got), bits(&expected), "{dtype} at {isa}: {rows} x {cols}, token {t} of {n}");
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn every_bit_follows_from_the_order_of_sums(
        dtype in prop::sample::select(TYPES.to_vec()),
        rows in 1..40usize, blocks in 1..40usize, n in 1..10usize, threads in 1..=3usize, seed: u64,
    ) {
        check(dtype, rows, blocks, n, threads, seed);
    }
}

#[test]
fn rows_of_whole_steps_of_parts_and_of_less_than_one_agree_with_the_order() {
    for dtype in TYPES {
        for values in [32, 256, 480, 512, 544, 1024, 1280, 2560] {
            check(dtype, 5, values / dtype.block_len().min(values), 1 + values % 5, 2, values as u64);
        }
    }
}

#[test]
fn the_greatest_codes_and_scales_fit_where_they_are_added() {
    for dtype in TYPES.into_iter().filter(|dtype| !dtype.is_float()) {
        let (rows, cols) = (3, 1024);
        for fill in [0x00, 0xff, 0x7f, 0x80] {
            let mut bytes = vec![fill; rows * dtype.row_bytes(cols).unwrap()];
            bytes.chunks_exact_mut(dtype.block_bytes()).for_each(|block| Random(17).moderate_scales(dtype, block));
            let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
            for x in [vec![3.0; cols], vec![-3.0; cols]] {
                for isa in levels() {
                    let expected: Vec<f32> = bytes
                        .chunks_exact(dtype.row_bytes(cols).unwrap())
                        .map(|row| reference(dtype, row, &x))
                        .collect();
                    assert_eq!(bits(&decode(&cpu(isa, 1), &w, &x)), bits(&expected), "{dtype} of {fill} at {isa}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_reaches_its_own_token_and_its_own_row_only() {
    let (rows, cols, n) = (7, 768, 6);
    for dtype in TYPES {
        let mut random = Random(23);
        let mut bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        for isa in levels() {
            let cpu = cpu(isa, 2);
            let clean = decode(&cpu, &Matrix::new(dtype, rows, cols, &bytes).unwrap(), &x);
            let mut marked = x.clone();
            marked[3 * cols + 77] = f32::NAN;
            let got = decode(&cpu, &Matrix::new(dtype, rows, cols, &bytes).unwrap(), &marked);
            for (t, (got, clean)) in got.chunks(rows).zip(clean.chunks(rows)).enumerate() {
                match t {
                    3 => assert!(got.iter().all(|x| x.is_nan()), "{dtype} at {isa}"),
                    _ => assert_eq!(bits(got), bits(clean), "{dtype} at {isa}, token {t}"),
                }
            }
        }
        let row = dtype.row_bytes(cols).unwrap();
        let scale = if dtype == DType::Q6_K { 208 } else { 0 };
        bytes[2 * row + scale..][..2].copy_from_slice(&[0xff, 0x7f]); // NaN as f16 and as bf16
        for isa in levels() {
            let out = decode(&cpu(isa, 1), &Matrix::new(dtype, rows, cols, &bytes).unwrap(), &x);
            assert!(out.iter().enumerate().all(|(i, out)| out.is_nan() == (i % rows == 2)), "{dtype} at {isa}");
        }
    }
}

#[test]
fn rotary_pairs_and_ranges_of_outputs_pick_the_right_rows() {
    let (rows, cols, head_dim) = (192, 320, 96);
    let mut random = Random(31);
    let bytes = random.weights(DType::Q8_0, rows, cols);
    let x = random.floats(2 * cols);
    let plain = Matrix::new(DType::Q8_0, rows, cols, &bytes).unwrap();
    let paired = plain.with_rotary_pairs(head_dim).unwrap().output_range(5..190);
    for isa in levels() {
        let expected = decode(&cpu(isa, 1), &plain, &x);
        let got = decode(&cpu(isa, 2), &paired, &x);
        for (i, got) in got.iter().enumerate() {
            let (t, row) = (i / 185, i % 185 + 5);
            let (head, within) = (row / head_dim * head_dim, row % head_dim);
            let half = head_dim / 2;
            let stored = head + if within < half { 2 * within } else { 2 * (within - half) + 1 };
            assert_eq!(got.to_bits(), expected[t * rows + stored].to_bits(), "{isa}, row {row}");
        }
    }
}

#[test]
fn products_of_one_input_are_what_each_is_alone() {
    let cols = 768;
    let mut random = Random(29);
    let stored = [(DType::Q4_K, 100), (DType::Q6_K, 48), (DType::Q5_K, 20), (DType::Q8_0, 3)]
        .map(|(dtype, rows)| (dtype, rows, random.weights(dtype, rows, cols)));
    for n in [1, 5] {
        let x = random.floats(n * cols);
        for isa in Isa::available() {
            let cpu = cpu(isa, 3);
            let all = stored.each_ref().map(|(dtype, rows, bytes)| Matrix::new(*dtype, *rows, cols, bytes).unwrap());
            let mut outs = all.map(|w| vec![f32::NAN; n * w.rows()]);
            let mut products: Vec<_> = all.iter().zip(&mut outs).map(|(&w, out)| Product { w, out }).collect();
            cpu.multiply(Phase::Decode, Activations::Int8, &x, &mut products);
            for (w, out) in all.iter().zip(&outs) {
                assert_eq!(bits(out), bits(&decode(&cpu, w, &x)), "{} at {isa}", w.dtype());
            }
        }
    }
}

/// Whether the order of sums is that of prompts or of rows, the numbers are the same to rounding.
#[test]
fn both_phases_agree_to_rounding() {
    let (rows, cols) = (40, 1536);
    for dtype in TYPES.into_iter().filter(|dtype| !dtype.is_float()) {
        let mut random = Random(43);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let cpu = cpu(isa, 2);
            let mut prompt = vec![0.0; rows];
            cpu.multiply(Phase::Prefill, Activations::Int8, &x, &mut [Product { w, out: &mut prompt }]);
            let weights = crate::common::widen(dtype, &bytes, rows * cols);
            let bounds = crate::common::reference_matmul(&weights, &x, rows, cols);
            for ((a, b), (_, magnitude)) in prompt.iter().zip(decode(&cpu, &w, &x)).zip(bounds) {
                assert!(f64::from((a - b).abs()) <= 1e-5 * magnitude, "{dtype} at {isa}: {a}, {b}");
            }
        }
    }
}
