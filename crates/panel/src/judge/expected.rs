//! What is predicted of a model, as measurements that say so.

use plimsoll_catalog::{DeviceProfile, EngineThere, ModelCard};
use plimsoll_lab::predict::before::{Floats, Prediction, Range, Runner};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_lab::record::{Measurement, Origin, Unit};
use plimsoll_lab::stats::Interval;
use serde::{Deserialize, Serialize};

use super::evidence_index::AT_LEAST;

/// A range of a prediction is all that is known to be possible, not a sample's: it has no level, and this stands for it.
const WHOLE: f64 = 1.0;

/// What was predicted of a model for one device, or that nothing could be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expected {
    /// The device as it is read: `Google Pixel 10`, `this machine`.
    pub device: String,
    /// All the memory of the device, in bytes.
    pub installed: Option<Range>,
    /// Whether the device was named; else it is this machine.
    #[serde(default)]
    pub is_named: bool,
    /// What is predicted; none of a model whose shape is not published.
    pub prediction: Option<Prediction>,
    /// What its weights take at least, where no more than the number of its parameters is announced.
    #[serde(default)]
    pub at_least: Option<AtLeast>,
    /// Why another engine would have to run it there, if one would.
    pub engine: Option<OtherEngine>,
}

/// A bound from below on the memory of a model whose shape is not published: its parameters times the bits of each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AtLeast {
    /// Bytes of its weights.
    pub bytes: u64,
    /// Parameters, as announced.
    pub parameters: u64,
    /// How the weights would be stored: the smallest of the usual ways where nothing else was asked for.
    pub quantisation: Quantisation,
    /// What a model may take of the device's memory, in bytes.
    pub room: Option<Range>,
}

impl AtLeast {
    /// Of a size as it is announced, such as `12B`; nothing of one that is no single number of parameters.
    pub fn of(size: &str, asked: Option<Quantisation>, room: Option<Range>) -> Option<AtLeast> {
        let size = size.trim().to_ascii_lowercase();
        let units = [("billion", 1e9), ("million", 1e6), ("b", 1e9), ("m", 1e6)];
        let (number, scale) = units.iter().find_map(|(unit, scale)| Some((size.strip_suffix(unit)?.trim(), *scale)))?;
        let is_plain = number.starts_with(|c: char| c.is_ascii_digit());
        let parameters = number.parse::<f64>().ok().filter(|_| is_plain)? * scale;
        if !(1.0..=1e15).contains(&parameters) {
            return None;
        }
        let quantisation = asked.unwrap_or(Quantisation::Q4_0);
        let dtype = quantisation.dtype();
        let bytes = parameters * dtype.block_bytes() as f64 / dtype.block_len() as f64;
        Some(AtLeast { bytes: bytes as u64, parameters: parameters as u64, quantisation, room })
    }

    fn fits(&self) -> Floats {
        // That the weights alone would fit says nothing of what is beside them.
        match self.room {
            Some(room) if self.bytes as f64 > room.high => Floats::No,
            _ => Floats::Perhaps,
        }
    }
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
        let bounded = self.at_least.map_or(Floats::Perhaps, |at_least| at_least.fits());
        self.prediction.as_ref().map_or(bounded, |prediction| prediction.fits)
    }

    /// Every predicted figure of the model called `name`, by the names of what is measured.
    pub(super) fn measurements(&self, name: &str) -> Vec<Measurement> {
        let Some(found) = &self.prediction else { return self.bounded(name) };
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
        all.extend(found.room.map(|room| self.room(room)));
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

    /// What a model may take of the device's memory.
    fn room(&self, room: Range) -> Measurement {
        let interval = Interval { low: room.low, high: room.high, level: WHOLE };
        let begun = Measurement::of("device", "memory_room", Unit::Bytes, Origin::Predicted, room.value);
        begun.within(Some(interval)).by(&format!("what a model may take of the memory of {}", self.device)).record()
    }

    /// What follows from a number of parameters alone.
    fn bounded(&self, name: &str) -> Vec<Measurement> {
        let Some(at_least) = &self.at_least else { return Vec::new() };
        let how = format!(
            "a bound from below: {} parameters, as announced, in the bits of {}; keys, values and buffers come on top",
            at_least.parameters, at_least.quantisation
        );
        let bytes = at_least.bytes as f64;
        let bound = Measurement::of(name, AT_LEAST, Unit::Bytes, Origin::Predicted, bytes).by(&how).record();
        std::iter::once(bound).chain(at_least.room.map(|room| self.room(room))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_bound_only_where_it_is_one_number_of_parameters() {
        let bytes = |size: &str| AtLeast::of(size, None, None).map(|found| found.bytes);
        // 18 bytes for 32 weights.
        assert_eq!(bytes("12B"), Some(6_750_000_000));
        assert_eq!(bytes("1.5 billion"), Some(843_750_000));
        assert_eq!(bytes("360M"), Some(202_500_000));
        for size in ["", "B", "8x7B", "109B (17B active)", "about 3B", "-3B", "infB", "nanb", "1e300B", "E2B"] {
            assert_eq!(bytes(size), None, "{size}");
        }
        let wide = AtLeast::of("12B", Some(Quantisation::BF16), None).unwrap();
        assert_eq!(wide.bytes, 24_000_000_000);
    }
}
