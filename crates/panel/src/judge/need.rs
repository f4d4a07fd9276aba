//! What a reader needs of a model: `memory<2GB, decode>10, accuracy.dates>0.8`.

use plimsoll_catalog::{Outcome, nearest};
use plimsoll_lab::record::{Measurement, Unit};
use plimsoll_lab::suite::categories;
use serde::{Deserialize, Serialize};

use super::evidence_index::{AT_LEAST, EvidenceIndex};
use crate::gate::{Standing, Wanted, stands};

/// Needs that may be declared at once; more were not meant.
const MOST: usize = 32;

/// A bound on a measurement of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Need {
    /// Stable name of the measurement, such as `decode@0`.
    pub metric: String,
    /// On which side of the limit it is wanted.
    pub wanted: Wanted,
    /// The limit, in the unit of the measurement: bytes, seconds, tokens/s or a share.
    pub limit: f64,
    /// As it was written.
    pub text: String,
}

/// A need held against the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NeedFound {
    /// What was asked.
    pub need: Need,
    /// Unknown where the evidence does not tell: the interval or the predicted range straddles the limit, or nothing was
    /// measured or predicted.
    pub outcome: Outcome,
    /// What it was held against; none where nothing was measured.
    pub measurement: Option<String>,
}

/// Why a need cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("need `{need}`: {about}")]
pub struct NeedError {
    /// The need as it was written.
    pub need: String,
    /// What is wrong with it.
    pub about: String,
}

/// Names of measurements that are long to write.
const SHORT: [(&str, &str); 6] = [
    ("memory", "peak_memory"),
    ("decode", "decode@0"),
    ("prefill", "prefill@0"),
    ("first_token", "first_token_cold"),
    ("headroom", "memory_headroom"),
    ("stable", "answers_stable"),
];

/// What can be needed, besides `accuracy.CATEGORY` and speeds at other depths.
const NEEDED: [(&str, Unit); 9] = [
    ("peak_memory", Unit::Bytes),
    ("decode@0", Unit::TokensPerSecond),
    ("prefill@0", Unit::TokensPerSecond),
    ("load", Unit::Seconds),
    ("first_token_cold", Unit::Seconds),
    ("first_token_warm", Unit::Seconds),
    ("accuracy", Unit::Share),
    ("memory_headroom", Unit::Share),
    ("answers_stable", Unit::Share),
];

/// Suffixes with what one of them is in the unit itself.
const SUFFIXES: [(&str, Unit, f64); 20] = [
    ("B", Unit::Bytes, 1.0),
    ("bytes", Unit::Bytes, 1.0),
    ("kB", Unit::Bytes, 1e3),
    ("MB", Unit::Bytes, 1e6),
    ("GB", Unit::Bytes, 1e9),
    ("TB", Unit::Bytes, 1e12),
    ("KiB", Unit::Bytes, 1024.0),
    ("MiB", Unit::Bytes, 1_048_576.0),
    ("GiB", Unit::Bytes, 1_073_741_824.0),
    ("TiB", Unit::Bytes, 1_099_511_627_776.0),
    ("s", Unit::Seconds, 1.0),
    ("ms", Unit::Seconds, 1e-3),
    ("µs", Unit::Seconds, 1e-6),
    ("us", Unit::Seconds, 1e-6),
    ("min", Unit::Seconds, 60.0),
    ("tokens/s", Unit::TokensPerSecond, 1.0),
    ("token/s", Unit::TokensPerSecond, 1.0),
    ("tok/s", Unit::TokensPerSecond, 1.0),
    ("t/s", Unit::TokensPerSecond, 1.0),
    ("%", Unit::Share, 0.01),
];

impl Need {
    /// Reads needs between commas.
    ///
    /// ```
    /// use plimsoll_panel::judge::Need;
    /// let needs = Need::read("memory<2GB, accuracy.dates > 80%").unwrap();
    /// assert_eq!((needs[0].metric.as_str(), needs[0].limit), ("peak_memory", 2e9));
    /// assert_eq!((needs[1].metric.as_str(), needs[1].limit), ("accuracy.dates", 0.8));
    /// ```
    ///
    /// # Errors
    /// [`NeedError`], which names the need and what is wrong with it.
    pub fn read(text: &str) -> Result<Vec<Need>, NeedError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if parts.len() > MOST {
            let about = format!("{} needs are more than the {MOST} that are read", parts.len());
            return Err(NeedError { need: text.chars().take(60).collect(), about });
        }
        let read = |part: &str| one(part).map_err(|about| NeedError { need: part.to_owned(), about });
        let needs = parts.into_iter().map(read).collect::<Result<Vec<Need>, NeedError>>()?;
        let contrary = |need: &&Need| {
            let against = |other: &Need| match (need.wanted, other.wanted) {
                (Wanted::AtLeast, Wanted::AtMost) => need.limit > other.limit,
                _ => false,
            };
            needs.iter().any(|other| other.metric == need.metric && against(other))
        };
        match needs.iter().find(contrary) {
            Some(need) => Err(NeedError {
                need: need.text.clone(),
                about: "another need wants the opposite, and no model can meet both".to_owned(),
            }),
            None => Ok(needs),
        }
    }

    /// As [`Need::read`] reads it: `memory<2GB`.
    pub fn written(&self) -> String {
        let name = SHORT.iter().find(|(_, stable)| *stable == self.metric).map_or(&*self.metric, |(short, _)| short);
        let sign = if self.wanted == Wanted::AtMost { '<' } else { '>' };
        let unit = named(name).map_or(Unit::Ratio, |(_, unit)| unit);
        format!("{name}{sign}{}", limit_text(unit, self.limit).replace(' ', ""))
    }

    /// Holds it against what is known of a model.
    pub(super) fn found(&self, index: &EvidenceIndex) -> NeedFound {
        let measurement = index.get(&self.metric).or_else(|| self.ruled_out_by(index));
        let standing = measurement.map(|measured| stands(measured, self.limit, self.wanted).0);
        let outcome = match standing {
            Some(Standing::Passed) => Outcome::Passed,
            Some(Standing::Failed) => Outcome::Failed,
            Some(Standing::Inconclusive) | None => Outcome::Unknown,
        };
        NeedFound { need: self.clone(), outcome, measurement: measurement.map(|found: &Measurement| found.id.clone()) }
    }

    /// A bound can rule a need out and never meet it: what arithmetic allows at most of prompts, and what weights take at
    /// least of memory.
    fn ruled_out_by<'a>(&self, index: &'a EvidenceIndex) -> Option<&'a Measurement> {
        match (self.metric.as_str(), self.wanted) {
            ("prefill@0", Wanted::AtLeast) => index.get("prefill_at_most").filter(|most| most.value < self.limit),
            ("peak_memory", Wanted::AtMost) => index.get(AT_LEAST).filter(|least| least.value > self.limit),
            _ => None,
        }
    }
}

/// One need: a name, `<` or `>` (with or without `=`, or in words), and a limit with its unit.
fn one(text: &str) -> Result<Need, String> {
    let text = &text.replacen(" at most ", "<", 1).replacen(" at least ", ">", 1);
    let form = "expected a name, `<` or `>`, and a limit, such as `memory<2GB` or `decode>10`";
    let at = text.find(['<', '>', '≤', '≥']).ok_or(form)?;
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let sign = rest.chars().next().ok_or(form)?;
    let wanted = if matches!(sign, '<' | '≤') { Wanted::AtMost } else { Wanted::AtLeast };
    let limit = rest[sign.len_utf8()..].trim_start_matches('=').trim();
    if name.is_empty() || limit.is_empty() {
        return Err(form.to_owned());
    }
    let (metric, unit) = named(name)?;
    let limit = limit_of(limit, unit, &metric)?;
    let word = if wanted == Wanted::AtMost { "at most" } else { "at least" };
    Ok(Need { text: format!("{name} {word} {}", limit_text(unit, limit)), metric, wanted, limit })
}

/// A size with its unit: `24GB`, `16 GiB`, in bytes.
///
/// # Errors
/// What is wrong with it, in words: no number, no unit, or a unit of something else.
pub fn size(text: &str) -> Result<f64, String> {
    limit_of(text.trim(), Unit::Bytes, "a size")
}

/// As `1.5 GB` or `10 tokens/s`: without digits that nobody wrote.
fn limit_text(unit: Unit, limit: f64) -> String {
    let scale = unit.scale(&[limit]);
    let shown = (limit / scale.divisor * 1e6).round() / 1e6;
    format!("{shown} {}", scale.suffix)
}

/// The stable name of what is called `name`, and its unit.
fn named(name: &str) -> Result<(String, Unit), String> {
    let stable = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, stable)| *stable);
    if let Some((metric, unit)) = NEEDED.iter().find(|(metric, _)| *metric == stable) {
        return Ok(((*metric).to_owned(), *unit));
    }
    if let Some((phase @ ("decode" | "prefill"), depth)) = stable.split_once('@') {
        let depth: usize = depth.parse().map_err(|_| format!("`{depth}` is no depth: expected `{phase}@512`"))?;
        return Ok((format!("{phase}@{depth}"), Unit::TokensPerSecond));
    }
    let known = SHORT.iter().map(|(short, _)| (*short).to_owned());
    let known = known.chain(NEEDED.iter().map(|(metric, _)| (*metric).to_owned()));
    let kinds = categories().map(|category| format!("accuracy.{}", category.id));
    let all: Vec<String> = known.chain(kinds).collect();
    if all.iter().any(|known| known == stable) {
        return Ok((stable.to_owned(), Unit::Share));
    }
    let near = nearest(stable, all.iter().map(String::as_str));
    match (stable.strip_prefix("accuracy."), near) {
        (_, Some(near)) => Err(format!("nothing is called `{name}`; did you mean `{near}`?")),
        // Questions of one's own have kinds that nobody else knows.
        (Some(kind), None) if !kind.is_empty() => Ok((stable.to_owned(), Unit::Share)),
        _ => Err(format!("nothing is called `{name}`; there are {} and `accuracy.` with a kind of question", listed())),
    }
}

fn listed() -> String {
    let short = SHORT.iter().map(|(short, _)| *short);
    let own = NEEDED.iter().map(|(metric, _)| *metric).filter(|metric| SHORT.iter().all(|(_, long)| long != metric));
    short.chain(own).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// An exabyte, and a billion of whatever else is counted: what is larger was meant otherwise.
const MOST_BYTES: f64 = 1e18;
const MOST_OF_OTHERS: f64 = 1e9;

fn limit_of(text: &str, unit: Unit, metric: &str) -> Result<f64, String> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(text.len());
    let (number, suffix) = (text[..end].replace('_', ""), text[end..].trim());
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no number with a unit"))?;
    let expected = match unit {
        Unit::Bytes => "B, kB, MB, GB, KiB, MiB or GiB",
        Unit::Seconds => "ms, s or min",
        Unit::TokensPerSecond => "tokens/s, which may be left out",
        _ => "%, or none for a share from 0 to 1",
    };
    let scale = match (suffix, unit) {
        ("", Unit::TokensPerSecond | Unit::Share) => 1.0,
        ("", _) => return Err(format!("`{metric}` needs a unit: {expected}")),
        _ => {
            let is_it = |found: &&(&str, Unit, f64)| found.0 == suffix || found.0.eq_ignore_ascii_case(suffix);
            let found = SUFFIXES.iter().find(|found| found.0 == suffix).or_else(|| SUFFIXES.iter().find(is_it));
            match found {
                Some((_, of, scale)) if *of == unit => *scale,
                Some((_, of, _)) => {
                    let (counts, is) = (counted(*of), counted(unit));
                    return Err(format!("`{suffix}` counts {counts}, and `{metric}` is in {is}: {expected}"));
                }
                None => return Err(format!("`{suffix}` is no unit that is known; `{metric}` takes {expected}")),
            }
        }
    };
    let limit = number * scale;
    let most = if unit == Unit::Bytes { MOST_BYTES } else { MOST_OF_OTHERS };
    if limit > most {
        return Err(format!("`{text}` is more than any machine has"));
    }
    if unit == Unit::Share && limit > 1.0 {
        return Err(format!("a share is 0 to 1, and {limit} is more; write {number}% or {}", number / 100.0));
    }
    Ok(limit)
}

fn counted(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "time",
        Unit::TokensPerSecond => "tokens in a second",
        _ => "shares",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, f64, Wanted) {
        let need = Need::read(text).unwrap().remove(0);
        (need.metric, need.limit, need.wanted)
    }

    fn told(text: &str) -> String {
        Need::read(text).unwrap_err().to_string()
    }

    #[test]
    fn every_unit_is_read_into_that_of_the_measurement() {
        let bytes = |limit: f64| ("peak_memory".to_owned(), limit, Wanted::AtMost);
        for (text, limit) in [("memory<2GB", 2e9), ("memory <= 1.5 GiB", 1_610_612_736.0), ("memory<900mb", 9e8)] {
            assert_eq!(read(text), bytes(limit), "{text}");
        }
        assert_eq!(read("decode>10"), ("decode@0".into(), 10.0, Wanted::AtLeast));
        assert_eq!(read("decode@512 ≥ 5 tokens/s"), ("decode@512".into(), 5.0, Wanted::AtLeast));
        assert_eq!(read("load<250ms"), ("load".into(), 0.25, Wanted::AtMost));
        assert_eq!(read("accuracy.dates>0.8").1, 0.8);
        assert_eq!(read("accuracy>80%").1, 0.8);
        assert_eq!(Need::read("decode>10").unwrap()[0].text, "decode at least 10 tokens/s");
        assert_eq!(Need::read("memory<1.5GB").unwrap()[0].text, "memory at most 1.5 GB");
    }

    #[test]
    fn a_need_that_cannot_be_meant_says_why() {
        for (text, about) in [
            ("memroy<2GB", "did you mean `memory`?"),
            ("accuracy.datse>0.8", "did you mean `accuracy.dates`?"),
            ("price<3", "nothing is called `price`; there are `memory`, `decode`"),
            ("memory<2", "needs a unit: B, kB"),
            ("memory<2s", "`s` counts time, and `peak_memory` is in bytes"),
            ("memory<2parsec", "`parsec` is no unit that is known"),
            ("accuracy>80", "write 80% or 0.8"),
            ("decode=10", "expected a name, `<` or `>`"),
            ("decode>", "expected a name, `<` or `>`"),
            ("decode>fast", "`fast` is no number with a unit"),
            ("decode@deep>3", "`deep` is no depth"),
            ("", "expected a name"),
            ("decode>10, decode<5", "no model can meet both"),
        ] {
            assert!(told(text).contains(about), "{text}: {}", told(text));
        }
        assert!(told(&vec!["decode>1"; 40].join(",")).contains("more than the 32"));
    }
}
