//! What this machine can do, and what this process takes of it.

use std::time::Instant;

use plimsoll_graph::cost::{Machine, PROBED_HEAD_DIM, ProductRate};
use plimsoll_kernels::{
    Activation, Activations, AttentionShape, Cpu, DType, KvRows, KvSequence, Matrix, Phase, Product, RopeLayout,
    RopeShape, probe,
};

use crate::arithmetic::Arithmetic;
use crate::program::BATCH_TOKENS;

/// Columns of the matrices that are measured are whole blocks of every type, and no more than these.
const BLOCK: usize = 256;
const MOST_COLS: usize = 1024;
/// Most bytes of the matrix for one token: more than a first-level cache, less than any last-level one.
const DECODE_BYTES: usize = 2 << 20;
/// Bytes of the matrix that comes from memory, at least.
const LEAST_STREAMED: usize = 64 << 20;
/// Most rows of the matrix for a batch.
const PREFILL_ROWS: usize = 256;
/// Tokens of the part of a prompt whose attention is measured.
const PREFILL_TOKENS: usize = 64;

/// Measures what predictions rest on, products in [`Arithmetic::Fast`] for the stored types and matrix sizes that
/// [`plimsoll_graph::cost::Cost::products`] lists; takes a second or two.
pub fn measure_machine(cpu: &Cpu, products: &[(DType, usize)]) -> Machine {
    let (arithmetic, arithmetic_rate) = arithmetic(cpu, products);
    let read_bandwidth = probe::read_bandwidth(cpu);
    let cache_bytes = probe::cached_bytes(cpu, read_bandwidth);
    let beyond_cache = vec![0x11; (4 * cache_bytes).max(LEAST_STREAMED)];
    Machine {
        read_bandwidth,
        cache_bytes: cache_bytes as f64,
        arithmetic_rate,
        arithmetic,
        products: products
            .iter()
            .map(|(dtype, values)| product_rate(cpu, *dtype, *values, &beyond_cache))
            // A last-level cache of a whole socket may hold even that.
            .map(|rate| ProductRate { streamed: rate.streamed.min(read_bandwidth), ..rate })
            .collect(),
        attention_rate: attention_rate(cpu, Phase::Decode),
        prompt_attention_rate: attention_rate(cpu, Phase::Prefill),
        node_seconds: node_seconds(cpu),
    }
}

/// The unit that multiplies prompts, and its rate: the matrix unit where any product uses it, else the vector units in
/// f32. These stand for their integer products too, which may be faster.
fn arithmetic(cpu: &Cpu, products: &[(DType, usize)]) -> (Activations, f64) {
    let in_bf16 = |(dtype, _): &(DType, usize)| cpu.fastest(Phase::Prefill, *dtype) == Activations::Bf16;
    let matrix_rate = products.iter().any(in_bf16).then(|| probe::matrix_rate(cpu)).flatten();
    matrix_rate.map_or_else(|| (Activations::F32, probe::arithmetic_rate(cpu)), |rate| (Activations::Bf16, rate))
}

/// Products of cached matrices with one token and with many, and of one as large as `beyond_cache`, any bytes, with one.
fn product_rate(cpu: &Cpu, dtype: DType, values: usize, beyond_cache: &[u8]) -> ProductRate {
    let cols = values.isqrt().next_multiple_of(BLOCK).clamp(BLOCK, MOST_COLS);
    let row_bytes = dtype.row_bytes(cols).expect("whole blocks");
    let rate = |phase: Phase, rows: usize, tokens: usize| {
        let bytes = vec![0u8; rows * row_bytes];
        let weights = Matrix::new(dtype, rows, cols, &bytes).expect("a whole matrix");
        let (x, mut out) = (vec![1.0; tokens * cols], vec![0.0; tokens * rows]);
        let activations = Arithmetic::Fast.activations(cpu, phase, dtype);
        let multiply = || cpu.multiply(phase, activations, &x, &mut [Product { w: weights, out: &mut out }]);
        let seconds = typical_seconds(multiply);
        (2 * rows * cols * tokens) as f64 / seconds
    };
    let rows = (values / cols).clamp(1, DECODE_BYTES / row_bytes);
    ProductRate {
        dtype,
        values,
        decode: rate(Phase::Decode, rows, 1),
        streamed: streamed(cpu, dtype, cols, beyond_cache),
        prefill: rate(Phase::Prefill, rows.min(PREFILL_ROWS), BATCH_TOKENS),
    }
}

/// Stored bytes per second with one token, of a matrix of `cols` columns that takes as much of `bytes` as whole rows do.
fn streamed(cpu: &Cpu, dtype: DType, cols: usize, bytes: &[u8]) -> f64 {
    let row_bytes = dtype.row_bytes(cols).expect("whole blocks");
    let rows = bytes.len() / row_bytes;
    let w = Matrix::new(dtype, rows, cols, &bytes[..rows * row_bytes]).expect("a whole matrix");
    let (x, mut out) = (vec![1.0; cols], vec![0.0; rows]);
    let activations = Arithmetic::Fast.activations(cpu, Phase::Decode, dtype);
    let multiply = || cpu.multiply(Phase::Decode, activations, &x, &mut [Product { w, out: &mut out }]);
    (rows * row_bytes) as f64 / typical_seconds(multiply)
}

/// Attention over a few hundred cached positions, of one token or of a part of a prompt.
fn attention_rate(cpu: &Cpu, phase: Phase) -> f64 {
    let (n_heads, n_kv_heads, head_dim, positions) = (16, 4, PROBED_HEAD_DIM, 256);
    let n_tokens = if phase == Phase::Decode { 1 } else { PREFILL_TOKENS };
    let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale: 1.0, softcap: None, sinks: None };
    let kv = vec![0.0; positions * n_kv_heads * head_dim];
    let (q, mut out) = (vec![1.0; n_tokens * n_heads * head_dim], vec![0.0; n_tokens * n_heads * head_dim]);
    let spans = vec![0..positions; n_tokens];
    let sequence = KvSequence { k: KvRows::F32(&kv), v: KvRows::F32(&kv), spans: &spans };
    let activations = cpu.fastest_attention(phase);
    let seconds =
        typical_seconds(|| cpu.attention(phase, activations, &shape, &q, std::slice::from_ref(&sequence), &mut out));
    (4 * n_tokens * n_heads * head_dim * positions) as f64 / seconds
}

/// Seconds of a node too small to matter: a decoder layer of width 64, one token, over its nodes.
fn node_seconds(cpu: &Cpu) -> f64 {
    let (width, head_dim) = (64, 16);
    let heads = width / head_dim;
    let bytes = vec![0u8; width * width * size_of::<f32>()];
    let attention =
        AttentionShape { n_heads: heads, n_kv_heads: heads, head_dim, scale: 1.0, softcap: None, sinks: None };
    let rope = RopeShape { heads, head_dim, rotary_dim: head_dim, layout: RopeLayout::Halves };
    let (x, mut y, mut z) = (vec![1.0; width], vec![0.0; width], vec![0.0; width]);
    let mut outs = vec![0.0; 3 * width];
    // Queries, keys and values; what attention gives; gate and up; down.
    let (jobs, norms, ropes, sums) = ([3, 1, 2, 1], 2, 2, 2);
    let products: usize = jobs.iter().sum();
    let layer = || {
        for job in jobs {
            let product =
                |out| Product { w: Matrix::new(DType::F32, width, width, &bytes).expect("a whole matrix"), out };
            let mut products: Vec<Product> = outs.chunks_exact_mut(width).take(job).map(product).collect();
            cpu.multiply(Phase::Decode, Activations::F32, &x, &mut products);
        }
        (0..norms).for_each(|_| cpu.rms_norm(&x, Some(&x), 1e-5, width, &mut y));
        (0..ropes).for_each(|_| cpu.rope(&rope, &mut y, &x[..head_dim / 2], &x[..head_dim / 2]));
        (0..sums).for_each(|_| cpu.add(&x, &x, &mut z));
        let span = 0..1;
        let sequence = KvSequence { k: KvRows::F32(&x), v: KvRows::F32(&x), spans: std::slice::from_ref(&span) };
        cpu.attention(Phase::Decode, Activations::F32, &attention, &x, std::slice::from_ref(&sequence), &mut y);
        cpu.gated(Activation::Silu, &x, &y, &mut z);
    };
    typical_seconds(layer) / (products + norms + ropes + sums + 2) as f64
}

/// The median of a few hundred runs, or of as many as a hundredth of a second holds.
fn typical_seconds(mut work: impl FnMut()) -> f64 {
    work();
    let begin = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 5 || (samples.len() < 300 && begin.elapsed().as_millis() < 10) {
        let start = Instant::now();
        work();
        samples.push(start.elapsed().as_secs_f64());
    }
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Memory of this process in RAM now, and at most so far, in bytes. None where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn resident_bytes() -> Option<ResidentBytes> {
    // Other systems tell the most only to unsafe calls; what is asked while a session is open has all of it in RAM.
    let now = memory_stats::memory_stats()?.physical_mem as u64;
    Some(ResidentBytes { now, peak: now })
}

/// The same of another process of this user, which nothing here asks other systems for.
#[cfg(not(target_os = "linux"))]
pub fn resident_bytes_of(_process: u32) -> Option<ResidentBytes> {
    None
}

/// Memory of this process in RAM now, and at most so far, in bytes. None where the system does
/// not tell (it is read from `/proc/self/status`).
#[cfg(target_os = "linux")]
pub fn resident_bytes() -> Option<ResidentBytes> {
    resident_in(std::path::Path::new("/proc/self/status"))
}

/// The same of another process of this user. None where the system does not tell.
#[cfg(target_os = "linux")]
pub fn resident_bytes_of(process: u32) -> Option<ResidentBytes> {
    resident_in(&std::path::PathBuf::from(format!("/proc/{process}/status")))
}

#[cfg(target_os = "linux")]
fn resident_in(status: &std::path::Path) -> Option<ResidentBytes> {
    let status = std::fs::read_to_string(status).ok()?;
    let bytes = |key: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(key))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib << 10)
    };
    Some(ResidentBytes { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// Resident memory of this process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidentBytes {
    /// At this moment.
    pub now: u64,
    /// The most since the process began.
    pub peak: u64,
}
