//! Which of several models to try first, before anything of them was fetched.

mod advice;

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use plimsoll_catalog::{Availability, Category, DeclaredUse, Outcome};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_lab::predict::published::is_run_here;
use plimsoll_lab::record::Measurement;
use serde::{Deserialize, Serialize};

use super::check::{Fault, Index, check, traced};
use super::foresee::{Foreseen, Question};
use super::paragraph::Part;
use super::review::Review;
use super::verdict::VerdictKind;
use super::{Demand, Need, Subject, Workload};
use crate::predicted::CONTEXT;
use crate::rubric::Rubric;

/// What ranks models that are predicted, as it is told.
pub const RANKED_BY: &str = "by the panel's word and how many are for it, what surely fits, the licence, what needs no other \
                             engine, then parameters: how good answers are is not known before they are measured";

/// Counts of parameters within this of each other are alike.
const ALIKE: f64 = 1.1;

/// What can be said of several models before anything is fetched. All of it is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outlook {
    /// Always true: nothing here was measured.
    pub predicted: bool,
    /// The device, as it is read.
    pub device: String,
    /// What the models are wanted for.
    pub usage: DeclaredUse,
    /// What speed and memory are judged against.
    pub workload: Workload,
    /// What the reader needs.
    pub needs: Vec<Need>,
    /// Tokens of context, at most.
    pub context: usize,
    /// Pictures in it, of each model that sees; 0 where none does.
    pub pictures: usize,
    /// SHA-256 of the rubric.
    pub rubric: String,
    /// In the order in which they were asked for.
    pub models: Vec<Foreseen>,
    /// Places in `models`, the one to try first first: [`RANKED_BY`].
    pub ranking: Vec<usize>,
    /// Which to try.
    pub advice: OutlookAdvice,
}

/// Which to try first, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutlookAdvice {
    /// Places in `models`: one, several that are not told apart, or none where none is fit.
    pub first: Vec<usize>,
    /// In a few words, such as `Try SmolLM3 first, predicted`.
    pub title: String,
    /// Why, what it costs and when another would be right; every figure with its prediction.
    pub paragraph: Vec<Part>,
    /// What a measurement would add.
    pub adds: Vec<Part>,
}

impl OutlookAdvice {
    /// Why, as one text.
    pub fn text(&self) -> String {
        self.paragraph.iter().map(Part::text).collect()
    }

    /// What a measurement would add, as one text.
    pub fn adds_text(&self) -> String {
        self.adds.iter().map(Part::text).collect()
    }
}

impl Outlook {
    /// What follows from `models`, all judged for the same `question`.
    pub fn of(question: &Question<'_>, models: Vec<Foreseen>) -> Outlook {
        let demand = question.demand.clone();
        let (ranking, first) = ranked(&models);
        let advice = advice::advice(&models, &ranking, first);
        Outlook {
            predicted: true,
            device: question.target.name.to_owned(),
            usage: demand.usage,
            workload: demand.workload,
            needs: demand.needs,
            context: question.wish.context,
            pictures: if models.iter().any(|model| model.card.category == Category::VisionLanguage) {
                question.wish.pictures
            } else {
                0
            },
            rubric: question.rubric.sha256.clone(),
            models,
            ranking,
            advice,
        }
    }

    /// The models, the one to try first first.
    pub fn ranked(&self) -> impl Iterator<Item = &Foreseen> {
        self.ranking.iter().map(|at| &self.models[*at])
    }

    /// The use in words, such as `commercial; phone`.
    pub fn wanted(&self) -> String {
        format!("{}; {}", self.usage, self.workload)
    }

    /// What the models are wanted for, with the needs.
    fn demand(&self) -> Demand {
        Demand { usage: self.usage.clone(), workload: self.workload, needs: self.needs.clone() }
    }

    /// Models worth a try whose files can be had, and run here.
    fn had(&self) -> impl Iterator<Item = &Foreseen> {
        let tried = self.models.iter().filter(|model| model.review.verdict.word != VerdictKind::Skip);
        tried
            .filter(|model| is_run_here(&model.card))
            .filter(|model| model.hub.is_some() || model.card.availability == Availability::Embedded)
    }

    /// Commands that lead to a measurement, those of models whose files can be had.
    pub fn next(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.had().filter_map(|model| Some(format!("plimsoll pull {}", model.hub.as_ref()?))).collect();
        let mut ids: Vec<&str> = self.had().map(|model| model.card.id.as_str()).collect();
        ids.dedup();
        if ids.len() > 1 {
            let context = match self.context {
                CONTEXT => String::new(),
                tokens => format!(" --context {tokens}"),
            };
            lines.push(format!("plimsoll compare {}{}{context}", ids.join(" "), self.demand().flags()));
        }
        lines.dedup();
        lines
    }

    /// What is to be known of what those commands fetch, if anything is.
    pub fn fetched(&self) -> Option<String> {
        let is_other = |model: &Foreseen| model.quantisation().is_some_and(|stored| stored != Quantisation::BF16);
        let others: Vec<&Foreseen> = self.had().filter(|model| model.hub.is_some() && is_other(model)).collect();
        let [first, rest @ ..] = &others[..] else { return None };
        let stored = first.quantisation()?;
        let of: String = match rest.iter().all(|model| model.quantisation() == Some(stored)) {
            true => stored.to_string(),
            false => "what is stored as above".to_owned(),
        };
        Some(format!("these are the weights as published; the predictions are of {of}"))
    }

    /// Models that are predicted for less context than was asked for, because theirs ends there, each with its tokens.
    pub fn shorter(&self) -> impl Iterator<Item = (&Foreseen, usize)> {
        let context = |model: &Foreseen| model.expected.prediction.as_ref().map(|found| found.context);
        self.ranked().filter_map(move |model| Some((model, context(model)?))).filter(|(_, n)| *n < self.context)
    }
}

/// How a figure of one model stands to that of another, where both are known: below 1 where it is smaller.
fn ratio(a: &Foreseen, b: &Foreseen, metric: &str) -> Option<f64> {
    a.figure(metric).zip(b.figure(metric)).map(|(a, b)| a.value / b.value)
}

/// What is predicted of `a` lies clearly below that of `b`. On one device what is not known of it bears on both alike, so
/// their ratio is surer than either.
fn is_below(a: &Foreseen, b: &Foreseen, metric: &str) -> bool {
    let ends = |model: &Foreseen| model.figure(metric).and_then(|figure| figure.interval);
    // Where one range holds the other, nothing is clear.
    let is_ordered = ends(a).zip(ends(b)).is_none_or(|(a, b)| a.low <= b.low && a.high <= b.high);
    is_ordered && ratio(a, b, metric).is_some_and(|ratio| ratio < 1.0 / ALIKE)
}

fn is_lighter(a: &Foreseen, b: &Foreseen) -> bool {
    is_below(a, b, "peak_memory")
}

fn is_faster(a: &Foreseen, b: &Foreseen) -> bool {
    is_below(b, a, "decode@0")
}

/// Lighter or faster, and not the worse in the other.
fn dominates(a: &Foreseen, b: &Foreseen) -> bool {
    (is_lighter(a, b) && !is_faster(b, a)) || (is_faster(a, b) && !is_lighter(b, a))
}

/// The order, and who stands first in it: one, or several that nothing tells apart, or none.
fn ranked(models: &[Foreseen]) -> (Vec<usize>, Vec<usize>) {
    // Who speaks for it goes before what surely floats, and that before what the licence is known to allow.
    let standing = |at: usize| {
        let review = &models[at].review;
        let is_allowed = review.licence.outcome == Outcome::Passed;
        let in_favour = review.verdict.in_favour();
        let is_run = models[at].expected.engine.is_none();
        (review.verdict.word.hope(), in_favour, Reverse(models[at].expected.fits()), is_allowed, is_run)
    };
    let key = |at: usize| (standing(at), models[at].parameters.unwrap_or(0));
    let memory = |at: usize| models[at].figure("peak_memory").map_or(f64::INFINITY, |peak| peak.value);
    let by = |a: &usize, b: &usize| -> Ordering {
        let lighter = memory(*a).total_cmp(&memory(*b));
        key(*b).cmp(&key(*a)).then(lighter).then_with(|| models[*a].card.id.cmp(&models[*b].card.id))
    };
    let mut ranking: Vec<usize> = (0..models.len()).collect();
    ranking.sort_by(by);
    let Some(top) = ranking.first().map(|at| key(*at)) else { return (ranking, Vec::new()) };
    if top.0.0 == VerdictKind::Skip.hope() {
        return (ranking, Vec::new());
    }
    let is_alike = |at: &usize| {
        let (standing, parameters) = key(*at);
        standing == top.0 && parameters as f64 * ALIKE >= top.1 as f64
    };
    let alike: Vec<usize> = ranking.iter().copied().filter(is_alike).collect();
    let best = alike.iter().find(|at| {
        let others = || alike.iter().filter(|other| other != at);
        others().all(|other| dominates(&models[**at], &models[*other]))
    });
    match best.copied() {
        Some(best) => {
            ranking.retain(|at| *at != best);
            ranking.insert(0, best);
            (ranking, vec![best])
        }
        None => (ranking, alike),
    }
}

/// Every fault of an outlook: of a review, of a figure in its advice, or that it does not follow.
pub fn check_outlook(found: &Outlook, rubric: &Rubric) -> Vec<Fault> {
    let demand = found.demand();
    let mut faults: Vec<Fault> = found.models.iter().flat_map(|model| check_foreseen(model, &demand, rubric)).collect();
    let all: Vec<&Measurement> = found.models.iter().flat_map(|model| &model.review.derived).collect();
    let index: Index =
        all.into_iter().map(|measurement| (measurement.id.as_str(), measurement)).collect::<HashMap<_, _>>();
    let rules = |rule: &str| advice::ruled(&found.models, rule);
    let parts = found.advice.paragraph.iter().chain(&found.advice.adds);
    faults.extend(parts.filter_map(|part| traced(part, "advice", &index, &rules)));
    let (ranking, first) = ranked(&found.models);
    let is_right = found.predicted && ranking == found.ranking;
    if !is_right || advice::advice(&found.models, &ranking, first) != found.advice {
        faults.push(Fault::DoesNotFollow { place: "advice".to_owned(), about: "which model to try".to_owned() });
    }
    faults
}

fn check_foreseen(model: &Foreseen, demand: &Demand, rubric: &Rubric) -> Vec<Fault> {
    let Foreseen { card, expected, terms, rivals, review, .. } = model;
    let subject =
        Subject { card: Some(card), expected: Some(expected), rivals, ..Subject::of(&card.name, terms, demand) };
    let review: &Review = review;
    check(review, &subject, rubric)
}
