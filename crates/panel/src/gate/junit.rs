//! The gate's answer in the XML that build servers read.

use askama::Template;

use super::{Found, Gated, Standing};
use crate::xml as filters;

/// What `templates/junit.xml` is filled with.
#[derive(Template)]
#[template(path = "junit.xml")]
struct Junit<'a> {
    gated: &'a Gated,
}

impl Junit<'_> {
    fn count(&self, standing: Standing) -> usize {
        self.gated.count(standing)
    }

    fn message(&self, found: &Found) -> String {
        format!("{}: {}, {}", found.asks, found.found, found.why)
    }
}

/// One test suite with a test case for each rule; what is inconclusive counts as skipped. Build servers know no third
/// answer, so that the exit status is what tells it from a pass.
pub fn junit(gated: &Gated) -> String {
    Junit { gated }.render().expect("writing to a string cannot fail")
}
