//! Three models or more: which to ship, what is written of them, and what a changed report gives away.

use crate::fixture::{Character, LARGE, SMALL};
use plimsoll_lab::suite::Suite;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{
    Detail, FieldReport, Report, ReportPaths, Style, embedded_record, render_field, render_field_html, write_field,
};

/// Between the two of the fixture in everything.
const MIDDLE: Character = Character {
    name: "demo:middle",
    parameters: 1_200_000,
    correct: [40, 44, 30, 30, 50, 22, 40, 30, 20, 35],
    decode: 3000.0,
    prefill: 15_000.0,
    load: 0.006,
    peak: 28_000_000,
    seed: 9,
    stride: 5,
};

fn field_of(characters: &[Character]) -> FieldReport {
    let suite = Suite::builtin("text", 2026, 50).expect("built in");
    let seen = characters.iter().map(|character| character.evidence(&suite)).collect();
    let found = plimsoll_lab::compare::field(&crate::fixture::setup(&suite, characters), seen).unwrap();
    let reports: Vec<Report> = found.against_the_best().into_iter().map(crate::fixture::report_of).collect();
    FieldReport::of(reports).unwrap()
}

fn three() -> FieldReport {
    field_of(&[SMALL, LARGE, MIDDLE])
}

#[test]
fn the_most_right_model_is_first_and_shipped_with_what_the_others_are_for() {
    let report = three();
    let names: Vec<&str> = report.models().iter().map(|model| model.record.facts.name.as_str()).collect();
    assert_eq!(names, ["demo:large", "demo:middle", "demo:small"]);
    assert_eq!(report.advice.ship, [0]);
    let text = report.advice.text();
    assert!(text.starts_with("Ship demo:large. It is right more often, "), "{text}");
    assert!(text.contains("Ship demo:small if you need more than "), "{text}");
    assert!(report.faults(&Rubric::builtin()).is_empty(), "{:?}", report.faults(&Rubric::builtin()));
}

#[test]
fn of_models_that_nothing_tells_apart_any_may_be_shipped() {
    let twin = |name, seed| Character { name, seed, ..MIDDLE };
    let report = field_of(&[twin("one", 1), twin("two", 1), twin("three", 1)]);
    assert_eq!(report.advice.ship.len(), 3);
    assert!(report.advice.text().starts_with("Ship any of one, two or three: "), "{}", report.advice.text());
    assert_eq!(report.lead(), "1, 2 and 3 are right equally often", "a tie is no lead");
    let lead = |characters: &[Character]| field_of(characters).lead();
    assert_eq!(lead(&[SMALL, LARGE, MIDDLE]), "1 is right most often");
    assert_eq!(lead(&[SMALL, twin("one", 1), twin("two", 1)]), "1 and 2 are right most often, and equally often");
}

#[test]
fn a_model_that_is_seen_to_be_less_right_is_not_shipped_for_its_speed() {
    // Nothing tells the middle from the best, nor the last from the middle; the last is fastest and seen to be worse.
    let with = |name, wrong: usize, decode, seed| Character {
        name,
        correct: LARGE.correct.map(|right| right.saturating_sub(wrong)),
        decode,
        seed,
        ..LARGE
    };
    let report = field_of(&[with("best", 0, 1000.0, 1), with("close", 1, 2000.0, 2), with("fast", 9, 9000.0, 3)]);
    let shipped = &report.models()[report.advice.ship[0]].record.facts.name;
    assert_ne!(shipped, "fast", "{}", report.advice.text());
}

#[test]
fn three_models_take_at_most_45_lines_of_80_columns_and_the_verdict_is_first_and_last() {
    let report = three();
    let text = render_field(&report, Style::Plain, Detail::Summary);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 45, "{} lines:\n{text}", lines.len());
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(lines[0].starts_with("Ship demo:large"), "{text}");
    assert!(lines[lines.len().saturating_sub(8)..].iter().any(|line| line.starts_with("Ship demo:large.")), "{text}");
    let eight: Vec<Character> = (0..8).map(|seed| Character { seed: seed as u64 + 1, ..MIDDLE }).collect();
    for line in render_field(&field_of(&eight), Style::Plain, Detail::Full).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_changed_field_is_told_by_what_was_changed() {
    let rubric = Rubric::builtin();
    let changed = |change: &dyn Fn(&mut FieldReport)| {
        let mut report = three();
        change(&mut report);
        report.faults(&rubric).join("; ")
    };
    assert!(changed(&|report| report.advice.ship = vec![2]).contains("which model to ship"));
    assert!(changed(&|report| report.field = 2).contains("its form has version 2"));
    let fewer = |report: &mut FieldReport| {
        report.reports.pop();
    };
    assert!(changed(&fewer).contains("what is corrected together"), "{}", changed(&fewer));
    let smaller_family = |report: &mut FieldReport| {
        for pair in &mut report.reports {
            pair.comparison.among.as_mut().unwrap().p.clear();
        }
    };
    assert!(!changed(&smaller_family).is_empty());
    let another = |report: &mut FieldReport| report.reports[1].comparison.models[0].facts.name = "another".into();
    assert!(!changed(&another).is_empty());
}

#[test]
fn the_page_carries_its_record_and_every_number_on_it_has_a_place() {
    let report = three();
    let page = render_field_html(&report, &Rubric::builtin().text);
    let again: FieldReport = serde_json::from_str(&embedded_record(&page).unwrap()).unwrap();
    assert_eq!(again.advice, report.advice);
    assert_eq!(again.reports.len(), 2);
    let ids: Vec<&str> = page.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "an id stands twice");
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&link), "`#{link}` leads nowhere");
    }
}

#[test]
fn the_report_is_named_after_all_models_and_a_long_name_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let report = three();
    let paths = ReportPaths::of(folder.path(), &report.ids());
    assert!(paths.html.ends_with("plimsoll-demo-large-vs-demo-middle-vs-demo-small.html"), "{paths:?}");
    assert!(write_field(&paths, &report, "").unwrap().is_empty());
    assert_eq!(write_field(&paths, &report, "").unwrap().len(), 2, "both are replaced and told");
    let long: Vec<String> = (0..8).map(|model| format!("{}{model}", "long-".repeat(15))).collect();
    let [one, other] = [&long[..], &long[1..]].map(|ids| ReportPaths::of(folder.path(), ids));
    assert!(one.json.file_name().unwrap().len() < 240 && one.json != other.json, "{one:?}");
}
