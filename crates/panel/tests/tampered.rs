//! A report in which something was changed is refused, as its record and as its page, however well the change is covered up:
//! ids made anew, the panel heard again.

mod fixture;

use std::sync::OnceLock;

use plimsoll_lab::record::{Comparison, Measurement, Words};
use plimsoll_panel::judge::{check_report, unmarked};
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
    for tolerance in [1e-9, 1e9] {
        let told = found(|comparison| comparison.models[0].verified.as_mut().unwrap().tolerance = tolerance);
        assert_told(&told, "the verification of A");
    }
}

#[test]
fn more_than_was_measured_is_found() {
    assert_told(&found(|comparison| comparison.settings.repetitions = 700), "has 7 samples, and the settings say 700");
    assert_told(
        &found(|comparison| comparison.settings.starts = 70),
        "load of A has 7 samples, and the settings say 70",
    );
    assert_told(
        &found(|comparison| {
            comparison.load.as_mut().unwrap().stretches.pop();
            comparison.load.as_mut().unwrap().stretches.retain(|stretch| stretch.during != "timing");
        }),
        "has 0 of 21 stretches of timing",
    );
    assert_told(&found(|comparison| comparison.load = None), "the log of what else the machine did is left out");
    assert_told(&found(|comparison| comparison.device.machine = None), "what kind of machine it was is left out");
    assert_told(&found(|comparison| comparison.created = "9998-01-01T00:00:00Z".into()), "is in the future");
    assert_told(&found(|comparison| comparison.models[1].quality.stable = None), "0 answers of B were asked for again");
    let faster = |comparison: &mut Comparison| {
        comparison.device.read_bandwidth.value *= 2.0;
        covered(&mut comparison.device.read_bandwidth);
    };
    assert_told(&found(faster), "read_bandwidth of the device is none of its samples");
}

#[test]
fn a_command_that_would_make_something_else_is_found() {
    for (from, to, about) in [
        ("--seed 2026", "--seed 7", "says --seed 7, and the record 2026"),
        ("--items 50", "--items 500", "asks 500 questions of each kind"),
        ("--items 50", "--items 50 --repeat 99", "says --repeat 99, and the record 7"),
        ("--items 50", "--items 50 --margin 0.2", "says --margin 0.2, and the record none"),
        ("--items 50", "--items 50 --context 4096", "says --context 4096, and the record none"),
        ("plimsoll compare", "PLIMSOLL_ISA=scalar plimsoll compare", "says PLIMSOLL_ISA scalar, and the record avx512"),
        ("demo:large", "smollm3", "names other models"),
        ("plimsoll compare", "rm -rf", "is none of this program"),
    ] {
        let told = found(|comparison| comparison.reproduce = comparison.reproduce.replace(from, to));
        assert_told(&told, about);
    }
}

#[test]
fn another_name_over_the_questions_is_found() {
    assert_told(
        &found(|comparison| comparison.suite.scorer_version += 1),
        "suite text is not what its questions make it",
    );
    assert_told(&found(|comparison| comparison.suite.licence = "CC0".into()), "suite text is not what its questions");
    assert_told(
        &found(|comparison| comparison.suite.categories[0].chance = 0.9),
        "suite text is not what its questions",
    );
    assert_told(
        &found(|comparison| comparison.suite.name = "arithmetic".into()),
        "draws other questions as suite arithmetic",
    );
    assert_told(&found(|comparison| comparison.suite.seed = 3), "draws other questions as suite text of seed 3");
    let renamed = |comparison: &mut Comparison| comparison.models[0].quality.outcomes[9].item = "dates-0".into();
    assert_told(&found(renamed), "the answers of A are not to the questions");
    let categories =
        |comparison: &mut Comparison| comparison.suite.categories.iter_mut().for_each(|one| one.n = 90_000);
    assert_told(&found(categories), "draws other questions");
}

#[test]
fn what_files_are_said_to_hold_is_held_against_their_types() {
    assert_told(&found(|comparison| comparison.models[0].facts.parameters *= 1000), "parameters, and its weights hold");
    assert_told(&found(|comparison| comparison.models[0].facts.file_bytes = 9), "bytes, and its files 9");
    assert_told(
        &found(|comparison| comparison.models[0].facts.types[0].dtype = "Q9".into()),
        "`Q9`, in which weights of A",
    );
    assert_told(&found(|comparison| comparison.models[0].facts.sha256 = "f00".into()), "the hashes of the files of A");
}

#[test]
fn canaries_that_are_left_out_are_found_and_those_that_failed_are_a_veto() {
    assert_told(&found(|comparison| comparison.models[0].canaries = None), "the canaries of A are left out");
    let fewer = |comparison: &mut Comparison| {
        comparison.models[1].canaries.as_mut().unwrap().found.all.pop();
    };
    assert_told(&found(fewer), "some of the canaries of B are left out");
    let passed = |comparison: &mut Comparison| {
        for canary in &mut comparison.models[1].canaries.as_mut().unwrap().found.all {
            (canary.mean, canary.passed) = (-9.0, true);
        }
    };
    assert_told(&found(passed), "is not what the samples and answers give");
}

#[test]
fn where_a_figure_comes_from_is_traced() {
    let nowhere = |comparison: &mut Comparison| {
        let pieces = comparison.conclusion.clauses.iter_mut().flat_map(|clause| &mut clause.pieces);
        pieces.for_each(|piece| piece.from.iter_mut().for_each(|from| *from = "0".repeat(64)));
    };
    assert_told(&found(nowhere), "the conclusion is not what the samples and answers give");
    let of_another = |comparison: &mut Comparison| {
        let other = comparison.models[1].memory.peak.id.clone();
        let difference = &mut comparison.differences[0].difference;
        difference.from[0] = other;
        covered(difference);
    };
    assert_told(&found(of_another), "accuracy of A against B is not what the samples and answers give");
    let method = |comparison: &mut Comparison| {
        let load = &mut comparison.models[0].start.load;
        load.method = "median of a thousand starts on an idle machine".into();
        covered(load);
    };
    assert_told(&found(method), "load of A is not what the samples and answers give");
    let cut = |comparison: &mut Comparison| comparison.models[0].start.load.id.truncate(12);
    assert_told(&found(cut), "the id of load of A is not a whole hash");
}

#[test]
fn a_record_of_an_earlier_version_is_told_as_such() {
    assert_told(&found(|comparison| comparison.schema = 3), "the record has version 3, and this program calculates");
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

#[test]
fn a_licence_that_was_judged_is_that_of_the_files() {
    let mut report = fixture::report_of(made().clone());
    report.comparison.models[0].facts.licence.declared[0].value = "llama3.1".into();
    assert_told(&told(&report), "the licence of A that was judged is not that of its files and its card");
    let mut report = fixture::report_of(made().clone());
    report.background[1].terms.sources[0].read_as = Some("a licence of my own".into());
    assert_told(&told(&report), "says `apache-2.0`, which was taken for something else");
    let mut report = fixture::report_of(made().clone());
    report.background[1].terms.conditions = Default::default();
    assert_told(&told(&report), "the licence of B that was judged");
}

#[test]
fn marks_that_cannot_be_made_again_are_counted() {
    assert_eq!(unmarked(made()), None, "drawn questions are drawn again");
    let mut comparison = made().clone();
    comparison.suite.sources = vec![plimsoll_lab::record::SourceFacts {
        name: "mine".into(),
        variant: "questions of one's own".into(),
        path: "mine.jsonl".into(),
        sha256: "0".repeat(64),
    }];
    comparison.suite.seed = 0;
    let told = unmarked(&comparison).unwrap();
    assert_eq!(
        told,
        "1000 marks of 1000 were not made again: the questions are not in the record, only the hashes of their files."
    );
}
