//! What the kernels reach, beside what the machine allows: `cargo run --release -p plimsoll-kernels --example
//! kernel_table [-- THREADS [ISA [TYPE [TOKENS]]]]`.
//!
//! `decode` is a product with one token, in bytes of stored weights per second: over weights that the second-level cache
//! holds, with the cycles that each thread spends on 64 weights, and over weights larger than the last-level cache.
//! `prefill` is a product with TOKENS tokens (256), in operations per second (a multiply-add counts two). Each type is
//! measured with every rounding of activations that the level offers for it.

use std::num::NonZeroUsize;
use std::time::Instant;

use memmap2::MmapMut;
use plimsoll_kernels::{Activations, Cpu, DType, Isa, Matrix, Phase, Product, probe};

const ROWS: usize = 8192;
const COLS: usize = 4096;
const TOKENS: usize = 256;
/// Weights of one decoding pass take at least this, so that no cache holds them from one pass to the next.
const DECODE_BYTES: usize = 256 << 20;
/// Weights of one decoding pass that a second-level cache of 512 KiB holds, for each thread.
const CACHED_BYTES: usize = 384 << 10;

fn main() {
    let mut words = std::env::args().skip(1);
    let threads = words.next().map_or_else(
        || std::thread::available_parallelism().expect("a number of cores"),
        |word| word.parse::<NonZeroUsize>().expect("a number of threads"),
    );
    let level: Option<Isa> = words.next().map(|word| word.parse().expect("a level"));
    let only = words.next().filter(|word| word != "all");
    let tokens = words.next().map_or(TOKENS, |word| word.parse().expect("a number of tokens"));
    for isa in Isa::available().into_iter().filter(|isa| level.is_none_or(|level| level == *isa)) {
        let cpu = Cpu::new(isa, threads).expect("an available level");
        let (bandwidth, rate) = (probe::read_bandwidth(&cpu) / 1e9, probe::arithmetic_rate(&cpu) / 1e9);
        println!("\n{isa}, {threads} threads: memory reads {bandwidth:.1} GB/s, multiply-adds reach {rate:.0} GFLOP/s");
        if let Some(rate) = probe::matrix_rate(&cpu) {
            println!("the matrix unit reaches {:.0} GFLOP/s on bf16", rate / 1e9);
        }
        let clock = clock_rate();
        println!("the clock runs at {:.2} GHz", clock / 1e9);
        println!(
            "{:<8} {:<5} {:>12} {:>9} {:>12} {:>6} {:>16} {:>6}",
            "type", "", "decode GB/s", "cycles/64", "from memory", "share", "prefill GFLOP/s", "share"
        );
        for dtype in DType::ALL.iter().filter(|dtype| only.as_ref().is_none_or(|only| only == dtype.name())) {
            let mut all =
                vec![Activations::F32, cpu.fastest(Phase::Decode, *dtype), cpu.fastest(Phase::Prefill, *dtype)];
            all.dedup();
            for activations in all {
                let cached = decode(&cpu, activations, *dtype, CACHED_BYTES * cpu.threads(), 1000) / 1e9;
                let weights_per_byte = COLS as f64 / dtype.row_bytes(COLS).expect("whole blocks") as f64;
                let cycles = 64.0 * clock * cpu.threads() as f64 / (1e9 * cached * weights_per_byte);
                let decode = decode(&cpu, activations, *dtype, DECODE_BYTES, 5) / 1e9;
                let prefill = prefill(&cpu, activations, *dtype, tokens) / 1e9;
                let (of_bandwidth, of_rate) = (100.0 * decode / bandwidth, 100.0 * prefill / rate);
                println!(
                    "{:<8} {:<5} {cached:>12.1} {cycles:>9.2} {decode:>12.1} {of_bandwidth:>5.0}% {prefill:>16.0} \
                     {of_rate:>5.0}%",
                    dtype.name(),
                    format!("{activations:?}")
                );
            }
        }
    }
}

/// Cycles of this thread's processor per second: each step of the chain waits for the one before, three cycles for the
/// multiplication and one for the operand on x86.
fn clock_rate() -> f64 {
    const STEPS: usize = 20_000_000;
    let seconds = best_of(3, || {
        let mut x = std::hint::black_box(1_u64);
        for _ in 0..STEPS {
            x = x.wrapping_mul(x | 5);
        }
        std::hint::black_box(x);
    });
    (4 * STEPS) as f64 / seconds
}

/// Stored bytes per second of `bytes` weights with one token, the best of `passes`.
fn decode(cpu: &Cpu, activations: Activations, dtype: DType, bytes: usize, passes: usize) -> f64 {
    let row = dtype.row_bytes(COLS).expect("whole blocks");
    let rows = (bytes / row).next_multiple_of(16);
    let bytes = weights(rows * row);
    let w = Matrix::new(dtype, rows, COLS, &bytes).expect("the right length");
    let (x, mut out) = (vec![0.25; COLS], vec![0.0; rows]);
    bytes.len() as f64
        / best_of(passes, || cpu.multiply(Phase::Decode, activations, &x, &mut [Product { w, out: &mut out }]))
}

/// Operations per second with many tokens.
fn prefill(cpu: &Cpu, activations: Activations, dtype: DType, tokens: usize) -> f64 {
    let rows = if cpu.isa() == Isa::Scalar { ROWS / 16 } else { ROWS / 4 };
    let bytes = weights(rows * dtype.row_bytes(COLS).expect("whole blocks"));
    let w = Matrix::new(dtype, rows, COLS, &bytes).expect("the right length");
    let (x, mut out) = (vec![0.25; tokens * COLS], vec![0.0; tokens * rows]);
    let seconds = best_of(3, || cpu.multiply(Phase::Prefill, activations, &x, &mut [Product { w, out: &mut out }]));
    (2 * rows * COLS * tokens) as f64 / seconds
}

/// Bytes whose every pattern of a float is a finite number, and none so small that processors take long over it. On large
/// pages where the system gives them, as a file in the page cache lies.
fn weights(n: usize) -> MmapMut {
    let mut bytes = MmapMut::map_anon(n).expect("memory for weights");
    #[cfg(target_os = "linux")]
    let _ = bytes.advise(memmap2::Advice::HugePage); // refused, they are small
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (i.wrapping_mul(0x9e37_79b9) >> 13) as u8 & 0x1f | 0x20;
    }
    bytes
}

fn best_of(passes: usize, mut work: impl FnMut()) -> f64 {
    (0..=passes)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
