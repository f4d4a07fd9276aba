//! What this machine can do, and what this process takes of it.

use plimsoll_graph::cost::Machine;
use plimsoll_kernels::{Cpu, probe};

/// Measures the limits that predictions rest on; takes about a second.
pub fn measure_machine(cpu: &Cpu) -> Machine {
    Machine {
        read_bandwidth: probe::read_bandwidth(cpu),
        cache_bandwidth: probe::cache_bandwidth(cpu),
        cache_bytes: probe::CACHE_BYTES as f64,
        arithmetic_rate: probe::arithmetic_rate(cpu),
        dispatch_seconds: probe::dispatch_seconds(cpu),
    }
}

/// Memory of this process in RAM now, and at most so far, in bytes. None where the system does
/// not tell (it is read from `/proc/self/status`).
pub fn resident_bytes() -> Option<ResidentBytes> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(ResidentBytes { now: kib("VmRSS:")? << 10, peak: kib("VmHWM:")? << 10 })
}

/// Resident memory of this process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidentBytes {
    /// At this moment.
    pub now: u64,
    /// The most since the process began.
    pub peak: u64,
}
