//! The machine at hand, as predictions before a download need it: its limits, measured once, and the memory that is free.

use std::fs;

use plimsoll_graph::cost::Machine;
use plimsoll_kernels::{Cpu, DType};
use plimsoll_runtime::measure_machine;

use super::before::{Place, Range};
use crate::compare::processor;

/// Stored types of the usual quantisations, and those that take their place in narrow models.
const TYPES: [DType; 10] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::Q8_0,
    DType::Q6_K,
    DType::Q5_K,
    DType::Q4_K,
    DType::Q4_0,
    DType::Q5_0,
    DType::MXFP4,
];
/// Values of the matrices that rates are measured with: those of a layer of a few billion parameters.
const VALUES: usize = 1 << 22;

/// This machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Here {
    /// What it was measured to do.
    pub machine: Machine,
    /// The processor as it names itself, by which comparisons that were measured on it are known.
    pub cpu: String,
    /// Instruction-set level and threads, as a person reads them.
    pub processor: String,
}

impl Here {
    /// Measures it, for some seconds and with all threads of `cpu`.
    pub fn measure(cpu: &Cpu) -> Here {
        let machine = measure_machine(cpu, &TYPES.map(|dtype| (dtype, VALUES)));
        Here { machine, cpu: processor(), processor: format!("{}, {} threads", cpu.isa(), cpu.threads()) }
    }

    /// For predictions.
    pub fn place(&self) -> Place<'_> {
        Place::Here(&self.machine)
    }
}

/// What a model may take of this machine's memory at this moment, from what is free to all that there is; none where the
/// system does not tell. [bytes]
pub fn room() -> Option<Range> {
    memory().map(|(free, all)| Range { low: free, value: free, high: all })
}

/// Bytes of memory that are free, and all: of the machine, or of the group of processes that this one is confined to.
pub fn memory() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let field = |key: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    let (free, all) = (field("MemAvailable:")?, field("MemTotal:")?);
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<f64>().ok());
    let all = limit.map_or(all, |limit| all.min(limit));
    Some((free.min(all), all))
}
