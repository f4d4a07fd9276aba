//! What is predicted of a model, as measurements that say so.

use plimsoll_catalog::{DeviceProfile, EngineThere, ModelCard};
use plimsoll_lab::predict::before::{Floats, Prediction, Range, Runner};
use plimsoll_lab::record::{Measurement, Origin, Unit};
use plimsoll_lab::stats::Interval;
use serde::{Deserialize, Serialize};

/// A range of a prediction is all that is known to be possible, not a sample's: it has no level, and this stands for it.
const WHOLE: f64 = 1.0;

/// What was predicted of a model for one device, or that nothing could be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expected {
    /// The device as it is read: `Google Pixel 10`, `this machine`.
    pub device: String,
    /// All the memory of the device. [bytes]
    pub installed: Option<Range>,
    /// What is predicted; none of a model whose shape is not published.
    pub prediction: Option<Prediction>,
    /// Why another engine would have to run it there, if one would.
    pub engine: Option<OtherEngine>,
}

/// Why this program would not run a model on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherEngine {
    /// The device computes on what this program has no kernels for.
    Device,
    /// This program does not read the architecture.
    Architecture(String),
    /// Which architecture it has is not known.
    Unnamed,
}

impl OtherEngine {
    /// Why `runner` is not this program, on a device of this profile or, without one, on this machine.
    pub fn of(card: &ModelCard, runner: Runner, there: Option<&DeviceProfile>) -> Option<OtherEngine> {
        match (runner, there) {
            (Runner::ThisProgram, _) => None,
            (_, Some(profile)) if profile.engine == EngineThere::Other => Some(OtherEngine::Device),
            _ => Some(card.architecture.clone().map_or(OtherEngine::Unnamed, OtherEngine::Architecture)),
        }
    }

    /// As a person reads it.
    pub fn words(&self) -> String {
        match self {
            OtherEngine::Device => "another engine would be needed there: Plimsoll computes on processors".to_owned(),
            OtherEngine::Architecture(name) => {
                format!("another engine would be needed: Plimsoll does not read the architecture `{name}`")
            }
            OtherEngine::Unnamed => {
                "another engine would be needed: Plimsoll does not read its architecture".to_owned()
            }
        }
    }
}

impl Expected {
    /// Whether its memory is within what a model may take; unknown where nothing is predicted.
    pub fn fits(&self) -> Floats {
        self.prediction.as_ref().map_or(Floats::Perhaps, |prediction| prediction.fits)
    }

    /// Every predicted figure of the model called `name`, by the names of what is measured.
    pub(super) fn measurements(&self, name: &str) -> Vec<Measurement> {
        let Some(found) = &self.prediction else { return Vec::new() };
        let of = |subject: &str, metric: &str, unit: Unit, range: Range, how: &str| {
            let interval = Interval { low: range.low, high: range.high, level: WHOLE };
            let begun = Measurement::of(subject, metric, unit, Origin::Predicted, range.value);
            begun.within(Some(interval)).by(how).record()
        };
        let stored = format!("as {} with {} tokens of context, on {}", found.quantisation, found.context, self.device);
        let how = |begins: &[&str]| {
            let is_it = |line: &&String| begins.iter().any(|begins| line.starts_with(begins));
            let derived = found.derived.iter().find(is_it).map_or("", String::as_str);
            format!("predicted {stored}: {derived}")
        };
        let mut all = vec![of(name, "peak_memory", Unit::Bytes, found.memory.total, &how(&["memory"]))];
        all.extend(found.room.map(|room| {
            of(
                "device",
                "memory_room",
                Unit::Bytes,
                room,
                &format!("what a model may take of the memory of {}", self.device),
            )
        }));
        all.extend(self.installed.map(|installed| {
            of("device", "memory_installed", Unit::Bytes, installed, &format!("all the memory of {}", self.device))
        }));
        let speed = Unit::TokensPerSecond;
        all.extend(found.decode.map(|range| of(name, "decode@0", speed, range, &how(&["decode", "speed"]))));
        all.extend(found.prefill.map(|range| of(name, "prefill@0", speed, range, &how(&["prefill", "speed"]))));
        all.extend(found.prefill_at_most.filter(|_| found.prefill.is_none()).map(|most| {
            Measurement::of(name, "prefill_at_most", speed, Origin::Predicted, most).by(&how(&["prefill"])).record()
        }));
        all
    }
}
