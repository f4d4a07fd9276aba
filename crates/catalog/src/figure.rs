//! How sure a figure is that was not measured here, and where it comes from.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::catalog::Wrong;

/// How a figure came to be known, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Measured on the thing itself by whoever is named.
    Measured,
    /// Read in the source that is named.
    Found,
    /// The default of a configuration class that is this checkpoint's.
    Default,
    /// Calculated from figures that were found.
    Derived,
    /// From memory, and not checked.
    Known,
    /// Taken for the sake of a calculation.
    Assumed,
}

impl Standing {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Measured => "measured",
            Standing::Found => "published",
            Standing::Default => "class default",
            Standing::Derived => "derived",
            Standing::Known => "from memory, unchecked",
            Standing::Assumed => "assumed",
        }
    }

    /// By what part a figure of this standing is taken to be off in either direction. A convention of this catalogue, not a
    /// measurement: what was found is taken as it stands, what nobody looked up is not.
    pub fn doubt(self) -> f64 {
        match self {
            Standing::Measured | Standing::Found | Standing::Default | Standing::Derived => 0.0,
            Standing::Known => 0.1,
            Standing::Assumed => 0.25,
        }
    }
}

/// Where figures come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// How sure they are, those below excepted.
    pub standing: Standing,
    /// Who says so.
    pub source: Option<String>,
    /// Those of another standing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Exception>,
}

/// Figures that are surer or less sure than the others beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Their keys.
    pub figures: Vec<String>,
    /// How sure they are.
    pub standing: Standing,
    /// Who says so.
    pub source: Option<String>,
}

impl Provenance {
    /// The least sure of all standings.
    pub fn worst(&self) -> Standing {
        self.except.iter().map(|except| except.standing).fold(self.standing, Standing::max)
    }

    /// As a person reads it.
    pub fn words(&self) -> String {
        let one = |standing: Standing, source: &Option<String>| match source {
            Some(source) => format!("{} ({source})", standing.words()),
            None => standing.words().to_owned(),
        };
        let excepted = self.except.iter().map(|e| format!("{}: {}", e.figures.join(", "), one(e.standing, &e.source)));
        std::iter::once(one(self.standing, &self.source)).chain(excepted).collect::<Vec<_>>().join("; ")
    }
}

/// A number with the range in which it lies, how sure it is and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The one that is calculated with.
    pub value: f64,
    /// The least that is told, where a range is.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
    /// How sure it is.
    pub standing: Standing,
    /// Who says so.
    pub source: Option<String>,
    /// What it holds for.
    pub note: Option<String>,
}

impl Figure {
    /// The least that it is taken to be: what is told, less the doubt of its standing.
    pub fn least(&self) -> f64 {
        self.low.unwrap_or(self.value) * (1.0 - self.standing.doubt())
    }

    /// The most that it is taken to be.
    pub fn most(&self) -> f64 {
        self.high.unwrap_or(self.value) * (1.0 + self.standing.doubt())
    }

    /// How sure it is, by whom and for what, as a person reads it.
    pub fn words(&self) -> String {
        [Some(self.standing.words()), self.source.as_deref(), self.note.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// That it is a number within `bounds`, and its range too, around it. Bounds keep what is calculated from it finite.
    pub(crate) fn check(&self, key: &str, bounds: &RangeInclusive<f64>) -> Result<(), Wrong> {
        let (low, high) = (self.low.unwrap_or(self.value), self.high.unwrap_or(self.value));
        if let Some(wrong) = [low, self.value, high].into_iter().find(|n| !bounds.contains(n)) {
            let (least, most) = (bounds.start(), bounds.end());
            return Err((key.to_owned(), format!("{wrong:e} is not from {least:e} to {most:e}")));
        }
        if low <= self.value && self.value <= high {
            return Ok(());
        }
        Err((key.to_owned(), "expected `value` from `low` to `high`".to_owned()))
    }
}
