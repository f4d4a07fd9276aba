//! A report taken elsewhere keeps its numbers and runs nothing.

use crate::fixture;
use plimsoll_panel::{CSV_HEADER, markdown, samples_csv};

#[test]
fn every_sample_and_every_answer_has_a_line() {
    let comparison = fixture::comparison();
    let csv = samples_csv("3f2a", &comparison);
    let samples: usize = comparison.measurements().iter().map(|measurement| measurement.samples.len()).sum();
    let answers: usize = comparison.models.iter().map(|model| model.quality.outcomes.len()).sum();
    assert_eq!(csv.lines().count(), samples + answers);
    let columns = CSV_HEADER.split(',').count();
    assert!(csv.lines().all(|line| line.split(',').count() == columns), "no name in the fixture holds a comma");
    let decode = &comparison.models[1].speed[0].decode;
    let line = format!("3f2a,{},demo:small,decode@0,tokens/s,2,{}", decode.id, decode.samples[2]);
    assert!(csv.lines().any(|found| found == line), "{line}");
}

#[test]
fn names_from_files_stay_names() {
    let mut comparison = fixture::comparison();
    comparison.models[0].facts.name = "=HYPERLINK(\"x\"), <script>".into();
    let csv = samples_csv("3f2a", &comparison);
    assert!(csv.contains(r#","'=HYPERLINK(""x""), <script>","#));
    let text = markdown(&fixture::report_of(comparison));
    assert!(!text.contains("<script>") && text.contains(r"\<script\>"));
}

#[test]
fn markdown_has_the_verdict_the_tables_and_the_command() {
    let report = fixture::report();
    let text = markdown(&report);
    assert!(text.contains("**Ship demo:large"), "{text}");
    assert!(text.contains("| verdict | Ship · 4 ship / 0 skip / 0 abstain |"));
    assert!(text.contains("## Accuracy, %") && text.contains("| dates |"));
    assert!(text.contains(&report.comparison.reproduce));
}
