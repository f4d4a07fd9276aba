//! Which to try first, in sentences: why, at what cost, and when another would be right.

use plimsoll_catalog::Outcome;
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::record::Measurement;

use super::super::advice::lower_first;
use super::super::evidence_index::AT_LEAST;
use super::super::foresee::Foreseen;
use super::super::paragraph::{Paragraph, Part};
use super::super::review::{Opinion, Recommendation};
use super::super::verdict::VerdictKind;
use super::super::veto::Ground;
use super::{ALIKE, OutlookAdvice, is_faster, is_lighter};

/// Models that are named before a sentence grows too long.
const NAMED: usize = 4;

/// What follows from an order and from who stands first in it.
pub(super) fn advice(models: &[Foreseen], ranking: &[usize], first: Vec<usize>) -> OutlookAdvice {
    let case = Case { models, ranking };
    let (title, paragraph) = match first[..] {
        _ if case.are_one() => (case.same_title(), case.same()),
        [] => (case.none_title(), case.none()),
        [one] => (case.one_title(one), case.one(one)),
        [one, other, ..] => (case.several_title(&first), case.several(one, other, &first)),
    };
    OutlookAdvice { title, paragraph, adds: case.adds(), first }
}

/// What a rule of the advice gives: `parameters/ID`, a card's count of parameters; `for/ID`, the reviewers that would try the
/// model.
pub(super) fn ruled(models: &[Foreseen], rule: &str) -> Option<String> {
    let (what, id) = rule.split_once('/')?;
    let model = models.iter().find(|model| model.card.id == id)?;
    match what {
        "parameters" => billions(model),
        "for" => Some(in_favour(model)),
        _ => None,
    }
}

/// Reviewers that would try it, surely or perhaps: `none`, `1`, `2, 1 of them perhaps`.
fn in_favour(model: &Foreseen) -> String {
    let verdict = &model.review.verdict;
    match (verdict.tries + verdict.perhaps, verdict.perhaps) {
        (0, _) => "none".to_owned(),
        (all, 0) => all.to_string(),
        (all, perhaps) if all == perhaps => format!("{all} perhaps"),
        (all, perhaps) => format!("{all}, {perhaps} of them perhaps"),
    }
}

/// Parameters as `3.1 billion`, `135 million` or `0.5 million`.
fn billions(model: &Foreseen) -> Option<String> {
    let n = model.parameters? as f64;
    let digits = usize::from(n < 1e7);
    Some(if n >= 1e9 { format!("{:.1} billion", n / 1e9) } else { format!("{:.digits$} million", n / 1e6) })
}

struct Case<'a> {
    models: &'a [Foreseen],
    ranking: &'a [usize],
}

impl Case<'_> {
    fn name(&self, at: usize) -> &str {
        &self.models[at].card.name
    }

    fn word(&self, at: usize) -> VerdictKind {
        self.models[at].review.verdict.word
    }

    /// One card, asked for several times.
    fn are_one(&self) -> bool {
        let [first, rest @ ..] = self.models else { return false };
        !rest.is_empty() && rest.iter().all(|model| model.card.id == first.card.id && model.hub == first.hub)
    }

    fn same_title(&self) -> String {
        format!("The same model twice: {}, predicted", self.models[0].review.verdict.word)
    }

    fn same(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("These are one and the same model, ").name(self.name(0)).words(": there is nothing to choose. ");
        if !self.open(0).is_empty() {
            self.reservations(&mut says, 0, "What is open of it: ", ". ");
        }
        says.done()
    }

    fn none_title(&self) -> String {
        let whom = if self.models.len() == 2 { "neither" } else { "none of them" };
        format!("Try {whom}, predicted")
    }

    fn none(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words(if self.models.len() == 2 { "Try neither. " } else { "Try none of them. " });
        for at in self.ranking.iter().take(NAMED) {
            self.against(&mut says, *at);
        }
        if self.ranking.len() > NAMED {
            says.words("Nor are the others.");
        }
        says.done()
    }

    fn one_title(&self, at: usize) -> String {
        match self.word(at) {
            VerdictKind::Try => format!("Try {} first, predicted", self.name(at)),
            VerdictKind::Unmeasured => format!("If any, {}, predicted", self.name(at)),
            _ => format!("Perhaps {}, predicted", self.name(at)),
        }
    }

    fn one(&self, at: usize) -> Vec<Part> {
        let mut says = Paragraph::default();
        match self.word(at) {
            VerdictKind::Try => {
                says.words("Try ").name(self.name(at)).words(" first. ");
            }
            VerdictKind::Unmeasured => {
                says.words("If any, ").name(self.name(at));
                self.reservations(&mut says, at, ". Little can be told of it: ", ". ");
            }
            _ => {
                says.words("Perhaps ").name(self.name(at));
                self.reservations(&mut says, at, ". What is open or against it: ", ". ");
            }
        }
        let mut others = self.ranking.iter().copied().filter(|other| *other != at);
        if let Some(second) = others.next() {
            self.beside(&mut says, at, second);
        }
        self.rest(&mut says, &others.collect::<Vec<_>>());
        self.unmeasured(&mut says);
        says.done()
    }

    fn several_title(&self, first: &[usize]) -> String {
        let is_told = first.iter().any(|at| self.word(*at) != VerdictKind::Unmeasured);
        let whom = if self.models.len() == 2 { "either" } else { "any of the first" };
        match (is_told, self.word(first[0])) {
            (false, _) => "Nothing tells them apart, predicted".to_owned(),
            (true, VerdictKind::Try) => format!("Try {whom}, predicted"),
            (true, _) => format!("Perhaps {whom}, predicted"),
        }
    }

    /// Models that the predictions do not tell apart.
    fn several(&self, one: usize, other: usize, first: &[usize]) -> Vec<Part> {
        let mut says = Paragraph::default();
        let is_told = self.word(one) != VerdictKind::Unmeasured;
        says.words(match (is_told, self.word(one)) {
            (false, _) => "Nothing that is known decides between ",
            (true, VerdictKind::Try) => "Try either of ",
            (true, _) => "Perhaps either of ",
        });
        self.listed(&mut says, first);
        says.words(if is_told { ": the predictions do not tell them apart. " } else { ". " });
        self.gains(&mut says, one, other);
        self.gains(&mut says, other, one);
        if self.word(one) != VerdictKind::Try {
            for at in first.iter().take(NAMED) {
                let mut open = Paragraph::default();
                open.words("Of ").name(self.name(*at)).words(" ");
                let before = open.done();
                self.reservations_after(&mut says, *at, &before);
            }
        }
        let others: Vec<usize> = self.ranking.iter().copied().filter(|at| !first.contains(at)).collect();
        self.rest(&mut says, &others);
        self.unmeasured(&mut says);
        says.done()
    }

    fn reservations_after(&self, says: &mut Paragraph, at: usize, before: &[Part]) {
        let open = self.open(at);
        if !open.is_empty() {
            says.parts(before).words("it is open that ").parts(&joined(&open)).words(". ");
        }
    }

    /// The one that comes second, beside the first.
    fn beside(&self, says: &mut Paragraph, at: usize, second: usize) {
        if self.word(second) == VerdictKind::Skip {
            self.against(says, second);
            return;
        }
        if self.word(second).hope() < self.word(at).hope() {
            says.name(self.name(second)).words(" comes second");
            self.reservations(says, second, ": ", ". ");
        } else {
            self.why_first(says, at, second);
        }
        let [own, others] = [at, second].map(|at| self.models[at].expected.prediction.is_some());
        if own && others {
            self.gains(says, at, second);
            self.gains(says, second, at);
            self.stored(says, at, second);
        }
        self.instead(says, at, second);
    }

    /// Of two with the same word, why this one.
    fn why_first(&self, says: &mut Paragraph, at: usize, second: usize) {
        let [own, others] = [at, second].map(|at| &self.models[at]);
        let is_allowed = |model: &Foreseen| model.review.licence.outcome == Outcome::Passed;
        // In the order in which they rank.
        if own.review.verdict.in_favour() > others.review.verdict.in_favour() {
            says.words("More reviewers would try it (").rule(in_favour(own), rule("for", own));
            says.words(" against ").rule(in_favour(others), rule("for", others)).words("). ");
            return;
        }
        if own.expected.fits() < others.expected.fits() {
            says.words("It surely fits, and ").name(self.name(second)).words(" perhaps. ");
            return;
        }
        if is_allowed(own) && !is_allowed(others) {
            says.words("Its licence allows the use, which is not sure of ").name(self.name(second)).words(". ");
            return;
        }
        if own.expected.engine.is_none() && others.expected.engine.is_some() {
            says.words("For ").name(self.name(second)).words(" another engine would be needed. ");
            return;
        }
        self.larger(says, at, second);
    }

    /// That one has more parameters, or that both have about as many.
    fn larger(&self, says: &mut Paragraph, at: usize, second: usize) {
        let [own, others] = [at, second].map(|at| &self.models[at]);
        let [Some(a), Some(b)] = [own, others].map(|model| model.parameters) else {
            if own.parameters.is_some() {
                says.words("Of ").name(self.name(second)).words(match others.expected.at_least {
                    Some(_) => " no more of its shape is announced than how many parameters it has. ",
                    None => " neither memory nor speed can be told. ",
                });
            }
            return;
        };
        if a as f64 <= b as f64 * ALIKE {
            says.words("Both have about as many parameters. ");
            return;
        }
        says.words("It has more parameters (").rule(billions(own).unwrap_or_default(), rule("parameters", own));
        says.words(" against ").rule(billions(others).unwrap_or_default(), rule("parameters", others));
        says.words("), which is all that speaks for its answers before they are measured. ");
    }

    /// In what `at` is clearly better by what is predicted.
    fn gains(&self, says: &mut Paragraph, at: usize, other: usize) {
        let [own, others] = [at, other].map(|at| &self.models[at]);
        let mut clauses: Vec<(&str, [&Measurement; 2])> = Vec::new();
        let pair = |metric: &str| Some([own.figure(metric)?, others.figure(metric)?]);
        if let Some(both) = pair("peak_memory").filter(|_| is_lighter(own, others)) {
            clauses.push(("takes less memory (", both));
        }
        if let Some(both) = pair("decode@0").filter(|_| is_faster(own, others)) {
            clauses.push(("writes faster (", both));
        }
        for (index, (about, both)) in clauses.iter().enumerate() {
            match index {
                0 => says.name(self.name(at)).words(" "),
                _ => says.words(" and "),
            };
            says.words(about).against(*both).words(")");
        }
        says.words(if clauses.is_empty() { "" } else { ". " });
    }

    /// That the two are not stored alike, where they are not.
    fn stored(&self, says: &mut Paragraph, at: usize, second: usize) {
        let [a, b] = [at, second].map(|at| self.models[at].quantisation());
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            says.words("That is ").name(self.name(at)).words(" as ").name(&a.to_string()).words(" and ");
            says.name(self.name(second)).words(" as ").name(&b.to_string()).words(". ");
        }
    }

    /// That nothing here tells of the answers of those that are not out.
    fn unmeasured(&self, says: &mut Paragraph) {
        let in_play: Vec<usize> =
            self.ranking.iter().copied().filter(|at| self.word(*at) != VerdictKind::Skip).collect();
        says.words("How often ");
        match in_play[..] {
            [] => says.words("they answer"),
            [one] => says.name(self.name(one)).words(" answers"),
            [_, _] => says.words("either answers"),
            _ => says.words("any of them answers"),
        };
        says.words(" rightly only a measurement tells.");
    }

    /// When the second would be right.
    fn instead(&self, says: &mut Paragraph, at: usize, second: usize) {
        let [own, others] = [at, second].map(|at| &self.models[at]);
        let mut reasons: Vec<Vec<Part>> = Vec::new();
        let mut reason = |text: &str, figure: Option<&Measurement>| {
            let mut says = Paragraph::default();
            says.words(text);
            if let Some(figure) = figure {
                says.value(figure);
            }
            reasons.push(says.done());
        };
        if let Some(peak) = own.figure("peak_memory").filter(|_| is_lighter(others, own)) {
            reason("it has to run in less than ", Some(peak));
        }
        if let Some(decode) = own.figure("decode@0").filter(|_| is_faster(others, own)) {
            reason("it has to write faster than ", Some(decode));
        }
        let counts = own.parameters.zip(others.parameters);
        if counts.is_some_and(|(own, others)| others as f64 > own as f64 * ALIKE) {
            reason("its answers prove better, for it has more parameters", None);
        }
        if reasons.is_empty() {
            return;
        }
        says.name(self.name(second)).words(" instead if ");
        for (index, parts) in reasons.iter().enumerate() {
            says.words(if index == 0 { "" } else { ", or if " }).parts(parts);
        }
        says.words(". ");
    }

    /// Those behind the second: who follows, and who is not for this.
    fn rest(&self, says: &mut Paragraph, others: &[usize]) {
        let (out, next): (Vec<usize>, Vec<usize>) = others.iter().partition(|at| self.word(**at) == VerdictKind::Skip);
        if !next.is_empty() {
            says.words("Then ");
            self.listed(says, &next);
            says.words(". ");
        }
        if !out.is_empty() {
            says.words("Not for this: ");
            for (index, at) in out.iter().take(NAMED).enumerate() {
                says.words(if index == 0 { "" } else { ", " }).name(self.name(*at));
                says.words(" (").words(self.ground(*at)).words(")");
            }
            says.words(if out.len() > NAMED { " and others. " } else { ". " });
        }
    }

    fn listed(&self, says: &mut Paragraph, of: &[usize]) {
        for (index, at) in of.iter().take(NAMED).enumerate() {
            says.joint(index, of.len()).name(self.name(*at));
        }
        says.words(if of.len() > NAMED { " and others" } else { "" });
    }

    /// Why it is out, in a word or two.
    fn ground(&self, at: usize) -> &'static str {
        match self.models[at].review.vetoes.first().map(|veto| veto.ground) {
            Some(Ground::Licence) => "its licence",
            Some(Ground::Memory) => "its memory",
            Some(Ground::Need) => "a need",
            Some(Ground::Demonstration) => "a demonstration",
            Some(Ground::Verification | Ground::Canaries | Ground::Chance) => "its answers",
            None => "the panel",
        }
    }

    /// Why it is not for this: its vetoes, or else who would not try it.
    fn against(&self, says: &mut Paragraph, at: usize) {
        let review = &self.models[at].review;
        says.name(self.name(at)).words(" is not for this: ");
        for (index, veto) in review.vetoes.iter().enumerate() {
            says.words(if index == 0 { "" } else { " And " }).parts(&lower_first(&veto.paragraph));
        }
        if review.vetoes.is_empty() {
            says.parts(&joined(&self.skipped(at))).words(".");
        }
        says.words(" ");
    }

    /// What is not known of it or speaks against it, between `before` and `after`; where there is nothing, `after` alone.
    fn reservations(&self, says: &mut Paragraph, at: usize, before: &str, after: &str) {
        let open = self.open(at);
        if !open.is_empty() {
            says.words(before).parts(&joined(&open));
        }
        says.words(after);
    }

    /// Each reservation as a clause.
    fn open(&self, at: usize) -> Vec<Vec<Part>> {
        let model = &self.models[at];
        let mut open = self.skipped(at);
        open.extend(self.licence(at));
        open.extend(self.fit(at));
        for found in model.review.needs.iter().filter(|found| found.outcome == Outcome::Unknown) {
            let mut says = Paragraph::default();
            says.words("whether it meets “").term(&found.need.text).words("” cannot be told");
            let figure = model.review.derived.iter().find(|figure| Some(&figure.id) == found.measurement.as_ref());
            if let Some(figure) = figure {
                says.words(" (").value(figure).words(")");
            }
            open.push(says.done());
        }
        open
    }

    fn licence(&self, at: usize) -> Option<Vec<Part>> {
        let gate = &self.models[at].review.licence;
        if gate.outcome != Outcome::Unknown {
            return None;
        }
        let mut says = Paragraph::default();
        match gate.allowed_within() {
            Some(within) => {
                says.words("by its licence it is ").term(&within).words(", and that was not declared");
            }
            None => {
                says.words("its licence: ");
                for (index, reason) in gate.decisive().enumerate() {
                    says.words(if index == 0 { "" } else { ", and " }).term(&reason.words);
                }
            }
        }
        Some(says.done())
    }

    fn fit(&self, at: usize) -> Option<Vec<Part>> {
        let model = &self.models[at];
        let mut says = Paragraph::default();
        match (model.expected.fits(), &model.expected.prediction) {
            (_, None) => match (model.figure(AT_LEAST), &model.expected.at_least) {
                (Some(bound), Some(found)) => {
                    says.words("its shape is not published, and no more can be told than that its weights alone, as ");
                    says.name(&found.quantisation.to_string()).words(", take ").value(bound).words(" or more");
                }
                _ => {
                    says.words("its shape is not published, so neither memory nor speed can be told");
                }
            },
            (Floats::Perhaps, Some(_)) => match (model.figure("peak_memory"), model.figure("memory_room")) {
                (Some(peak), Some(room)) => {
                    says.words("it fits perhaps, for it takes ").value(peak).words(" of ").value(room);
                }
                _ => {
                    says.words("how much memory it may take there is not known");
                }
            },
            _ => return None,
        }
        Some(says.done())
    }

    /// Who would not try it, and for what above all.
    fn skipped(&self, at: usize) -> Vec<Vec<Part>> {
        let model = &self.models[at];
        let is_no = |opinion: &&Opinion| matches!(opinion.call, Recommendation::Skip | Recommendation::Perhaps);
        let said = model.review.opinions.iter().filter(is_no);
        let vetoed = |opinion: &Opinion| opinion.gates.iter().any(|gate| gate.outcome == Outcome::Failed);
        said.filter(|opinion| !vetoed(opinion))
            .map(|opinion| {
                let mut says = Paragraph::default();
                let perhaps = if opinion.call == Recommendation::Perhaps { "perhaps " } else { "" };
                says.words("the ").words(&opinion.name).words(" would ").words(perhaps).words("not try it");
                let lost = |utility: f64, weight: f64| weight * (100.0 - utility);
                let worst = opinion
                    .scored
                    .iter()
                    .max_by(|a, b| lost(a.utility, a.weight).total_cmp(&lost(b.utility, b.weight)));
                if let Some(worst) = worst {
                    says.words(", above all because of ").words(&worst.about);
                    if let Some(figure) = model.figure(&worst.criterion) {
                        says.words(" (").value(figure).words(")");
                    }
                }
                says.done()
            })
            .collect()
    }

    /// What a measurement would add.
    fn adds(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words(
            "how often each answers rightly, in which kinds of question it does not, what its quantisation costs, ",
        );
        says.words("and speed and memory as they are");
        let mut claimed = self
            .models
            .iter()
            .filter(|model| model.card.claims.iter().any(|claim| claim.metric.is_some() && !claim.verified));
        if let Some(first) = claimed.next() {
            says.words("; and whether the claims hold that are made of ").name(&first.card.name);
            let others: Vec<&Foreseen> = claimed.filter(|model| model.card.id != first.card.id).collect();
            for (index, model) in others.iter().take(NAMED - 1).enumerate() {
                // The first stands already.
                says.joint(index + 1, others.len() + 1).name(&model.card.name);
            }
            says.words(if others.len() >= NAMED { " and others" } else { "" });
        }
        says.words(".");
        says.done()
    }
}

fn rule(what: &str, model: &Foreseen) -> String {
    format!("{what}/{}", model.card.id)
}

/// Clauses with semicolons between them.
fn joined(clauses: &[Vec<Part>]) -> Vec<Part> {
    let mut says = Paragraph::default();
    for (index, clause) in clauses.iter().enumerate() {
        says.words(if index == 0 { "" } else { "; " }).parts(clause);
    }
    says.done()
}
