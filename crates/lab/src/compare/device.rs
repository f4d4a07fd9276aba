//! The machine at hand, as its operating system describes it.

use std::fs;

use plimsoll_graph::cost::Machine;
use plimsoll_kernels::Cpu;

use super::machine::{machine_facts, momentary};
#[cfg(not(target_os = "linux"))]
use crate::other_system;
use crate::record::{Device, MachineFacts, Measurement, Origin, ProductRates, Rates, Unit};

/// What this machine is and what it was measured to do.
pub(super) fn device(cpu: &Cpu, machine: &Machine) -> Device {
    let measured = |metric: &str, unit, value| {
        Measurement::of("device", metric, unit, Origin::Measured, value)
            .samples(&[value])
            .by("best of short runs over all threads")
            .record()
    };
    Device {
        rates: rates(machine),
        machine: Some(MachineFacts { before: Some(momentary()), ..machine_facts() }),
        cpu: processor(),
        isa: cpu.isa().to_string(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: cpu.threads(),
        memory_bytes: memory_bytes().unwrap_or(0),
        os: os(),
        read_bandwidth: measured("read_bandwidth", Unit::BytesPerSecond, machine.read_bandwidth),
        arithmetic_rate: measured("arithmetic_rate", Unit::FlopsPerSecond, machine.arithmetic_rate),
    }
}

/// The same after everything was measured.
pub(super) fn when_over(device: Device) -> Device {
    let machine = device.machine.map(|machine| MachineFacts { after: Some(momentary()), ..machine });
    Device { machine, ..device }
}

/// What else a prediction needs, so that whoever has the record and the files can make it again.
fn rates(machine: &Machine) -> Rates {
    let products = machine.products.iter().map(|rate| ProductRates {
        dtype: rate.dtype.name().to_owned(),
        values: rate.values,
        decode: rate.decode,
        streamed: Some(rate.streamed),
        prefill: rate.prefill,
    });
    Rates {
        cache_bytes: machine.cache_bytes,
        products: products.collect(),
        attention: machine.attention_rate,
        node_seconds: machine.node_seconds,
    }
}

/// The processor as it names itself.
pub fn processor() -> String {
    #[cfg(target_os = "linux")]
    let name = field("/proc/cpuinfo", "model name");
    #[cfg(not(target_os = "linux"))]
    let name = other_system::processor();
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The value after the colon of the first line of `path` that begins with `key`.
#[cfg(target_os = "linux")]
fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let kib: u64 = field("/proc/meminfo", "MemTotal")?.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    other_system::memory().map(|(_, all)| all)
}

fn os() -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
    match (read("ostype"), read("osrelease")) {
        (Some(kind), Some(release)) => format!("{} {}", kind.trim(), release.trim()),
        _ => std::env::consts::OS.to_owned(),
    }
}
