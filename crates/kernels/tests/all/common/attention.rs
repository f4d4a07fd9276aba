//! Cases of attention at random and their results in f64.

use std::ops::Range;

use half::f16;
use plimsoll_kernels::{Activations, AttentionShape, Cpu, KvRows, KvSequence, Phase, kv_groups, quantise_kv};

use super::{Random, bits};

/// Softmax attention, one query row at a time, in f64.
pub fn reference(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32], spans: &[Range<usize>]) -> Vec<f64> {
    let AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap, sinks } = *shape;
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
        let sink = sinks.map(|sinks| f64::from(sinks[row % n_heads]));
        let max = span.clone().map(score).chain(sink).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = span.clone().map(score).chain(sink).map(|score| (score - max).exp()).sum();
        for position in span {
            let weight = (score(position) - max).exp() / total;
            for (out, v) in out.iter_mut().zip(&v[at(position)..]) {
                *out += weight * f64::from(*v);
            }
        }
    }
    out
}

pub struct Case {
    pub shape: AttentionShape<'static>,
    pub q: Vec<f32>,
    pub k: Vec<f16>,
    pub v: Vec<f16>,
    pub spans: Vec<Range<usize>>,
    /// Prefill, unless told otherwise.
    pub phase: Phase,
}

impl Case {
    pub fn random(
        seed: u64,
        heads: (usize, usize),
        head_dim: usize,
        softcap: Option<f32>,
        spans: Vec<Range<usize>>,
    ) -> Case {
        let mut random = Random(seed);
        let positions = spans.iter().map(|span| span.end).max().unwrap_or(0);
        let (n_heads, n_kv_heads) = heads;
        let scale = 2.0 / (head_dim as f32).sqrt();
        // Half of all shapes have sinks, the same for all cases of a shape.
        let sinks = ((n_heads + head_dim / 8) % 2 == 1).then(|| &*Random(7).floats(n_heads).leak());
        let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap, sinks };
        let q = random.floats(spans.len() * n_heads * head_dim);
        let mut halves = || random.floats(positions * n_kv_heads * head_dim).into_iter().map(f16::from_f32).collect();
        Case { shape, q, k: halves(), v: halves(), spans, phase: Phase::Prefill }
    }

    pub fn in_phase(self, phase: Phase) -> Case {
        Case { phase, ..self }
    }

    pub fn run(&self, cpu: &Cpu) -> Vec<f32> {
        self.run_on(cpu, KvRows::F16(&self.k), KvRows::F16(&self.v))
    }

    pub fn run_on(&self, cpu: &Cpu, k: KvRows, v: KvRows) -> Vec<f32> {
        self.run_in(cpu, Activations::F32, k, v)
    }

    pub fn run_in(&self, cpu: &Cpu, activations: Activations, k: KvRows, v: KvRows) -> Vec<f32> {
        let mut out = vec![f32::NAN; self.q.len()];
        let sequence = KvSequence { k, v, spans: &self.spans };
        cpu.attention(self.phase, activations, &self.shape, &self.q, &[sequence], &mut out);
        out
    }

    pub fn check(&self, cpu: &Cpu) {
        let expected = reference(&self.shape, &self.q, &widen(&self.k), &widen(&self.v), &self.spans);
        let out = self.run(cpu);
        for (i, (out, expected)) in out.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(*out) - expected).abs() < 2e-6,
                "{}: value {i} is {out}, expected {expected}",
                cpu.isa()
            );
        }
        self.check_other_stores(cpu, &out);
    }

    /// The cache's type changes nothing but its precision.
    fn check_other_stores(&self, cpu: &Cpu, of_halves: &[f32]) {
        let (k, v) = (widen(&self.k), widen(&self.v));
        let of_singles = self.run_on(cpu, KvRows::F32(&k), KvRows::F32(&v));
        assert_eq!(bits(of_halves), bits(&of_singles), "halves are exact");
        let (k, v) = (Eights::of(&k, self.shape.head_dim), Eights::of(&v, self.shape.head_dim));
        let of_eights = self.run_on(cpu, k.rows(), v.rows());
        let (k, v) = (k.widened(self.shape.head_dim), v.widened(self.shape.head_dim));
        let of_widened = self.run_on(cpu, KvRows::F32(&k), KvRows::F32(&v));
        assert_eq!(bits(&of_eights), bits(&of_widened), "codes times scales");
    }

    /// The case of token `t` alone.
    pub fn alone(&self, t: usize) -> Case {
        let width = self.shape.n_heads * self.shape.head_dim;
        let q = self.q[t * width..][..width].to_vec();
        Case {
            shape: self.shape,
            q,
            k: self.k.clone(),
            v: self.v.clone(),
            spans: vec![self.spans[t].clone()],
            phase: self.phase,
        }
    }
}

/// Rows of 8 bits under scales.
pub struct Eights {
    pub codes: Vec<i8>,
    pub scales: Vec<f16>,
}

impl Eights {
    pub fn of(values: &[f32], head_dim: usize) -> Eights {
        let mut eights = Eights { codes: vec![], scales: vec![] };
        quantise_kv(values, head_dim, &mut eights.codes, &mut eights.scales);
        eights
    }

    pub fn rows(&self) -> KvRows<'_> {
        KvRows::Q8_0 { codes: &self.codes, scales: &self.scales }
    }

    pub fn widened(&self, head_dim: usize) -> Vec<f32> {
        let scale = |i: usize| self.scales[i / head_dim * kv_groups(head_dim) + i % head_dim / 32].to_f32();
        self.codes.iter().enumerate().map(|(i, code)| f32::from(*code) * scale(i)).collect()
    }
}

pub fn widen(halves: &[f16]) -> Vec<f32> {
    halves.iter().map(|half| half.to_f32()).collect()
}

/// One token that sees `span`.
pub fn alone(span: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(span).collect()
}

pub fn causal(start: usize, n: usize, window: usize) -> Vec<Range<usize>> {
    (start..start + n).map(|position| (position + 1).saturating_sub(window)..position + 1).collect()
}
