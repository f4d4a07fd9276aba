//! What this machine can do, and what this process takes of it.

use std::time::Instant;

use plimsoll_graph::cost::Machine;
use plimsoll_kernels::{Cpu, DType, Matrix, probe};

/// Weights of this size stay in the caches of any processor that is likely to run a model.
const CACHED_BYTES: usize = 2 << 20;

/// Measures the limits that predictions rest on; takes about a second.
pub fn measure_machine(cpu: &Cpu) -> Machine {
    Machine {
        read_bandwidth: probe::read_bandwidth(cpu),
        cache_bandwidth: cache_bandwidth(cpu),
        cache_bytes: probe::last_level_cache() as f64 / 2.0,
        arithmetic_rate: probe::arithmetic_rate(cpu),
        dispatch_seconds: dispatch_seconds(cpu),
    }
}

/// Bytes per second of the product of a cached f32 matrix with one token.
fn cache_bandwidth(cpu: &Cpu) -> f64 {
    let cols = 512;
    let rows = CACHED_BYTES / size_of::<f32>() / cols;
    let bytes = vec![0u8; CACHED_BYTES];
    let weights = Matrix::new(DType::F32, rows, cols, &bytes).expect("a whole matrix");
    let (x, mut out) = (vec![0.0; cols], vec![0.0; rows]);
    CACHED_BYTES as f64 / best_seconds(|| cpu.matmul(&weights, &x, &mut out))
}

/// Seconds to hand one piece of work to every thread and wait for all.
fn dispatch_seconds(cpu: &Cpu) -> f64 {
    best_seconds(|| cpu.pool().run(cpu.threads(), |_| {}))
}

/// The best of many short runs: everything else on the machine only slows.
fn best_seconds(mut work: impl FnMut()) -> f64 {
    let timed = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..200).map(timed).fold(f64::INFINITY, f64::min)
}

/// Memory of this process in RAM now, and at most so far, in bytes. None where the system does
/// not tell (it is read from `/proc/self/status`).
pub fn resident_bytes() -> Option<ResidentBytes> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
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
