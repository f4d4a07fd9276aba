//! Raw evidence of one comparison: every measurement with its samples.

use askama::Template;
use plimsoll_lab::record::{Comparison, Measurement};

use super::Chrome;
use super::measured::{Sample, sample};
use crate::judge::Fault;

/// The page of a comparison's evidence.
#[derive(Template)]
#[template(path = "run.html")]
pub struct RunPage<'a> {
    chrome: Chrome<'a>,
    id: &'a str,
    pair: String,
    comparison: &'a Comparison,
    withdrawn: Option<&'a str>,
    faults: &'a [Fault],
    samples: Vec<Sample<'a>>,
}

impl<'a> RunPage<'a> {
    /// The page of `comparison`, kept as `id` for the page `pair`, with what the checker said of the panel's verdict and
    /// what the panel calculated.
    pub fn new(
        chrome: Chrome<'a>,
        id: &'a str,
        pair: String,
        comparison: &'a Comparison,
        derived: impl Iterator<Item = &'a Measurement>,
    ) -> Self {
        let samples = comparison.measurements().into_iter().chain(derived).map(sample).collect();
        RunPage { chrome, id, pair, comparison, withdrawn: None, faults: &[], samples }
    }

    /// Withdrawn, and why.
    pub fn withdrawn(mut self, reason: Option<&'a str>) -> Self {
        self.withdrawn = reason;
        self
    }

    /// With what the checker found.
    pub fn checked(mut self, faults: &'a [Fault]) -> Self {
        self.faults = faults;
        self
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> String {
        let [a, b] = &self.comparison.models;
        format!("Evidence: {} vs {}", a.facts.name, b.facts.name)
    }

    fn description(&self) -> String {
        let device = &self.comparison.device;
        format!("Every measurement of {} with its samples, on {}.", self.pair.replace("-vs-", " vs "), device.cpu)
    }
}
