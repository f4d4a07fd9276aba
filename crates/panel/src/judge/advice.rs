//! Which of two to ship: what is better and by how much, what it costs, when the other would be right.

use std::cmp::Ordering;

use plimsoll_lab::record::{Comparison, Difference, Measurement, Side, Unit};
use serde::{Deserialize, Serialize};

use super::Workload;
use super::field::Judged;
use super::paragraph::{Paragraph, Part};
use super::review::{Recommendation, Review};
use super::veto::Veto;

/// Which of two models the panel would ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Preferred {
    /// The first.
    A,
    /// The second.
    B,
    /// The evidence does not tell them apart.
    NotToldApart,
    /// Neither is fit for the declared use here.
    Neither,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Advice {
    /// Which.
    pub preferred: Preferred,
    /// What to do, and why, every number with its measurement.
    pub paragraph: Vec<Part>,
}

impl Advice {
    /// As one text.
    pub fn text(&self) -> String {
        self.paragraph.iter().map(Part::text).collect()
    }
}

/// What is wanted of the two goes before what is known of both: a veto, the panel's word, right answers where they were
/// seen to differ, then speed and memory.
pub(super) fn advice(comparison: &Comparison, reviews: &[Review; 2]) -> Advice {
    let case = Case { comparison, reviews };
    let preferred = case.preferred();
    let paragraph = match preferred {
        Preferred::A => case.ship(Side::A),
        Preferred::B => case.ship(Side::B),
        Preferred::Neither => case.neither(),
        Preferred::NotToldApart => case.not_told_apart(),
    };
    Advice { preferred, paragraph }
}

struct Case<'a> {
    comparison: &'a Comparison,
    reviews: &'a [Review; 2],
}

/// A quantity in which one may be better than the other.
struct Aspect {
    /// Of the difference.
    metric: &'static str,
    /// The better one's, before the factor.
    better: &'static str,
    /// Behind the factor.
    than: &'static str,
    /// Before the value of the one that is behind.
    cost: &'static str,
}

const SPEED: Aspect = Aspect { metric: "decode@0", better: "it writes ", than: " as fast, ", cost: "it writes " };
const PROMPTS: Aspect =
    Aspect { metric: "prefill@0", better: "it reads prompts ", than: " as fast, ", cost: "it reads prompts at " };
const START: Aspect = Aspect {
    metric: "first_token_cold",
    better: "its first token comes ",
    than: " as soon, ",
    cost: "its first token after loading comes in ",
};
/// The weightiest first: writing stands for reading where both differ.
const ASPECTS: [Aspect; 3] = [SPEED, PROMPTS, START];
const MEMORY: &str = "peak_memory";

fn other(side: Side) -> Side {
    if side == Side::A { Side::B } else { Side::A }
}

impl Case<'_> {
    fn review(&self, side: Side) -> &Review {
        &self.reviews[side.index()]
    }

    fn judged(&self, side: Side) -> Judged<'_> {
        Judged { record: &self.comparison.models[side.index()], review: self.review(side) }
    }

    fn name(&self, side: Side) -> &str {
        &self.comparison.models[side.index()].facts.name
    }

    fn difference(&self, metric: &str) -> Option<&Difference> {
        self.comparison.difference(metric)
    }

    /// Who was seen to be better in it.
    fn winner(&self, metric: &str) -> Option<Side> {
        self.difference(metric).and_then(Difference::winner)
    }

    /// The measurement of one side that a difference was made of.
    fn measured(&self, metric: &str, side: Side) -> Option<&Measurement> {
        let id = self.difference(metric)?.difference.from.get(side.index())?;
        self.comparison.models[side.index()].measurements().into_iter().find(|measured| measured.id == *id)
    }

    fn are_one_file(&self) -> bool {
        let [a, b] = self.comparison.models.each_ref().map(|model| &model.facts);
        (&a.sha256, &a.tokenizer_sha256, &a.template_sha256) == (&b.sha256, &b.tokenizer_sha256, &b.template_sha256)
    }

    fn preferred(&self) -> Preferred {
        let ranks = self.reviews.each_ref().map(|review| review.verdict.word.rank());
        let side = |side: Option<Side>| match side {
            Some(Side::A) => Preferred::A,
            Some(Side::B) => Preferred::B,
            None => Preferred::NotToldApart,
        };
        match ranks {
            [0 | 1, 0 | 1] => Preferred::Neither,
            // The same weights in the same words: what differs is noise.
            _ if self.are_one_file() => Preferred::NotToldApart,
            [a, b] if a > b => Preferred::A,
            [a, b] if a < b => Preferred::B,
            _ => side(self.winner("accuracy").or_else(|| self.lighter())),
        }
    }

    /// Who is better in speed and memory; where one is faster and the other smaller, the workload decides.
    fn lighter(&self) -> Option<Side> {
        let (fast, small) = (self.winner(SPEED.metric), self.winner(MEMORY));
        let phone = self.reviews[0].workload == Workload::Phone;
        let first = if phone { small.or(fast) } else { fast.or(small) };
        first.or_else(|| self.winner(PROMPTS.metric)).or_else(|| self.winner(START.metric))
    }

    fn ship(&self, side: Side) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("Ship ").name(self.name(side));
        provided(&mut says, &[self.judged(side)]);
        says.words(". ");
        self.divided(&mut says, side);
        if self.review(other(side)).verdict.word.rank() <= 1 {
            self.against(&mut says, other(side));
            return says.done();
        }
        self.quality(&mut says, side);
        self.gains(&mut says, side);
        self.costs(&mut says, side);
        self.word(&mut says, side);
        self.instead(&mut says, side);
        says.done()
    }

    /// Who would not ship it, where that makes the panel's word less than Ship.
    fn divided(&self, says: &mut Paragraph, side: Side) {
        let review = self.review(side);
        if !review.has_reservations() {
            return;
        }
        let against = review.opinions.iter().filter(|opinion| opinion.call == Recommendation::Skip);
        let names: Vec<&str> = against.map(|opinion| opinion.name.as_str()).collect();
        says.words("The ");
        list(says, &names);
        says.words(" would not ship it");
        if let Some(right) = self.measured("accuracy", side) {
            says.words(" (right answers: ").value(right).words(")");
        }
        says.words(". ");
    }

    /// Why one is not to be shipped: its vetoes, or else what its panel counts.
    fn against(&self, says: &mut Paragraph, side: Side) {
        let review = self.review(side);
        says.name(self.name(side)).words(" is not recommended: ");
        if review.vetoes.is_empty() {
            says.words("fewer than half of the reviewers who judge would ship it. ");
            return;
        }
        after_colon(says, &review.vetoes);
    }

    /// Right answers of the preferred beside the other's.
    fn quality(&self, says: &mut Paragraph, side: Side) {
        let rate = |side: Side| &self.comparison.models[side.index()].quality.overall.rate;
        let Some(found) = self.difference("accuracy") else {
            says.words("Right answers of both were not compared. ");
            return;
        };
        match found.winner() {
            Some(winner) => {
                says.words(if winner == side { "It is right more often, " } else { "It is right less often, " });
                says.value_alone(rate(side)).words(" against ").value_alone(rate(other(side))).words(". ");
            }
            None => {
                let excludes_none = found.difference.interval.is_some_and(|at| at.low > 0.0 || at.high < 0.0);
                says.words(if excludes_none {
                    "Right answers may differ, though not surely once all that is compared here is counted ("
                } else {
                    "No difference in right answers was seen ("
                });
                says.value_alone(rate(side)).words(" against ").value_alone(rate(other(side)));
                self.could_have_shown(says, found);
                says.words("). ");
            }
        }
        self.kinds(says, side, found.winner() == Some(side));
    }

    /// In which kinds of questions each was seen to be better; of who is better over all, only where the other is.
    fn kinds(&self, says: &mut Paragraph, side: Side, is_better: bool) {
        for (side, is_told) in [(side, !is_better), (other(side), true)] {
            let kinds = self.kinds_won(side);
            if is_told && !kinds.is_empty() {
                says.name(self.name(side)).words(" is better in ");
                list(says, &kinds);
                says.words(". ");
            }
        }
    }

    /// Kinds of questions in which `side` was seen to be right more often.
    fn kinds_won(&self, side: Side) -> Vec<&str> {
        let won = self.comparison.differences.iter().filter(|found| found.winner() == Some(side));
        won.filter_map(|found| found.metric.strip_prefix("accuracy.")).collect()
    }

    /// What difference so many questions would mostly have shown.
    fn could_have_shown(&self, says: &mut Paragraph, found: &Difference) {
        if let Some(text) = detectable_text(found) {
            says.words("; with ").rule(found.difference.n.to_string(), "accuracy/n".to_owned());
            says.words(" questions one of ").rule(text, "accuracy/detectable".to_owned());
            says.words(" would be seen four times in five");
        } else {
            says.words("; with so few questions, ").rule(found.difference.n.to_string(), "accuracy/n".to_owned());
            says.words(", no difference would show");
        }
    }

    /// In what else it is better, and by how much.
    fn gains(&self, says: &mut Paragraph, side: Side) {
        let mut is_first = true;
        let begins = if self.winner("accuracy").is_some() { "Besides, " } else { "What decides: " };
        if let Some((aspect, own, others)) = self.ahead(side) {
            // A rate is so many times as high, a time so many times as short.
            let of = if own.unit == Unit::TokensPerSecond { [own, others] } else { [others, own] };
            says.words(begins).words(aspect.better).factor(of).words(aspect.than);
            says.value_alone(own).words(" against ").value_alone(others);
            is_first = false;
        }
        if let Some([own, others]) = self.memory(side) {
            says.words(if is_first { begins } else { ", and " }).words("it takes less memory, ").value_alone(own);
            says.words(" against ").value_alone(others);
            is_first = false;
        }
        says.words(if is_first { "" } else { ". " });
    }

    /// In what the other is better: what the choice costs.
    fn costs(&self, says: &mut Paragraph, side: Side) {
        let mut is_first = true;
        if let Some((aspect, others, own)) = self.ahead(other(side)) {
            says.words("The cost: ").words(aspect.cost).value_alone(own).words(" against ").value_alone(others);
            is_first = false;
        }
        if let Some([others, own]) = self.memory(other(side)) {
            says.words(if is_first { "The cost: " } else { "; " }).value_alone(own).words(" of memory against ");
            says.value_alone(others);
            is_first = false;
        }
        says.words(if is_first { "" } else { ". " });
    }

    /// The first aspect of speed in which `side` was seen to be better, with its own value and the other's.
    fn ahead(&self, side: Side) -> Option<(&'static Aspect, &Measurement, &Measurement)> {
        let won = ASPECTS.iter().find(|aspect| self.winner(aspect.metric) == Some(side))?;
        Some((won, self.measured(won.metric, side)?, self.measured(won.metric, other(side))?))
    }

    /// Memory of `side` and of the other, where `side` was seen to take less.
    fn memory(&self, side: Side) -> Option<[&Measurement; 2]> {
        self.winner(MEMORY).filter(|winner| *winner == side)?;
        Some([self.measured(MEMORY, side)?, self.measured(MEMORY, other(side))?])
    }

    /// Where the panel says less of the other without skipping it, that is a reason too.
    fn word(&self, says: &mut Paragraph, side: Side) {
        let words = [side, other(side)].map(|side| self.review(side).verdict.word);
        if words[0] != words[1] && words[1].rank() > 1 {
            says.words("The panel says ").words(&words[0].to_string().to_lowercase()).words(" to it and ");
            says.words(&words[1].to_string().to_lowercase()).words(" to ").name(self.name(other(side))).words(". ");
        }
    }

    /// When the other would be right, if it may be shipped at all.
    fn instead(&self, says: &mut Paragraph, side: Side) {
        let rival = other(side);
        if self.review(rival).verdict.word.rank() <= 1 {
            return;
        }
        let mut reasons = Paragraph::default();
        let mut is_first = true;
        let mut joint = |reasons: &mut Paragraph| {
            reasons.words(if is_first { "" } else { " or " });
            is_first = false;
        };
        if let (Some(own), true) = (self.measured(SPEED.metric, side), self.winner(SPEED.metric) == Some(rival)) {
            joint(&mut reasons);
            reasons.words("if you need more than ").value_alone(own);
        }
        if let Some([_, own]) = self.memory(rival) {
            joint(&mut reasons);
            reasons.words("if it has to run in less than ").value_alone(own);
        }
        if self.winner("accuracy") == Some(rival) {
            joint(&mut reasons);
            reasons.words("if right answers matter most");
        } else if let kinds @ [_, ..] = &self.kinds_won(rival)[..] {
            joint(&mut reasons);
            reasons.words("for ");
            list(&mut reasons, kinds);
        }
        let alike = alike_kinds(self.comparison);
        if !is_first && self.winner("accuracy") == Some(side) && !alike.is_empty() {
            reasons.words("; in ");
            list(&mut reasons, &alike.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
            reasons.words(" no difference in right answers was seen");
            self.alike_could_have_shown(&mut reasons);
        }
        if is_first {
            return;
        }
        says.words("Ship ").name(self.name(rival)).words(" ").parts(&reasons.done()).words(".");
    }

    /// What differences those questions would mostly have shown in every kind.
    fn alike_could_have_shown(&self, says: &mut Paragraph) {
        match alike_detectable(self.comparison) {
            Some(text) => {
                says.words(", where one of ").rule(text, "alike/detectable".to_owned());
                says.words(" would be seen four times in five");
            }
            None => {
                says.words(", and of some kinds so few were asked that none would show");
            }
        }
    }

    fn neither(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("Ship neither. ");
        for side in Side::BOTH {
            if self.review(side).verdict.word.rank() == 0 {
                says.words("Of ").name(self.name(side)).words(" there is not enough evidence to judge by. ");
            } else {
                self.against(&mut says, side);
            }
        }
        says.done()
    }

    fn not_told_apart(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        if self.are_one_file() {
            says.words("These are the same weights: what differs between the two is noise of the measurement.");
            return says.done();
        }
        says.words("Ship either");
        provided(&mut says, &Side::BOTH.map(|side| self.judged(side)));
        says.words(". ");
        self.quality(&mut says, Side::A);
        says.words("No difference was seen in speed without a context, in the first token or in memory");
        let alike = self.reviews[0].verdict == self.reviews[1].verdict
            && self.reviews[0].opinions.iter().zip(&self.reviews[1].opinions).all(|(a, b)| a.call == b.call);
        says.words(if alike { ", and the panel says the same of both. " } else { ". " });
        says.words("More questions (--items) and repetitions (--repeat) might tell them apart.");
        says.done()
    }
}

/// Kinds of questions in which no difference was seen.
fn alike_kinds(comparison: &Comparison) -> Vec<(&str, &Difference)> {
    let alike = comparison.differences.iter().filter(|found| found.winner().is_none());
    alike.filter_map(|found| Some((found.metric.strip_prefix("accuracy.")?, found))).collect()
}

/// The least difference that would mostly have shown in each of those kinds; none where one of them shows none.
pub(super) fn alike_detectable(comparison: &Comparison) -> Option<String> {
    let kinds = alike_kinds(comparison);
    if kinds.iter().any(|(_, found)| found.detectable.is_none()) {
        return None;
    }
    let least = kinds.into_iter().max_by(|a, b| a.1.detectable.partial_cmp(&b.1.detectable).unwrap_or(Ordering::Equal));
    detectable_text(least?.1)
}

/// The least difference in right answers that would mostly have shown, as `5.2 points`.
pub(super) fn detectable_text(found: &Difference) -> Option<String> {
    let least = found.detectable?;
    let scale = found.difference.unit.scale(&[least]);
    Some(format!("{} {}", scale.show(least).trim_start_matches('+'), scale.suffix))
}

/// Vetoes as sentences, the first of which goes on from a colon.
pub(super) fn after_colon(says: &mut Paragraph, vetoes: &[Veto]) {
    for (index, veto) in vetoes.iter().enumerate() {
        let begun = if index == 0 { lower_first(&veto.paragraph) } else { veto.paragraph.clone() };
        says.parts(&begun).words(" ");
    }
}

/// On what the advice hangs: needs of which the evidence does not tell whether the models that are shipped meet them.
pub(super) fn provided(says: &mut Paragraph, shipped: &[Judged]) {
    let reviews: Vec<&Review> = shipped.iter().map(|model| model.review).collect();
    for (index, need) in open_needs(&reviews).into_iter().enumerate() {
        says.words(if index == 0 { ", if it proves to meet “" } else { ", and “" }).term(need).words("”, ");
        let found: Vec<&Measurement> = shipped.iter().filter_map(|model| model.undecided(need)).collect();
        for (index, measured) in found.iter().enumerate() {
            says.words(if index == 0 { "which " } else { " or " }).value(measured);
        }
        says.words(match found[..] {
            [] => "of which nothing was measured",
            [_] => " does not decide",
            _ => " do not decide",
        });
    }
}

/// What a headline adds where the one that is shipped has somebody against it.
pub(crate) fn reservations(shipped: &[&Review]) -> &'static str {
    let has_some = matches!(shipped, [one] if one.has_reservations());
    if has_some { ", with reservations" } else { "" }
}

/// Needs of which the evidence does not tell whether these meet them, each once.
pub(crate) fn open_needs<'a>(shipped: &[&'a Review]) -> Vec<&'a str> {
    let mut open: Vec<&str> = Vec::new();
    for need in shipped.iter().flat_map(|review| review.open_needs()).map(|found| found.need.text.as_str()) {
        if !open.contains(&need) {
            open.push(need);
        }
    }
    open
}

/// Names between commas, the last behind `and`.
fn list(says: &mut Paragraph, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        says.joint(index, names.len()).name(name);
    }
}

/// A sentence that goes on behind a colon.
pub(super) fn lower_first(parts: &[Part]) -> Vec<Part> {
    let mut parts = parts.to_vec();
    if let Some(Part::Words { text }) = parts.first_mut() {
        let mut letters = text.chars();
        if let Some(first) = letters.next() {
            *text = first.to_lowercase().chain(letters).collect();
        }
    }
    parts
}
