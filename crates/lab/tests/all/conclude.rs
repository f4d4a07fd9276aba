//! From what was seen to what may be said.

use plimsoll_lab::bench::{Start, Timings};
use plimsoll_lab::canary::{Canaries, Canary};
use plimsoll_lab::compare::{
    ComparisonSetup, Evidence, Prediction, Verified, conclude, field, field_again, recomputed,
};
use plimsoll_lab::load::{Load, LoadLog};
use plimsoll_lab::paired::PairError;
use plimsoll_lab::predict::{MemoryPrediction, SpeedPrediction};
use plimsoll_lab::record::{
    Comparison, Device, LicenceRecord, Measurement, ModelFacts, Origin, Rates, Settings, SuiteFacts, Unit, Words,
};
use plimsoll_lab::runner::ItemOutcome;

/// A model that decodes at `decode` tokens per second and is right where `right` says so, by category.
fn evidence(name: &str, decode: [f64; 5], right: &[(&str, [bool; 40])]) -> Evidence {
    let outcome = |category: &str, index: usize, correct: bool| ItemOutcome {
        item: format!("{category}-{index}"),
        category: category.to_owned(),
        correct,
        known: None,
        answer: String::new(),
        log_likelihoods: Vec::new(),
    };
    let start = |peak_bytes| Start { load: 0.1, first_token: 0.02, process_bytes: 5, peak_bytes, tokens: 40 };
    Evidence {
        facts: ModelFacts {
            name: name.into(),
            path: name.into(),
            format: "GGUF v3".into(),
            engine: None,
            architecture: "llama".into(),
            parameters: 1,
            file_bytes: 1,
            types: vec![],
            sha256: String::new(),
            tokenizer_sha256: None,
            template_sha256: None,
            licence: LicenceRecord { spdx: None, declared: vec![], texts: vec![], conflicts: vec![] },
            context: 512,
        },
        prediction: Prediction {
            memory: MemoryPrediction { process: 60, weights: 30, cache: 5, buffers: 5, tower: 0, tokens: 40 },
            speed: vec![SpeedPrediction {
                depth: 0,
                prefill: 9.0,
                decode: 9.0,
                prefill_limit: 40.0,
                decode_limit: 20.0,
            }],
        },
        starts: vec![start(100), start(100), start(104)],
        first_token_warm: vec![0.01; 5],
        timings: vec![Timings { depth: 0, prefill: vec![20.0; 5], decode: decode.to_vec() }],
        prompting: "its own chat template".into(),
        outcomes: right
            .iter()
            .flat_map(|(category, marks)| marks.iter().enumerate().map(|(i, mark)| outcome(category, i, *mark)))
            .collect(),
        again: vec![],
        verified: None,
        canaries: None,
    }
}

fn setup() -> ComparisonSetup {
    let measured = |metric, unit| Measurement::of("device", metric, unit, Origin::Measured, 1.0).record();
    ComparisonSetup {
        device: Device {
            cpu: String::new(),
            isa: String::new(),
            cores: 1,
            threads: 1,
            memory_bytes: 1,
            os: String::new(),
            read_bandwidth: measured("read_bandwidth", Unit::BytesPerSecond),
            arithmetic_rate: measured("arithmetic_rate", Unit::FlopsPerSecond),
            rates: Rates::default(),
            machine: None,
        },
        suite: SuiteFacts {
            id: String::new(),
            name: "text".into(),
            seed: 1,
            n: 80,
            scorer_version: 1,
            licence: String::new(),
            categories: vec![],
            sources: vec![],
            content: None,
        },
        settings: Settings {
            prefill_tokens: 16,
            decode_tokens: 4,
            repetitions: 5,
            starts: 3,
            cache_type: "f16".into(),
            margin: None,
            filled: None,
        },
        program: String::new(),
        created: String::new(),
        reproduce: String::new(),
        load: None,
        among: None,
    }
}

fn compared(a: Evidence, b: Evidence) -> Comparison {
    conclude(setup(), [a, b]).unwrap()
}

const FAST: [f64; 5] = [10.0, 10.1, 9.9, 10.0, 10.1];
const SLOW: [f64; 5] = [5.0, 5.1, 4.9, 5.1, 5.0];
const ALL: [bool; 40] = [true; 40];
const NONE: [bool; 40] = [false; 40];

#[test]
fn the_better_model_is_named_first_and_what_is_not_shown_is_said() {
    let a = evidence("one", FAST, &[("dates", NONE), ("units", ALL)]);
    let b = evidence("two", SLOW, &[("dates", ALL), ("units", ALL)]);
    assert_eq!(
        compared(a, b).conclusion.sentence,
        "On this machine and these 80 questions B (two) is right more often than A (one), 100.0 % against 50.0 % \
         (A minus B −50.0 points, −61.3 to −38.7), A decodes at 2.00 × the speed of B, and no difference in peak \
         memory was seen; the evidence shows no difference in units, which is not to say that there is none, and says \
         nothing of other tasks, other prompts or other machines."
    );
}

#[test]
fn a_category_that_goes_the_other_way_is_not_left_out() {
    let mut some = ALL;
    some[..12].fill(false); // few enough that the whole still stands among eleven comparisons
    let a = evidence("one", FAST, &[("dates", ALL), ("units", some)]);
    let b = evidence("two", FAST, &[("dates", NONE), ("units", ALL)]);
    let sentence = compared(a, b).conclusion.sentence;
    assert!(sentence.contains("A (one) is right more often than B (two)"), "{sentence}");
    assert!(sentence.contains(", and yet B is right more often in units;"), "{sentence}");
}

#[test]
fn no_difference_seen_comes_with_what_would_have_been_seen_and_never_as_no_loss() {
    let a = evidence("one", FAST, &[("dates", ALL), ("units", NONE)]);
    let found = compared(a.clone(), a);
    let sentence = &found.conclusion.sentence;
    assert!(sentence.contains("show no difference in accuracy, 50.0 % against 50.0 % (one of"), "{sentence}");
    assert!(sentence.contains("no difference in decode speed was seen"), "{sentence}");
    for claim in ["no loss", "equal", "same"] {
        assert!(!sentence.contains(claim), "{sentence}");
    }
    assert!(found.differences.iter().all(|d| d.words == Words::NoDifferenceSeen && !d.real));
}

/// Compared with a margin that was declared beforehand.
fn compared_within(margin: f64, a: Evidence, b: Evidence) -> Comparison {
    let mut setup = setup();
    setup.settings.margin = Some(margin);
    conclude(setup, [a, b]).unwrap()
}

#[test]
fn no_loss_is_said_only_of_right_answers_and_only_within_a_margin_declared_beforehand() {
    let a = evidence("one", FAST, &[("dates", ALL), ("units", NONE)]);
    // Full agreement on 80 items leaves 3.3 points at 90 % (Wilson), on 40 of a category 6.3.
    let found = compared_within(0.05, a.clone(), a.clone());
    let words = |metric: &str| found.difference(metric).unwrap().words;
    assert_eq!(words("accuracy"), Words::NoLossBeyondMargin);
    assert_eq!(words("accuracy.dates"), Words::NoDifferenceSeen);
    assert_eq!(words("decode@0"), Words::NoDifferenceSeen);
    assert!(found.differences.iter().all(|difference| !difference.real && difference.winner().is_none()));
    let sentence = &found.conclusion.sentence;
    let expected = "show no loss beyond the declared margin of 5.0 points in accuracy, 50.0 % against 50.0 % \
                    (A minus B −3.3 to +3.3, 90 %)";
    assert!(sentence.contains(expected), "{sentence}");

    let sentence = compared_within(0.07, a.clone(), a.clone()).conclusion.sentence;
    assert!(sentence.contains("margin of 7.0 points was seen in dates and units"), "{sentence}");
    let sentence = compared_within(0.03, a.clone(), a).conclusion.sentence;
    assert!(sentence.contains("show no difference in accuracy"), "{sentence}");
    assert!(sentence.contains("does not rule out a loss beyond the declared margin of 3.0 points"), "{sentence}");
}

#[test]
fn a_difference_that_was_seen_is_told_whatever_the_margin() {
    let a = evidence("one", FAST, &[("dates", ALL), ("units", ALL)]);
    let mut some = ALL;
    some[..10].fill(false);
    let found = compared_within(0.9, a, evidence("two", FAST, &[("dates", some), ("units", ALL)]));
    let overall = found.difference("accuracy").unwrap();
    assert!(overall.equivalence.unwrap().holds());
    assert_eq!((overall.words, overall.real), (Words::ABetter, true));
}

#[test]
fn without_a_margin_a_record_is_what_it_always_was() {
    let a = evidence("one", FAST, &[("dates", ALL)]);
    let json = serde_json::to_string(&compared(a.clone(), a)).unwrap();
    assert!(!json.contains("margin") && !json.contains("equivalence"), "{json}");
}

#[test]
fn answers_to_other_questions_are_not_paired() {
    let a = evidence("one", FAST, &[("dates", ALL)]);
    let b = evidence("two", FAST, &[("units", ALL)]);
    let error = conclude(setup(), [a, b]).unwrap_err();
    assert!(matches!(error, PairError::Item { index: 0, .. }), "{error}");
}

#[test]
fn the_same_rates_differ_or_not_by_how_answers_pair() {
    // Both right in 30 of 40. In one case the 10 misses are shared, in the other B misses where A does not.
    let (mut first, mut last) = (ALL, ALL);
    first[..10].fill(false);
    last[30..].fill(false);
    let pair = |a, b| {
        let found = compared(evidence("one", FAST, &[("dates", a)]), evidence("two", FAST, &[("dates", b)]));
        found.difference("accuracy").unwrap().clone()
    };
    let (shared, split) = (pair(first, first), pair(first, last));
    assert_eq!((shared.a, shared.b), (split.a, split.b));
    assert_eq!((shared.only_right, split.only_right), (Some([0, 0]), Some([10, 10])));
    let width = |d: &plimsoll_lab::record::Difference| d.difference.interval.map(|i| i.high - i.low).unwrap();
    // Full agreement on 40 items still leaves room for 8.8 points of difference either way (Wilson, 0 of 40).
    assert!((width(&shared) - 2.0 * 0.0876).abs() < 1e-3 && width(&split) > 0.3);
}

#[test]
fn predictions_and_shares_lead_back_to_what_they_came_from() {
    let found = compared(evidence("one", FAST, &[("dates", ALL)]), evidence("two", SLOW, &[("dates", ALL)]));
    let a = &found.models[0];
    assert_eq!((a.memory.predicted.value, a.memory.peak.value, a.memory.error.value), (100.0, 100.0, 1.0));
    assert_eq!(a.memory.error.from, [a.memory.predicted.id.clone(), a.memory.peak.id.clone()]);
    assert_eq!((a.speed[0].bandwidth_share.value, a.speed[0].arithmetic_share.value), (0.5, 0.5));
    let (row, device) = (&a.speed[0], &found.device);
    assert_eq!(row.bandwidth_share.from, [row.decode.id.clone(), device.read_bandwidth.id.clone()]);
    assert_eq!(row.arithmetic_share.from, [row.prefill.id.clone(), device.arithmetic_rate.id.clone()]);
    assert_eq!(row.decode_predicted.from, [device.read_bandwidth.id.clone(), device.arithmetic_rate.id.clone()]);
    assert_eq!(row.decode_error.from, [row.decode_predicted.id.clone(), row.decode.id.clone()]);
    assert_eq!((row.prefill_error.value, row.decode_error.value), (9.0 / 20.0, 9.0 / 10.0));
    let decode = found.difference("decode@0").unwrap();
    assert_eq!(decode.test.family_size, 8, "accuracy twice, prefill, decode, load, first token cold and warm, memory");
    assert!(decode.test.p_holm >= decode.test.p && decode.real && decode.words == Words::ABetter);
}

#[test]
fn everything_that_a_report_says_is_corrected_together() {
    let found = compared(evidence("one", FAST, &[("dates", ALL)]), evidence("two", SLOW, &[("dates", ALL)]));
    let families: Vec<_> = found.differences.iter().map(|d| (d.test.family.as_str(), d.test.family_size)).collect();
    assert_eq!(families, vec![("everything that is compared", found.differences.len()); 8]);
}

#[test]
fn a_disturbed_run_says_what_disturbed_it_and_what_to_do() {
    let load = |during: &str, others| Load {
        during: during.into(),
        seconds: 2.0,
        average: Some(0.3),
        others: Some(others),
        steal: Some(0.0),
        throttled: Some(0),
    };
    let quiet = evidence("one", FAST, &[("dates", ALL)]);
    let under = |others: f64, evidence: &Evidence| {
        let stretches = vec![load("before", 0.0), load("timing", others), load("after", 0.0)];
        let log = LoadLog { cores: 2, threads: 2, stretches };
        let setup = ComparisonSetup { load: Some(log), reproduce: "plimsoll compare a b".into(), ..setup() };
        conclude(setup, [evidence.clone(), evidence.clone()]).unwrap()
    };
    assert_eq!(under(0.05, &quiet).noisy(), None);
    let noisy = under(1.3, &quiet).noisy().unwrap();
    assert_eq!(
        noisy,
        "Noisy: other programs kept 1.3 of 2 processors busy. Close other programs and run the same command again."
    );

    let mut unsteady = quiet.clone();
    unsteady.timings[0].decode = vec![10.0, 20.0, 40.0, 11.0, 30.0];
    unsteady.prediction.speed[0].decode = 90.0;
    unsteady.prediction.speed[0].prefill = 60.0;
    let found = under(0.0, &unsteady);
    let noisy = found.noisy().unwrap();
    assert!(noisy.contains("the middle half of the repetitions of decode@0 of"), "{noisy}");
    assert!(noisy.contains("everything ran slower than predicted, by a factor of 3.0 at least"), "{noisy}");
    let read: Comparison = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
    assert_eq!((read.load, read.disturbed), (found.load, found.disturbed));
}

/// A model of whose canaries so many passed.
fn with_canaries(passed: usize) -> Evidence {
    let canary = |index: usize| {
        let passed = index < passed;
        let mean = if passed { -0.5 } else { -6.5 };
        Canary { name: format!("canary {index}"), mean, even: -6.5, passed }
    };
    let canaries = Canaries { all: (0..6).map(canary).collect(), looking: None, passed: passed >= 2 };
    Evidence { canaries: Some(canaries), ..evidence("one", FAST, &[("dates", ALL)]) }
}

#[test]
fn canaries_that_fail_say_whether_the_run_or_the_model_is_likelier_broken() {
    let fine = compared(with_canaries(6), with_canaries(2));
    assert_eq!(fine.broken(), Vec::<String>::new());
    let one = compared(with_canaries(6), with_canaries(0)).broken();
    assert!(
        one[0].starts_with("B hardly predicts ordinary text: 0 of 6 canaries passed. The model is likelier"),
        "{one:?}"
    );
    let both = compared(with_canaries(1), with_canaries(0));
    assert!(both.broken().iter().all(|said| said.contains("The run is likelier broken than the model")));
    assert_eq!(both.broken().len(), 2);
    let read: Comparison = serde_json::from_str(&serde_json::to_string(&both).unwrap()).unwrap();
    assert_eq!(read.models[0].canaries, both.models[0].canaries);
    let verified = Verified { passed: true, reference: "r".into(), tolerance: 1e-3, max_deltas: vec![1e-5] };
    let exact = Evidence { verified: Some(verified), ..with_canaries(0) };
    assert!(compared(exact, with_canaries(0)).broken()[0].contains("The model is likelier broken"));
}

#[test]
fn what_a_model_knows_stands_beside_what_it_writes_as_it_was_asked_to() {
    let mut a = evidence("one", FAST, &[("dates", NONE)]);
    a.outcomes.iter_mut().enumerate().for_each(|(index, outcome)| outcome.known = Some(index < 30));
    let found = compared(a, evidence("two", FAST, &[("dates", NONE)]));
    let quality = &found.models[0].quality;
    let known = quality.known.as_ref().unwrap();
    assert_eq!((known.value, known.n, quality.overall.rate.value), (0.75, 40, 0.0));
    assert_eq!((quality.categories[0].known, quality.categories[0].correct), (Some(30), 0));
    assert!(known.is_intact() && found.measurements().iter().any(|measurement| measurement.id == known.id));
    assert_eq!(found.models[1].quality.known, None, "where nobody looked nothing is said");
}

#[test]
fn records_of_the_first_version_are_still_read() {
    let found = compared(with_canaries(0), with_canaries(2));
    let mut json = serde_json::to_value(&found).unwrap();
    json["schema"] = 1.into();
    // What they did not have.
    for key in ["load", "disturbed", "fidelity"] {
        json.as_object_mut().unwrap().remove(key);
    }
    json["device"].as_object_mut().unwrap().remove("machine");
    for model in json["models"].as_array_mut().unwrap() {
        model.as_object_mut().unwrap().remove("canaries");
        model["quality"].as_object_mut().unwrap().remove("known");
    }
    let read: Comparison = serde_json::from_value(json).unwrap();
    assert_eq!((read.schema, read.noisy(), read.broken()), (1, None, vec![]));
    assert_eq!(read.differences, found.differences);
}

/// Right in the first `n` of 40.
fn first(n: usize) -> [bool; 40] {
    std::array::from_fn(|index| index < n)
}

#[test]
fn of_many_models_the_one_that_is_right_most_often_is_laid_beside_each_of_the_others() {
    let models = [("weak", SLOW, 5), ("best", SLOW, 35), ("middle", FAST, 33)];
    let seen = models.map(|(name, decode, right)| evidence(name, decode, &[("sums", first(right))]));
    let found = field(&setup(), seen.to_vec()).unwrap().against_the_best();
    let names: Vec<[&str; 2]> =
        found.iter().map(|pair| pair.models.each_ref().map(|model| model.facts.name.as_str())).collect();
    assert_eq!(names, [["best", "middle"], ["best", "weak"]]);
    let words = |pair: usize, metric: &str| found[pair].difference(metric).unwrap().words;
    assert_eq!(words(0, "accuracy"), Words::NoDifferenceSeen);
    assert_eq!(words(0, "decode@0"), Words::BBetter);
    assert_eq!(words(1, "accuracy"), Words::ABetter);
}

#[test]
fn of_models_with_as_many_right_answers_the_one_that_takes_less_memory_is_first() {
    let with_peak = |name: &str, peak| {
        let mut seen = evidence(name, SLOW, &[("sums", first(20))]);
        seen.starts.iter_mut().for_each(|start| start.peak_bytes = peak);
        seen
    };
    let found = field(&setup(), vec![with_peak("large", 300), with_peak("small", 100), with_peak("middle", 200)]);
    let found = found.unwrap().against_the_best();
    assert_eq!(found[0].models.each_ref().map(|model| model.facts.name.as_str()), ["small", "middle"]);
    assert_eq!(found[1].models[1].facts.name, "large");
}

#[test]
fn everything_that_is_said_of_any_two_of_the_models_is_corrected_together() {
    let models = [("best", 35), ("middle", 30), ("weak", 25)];
    let seen: Vec<Evidence> =
        models.map(|(name, right)| evidence(name, SLOW, &[("sums", first(right)), ("dates", first(20))])).to_vec();
    let all = field(&setup(), seen.clone()).unwrap();
    let alone = conclude(setup(), [seen[0].clone(), seen[1].clone()]).unwrap();
    let pair = all.pair(0, 1).unwrap();
    for (among, alone) in pair.differences.iter().zip(&alone.differences) {
        assert_eq!(among.test.p, alone.test.p);
        assert_eq!(among.test.family_size, 3 * alone.test.family_size, "three pairs");
        assert!(among.test.p_holm >= alone.test.p_holm);
        assert!(among.detectable >= alone.detectable, "what would have shown is told under the same correction");
    }
    // Holm by hand: the p-values of all pairs sorted, each times how many are left, and never less than the one before.
    let mut p: Vec<f64> = [(0, 1), (0, 2), (1, 2)]
        .into_iter()
        .flat_map(|(a, b)| all.pair(a, b).unwrap().differences.iter().map(|difference| difference.test.p))
        .collect();
    p.sort_by(f64::total_cmp);
    let of_all: Vec<f64> = p
        .iter()
        .enumerate()
        .scan(0.0_f64, |most, (rank, value)| {
            *most = most.max((value * (p.len() - rank) as f64).min(1.0));
            Some(*most)
        })
        .collect();
    for difference in &all.pair(2, 0).unwrap().differences {
        let rank = p.iter().position(|value| *value == difference.test.p).unwrap();
        assert!((difference.test.p_holm - of_all[rank]).abs() < 1e-12, "{}", difference.metric);
    }
    assert_eq!(all.pair(1, 1), None);
    assert_eq!(all.pair(0, 3), None);
}

#[test]
fn a_field_is_calculated_again_from_the_comparisons_with_its_best() {
    let models = [("best", 35), ("middle", 30), ("weak", 25), ("weaker", 10)];
    let seen = models.map(|(name, right)| evidence(name, SLOW, &[("sums", first(right))]));
    let whole = field(&setup(), seen.to_vec()).unwrap();
    let told = whole.clone().against_the_best();
    assert_eq!(told.len(), 3);
    for pair in &told {
        assert_eq!(recomputed(pair), [""; 0]);
    }
    let again = field_again(&told.iter().collect::<Vec<_>>()).unwrap();
    let words = |of: &plimsoll_lab::compare::Field| {
        let pair = of.pair(2, 3).unwrap();
        pair.differences.iter().map(|difference| (difference.words, difference.test.p_holm)).collect::<Vec<_>>()
    };
    assert_eq!(words(&again), words(&whole), "also of a pair that is not told");
    let mut other = told[1].clone();
    other.models[0].facts.name = "another".into();
    assert!(field_again(&[&told[0], &other]).is_err(), "A is not one model");
    assert!(field_again(&[]).is_err());
}
