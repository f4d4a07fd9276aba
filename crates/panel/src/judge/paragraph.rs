//! What a reviewer writes: words without figures between figures that say where they come from.

use serde::{Deserialize, Serialize};

use plimsoll_lab::record::Measurement;

/// A stretch of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// Words, in which no figure may stand.
    Words {
        /// As read.
        text: String,
    },
    /// A name that somebody else gave.
    Name {
        /// As read.
        text: String,
    },
    /// A number read off a measurement.
    Value {
        /// As read.
        text: String,
        /// The measurement's id.
        measurement: String,
    },
    /// A number that the rubric gives or makes of a measurement.
    Rule {
        /// As read.
        text: String,
        /// Which: `ship_at`, `score`, or a criterion's `…/utility` or `…/weight`.
        rule: String,
    },
    /// What the licence says.
    Term {
        /// As read.
        text: String,
    },
}

impl Part {
    /// As read.
    pub fn text(&self) -> &str {
        match self {
            Part::Words { text }
            | Part::Name { text }
            | Part::Value { text, .. }
            | Part::Rule { text, .. }
            | Part::Term { text } => text,
        }
    }
}

/// A paragraph being written.
#[derive(Debug, Default)]
pub(super) struct Paragraph(Vec<Part>);

impl Paragraph {
    pub fn words(&mut self, text: &str) -> &mut Self {
        if let Some(Part::Words { text: last }) = self.0.last_mut() {
            last.push_str(text);
        } else {
            self.0.push(Part::Words { text: text.to_owned() });
        }
        self
    }

    pub fn name(&mut self, text: &str) -> &mut Self {
        self.0.push(Part::Name { text: text.to_owned() });
        self
    }

    pub fn term(&mut self, text: &str) -> &mut Self {
        self.0.push(Part::Term { text: text.to_owned() });
        self
    }

    pub fn rule(&mut self, text: String, rule: String) -> &mut Self {
        self.0.push(Part::Rule { text, rule });
        self
    }

    /// The value, and its interval in brackets if it has one.
    pub fn value(&mut self, measurement: &Measurement) -> &mut Self {
        self.value_alone(measurement);
        if let Some(interval) = measurement.interval_text() {
            self.0.push(Part::Value { text: format!(" ({interval})"), measurement: measurement.id.clone() });
        }
        self
    }

    /// The value without its interval, where another sentence has that.
    pub fn value_alone(&mut self, measurement: &Measurement) -> &mut Self {
        self.0.push(Part::Value { text: measurement.text(), measurement: measurement.id.clone() });
        self
    }

    pub fn done(self) -> Vec<Part> {
        self.0
    }
}

/// A weight, a utility or a score: a whole number.
pub(super) fn points(value: f64) -> String {
    format!("{value:.0}")
}
