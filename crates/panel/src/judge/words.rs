//! What a reviewer would say: the best and the worst of a model and what it would take, each with its figure.

use plimsoll_catalog::Outcome;
use plimsoll_lab::record::{Measurement, Unit};

use super::evidence_index::{AT_LEAST, Kind, by_category};
use super::expected::OtherEngine;
use super::paragraph::{Paragraph, Part};
use super::review::{GateFound, Opinion, Recommendation, ReviewContext, Scored};
use crate::rubric::{self, Asked, Criterion, Reviewer, Rubric, value_for};

/// From this utility on a criterion is praised.
const PRAISED: f64 = 75.0;
/// Below this one it is blamed.
const BLAMED: f64 = 50.0;
/// A kind of question of which less than this is right, above what guessing gets, is not to be relied on.
const NOT_TO_BE_RELIED_ON: f64 = 0.25;
/// Below this it is shaky.
const SHAKY: f64 = 0.6;
/// Kinds of questions that are named before the sentence grows too long.
const NAMED: usize = 3;

/// Two or three sentences of one reviewer.
pub(super) fn paragraph(context: ReviewContext, reviewer: &Reviewer, opinion: &Opinion) -> Vec<Part> {
    let mut speaker = Speaker { context, reviewer, opinion, says: Paragraph::default() };
    for found in &opinion.gates {
        speaker.gate(found);
    }
    let is_predicted = context.subject.foreseen().is_some();
    match opinion.call {
        // What follows from predictions is said also where it is not enough for a score.
        Recommendation::Abstain if is_predicted => {
            speaker.praise();
            speaker.blame();
            speaker.claimed();
            speaker.unforeseen();
        }
        Recommendation::Abstain => speaker.abstains(),
        _ => {
            speaker.praise();
            speaker.kinds();
            speaker.blame();
            if is_predicted {
                speaker.claimed()
            } else {
                speaker.claims()
            }
            speaker.takes();
        }
    }
    if is_predicted {
        speaker.plain();
    }
    speaker.remarks();
    speaker.rivals();
    speaker.says.done()
}

/// The value from which on this criterion alone would lift the opinion to a ship, as it is read; `None` where no value
/// would. `unit` is that of its measurement.
pub(super) fn needed(opinion: &Opinion, scored: &Scored, rubric: &Rubric, unit: Unit) -> Option<String> {
    let known: f64 = opinion.scored.iter().map(|found| found.weight).sum();
    let wanted = scored.utility + (rubric.ship_at - opinion.score?) * known / scored.weight;
    let reviewer = rubric.reviewers.iter().find(|reviewer| reviewer.id == opinion.reviewer)?;
    let criterion = reviewer.criteria.iter().find(|criterion| is_of(criterion, scored))?;
    match criterion.asked() {
        Asked::Metric(_, points) => value_for(points, wanted).map(|value| unit.text(value)),
        Asked::Fact { .. } => None,
    }
}

/// Whether this criterion was scored so: two may ask for one measurement, for different workloads.
fn is_of(criterion: &Criterion, scored: &Scored) -> bool {
    let metric = match criterion.asked() {
        Asked::Metric(metric, _) => metric,
        Asked::Fact { condition, .. } => condition,
    };
    metric == scored.criterion && criterion.about == scored.about
}

/// What would check a claim about `metric`.
fn checked_by(metric: &str) -> Option<&'static str> {
    match metric {
        "mmlu" => Some("`--benchmark mmlu=FILE`"),
        name if name.starts_with("humaneval") => Some("`--benchmark humaneval=FILE`"),
        name if name.starts_with("fidelity") => Some("`--base` beside the unquantised files"),
        "peak_memory" => Some("a measurement of its memory"),
        _ => None,
    }
}

struct Speaker<'a> {
    context: ReviewContext<'a>,
    reviewer: &'a Reviewer,
    opinion: &'a Opinion,
    says: Paragraph,
}

impl<'a> Speaker<'a> {
    fn measured(&self, scored: &Scored) -> Option<&'a Measurement> {
        scored.measurement.as_ref().and_then(|_| self.context.index.get(&scored.criterion))
    }

    fn criterion(&self, scored: &Scored) -> Option<&'a Criterion> {
        self.reviewer.criteria.iter().find(|criterion| is_of(criterion, scored))
    }

    fn gate(&mut self, found: &GateFound) {
        let verified = self.context.subject.seen.and_then(|seen| seen.model.verified.as_ref());
        let says = &mut self.says;
        match (found.gate, found.outcome, verified) {
            (rubric::ReviewerGate::Loads, Outcome::Passed, _) => {}
            (rubric::ReviewerGate::Loads, ..) => {
                says.words("No files of it were loaded here. ");
                self.engine();
            }
            (rubric::ReviewerGate::Verifies, Outcome::Passed, Some(verified)) => {
                says.words("It computes what ").name(&verified.reference).words(" computes. ");
            }
            (rubric::ReviewerGate::Verifies, Outcome::Failed, Some(verified)) => {
                says.words("It does not compute what ").name(&verified.reference).words(" computes: logits differ by ");
                says.value(&verified.max_delta).words(". ");
            }
            (rubric::ReviewerGate::Verifies, ..) => {}
            (rubric::ReviewerGate::Licence, ..) => self.licence(),
        }
    }

    /// What would have to run it, where that is not this program.
    fn engine(&mut self) {
        let engine = self.context.subject.foreseen().and_then(|expected| expected.engine.as_ref());
        match engine {
            Some(OtherEngine::Device) => {
                self.says.words("Plimsoll does not compute on that device: another engine would. ")
            }
            Some(OtherEngine::Architecture(name)) => self
                .says
                .words("Plimsoll does not read its architecture, ")
                .name(name)
                .words(": another engine would. "),
            Some(OtherEngine::Unnamed) => {
                self.says.words("Plimsoll does not read its architecture: another engine would. ")
            }
            None => &mut self.says,
        };
    }

    fn licence(&mut self) {
        let (licence, terms) = (self.context.licence, self.context.subject.terms);
        let says = &mut self.says;
        if let Some(within) = licence.allowed_within() {
            if let Some(name) = &terms.expression {
                says.name(name).words(": ");
            } else {
                says.words("The licence: ");
            }
            says.words("the declared use is ").term(&within).words(", which was not declared. ");
            return;
        }
        match (&terms.expression, licence.outcome) {
            (Some(name), Outcome::Passed) => says.name(name).words(" allows the declared use"),
            (None, Outcome::Passed) => says.words("The licence allows the declared use"),
            (Some(name), Outcome::Failed) => says.name(name).words(" does not allow the declared use: "),
            (None, Outcome::Failed) => says.words("The licence does not allow the declared use: "),
            (_, Outcome::Unknown) => says.words("Whether the licence allows the declared use cannot be told: "),
        };
        if licence.outcome == Outcome::Passed {
            for (index, duty) in licence.duties.iter().enumerate() {
                says.words(if index == 0 { "; what it asks: " } else { ", " }).term(&duty.words);
            }
        } else {
            for (index, reason) in licence.decisive().enumerate() {
                says.words(if index == 0 { "" } else { "; " }).term(&reason.words);
                if let Some(clause) = &reason.clause {
                    says.words(" (").term(clause).words(")");
                }
            }
        }
        says.words(". ");
    }

    fn abstains(&mut self) {
        let missing = self.opinion.missing.join(", ");
        let known = if missing.is_empty() { String::new() } else { format!("Not measured: {missing}. ") };
        self.says.words(&known).words("That is not enough to judge by.");
    }

    /// What predictions leave open.
    fn unforeseen(&mut self) {
        let no_shape = self.context.subject.foreseen().is_some_and(|expected| expected.prediction.is_none());
        if no_shape && self.opinion.scored.is_empty() && !self.asks_for_answers() {
            let bound = self.context.subject.foreseen().and_then(|expected| expected.at_least);
            match self.context.index.get(AT_LEAST).zip(bound) {
                Some((bytes, bound)) => self
                    .says
                    .words("Its shape is not published, and no more can be told than that its weights alone, as ")
                    .name(&bound.quantisation.to_string())
                    .words(", take ")
                    .value(bytes)
                    .words(" or more. "),
                None => self.says.words("Its shape is not published, so neither memory nor speed can be predicted. "),
            };
        } else if self.asks_for_answers() {
            self.says.words("How often it is right cannot be predicted, and without that there is no score. ");
        } else if !self.opinion.missing.is_empty() {
            let missing = self.opinion.missing.join(", ");
            self.says.words("Not predicted: ").words(&missing).words(". That is not enough to judge by. ");
        }
    }

    /// What is said and not scored, where the reviewer judges.
    fn remarks(&mut self) {
        let workload = self.context.subject.demand.workload;
        if self.opinion.call == Recommendation::Abstain {
            return;
        }
        for remark in self.reviewer.remarks.iter().filter(|remark| remark.is_for(workload)) {
            self.says.apart().words(&remark.text);
        }
    }

    /// Whether right answers weigh in this reviewer's score.
    fn asks_for_answers(&self) -> bool {
        let asks = |criterion: &Criterion| matches!(criterion.asked(), Asked::Metric("accuracy_above_chance", _));
        self.reviewer.criteria.iter().any(asks)
    }

    /// Whether this reviewer holds a model against what is claimed of it.
    fn asks_for_claims(&self) -> bool {
        let asks = |criterion: &Criterion| matches!(criterion.asked(), Asked::Metric("claims_shortfall", _));
        self.reviewer.criteria.iter().any(asks)
    }

    /// What is claimed, by whom, and which measurement would check it.
    fn claimed(&mut self) {
        let Some(card) = self.context.subject.card.filter(|_| self.asks_for_claims()) else { return };
        if card.claims.is_empty() {
            self.says.words("Nobody is known to claim anything of it that could be checked. ");
        }
        for claim in &card.claims {
            let says = self.says.words(if claim.verified {
                "Claimed, and confirmed by others: "
            } else {
                "Claimed, and checked by nobody here: "
            });
            says.name(claim.text.trim_end_matches('.')).words(" (").name(&claim.source).words(")");
            let Some(metric) = &claim.metric else {
                says.words(". ");
                continue;
            };
            if let Some(found) = self.context.index.get(&metric.name) {
                self.says.words("; it is ").value_alone(found);
            }
            if let Some(check) = checked_by(&metric.name) {
                self.says.words("; ").name(check).words(" would check it");
            }
            self.says.words(". ");
        }
    }

    /// What its card names beside it.
    fn rivals(&mut self) {
        let rivals = self.context.subject.rivals;
        if rivals.is_empty() || !self.asks_for_claims() {
            return;
        }
        self.says.apart().words("Its card names as rivals ");
        let shown = rivals.len().min(NAMED);
        for (index, rival) in rivals[..shown].iter().enumerate() {
            self.says.joint(index, rivals.len());
            let licence = rival.licence.as_deref().map(|id| id.strip_prefix("LicenseRef-").unwrap_or(id));
            let known: Vec<&str> = rival.size.as_deref().into_iter().chain(licence).collect();
            self.says.name(&rival.name);
            if !known.is_empty() {
                self.says.words(" (").name(&known.join(", ")).words(")");
            }
        }
        self.says.words(if rivals.len() > shown { " and others." } else { "." });
    }

    /// What is predicted, where nothing of it was worth praise or blame.
    fn plain(&mut self) {
        let opinion = self.opinion;
        let is_told = |found: &&Scored| found.utility >= PRAISED || found.utility < BLAMED;
        if opinion.scored.iter().any(|found| is_told(&found) && self.is_said(found)) {
            return;
        }
        let said = opinion.scored.iter().filter(|found| self.is_said(found));
        let figures: Vec<_> = said.filter_map(|found| Some((found, self.measured(found)?))).collect();
        for (index, (found, figure)) in figures.into_iter().enumerate() {
            if index == 0 {
                self.says.apart().words("Nothing stands out: ");
            } else {
                self.says.words("; ");
            }
            self.says.words(&found.about).words(" ").value_alone(figure);
        }
        if opinion.scored.iter().any(|found| self.is_said(found)) {
            self.says.words(".");
        }
    }

    /// Whether a criterion is one to praise or to blame: what is claimed is told by itself where it is held against a
    /// prediction.
    fn is_said(&self, found: &Scored) -> bool {
        let is_claim = found.criterion == "claims_shortfall" && self.context.subject.foreseen().is_some();
        found.measurement.is_some() && !is_claim
    }

    /// The best of it.
    fn praise(&mut self) {
        let opinion = self.opinion;
        let praised = opinion.scored.iter().filter(|found| found.utility >= PRAISED && self.is_said(found));
        let with = praised.filter_map(|found| Some((found, self.criterion(found)?.strong.clone()?)));
        let best = with.max_by(|a, b| (a.0.weight * a.0.utility).total_cmp(&(b.0.weight * b.0.utility)));
        if let Some((scored, phrase)) = best {
            self.phrase(&phrase, scored);
        }
    }

    /// The worst of it.
    fn blame(&mut self) {
        let lost = |found: &Scored| found.weight * (100.0 - found.utility);
        let opinion = self.opinion;
        let blamed = opinion.scored.iter().filter(|found| found.utility < BLAMED && self.is_said(found));
        let with = blamed.filter_map(|found| Some((found, self.criterion(found)?.weak.clone()?)));
        if let Some((scored, phrase)) = with.max_by(|a, b| lost(a.0).total_cmp(&lost(b.0))) {
            self.phrase(&phrase, scored);
        }
    }

    fn phrase(&mut self, phrase: &str, scored: &Scored) {
        let measured = self.measured(scored).cloned();
        let says = self.says.words(phrase);
        if let Some(measured) = measured {
            says.words(" (").value_alone(&measured);
            // A share of what lies between, which is not the share of right answers.
            says.words(if scored.criterion == "accuracy_above_chance" {
                " of the way from guessing to all right)"
            } else {
                ")"
            });
        }
        says.words(". ");
    }

    /// How often it is right, and of which questions it is not, where kinds of questions are scored.
    fn kinds(&mut self) {
        let asks = |metric: &str| self.opinion.scored.iter().any(|found| found.criterion == metric);
        let (Some(seen), true) = (self.context.subject.seen, asks("weakest_category")) else { return };
        let rate = &seen.model.quality.overall.rate;
        let chance = self.context.index.get("chance").cloned();
        let says = self.says.words("Right ").count(rate).words(" times");
        if let Some(chance) = chance {
            says.words(", where guessing gets ").value_alone(&chance);
        }
        says.words(". ");
        let mut kinds = by_category(seen);
        kinds.sort_by(|a, b| a.above_chance.total_cmp(&b.above_chance));
        let (bad, rest): (Vec<&Kind>, Vec<&Kind>) =
            kinds.iter().partition(|kind| kind.above_chance < NOT_TO_BE_RELIED_ON);
        let shaky: Vec<&Kind> = rest.iter().copied().filter(|kind| kind.above_chance < SHAKY).collect();
        match (bad.is_empty(), shaky.is_empty(), kinds.first()) {
            (true, true, Some(weakest)) => {
                self.says
                    .words("No kind of question stands out as weak; fewest are right in ")
                    .name(&weakest.rate.category);
                self.says.words(" (").count(&weakest.rate.rate).words("). ");
            }
            (false, _, _) => {
                self.says.words("It is not to be relied on for ");
                self.listed(&bad);
                if !shaky.is_empty() {
                    self.says.words(", and shaky on ");
                    self.listed(&shaky);
                }
                self.says.words(". ");
            }
            (true, false, _) => {
                self.says.words("It is shaky on ");
                self.listed(&shaky);
                self.says.words(". ");
            }
            (true, true, None) => {}
        }
    }

    fn listed(&mut self, kinds: &[&Kind]) {
        let shown = kinds.len().min(NAMED);
        for (index, kind) in kinds[..shown].iter().enumerate() {
            self.says.joint(index, kinds.len()).name(&kind.rate.category).words(" (").count(&kind.rate.rate).words(")");
        }
        if kinds.len() > shown {
            self.says.words(" and other kinds");
        }
    }

    /// That nothing was claimed is worth a word where claims are asked for.
    fn claims(&mut self) {
        let is_asked = |criterion: &&Criterion| matches!(criterion.asked(), Asked::Metric("claims_shortfall", _));
        let asks = self.reviewer.criteria.iter().find(is_asked);
        if asks.is_some_and(|asks| self.opinion.missing.contains(&asks.about)) {
            self.says.words("No claim of its makers could be held against what was measured. ");
        }
    }

    /// What would make it a ship, where one figure would.
    fn takes(&mut self) {
        let failed = self.opinion.gates.iter().any(|found| found.outcome == Outcome::Failed);
        if self.opinion.call != Recommendation::Skip || failed {
            return;
        }
        let lost = |found: &Scored| found.weight * (100.0 - found.utility);
        let alone = self.opinion.scored.iter().filter_map(|found| {
            let text = needed(self.opinion, found, self.context.rubric, self.measured(found)?.unit)?;
            Some((found, text))
        });
        match alone.max_by(|a, b| lost(a.0).total_cmp(&lost(b.0))) {
            Some((scored, text)) => {
                let rule = format!("{}/{}/needed", self.opinion.reviewer, scored.criterion);
                let wanted =
                    if self.context.subject.foreseen().is_some() { "To be worth a try, " } else { "For ship, " };
                self.says.words(wanted).words(&scored.about).words(" would have to come to ").rule(text, rule);
                self.says.words(".");
            }
            None => {
                let wanted = if self.context.subject.foreseen().is_some() { "worth a try" } else { "a ship" };
                self.says.words("No single figure would make it ").words(wanted).words(".");
            }
        }
    }
}
