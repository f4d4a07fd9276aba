//! The machine at hand, as predictions before a download need it: its limits, measured once, and the memory that is free.

#[cfg(target_os = "linux")]
use std::fs;

use plimsoll_graph::cost::{Machine, ProductRate};
use plimsoll_kernels::{Cpu, DType};
use plimsoll_runtime::measure_machine;

use super::before::{Place, Range};
use crate::compare::processor;
use crate::load::{Disturbance, LoadLog, Meter};

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

/// Readings of this machine at least and at most: more than the least are taken where it is not quiet.
const READINGS: (usize, usize) = (2, 4);
/// Readings whose bandwidth lies further apart than this are not of a quiet machine.
const STEADY: f64 = 1.1;

/// This machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Here {
    /// What it was measured to do: of each limit the best that was read, because other programs only slow.
    pub machine: Machine,
    /// The processor as it names itself, by which comparisons that were measured on it are known.
    pub cpu: String,
    /// Instruction-set level and threads, as a person reads them.
    pub processor: String,
    /// The bandwidth of each reading, in bytes/s.
    pub readings: Vec<f64>,
    /// What other programs did meanwhile.
    pub disturbances: Vec<Disturbance>,
}

impl Here {
    /// Measures it, for some seconds and with all threads of `cpu`.
    pub fn measure(cpu: &Cpu) -> Here {
        let mut meter = Meter::new();
        let read = || measure_machine(cpu, &TYPES.map(|dtype| (dtype, VALUES)));
        let mut machine = read();
        let mut readings = vec![machine.read_bandwidth];
        while readings.len() < READINGS.0 || (readings.len() < READINGS.1 && spread(&readings) > STEADY) {
            let again = read();
            readings.push(again.read_bandwidth);
            machine = best(&machine, &again);
        }
        let stretches = vec![meter.ended("readings")];
        let cores = std::thread::available_parallelism().map_or(cpu.threads(), usize::from);
        let disturbances = LoadLog { cores, threads: cpu.threads(), stretches }.disturbances();
        let processor_words = format!("{}, {} threads", cpu.isa(), cpu.threads());
        Here { machine, cpu: processor(), processor: processor_words, readings, disturbances }
    }

    /// How fast it reads, and of how many readings that is the best: `reads 34.0 GB/s, the best of 2 readings`.
    pub fn reads(&self) -> String {
        let best = self.machine.read_bandwidth / 1e9;
        format!("reads {best:.1} GB/s, the best of {} readings", self.readings.len())
    }

    /// That it was not quiet while it was measured, and what follows; nothing where it was.
    pub fn noisy(&self) -> Option<String> {
        let mut why: Vec<String> = self.disturbances.iter().map(ToString::to_string).collect();
        if spread(&self.readings) > STEADY {
            let [low, high] = ends(&self.readings).map(|reading| reading / 1e9);
            why.push(format!("the readings lie between {low:.1} and {high:.1} GB/s"));
        }
        (!why.is_empty()).then(|| {
            format!("noisy: {}; speeds may be predicted too low: ask again when the machine is quiet", why.join("; "))
        })
    }

    /// For predictions.
    pub fn place(&self) -> Place<'_> {
        Place::Here(&self.machine)
    }
}

fn ends(readings: &[f64]) -> [f64; 2] {
    readings.iter().fold([f64::INFINITY, 0.0], |[low, high], reading| [low.min(*reading), high.max(*reading)])
}

/// The best reading over the worst.
fn spread(readings: &[f64]) -> f64 {
    let [low, high] = ends(readings);
    high / low
}

/// The better of two readings, limit by limit; both are of the same types and sizes.
fn best(a: &Machine, b: &Machine) -> Machine {
    let product = |(a, b): (&ProductRate, &ProductRate)| ProductRate {
        decode: a.decode.max(b.decode),
        streamed: a.streamed.max(b.streamed),
        prefill: a.prefill.max(b.prefill),
        ..*a
    };
    Machine {
        read_bandwidth: a.read_bandwidth.max(b.read_bandwidth),
        cache_bytes: a.cache_bytes.max(b.cache_bytes),
        arithmetic_rate: a.arithmetic_rate.max(b.arithmetic_rate),
        arithmetic: a.arithmetic,
        products: a.products.iter().zip(&b.products).map(product).collect(),
        attention_rate: a.attention_rate.max(b.attention_rate),
        prompt_attention_rate: a.prompt_attention_rate.max(b.prompt_attention_rate),
        node_seconds: a.node_seconds.min(b.node_seconds),
    }
}

/// What a model may take of this machine's memory at this moment, from what is free to all that there is; none where the
/// system does not tell, in bytes.
pub fn room() -> Option<Range> {
    memory().map(|(free, all)| Range { low: free, value: free, high: all })
}

/// Bytes of memory that are free, and all, of the machine.
#[cfg(not(target_os = "linux"))]
pub fn memory() -> Option<(f64, f64)> {
    crate::other_system::memory().map(|(free, all)| (free as f64, all as f64))
}

/// Bytes of memory that are free, and all: of the machine, or of the group of processes that this one is confined to.
#[cfg(target_os = "linux")]
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

#[cfg(test)]
mod tests {
    use plimsoll_kernels::Activations;

    use super::*;

    fn machine(read_bandwidth: f64, streamed: f64, node_seconds: f64) -> Machine {
        let product = ProductRate { dtype: DType::Q4_0, values: VALUES, decode: 1e9, streamed, prefill: 1e10 };
        Machine {
            read_bandwidth,
            cache_bytes: 1e6,
            arithmetic_rate: 1e11,
            arithmetic: Activations::F32,
            products: vec![product],
            attention_rate: 1e10,
            prompt_attention_rate: 1e10,
            node_seconds,
        }
    }

    fn here(readings: &[f64], disturbances: Vec<Disturbance>) -> Here {
        let machine = machine(ends(readings)[1], 1e10, 1e-6);
        Here { machine, cpu: "c".into(), processor: "p".into(), readings: readings.to_vec(), disturbances }
    }

    #[test]
    fn of_several_readings_the_best_of_each_limit_counts() {
        let found = best(&machine(30e9, 8e9, 2e-6), &machine(20e9, 9e9, 1e-6));
        assert_eq!(found, machine(30e9, 9e9, 1e-6));
    }

    #[test]
    fn a_machine_that_was_not_quiet_says_so_and_a_quiet_one_does_not() {
        let quiet = here(&[33e9, 34e9], Vec::new());
        assert_eq!((quiet.reads().as_str(), quiet.noisy()), ("reads 34.0 GB/s, the best of 2 readings", None));
        let unsteady = here(&[22e9, 34e9, 33e9], Vec::new()).noisy().unwrap();
        assert!(unsteady.starts_with("noisy: the readings lie between 22.0 and 34.0 GB/s; "), "{unsteady}");
        let busy = here(&[34e9, 34e9], vec![Disturbance::OtherPrograms { processors: 1.9, of: 2 }]).noisy().unwrap();
        assert!(busy.contains("other programs kept 1.9 of 2 processors busy"), "{busy}");
    }
}
