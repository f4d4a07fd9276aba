//! Attention against arithmetic in f64, and against itself in other company.

use crate::common::attention::{Case, Eights, alone, causal, reference, widen};
use crate::common::{bits, cases, cpu};
use half::f16;
use plimsoll_kernels::{Activations, Isa, KvRows, KvSequence, Phase};
use proptest::prelude::*;

const PHASES: [Phase; 2] = [Phase::Prefill, Phase::Decode];

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn any_shape_attends_right_at_every_level(
        group in 1..9usize, n_kv_heads in 1..4usize, head_dim in 1..70usize, cap in prop::option::of(1.0..50.0f32),
        start in 0..300usize, n in 1..70usize, window in 1..400usize, phase in prop::sample::select(&PHASES[..]), seed: u64,
    ) {
        let spans = causal(start, n, window);
        let case = Case::random(seed, (group * n_kv_heads, n_kv_heads), head_dim, cap, spans).in_phase(phase);
        for isa in Isa::available() {
            case.check(&cpu(isa, 1));
        }
    }

    #[test]
    fn company_and_threads_leave_every_bit_alone(
        group in 1..5usize, n_kv_heads in 1..3usize, start in 0..700usize, n in 1..130usize,
        window in 1..1000usize, threads in 1..=8usize, phase in prop::sample::select(&PHASES[..]), seed: u64,
    ) {
        let spans = causal(start, n, window);
        let case = Case::random(seed, (group * n_kv_heads, n_kv_heads), 32, None, spans).in_phase(phase);
        let width = case.shape.n_heads * case.shape.head_dim;
        for isa in Isa::available() {
            let together = case.run(&cpu(isa, threads));
            for t in [0, n / 2, n - 1] {
                for threads in [1, 3] {
                    let alone = case.alone(t).run(&cpu(isa, threads));
                    assert_eq!(bits(&alone), bits(&together[t * width..][..width]), "{isa}, token {t}");
                }
            }
        }
    }
}

#[test]
fn sequences_in_one_call_are_as_alone() {
    let heads = (6, 2);
    let lengths = [(0..1, 1), (0..700, 1), (3..140, 2), (0..0, 1), (0..2100, 1), (100..101, 3)];
    for phase in PHASES {
        let cases = lengths
            .clone()
            .map(|(span, n)| Case::random(span.end as u64, heads, 64, None, vec![span; n]).in_phase(phase));
        let sequences: Vec<KvSequence> = cases
            .iter()
            .map(|case| KvSequence { k: KvRows::F16(&case.k), v: KvRows::F16(&case.v), spans: &case.spans })
            .collect();
        let q: Vec<f32> = cases.iter().flat_map(|case| &case.q).copied().collect();
        for (isa, threads) in Isa::available().into_iter().flat_map(|isa| [1, 2, 7].map(|threads| (isa, threads))) {
            let cpu = cpu(isa, threads);
            for count in [1, 3, sequences.len()] {
                let q = &q[..cases[..count].iter().map(|case| case.q.len()).sum()];
                let mut out = vec![f32::NAN; q.len()];
                cpu.attention(phase, Activations::F32, &cases[0].shape, q, &sequences[..count], &mut out);
                let alone: Vec<f32> = cases[..count].iter().flat_map(|case| case.run(&cpu)).collect();
                assert_eq!(bits(&out), bits(&alone), "{isa}, {phase:?}, {threads} threads, {count} sequences");
            }
        }
    }
}

/// A score errs by what its key errs, and a value by what it errs itself: with groups whose greatest magnitude is below
/// 1 and queries below 1, half of 1/127 each, times the root of the width for a score (errors are as good as random).
#[test]
fn eight_bits_err_as_much_as_their_scales_say() {
    let case = Case::random(11, (8, 2), 128, None, alone(0..3000)).in_phase(Phase::Decode);
    let (k, v) = (widen(&case.k), widen(&case.v));
    let expected = reference(&case.shape, &case.q, &k, &v, &case.spans);
    let (k, v) = (Eights::of(&k, 128), Eights::of(&v, 128));
    for isa in Isa::available() {
        let out = case.run_on(&cpu(isa, 2), k.rows(), v.rows());
        let worst = out.iter().zip(&expected).map(|(out, e)| (f64::from(*out) - e).abs()).fold(0.0, f64::max);
        let of_value = 0.5 / 127.0;
        let of_score = f64::from(case.shape.scale) * 0.5 / 127.0 * 128.0f64.sqrt();
        assert!(worst > 0.0 && worst < of_value + of_score, "{isa}: {worst}");
    }
}

#[test]
fn spans_that_share_nothing_keep_apart() {
    // Chunked attention, an empty span and one far from the others in one call.
    let spans = vec![0..5, 3..3, 900..1000, 127..129, 0..1000, 512..640];
    for phase in PHASES {
        let case = Case::random(1, (6, 2), 64, None, spans.clone()).in_phase(phase);
        for (isa, threads) in Isa::available().into_iter().flat_map(|isa| [1, 2, 5].map(|threads| (isa, threads))) {
            case.check(&cpu(isa, threads));
            assert_eq!(case.run(&cpu(isa, threads))[6 * 64..2 * 6 * 64], [0.0; 6 * 64]);
        }
    }
}

#[test]
fn a_long_context_decodes_right_on_every_number_of_threads() {
    for heads in [(1, 1), (9, 3), (32, 8)] {
        let case = Case::random(2, heads, 128, None, alone(0..2100)).in_phase(Phase::Decode);
        for isa in Isa::available() {
            let once = case.run(&cpu(isa, 1));
            case.check(&cpu(isa, 2));
            for threads in [2, 3, 5, 8] {
                assert_eq!(bits(&case.run(&cpu(isa, threads))), bits(&once), "{isa}, {threads} threads");
            }
        }
    }
}

#[test]
fn no_tokens_are_no_work() {
    let case = Case::random(3, (4, 2), 16, None, vec![]);
    assert!(case.run(&cpu(Isa::best(), 2)).is_empty());
    let unseen = Case::random(3, (4, 2), 16, None, alone(0..0));
    assert_eq!(unseen.run(&cpu(Isa::best(), 2)), [0.0; 64]);
}

#[test]
fn what_is_no_number_in_a_query_or_key_reaches_the_result() {
    for (isa, phase) in Isa::available().into_iter().flat_map(|isa| PHASES.map(|phase| (isa, phase))) {
        let cpu = cpu(isa, 2);
        for broken in [f32::NAN, f32::INFINITY] {
            let mut case = Case::random(5, (4, 2), 24, None, causal(0, 150, usize::MAX)).in_phase(phase);
            case.q[149 * 4 * 24] = broken; // the last token's first head
            let out = case.run(&cpu);
            let last = &out[149 * 4 * 24..][..24];
            assert!(last.iter().all(|x| x.is_nan()), "{isa} {phase:?} {broken}: {last:?}");
            let mut case = Case::random(6, (4, 2), 24, None, causal(0, 150, usize::MAX)).in_phase(phase);
            case.k[3 * 2 * 24] = f16::NAN;
            let out = case.run(&cpu);
            assert!(out[149 * 4 * 24..][..24].iter().all(|x| x.is_nan()), "{isa} {phase:?}: key");
            assert!(out[..2 * 4 * 24].iter().all(|x| x.is_finite()), "{isa} {phase:?}: tokens that do not see the key");
        }
    }
}
