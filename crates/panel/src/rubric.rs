//! The rubric: what each reviewer asks, and how a measurement becomes a utility. A file that a user may replace.

use std::path::Path;

use plimsoll_catalog::Purpose;
use plimsoll_formats::read_text;
use plimsoll_lab::hash::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::bounds::MOST_TEXT;
use crate::judge::{Demand, Workload};

/// The rubric inside the binary.
const BUILT_IN: &str = include_str!("../rubric.toml");

/// Where a rubric does not say it.
fn least_predicted() -> f64 {
    0.4
}

/// Where a rubric does not say it: half of a phone of eight gigabytes.
fn phone_app_bytes() -> f64 {
    4e9
}

/// What four reviewers ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// The file.
    #[serde(skip)]
    pub text: String,
    /// SHA-256 of the file's bytes: the same rubric and the same evidence give the same review.
    #[serde(skip)]
    pub sha256: String,
    /// Score from which a reviewer says ship, if no gate failed.
    pub ship_at: f64,
    /// Part of the weight that must have evidence; with less a reviewer abstains.
    pub least_evidence: f64,
    /// The same of predictions, which have less to go by.
    #[serde(default = "least_predicted")]
    pub least_predicted: f64,
    /// By how much the lower end of right answers must lie above what guessing gets; below it a model is skipped.
    pub chance_margin: f64,
    /// What is taken for granted and not measured.
    pub assumptions: Assumptions,
    /// The reviewers in the order of the page.
    #[serde(rename = "reviewer")]
    pub reviewers: Vec<Reviewer>,
}

/// Prices and habits that the break-even rests on; nobody can measure them here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    /// What an API asks for a million tokens, in USD.
    pub api_usd_per_million_tokens: f64,
    /// What a machine to run on costs, in USD.
    pub device_usd: f64,
    /// What it draws while it computes, in W.
    pub watts: f64,
    /// What electricity costs, in USD/kWh.
    pub usd_per_kwh: f64,
    /// The day these prices are of.
    pub dated: String,
    /// Tokens that are wanted in a day.
    pub tokens_a_day: f64,
    /// Share of the day that the machine can be at work.
    pub duty: f64,
    /// What a phone gives one app, where no device is named, in bytes.
    #[serde(default = "phone_app_bytes")]
    pub phone_app_bytes: f64,
}

/// One of the four.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// Stable name.
    pub id: String,
    /// Name on the page.
    pub name: String,
    /// The question in its own words.
    pub asks: String,
    /// Facts that must hold whatever the score.
    #[serde(default)]
    pub gates: Vec<ReviewerGate>,
    /// Whether the word is Ship only with this reviewer's consent; without it, Mixed at best.
    #[serde(default)]
    pub needed_to_ship: bool,
    /// A forecast: shown as an opinion, never scored.
    #[serde(default)]
    pub opinion: Option<String>,
    /// What this reviewer cannot score and says instead.
    #[serde(default, rename = "remark")]
    pub remarks: Vec<Remark>,
    /// What is scored.
    #[serde(rename = "criterion")]
    pub criteria: Vec<Criterion>,
}

/// A sentence that is said and not scored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// The sentence, without figures.
    pub text: String,
    /// The workloads it is said for; all where none is named.
    #[serde(default, rename = "for")]
    workloads: Vec<Workload>,
}

impl Remark {
    /// Whether it is said for this workload.
    pub fn is_for(&self, workload: Workload) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&workload)
    }
}

/// A fact that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewerGate {
    /// The model was loaded and answered its canary.
    Loads,
    /// Its numbers are those of the reference implementation, where golden outputs are at hand.
    Verifies,
    /// Its licence permits the declared use.
    Licence,
}

/// One thing that is scored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// What it is, in words without figures.
    pub about: String,
    /// What is said where it is good, a clause without figures; the value follows.
    #[serde(default)]
    pub strong: Option<String>,
    /// What is said where it is bad.
    #[serde(default)]
    pub weak: Option<String>,
    /// The workloads it is scored for; all where none is named.
    #[serde(default, rename = "for")]
    workloads: Vec<Workload>,
    /// The declared uses it is scored for; all where none is named.
    #[serde(default)]
    uses: Vec<Purpose>,
    /// Its part of the score, relative to the others.
    pub weight: f64,
    /// Name of a measurement; a criterion has this or `fact`.
    #[serde(default)]
    metric: Option<String>,
    /// Value and utility, ascending by value.
    #[serde(default)]
    points: Vec<(f64, f64)>,
    /// Name of a licence condition.
    #[serde(default)]
    fact: Option<String>,
    /// Utility where the condition is so.
    #[serde(default)]
    yes: Option<f64>,
    /// Utility where it is not.
    #[serde(default)]
    no: Option<f64>,
}

/// Where a criterion's utility comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked<'a> {
    /// A measurement and its breakpoints.
    Metric(&'a str, &'a [(f64, f64)]),
    /// A licence condition.
    Fact {
        /// Its name.
        condition: &'a str,
        /// Utility where it is so.
        yes: f64,
        /// Utility where it is not.
        no: f64,
    },
}

/// Why a rubric cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RubricError {
    /// The file could not be read.
    #[error("rubric `{file}`: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no rubric.
    #[error("rubric `{file}`: {source}")]
    Parse {
        /// The file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It contradicts itself.
    #[error("rubric `{file}`: {about}")]
    Meaning {
        /// The file.
        file: String,
        /// What is wrong, and where.
        about: String,
    },
}

impl Rubric {
    /// The rubric inside the binary.
    pub fn builtin() -> Rubric {
        Rubric::parse("built in", BUILT_IN).expect("a test reads the rubric inside the binary")
    }

    /// The rubric with this SHA-256, if it is one of those given or the one inside.
    pub fn at_hand(sha256: &str, given: &[Rubric]) -> Option<Rubric> {
        let given = given.iter().find(|rubric| rubric.sha256 == sha256).cloned();
        given.or_else(|| Some(Rubric::builtin()).filter(|rubric| rubric.sha256 == sha256))
    }

    /// Reads a file of the same form.
    ///
    /// # Errors
    /// [`RubricError`], which names the file and the reviewer.
    pub fn open(path: &Path) -> Result<Rubric, RubricError> {
        let file = path.display().to_string();
        let text = read_text(path, MOST_TEXT).map_err(|source| RubricError::Read { file: file.clone(), source })?;
        Rubric::parse(&file, &text)
    }

    /// Reads the text of a rubric that is called `file`.
    ///
    /// # Errors
    /// [`RubricError`].
    pub fn parse(file: &str, text: &str) -> Result<Rubric, RubricError> {
        let mut rubric: Rubric = toml::from_str(text)
            .map_err(|source| RubricError::Parse { file: file.to_owned(), source: Box::new(source) })?;
        rubric.sha256 = sha256_hex(text.as_bytes());
        text.clone_into(&mut rubric.text);
        rubric.check().map_err(|about| RubricError::Meaning { file: file.to_owned(), about })?;
        Ok(rubric)
    }

    fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            let is_within = (low..=high).contains(&value);
            if is_within { Ok(()) } else { Err(format!("`{name}` is {value}, expected {low} to {high}")) }
        };
        within("ship_at", self.ship_at, 0.0, 100.0)?;
        within("least_evidence", self.least_evidence, 0.0, 1.0)?;
        within("least_predicted", self.least_predicted, 0.0, 1.0)?;
        within("chance_margin", self.chance_margin, 0.0, 1.0)?;
        within("watts", self.assumptions.watts, 0.0, 1e6)?;
        within("usd_per_kwh", self.assumptions.usd_per_kwh, 0.0, 1e3)?;
        within("tokens_a_day", self.assumptions.tokens_a_day, 1.0, 1e15)?;
        within("duty", self.assumptions.duty, f64::MIN_POSITIVE, 1.0)?;
        within("api_usd_per_million_tokens", self.assumptions.api_usd_per_million_tokens, f64::MIN_POSITIVE, 1e6)?;
        within("device_usd", self.assumptions.device_usd, 0.0, 1e9)?;
        within("phone_app_bytes", self.assumptions.phone_app_bytes, 1e6, 1e15)?;
        if self.reviewers.is_empty() {
            return Err("there is no [[reviewer]]".to_owned());
        }
        for reviewer in &self.reviewers {
            reviewer.check().map_err(|about| format!("reviewer `{}`: {about}", reviewer.id))?;
        }
        Ok(())
    }
}

impl Rubric {
    /// The decode speed from which on those who wait would ship for it alone, the most that any reviewer asks; none where
    /// nobody waits, in tokens/s.
    pub fn reading_speed(&self, demand: &Demand) -> Option<f64> {
        let Demand { workload, usage, .. } = demand;
        let criteria = self.reviewers.iter().flat_map(|reviewer| &reviewer.criteria);
        let asked =
            criteria.filter(|criterion| *workload != Workload::Batch && criterion.is_for(*workload, usage.purpose));
        let speeds = asked.filter_map(|criterion| match criterion.asked() {
            Asked::Metric("decode@0", points) => value_for(points, self.ship_at),
            _ => None,
        });
        speeds.max_by(f64::total_cmp)
    }
}

impl Reviewer {
    fn check(&self) -> Result<(), String> {
        if self.criteria.is_empty() {
            return Err("there is no [[reviewer.criterion]]".to_owned());
        }
        let remarks = self.remarks.iter().map(|remark| &remark.text);
        for text in [&self.name, &self.asks].into_iter().chain(&self.opinion).chain(remarks) {
            plain(text)?;
        }
        self.criteria.iter().try_for_each(|c| c.check().map_err(|about| format!("criterion `{}`: {about}", c.about)))
    }
}

impl Criterion {
    /// Whether it counts for this workload and this use.
    pub fn is_for(&self, workload: Workload, purpose: Purpose) -> bool {
        (self.workloads.is_empty() || self.workloads.contains(&workload))
            && (self.uses.is_empty() || self.uses.contains(&purpose))
    }

    /// What it asks for.
    pub fn asked(&self) -> Asked<'_> {
        match (&self.metric, &self.fact) {
            (_, Some(condition)) => {
                Asked::Fact { condition, yes: self.yes.unwrap_or_default(), no: self.no.unwrap_or_default() }
            }
            (metric, None) => Asked::Metric(metric.as_deref().unwrap_or_default(), &self.points),
        }
    }

    fn check(&self) -> Result<(), String> {
        [Some(&self.about), self.strong.as_ref(), self.weak.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|t| plain(t))?;
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err(format!("`weight` is {}, expected more than nothing", self.weight));
        }
        let is_utility = |utility: f64| (0.0..=100.0).contains(&utility);
        match (&self.metric, &self.fact, self.yes, self.no) {
            (Some(_), None, None, None) => {
                if self.points.len() < 2 {
                    return Err("`points` needs two pairs or more".to_owned());
                }
                if !self.points.windows(2).all(|pair| pair[0].0 < pair[1].0) {
                    return Err("`points` must ascend by value".to_owned());
                }
                let utilities: Vec<f64> = self.points.iter().map(|point| point.1).collect();
                if !(utilities.is_sorted() || utilities.is_sorted_by(|a, b| a >= b)) {
                    return Err("utilities in `points` must only rise or only fall".to_owned());
                }
                if utilities.into_iter().all(is_utility) { Ok(()) } else { Err("a utility is 0 to 100".to_owned()) }
            }
            (None, Some(_), Some(yes), Some(no)) if self.points.is_empty() => {
                if is_utility(yes) && is_utility(no) {
                    Ok(())
                } else {
                    Err("a utility is 0 to 100".to_owned())
                }
            }
            _ => Err("expected `metric` with `points`, or `fact` with `yes` and `no`".to_owned()),
        }
    }
}

/// Words of a rubric stand in paragraphs, in which every figure is traced to a measurement.
fn plain(text: &str) -> Result<(), String> {
    let has_figures = text.chars().any(char::is_numeric);
    if has_figures { Err(format!("`{text}` holds figures, which nothing would stand behind")) } else { Ok(()) }
}

/// Whether more of what `points` rate is welcome.
pub(crate) fn more_is_better(points: &[(f64, f64)]) -> bool {
    points.first().map(|point| point.1) <= points.last().map(|point| point.1)
}

/// The value from which on `points` give `wanted`; `None` where they never do.
pub(crate) fn value_for(points: &[(f64, f64)], wanted: f64) -> Option<f64> {
    let crossed = points.windows(2).find(|pair| (pair[0].1 < wanted) != (pair[1].1 < wanted))?;
    let [(x0, y0), (x1, y1)] = [crossed[0], crossed[1]];
    Some(x0 + (x1 - x0) * (wanted - y0) / (y1 - y0))
}

/// The utility of `value`: linear between the points, flat beyond them.
pub(crate) fn utility(points: &[(f64, f64)], value: f64) -> f64 {
    let after = points.partition_point(|point| point.0 <= value);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (value - x0) / (x1 - x0),
        (Some(end), None) => end.1,
        (None, Some(start)) => start.1,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilities_are_linear_between_points_and_flat_beyond() {
        let points = [(2.0, 0.0), (5.0, 40.0), (10.0, 70.0)];
        let read: Vec<f64> = [1.0, 2.0, 3.5, 5.0, 10.0, 99.0].iter().map(|value| utility(&points, *value)).collect();
        assert_eq!(read, [0.0, 0.0, 20.0, 40.0, 70.0, 70.0]);
    }

    #[test]
    fn the_value_that_a_utility_asks_for_is_read_off_the_same_line() {
        let (rising, falling) = ([(2.0, 0.0), (5.0, 40.0), (10.0, 70.0)], [(1.0, 100.0), (3.0, 0.0)]);
        assert_eq!(value_for(&rising, 20.0), Some(3.5));
        assert_eq!(value_for(&falling, 75.0), Some(1.5));
        assert_eq!(value_for(&rising, 71.0), None);
    }

    #[test]
    fn the_rubric_inside_the_binary_has_four_reviewers() {
        let rubric = Rubric::builtin();
        let ids: Vec<&str> = rubric.reviewers.iter().map(|reviewer| reviewer.id.as_str()).collect();
        assert_eq!(ids, ["builder", "skeptic", "futurist", "founder"]);
    }

    #[test]
    fn a_rubric_that_contradicts_itself_says_where() {
        let told = |from: &str, to: &str| {
            let text = BUILT_IN.replacen(from, to, 1);
            assert_ne!(text, BUILT_IN, "nothing was changed");
            Rubric::parse("r.toml", &text).unwrap_err().to_string()
        };
        assert!(told("ship_at = 60", "ship_at = 600").contains("`ship_at` is 600, expected 0 to 100"));
        assert!(told("[0.25, 60]", "[0.25, 160]").contains("reviewer `builder`: criterion `memory left free"));
        assert!(told("about = \"time to load\"", "about = \"time to load 7B\"").contains("holds figures"));
        assert!(told("weight = 30", "wieght = 30").contains("unknown field `wieght`"));
    }
}
