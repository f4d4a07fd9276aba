//! Products with activations rounded to 8 bits: the same bits at every level, in any company, on any threads.

use crate::common::{Random, bits, cases, cpu, matmul};
use half::f16;
use plimsoll_kernels::{Activations, Cpu, DType, Isa, Matrix, Phase, Product};
use proptest::prelude::*;

/// `x @ w.T` with rounded activations.
fn multiply(cpu: &Cpu, w: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.cols() * w.rows()];
    cpu.multiply(Phase::Prefill, Activations::Int8, x, &mut [Product { w: *w, out: &mut out }]);
    out
}

fn block_types() -> impl Iterator<Item = DType> {
    DType::ALL.iter().copied().filter(|dtype| !dtype.is_float())
}

fn check_levels(dtype: DType, rows: usize, blocks: usize, n: usize, threads: usize, seed: u64) {
    let cols = blocks * dtype.block_len();
    let mut random = Random(seed);
    let bytes = random.weights(dtype, rows, cols);
    let x = random.floats(n * cols);
    let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
    let expected = multiply(&cpu(Isa::Scalar, 1), &w, &x);
    for isa in Isa::available() {
        let got = multiply(&cpu(isa, threads), &w, &x);
        assert_eq!(bits(&got), bits(&expected), "{dtype} at {isa}: {rows} x {cols}, {n} tokens, {threads} threads");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_level_gives_the_bits_of_the_scalar_level(
        dtype in prop::sample::select(block_types().collect::<Vec<_>>()),
        rows in 1..70usize, blocks in 1..20usize, n in 1..14usize, threads in 1..=3usize, seed: u64,
    ) {
        check_levels(dtype, rows, blocks, n, threads, seed);
    }

    #[test]
    fn company_leaves_every_bit_alone(
        dtype in prop::sample::select(block_types().collect::<Vec<_>>()),
        rows in 1..100usize, blocks in 1..4usize, n in 2..20usize, threads in 1..=3usize, seed: u64,
    ) {
        let cols = blocks * dtype.block_len();
        let mut random = Random(seed);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let together = multiply(&cpu(isa, threads), &w, &x);
            for (token, together) in x.chunks_exact(cols).zip(together.chunks_exact(rows)) {
                assert_eq!(bits(&multiply(&cpu(isa, 1), &w, token)), bits(together), "{dtype} at {isa}");
            }
        }
    }
}

#[test]
fn shapes_at_the_edges_of_stripes_steps_and_tiles_agree() {
    for dtype in block_types() {
        let blocks = |values: usize| values.div_ceil(dtype.block_len());
        for (rows, values) in [(1, 32), (17, 86 * 32), (3000, 288), (33, 2080), (64, 5632)] {
            for n in [1, 2, 5, 8, 33] {
                if rows * values * n < 1 << 22 {
                    check_levels(dtype, rows, blocks(values), n, 1 + n % 3, (rows + n) as u64);
                }
            }
        }
    }
}

#[test]
fn the_greatest_codes_and_sums_fit_where_they_are_added() {
    for dtype in block_types() {
        let (rows, cols) = (19, 512);
        let mut random = Random(17);
        for fill in [0x00, 0xff, 0x7f, 0x80] {
            let mut bytes = vec![fill; rows * dtype.row_bytes(cols).unwrap()];
            bytes.chunks_exact_mut(dtype.block_bytes()).for_each(|block| random.moderate_scales(dtype, block));
            let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
            let x: Vec<f32> = (0..3 * cols).map(|i| if i / cols == 1 { -3.0 } else { 3.0 }).collect();
            let expected = multiply(&cpu(Isa::Scalar, 1), &w, &x);
            for isa in Isa::available() {
                assert_eq!(bits(&multiply(&cpu(isa, 1), &w, &x)), bits(&expected), "{dtype} of {fill} at {isa}");
                let alone = multiply(&cpu(isa, 1), &w, &x[..cols]);
                assert_eq!(bits(&alone), bits(&expected[..rows]), "{dtype} of {fill} at {isa}");
            }
        }
    }
}

#[test]
fn the_error_is_within_half_a_step_of_each_activation() {
    for dtype in block_types() {
        let (rows, cols) = (40, 1024);
        let mut random = Random(19);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(cols);
        let weights = crate::common::widen(dtype, &bytes, rows * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        let (exact, got) = (matmul(&cpu(Isa::Scalar, 1), &w, &x), multiply(&cpu(Isa::best(), 2), &w, &x));
        for (row, (exact, got)) in weights.chunks_exact(cols).zip(exact.iter().zip(&got)) {
            // Half a step per value; the sums in f32 add far less than the last hundredth.
            let bound: f32 = row
                .chunks(32)
                .zip(x.chunks(32))
                .map(|(row, x)| {
                    let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
                    row.iter().map(|w| w.abs()).sum::<f32>() * most / 254.0
                })
                .sum();
            assert!((got - exact).abs() <= 1.01 * bound, "{dtype}: {got}, exactly {exact}, bound {bound}");
        }
    }
}

#[test]
fn what_is_no_number_reaches_its_own_token_only() {
    let (rows, cols, n) = (35, 512, 7);
    for dtype in [DType::Q4_0, DType::Q8_0, DType::Q4_K, DType::Q6_K, DType::IQ2_XS] {
        let mut random = Random(23);
        let bytes = random.weights(dtype, rows, cols);
        let x = random.floats(n * cols);
        let w = Matrix::new(dtype, rows, cols, &bytes).unwrap();
        for isa in Isa::available() {
            let cpu = cpu(isa, 2);
            let clean = multiply(&cpu, &w, &x);
            for what in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = x.clone();
                x[3 * cols + 77] = what;
                for (t, (got, clean)) in multiply(&cpu, &w, &x).chunks(rows).zip(clean.chunks(rows)).enumerate() {
                    match t {
                        3 => assert!(got.iter().all(|x| x.is_nan()), "{dtype} at {isa}"),
                        _ => assert_eq!(bits(got), bits(clean), "{dtype} at {isa}, token {t}"),
                    }
                }
                let alone = multiply(&cpu, &w, &x[3 * cols..][..cols]);
                assert!(alone.iter().all(|x| x.is_nan()), "{dtype} at {isa}");
            }
        }
    }
}

#[test]
fn products_of_one_input_are_what_each_is_alone() {
    let cols = 768;
    let mut random = Random(29);
    let stored: Vec<_> = [(DType::Q4_K, 100), (DType::Q6_K, 48), (DType::Q8_0, 3)]
        .map(|(dtype, rows)| (dtype, rows, random.weights(dtype, rows, cols)))
        .into();
    let all: Vec<_> =
        stored.iter().map(|(dtype, rows, bytes)| Matrix::new(*dtype, *rows, cols, bytes).unwrap()).collect();
    for n in [1, 4] {
        let x = random.floats(n * cols);
        for isa in Isa::available() {
            let cpu = cpu(isa, 3);
            let mut outs: Vec<_> = all.iter().map(|w| vec![f32::NAN; n * w.rows()]).collect();
            let mut products: Vec<_> = all.iter().zip(&mut outs).map(|(&w, out)| Product { w, out }).collect();
            cpu.multiply(Phase::Prefill, Activations::Int8, &x, &mut products);
            for (w, out) in all.iter().zip(&outs) {
                assert_eq!(bits(out), bits(&multiply(&cpu, w, &x)), "{} at {isa}", w.dtype());
            }
        }
    }
}

#[test]
fn rotary_pairs_and_ranges_of_outputs_pick_the_right_rows() {
    let (rows, cols) = (192, 320);
    let mut random = Random(31);
    let bytes = random.weights(DType::Q8_0, rows, cols);
    let x = random.floats(2 * cols);
    for head_dim in [8, 96] {
        let plain = Matrix::new(DType::Q8_0, rows, cols, &bytes).unwrap();
        let all = plain.with_rotary_pairs(head_dim).unwrap();
        for isa in Isa::available() {
            for x in [&x[..cols], &x] {
                let expected = multiply(&cpu(isa, 1), &plain, x);
                let got = multiply(&cpu(isa, 2), &all.output_range(5..190), x);
                for (i, got) in got
                    .chunks(185)
                    .enumerate()
                    .flat_map(|(t, got)| got.iter().enumerate().map(move |(i, got)| ((t, i + 5), got)))
                {
                    let ((t, row), half) = (i, head_dim / 2);
                    let (head, within) = (row / head_dim * head_dim, row % head_dim);
                    let stored = head + if within < half { 2 * within } else { 2 * (within - half) + 1 };
                    assert_eq!(got.to_bits(), expected[t * rows + stored].to_bits(), "{isa}, heads of {head_dim}");
                }
            }
        }
    }
}

#[test]
fn halves_that_are_no_numbers_stay_in_their_rows() {
    let (rows, cols) = (20, 64);
    let mut bytes = Random(37).weights(DType::Q4_0, rows, cols);
    bytes[9 * 36..][..2].copy_from_slice(&f16::INFINITY.to_le_bytes());
    let w = Matrix::new(DType::Q4_0, rows, cols, &bytes).unwrap();
    let x = Random(41).floats(cols);
    for isa in Isa::available() {
        let out = multiply(&cpu(isa, 1), &w, &x);
        assert!(out.iter().enumerate().all(|(row, out)| out.is_finite() == (row != 9)), "{isa}: {out:?}");
    }
}
