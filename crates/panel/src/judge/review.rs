//! One model under the eyes of four reviewers.

use plimsoll_catalog::{Answer, DeclaredUse, Gate, Outcome, Topic, gate};
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::record::Measurement;
use serde::{Deserialize, Serialize};

use super::evidence_index::EvidenceIndex;
use super::need::NeedFound;
use super::paragraph::Part;
use super::verdict::{Verdict, VerdictKind};
use super::veto::{Veto, vetoes};
use super::{Subject, Workload, words};
use crate::rubric::{self, Asked, Criterion, Reviewer, Rubric, more_is_better, utility};

/// Raised whenever the panel makes something else of the same evidence and rubric.
pub const PANEL_VERSION: u32 = 4;

/// What reviews were before they said by which panel they were made.
fn first_panel() -> u32 {
    1
}

/// What the panel says of one model, under a use, on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Review {
    /// The model.
    pub model: String,
    /// SHA-256 of its weights; none for a model without files.
    pub artifact: Option<String>,
    /// The device that it was measured on, or that it is predicted for.
    pub device: Option<String>,
    /// What it is wanted for.
    pub usage: DeclaredUse,
    /// What speed and memory were judged against.
    #[serde(default)]
    pub workload: Workload,
    /// SHA-256 of the rubric.
    pub rubric: String,
    /// The version of how the panel judges, at the time.
    #[serde(default = "first_panel")]
    pub panel: u32,
    /// Why it is skipped whatever the reviewers say.
    #[serde(default)]
    pub vetoes: Vec<Veto>,
    /// What the reader needs, held against the evidence.
    #[serde(default)]
    pub needs: Vec<NeedFound>,
    /// What its licence says to that use.
    pub licence: Gate,
    /// Numbers calculated from measurements for this review; where nothing was measured, those that are predicted.
    pub derived: Vec<Measurement>,
    /// The four, in the order of the rubric.
    pub opinions: Vec<Opinion>,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether a reviewer would ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Call")]
pub enum Recommendation {
    /// Yes.
    Ship,
    /// No.
    Skip,
    /// There is not enough evidence.
    Abstain,
    /// By what is predicted it is worth a try.
    Try,
    /// It is worth one at the favourable ends of what is predicted, and not at the others.
    Perhaps,
}

impl Recommendation {
    /// As it is read.
    pub fn words(self) -> &'static str {
        match self {
            Recommendation::Ship => "ship",
            Recommendation::Skip => "skip",
            Recommendation::Abstain => "abstains",
            Recommendation::Try => "try",
            Recommendation::Perhaps => "perhaps",
        }
    }
}

/// What one reviewer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Opinion {
    /// The reviewer's stable name.
    pub reviewer: String,
    /// The reviewer's name on the page.
    pub name: String,
    /// The question.
    pub asks: String,
    /// What must hold.
    pub gates: Vec<GateFound>,
    /// What was scored.
    pub scored: Vec<Scored>,
    /// Criteria without evidence, in words.
    pub missing: Vec<String>,
    /// 0 to 100, at the unfavourable end of every interval; none where the reviewer abstains.
    pub score: Option<f64>,
    /// The same at the favourable ends: the score that the inputs allow at most.
    #[serde(default)]
    pub score_high: Option<f64>,
    /// Whether the reviewer would ship.
    pub call: Recommendation,
    /// What the reviewer would say, in two or three sentences; the arithmetic is in `scored`.
    pub paragraph: Vec<Part>,
    /// A forecast, which is an opinion and not scored.
    pub opinion: Option<String>,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GateFound {
    /// Which.
    pub gate: rubric::ReviewerGate,
    /// How it stands.
    pub outcome: Outcome,
}

/// One criterion with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scored {
    /// The metric or licence condition.
    pub criterion: String,
    /// In words.
    pub about: String,
    /// Its part of the score, relative to the others.
    pub weight: f64,
    /// The measurement behind it; none for a licence condition.
    pub measurement: Option<String>,
    /// The unfavourable end of the measurement's interval, in its own unit.
    pub pessimistic: Option<f64>,
    /// 0 to 100, of that.
    pub utility: f64,
    /// Of the favourable end.
    #[serde(default)]
    pub utility_high: f64,
}

impl Review {
    /// Whether some would not ship it who keep the word below Ship.
    pub fn has_reservations(&self) -> bool {
        self.verdict.word == VerdictKind::Mixed
            && self.opinions.iter().any(|opinion| opinion.call == Recommendation::Skip)
    }

    /// Needs of which the evidence does not tell whether they are met.
    pub fn open_needs(&self) -> impl Iterator<Item = &NeedFound> {
        self.needs.iter().filter(|found| found.outcome == Outcome::Unknown)
    }

    /// Whether it rests on predictions.
    pub fn is_predicted(&self) -> bool {
        self.verdict.predicted
    }

    /// What was wanted, by which verdicts on one model are told apart.
    pub fn wanted(&self) -> String {
        let workload = match self.workload {
            Workload::Chat => String::new(),
            other => format!(", {other}"),
        };
        let needs = if self.needs.is_empty() { "" } else { ", with needs" };
        format!("{}{workload}{needs}", self.usage)
    }
}

impl Opinion {
    /// The score as the range that its inputs allow.
    pub fn range(&self) -> Option<String> {
        let low = self.score?;
        Some(super::range_text(low, self.score_high.unwrap_or(low)))
    }
}

/// Judges one model.
pub fn review(subject: &Subject, rubric: &Rubric) -> Review {
    let index = EvidenceIndex::of(subject, &rubric.assumptions);
    let demand = subject.demand;
    let licence = gate(subject.terms, &demand.usage);
    let context = ReviewContext { subject, rubric, index: &index, licence: &licence };
    let opinions: Vec<Opinion> = rubric.reviewers.iter().map(|reviewer| context.opinion(reviewer)).collect();
    let needs: Vec<NeedFound> = demand.needs.iter().map(|need| need.found(&index)).collect();
    let vetoes = vetoes(subject, &index, &licence, &needs, rubric);
    let calls = opinions.iter().zip(&rubric.reviewers).map(|(opinion, by)| (opinion.call, by.needed_to_ship));
    let is_open = needs.iter().any(|found| found.outcome == Outcome::Unknown);
    let verdict = match subject.foreseen() {
        Some(expected) => {
            let (is_allowed, is_held_back) =
                (licence.outcome == Outcome::Passed, expected.fits() != Floats::Yes || is_open);
            Verdict::foreseen(opinions.iter().map(|opinion| opinion.call), is_allowed, is_held_back, vetoes.len())
        }
        None => Verdict::of(calls, is_open || licence.outcome == Outcome::Unknown, vetoes.len()),
    };
    Review {
        model: subject.name.to_owned(),
        artifact: subject.seen.map(|seen| seen.model.facts.sha256.clone()),
        device: match (subject.seen, subject.expected) {
            (Some(seen), _) => Some(format!("{}, {} threads", seen.device.cpu, seen.device.threads)),
            (None, expected) => expected.map(|expected| expected.device.clone()),
        },
        usage: demand.usage.clone(),
        workload: demand.workload,
        rubric: rubric.sha256.clone(),
        panel: PANEL_VERSION,
        verdict,
        vetoes,
        needs,
        licence,
        derived: index.derived,
        opinions,
    }
}

/// What every reviewer has before them.
#[derive(Clone, Copy)]
pub(super) struct ReviewContext<'a> {
    pub subject: &'a Subject<'a>,
    pub rubric: &'a Rubric,
    pub index: &'a EvidenceIndex,
    pub licence: &'a Gate,
}

impl ReviewContext<'_> {
    fn opinion(&self, reviewer: &Reviewer) -> Opinion {
        let gates: Vec<GateFound> =
            reviewer.gates.iter().map(|gate| GateFound { gate: *gate, outcome: self.stands(*gate) }).collect();
        let (mut scored, mut missing) = (Vec::new(), Vec::new());
        let (workload, purpose) = (self.subject.demand.workload, self.subject.demand.usage.purpose);
        let criteria: Vec<&Criterion> = reviewer.criteria.iter().filter(|c| c.is_for(workload, purpose)).collect();
        for criterion in &criteria {
            match self.scored(criterion) {
                Some(found) => scored.push(found),
                None => missing.push(criterion.about.clone()),
            }
        }
        let asked: f64 = criteria.iter().map(|criterion| criterion.weight).sum();
        let known: f64 = scored.iter().map(|found| found.weight).sum();
        let is_predicted = self.subject.foreseen().is_some();
        let least = if is_predicted { self.rubric.least_predicted } else { self.rubric.least_evidence };
        let is_enough = known > 0.0 && known >= least * asked;
        let mean = |of: fn(&Scored) -> f64| scored.iter().map(|found| found.weight * of(found)).sum::<f64>() / known;
        let score = is_enough.then(|| mean(|found| found.utility));
        let score_high = is_enough.then(|| mean(|found| found.utility_high));
        // What would be known of files is not asked of predictions.
        let is_open =
            |gate| gate == rubric::ReviewerGate::Verifies || (is_predicted && gate == rubric::ReviewerGate::Loads);
        let is = |outcome| gates.iter().any(|found| found.outcome == outcome && !is_open(found.gate));
        let failed = gates.iter().any(|found| found.outcome == Outcome::Failed);
        let call = match score {
            _ if failed => Recommendation::Skip,
            _ if is(Outcome::Unknown) => Recommendation::Abstain,
            None => Recommendation::Abstain,
            Some(score) if score >= self.rubric.ship_at && is_predicted => Recommendation::Try,
            Some(score) if score >= self.rubric.ship_at => Recommendation::Ship,
            Some(_) if is_predicted && score_high.is_some_and(|high| high >= self.rubric.ship_at) => {
                Recommendation::Perhaps
            }
            Some(_) => Recommendation::Skip,
        };
        let mut opinion = Opinion {
            reviewer: reviewer.id.clone(),
            name: reviewer.name.clone(),
            asks: reviewer.asks.clone(),
            gates,
            scored,
            missing,
            score: score.filter(|_| call != Recommendation::Abstain),
            score_high: score_high.filter(|_| call != Recommendation::Abstain),
            call,
            paragraph: Vec::new(),
            opinion: reviewer.opinion.clone().filter(|_| call != Recommendation::Abstain),
        };
        opinion.paragraph = words::paragraph(*self, reviewer, &opinion);
        opinion
    }

    fn stands(&self, gate: rubric::ReviewerGate) -> Outcome {
        let passed = |holds: bool| if holds { Outcome::Passed } else { Outcome::Failed };
        match gate {
            rubric::ReviewerGate::Loads => self.subject.seen.map_or(Outcome::Unknown, |_| Outcome::Passed),
            rubric::ReviewerGate::Verifies => {
                let verified = self.subject.seen.and_then(|seen| seen.model.verified.as_ref());
                verified.map_or(Outcome::Unknown, |verified| passed(verified.passed))
            }
            rubric::ReviewerGate::Licence => self.licence.outcome,
        }
    }

    fn scored(&self, criterion: &Criterion) -> Option<Scored> {
        let (name, measurement, pessimistic, utilities) = match criterion.asked() {
            Asked::Metric(metric, points) => {
                let found = self.index.get(metric)?;
                let ends = found.interval.map_or([found.value; 2], |interval| [interval.low, interval.high]);
                let [worst, best] = if more_is_better(points) { ends } else { [ends[1], ends[0]] };
                (metric, Some(found.id.clone()), Some(worst), [worst, best].map(|end| utility(points, end)))
            }
            Asked::Fact { condition, yes, no } => {
                let topic = topic(condition)?;
                match self.subject.terms.conditions.get(topic).answer {
                    Answer::Yes => (condition, None, None, [yes; 2]),
                    Answer::No => (condition, None, None, [no; 2]),
                    Answer::Unknown => return None,
                }
            }
        };
        Some(Scored {
            criterion: name.to_owned(),
            about: criterion.about.clone(),
            weight: criterion.weight,
            measurement,
            pessimistic,
            utility: utilities[0],
            utility_high: utilities[1],
        })
    }
}

/// The licence condition of this name.
fn topic(name: &str) -> Option<Topic> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}
