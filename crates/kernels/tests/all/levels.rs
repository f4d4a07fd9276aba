//! Every instruction-set level against arithmetic in f64, and against itself in other company.

use crate::common::{Random, bits, cases, cpu, matmul, reference_matmul, widen};
use half::{bf16, f16};
use plimsoll_kernels::{DType, Isa, Matrix};
use proptest::prelude::*;

/// Sums of `k` products stay within this share of the sum of their magnitudes.
fn tolerance(k: usize) -> f64 {
    1e-6 * (1.0 + (k as f64).sqrt() / 16.0)
}

fn assert_close(got: &[f32], expected: &[(f64, f64)], k: usize, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, (sum, magnitude))) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - sum).abs();
        assert!(error <= tolerance(k) * magnitude + 1e-30, "{what}, output {i}: {got}, expected {sum}");
    }
}

fn any_dtype() -> impl Strategy<Value = DType> {
    prop::sample::select(DType::ALL)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_shape_and_type_multiplies_right_at_every_level(
        dtype in any_dtype(), rows in 1..70usize, blocks in 1..9usize, odd in 0..40usize, n in 1..14usize, seed: u64,
    ) {
        let cols = if dtype.is_float() { blocks * 13 + odd } else { blocks * dtype.block_len() };
        let mut random = Random(seed);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let expected = reference_matmul(&widen(dtype, &bytes, rows * cols), &x, rows, cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            assert_close(&matmul(&cpu(isa, 1), &w, &x), &expected, cols, &format!("{dtype} at {isa}"));
        }
    }

    #[test]
    fn transposed_weights_multiply_right_at_every_level(
        dtype in prop::sample::select(&[DType::F32, DType::F16, DType::BF16][..]),
        rows in 1..150usize, cols in 1..40usize, n in 1..14usize, from in 0..100usize, seed: u64,
    ) {
        let mut random = Random(seed);
        let bytes = random.weights(dtype, cols, rows);
        let stored = widen(dtype, &bytes, rows * cols);
        let from = from % rows;
        let by_rows: Vec<f32> = (from..rows).flat_map(|r| (0..cols).map(move |k| (r, k))).map(|(r, k)| stored[k * rows + r]).collect();
        let x = random.floats(n * cols);
        let expected = reference_matmul(&by_rows, &x, rows - from, cols);
        let w = Matrix::transposed(dtype, rows, cols, &bytes).unwrap().output_range(from..rows);
        for isa in Isa::available() {
            let cpu = cpu(isa, 1);
            assert_close(&matmul(&cpu, &w, &x), &expected, cols, &format!("{dtype} at {isa}"));
            let mut row = vec![f32::NAN; cols];
            cpu.embed_row(&w, rows - from - 1, &mut row);
            assert_eq!(row, by_rows[(rows - from - 1) * cols..]);
        }
    }

    #[test]
    fn company_and_threads_leave_every_bit_alone(
        dtype in any_dtype(), rows in 1..200usize, blocks in 1..6usize, n in 2..20usize, threads in 1..=8usize, seed: u64,
    ) {
        let cols = if dtype.is_float() { blocks * 271 } else { blocks * 256 };
        let mut random = Random(seed);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let together = matmul(&cpu(isa, threads), &w, &x);
            for (token, together) in x.chunks_exact(cols).zip(together.chunks_exact(rows)) {
                assert_eq!(bits(&matmul(&cpu(isa, 1), &w, token)), bits(together), "{dtype} at {isa}");
            }
        }
    }
}

#[test]
fn every_level_unpacks_to_the_bits_of_the_reference() {
    for &dtype in DType::ALL {
        let cols = 2 * dtype.block_len().max(16);
        let bytes = Random(7).weights(dtype, 8, cols);
        let expected = widen(dtype, &bytes, 8 * cols);
        let w = Matrix::new(dtype, 8, cols, &bytes).unwrap();
        for isa in Isa::available() {
            for n in [1, 2] {
                for k in 0..cols {
                    let mut x = vec![0.0; n * cols];
                    x[k] = 1.0; // picks one weight of each row; the others add zeros
                    let out = matmul(&cpu(isa, 1), &w, &x);
                    let column: Vec<f32> = (0..8).map(|row| expected[row * cols + k] + 0.0).collect();
                    assert_eq!(bits(&out[..8]), bits(&column), "{dtype} at {isa}, input {k}, {n} tokens");
                }
            }
        }
    }
}

#[test]
fn long_rows_and_many_tokens_agree_with_single_tokens() {
    // Beyond one panel of inputs and one block of tokens, so that sums are carried.
    for (dtype, rows, cols, n) in
        [(DType::F32, 37, 2500, 101), (DType::Q4_K, 70, 2560, 300), (DType::BF16, 5, 4097, 97)]
    {
        let mut random = Random(11);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let one = cpu(isa, 1);
            let together = matmul(&cpu(isa, 3), &w, &x);
            for t in [0, 1, 95, 96, n - 1] {
                let alone = matmul(&one, &w, &x[t * cols..][..cols]);
                assert_eq!(bits(&alone), bits(&together[t * rows..][..rows]), "{dtype} at {isa}, token {t}");
            }
        }
    }
}

#[test]
fn transposed_weights_ignore_company_and_threads() {
    let (rows, cols, n) = (203, 1100, 17);
    let mut random = Random(3);
    let x = random.floats(n * cols);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let bytes = random.weights(dtype, cols, rows);
        let w = Matrix::transposed(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let together = matmul(&cpu(isa, 4), &w, &x);
            for (token, together) in x.chunks_exact(cols).zip(together.chunks_exact(rows)) {
                assert_eq!(bits(&matmul(&cpu(isa, 1), &w, token)), bits(together), "{dtype} at {isa}");
            }
        }
    }
}

#[test]
fn rotary_pairs_and_ranges_of_outputs_pick_the_right_rows() {
    let (rows, cols, head_dim) = (48, 64, 16);
    let mut random = Random(5);
    let bytes = random.weights(DType::Q8_0, rows, cols);
    let stored = widen(DType::Q8_0, &bytes, rows * cols);
    let plain = Matrix::new(DType::Q8_0, rows, cols, &bytes).unwrap();
    let paired = plain.with_rotary_pairs(head_dim).unwrap().output_range(16..40);
    let logical: Vec<f32> = (16..40)
        .flat_map(|row| {
            let (head, i) = (row / head_dim, row % head_dim);
            let at = head * head_dim + if i < 8 { 2 * i } else { 2 * (i - 8) + 1 };
            stored[at * cols..][..cols].to_vec()
        })
        .collect();
    for n in [1, 5] {
        let x = random.floats(n * cols);
        let expected = reference_matmul(&logical, &x, 24, cols);
        for isa in Isa::available() {
            assert_close(&matmul(&cpu(isa, 2), &paired, &x), &expected, cols, &format!("{isa}"));
        }
    }
    let mut row = vec![0.0; cols];
    cpu(Isa::Scalar, 1).embed_row(&paired, 23, &mut row);
    assert_eq!(row, logical[23 * cols..]);
}

#[test]
fn empty_products_are_empty_or_zero() {
    let cpu = cpu(Isa::best(), 2);
    let none = Matrix::new(DType::F32, 0, 4, &[]).unwrap();
    cpu.matmul(&none, &[1.0; 8], &mut []);
    let w = [0u8; 16];
    let w = Matrix::new(DType::F32, 1, 4, &w).unwrap();
    cpu.matmul(&w, &[], &mut []);
    let mut out = [1.0; 3];
    cpu.matmul(&Matrix::new(DType::F32, 3, 0, &[]).unwrap(), &[], &mut out);
    assert_eq!(out, [0.0; 3]);
}

#[test]
fn special_floats_survive_widening() {
    let halves = [f16::MIN_POSITIVE_SUBNORMAL, f16::MAX, f16::NEG_INFINITY, f16::from_f32(-0.0)];
    let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let upper: Vec<u8> = [bf16::MIN_POSITIVE_SUBNORMAL, bf16::MAX, bf16::INFINITY, bf16::from_f32(1.5)]
        .iter()
        .flat_map(|half| half.to_le_bytes())
        .collect();
    for isa in Isa::available() {
        for (dtype, bytes) in [(DType::F16, &bytes), (DType::BF16, &upper)] {
            let expected = widen(dtype, bytes, 4);
            let w = Matrix::new(dtype, 4, 1, bytes).unwrap();
            assert_eq!(matmul(&cpu(isa, 1), &w, &[1.0]), expected, "{dtype} at {isa}");
        }
    }
}
