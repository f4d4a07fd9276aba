//! The matrix unit's products against scalar arithmetic on operands rounded to bf16.

use crate::common::{Random, bits, cases, cpu, reference_matmul, widen};
use crate::skipped;
use half::bf16;
use plimsoll_kernels::{Activations, Cpu, DType, Isa, Matrix, Phase, Product};
use proptest::prelude::*;

fn has_unit() -> bool {
    let available = Isa::Amx.is_available();
    if !available {
        skipped::skipped("this processor has no matrix unit");
    }
    available
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| bf16::from_f32(*value).to_f32()).collect()
}

fn multiply(cpu: &Cpu, w: Matrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.cols() * w.rows()];
    cpu.multiply(Phase::Prefill, Activations::Bf16, x, &mut [Product { w, out: &mut out }]);
    out
}

/// Products of two bf16 numbers are exact in f32, so that only sums round: two chains of 16 for each 32 inputs, their
/// sum and the running one. Each of these `k / 16 + 18` steps on the way of a product is off by at most half a unit
/// in the last place of a partial sum, which the sum of magnitudes bounds. What is below the smallest normal number
/// counts as zero.
fn assert_close(got: &[f32], expected: &[(f64, f64)], k: usize, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let steps = (k / 16 + 18) as f64;
    for (i, (got, (sum, magnitude))) in got.iter().zip(expected).enumerate() {
        let bound = steps * f64::from(f32::EPSILON) / 2.0 * magnitude + k as f64 * 1e-36;
        assert!((f64::from(*got) - sum).abs() <= bound, "{what}, output {i}: {got}, expected {sum}");
    }
}

fn offered() -> impl Strategy<Value = DType> {
    let offered = DType::ALL.iter().copied().filter(|dtype| !matches!(dtype, DType::F32 | DType::F16));
    prop::sample::select(offered.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_shape_and_type_multiplies_right(
        dtype in offered(), rows in 1..100usize, blocks in 1..5usize, odd in 0..40usize, n in 1..70usize,
        threads in 1..=3usize, seed: u64,
    ) {
        if !has_unit() { return Ok(()) }
        let cols = if dtype.is_float() { blocks * 67 + odd } else { blocks * dtype.block_len().max(64) };
        let mut random = Random(seed);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        let expected = reference_matmul(&rounded(&widen(dtype, &bytes, rows * cols)), &rounded(&x), rows, cols);
        let together = multiply(&cpu(Isa::Amx, threads), w, &x);
        assert_close(&together, &expected, cols, dtype.name());
        let alone = cpu(Isa::Amx, 1);
        for (token, together) in x.chunks_exact(cols).zip(together.chunks_exact(rows)) {
            assert_eq!(bits(&multiply(&alone, w, token)), bits(together), "{dtype} in company of {n}");
        }
    }
}

#[test]
fn shapes_around_tiles_and_panels_multiply_right() {
    if !has_unit() {
        return;
    }
    let shapes =
        [(1, 1, 1), (17, 33, 1), (31, 31, 17), (33, 257, 33), (600, 512, 100), (3000, 1100, 130), (40, 5000, 300)];
    for (rows, cols, n) in shapes {
        let mut random = Random(rows as u64);
        let bytes = random.weights(DType::BF16, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(DType::BF16, rows, cols, &bytes).unwrap();
        let got = multiply(&cpu(Isa::Amx, 2), w, &x);
        for t in [0, n / 2, n - 1] {
            let x = &x[t * cols..][..cols];
            let expected = reference_matmul(&widen(DType::BF16, &bytes, rows * cols), &rounded(x), rows, cols);
            assert_close(&got[t * rows..][..rows], &expected, cols, &format!("{rows} x {cols}, token {t} of {n}"));
            assert_eq!(bits(&multiply(&cpu(Isa::Amx, 1), w, x)), bits(&got[t * rows..][..rows]));
        }
    }
}

#[test]
fn several_products_of_one_input_are_what_each_is_alone() {
    if !has_unit() {
        return;
    }
    let (cols, n) = (512, 21);
    let mut random = Random(9);
    let x = random.floats(n * cols);
    let stored: Vec<_> = [(DType::Q4_K, 300), (DType::Q6_K, 40), (DType::BF16, 7), (DType::Q8_0, 0)]
        .map(|(dtype, rows)| (dtype, rows, random.weights(dtype, rows, cols)))
        .into();
    let cpu = cpu(Isa::Amx, 3);
    let mut outs: Vec<_> = stored.iter().map(|(_, rows, _)| vec![f32::NAN; n * rows]).collect();
    let matrix = |(dtype, rows, bytes): &'_ (DType, usize, Vec<u8>)| -> Matrix<'static> {
        Matrix::new(*dtype, *rows, cols, bytes.clone().leak()).unwrap()
    };
    let mut products: Vec<_> =
        stored.iter().zip(&mut outs).map(|(stored, out)| Product { w: matrix(stored), out }).collect();
    cpu.multiply(Phase::Prefill, Activations::Bf16, &x, &mut products);
    for (stored, out) in stored.iter().zip(&outs) {
        assert_eq!(bits(out), bits(&multiply(&cpu, matrix(stored), &x)), "{}", stored.0);
    }
}

#[test]
fn what_is_no_number_stays_with_its_token() {
    if !has_unit() {
        return;
    }
    let (rows, cols, n) = (20, 64, 5);
    let mut random = Random(1);
    let bytes = random.weights(DType::Q4_0, rows, cols);
    let mut x = random.floats(n * cols);
    x[2 * cols + 7] = f32::NAN;
    let out = multiply(&cpu(Isa::Amx, 2), Matrix::new(DType::Q4_0, rows, cols, &bytes).unwrap(), &x);
    for (t, out) in out.chunks_exact(rows).enumerate() {
        assert!(out.iter().all(|value| value.is_nan() == (t == 2)), "token {t}");
    }
}

#[test]
fn prompts_go_to_the_matrix_unit_except_with_weights_of_more_bits() {
    if !has_unit() {
        return;
    }
    let amx = cpu(Isa::Amx, 1);
    for &dtype in DType::ALL {
        let exact = matches!(dtype, DType::F32 | DType::F16);
        assert_eq!(amx.fastest(Phase::Prefill, dtype) == Activations::Bf16, !exact, "{dtype}");
        assert_ne!(cpu(Isa::Avx512, 1).fastest(Phase::Prefill, dtype), Activations::Bf16, "{dtype}");
        assert_ne!(amx.fastest(Phase::Decode, dtype), Activations::Bf16, "{dtype}");
    }
}
