//! One model under the eyes of four reviewers.

use plimsoll_catalog::{Answer, DeclaredUse, Gate, Outcome, Topic, gate};
use plimsoll_lab::record::Measurement;
use serde::{Deserialize, Serialize};

use super::Subject;
use super::dossier::Dossier;
use super::paragraph::{Paragraph, Part, points};
use super::verdict::Verdict;
use crate::rubric::{self, Asked, Criterion, Reviewer, Rubric, more_is_better, utility};

/// What the panel says of one model, under a use, on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The model.
    pub model: String,
    /// SHA-256 of its weights; none for a model without files.
    pub artifact: Option<String>,
    /// The device; none for a model without files.
    pub device: Option<String>,
    /// What it is wanted for.
    pub usage: DeclaredUse,
    /// SHA-256 of the rubric.
    pub rubric: String,
    /// What its licence says to that use.
    pub licence: Gate,
    /// Numbers calculated from measurements for this review.
    pub derived: Vec<Measurement>,
    /// The four, in the order of the rubric.
    pub opinions: Vec<Opinion>,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether a reviewer would ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// Yes.
    Ship,
    /// No.
    Skip,
    /// There is not enough evidence.
    Abstain,
}

impl Call {
    /// As it is read.
    pub fn words(self) -> &'static str {
        match self {
            Call::Ship => "ship",
            Call::Skip => "skip",
            Call::Abstain => "abstains",
        }
    }
}

/// What one reviewer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// 0 to 100; none where the reviewer abstains.
    pub score: Option<f64>,
    /// Whether the reviewer would ship.
    pub call: Call,
    /// Why.
    pub paragraph: Vec<Part>,
    /// A forecast, which is an opinion and not scored.
    pub opinion: Option<String>,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateFound {
    /// Which.
    pub gate: rubric::Gate,
    /// How it stands.
    pub outcome: Outcome,
}

/// One criterion with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// 0 to 100.
    pub utility: f64,
}

/// Judges one model.
pub fn review(subject: &Subject, rubric: &Rubric) -> Review {
    let dossier = Dossier::of(subject, &rubric.assumptions);
    let licence = gate(subject.terms, subject.usage);
    let bench = Bench { subject, rubric, dossier: &dossier, licence: &licence };
    let opinions: Vec<Opinion> = rubric.reviewers.iter().map(|reviewer| bench.opinion(reviewer)).collect();
    Review {
        model: subject.name.to_owned(),
        artifact: subject.seen.map(|(model, _)| model.facts.sha256.clone()),
        device: subject.seen.map(|(_, device)| format!("{}, {} threads", device.cpu, device.threads)),
        usage: subject.usage.clone(),
        rubric: rubric.sha256.clone(),
        verdict: Verdict::of(opinions.iter().map(|opinion| opinion.call)),
        licence,
        derived: dossier.derived,
        opinions,
    }
}

/// What every reviewer has before them.
struct Bench<'a> {
    subject: &'a Subject<'a>,
    rubric: &'a Rubric,
    dossier: &'a Dossier,
    licence: &'a Gate,
}

impl Bench<'_> {
    fn opinion(&self, reviewer: &Reviewer) -> Opinion {
        let gates: Vec<GateFound> =
            reviewer.gates.iter().map(|gate| GateFound { gate: *gate, outcome: self.stands(*gate) }).collect();
        let (mut scored, mut missing) = (Vec::new(), Vec::new());
        for criterion in &reviewer.criteria {
            match self.scored(criterion) {
                Some(found) => scored.push(found),
                None => missing.push(criterion.about.clone()),
            }
        }
        let asked: f64 = reviewer.criteria.iter().map(|criterion| criterion.weight).sum();
        let known: f64 = scored.iter().map(|found| found.weight).sum();
        let is_enough = known > 0.0 && known >= self.rubric.least_evidence * asked;
        let score = is_enough.then(|| scored.iter().map(|found| found.weight * found.utility).sum::<f64>() / known);
        let is = |outcome| gates.iter().any(|found| found.outcome == outcome && found.gate != rubric::Gate::Verifies);
        let failed = gates.iter().any(|found| found.outcome == Outcome::Failed);
        let call = match score {
            _ if failed => Call::Skip,
            _ if is(Outcome::Unknown) => Call::Abstain,
            None => Call::Abstain,
            Some(score) if score >= self.rubric.ship_at => Call::Ship,
            Some(_) => Call::Skip,
        };
        let mut opinion = Opinion {
            reviewer: reviewer.id.clone(),
            name: reviewer.name.clone(),
            asks: reviewer.asks.clone(),
            gates,
            scored,
            missing,
            score: score.filter(|_| call != Call::Abstain),
            call,
            paragraph: Vec::new(),
            opinion: reviewer.opinion.clone(),
        };
        opinion.paragraph = self.paragraph(&opinion);
        opinion
    }

    fn stands(&self, gate: rubric::Gate) -> Outcome {
        let passed = |holds: bool| if holds { Outcome::Passed } else { Outcome::Failed };
        match gate {
            rubric::Gate::Loads => self.subject.seen.map_or(Outcome::Unknown, |_| Outcome::Passed),
            rubric::Gate::Verifies => {
                let verified = self.subject.seen.and_then(|(model, _)| model.verified.as_ref());
                verified.map_or(Outcome::Unknown, |verified| passed(verified.passed))
            }
            rubric::Gate::Licence => self.licence.outcome,
        }
    }

    fn scored(&self, criterion: &Criterion) -> Option<Scored> {
        let (name, measurement, pessimistic, utility) = match criterion.asked() {
            Asked::Metric(metric, points) => {
                let found = self.dossier.get(metric)?;
                let end = |interval: plimsoll_lab::stats::Interval| {
                    if more_is_better(points) { interval.low } else { interval.high }
                };
                let pessimistic = found.interval.map_or(found.value, end);
                (metric, Some(found.id.clone()), Some(pessimistic), utility(points, pessimistic))
            }
            Asked::Fact { condition, yes, no } => {
                let topic = topic(condition)?;
                match self.subject.terms.conditions.get(topic).answer {
                    Answer::Yes => (condition, None, None, yes),
                    Answer::No => (condition, None, None, no),
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
            utility,
        })
    }

    fn paragraph(&self, opinion: &Opinion) -> Vec<Part> {
        let mut says = Paragraph::default();
        for found in &opinion.gates {
            self.gate(&mut says, found);
        }
        for (index, found) in opinion.scored.iter().enumerate() {
            says.words(if index == 0 { "Scored: " } else { "; " }).words(&found.about);
            match found.measurement.as_ref().and_then(|_| self.dossier.get(&found.criterion)) {
                Some(measurement) => says.words(" ").value(measurement),
                None => self.fact(&mut says, &found.criterion),
            };
            let rule = |what: &str| format!("{}/{}/{what}", opinion.reviewer, found.criterion);
            says.words(", worth ").rule(points(found.utility), rule("utility"));
            says.words(" at weight ").rule(points(found.weight), rule("weight"));
        }
        if !opinion.scored.is_empty() {
            says.words(". ");
        }
        if !opinion.missing.is_empty() {
            says.words(&format!("No evidence of {}. ", opinion.missing.join(", ")));
        }
        self.conclusion(&mut says, opinion);
        says.done()
    }

    fn gate(&self, says: &mut Paragraph, found: &GateFound) {
        let verified = self.subject.seen.and_then(|(model, _)| model.verified.as_ref());
        match (found.gate, found.outcome, verified) {
            (rubric::Gate::Loads, Outcome::Passed, _) => says.words("It loads and answers its canary. "),
            (rubric::Gate::Loads, ..) => says.words("No files of it were loaded here. "),
            (rubric::Gate::Verifies, Outcome::Passed, Some(verified)) => says
                .words("Its logits are those of ")
                .name(&verified.reference)
                .words(" within ")
                .value(&verified.max_delta)
                .words(". "),
            (rubric::Gate::Verifies, Outcome::Failed, Some(verified)) => says
                .words("Its logits stray from those of ")
                .name(&verified.reference)
                .words(" by ")
                .value(&verified.max_delta)
                .words(": the gate fails. "),
            (rubric::Gate::Verifies, ..) => says.words("No reference outputs to verify it by are at hand. "),
            (rubric::Gate::Licence, outcome, _) => {
                says.words(match outcome {
                    Outcome::Passed => "The licence allows the declared use: ",
                    Outcome::Failed => "The licence does not allow the declared use: ",
                    Outcome::Unknown => "Whether the licence allows the declared use cannot be told: ",
                });
                for (index, reason) in self.licence.decisive().enumerate() {
                    says.words(if index == 0 { "" } else { "; " }).term(&reason.words);
                    if let Some(clause) = &reason.clause {
                        says.words(" (").term(clause).words(")");
                    }
                }
                says.words(". ")
            }
        };
    }

    fn fact<'p>(&self, says: &'p mut Paragraph, condition: &str) -> &'p mut Paragraph {
        let Some(condition) = topic(condition).map(|topic| self.subject.terms.conditions.get(topic)) else {
            return says;
        };
        says.words(": ").term(&condition.answer.to_string());
        if let Some(clause) = &condition.clause {
            says.words(" (").term(clause).words(")");
        }
        says
    }

    fn conclusion(&self, says: &mut Paragraph, opinion: &Opinion) {
        let failed = opinion.gates.iter().any(|found| found.outcome == Outcome::Failed);
        let score = |says: &mut Paragraph, score: f64| {
            says.rule(points(score), format!("{}/score", opinion.reviewer));
        };
        match (opinion.call, opinion.score) {
            (Call::Skip, found) if failed => {
                says.words("A failed gate means skip");
                if let Some(found) = found {
                    says.words(", whatever the score of ");
                    score(says, found);
                }
                says.words(".");
            }
            (Call::Ship | Call::Skip, Some(found)) => {
                says.words("Together ");
                score(says, found);
                says.words(" where ship begins at ").rule(points(self.rubric.ship_at), "ship_at".to_owned());
                says.words(if opinion.call == Call::Ship { ": ship." } else { ": skip." });
            }
            _ => {
                says.words("That is not enough to judge by.");
            }
        }
    }
}

/// The licence condition of this name.
pub(super) fn topic(name: &str) -> Option<Topic> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}
