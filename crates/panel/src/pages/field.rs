//! The page of three models or more: a row for each, and every pair with the best folded below.

use std::collections::HashSet;

use askama::Template;
use plimsoll_lab::record::{Comparison, Difference, Filled, Measurement};

use super::Chrome;
use super::measured::{Sample, sample, with_unit};
use super::shown::summary;
use crate::field::FieldReport;
use crate::judge::{Judged, Part};
use crate::table::{Cell, Section, sections};

/// The page.
#[derive(Template)]
#[template(path = "field.html")]
pub struct FieldPage<'a> {
    chrome: Chrome<'a>,
    report: &'a FieldReport,
    models: Vec<Model<'a>>,
    kinds: Vec<Kind>,
    pairs: Vec<Pair<'a>>,
    device: Vec<Sample<'a>>,
    rubric: &'a str,
    record: String,
}

/// A model with its row.
struct Model<'a> {
    number: usize,
    name: &'a str,
    of: Judged<'a>,
    shipped: bool,
    cells: Vec<Marked>,
    samples: Vec<Sample<'a>>,
}

/// A number, and how it is beside that of the first model; empty in its own row.
struct Marked {
    cell: Option<Cell>,
    words: &'static str,
}

/// Right answers to one kind of question.
struct Kind {
    about: String,
    cells: Vec<Marked>,
}

/// The first model beside another.
struct Pair<'a> {
    number: usize,
    names: [&'a str; 2],
    sections: Vec<Section>,
    samples: Vec<Sample<'a>>,
    sentence: &'a str,
}

impl<'a> Model<'a> {
    /// Each cell of its row with what it tells, for where a row is no row of a table.
    fn told(&self) -> impl Iterator<Item = (&'static str, &Marked)> {
        ABOUT.into_iter().zip(&self.cells)
    }

    fn samples(&self) -> &[Sample<'a>] {
        &self.samples
    }
}

impl<'a> Pair<'a> {
    fn samples(&self) -> &[Sample<'a>] {
        &self.samples
    }
}

/// What the cells of a row tell, in its order.
const ABOUT: [&str; 5] = ["Right answers", "Decode", "Peak memory", "First token, cold", "Load"];
/// Metrics of a row, in its order.
const METRICS: [&str; 5] = ["accuracy", "decode@0", "peak_memory", "first_token_cold", "load"];

impl<'a> FieldPage<'a> {
    /// The page of a report, as a file of its own that carries `record`.
    pub fn new(report: &'a FieldReport, rubric: &'a str, record: String) -> FieldPage<'a> {
        let judged = report.models();
        let comparison = &report.first().comparison;
        let mut seen = HashSet::new();
        let mut fresh = |all: Vec<&'a Measurement>| -> Vec<Sample<'a>> {
            all.into_iter().filter(|measured| seen.insert(measured.id.as_str())).map(sample).collect()
        };
        let device = fresh(vec![&comparison.device.read_bandwidth, &comparison.device.arithmetic_rate]);
        let models = judged.iter().enumerate().map(|(place, of)| Model {
            number: place + 1,
            name: &of.record.facts.name,
            of: *of,
            shipped: report.advice.ship.contains(&place),
            cells: METRICS.iter().map(|metric| marked(report, &judged, place, metric)).collect(),
            samples: fresh(of.record.measurements().into_iter().chain(&of.review.derived).collect()),
        });
        let models: Vec<Model<'a>> = models.collect();
        let pairs = report.reports.iter().enumerate().map(|(at, pair)| {
            let pair: &'a Comparison = &pair.comparison;
            Pair {
                number: at + 2,
                names: [&pair.models[0].facts.name, &pair.models[1].facts.name],
                sections: sections(pair),
                samples: fresh(pair.differences.iter().map(|difference| &difference.difference).collect()),
                sentence: &pair.conclusion.sentence,
            }
        });
        let pairs = pairs.collect();
        let kinds = comparison.models[0].quality.categories.iter().map(|kind| Kind {
            about: kind.category.clone(),
            cells: (0..judged.len()).map(|place| marked(report, &judged, place, &kind.rate.metric)).collect(),
        });
        FieldPage { chrome: Chrome::File, report, models, kinds: kinds.collect(), pairs, device, rubric, record }
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> String {
        self.models.iter().map(|model| model.name).collect::<Vec<_>>().join(" vs ")
    }

    fn description(&self) -> String {
        summary(&self.report.advice.text())
    }

    fn comparison(&self) -> &Comparison {
        &self.report.first().comparison
    }

    fn wanted(&self) -> String {
        self.report.first().judgement.wanted()
    }

    /// What is corrected together.
    fn corrected(&self) -> usize {
        self.comparison().differences.first().map_or(0, |difference| difference.test.family_size)
    }

    /// Which are right most often.
    fn lead(&self) -> String {
        self.report.lead()
    }

    /// Of what peak memory is told.
    fn memory(&self) -> String {
        let filled = self.comparison().settings.filled.as_ref();
        filled.map_or_else(|| Filled::ONE_ANSWER.to_owned(), Filled::to_string)
    }

    fn advice(&self) -> &[Part] {
        &self.report.advice.paragraph
    }
}

/// A metric of one model, with what may be said of it beside the first.
fn marked(report: &FieldReport, models: &[Judged], place: usize, metric: &str) -> Marked {
    let found = models[place].record.measurements().into_iter().find(|measured| measured.metric == metric);
    let difference = place.checked_sub(1).and_then(|at| report.reports[at].comparison.difference(metric));
    let words = match difference.map(Difference::winner) {
        None => "",
        Some(None) => "no difference seen",
        Some(Some(side)) if side.index() == 1 => "better than 1",
        Some(Some(_)) => "worse than 1",
    };
    Marked { cell: found.map(with_unit), words }
}
