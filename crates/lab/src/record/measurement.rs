//! One number and what stands behind it.

use serde::{Deserialize, Serialize};

use crate::stats::Interval;
use crate::suite::hash::{canonical_json, sha256_hex};

/// Digits of the ids that record versions before 4 gave: so few that somebody can make two measurements that share one.
const EARLIER_DIGITS: usize = 12;

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Unit {
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Tokens per second.
    #[serde(rename = "tokens/s")]
    TokensPerSecond,
    /// Bytes per second.
    #[serde(rename = "bytes/s")]
    BytesPerSecond,
    /// Floating-point operations per second.
    #[serde(rename = "flop/s")]
    FlopsPerSecond,
    /// A part of a whole, 1 being all of it.
    #[serde(rename = "share")]
    Share,
    /// Natural units of information, by which distributions diverge.
    #[serde(rename = "nats")]
    Nats,
    /// One share less another.
    #[serde(rename = "share difference")]
    ShareDifference,
    /// One value divided by another.
    #[serde(rename = "ratio")]
    Ratio,
    /// A difference of logits.
    #[serde(rename = "logits")]
    Logits,
    /// A share for each gigabyte.
    #[serde(rename = "share/GB")]
    SharePerGigabyte,
}

/// How a value came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Seen on this device.
    Measured,
    /// Calculated before anything ran.
    Predicted,
    /// Calculated from other measurements.
    Derived,
}

/// A number with its unit, interval, method and samples.
///
/// ```
/// use plimsoll_lab::record::{Measurement, Origin, Unit};
/// let one = Measurement::of("A", "load", Unit::Seconds, Origin::Measured, 0.25).by("wall clock").record();
/// let same = Measurement::of("A", "load", Unit::Seconds, Origin::Measured, 0.25).by("wall clock").record();
/// let other = Measurement::of("B", "load", Unit::Seconds, Origin::Measured, 0.25).by("wall clock").record();
/// assert_eq!(one.id, same.id);
/// assert_ne!(one.id, other.id);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Measurement {
    /// The SHA-256 of everything below as canonical JSON, in hexadecimal; of earlier records its first digits.
    pub id: String,
    /// What was measured: `A`, `B`, `A against B`, `device`.
    pub subject: String,
    /// Stable name of the quantity, such as `decode@512`.
    pub metric: String,
    /// What the value counts.
    pub unit: Unit,
    /// How it came about.
    pub origin: Origin,
    /// The value; the median where there are samples of a continuous quantity.
    pub value: f64,
    /// Its interval, if the method gives one; it says itself how surely it holds the true value.
    pub interval: Option<Interval>,
    /// Observations behind it; 0 for a prediction.
    pub n: usize,
    /// How it was obtained, in a sentence.
    pub method: String,
    /// The raw values in the order of observation; empty where item outcomes are kept instead.
    pub samples: Vec<f64>,
    /// Ids of the measurements that it was calculated from.
    pub from: Vec<String>,
}

impl Measurement {
    /// Begins a record. A value that is not finite is a fault of the caller and is kept as it is, which JSON shows
    /// as `null`.
    pub fn of(subject: &str, metric: &str, unit: Unit, origin: Origin, value: f64) -> MeasurementBuilder {
        MeasurementBuilder(Measurement {
            id: String::new(),
            subject: subject.to_owned(),
            metric: metric.to_owned(),
            unit,
            origin,
            value,
            interval: None,
            n: 0,
            method: String::new(),
            samples: Vec::new(),
            from: Vec::new(),
        })
    }

    /// Whether the id belongs to the rest of the record, whole or as earlier versions cut it.
    pub fn is_intact(&self) -> bool {
        let whole = self.expected_id();
        self.id == whole || (self.id.len() == EARLIER_DIGITS && whole.starts_with(&self.id))
    }

    /// The id that belongs to the rest of the record.
    pub fn expected_id(&self) -> String {
        let without_id = Measurement { id: String::new(), ..self.clone() };
        sha256_hex(canonical_json(&without_id).as_bytes())
    }
}

/// A measurement that has no id yet.
#[derive(Debug)]
#[must_use]
pub struct MeasurementBuilder(Measurement);

impl MeasurementBuilder {
    /// The interval, if there is one.
    pub fn within(mut self, interval: Option<Interval>) -> Self {
        self.0.interval = interval;
        self
    }

    /// The raw samples; `n` becomes their number.
    pub fn samples(mut self, samples: &[f64]) -> Self {
        self.0.n = samples.len();
        self.0.samples = samples.to_vec();
        self
    }

    /// The number of observations where they are kept elsewhere.
    pub fn n(mut self, n: usize) -> Self {
        self.0.n = n;
        self
    }

    /// How it was obtained.
    pub fn by(mut self, method: &str) -> Self {
        self.0.method = method.to_owned();
        self
    }

    /// What it was calculated from.
    pub fn from(mut self, sources: &[&Measurement]) -> Self {
        self.0.from = sources.iter().map(|source| source.id.clone()).collect();
        self
    }

    /// The finished record with its id.
    pub fn record(mut self) -> Measurement {
        self.0.id = self.0.expected_id();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Measurement {
        Measurement::of("A", "decode@0", Unit::TokensPerSecond, Origin::Measured, 41.5)
            .samples(&[41.0, 41.5, 43.0])
            .within(Some(Interval { low: 41.0, high: 43.0, level: 0.75 }))
            .by("test")
            .record()
    }

    #[test]
    fn a_changed_sample_breaks_the_id() {
        let mut record = example();
        assert!(record.is_intact());
        record.samples[1] = 41.6;
        assert!(!record.is_intact());
    }

    #[test]
    fn an_id_is_the_whole_hash_and_one_cut_by_an_earlier_version_is_still_read() {
        let mut record = example();
        assert_eq!(record.id.len(), 64);
        record.id.truncate(EARLIER_DIGITS);
        assert!(record.is_intact());
        record.id.truncate(EARLIER_DIGITS - 1);
        assert!(!record.is_intact(), "no other part of it stands for the whole");
    }

    #[test]
    fn a_record_survives_json_with_its_id() {
        let json = serde_json::to_string(&example()).unwrap();
        let back: Measurement = serde_json::from_str(&json).unwrap();
        assert_eq!(back, example());
        assert!(back.is_intact());
        assert!(json.contains(r#""unit":"tokens/s""#), "{json}");
    }
}
