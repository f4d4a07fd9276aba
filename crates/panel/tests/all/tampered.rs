//! A report in which something was changed is refused, as its record and as its page, however well the change is covered up:
//! ids made anew, the panel heard again.

use crate::fixture;
use std::sync::OnceLock;

use plimsoll_catalog::{Catalog, Claim, ModelCard};
use plimsoll_lab::compare::suite_facts;
use plimsoll_lab::record::{Comparison, LicenceRecord, Measurement, Origin, Unit, Words};
use plimsoll_lab::runner::ItemOutcome;
use plimsoll_lab::suite::{Source, Suite};
use plimsoll_panel::judge::{Background, check_comparison, check_report, unmarked};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Report, differing, embedded_record, render_html};

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

#[test]
fn what_cannot_have_been_is_found() {
    type Change = fn(&mut Comparison);
    let changes: [(Change, &str); 27] = [
        (|it| it.created = "2019-03-04T05:06:07Z".into(), "is before there was this program"),
        (|it| it.program = "llamafile 9".into(), "`llamafile 9` is no version of this program"),
        (|it| it.settings.cache_type = "q2_0".into(), "kept as `q2_0`, which is no type of them"),
        (|it| it.settings.prefill_tokens = 0, "the settings say 0 tokens of a prompt"),
        (|it| it.settings.margin = Some(1.5), "a margin that is no share"),
        (|it| it.device.isa = "avx1024".into(), "compute at level `avx1024`, which is none"),
        (|it| it.device.threads = 0, "compute with 0 threads, expected 1 to 1024"),
        (|it| it.device.cores = 0, "have no processor"),
        (|it| it.device.rates.node_seconds = -1.0, "do less than nothing in a second"),
        (
            |it| it.device.machine.as_mut().unwrap().power = Some("the sun".into()),
            "power from neither mains nor battery",
        ),
        (
            |it| it.device.machine.as_mut().unwrap().program_sha256 = Some("f00".into()),
            "a program without a whole hash",
        ),
        (|it| it.device.memory_bytes = 1 << 20, "bytes of a memory of 1048576"),
        (|it| it.device.read_bandwidth.samples[0] = -1.0, "have a read_bandwidth that is none"),
        (|it| it.device.arithmetic_rate.unit = Unit::Bytes, "have a arithmetic_rate that is none"),
        (|it| it.load.as_mut().unwrap().stretches[1].steal = Some(1.5), "tells of less than nothing"),
        (|it| it.load.as_mut().unwrap().stretches[1].seconds = -0.5, "tells of less than nothing"),
        (|it| it.suite.n += 1, "has 501 questions, and its kinds 500"),
        (|it| it.suite.categories[0].chance = -0.5, "what guessing gets of suite text is no share"),
        (|it| it.models[0].facts.context = 0, "A is said to have 0 tokens of context"),
        (|it| it.models[1].facts.context = 1024, "B is said to have read 1280 tokens, and reads 1024"),
        (|it| it.models[0].facts.format = "PyTorch".into(), "files of format `PyTorch`, which is not read"),
        (|it| it.models[0].facts.format = "ONNX".into(), "ONNX graphs that no engine ran"),
        (
            |it| it.models[0].facts.template_sha256 = Some("no hash".into()),
            "a template or a licence without a whole hash",
        ),
        (|it| it.models[0].start.load.samples[2] = -0.007, "load of A is nothing or less"),
        (|it| it.models[1].speed[0].decode.samples[2] = 0.0, "decode@0 of B is nothing or less"),
        (
            |it| it.models[0].verified.as_mut().unwrap().max_delta.samples[0] = -1e-6,
            "max_delta of A is nothing or less",
        ),
        (
            |it| it.among = Some(plimsoll_lab::record::Among { models: 2, p: vec![7.0] }),
            "what is corrected together with it is of no three models",
        ),
    ];
    for (change, about) in changes {
        let mut comparison = made().clone();
        change(&mut comparison);
        let faults: Vec<String> = check_comparison(&comparison).iter().map(ToString::to_string).collect();
        assert_told(&faults, about);
    }
}

#[test]
fn what_is_said_to_follow_from_declarations_of_a_licence_is_found() {
    type Change = fn(&mut LicenceRecord);
    let changes: [(Change, &str); 4] = [
        (|found| found.spdx = Some("MIT".into()), "the id of the licence of A is not what its files declare"),
        (|found| found.spdx = None, "the id of the licence of A"),
        (|found| found.conflicts.push("A says `x`.".into()), "a contradiction of the licence of A"),
        (|found| found.declared[0].kind = "blessing".into(), "a kind of statement of the licence of A"),
    ];
    for (change, about) in changes {
        assert_told(&found(|comparison| change(&mut comparison.models[0].facts.licence)), about);
    }
    let unread = |found: &mut LicenceRecord| found.conflicts.push("`x/LICENSE` was not read: it is a link.".into());
    let mut comparison = made().clone();
    unread(&mut comparison.models[0].facts.licence);
    assert_eq!(told(&fixture::report_of(comparison)), Vec::<String>::new(), "a file that leads away is told so");
}

/// A report of which model A is a model of the catalogue, with `change` made to the card that it was judged by.
fn with_card(change: impl FnOnce(&mut ModelCard)) -> Report {
    let mut comparison = made().clone();
    comparison.models[0].facts.licence = comparison.models[1].facts.licence.clone();
    let mut report = fixture::report_of(comparison);
    let Report { comparison, background, judgement } = &mut report;
    let (catalog, facts) = (Catalog::builtin(), &comparison.models[0].facts);
    let mut card = catalog.card("demo:large").unwrap().clone();
    change(&mut card);
    background[0] = Background::of(&catalog, facts, Some(&card), vec![]);
    Report::judged(comparison.clone(), background.clone(), &judgement.demand(), &Rubric::builtin())
}

#[test]
fn a_card_of_this_programs_that_was_changed_is_found_or_told() {
    let whole = with_card(|_| {});
    assert_eq!((told(&whole), differing(&whole)), (vec![], vec![]));
    let claim = |card: &mut ModelCard| {
        card.claims =
            vec![Claim { text: "runs in no memory".into(), source: "me".into(), metric: None, verified: true }];
    };
    // Whoever measured may have put a card of theirs in its place.
    let noted = |change: &dyn Fn(&mut ModelCard)| differing(&with_card(change)).join(" ");
    assert!(noted(&claim).contains("differs from this program's in claims, by which it was judged"));
    let licence = |card: &mut ModelCard| card.licence = Some("MIT".into());
    assert!(noted(&licence).contains("differs from this program's in licence, by which it was judged"));
    let rivals = |card: &mut ModelCard| card.rivals = vec!["smollm3".into()];
    let mut without = with_card(rivals);
    without.background[0].rivals.clear();
    assert_told(&told(&without), "the rivals of A are not those that its card names");
    let made_by = with_card(|card| {
        card.maker = "Somebody else".into();
        card.prices = vec![];
        card.shapes = vec![];
    });
    assert_eq!(told(&made_by), Vec::<String>::new());
    let note = differing(&made_by).join(" ");
    assert!(note.contains("differs from this program's in maker"), "{note}");
    let mut better = with_card(|_| {});
    let all_right = Measurement::of("other runs", "mmlu", Unit::Share, Origin::Measured, 1.25).n(100).record();
    better.background[0].further = vec![all_right];
    assert_told(&told(&better), "mmlu of other runs cannot be 1.25");
    let other_id = differing(&with_card(|card| {
        card.id = "mine".into();
        card.maker = "Somebody else".into();
    }));
    assert!(other_id[0].contains("`mine` goes by a name of this program's"), "{other_id:?}");
}

#[test]
fn a_licence_that_this_program_does_not_know_is_taken_for_none_that_it_knows_and_is_told() {
    let of_others = |licence: &str| {
        let nobody = fixture::Character { name: "nobody", ..fixture::LARGE };
        let mut comparison = fixture::compared([nobody, fixture::SMALL]);
        let facts = &mut comparison.models[0].facts;
        let terms = Background::of(&Catalog::builtin(), facts, None, vec![]).terms;
        (facts.licence.declared[0].value, facts.licence.spdx) = ("acme-weights".into(), None);
        let mut report = fixture::report_of(comparison);
        // What an Apache licence allows.
        report.background[0].terms = terms;
        report.background[0].terms.sources[0].said = "acme-weights".into();
        report.background[0].terms.sources[0].read_as = Some(licence.into());
        let Report { comparison, background, judgement } = report;
        Report::judged(comparison, background, &judgement.demand(), &Rubric::builtin())
    };
    assert_told(&told(&of_others("Apache-2.0")), "says `acme-weights`, which was taken for Apache-2.0");
    let own = of_others("acme-weights-1.0");
    assert_eq!(told(&own), Vec::<String>::new());
    assert!(
        differing(&own)[0].contains("What `acme-weights-1.0` allows, by which A was judged"),
        "{:?}",
        differing(&own)
    );
}

/// The comparison as it would be of a file of questions: the same, under the name of a file.
fn of_a_file() -> Comparison {
    let mut comparison = made().clone();
    let drawn = Suite::builtin("text", 2026, 50).unwrap();
    let source = Source {
        name: "mine".into(),
        variant: plimsoll_lab::questions::VARIANT.into(),
        path: "mine.jsonl".into(),
        sha256: "0".repeat(64),
    };
    comparison.suite = suite_facts(&Suite::of_questions(vec![source], drawn.items));
    comparison
}

#[test]
fn marks_of_questions_in_the_record_are_made_again() {
    let comparison = of_a_file();
    assert_eq!(unmarked(&comparison), None, "they are in the record");
    let mismarked = |change: fn(&mut ItemOutcome)| {
        let mut comparison = comparison.clone();
        change(&mut comparison.models[1].quality.outcomes[3]);
        check_comparison(&comparison).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let item = comparison.models[1].quality.outcomes[3].item.clone();
    for change in [
        (|outcome| outcome.correct = !outcome.correct) as fn(&mut ItemOutcome),
        |outcome| outcome.answer = "spoiled".into(),
        |outcome| outcome.known = outcome.known.map(|known| !known),
    ] {
        assert_told(&mismarked(change), &format!("the answer of B to `{item}` is marked"));
    }
    assert!(!mismarked(|_| {}).iter().any(|fault| fault.contains("is marked")));
}

#[test]
fn marks_of_what_is_known_are_made_again() {
    for side in 0..2 {
        let told = found(|comparison| {
            let outcomes = &mut comparison.models[side].quality.outcomes;
            let one = outcomes.iter_mut().find(|outcome| outcome.known == Some(false) && !outcome.correct).unwrap();
            one.known = Some(true);
        });
        assert_told(&told, "is marked wrong, and it is not");
    }
    let left_out = found(|comparison| comparison.models[0].quality.outcomes[0].known = None);
    assert_told(&left_out, "is marked");
}

#[test]
fn questions_in_the_record_are_those_of_its_id_and_no_more() {
    let told = |change: &dyn Fn(&mut Comparison)| {
        let mut comparison = of_a_file();
        change(&mut comparison);
        check_comparison(&comparison).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let more = |comparison: &mut Comparison| comparison.suite.content.as_mut().unwrap()["endorsed_by"] = "all".into();
    assert_told(&told(&more), "the questions in the record are not those of suite");
    let within = |comparison: &mut Comparison| {
        comparison.suite.content.as_mut().unwrap()["items"][0]["difficulty"] = "hard".into();
    };
    assert_told(&told(&within), "the questions in the record are not those of suite");
    let drawn = |comparison: &mut Comparison| {
        let mut suite = Suite::builtin("text", 2026, 50).unwrap();
        suite.items[0].prompt = "What is one and one?".into();
        let facts = suite_facts(&suite);
        comparison.suite = facts;
        comparison.suite.content = serde_json::to_value(&suite).ok();
    };
    assert_told(&told(&drawn), "the record brings questions of its own for suite text, which are drawn");
}
