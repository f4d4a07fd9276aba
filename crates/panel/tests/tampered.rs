//! A report in which something was changed is refused, as its record and as its page, however well the change is covered up:
//! ids made anew, the panel heard again.

mod fixture;

use std::sync::OnceLock;

use plimsoll_lab::record::{Comparison, Measurement, Words};
use plimsoll_panel::judge::check_report;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Report, embedded_record, render_html};

/// Gives a changed measurement the id that belongs to it.
fn covered(measurement: &mut Measurement) {
    measurement.id = measurement.expected_id();
}

fn told(report: &Report) -> Vec<String> {
    check_report(report, &Rubric::builtin()).iter().map(ToString::to_string).collect()
}

/// The comparison as it was made, made once.
fn made() -> &'static Comparison {
    static MADE: OnceLock<Comparison> = OnceLock::new();
    MADE.get_or_init(fixture::comparison)
}

/// What the checker says of a comparison with `change` made to it, judged anew.
fn found(change: impl Fn(&mut Comparison)) -> Vec<String> {
    let mut comparison = made().clone();
    change(&mut comparison);
    assert_ne!(comparison, *made(), "nothing was changed");
    told(&fixture::report_of(comparison))
}

fn assert_told(told: &[String], about: &str) {
    assert!(told.iter().any(|fault| fault.contains(about)), "{about}: {told:?}");
}

#[test]
fn a_report_as_it_was_made_has_no_fault_and_its_page_shows_it() {
    let report = fixture::report_of(made().clone());
    assert_eq!(told(&report), Vec::<String>::new());
    let page = render_html(&report, &Rubric::builtin().text);
    let read: Report = serde_json::from_str(&embedded_record(&page).unwrap()).unwrap();
    assert_eq!(read, report);
    assert_eq!(render_html(&read, &Rubric::builtin().text), page, "byte for byte");
}

#[test]
fn a_changed_headline_is_found() {
    let told = found(|comparison| {
        let conclusion = &mut comparison.conclusion;
        conclusion.sentence = conclusion.sentence.replace("80.8 %", "99.2 %");
        for piece in conclusion.clauses.iter_mut().flat_map(|clause| &mut clause.pieces) {
            piece.text = piece.text.replace("80.8 %", "99.2 %");
        }
    });
    assert_told(&told, "the conclusion is not what the samples and answers give");
}

#[test]
fn a_conclusion_of_somebody_elses_is_found() {
    let told = found(|comparison| {
        comparison.conclusion.sentence = "A is better in every way, 99.9 % against 3 %.".into();
        comparison.conclusion.clauses.truncate(1);
    });
    assert_told(&told, "the conclusion");
}

#[test]
fn a_value_copied_wrongly_beside_a_difference_is_found() {
    assert_told(&found(|comparison| comparison.differences[0].b = 0.992), "what is said of the difference in accuracy");
}

#[test]
fn a_difference_turned_round_with_a_new_id_is_found() {
    let told = found(|comparison| {
        let difference = &mut comparison.differences[0];
        let found = &mut difference.difference;
        found.value = -found.value;
        let interval = found.interval.as_mut().unwrap();
        (interval.low, interval.high) = (-interval.high, -interval.low);
        covered(found);
        difference.words = Words::BBetter;
        difference.only_right = difference.only_right.map(|[a, b]| [b, a]);
    });
    assert_told(&told, "accuracy of A against B");
    assert_told(&told, "what is said of the difference in accuracy");
}

#[test]
fn a_median_that_its_samples_do_not_give_is_found() {
    let told = found(|comparison| {
        let load = &mut comparison.models[0].start.load;
        load.value = 1e-6;
        covered(load);
    });
    assert_told(&told, "load of A");
}

#[test]
fn a_widened_interval_and_a_p_value_are_found() {
    let told = found(|comparison| {
        let decode = &mut comparison.models[1].speed[0].decode;
        decode.interval.as_mut().unwrap().high *= 2.0;
        covered(decode);
    });
    assert_told(&told, "decode@0 of B");
    assert_told(
        &found(|comparison| comparison.differences[3].test.p_holm = 0.9),
        "what is said of the difference in accuracy.",
    );
    assert_told(&found(|comparison| comparison.differences[3].detectable = Some(0.001)), "the difference in accuracy.");
    assert_told(
        &found(|comparison| comparison.differences[0].words = Words::NoDifferenceSeen),
        "the difference in accuracy",
    );
}

#[test]
fn marks_that_change_places_are_found_though_the_share_stays() {
    let told = found(|comparison| {
        let outcomes = &mut comparison.models[0].quality.outcomes;
        let right = outcomes.iter().position(|outcome| outcome.correct).unwrap();
        let category = outcomes[right].category.clone();
        let wrong = outcomes.iter().position(|outcome| !outcome.correct && outcome.category == category).unwrap();
        (outcomes[right].correct, outcomes[wrong].correct) = (false, true);
    });
    assert_told(&told, "is marked right, and it is not");
    assert_told(&told, "is marked wrong, and it is not");
}

#[test]
fn a_difference_that_is_left_out_is_found() {
    let told = found(|comparison| {
        comparison.differences.remove(2);
    });
    assert_told(&told, "is not what the samples and answers give");
}

#[test]
fn a_verification_that_passed_beyond_its_tolerance_is_found() {
    let told = found(|comparison| comparison.models[0].verified.as_mut().unwrap().tolerance = 1e-9);
    assert_told(&told, "the verification of A");
}

#[test]
fn a_page_that_shows_another_figure_than_its_record_is_not_what_the_record_renders_to() {
    let (report, rubric) = (fixture::report_of(made().clone()), Rubric::builtin());
    let page = render_html(&report, &rubric.text);
    let shown = page.find("80.8 %").unwrap();
    let record = page.find("<template id=\"plimsoll-report\">").unwrap();
    assert!(shown < record, "what is shown stands before the record");
    let changed = page.replacen("80.8 %", "99.2 %", 1);
    let read: Report = serde_json::from_str(&embedded_record(&changed).unwrap()).unwrap();
    assert_eq!(read, report, "the record itself is whole");
    assert_ne!(render_html(&read, &rubric.text), changed);
}

#[test]
fn names_that_look_like_the_records_element_do_not_become_it() {
    let mut comparison = made().clone();
    comparison.models[0].facts.name = "</template><template id=\"plimsoll-report\">{}".into();
    let page = render_html(&fixture::report_of(comparison.clone()), &Rubric::builtin().text);
    assert_eq!(page.matches("<template").count(), 1);
    let read: Report = serde_json::from_str(&embedded_record(&page).unwrap()).unwrap();
    assert_eq!(read.comparison.models[0].facts.name, comparison.models[0].facts.name);
}
