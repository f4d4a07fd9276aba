//! Whether a review says only what its evidence and its rubric give.

use std::collections::HashMap;

use plimsoll_lab::compare::{overstated, recomputed};
use plimsoll_lab::paired::rates;
use plimsoll_lab::record::{Comparison, Measurement, ModelRecord, Origin, Rate, SCHEMA_VERSION, Side};
use plimsoll_lab::suite::Mark;

use super::advice::{alike_detectable, detectable_text};
use super::paragraph::{Part, against_text, factor_text, readings};
use super::review::{Opinion, PANEL_VERSION, Recommendation, Review};
use super::veto::margin_text;
use super::{Background, Judgement, Subject, VerdictKind, judge, review, subject, words};
use crate::known::background_doubts;
use crate::report::Report;
use crate::rubric::Rubric;
use crate::write::questions;

/// Something in a review that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A figure stands among words.
    #[error("{place}: `{text}` holds a figure that nothing stands behind")]
    Untraced {
        /// Model and reviewer.
        place: String,
        /// The words.
        text: String,
    },
    /// A measurement that is not in the evidence.
    #[error("{place}: `{text}` is said to come from measurement {id}, which is not in the evidence")]
    Unknown {
        /// Model and reviewer.
        place: String,
        /// As it is read.
        text: String,
        /// The measurement.
        id: String,
    },
    /// A measurement whose content is not what its id says.
    #[error("measurement {id} ({metric}) was changed after it was made")]
    Changed {
        /// The measurement.
        id: String,
        /// What it measures.
        metric: String,
    },
    /// A share of right answers that is not that of the answers.
    #[error("{metric} of {subject} is not what the answers kept with it give")]
    Miscounted {
        /// Which model.
        subject: String,
        /// Which share.
        metric: String,
    },
    /// A figure that the measurement does not show.
    #[error("{place}: `{text}` is not what measurement {id} shows, which is {shown}")]
    Misread {
        /// Model and reviewer.
        place: String,
        /// As it is read.
        text: String,
        /// The measurement.
        id: String,
        /// What it shows.
        shown: String,
    },
    /// A figure of the rubric that it does not give.
    #[error("{place}: `{text}` is not what the rubric gives for {rule}")]
    RuleTextDiffers {
        /// Model and reviewer.
        place: String,
        /// As it is read.
        text: String,
        /// Which.
        rule: String,
    },
    /// The panel of another version of this program made something else of the same evidence.
    #[error("{model} was judged by version {found} of the panel, and this is version {now}: judge it again", now = PANEL_VERSION)]
    OtherPanel {
        /// The model.
        model: String,
        /// That version.
        found: u32,
    },
    /// A prediction that is said to be a measurement, or to follow from one.
    #[error("{model}: {about} is predicted, and is called measured")]
    CalledMeasured {
        /// The model.
        model: String,
        /// The measurement, or the verdict.
        about: String,
    },
    /// What was calculated from samples is not what they give.
    #[error("{about} is not what the samples and answers give")]
    NotRecomputed {
        /// What.
        about: String,
    },
    /// A record says more of itself than it holds.
    #[error("{about}")]
    Overstated {
        /// What it says, and what it holds.
        about: String,
    },
    /// A record of an earlier version, which was calculated by other rules.
    #[error(
        "the record has version {found}, and this program calculates version {now} again: compare again to have it checked",
        now = SCHEMA_VERSION
    )]
    OtherRecord {
        /// That version.
        found: u32,
    },
    /// An answer that is marked otherwise than it should be.
    #[error("the answer of {subject} to `{item}` is marked {marked}, and it is not")]
    Mismarked {
        /// Which model.
        subject: String,
        /// The question.
        item: String,
        /// `right` or `wrong`.
        marked: &'static str,
    },
    /// The whole is not what the evidence gives.
    #[error("{place}: {about} is not what this rubric makes of this evidence")]
    DoesNotFollow {
        /// Model, and reviewer if it is one's.
        place: String,
        /// What.
        about: String,
    },
}

/// Every fault of a report: of its judgement, and of everything in its comparison that follows from samples and answers.
pub fn check_report(report: &Report, rubric: &Rubric) -> Vec<Fault> {
    let Report { comparison, background: [a, b], judgement } = report;
    let mut faults = check_judgement(judgement, comparison, [a, b], rubric);
    faults.extend(check_comparison(comparison));
    faults.extend(background_doubts(comparison, [a, b]).into_iter().map(|about| Fault::Overstated { about }));
    faults
}

/// What does not follow from the samples and answers of a comparison: differences, medians, intervals, the conclusion, marks;
/// and what it says of itself that they do not bear out.
///
/// Of a comparison in which a measurement is not what its id says nothing is calculated again: that is told, and nothing
/// follows from its samples.
pub fn check_comparison(comparison: &Comparison) -> Vec<Fault> {
    if comparison.schema != SCHEMA_VERSION {
        return vec![Fault::OtherRecord { found: comparison.schema }];
    }
    let is_intact = comparison.measurements().iter().all(|measurement| measurement.is_intact());
    let wrong = if is_intact { recomputed(comparison) } else { Vec::new() };
    let mut faults: Vec<Fault> = wrong.into_iter().map(|about| Fault::NotRecomputed { about }).collect();
    faults.extend(overstated(comparison).into_iter().map(|about| Fault::Overstated { about }));
    faults.extend(mismarked(comparison));
    faults
}

/// How many marks of a comparison cannot be made again, and why, in a sentence; `None` where all can.
pub fn unmarked(comparison: &Comparison) -> Option<String> {
    let answers: usize = comparison.models.iter().map(|model| model.quality.outcomes.len()).sum();
    let facts = &comparison.suite;
    let Some(suite) = questions(comparison) else {
        let why = if facts.content.is_none() && !facts.sources.is_empty() {
            "the questions are not in the record, only the hashes of their files"
        } else {
            "its questions cannot be made again"
        };
        return (answers > 0).then(|| format!("{answers} marks of {answers} were not made again: {why}."));
    };
    let outcomes = comparison.models.iter().flat_map(|model| suite.items.iter().zip(&model.quality.outcomes));
    let programs = outcomes.filter(|(item, outcome)| item.marked_again(&outcome.answer).is_none()).count();
    (programs > 0).then(|| {
        format!("{programs} marks of {answers} were not made again: programs that a model wrote are not run to check.")
    })
}

/// Answers whose mark is not what this version's rules give, where the questions can be made again.
fn mismarked(comparison: &Comparison) -> Vec<Fault> {
    let Some(suite) = questions(comparison) else { return Vec::new() };
    let wrongly = comparison.models.iter().zip(Side::BOTH).flat_map(|(model, side)| {
        let pairs = suite.items.iter().zip(&model.quality.outcomes);
        pairs
            .filter(|(item, outcome)| {
                let again = item.marked_again(&outcome.answer);
                let is_other = |mark: Mark| (mark.correct, mark.known) != (outcome.correct, outcome.known);
                item.id == outcome.item && again.is_some_and(is_other)
            })
            .map(move |(_, outcome)| Fault::Mismarked {
                subject: side.letter().to_owned(),
                item: outcome.item.clone(),
                marked: if outcome.correct { "right" } else { "wrong" },
            })
    });
    wrongly.collect()
}

/// Every fault of a review, held against the evidence that it claims to rest on.
pub fn check(found: &Review, subject: &Subject, rubric: &Rubric) -> Vec<Fault> {
    let mut evidence: Vec<&Measurement> = subject.further.iter().collect();
    evidence.extend(subject.fidelity.into_iter().flat_map(|found| found.measurements()));
    if let Some(seen) = subject.seen {
        evidence.extend(seen.model.measurements());
        evidence.extend([&seen.device.read_bandwidth, &seen.device.arithmetic_rate]);
    }
    if found.panel != PANEL_VERSION {
        return vec![Fault::OtherPanel { model: found.model.clone(), found: found.panel }];
    }
    let expected = review(subject, rubric);
    evidence.extend(&expected.derived);
    let mut faults = changed(&evidence);
    faults.extend(called_measured(found, &expected));
    let index: Index = evidence.into_iter().map(|measurement| (measurement.id.as_str(), measurement)).collect();
    for opinion in &found.opinions {
        let place = format!("{}, {}", found.model, opinion.name);
        let rules = |rule: &str| ruled(opinion, rule, rubric, &index);
        faults.extend(opinion.paragraph.iter().filter_map(|part| traced(part, &place, &index, &rules)));
    }
    let place = format!("{}, veto", found.model);
    let margin = |rule: &str| (rule == "chance_margin").then(|| margin_text(rubric));
    for veto in &found.vetoes {
        faults.extend(veto.paragraph.iter().filter_map(|part| traced(part, &place, &index, &margin)));
    }
    if *found != expected {
        faults.extend(differences(found, &expected));
    }
    faults
}

/// Predictions that a review calls measured: in a figure, or in its verdict.
fn called_measured(found: &Review, expected: &Review) -> Vec<Fault> {
    let fault = |about: &str| Fault::CalledMeasured { model: found.model.clone(), about: about.to_owned() };
    let is_predicted = |metric: &str| {
        let of_it = expected.derived.iter().find(|right| right.metric == metric);
        of_it.is_some_and(|right| right.origin == Origin::Predicted)
    };
    let called = found.derived.iter().filter(|said| said.origin != Origin::Predicted && is_predicted(&said.metric));
    let mut faults: Vec<Fault> = called.map(|said| fault(&said.metric)).collect();
    let says_ship = found.verdict.word == VerdictKind::Ship
        || found.opinions.iter().any(|opinion| opinion.call == Recommendation::Ship);
    if expected.is_predicted() && (!found.is_predicted() || says_ship) {
        faults.push(fault("the verdict"));
    }
    faults
}

/// Every fault of a judgement, held against the comparison that it judges.
pub fn check_judgement(
    found: &Judgement,
    comparison: &Comparison,
    background: [&Background; 2],
    rubric: &Rubric,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let demand = found.demand();
    for side in Side::BOTH {
        let subject = subject(comparison, background, &demand, side);
        faults.extend(check(&found.reviews[side.index()], &subject, rubric));
    }
    let mut all = comparison.measurements();
    all.extend(found.reviews.iter().flat_map(|review| &review.derived));
    faults.extend(changed(&all));
    faults.extend(comparison.models.iter().flat_map(miscounted));
    faults.dedup();
    let index: Index = all.into_iter().map(|measurement| (measurement.id.as_str(), measurement)).collect();
    let advice = &found.advice.paragraph;
    let rules = |rule: &str| {
        let accuracy = comparison.difference("accuracy")?;
        match rule {
            "accuracy/n" => Some(accuracy.difference.n.to_string()),
            "accuracy/detectable" => detectable_text(accuracy),
            "alike/detectable" => alike_detectable(comparison),
            "chance_margin" => Some(margin_text(rubric)),
            _ => None,
        }
    };
    faults.extend(advice.iter().filter_map(|part| traced(part, "advice", &index, &rules)));
    let expected = judge(comparison, background, &demand, rubric);
    if (expected.usage, expected.workload, expected.rubric)
        != (found.usage.clone(), found.workload, found.rubric.clone())
    {
        faults.push(Fault::DoesNotFollow { place: "judgement".to_owned(), about: "the declared use".to_owned() });
    }
    if expected.advice != found.advice {
        faults.push(Fault::DoesNotFollow { place: "advice".to_owned(), about: "which model to ship".to_owned() });
    }
    faults
}

pub(super) type Index<'a> = HashMap<&'a str, &'a Measurement>;

fn changed(evidence: &[&Measurement]) -> Vec<Fault> {
    let broken = evidence.iter().filter(|measurement| !measurement.is_intact());
    broken.map(|m| Fault::Changed { id: m.id.clone(), metric: format!("{} of {}", m.metric, m.subject) }).collect()
}

/// Shares of right answers whose samples are the answers, which no hash of theirs covers.
fn miscounted(model: &ModelRecord) -> Vec<Fault> {
    let quality = &model.quality;
    let expected = rates(&quality.outcomes);
    let said = std::iter::once(&quality.overall).chain(&quality.categories);
    let is_so = |said: &&Rate| {
        let found = expected.iter().find(|expected| expected.category == said.category);
        found.map_or(said.n == 0, |found| {
            (found.correct, found.n) == (said.correct, said.n)
                && said.rate.value == found.correct as f64 / found.n as f64
        })
    };
    let wrong = said.filter(|said| !is_so(said));
    wrong
        .map(|said| Fault::Miscounted { subject: said.rate.subject.clone(), metric: said.rate.metric.clone() })
        .collect()
}

/// Readings without the blanks that part them from words.
fn told(readings: &[String]) -> String {
    readings.iter().map(|reading| reading.trim()).collect::<Vec<_>>().join(" or ")
}

/// The fault of one part of a paragraph, if it has one.
pub(super) fn traced(part: &Part, place: &str, index: &Index, rules: &dyn Fn(&str) -> Option<String>) -> Option<Fault> {
    let (place, text) = (place.to_owned(), part.text().to_owned());
    match part {
        Part::Words { text: words } => words.chars().any(char::is_numeric).then_some(Fault::Untraced { place, text }),
        Part::Value { measurement: id, .. } => {
            let Some(measurement) = index.get(id.as_str()) else {
                return Some(Fault::Unknown { place, text, id: id.clone() });
            };
            let readings = readings(measurement);
            let is_shown = readings.contains(&text);
            (!is_shown).then(|| Fault::Misread { place, text, id: id.clone(), shown: told(&readings) })
        }
        Part::Factor { of, .. } => {
            let found = of.each_ref().map(|id| index.get(id.as_str()).copied());
            let [Some(one), Some(other)] = found else {
                return Some(Fault::Unknown { place, text, id: of.join(" and ") });
            };
            let readings = [factor_text([one, other]), against_text([one, other])];
            let is = one.unit == other.unit && readings.contains(&text);
            (!is).then(|| Fault::Misread { place, text, id: of.join(" and "), shown: factor_text([one, other]) })
        }
        Part::Rule { rule, .. } => (rules(rule).as_deref() != Some(text.as_str())).then(|| Fault::RuleTextDiffers {
            place,
            text,
            rule: rule.clone(),
        }),
        // Names and clauses are compared whole, with the review.
        Part::Name { .. } | Part::Term { .. } => None,
    }
}

/// What the rubric, and the opinion's own figures, give for a rule: `REVIEWER/CRITERION/needed`.
fn ruled(opinion: &Opinion, rule: &str, rubric: &Rubric, index: &Index) -> Option<String> {
    let rule = rule.strip_prefix(&opinion.reviewer)?.strip_prefix('/')?;
    let criterion = rule.strip_suffix("/needed")?;
    let of_it = opinion.scored.iter().filter(|scored| scored.criterion == criterion);
    let found = of_it.filter_map(|scored| {
        let unit = index.get(scored.measurement.as_deref()?)?.unit;
        words::needed(opinion, scored, rubric, unit)
    });
    found.into_iter().next()
}

/// Where a review is not what it should be.
fn differences(found: &Review, expected: &Review) -> Vec<Fault> {
    let fault = |place: String, about: &str| Fault::DoesNotFollow { place, about: about.to_owned() };
    let mut faults = Vec::new();
    for (opinion, right) in found.opinions.iter().zip(&expected.opinions) {
        let place = format!("{}, {}", found.model, opinion.name);
        if (opinion.score, opinion.score_high) != (right.score, right.score_high) {
            faults.push(fault(place, "the score"));
        } else if opinion.call != right.call {
            faults.push(fault(place, "the call"));
        } else if opinion != right {
            faults.push(fault(place, "the paragraph"));
        }
    }
    if found.vetoes != expected.vetoes || found.needs != expected.needs {
        faults.push(fault(found.model.clone(), "a veto or a need"));
    }
    if found.verdict != expected.verdict {
        faults.push(fault(found.model.clone(), "the verdict"));
    }
    if faults.is_empty() {
        faults.push(fault(found.model.clone(), "the review"));
    }
    faults
}
