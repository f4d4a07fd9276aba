//! What a reader needs of a model, in a line: `memory<2GB, decode>10`.
//!
//! A need is a name, a bound and a number with a unit that may be left out; needs are separated by commas. What the names
//! stand for is the affair of whoever holds needs against something.

use serde::Serialize;

/// A bound on something that is known of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Need {
    /// Stable name, such as `decode@0`.
    pub metric: String,
    /// On which side of the limit it is wanted.
    pub wanted: Wanted,
    /// In bytes, tokens per second, seconds, or as it stands; a per cent is a hundredth.
    pub limit: f64,
    /// As it was written.
    pub text: String,
}

/// On which side of a limit something is wanted. A range is held against it, in which `<` and `<=` are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// `>`, `>=`
    AtLeast,
    /// `<`, `<=`
    AtMost,
}

/// Names that are long to write.
const SHORT: [(&str, &str); 3] = [("memory", "peak_memory"), ("decode", "decode@0"), ("prefill", "prefill@0")];

/// Units by how they are written, in lower case, and what they are worth.
const UNITS: [(&str, f64); 15] = [
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tokens/s", 1.0),
    ("token/s", 1.0),
    ("tok/s", 1.0),
    ("t/s", 1.0),
    ("s", 1.0),
    ("ms", 1e-3),
    ("%", 0.01),
];

/// A need that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("need `{need}`: {about}")]
pub struct NeedError {
    /// As it was written.
    pub need: String,
    /// What is wrong with it.
    pub about: String,
}

impl Need {
    /// Reads needs between commas.
    ///
    /// ```
    /// use plimsoll_lab::predict::need::{Need, Wanted};
    /// let needs = Need::read("memory<2GB, decode >= 10").unwrap();
    /// assert_eq!((needs[0].metric.as_str(), needs[0].wanted, needs[0].limit), ("peak_memory", Wanted::AtMost, 2e9));
    /// assert_eq!((needs[1].metric.as_str(), needs[1].wanted, needs[1].limit), ("decode@0", Wanted::AtLeast, 10.0));
    /// ```
    ///
    /// # Errors
    /// [`NeedError`], which names the need and what it lacks.
    pub fn read(text: &str) -> Result<Vec<Need>, NeedError> {
        let one = |need: &str| one(need).map_err(|about| NeedError { need: need.to_owned(), about });
        text.split(',').map(|need| one(need.trim())).collect()
    }
}

/// A quantity with its unit: `24GB`, `16 GiB`.
///
/// # Errors
/// It is no number, or its unit is not known.
pub fn quantity(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(text.len());
    let (number, unit) = (text[..end].replace('_', ""), text[end..].trim());
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no number with a unit"))?;
    if unit.is_empty() {
        return Ok(number);
    }
    match UNITS.iter().find(|(written, _)| written.eq_ignore_ascii_case(unit)) {
        Some((_, worth)) => Ok(number * worth),
        None => Err(format!("`{unit}` is no unit known here: B, kB, MB, GB, MiB, GiB, tokens/s, s, ms or %")),
    }
}

fn one(text: &str) -> Result<Need, String> {
    let Some(at) = text.find(['<', '>']) else {
        return Err("expected a name, then < or >, then a limit, such as memory<2GB".to_owned());
    };
    let (name, rest) = text.split_at(at);
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | '-');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("`{name}` is no name"));
    }
    let wanted = if rest.starts_with('<') { Wanted::AtMost } else { Wanted::AtLeast };
    let limit = quantity(rest[1..].strip_prefix('=').unwrap_or(&rest[1..]))?;
    let metric = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, stable)| stable);
    Ok(Need { metric: metric.to_owned(), wanted, limit, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_worth_what_they_are_called() {
        let value = |text: &str| Need::read(text).unwrap()[0].limit;
        assert_eq!(value("memory<1.5GB"), 1.5e9);
        assert_eq!(value("memory <= 2 GiB"), 2.0 * 1_073_741_824.0);
        assert_eq!(value("first_token_cold<250ms"), 0.25);
        assert_eq!(value("accuracy.dates>80%"), 0.8);
        assert_eq!(value("decode@0>10 tok/s"), 10.0);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_was_expected() {
        let told = |text: &str| Need::read(text).unwrap_err().to_string();
        assert!(told("memory").contains("need `memory`: expected a name, then < or >"));
        assert!(told("memory<2GB,").contains("need ``"));
        assert!(told("<2GB").contains("`` is no name"));
        assert!(told("memory<much").contains("`much` is no number"));
        assert!(told("memory<2parsecs").contains("`parsecs` is no unit"));
        assert!(told("memory<-1").contains("is no number"));
        assert!(told("memory=2").contains("expected a name"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = Need::read(&text);
        }

        #[test]
        fn what_is_written_is_read(metric in "x[a-z_@.0-9]{0,12}", value in 0.0f64..1e6, least in any::<bool>()) {
            let text = format!("{metric} {} {value}", if least { ">" } else { "<" });
            let need = &Need::read(&text).unwrap()[0];
            prop_assert_eq!(&need.metric, &metric);
            prop_assert_eq!(need.limit, value);
            prop_assert_eq!(need.wanted == Wanted::AtLeast, least);
        }
    }
}
