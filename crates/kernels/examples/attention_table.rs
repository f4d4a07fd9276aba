//! What attention reaches, beside what the machine allows: `cargo run --release -p plimsoll-kernels --example
//! attention_table [-- THREADS [ISA]]`.
//!
//! `decode` is one token of one sequence over caches that together are larger than any last-level cache, in bytes of
//! keys and values per second; `prefill` is a batch of 512 tokens at the end of the context, in operations per second
//! (a multiply-add counts two).

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Instant;

use half::f16;
use plimsoll_kernels::{Activations, AttentionShape, Cpu, Isa, KvRows, KvSequence, Phase, kv_groups, probe};

/// Keys and values of one decoding pass take at least this, so that no cache holds them from one pass to the next.
const DECODE_BYTES: usize = 512 << 20;
/// Tokens of a prefill batch.
const TOKENS: usize = 512;

fn main() {
    let mut words = std::env::args().skip(1);
    let threads = words.next().map_or_else(
        || std::thread::available_parallelism().expect("a number of cores"),
        |word| word.parse::<NonZeroUsize>().expect("a number of threads"),
    );
    let level: Option<Isa> = words.next().map(|word| word.parse().expect("a level"));
    for isa in Isa::available().into_iter().filter(|isa| level.is_none_or(|level| level == *isa)) {
        let cpu = Cpu::new(isa, threads).expect("an available level");
        let bandwidth = probe::read_bandwidth(&cpu) / 1e9;
        println!("\n{isa}, {threads} threads: memory reads {bandwidth:.1} GB/s");
        println!(
            "{:>14} {:>6} {:>5} {:>12} {:>6} {:>16}",
            "heads", "depth", "cache", "decode GB/s", "share", "prefill GFLOP/s"
        );
        for (n_heads, n_kv_heads, head_dim) in [(16, 4, 128), (9, 3, 64)] {
            let shape = AttentionShape {
                n_heads,
                n_kv_heads,
                head_dim,
                scale: 1.0 / (head_dim as f32).sqrt(),
                softcap: None,
                sinks: None,
            };
            for depth in [512, 4096, 16384] {
                let heads = format!("{n_heads}/{n_kv_heads} x {head_dim}");
                for kind in ["f16", "q8_0"] {
                    let decode = decode(&cpu, &shape, kind, depth) / 1e9;
                    let prefill = prefill(&cpu, &shape, kind, depth) / 1e9;
                    let share = 100.0 * decode / bandwidth;
                    println!("{heads:>14} {depth:>6} {kind:>5} {decode:>12.1} {share:>5.0}% {prefill:>16.0}");
                }
            }
        }
    }
}

/// Bytes of cache per second that decoding reads.
fn decode(cpu: &Cpu, shape: &AttentionShape, kind: &str, depth: usize) -> f64 {
    let layer_bytes = 2 * Stored::new(shape, kind, depth).bytes();
    let layers = DECODE_BYTES.div_ceil(layer_bytes);
    let caches: Vec<[Stored; 2]> = (0..layers).map(|_| [(); 2].map(|()| Stored::new(shape, kind, depth))).collect();
    let (q, span) = (vec![0.1; shape.n_heads * shape.head_dim], 0..depth);
    let mut out = q.clone();
    let seconds = best_of(5, || {
        for [k, v] in &caches {
            let sequence = KvSequence { k: k.rows(), v: v.rows(), spans: std::slice::from_ref(&span) };
            cpu.attention(Phase::Decode, Activations::F32, shape, &q, &[sequence], &mut out);
        }
    });
    (layers * layer_bytes) as f64 / seconds
}

/// Operations per second of the last tokens of a context of `depth`.
fn prefill(cpu: &Cpu, shape: &AttentionShape, kind: &str, depth: usize) -> f64 {
    let [k, v] = [(); 2].map(|()| Stored::new(shape, kind, depth));
    let q = vec![0.1; TOKENS * shape.n_heads * shape.head_dim];
    let mut out = q.clone();
    let spans: Vec<Range<usize>> = (depth - TOKENS..depth).map(|position| 0..position + 1).collect();
    let sequence = KvSequence { k: k.rows(), v: v.rows(), spans: &spans };
    let activations = cpu.fastest_attention(Phase::Prefill);
    let seconds = best_of(3, || cpu.attention(Phase::Prefill, activations, shape, &q, &[sequence], &mut out));
    let seen: usize = spans.iter().map(Range::len).sum();
    (4 * seen * shape.n_heads * shape.head_dim) as f64 / seconds
}

/// Keys or values as a cache stores them.
enum Stored {
    F16(Vec<f16>),
    Q8_0(Vec<i8>, Vec<f16>),
}

impl Stored {
    fn new(shape: &AttentionShape, kind: &str, positions: usize) -> Stored {
        let heads = positions * shape.n_kv_heads;
        let codes = (0..heads * shape.head_dim).map(|i| (i % 255) as i16 - 127);
        match kind {
            "f16" => Stored::F16(codes.map(|code| f16::from_f32(f32::from(code) / 256.0)).collect()),
            _ => Stored::Q8_0(
                codes.map(|code| code as i8).collect(),
                vec![f16::from_f32(1.0 / 256.0); heads * kv_groups(shape.head_dim)],
            ),
        }
    }

    fn rows(&self) -> KvRows<'_> {
        match self {
            Stored::F16(values) => KvRows::F16(values),
            Stored::Q8_0(codes, scales) => KvRows::Q8_0 { codes, scales },
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Stored::F16(values) => 2 * values.len(),
            Stored::Q8_0(codes, scales) => codes.len() + 2 * scales.len(),
        }
    }
}

fn best_of(passes: usize, mut work: impl FnMut()) -> f64 {
    (0..passes)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
