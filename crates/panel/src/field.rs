//! Three models or more with what the panel says of them: the best beside each of the others, as reports of two.

use plimsoll_lab::compare::{Field, field_again};
use plimsoll_lab::record::{Comparison, listed};
use serde::{Deserialize, Serialize};

use crate::judge::{FieldAdvice, Judged, check_report, field_advice};
use crate::report::Report;
use crate::rubric::Rubric;

/// Version of the JSON form of [`FieldReport`]; that of the reports in it is theirs.
const FIELD_VERSION: u32 = 1;
/// Models that are compared at once; what is corrected together grows with their square.
const MOST_MODELS: usize = 8;

/// A report of three models or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldReport {
    /// The version of the form of reports of several models at the time of writing.
    pub field: u32,
    /// The model with the most right answers (of several the one that takes least memory), which is A in each, beside every
    /// other, in the order of their right answers.
    /// The differences in all of them are corrected together, with those of the pairs that are not among them.
    pub reports: Vec<Report>,
    /// Which to ship. Places are those of [`FieldReport::models`].
    pub advice: FieldAdvice,
}

/// Reports are not those of one field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the models cannot be laid side by side: {0}")]
pub struct NoField(String);

impl FieldReport {
    /// Of the reports of the best beside each of the others.
    ///
    /// # Errors
    /// They are not of one field.
    pub fn of(reports: Vec<Report>) -> Result<FieldReport, NoField> {
        let advice = field_advice(&field(&reports)?, &judged(&reports));
        Ok(FieldReport { field: FIELD_VERSION, reports, advice })
    }

    /// Every model with what the panel says of it: the most right answers first.
    pub fn models(&self) -> Vec<Judged<'_>> {
        judged(&self.reports)
    }

    /// Names by which pages are found, in the order of [`FieldReport::models`].
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.reports.first().map(|report| report.ids()[0].clone()).into_iter().collect();
        ids.extend(self.reports.iter().map(|report| report.ids()[1].clone()));
        ids
    }

    /// Which are right most often, by their numbers, as a sentence begins: ties are no lead.
    pub fn lead(&self) -> String {
        let right = |model: &Judged| model.record.quality.overall.correct;
        let models = self.models();
        let leading = models.iter().filter(|model| right(model) == models.iter().map(right).max().unwrap_or(0)).count();
        let numbers: Vec<String> = (1..=leading).map(|number| number.to_string()).collect();
        let numbers = listed(&numbers.iter().map(String::as_str).collect::<Vec<_>>());
        match leading {
            1 => format!("{numbers} is right most often"),
            all if all == models.len() => format!("{numbers} are right equally often"),
            _ => format!("{numbers} are right most often, and equally often"),
        }
    }

    /// What was compared under, which is the same in all of them.
    ///
    /// # Panics
    /// Without a report; [`FieldReport::of`] makes none of none.
    pub fn first(&self) -> &Report {
        &self.reports[0]
    }

    /// Everything that does not hold, in words: in each report, in what is corrected together, and in the advice.
    pub fn faults(&self, rubric: &Rubric) -> Vec<String> {
        if self.reports.len() >= MOST_MODELS {
            return vec![format!("{} reports, expected fewer than {MOST_MODELS}", self.reports.len())];
        }
        if self.field != FIELD_VERSION {
            return vec![format!(
                "its form has version {}, and this program checks version {FIELD_VERSION}",
                self.field
            )];
        }
        let mut faults: Vec<String> = self
            .reports
            .iter()
            .flat_map(|report| check_report(report, rubric))
            .map(|fault| fault.to_string())
            .collect();
        match field(&self.reports) {
            Ok(again) => {
                let pairs = again.clone().against_the_best();
                let told = self.reports.iter().map(|report| &report.comparison);
                if !pairs.iter().zip(told).all(|(again, told)| is_same_family(again, told)) {
                    faults
                        .push("what is corrected together is not everything that is compared of all models".to_owned());
                }
                if field_advice(&again, &self.models()) != self.advice {
                    faults.push("advice: which model to ship is not what this evidence gives".to_owned());
                }
            }
            Err(error) => faults.push(error.to_string()),
        }
        let demands = self.reports.iter().map(|report| report.judgement.demand());
        if demands.collect::<Vec<_>>().windows(2).any(|two| two[0] != two[1]) {
            faults.push("the models were not all judged for the same use".to_owned());
        }
        faults.dedup();
        faults
    }
}

/// P-values may differ by so much: sums are taken in another order.
const ROUNDING: f64 = 1e-9;

fn is_same_family(one: &Comparison, other: &Comparison) -> bool {
    let (Some(one), Some(other)) = (&one.among, &other.among) else { return false };
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= ROUNDING;
    one.models == other.models && one.p.len() == other.p.len() && one.p.iter().zip(&other.p).all(close)
}

fn field(reports: &[Report]) -> Result<Field, NoField> {
    field_again(&reports.iter().map(|report| &report.comparison).collect::<Vec<_>>()).map_err(NoField)
}

fn judged(reports: &[Report]) -> Vec<Judged<'_>> {
    let mut all: Vec<Judged<'_>> = Vec::with_capacity(reports.len() + 1);
    for (index, report) in reports.iter().enumerate() {
        if index == 0 {
            all.push(Judged { record: &report.comparison.models[0], review: &report.judgement.reviews[0] });
        }
        all.push(Judged { record: &report.comparison.models[1], review: &report.judgement.reviews[1] });
    }
    all
}
