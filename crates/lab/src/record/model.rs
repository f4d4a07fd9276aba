//! One model: what its files say, what was predicted and what was seen.

use serde::{Deserialize, Serialize};

use super::Measurement;
use crate::canary::{Broken, Canaries};
use crate::predict::MemoryPrediction;
use crate::runner::ItemOutcome;

/// One of the two models of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Side {
    /// The first named.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// `A` or `B`.
    pub fn letter(self) -> &'static str {
        match self {
            Side::A => "A",
            Side::B => "B",
        }
    }

    /// The one that it is not.
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// The place in a list of two.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl ModelFacts {
    /// The format, and through which engine it ran.
    pub fn files(&self) -> String {
        match &self.engine {
            Some(engine) => format!("{} through {engine}", self.format),
            None => self.format.clone(),
        }
    }
}

/// What a model's files say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelFacts {
    /// What to call it.
    pub name: String,
    /// What was named on the command line: a folder, a file or `demo:…`.
    pub path: String,
    /// `safetensors`, `MLX`, `ONNX` or `GGUF` with its version.
    pub format: String,
    /// The engine that ran it with its version, where this program did not; what is predicted is what this program would take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `model_type` or `general.architecture`.
    pub architecture: String,
    /// Values in all weights, a tied table counted once.
    pub parameters: u64,
    /// Bytes of the weights' files.
    pub file_bytes: u64,
    /// Bytes of the weights by stored type, largest first.
    pub types: Vec<TypeBytes>,
    /// SHA-256 over every tensor's name, type, shape and stored bytes, in the order of the names.
    pub sha256: String,
    /// SHA-256 over every token's id and bytes; absent from records of earlier versions.
    #[serde(default)]
    pub tokenizer_sha256: Option<String>,
    /// SHA-256 of its chat template's source; absent if it has none, and from records of earlier versions.
    #[serde(default)]
    pub template_sha256: Option<String>,
    /// What its files say of its licence.
    pub licence: LicenceRecord,
    /// Longest sequence that the model is made for, in tokens.
    pub context: usize,
}

/// A model as it was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelRecord {
    /// What its files say.
    pub facts: ModelFacts,
    /// Memory, predicted and seen.
    pub memory: MemoryRecord,
    /// Loading and the first token.
    pub start: StartRecord,
    /// Speed by the number of tokens that came before.
    pub speed: Vec<SpeedAtDepth>,
    /// How many answers were right.
    pub quality: Quality,
    /// Its numbers beside those of the reference implementation, where golden outputs are at hand.
    #[serde(default)]
    pub verified: Option<VerifiedRecord>,
    /// Whether it predicts ordinary text at all; absent from records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canaries: Option<CanaryRecord>,
}

impl ModelRecord {
    /// Every measurement of this model, in the order of a report.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let mut all = vec![&self.memory.predicted, &self.memory.peak, &self.memory.error];
        all.extend([&self.start.load, &self.start.first_token_cold, &self.start.first_token_warm]);
        for row in &self.speed {
            all.extend([&row.prefill_predicted, &row.prefill, &row.prefill_error, &row.arithmetic_share]);
            all.extend([&row.decode_predicted, &row.decode, &row.decode_error, &row.bandwidth_share]);
        }
        all.extend(self.quality.measurements());
        all.extend(self.verified.as_ref().map(|verified| &verified.max_delta));
        all
    }
}

/// What came of the canaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CanaryRecord {
    /// All of them.
    #[serde(flatten)]
    pub found: Canaries,
    /// Where they failed, what is likelier broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelier_broken: Option<Broken>,
}

/// Bytes of weights stored in one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TypeBytes {
    /// ggml's name of the type.
    pub dtype: String,
    /// Bytes of all tensors of it.
    pub bytes: u64,
}

/// Licence facts as the files declare them; what they permit is not judged here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LicenceRecord {
    /// The SPDX id, if the files agree on one.
    pub spdx: Option<String>,
    /// Each declaration with the place it was read from.
    pub declared: Vec<Declared>,
    /// Licence texts that lie beside the weights.
    #[serde(default)]
    pub texts: Vec<LicenceText>,
    /// Declarations that contradict each other, in words.
    pub conflicts: Vec<String>,
}

/// A licence text that lies beside the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LicenceText {
    /// File name.
    pub file: String,
    /// SHA-256 of its words, in hex.
    pub words_sha256: String,
    /// Its first words.
    pub head: String,
}

/// A declaration and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Declared {
    /// File and key.
    pub source: String,
    /// `license`, `license_name` or `license_link`.
    #[serde(default = "licence_itself")]
    pub kind: String,
    /// What stands there.
    pub value: String,
}

/// What every declaration was before there were kinds.
fn licence_itself() -> String {
    "license".to_owned()
}

/// Memory of a process that loads the model and answers with it, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemoryRecord {
    /// What the prediction consists of.
    pub parts: MemoryPrediction,
    /// Weights, cache, buffers and the program itself.
    pub predicted: Measurement,
    /// Peak resident size.
    pub peak: Measurement,
    /// The prediction divided by the peak, in ratio.
    pub error: Measurement,
}

/// From nothing to the first token, in s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StartRecord {
    /// Opening the files and making the model executable, in a fresh process.
    pub load: Measurement,
    /// First token of a prompt right after loading.
    pub first_token_cold: Measurement,
    /// First token of the same prompt with everything touched before.
    pub first_token_warm: Measurement,
}

/// Speed after `depth` tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SpeedAtDepth {
    /// Tokens in the cache before the timed ones.
    pub depth: usize,
    /// Predicted prefill, in tokens/s.
    pub prefill_predicted: Measurement,
    /// Measured prefill, in tokens/s.
    pub prefill: Measurement,
    /// The predicted prefill divided by the measured, in ratio.
    pub prefill_error: Measurement,
    /// Part of the machine's arithmetic rate that prefill reaches, in share.
    pub arithmetic_share: Measurement,
    /// Predicted decode, in tokens/s.
    pub decode_predicted: Measurement,
    /// Measured decode, in tokens/s.
    pub decode: Measurement,
    /// The predicted decode divided by the measured, in ratio.
    pub decode_error: Measurement,
    /// Part of the machine's read bandwidth that decode reaches, in share.
    pub bandwidth_share: Measurement,
}

/// Right answers, with every outcome kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quality {
    /// How questions reached the model.
    pub prompting: String,
    /// Over all items.
    pub overall: Rate,
    /// Share of items in whose answer what was asked for stands in whatever form: what the model knows, beside what it
    /// writes as it was asked to. Absent from records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Measurement>,
    /// Category by category, in the order of the suite.
    pub categories: Vec<Rate>,
    /// What became of each item, in the order of the suite.
    pub outcomes: Vec<ItemOutcome>,
    /// Share of answers that were the same when some questions were asked again.
    #[serde(default)]
    pub stable: Option<Measurement>,
}

impl Quality {
    /// Every measurement that hangs on which questions were put.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let mut all = vec![&self.overall.rate];
        all.extend(&self.known);
        all.extend(self.categories.iter().map(|category| &category.rate));
        all.extend(&self.stable);
        all
    }
}

/// Whether a model's numbers are the reference implementation's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerifiedRecord {
    /// Whether everything agreed: ids, rendered chats, logits within the tolerance, greedy tokens.
    pub passed: bool,
    /// Which implementation wrote the golden outputs.
    pub reference: String,
    /// Largest difference of a logit that still agrees.
    pub tolerance: f64,
    /// Largest difference of a logit, in f32 arithmetic.
    pub max_delta: Measurement,
}

/// The share of right answers in one category or in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rate {
    /// The category's id, or `overall`.
    pub category: String,
    /// Right answers.
    pub correct: usize,
    /// Items.
    pub n: usize,
    /// Their share with its Wilson interval.
    pub rate: Measurement,
    /// Answers in which what was asked for stands in whatever form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<usize>,
}
