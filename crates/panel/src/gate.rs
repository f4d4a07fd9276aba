//! The gate: rules that a model has to meet beside a baseline, and what a report says of each.
//!
//! A bound is held against the whole of an interval. Where the interval lies on the good side the rule passed, where it
//! lies on the other it failed, and where it straddles the bound the evidence does not tell, which is a third answer and
//! never the one or the other. Each rule stands by itself.

mod evaluate;
mod junit;

use std::path::Path;

use plimsoll_formats::read_text;
use serde::Deserialize;

pub(crate) use evaluate::stands;
pub use evaluate::{Found, Gated, UnknownMetric, Wanted, evaluate};
pub use junit::junit;
pub use plimsoll_lab::standing::Standing;

use crate::bounds::MOST_TEXT;
use crate::judge::VerdictKind;

/// What a model has to meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// In the order of the file.
    pub rules: Vec<Rule>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The name in the file, or else what it asks.
    pub name: String,
    /// What must hold.
    pub asks: Asks,
}

/// What a rule asks. A metric is the name of a measurement of the model, such as `decode@0`.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// The metric is at least this, in its own unit.
    AtLeast(String, f64),
    /// The metric is at most this, in its own unit.
    AtMost(String, f64),
    /// The metric is at least this part of the baseline's.
    AtLeastOfBaseline(String, f64),
    /// The metric is at most this part of the baseline's.
    AtMostOfBaseline(String, f64),
    /// The share of right answers is less than the baseline's by this at most: a margin of equivalence fixed beforehand.
    NoWorseBy(String, f64),
    /// The licence allows the declared use.
    Licence,
    /// The panel says this of the model, or better.
    Verdict(VerdictKind),
}

impl Asks {
    fn words(&self) -> String {
        match self {
            Asks::AtLeast(metric, bound) => format!("{metric} at least {bound}"),
            Asks::AtMost(metric, bound) => format!("{metric} at most {bound}"),
            Asks::AtLeastOfBaseline(metric, part) => format!("{metric} at least {part} of the baseline's"),
            Asks::AtMostOfBaseline(metric, part) => format!("{metric} at most {part} of the baseline's"),
            Asks::NoWorseBy(metric, margin) => format!("{metric} no worse than the baseline's by {margin}"),
            Asks::Licence => "the licence allows the declared use".to_owned(),
            Asks::Verdict(word) => format!("the panel says {word} or better"),
        }
    }
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file could not be read.
    #[error("rules `{file}`: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not of the form of rules.
    #[error("rules `{file}`: {source}")]
    Parse {
        /// The file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A rule asks for nothing, for too much at once, or for what cannot be.
    #[error("rules `{file}`: {rule}{about}")]
    Meaning {
        /// The file.
        file: String,
        /// Which rule, with a colon behind it; empty if it is the file as a whole.
        rule: String,
        /// What is wrong.
        about: String,
    },
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, rename = "rule")]
    rules: Vec<WrittenRule>,
}

/// A `[[rule]]` as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Option<String>,
    metric: Option<String>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    at_least_of_baseline: Option<f64>,
    at_most_of_baseline: Option<f64>,
    no_worse_by: Option<f64>,
    licence: Option<String>,
    verdict: Option<String>,
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// [`RulesError`], which names the file, the rule and the field.
    pub fn open(path: &Path) -> Result<Rules, RulesError> {
        let file = path.display().to_string();
        let text = read_text(path, MOST_TEXT).map_err(|source| RulesError::Read { file: file.clone(), source })?;
        Rules::parse(&file, &text)
    }

    /// Reads the text of rules in a file that is called `file`.
    ///
    /// ```
    /// use plimsoll_panel::gate::Rules;
    /// let rules = Rules::parse("gate.toml", "[[rule]]\nmetric = \"decode@0\"\nat_least = 20").unwrap();
    /// assert_eq!(rules.rules[0].name, "decode@0 at least 20");
    /// ```
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn parse(file: &str, text: &str) -> Result<Rules, RulesError> {
        let written: Written = toml::from_str(text)
            .map_err(|source| RulesError::Parse { file: file.to_owned(), source: Box::new(source) })?;
        let wrong = |rule: String, about: String| RulesError::Meaning { file: file.to_owned(), rule, about };
        if written.rules.is_empty() {
            return Err(wrong(String::new(), "there is no [[rule]]".to_owned()));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for (index, rule) in written.rules.into_iter().enumerate() {
            let name = rule.name.as_ref().map_or(String::new(), |name| format!(" (`{name}`)"));
            let place = format!("rule {}{name}: ", index + 1);
            let rule = rule.read().map_err(|about| wrong(place.clone(), about))?;
            if rules.iter().any(|other| other.name == rule.name) {
                return Err(wrong(place, format!("another rule is called `{}`", rule.name)));
            }
            rules.push(rule);
        }
        Ok(Rules { rules })
    }

    /// The first rule that cannot be judged before somebody declares what the model is wanted for.
    pub fn on_the_licence(&self) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.asks == Asks::Licence)
    }
}

impl WrittenRule {
    fn read(self) -> Result<Rule, String> {
        let asks = self.asks()?;
        let name = self.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| asks.words());
        Ok(Rule { name, asks })
    }

    fn asks(&self) -> Result<Asks, String> {
        type Made = fn(String, f64) -> Asks;
        let bounds: [(&str, Option<f64>, Made); 5] = [
            ("at_least", self.at_least, Asks::AtLeast),
            ("at_most", self.at_most, Asks::AtMost),
            ("at_least_of_baseline", self.at_least_of_baseline, Asks::AtLeastOfBaseline),
            ("at_most_of_baseline", self.at_most_of_baseline, Asks::AtMostOfBaseline),
            ("no_worse_by", self.no_worse_by, Asks::NoWorseBy),
        ];
        let given: Vec<_> = bounds.into_iter().filter_map(|(field, bound, made)| Some((field, bound?, made))).collect();
        match (&self.metric, &given[..], &self.licence, &self.verdict) {
            (Some(metric), [(field, bound, made)], None, None) => {
                check_bound(metric, field, *bound)?;
                Ok(made(metric.clone(), *bound))
            }
            (Some(_), [], None, None) => {
                let fields: Vec<String> = bounds.iter().map(|(field, ..)| format!("`{field}`")).collect();
                Err(format!("`metric` needs a bound: {}", fields.join(", ")))
            }
            (None, [(field, ..), ..], None, None) => Err(format!("`{field}` needs a `metric`")),
            (None, [], Some(word), None) if word == "passed" => Ok(Asks::Licence),
            (None, [], Some(word), None) => Err(format!("`licence` is `{word}`, expected `passed`")),
            (None, [], None, Some(word)) => match word.as_str() {
                "Ship" => Ok(Asks::Verdict(VerdictKind::Ship)),
                "Mixed" => Ok(Asks::Verdict(VerdictKind::Mixed)),
                _ => Err(format!("`verdict` is `{word}`, expected `Ship` or `Mixed`")),
            },
            _ => Err("expected one of: a `metric` with one bound, `licence`, `verdict`".to_owned()),
        }
    }
}

fn check_bound(metric: &str, field: &str, bound: f64) -> Result<(), String> {
    // Right answers are shares; a bound in per cent could never be met, or always is.
    let is_share = metric == "accuracy" || metric.starts_with("accuracy.");
    let (holds, expected) = match field {
        "at_least" | "at_most" if is_share => ((0.0..=1.0).contains(&bound), "a share from 0 to 1, such as 0.8"),
        // Nothing that runs takes less than a megabyte.
        "at_most" if metric == "peak_memory" => (bound >= 1e6, "bytes, such as 2e9 for 2 GB"),
        "at_least" | "at_most" => (bound.is_finite(), "a number"),
        "no_worse_by" => ((0.0..1.0).contains(&bound), "a share of at least 0 and less than 1, such as 0.02"),
        // In per cent it would be met whatever was measured.
        _ => (bound > 0.0 && bound <= 10.0, "a ratio of more than 0 and at most 10, such as 1.1"),
    };
    if holds { Ok(()) } else { Err(format!("`{field}` is {bound}, expected {expected}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Rules::parse("gate.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_rule_is_read_in_the_order_of_the_file() {
        let text = r#"
            [[rule]]
            name = "fast"
            metric = "decode@0"
            at_least_of_baseline = 0.95
            [[rule]]
            metric = "accuracy"
            no_worse_by = 0.02
            [[rule]]
            licence = "passed"
            [[rule]]
            verdict = "Mixed"
        "#;
        let rules = Rules::parse("gate.toml", text).unwrap();
        let names: Vec<&str> = rules.rules.iter().map(|rule| rule.name.as_str()).collect();
        let expected = [
            "fast",
            "accuracy no worse than the baseline's by 0.02",
            "the licence allows the declared use",
            "the panel says Mixed or better",
        ];
        assert_eq!(names, expected);
        assert_eq!(rules.rules[0].asks, Asks::AtLeastOfBaseline("decode@0".into(), 0.95));
        assert_eq!(rules.on_the_licence().map(|rule| &rule.asks), Some(&Asks::Licence));
    }

    #[test]
    fn a_rule_that_cannot_be_meant_names_file_rule_and_field() {
        let metric = "[[rule]]\nmetric = \"decode@0\"\n";
        assert!(told("").contains("`gate.toml`: there is no [[rule]]"));
        assert!(told(&format!("{metric}at_leats = 3")).contains("unknown field `at_leats`"));
        assert!(
            told(&format!("{metric}name = \"fast\"")).contains("rule 1 (`fast`): `metric` needs a bound: `at_least`")
        );
        assert!(told(&format!("{metric}at_least = 3\nat_most = 4")).contains("rule 1: expected one of"));
        assert!(told(&format!("{metric}at_least = nan")).contains("rule 1: `at_least` is NaN, expected a number"));
        let of_right = told("[[rule]]\nmetric = \"accuracy.dates\"\nat_least = 80");
        assert!(of_right.contains("`at_least` is 80, expected a share from 0 to 1, such as 0.8"), "{of_right}");
        assert!(told(&format!("{metric}at_most_of_baseline = 0")).contains("is 0, expected a ratio of more than 0"));
        assert!(told(&format!("{metric}at_most_of_baseline = 110")).contains("at most 10, such as 1.1"));
        assert!(told(&format!("{metric}no_worse_by = 2")).contains("`no_worse_by` is 2, expected a share"));
        assert!(told("[[rule]]\nat_most = 2").contains("`at_most` needs a `metric`"));
        assert!(told("[[rule]]\nlicence = \"failed\"").contains("expected `passed`"));
        assert!(told("[[rule]]\nverdict = \"Great\"").contains("`verdict` is `Great`, expected `Ship` or `Mixed`"));
        let twice = format!("{metric}at_least = 3\n{metric}at_least = 3");
        assert!(told(&twice).contains("rule 2: another rule is called `decode@0 at least 3`"));
    }
}
