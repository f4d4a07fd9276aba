//! The whole comparison over the models that come with the project.

use std::path::Path;

use plimsoll_engine::SessionOptions;
use plimsoll_lab::bench::{Filling, Plan, Start, measure_start};
use plimsoll_lab::compare::{CompareError, ModelUnderTest, Options, Progress, Stage, compare, compare_field};
use plimsoll_lab::journal::NoJournal;
use plimsoll_lab::record::{Side, Words};
use plimsoll_lab::suite::Suite;
use plimsoll_models::Checkpoint;

fn checkpoint(size: &str) -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(size);
    Checkpoint::open(&folder).expect("the demo models come with the project")
}

fn under_test(a: &str, b: &str) -> [ModelUnderTest; 2] {
    [a, b].map(|size| ModelUnderTest { argument: format!("demo:{size}"), checkpoint: checkpoint(size), verified: None })
}

fn options() -> Options {
    Options {
        session: SessionOptions::default(),
        plan: Plan {
            prefill_tokens: 16,
            decode_tokens: 4,
            sequences: 1,
            depths: vec![0, 32, 1_000_000],
            repetitions: 3,
        },
        starts: 2,
        filling: Filling::default(),
        suite: Suite::builtin("choice", 7, 6).unwrap(),
        base: None,
        margin: None,
        program: "plimsoll of a test".into(),
        reproduce: "plimsoll compare demo:small demo:large --seed 7 --items 6 --repeat 3".into(),
    }
}

fn imagined_start(model: usize) -> Start {
    let size = 1 + model;
    Start { load: 0.1, first_token: 0.01, process_bytes: 1_000_000, peak_bytes: 9_000_000 * size as u64, tokens: 40 }
}

#[test]
fn a_comparison_holds_every_sample_and_every_answer() {
    let mut heard = Vec::new();
    let found = compare(
        &under_test("small", "large"),
        &options(),
        &mut NoJournal,
        &mut |model| Ok(imagined_start(model)),
        &mut |p| heard.push(p),
    )
    .unwrap();
    assert!(found.measurements().iter().all(|measurement| measurement.is_intact()));
    assert_eq!(plimsoll_lab::compare::overstated(&found), [""; 0]);
    for model in &found.models {
        assert_eq!(model.quality.outcomes.len(), 6);
        let depths: Vec<_> = model.speed.iter().map(|row| row.depth).collect();
        assert_eq!(depths, [0, 32], "a depth beyond the context is left out");
        assert!(model.speed.iter().all(|row| row.decode.samples.len() == 3 && row.decode.value > 0.0));
        assert_eq!(model.start.load.samples.len(), 2);
        assert_eq!(model.start.first_token_warm.samples.len(), 3);
    }
    let memory = found.difference("peak_memory").unwrap();
    assert_eq!(memory.words, Words::ABetter, "twice the memory in every pair");
    assert_eq!(memory.difference.from, found.models.each_ref().map(|model| model.memory.peak.id.clone()));
    let last = |stage| heard.iter().rfind(|p: &&Progress| p.stage == stage).copied();
    let steps = |stage| last(stage).map(|progress| (progress.done, progress.of));
    assert_eq!(steps(Stage::Starting), Some((4, 4)));
    assert!(last(Stage::Hashing(0)).is_some() && last(Stage::Hashing(1)).is_some());
    assert_eq!(steps(Stage::Asking(1)), Some((6, 6)));
    assert!(heard.windows(2).all(|two| two[0].spent <= two[1].spent), "time goes on");
    let (first, end) = (heard[0], heard[heard.len() - 1]);
    assert!(
        first.spent == 0.0 && end.whole > 0.0 && (end.whole - first.whole).abs() < 1e-9,
        "told whole from the start"
    );
}

#[test]
fn a_model_against_itself_shows_no_difference_in_its_answers() {
    let options = Options { starts: 1, ..options() };
    let found =
        compare(&under_test("small", "small"), &options, &mut NoJournal, &mut |_| Ok(imagined_start(0)), &mut |_| ())
            .unwrap();
    let accuracy = found.difference("accuracy").unwrap();
    assert_eq!((accuracy.words, accuracy.only_right), (Words::NoDifferenceSeen, Some([0, 0])));
    assert!(found.conclusion.sentence.contains("show no difference in accuracy"), "{}", found.conclusion.sentence);
    assert!(!found.conclusion.sentence.contains("no loss"));
}

#[test]
fn a_failed_start_names_the_model_and_leaves_no_comparison() {
    let failed = compare(
        &under_test("small", "large"),
        &options(),
        &mut NoJournal,
        &mut |_| Err("out of memory".into()),
        &mut |_| (),
    );
    match failed {
        Err(error @ CompareError::Start { .. }) => {
            assert_eq!(error.to_string(), "demo:small, in a fresh process: out of memory")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_measures_load_first_token_and_a_peak_above_where_it_began() {
    let start = measure_start(|| Ok(checkpoint("small")), &SessionOptions::default(), &Filling::default()).unwrap();
    assert!(start.load > 0.0 && start.first_token > 0.0, "{start:?}");
    assert!(start.peak_bytes > start.process_bytes && start.process_bytes > 0, "{start:?}");
    assert!(start.tokens > 16);
}

#[test]
fn a_model_against_itself_is_faithful_to_the_bit_and_one_of_another_shape_is_not_asked() {
    let options = Options { starts: 1, ..options() };
    let against = |a: &str, b: &str| {
        let start = &mut |_: usize| Ok(imagined_start(0));
        compare(&under_test(a, b), &options, &mut NoJournal, start, &mut |_| ()).unwrap()
    };
    let found = against("small", "small");
    let fidelity = found.fidelity.as_ref().expect("one model has one vocabulary and one shape");
    assert_eq!((fidelity.base, fidelity.right_to_wrong, fidelity.wrong_to_right), (Side::A, 0, 0));
    assert_eq!((fidelity.flips.value, fidelity.changed.value, fidelity.flips.n), (0.0, 0.0, 6));
    assert!(fidelity.pictures.is_none(), "nothing was asked about pictures");
    for distance in [Some(&fidelity.text), fidelity.answers.as_ref()].map(Option::unwrap) {
        assert_eq!((distance.kl_mean.value, distance.kl_high.value, distance.same_top.value), (0.0, 0.0, 1.0));
        assert!(distance.kl_mean.n >= 6 && distance.kl_mean.samples.len() == distance.kl_mean.n);
    }
    assert!(fidelity.measurements().iter().all(|measurement| measurement.is_intact()));
    let facts = found.models.each_ref().map(|model| &model.facts);
    assert!(facts[0].tokenizer_sha256.is_some() && facts[0].tokenizer_sha256 == facts[1].tokenizer_sha256);
    assert!(facts[0].template_sha256.is_some());

    let apart = against("small", "large");
    assert_eq!(apart.fidelity, None);
    assert_eq!(apart.models[0].facts.tokenizer_sha256, apart.models[1].facts.tokenizer_sha256);
}

#[test]
fn three_models_are_started_in_turn_and_the_best_stands_beside_both_others() {
    let models: Vec<ModelUnderTest> =
        [under_test("small", "large"), under_test("small", "large")].concat().into_iter().take(3).collect();
    let mut started = Vec::new();
    let start = &mut |model: usize| {
        started.push(model);
        Ok(imagined_start(model))
    };
    let found = compare_field(&models, &options(), &mut NoJournal, start, &mut |_| ()).unwrap();
    assert_eq!(started, [0, 1, 2, 0, 1, 2]);
    assert_eq!(found.len(), 2);
    for pair in &found {
        assert_eq!(pair.among.as_ref().unwrap().models, 3);
        assert_eq!(pair.models[0].facts, found[0].models[0].facts);
        assert!(pair.models.iter().all(|model| model.quality.outcomes.len() == 6 && model.speed.len() == 2));
        assert_eq!(plimsoll_lab::compare::recomputed(pair), [""; 0]);
        assert_eq!(plimsoll_lab::compare::overstated(pair), [""; 0]);
    }
}

#[test]
fn memory_of_a_filled_context_is_measured_and_predicted_of_as_many_tokens() {
    let open = || Ok(checkpoint("small"));
    let filling = Filling { tokens: Some(512), pictures: Vec::new() };
    let start = measure_start(open, &SessionOptions::default(), &filling).unwrap();
    assert_eq!(start.tokens, 512);
    let options = Options { filling, starts: 1, ..options() };
    let start = &mut |_: usize| Ok(Start { tokens: 512, ..imagined_start(0) });
    let found = compare(&under_test("small", "large"), &options, &mut NoJournal, start, &mut |_| ()).unwrap();
    assert!(found.models.iter().all(|model| model.memory.parts.tokens == 512));
    assert_eq!(found.settings.filled.as_ref().unwrap().tokens, 512);
    assert_eq!(found.difference("peak_memory").unwrap().about, "peak memory at 512 tokens");
}

#[test]
fn a_context_that_does_not_hold_the_question_is_refused_with_both_lengths() {
    let filling = Filling { tokens: Some(20), pictures: Vec::new() };
    let error = measure_start(|| Ok(checkpoint("small")), &SessionOptions::default(), &filling).unwrap_err();
    assert!(error.to_string().ends_with("do not fit a context of 20"), "{error}");
}
