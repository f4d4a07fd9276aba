//! Whether a review says only what its evidence and its rubric give.

use std::collections::HashMap;

use plimsoll_lab::record::{Comparison, Measurement, Side};

use super::paragraph::{Part, points};
use super::review::{Opinion, Review};
use super::{Background, Judgement, Subject, judge, review, subject};
use crate::rubric::Rubric;

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
    Misruled {
        /// Model and reviewer.
        place: String,
        /// As it is read.
        text: String,
        /// Which.
        rule: String,
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

/// Every fault of a review, held against the evidence that it claims to rest on.
pub fn check(found: &Review, subject: &Subject, rubric: &Rubric) -> Vec<Fault> {
    let mut evidence: Vec<&Measurement> = subject.further.iter().collect();
    evidence.extend(subject.fidelity.into_iter().flat_map(|found| found.measurements()));
    if let Some((model, device)) = subject.seen {
        evidence.extend(model.measurements());
        evidence.extend([&device.read_bandwidth, &device.arithmetic_rate]);
    }
    let expected = review(subject, rubric);
    evidence.extend(&expected.derived);
    let mut faults = changed(&evidence);
    let index: Index = evidence.into_iter().map(|measurement| (measurement.id.as_str(), measurement)).collect();
    for opinion in &found.opinions {
        let place = format!("{}, {}", found.model, opinion.name);
        let rules = |rule: &str| ruled(opinion, rule, rubric);
        faults.extend(opinion.paragraph.iter().filter_map(|part| traced(part, &place, &index, &rules)));
    }
    if *found != expected {
        faults.extend(differences(found, &expected));
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
    for side in Side::BOTH {
        let subject = subject(comparison, background, &found.usage, side);
        faults.extend(check(&found.reviews[side.index()], &subject, rubric));
    }
    let all = comparison.measurements();
    faults.extend(changed(&all));
    faults.dedup();
    let index: Index = all.into_iter().map(|measurement| (measurement.id.as_str(), measurement)).collect();
    let advice = &found.advice.paragraph;
    faults.extend(advice.iter().filter_map(|part| traced(part, "advice", &index, &|_| None)));
    if judge(comparison, background, &found.usage, rubric).advice != found.advice {
        faults.push(Fault::DoesNotFollow { place: "advice".to_owned(), about: "which model to ship".to_owned() });
    }
    faults
}

type Index<'a> = HashMap<&'a str, &'a Measurement>;

fn changed(evidence: &[&Measurement]) -> Vec<Fault> {
    let broken = evidence.iter().filter(|measurement| !measurement.is_intact());
    broken.map(|m| Fault::Changed { id: m.id.clone(), metric: format!("{} of {}", m.metric, m.subject) }).collect()
}

/// The fault of one part of a paragraph, if it has one.
fn traced(part: &Part, place: &str, index: &Index, rules: &dyn Fn(&str) -> Option<String>) -> Option<Fault> {
    let (place, text) = (place.to_owned(), part.text().to_owned());
    match part {
        Part::Words { text: words } => {
            words.chars().any(char::is_numeric).then_some(Fault::Untraced { place, text })
        }
        Part::Value { measurement: id, .. } => {
            let Some(measurement) = index.get(id.as_str()) else {
                return Some(Fault::Unknown { place, text, id: id.clone() });
            };
            let interval = measurement.interval_text().map(|interval| format!(" ({interval})"));
            let shown = [Some(measurement.text()), interval];
            let is_shown = shown.iter().flatten().any(|shown| *shown == text);
            let shown = shown.into_iter().flatten().collect();
            (!is_shown).then(|| Fault::Misread { place, text, id: id.clone(), shown })
        }
        Part::Rule { rule, .. } => {
            (rules(rule).as_deref() != Some(text.as_str())).then(|| Fault::Misruled { place, text, rule: rule.clone() })
        }
        // Names and clauses are compared whole, with the review.
        Part::Name { .. } | Part::Term { .. } => None,
    }
}

/// What the rubric, and the opinion's own figures, give for a rule.
fn ruled(opinion: &Opinion, rule: &str, rubric: &Rubric) -> Option<String> {
    if rule == "ship_at" {
        return Some(points(rubric.ship_at));
    }
    let rule = rule.strip_prefix(&opinion.reviewer)?.strip_prefix('/')?;
    if rule == "score" {
        return opinion.score.map(points);
    }
    let (criterion, what) = rule.rsplit_once('/')?;
    let scored = opinion.scored.iter().find(|scored| scored.criterion == criterion)?;
    match what {
        "utility" => Some(points(scored.utility)),
        "weight" => Some(points(scored.weight)),
        _ => None,
    }
}

/// Where a review is not what it should be.
fn differences(found: &Review, expected: &Review) -> Vec<Fault> {
    let fault = |place: String, about: &str| Fault::DoesNotFollow { place, about: about.to_owned() };
    let mut faults = Vec::new();
    for (opinion, right) in found.opinions.iter().zip(&expected.opinions) {
        let place = format!("{}, {}", found.model, opinion.name);
        if opinion.score != right.score {
            faults.push(fault(place, "the score"));
        } else if opinion.call != right.call {
            faults.push(fault(place, "the call"));
        } else if opinion != right {
            faults.push(fault(place, "the paragraph"));
        }
    }
    if found.verdict != expected.verdict {
        faults.push(fault(found.model.clone(), "the verdict"));
    }
    if faults.is_empty() {
        faults.push(fault(found.model.clone(), "the review"));
    }
    faults
}
