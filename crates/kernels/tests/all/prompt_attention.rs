//! Attention in bf16 on the matrix unit against arithmetic in f64, and against itself in other company.

use crate::common::attention::{Case, Eights, causal, reference, widen};
use crate::common::{bits, cases, cpu};
use crate::skipped;
use half::{bf16, f16};
use plimsoll_kernels::{Activations, AttentionShape, Cpu, Isa, KvRows, Phase};
use proptest::prelude::*;

/// A device that attends in bf16, if there is one.
fn device(threads: usize) -> Option<Cpu> {
    let cpu = cpu(Isa::best(), threads);
    if cpu.fastest_attention(Phase::Prefill) != Activations::Bf16 {
        skipped::skipped("this processor has no matrix unit");
        return None;
    }
    Some(cpu)
}

fn run(case: &Case, cpu: &Cpu) -> Vec<f32> {
    case.run_in(cpu, Activations::Bf16, KvRows::F16(&case.k), KvRows::F16(&case.v))
}

fn rounded(values: impl IntoIterator<Item = f32>) -> Vec<f32> {
    values.into_iter().map(|x| bf16::from_f32(x).to_f32()).collect()
}

/// Attention of operands rounded to bf16, queries after they were scaled to exponents of 2, in f64: what is left of the
/// error is the rounding of weights, 2^-8 of each, and of f32 sums and exponentials, less than a tenth of it.
fn of_rounded(case: &Case, v: &[f32]) -> Vec<f64> {
    use std::f32::consts::{LN_2, LOG2_E};
    let AttentionShape { scale, .. } = case.shape;
    let shape = AttentionShape { scale: LN_2, ..case.shape };
    let q = rounded(case.q.iter().map(|q| q * (scale * LOG2_E)));
    reference(&shape, &q, &rounded(widen(&case.k)), v, &case.spans)
}

fn check(case: &Case, cpu: &Cpu) {
    let v = rounded(widen(&case.v));
    let magnitudes: Vec<f32> = v.iter().map(|v| v.abs()).collect();
    let (expected, magnitudes) = (of_rounded(case, &v), of_rounded(case, &magnitudes));
    let out = run(case, cpu);
    for (i, (out, (expected, magnitude))) in out.iter().zip(expected.iter().zip(magnitudes)).enumerate() {
        let error = (f64::from(*out) - expected).abs();
        assert!(error <= 1.1 * magnitude / 256.0, "value {i} is {out}, expected {expected}, weighing {magnitude}");
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn any_shape_attends_right(
        group in 1..9usize, n_kv_heads in 1..4usize, head_dim in prop_oneof![Just(64), Just(80), Just(96), Just(128), 1..70usize],
        cap in prop::option::of(1.0..50.0f32), start in 0..300usize, n in 1..71usize, window in 1..400usize, seed: u64,
    ) {
        let Some(cpu) = device(2) else { return Ok(()) };
        check(&Case::random(seed, (group * n_kv_heads, n_kv_heads), head_dim, cap, causal(start, n, window)), &cpu);
    }

    #[test]
    fn company_and_threads_leave_every_bit_alone(
        group in 1..6usize, n_kv_heads in 1..3usize, start in 0..700usize, n in 1..71usize,
        window in 1..1000usize, threads in 1..=4usize, seed: u64,
    ) {
        let Some(one) = device(1) else { return Ok(()) };
        let case = Case::random(seed, (group * n_kv_heads, n_kv_heads), 64, None, causal(start, n, window));
        let width = case.shape.n_heads * case.shape.head_dim;
        let together = run(&case, &cpu(Isa::best(), threads));
        for t in [0, n / 2, n - 1] {
            prop_assert_eq!(bits(&run(&case.alone(t), &one)), bits(&together[t * width..][..width]), "token {}", t);
        }
    }
}

#[test]
fn spans_that_share_nothing_keep_apart() {
    // Chunked attention, an empty span and one far from the others in one call.
    let case = Case::random(1, (6, 2), 64, None, vec![0..5, 3..3, 900..1000, 127..129, 0..1000, 512..640]);
    for threads in [1, 2, 5] {
        let Some(cpu) = device(threads) else { return };
        check(&case, &cpu);
        assert_eq!(run(&case, &cpu)[6 * 64..2 * 6 * 64], [0.0; 6 * 64]);
    }
}

/// Each operand errs by up to 2^-8 of itself, at random. A score of 64 products that are a third in the mean (times the
/// scale of a quarter) then errs by 0.002, hardly more than 0.006; what a position adds errs by that and twice 2^-8 of a
/// value, 0.6 in the mean; and a result is the mean over at least 1900 positions, whose errors are independent: five
/// standard deviations are `5 * (0.006 + 0.008) * 0.6 / sqrt(1900)`.
#[test]
fn a_long_prompt_is_as_near_to_exact_as_bf16_allows() {
    let Some(cpu) = device(2) else { return };
    let case = Case::random(2, (9, 3), 64, None, causal(1900, 150, usize::MAX));
    let (k, v) = (widen(&case.k), widen(&case.v));
    let expected = reference(&case.shape, &case.q, &k, &v, &case.spans);
    let worst = run(&case, &cpu).iter().zip(&expected).map(|(out, e)| (f64::from(*out) - e).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn the_caches_type_changes_nothing_but_its_precision() {
    let Some(cpu) = device(2) else { return };
    for head_dim in [64, 40] {
        let case = Case::random(3, (4, 2), head_dim, None, causal(200, 70, usize::MAX));
        let (k, v) = (widen(&case.k), widen(&case.v));
        let of_singles = case.run_in(&cpu, Activations::Bf16, KvRows::F32(&k), KvRows::F32(&v));
        assert_eq!(bits(&run(&case, &cpu)), bits(&of_singles));
        let (k, v) = (Eights::of(&k, head_dim), Eights::of(&v, head_dim));
        let of_eights = case.run_in(&cpu, Activations::Bf16, k.rows(), v.rows());
        let (k, v) = (k.widened(head_dim), v.widened(head_dim));
        let of_widened = case.run_in(&cpu, Activations::Bf16, KvRows::F32(&k), KvRows::F32(&v));
        assert_eq!(bits(&of_eights), bits(&of_widened));
    }
}

#[test]
fn what_is_no_number_in_a_query_or_key_reaches_the_result() {
    let Some(cpu) = device(2) else { return };
    for broken in [f32::NAN, f32::INFINITY] {
        let mut case = Case::random(5, (4, 2), 24, None, causal(0, 150, usize::MAX));
        case.q[149 * 4 * 24] = broken; // the last token's first head
        let out = run(&case, &cpu);
        let last = &out[149 * 4 * 24..][..24];
        assert!(last.iter().all(|x| x.is_nan()), "{broken}: {last:?}");
        assert!(out[..149 * 4 * 24].iter().all(|x| x.is_finite()), "{broken}: other tokens");
    }
    let mut case = Case::random(6, (4, 2), 24, None, causal(0, 150, usize::MAX));
    case.k[3 * 2 * 24] = f16::NAN;
    let out = run(&case, &cpu);
    assert!(out[149 * 4 * 24..][..24].iter().all(|x| x.is_nan()), "key");
    assert!(out[..2 * 4 * 24].iter().all(|x| x.is_finite()), "tokens that do not see the key");
}
