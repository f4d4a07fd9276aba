//! What was seen, in the form in which it is kept: every number with its unit, interval, method and raw samples,
//! under an id that is a hash of all of these.
//!
//! The JSON form is stable: [`SCHEMA_VERSION`] is raised whenever a reader of the old one would misread the new.

mod difference;
mod fidelity;
mod measurement;
mod model;
mod show;

use serde::{Deserialize, Serialize};

use crate::canary::Broken;
use crate::load::{Disturbance, LoadLog};

pub use difference::{Better, Clause, ClauseKind, Conclusion, Difference, Equivalence, Piece, Test, Words};
pub use fidelity::{Distance, Fidelity};
pub use measurement::{Measurement, MeasurementBuilder, Origin, Unit};
pub use model::{
    CanaryRecord, Declared, LicenceRecord, LicenceText, MemoryRecord, ModelFacts, ModelRecord, Quality, Rate, Side,
    SpeedAtDepth, StartRecord, TypeBytes, VerifiedRecord,
};
pub use show::{Scale, listed, show_p};

/// Version of the JSON form of [`Comparison`]. Since 2 one family of tests holds everything that is compared, `detectable`
/// includes its correction, intervals of shares are Tango's, a ratio is that of the medians beside it, and
/// `fidelity.base` is a base only where `fidelity.declared` says so. Since 3 tests and intervals of shares are corrected for
/// continuity, and the family may be that of several comparisons (`among`). Since 4 the ids of measurements are whole hashes,
/// and canaries, `load` and `device.machine` are always there. Earlier records are read as they are.
pub const SCHEMA_VERSION: u32 = 4;

/// The machine that everything was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Device {
    /// The processor as it names itself.
    pub cpu: String,
    /// Instruction-set level that the kernels used, `scalar`, `avx2`, `avx512` or `amx`.
    pub isa: String,
    /// Logical processors that the operating system offers.
    pub cores: usize,
    /// Threads that the kernels used.
    pub threads: usize,
    /// Installed memory, in bytes.
    pub memory_bytes: u64,
    /// Operating system and kernel release.
    pub os: String,
    /// Bytes per second that all threads together read from memory.
    pub read_bandwidth: Measurement,
    /// Floating-point operations per second of the kernels, all threads together.
    pub arithmetic_rate: Measurement,
    /// What else predictions of speed rest on.
    pub rates: Rates,
    /// What kind of machine it is and what state it was in; absent from records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineFacts>,
}

/// A machine of which there may be many: nothing in it tells one from another. Absent is what its system does not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MachineFacts {
    /// Its maker's name for the kind, such as `ThinkPad X1`.
    pub model: Option<String>,
    /// The hypervisor, if it is a virtual machine.
    pub virtualisation: Option<String>,
    /// Version of the processor's microcode.
    pub microcode: Option<String>,
    /// What chooses the clock, such as `powersave`.
    pub governor: Option<String>,
    /// `mains` or `battery`.
    pub power: Option<String>,
    /// When measuring began.
    pub before: Option<Momentary>,
    /// When it was over.
    pub after: Option<Momentary>,
    /// SHA-256 of the program that measured.
    pub program_sha256: Option<String>,
}

/// A machine's state at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Momentary {
    /// Median clock of all processors, in MHz.
    pub clock_mhz: Option<f64>,
    /// Times that a processor was slowed for heat since the system started.
    pub throttled: Option<u64>,
}

/// What a machine was measured to do, besides reading and computing at its best.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rates {
    /// Weights of up to this many bytes stay in cache from one token to the next, in bytes.
    pub cache_bytes: f64,
    /// How fast stored types multiply.
    pub products: Vec<ProductRates>,
    /// Attention of one token over cached keys and values, in flop/s.
    pub attention: f64,
    /// What a node takes however little it computes, in s.
    pub node_seconds: f64,
}

/// How fast matrices of one stored type multiply, unpacking included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProductRates {
    /// The stored type.
    pub dtype: String,
    /// Values of one matrix.
    pub values: usize,
    /// With one token, in flop/s.
    pub decode: f64,
    /// With one token, where the weights come from memory. [bytes of weights/s] Older records lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streamed: Option<f64>,
    /// With a batch of tokens, in flop/s.
    pub prefill: f64,
}

/// Which questions were put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SuiteFacts {
    /// SHA-256 of the suite's canonical JSON.
    pub id: String,
    /// Its name, `text` for every category.
    pub name: String,
    /// What the items were drawn with; 0 where they were read from files.
    pub seed: u64,
    /// Items in all.
    pub n: usize,
    /// Version of the marking rules.
    pub scorer_version: u32,
    /// Licence of the questions.
    pub licence: String,
    /// The categories in the order of the items.
    pub categories: Vec<CategoryFacts>,
    /// The files that the questions were read from; none where they were drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFacts>,
    /// The questions that were read, with how each is marked, as the suite's JSON whose hash `id` is. Pictures stand in
    /// it by the hash of their files. Absent where they were drawn, for the seed makes them again, and where they take
    /// more than [`MOST_CONTENT_BYTES`]: the files make them again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<serde_json::Value>,
}

/// Bytes of questions that a record holds.
pub const MOST_CONTENT_BYTES: usize = 4 << 20;

/// A file that questions were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceFacts {
    /// The benchmark's name, or the file's.
    pub name: String,
    /// How its questions are put and marked, in a few words.
    pub variant: String,
    /// Its path, as it was given.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl SuiteFacts {
    /// What they are called: `suite text` where they were drawn, and `questions of text.jsonl` where they were read.
    pub fn words(&self) -> String {
        if self.sources.is_empty() {
            return format!("suite {}", self.name);
        }
        let names: Vec<&str> = self.sources.iter().map(SourceFacts::file_name).collect();
        format!("questions of {}", names.join(" and "))
    }
}

impl SourceFacts {
    /// The benchmark's name, or that of the file of one's own with its ending.
    fn file_name(&self) -> &str {
        let own = self.variant == crate::questions::VARIANT;
        self.path.rsplit(['/', '\\']).next().filter(|name| own && !name.is_empty()).unwrap_or(&self.name)
    }
}

impl SuiteFacts {
    /// Share of right answers that guessing gets over all questions; `None` where there are none.
    pub fn chance(&self) -> Option<f64> {
        let n: usize = self.categories.iter().map(|category| category.n).sum();
        let guessed: f64 = self.categories.iter().map(|category| category.chance * category.n as f64).sum();
        (n > 0).then(|| guessed / n as f64)
    }
}

/// One kind of question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CategoryFacts {
    /// Its stable name.
    pub id: String,
    /// What it shows of a model.
    pub about: String,
    /// Items in it.
    pub n: usize,
    /// Share of right answers that guessing gets: of a drawn category see [`Category::chance`](crate::suite::Category),
    /// else the mean over its questions.
    #[serde(default)]
    pub chance: f64,
}

/// How both models were measured, fixed before the first of them ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Settings {
    /// Tokens of a timed prefill.
    pub prefill_tokens: usize,
    /// Tokens of a timed decode.
    pub decode_tokens: usize,
    /// Timed repetitions of each, after warm-up.
    pub repetitions: usize,
    /// Fresh processes in which memory, load and first token were measured.
    pub starts: usize,
    /// Type of the cached keys and values.
    pub cache_type: String,
    /// By how much shares of right answers may differ and still be called no loss; without it nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What the context held when memory was measured; absent where it was one short answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<Filled>,
}

/// What a fresh process had in its context when its memory was at its peak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Filled {
    /// Tokens, those of the pictures among them.
    pub tokens: usize,
    /// SHA-256 of the file of each picture that it was shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<String>,
}

impl Filled {
    /// What memory is measured of where nothing else is asked for.
    pub const ONE_ANSWER: &str = "of one short answer";
}

impl std::fmt::Display for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {} tokens", self.tokens)?;
        match self.pictures.len() {
            0 => Ok(()),
            1 => f.write_str(", 1 picture"),
            n => write!(f, ", {n} pictures"),
        }
    }
}

/// The rest of what is said together with a comparison, where it is one of several of three models or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Among {
    /// Models in all.
    pub models: usize,
    /// The p-value of everything that is compared of every other pair, each by itself: Holm's correction is over these and
    /// the comparison's own.
    pub p: Vec<f64>,
}

/// Two models measured on one device and laid side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`] at the time of writing.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// When the comparison was finished, RFC 3339 in UTC.
    pub created: String,
    /// Where.
    pub device: Device,
    /// With which questions.
    pub suite: SuiteFacts,
    /// With which settings.
    pub settings: Settings,
    /// What is corrected together with it; absent where two models alone were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<Among>,
    /// Model A and model B.
    pub models: [ModelRecord; 2],
    /// What else the machine did meanwhile; absent from records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadLog>,
    /// What disturbed the measurement; where there is anything, speeds are noisy and better taken again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<Disturbance>,
    /// How faithful one is to the other; absent where they cannot be artifacts of one model.
    #[serde(default)]
    pub fidelity: Option<Fidelity>,
    /// Every difference looked at, none left out for being small.
    pub differences: Vec<Difference>,
    /// What follows and what does not.
    pub conclusion: Conclusion,
    /// The command that makes this comparison again.
    pub reproduce: String,
}

impl Comparison {
    /// Every measurement in it, device first, then A, B, how faithful one is to the other, and the differences.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let mut all = vec![&self.device.read_bandwidth, &self.device.arithmetic_rate];
        for model in &self.models {
            all.extend(model.measurements());
        }
        all.extend(self.fidelity.iter().flat_map(Fidelity::measurements));
        all.extend(self.differences.iter().map(|difference| &difference.difference));
        all
    }

    /// What disturbed the measurement and what to do about it, in a sentence; `None` if nothing did.
    pub fn noisy(&self) -> Option<String> {
        let found: Vec<String> = self.disturbed.iter().map(ToString::to_string).collect();
        let slowed = self.disturbed.iter().any(|found| matches!(found, Disturbance::Throttled { .. }));
        let cool = if slowed { ", let the machine cool" } else { "" };
        (!found.is_empty())
            .then(|| format!("Noisy: {}. Close other programs{cool} and run the same command again.", found.join("; ")))
    }

    /// Of each model whose canaries failed, a sentence that says so and what is likelier broken.
    pub fn broken(&self) -> Vec<String> {
        let told = |side: Side| {
            let CanaryRecord { found, likelier_broken } = self.models[side.index()].canaries.as_ref()?;
            let (letter, complaint) = (side.letter(), found.complaint()?);
            let because = match likelier_broken.as_ref()? {
                Broken::Model => "The model is likelier broken than the run",
                Broken::Run => {
                    "The run is likelier broken than the model: `plimsoll verify` holds it against a reference"
                }
            };
            Some(format!("{letter} {complaint}. {because}, and what stands here of its quality says nothing else."))
        };
        Side::BOTH.into_iter().filter_map(told).collect()
    }

    /// The difference in `metric`, if it was looked at.
    pub fn difference(&self, metric: &str) -> Option<&Difference> {
        self.differences.iter().find(|difference| difference.metric == metric)
    }
}
