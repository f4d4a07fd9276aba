//! Rules held against a report. A pure function: the same of both gives the same answer.

use plimsoll_catalog::{DeclaredUse, Outcome};
use plimsoll_lab::record::{Difference, Measurement, Side, Unit};
use plimsoll_lab::standing::Standing;
use plimsoll_lab::stats::{Interval, LEVEL};
use serde::{Deserialize, Serialize};

use super::{Asks, Rule, Rules};
use crate::judge::{Review, VerdictKind, Veto};
use crate::report::Report;

/// An interval that holds no more surely than this says nothing: one or two samples do not tell how far a third may lie.
const LEAST_LEVEL: f64 = 0.5;

/// One rule with what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The rule's name.
    pub rule: String,
    /// What it asks, in words.
    pub asks: String,
    /// How it stands.
    pub standing: Standing,
    /// What was found, as it is read.
    pub found: String,
    /// Why it stands so.
    pub why: String,
    /// The measurement behind it, if it is about one.
    pub measurement: Option<String>,
}

/// All rules held against a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gated {
    /// What is to be shipped: model A of the report.
    pub model: String,
    /// What it is held against: model B.
    pub baseline: String,
    /// What the model is wanted for.
    #[serde(rename = "use")]
    pub usage: DeclaredUse,
    /// Where it was measured.
    pub device: String,
    /// When, RFC 3339 in UTC.
    pub created: String,
    /// Failed if any rule failed, else inconclusive if any is, else passed.
    pub standing: Standing,
    /// In the order of the file.
    pub rules: Vec<Found>,
}

impl Gated {
    /// How many rules stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.rules.iter().filter(|found| found.standing == standing).count()
    }
}

/// A rule names a metric that the report does not have, or not in this way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}`: {} `{metric}`", about.words())]
pub struct UnknownMetric {
    /// The rule.
    pub rule: String,
    /// What it names.
    pub metric: String,
    /// What it was looked for among.
    pub about: LookedFor,
    /// Those that there are.
    pub known: Vec<String>,
}

/// What a rule's metric has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedFor {
    /// A value of the model.
    Value,
    /// A ratio to the baseline.
    Ratio,
    /// A paired difference of shares of right answers.
    ShareDifference,
}

impl LookedFor {
    fn words(self) -> &'static str {
        match self {
            LookedFor::Value => "the model has no metric",
            LookedFor::Ratio => "there is no ratio to the baseline of",
            LookedFor::ShareDifference => "there is no difference in right answers called",
        }
    }

    fn unit(self) -> Unit {
        match self {
            LookedFor::ShareDifference => Unit::ShareDifference,
            LookedFor::Value | LookedFor::Ratio => Unit::Ratio,
        }
    }
}

/// Holds model A of a report, beside model B, against every rule.
///
/// # Errors
/// [`UnknownMetric`], which names the rule and the metrics that there are.
pub fn evaluate(report: &Report, rules: &Rules) -> Result<Gated, UnknownMetric> {
    let comparison = &report.comparison;
    let mut found = rules.rules.iter().map(|rule| Case { report, rule }.found()).collect::<Result<Vec<Found>, _>>()?;
    found.extend(needed(report));
    let name = |side: Side| comparison.models[side.index()].facts.name.clone();
    let device = &comparison.device;
    Ok(Gated {
        model: name(Side::A),
        baseline: name(Side::B),
        usage: report.judgement.usage.clone(),
        device: format!("{}, {}, {} threads", device.cpu, device.isa, device.threads),
        created: comparison.created.clone(),
        standing: Standing::all(found.iter().map(|found| found.standing)),
        rules: found,
    })
}

/// What was declared to be needed, each as a rule of its own.
fn needed(report: &Report) -> impl Iterator<Item = Found> {
    let review = &report.judgement.reviews[Side::A.index()];
    let all = measurements(report);
    review.needs.iter().map(move |found| {
        let measurement = all.iter().find(|measured| Some(&measured.id) == found.measurement.as_ref());
        let (standing, why) = match found.outcome {
            Outcome::Passed => (Standing::Passed, "it is met"),
            Outcome::Failed => (Standing::Failed, "it is not met"),
            Outcome::Unknown if measurement.is_some() => (Standing::Inconclusive, "the interval straddles it"),
            Outcome::Unknown => (Standing::Inconclusive, "nothing was measured of it"),
        };
        Found {
            rule: format!("need: {}", found.need.text),
            asks: found.need.text.clone(),
            standing,
            found: measurement.map_or("not measured".to_owned(), |measured| with_interval(measured)),
            why: why.to_owned(),
            measurement: found.measurement.clone(),
        }
    })
}

/// On which side of a limit a metric is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// At the limit or above.
    AtLeast,
    /// At the limit or below.
    AtMost,
}

struct Case<'a> {
    report: &'a Report,
    rule: &'a Rule,
}

impl Case<'_> {
    fn found(&self) -> Result<Found, UnknownMetric> {
        match &self.rule.asks {
            Asks::AtLeast(metric, bound) => self.bounded(metric, *bound, Wanted::AtLeast),
            Asks::AtMost(metric, bound) => self.bounded(metric, *bound, Wanted::AtMost),
            Asks::AtLeastOfBaseline(metric, part) => self.beside(metric, *part, Wanted::AtLeast, LookedFor::Ratio),
            Asks::AtMostOfBaseline(metric, part) => self.beside(metric, *part, Wanted::AtMost, LookedFor::Ratio),
            Asks::NoWorseBy(metric, by) => self.beside(metric, -by, Wanted::AtLeast, LookedFor::ShareDifference),
            Asks::Licence => Ok(self.licence()),
            Asks::Verdict(least) => Ok(self.verdict(*least)),
        }
    }

    /// The model's own value.
    fn bounded(&self, metric: &str, bound: f64, wanted: Wanted) -> Result<Found, UnknownMetric> {
        let all = self.measurements();
        let Some(measurement) = all.iter().copied().find(|measurement| measurement.metric == metric) else {
            let known = all.iter().map(|measurement| measurement.metric.clone()).collect();
            return Err(self.unknown(metric, LookedFor::Value, known));
        };
        let (standing, why) = stands(measurement, bound, wanted);
        let asks = match wanted {
            Wanted::AtLeast => format!("{metric} at least {}", measurement.unit.text(bound)),
            Wanted::AtMost => format!("{metric} at most {}", measurement.unit.text(bound)),
        };
        Ok(self.measured(asks, measurement, standing, why))
    }

    /// The model beside the baseline, by the comparison's own interval of the difference.
    fn beside(&self, metric: &str, bound: f64, wanted: Wanted, looked_for: LookedFor) -> Result<Found, UnknownMetric> {
        let differences = &self.report.comparison.differences;
        let of_kind = |difference: &&Difference| difference.difference.unit == looked_for.unit();
        let Some(found) = differences.iter().filter(of_kind).find(|difference| difference.metric == metric) else {
            let known = differences.iter().filter(of_kind).map(|difference| difference.metric.clone()).collect();
            return Err(self.unknown(metric, looked_for, known));
        };
        let (standing, why) = match found.difference.interval {
            Some(interval) => lies(interval, bound, wanted),
            None => (Standing::Inconclusive, "one pair has no interval; repeat the measurement".to_owned()),
        };
        Ok(self.measured(self.rule.asks.words(), &found.difference, standing, why))
    }

    fn measured(&self, asks: String, measurement: &Measurement, standing: Standing, why: String) -> Found {
        Found {
            rule: self.rule.name.clone(),
            asks,
            standing,
            found: with_interval(measurement),
            why,
            measurement: Some(measurement.id.clone()),
        }
    }

    fn licence(&self) -> Found {
        let gate = &self.report.judgement.reviews[Side::A.index()].licence;
        let reason = |reason: &plimsoll_catalog::Reason| match &reason.clause {
            Some(clause) => format!("{} ({clause})", reason.words),
            None => reason.words.clone(),
        };
        let why: Vec<String> = gate.decisive().map(reason).collect();
        self.said(
            format!("the licence allows {}", self.report.judgement.usage),
            match gate.outcome {
                Outcome::Passed => Standing::Passed,
                Outcome::Failed => Standing::Failed,
                Outcome::Unknown => Standing::Inconclusive,
            },
            gate.outcome.to_string(),
            why.join("; "),
        )
    }

    fn verdict(&self, least: VerdictKind) -> Found {
        let Review { verdict, vetoes, .. } = &self.report.judgement.reviews[Side::A.index()];
        let (standing, why) = match verdict.word {
            VerdictKind::Unmeasured => (Standing::Inconclusive, "no reviewer has evidence to judge by".to_owned()),
            VerdictKind::Try | VerdictKind::Perhaps => {
                (Standing::Inconclusive, "nothing was measured: it is predicted".to_owned())
            }
            word if word.rank() >= least.rank() => (Standing::Passed, "the panel says so".to_owned()),
            // The needs that it was judged by may be others than the rules hold.
            _ if !vetoes.is_empty() => (Standing::Failed, vetoes.iter().map(Veto::text).collect::<Vec<_>>().join(" ")),
            _ => (Standing::Failed, "the panel says less".to_owned()),
        };
        self.said(self.rule.asks.words(), standing, verdict.to_string(), why)
    }

    fn said(&self, asks: String, standing: Standing, found: String, why: String) -> Found {
        Found { rule: self.rule.name.clone(), asks, standing, found, why, measurement: None }
    }

    fn unknown(&self, metric: &str, about: LookedFor, known: Vec<String>) -> UnknownMetric {
        UnknownMetric { rule: self.rule.name.clone(), metric: metric.to_owned(), about, known }
    }

    fn measurements(&self) -> Vec<&Measurement> {
        measurements(self.report)
    }
}

/// A value, and in brackets the interval around it where there is one.
fn with_interval(measurement: &Measurement) -> String {
    let interval = measurement.interval_text().map_or(String::new(), |interval| format!(" ({interval})"));
    format!("{}{interval}", measurement.text())
}

/// Everything known of the model by a name: measured, published, calculated for its review, and how faithful it is to
/// the baseline where that was declared its base.
fn measurements(report: &Report) -> Vec<&Measurement> {
    let Report { comparison, background, judgement } = report;
    let mut all = comparison.models[Side::A.index()].measurements();
    all.extend(&background[Side::A.index()].further);
    all.extend(&judgement.reviews[Side::A.index()].derived);
    all.extend(comparison.fidelity.iter().filter_map(|found| found.of_derived(Side::A)).flat_map(|f| f.measurements()));
    all
}

/// How a measurement stands to a limit, and why.
pub(crate) fn stands(measurement: &Measurement, limit: f64, wanted: Wanted) -> (Standing, String) {
    match measurement.interval {
        _ if !measurement.value.is_finite() => (Standing::Inconclusive, "there is no value".to_owned()),
        Some(interval) => lies(interval, limit, wanted),
        // What was calculated before anything ran, or is a largest value, has no interval: it is compared as it is.
        None => {
            let alone = Interval { low: measurement.value, high: measurement.value, level: 1.0 };
            let (standing, _) = lies(alone, limit, wanted);
            (standing, "it has no interval; the value itself was compared".to_owned())
        }
    }
}

/// Where an interval lies to a bound.
fn lies(interval: Interval, bound: f64, wanted: Wanted) -> (Standing, String) {
    let Interval { low, high, level } = interval;
    if !(low.is_finite() && high.is_finite() && level > LEAST_LEVEL) {
        return (Standing::Inconclusive, "too few samples for an interval; repeat the measurement".to_owned());
    }
    let (good, bad) = match wanted {
        Wanted::AtLeast => (low >= bound, high < bound),
        Wanted::AtMost => (high <= bound, low > bound),
    };
    // Few samples cover less than what is asked for elsewhere, and that is said.
    let surely = if level < LEVEL - 0.005 { format!(", at {:.0} %", 100.0 * level) } else { String::new() };
    match (good, bad) {
        (true, _) => (Standing::Passed, format!("the whole interval holds it{surely}")),
        (_, true) => (Standing::Failed, format!("the whole interval lies beyond it{surely}")),
        _ => (Standing::Inconclusive, format!("the interval straddles it{surely}: more samples might tell")),
    }
}
