//! Attention against arithmetic in f64, and against itself in other company.

mod common;

use std::ops::Range;

use common::{Random, bits, cases, cpu};
use half::f16;
use plimsoll_kernels::{AttentionShape, Cpu, Isa, KvRows};
use proptest::prelude::*;

/// Softmax attention, one query row at a time, in f64.
fn reference(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32], spans: &[Range<usize>]) -> Vec<f64> {
    let AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap } = *shape;
    let mut out = vec![0.0; q.len()];
    for ((row, q), out) in q.chunks_exact(head_dim).enumerate().zip(out.chunks_exact_mut(head_dim)) {
        let kv_head = row % n_heads / (n_heads / n_kv_heads);
        let at = |position: usize| (position * n_kv_heads + kv_head) * head_dim;
        let score = |position: usize| {
            let dot: f64 = q.iter().zip(&k[at(position)..]).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            let score = dot * f64::from(scale);
            softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
        };
        let span = spans[row / n_heads].clone();
        let max = span.clone().map(score).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = span.clone().map(|p| (score(p) - max).exp()).sum();
        for position in span {
            let weight = (score(position) - max).exp() / total;
            for (out, v) in out.iter_mut().zip(&v[at(position)..]) {
                *out += weight * f64::from(*v);
            }
        }
    }
    out
}

struct Case {
    shape: AttentionShape,
    q: Vec<f32>,
    k: Vec<f16>,
    v: Vec<f16>,
    spans: Vec<Range<usize>>,
}

impl Case {
    fn random(
        seed: u64,
        heads: (usize, usize),
        head_dim: usize,
        softcap: Option<f32>,
        spans: Vec<Range<usize>>,
    ) -> Case {
        let mut random = Random(seed);
        let positions = spans.iter().map(|span| span.end).max().unwrap_or(0);
        let (n_heads, n_kv_heads) = heads;
        let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale: 2.0 / (head_dim as f32).sqrt(), softcap };
        let q = random.floats(spans.len() * n_heads * head_dim);
        let mut halves = || random.floats(positions * n_kv_heads * head_dim).into_iter().map(f16::from_f32).collect();
        Case { shape, q, k: halves(), v: halves(), spans }
    }

    fn run(&self, cpu: &Cpu) -> Vec<f32> {
        let mut out = vec![f32::NAN; self.q.len()];
        cpu.attention(&self.shape, &self.q, KvRows::F16(&self.k), KvRows::F16(&self.v), &self.spans, &mut out);
        out
    }

    fn run_in_singles(&self, cpu: &Cpu) -> Vec<f32> {
        let (k, v) = (widen(&self.k), widen(&self.v));
        let mut out = vec![f32::NAN; self.q.len()];
        cpu.attention(&self.shape, &self.q, KvRows::F32(&k), KvRows::F32(&v), &self.spans, &mut out);
        out
    }

    fn check(&self, cpu: &Cpu) {
        let expected = reference(&self.shape, &self.q, &widen(&self.k), &widen(&self.v), &self.spans);
        let out = self.run(cpu);
        for (i, (out, expected)) in out.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(*out) - expected).abs() < 2e-6,
                "{}: value {i} is {out}, expected {expected}",
                cpu.isa()
            );
        }
        assert_eq!(bits(&out), bits(&self.run_in_singles(cpu)), "the cache's type changes nothing but its precision");
    }

    /// The case of token `t` alone.
    fn alone(&self, t: usize) -> Case {
        let width = self.shape.n_heads * self.shape.head_dim;
        let q = self.q[t * width..][..width].to_vec();
        Case { shape: self.shape, q, k: self.k.clone(), v: self.v.clone(), spans: vec![self.spans[t].clone()] }
    }
}

fn widen(halves: &[f16]) -> Vec<f32> {
    halves.iter().map(|half| half.to_f32()).collect()
}

/// One token that sees `span`.
fn alone(span: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(span).collect()
}

fn causal(start: usize, n: usize, window: usize) -> Vec<Range<usize>> {
    (start..start + n).map(|position| (position + 1).saturating_sub(window)..position + 1).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn any_shape_attends_right_at_every_level(
        group in 1..9usize, n_kv_heads in 1..4usize, head_dim in 1..70usize, cap in prop::option::of(1.0..50.0f32),
        start in 0..300usize, n in 1..30usize, window in 1..400usize, seed: u64,
    ) {
        let case = Case::random(seed, (group * n_kv_heads, n_kv_heads), head_dim, cap, causal(start, n, window));
        for isa in Isa::available() {
            case.check(&cpu(isa, 1));
        }
    }

    #[test]
    fn company_and_threads_leave_every_bit_alone(
        group in 1..5usize, n_kv_heads in 1..3usize, start in 0..700usize, n in 1..40usize,
        window in 1..1000usize, threads in 1..=8usize, seed: u64,
    ) {
        let case = Case::random(seed, (group * n_kv_heads, n_kv_heads), 32, None, causal(start, n, window));
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
fn spans_that_share_nothing_keep_apart() {
    // Chunked attention, an empty span and one far from the others in one call.
    let case = Case::random(1, (6, 2), 64, None, vec![0..5, 3..3, 900..1000, 127..129, 0..1000, 512..640]);
    for isa in Isa::available() {
        for threads in [1, 2, 5] {
            case.check(&cpu(isa, threads));
            assert_eq!(case.run(&cpu(isa, threads))[6 * 64..2 * 6 * 64], [0.0; 6 * 64]);
        }
    }
}

#[test]
fn a_long_context_decodes_right_on_every_number_of_threads() {
    for heads in [(1, 1), (9, 3), (32, 8)] {
        let case = Case::random(2, heads, 128, None, alone(0..5000));
        for isa in Isa::available() {
            let once = case.run(&cpu(isa, 1));
            case.check(&cpu(isa, 2));
            for threads in 2..=8 {
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
    for isa in Isa::available() {
        let cpu = cpu(isa, 2);
        for broken in [f32::NAN, f32::INFINITY] {
            let mut case = Case::random(5, (4, 2), 24, None, causal(0, 150, usize::MAX));
            case.q[149 * 4 * 24] = broken; // the last token's first head
            let out = case.run(&cpu);
            let last = &out[149 * 4 * 24..][..24];
            assert!(last.iter().all(|x| x.is_nan()), "{isa} {broken}: {last:?}");
            let mut case = Case::random(6, (4, 2), 24, None, causal(0, 150, usize::MAX));
            case.k[3 * 2 * 24] = f16::NAN;
            let out = case.run(&cpu);
            assert!(out[149 * 4 * 24..][..24].iter().all(|x| x.is_nan()), "{isa}: key");
            assert!(out[..2 * 4 * 24].iter().all(|x| x.is_finite()), "{isa}: tokens that do not see the key");
        }
    }
}
