//! The panel judges from evidence alone, and what it says can be held against it.

use crate::fixture;
use plimsoll_catalog::{Answer, Catalog, DeclaredUse, Purpose, Statement, Terms};
use plimsoll_lab::canary::Broken;
use plimsoll_lab::record::{Comparison, Measurement, Origin, Unit};
use plimsoll_panel::judge::{
    Background, Demand, Fault, Ground, Judgement, Part, Preferred, Recommendation, Subject, VerdictKind,
    check_judgement, judge, review,
};
use plimsoll_panel::rubric::Rubric;

fn apache() -> Terms {
    let said = Statement { source: "README.md".into(), kind: "license".into(), value: "apache-2.0".into() };
    Catalog::builtin().terms(&[said], &[], None)
}

fn commercial() -> Demand {
    DeclaredUse { purpose: Purpose::Commercial, users: Some(1000), region: None }.into()
}

fn known() -> Background {
    Background { terms: apache(), ..Background::default() }
}

fn judged(comparison: &Comparison) -> Judgement {
    judge(comparison, [&known(), &known()], &commercial(), &Rubric::builtin())
}

fn faults(judgement: &Judgement, comparison: &Comparison) -> Vec<Fault> {
    check_judgement(judgement, comparison, [&known(), &known()], &Rubric::builtin())
}

#[test]
fn the_same_rubric_and_evidence_give_the_same_bytes() {
    let bytes = || serde_json::to_string(&judged(&fixture::comparison())).unwrap();
    assert_eq!(bytes(), bytes());
    let read: Judgement = serde_json::from_str(&bytes()).unwrap();
    assert_eq!(read, judged(&fixture::comparison()));
}

#[test]
fn what_another_run_is_said_to_have_found_takes_no_measurements_place() {
    let comparison = fixture::comparison();
    let said = |metric: &str, unit, value| Measurement::of("A", metric, unit, Origin::Measured, value).record();
    let further = vec![
        said("decode@0", Unit::TokensPerSecond, 987_654.0),
        said("peak_memory", Unit::Bytes, 1.0),
        said("fidelity.changed", Unit::Share, 0.0),
    ];
    let stuffed = Background { further, ..known() };
    let honest = judged(&comparison);
    let found = judge(&comparison, [&stuffed, &stuffed], &commercial(), &Rubric::builtin());
    let opinions = |judgement: &Judgement| judgement.reviews.each_ref().map(|review| review.opinions.clone());
    assert_eq!(opinions(&found), opinions(&honest));
}

#[test]
fn a_judgement_stands_up_to_its_checker() {
    let comparison = fixture::comparison();
    let judgement = judged(&comparison);
    assert_eq!(faults(&judgement, &comparison), []);
    let figures = judgement.reviews.iter().flat_map(|review| &review.opinions).flat_map(|opinion| &opinion.paragraph);
    assert!(figures.filter(|part| matches!(part, Part::Value { .. })).count() > 10);
}

#[test]
fn a_figure_that_nobody_measured_is_rejected() {
    let comparison = fixture::comparison();
    for (to, expected) in [
        (Part::Words { text: "It is 40 % better.".into() }, "holds a figure that nothing stands behind"),
        (Part::Value { text: "40 %".into(), measurement: "0123456789ab".into() }, "which is not in the evidence"),
        (
            Part::Value { text: "40 %".into(), measurement: comparison.models[0].memory.peak.id.clone() },
            "is not what measurement",
        ),
        (Part::Rule { text: "99".into(), rule: "builder/score".into() }, "is not what the rubric gives"),
    ] {
        let mut judgement = judged(&comparison);
        judgement.reviews[0].opinions[0].paragraph.push(to);
        let told: Vec<String> = faults(&judgement, &comparison).iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|fault| fault.contains(expected)), "{expected}: {told:?}");
    }
}

#[test]
fn a_changed_sample_and_a_raised_score_are_found() {
    let mut comparison = fixture::comparison();
    let mut judgement = judged(&comparison);
    judgement.reviews[1].opinions[1].score = Some(99.0);
    let told = faults(&judgement, &comparison);
    assert!(told.iter().any(|fault| fault.to_string().contains("demo:small, Skeptic: the score")), "{told:?}");

    let judgement = judged(&comparison);
    comparison.models[0].speed[0].decode.samples[2] *= 2.0;
    let told = faults(&judgement, &comparison);
    assert!(matches!(&told[0], Fault::Changed { metric, .. } if metric == "decode@0 of A"), "{told:?}");
}

#[test]
fn the_unfavourable_end_of_an_interval_is_scored() {
    let comparison = fixture::comparison();
    let judgement = judged(&comparison);
    let model = &comparison.models[1];
    let skeptic = &judgement.reviews[1].opinions[1];
    let accuracy = skeptic.scored.iter().find(|scored| scored.criterion == "accuracy_above_chance").unwrap();
    let (low, chance) = (model.quality.overall.rate.interval.unwrap().low, comparison.suite.chance().unwrap());
    assert!((accuracy.pessimistic.unwrap() - (low - chance) / (1.0 - chance)).abs() < 1e-12);
    assert!(accuracy.utility < accuracy.utility_high, "the favourable end is the upper one");
    let builder = &judgement.reviews[1].opinions[0];
    let load = builder.scored.iter().find(|scored| scored.criterion == "load").unwrap();
    assert_eq!(load.pessimistic, model.start.load.interval.map(|interval| interval.high));
}

#[test]
fn without_files_reviewers_abstain_and_the_licence_still_decides() {
    let catalog = Catalog::builtin();
    let said = Statement { source: "card".into(), kind: "license".into(), value: "cc-by-nc-4.0".into() };
    let mut terms = catalog.terms(&[said], &[], None);
    terms.conditions.commercial.answer = Answer::No;
    terms.conditions.research.answer = Answer::Yes;
    let demand = commercial();
    let unseen = Subject::of("unseen", &terms, &demand);
    let said = review(&unseen, &Rubric::builtin());
    let calls: Vec<Recommendation> = said.opinions.iter().map(|opinion| opinion.call).collect();
    assert_eq!(
        calls,
        [Recommendation::Abstain, Recommendation::Abstain, Recommendation::Abstain, Recommendation::Skip]
    );
    assert_eq!(said.verdict.to_string(), "Skip · 0 ship / 1 skip / 3 abstain, vetoed");

    let nothing = Terms::default();
    let unknown = Subject { terms: &nothing, ..unseen };
    assert_eq!(review(&unknown, &Rubric::builtin()).verdict.word, VerdictKind::Unmeasured);
}

fn grounds(judgement: &Judgement, side: usize) -> Vec<Ground> {
    judgement.reviews[side].vetoes.iter().map(|veto| veto.ground).collect()
}

fn words(judgement: &Judgement) -> [VerdictKind; 2] {
    judgement.reviews.each_ref().map(|review| review.verdict.word)
}

#[test]
fn a_failed_verification_is_a_veto_and_the_first_thing_said() {
    let mut comparison = fixture::comparison();
    comparison.models[0].verified.as_mut().unwrap().passed = false;
    let judgement = judged(&comparison);
    assert_eq!(judgement.reviews[0].opinions[0].call, Recommendation::Skip);
    assert_eq!(judgement.reviews[1].opinions[0].call, Recommendation::Ship);
    assert_eq!((words(&judgement)[0], grounds(&judgement, 0)), (VerdictKind::Skip, vec![Ground::Verification]));
    assert_eq!(judgement.advice.preferred, Preferred::B);
    let text = judgement.advice.text();
    assert!(text.starts_with("Ship demo:small. The Skeptic would not ship it (right answers: 43.8 % ("), "{text}");
    assert!(text.contains("). demo:large is not recommended: verification failed"), "{text}");
    assert_eq!(faults(&judgement, &comparison), []);
}

#[test]
fn canaries_that_failed_are_a_veto_that_says_what_is_likelier_broken() {
    let mut comparison = fixture::comparison();
    let record = comparison.models[0].canaries.as_mut().unwrap();
    record.found.all.iter_mut().for_each(|canary| (canary.mean, canary.passed) = (-9.0, false));
    record.found.passed = false;
    for (likelier, about) in
        [(Broken::Model, "the model is likelier broken"), (Broken::Run, "the run is likelier broken")]
    {
        comparison.models[0].canaries.as_mut().unwrap().likelier_broken = Some(likelier);
        let judgement = judged(&comparison);
        assert_eq!((words(&judgement)[0], grounds(&judgement, 0)), (VerdictKind::Skip, vec![Ground::Canaries]));
        let text = judgement.reviews[0].vetoes[0].text();
        assert!(
            text.starts_with("Canaries failed: it hardly predicts ordinary text") && text.contains(about),
            "{text}"
        );
        assert_eq!(judgement.advice.preferred, Preferred::B);
        assert_eq!(faults(&judgement, &comparison), []);
    }
}

#[test]
fn a_licence_that_forbids_the_use_is_a_veto_however_good_the_model_is() {
    let comparison = fixture::comparison();
    let said = Statement { source: "README.md".into(), kind: "license".into(), value: "cc-by-nc-4.0".into() };
    let forbidden = Background { terms: Catalog::builtin().terms(&[said], &[], None), ..Background::default() };
    let judgement = judge(&comparison, [&forbidden, &known()], &commercial(), &Rubric::builtin());
    assert_eq!((words(&judgement)[0], grounds(&judgement, 0)), (VerdictKind::Skip, vec![Ground::Licence]));
    assert!(judgement.reviews[0].verdict.ship >= 2, "the reviewers who do not look at licences would ship it");
    assert_eq!(judgement.advice.preferred, Preferred::B);
    assert_eq!(check_judgement(&judgement, &comparison, [&forbidden, &known()], &Rubric::builtin()), []);
    let both = judge(&comparison, [&forbidden, &forbidden], &commercial(), &Rubric::builtin());
    assert_eq!(both.advice.preferred, Preferred::Neither);
    assert!(both.advice.text().contains("commercial use is not allowed"), "{}", both.advice.text());
}

/// As many right answers in each category as a guesser gets.
fn guessing(chances: [usize; 10]) -> fixture::Character {
    fixture::Character { name: "noise", correct: chances, parameters: 1_000, ..fixture::SMALL }
}

#[test]
fn random_weights_and_a_constant_answer_are_never_more_than_skipped() {
    // One of four options, one of two, and now and then a number; always the first option and always the same number.
    for chances in [[12, 25, 0, 0, 0, 0, 0, 2, 0, 4], [14, 26, 1, 0, 0, 0, 0, 3, 1, 9], [0; 10]] {
        let comparison = fixture::compared([guessing(chances), fixture::LARGE]);
        let judgement = judged(&comparison);
        assert_eq!(
            (words(&judgement)[0], grounds(&judgement, 0)),
            (VerdictKind::Skip, vec![Ground::Chance]),
            "{chances:?}"
        );
        assert_eq!(judgement.advice.preferred, Preferred::B);
        let text = judgement.advice.text();
        assert!(text.contains("not clear of guessing"), "{text}");
        assert_eq!(faults(&judgement, &comparison), []);
    }
    let both = judged(&fixture::compared([guessing([12, 25, 0, 0, 0, 0, 0, 2, 0, 4]), guessing([0; 10])]));
    assert_eq!((words(&both), both.advice.preferred), ([VerdictKind::Skip; 2], Preferred::Neither));
}

#[test]
fn nothing_asked_is_neither_cleared_nor_vetoed_and_is_not_shipped() {
    let mut comparison = fixture::comparison();
    for model in &mut comparison.models {
        model.quality.outcomes.clear();
        model.quality.categories.clear();
        model.quality.overall.n = 0;
        model.quality.overall.rate.value = f64::NAN;
        model.quality.overall.rate.interval = None;
    }
    comparison.differences.retain(|difference| !difference.metric.starts_with("accuracy"));
    let judgement = judged(&comparison);
    assert_eq!(grounds(&judgement, 0), []);
    assert_eq!(judgement.reviews[0].opinions[1].call, Recommendation::Abstain);
    assert_ne!(words(&judgement)[0], VerdictKind::Ship, "nobody knows whether it is ever right");
}

#[test]
fn a_skip_of_the_skeptics_caps_the_word_at_mixed() {
    let judgement = judged(&fixture::comparison());
    let small = &judgement.reviews[1];
    assert_eq!(
        (small.opinions[1].call, small.verdict.ship, small.verdict.word),
        (Recommendation::Skip, 3, VerdictKind::Mixed)
    );
}

#[test]
fn the_skeptic_names_the_kinds_that_cannot_be_relied_on() {
    let judgement = judged(&fixture::comparison());
    let said: String = judgement.reviews[1].opinions[1].paragraph.iter().map(Part::text).collect();
    assert!(said.starts_with("Right 219 of 500 times, where guessing gets "), "{said}");
    let named =
        "It is not to be relied on for units (4 of 50), spelling (6 of 50), arithmetic (9 of 50) and other kinds, and";
    assert!(said.contains(named), "{said}");
    assert!(said.contains(" For ship, "), "{said}");
}

#[test]
fn the_trade_is_always_told() {
    let text = judged(&fixture::comparison()).advice.text();
    for part in [
        "Ship demo:large. It is right more often, 80.8 % against 43.8 %.",
        "The cost: it writes ",
        " tokens/s; 31.",
        " MB of memory against 2",
        "The panel says ship to it and mixed to demo:small.",
        "Ship demo:small if you need more than 1",
        " or if it has to run in less than 31.",
        "no difference in right answers was seen",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn between_two_quantisations_speed_and_memory_decide_and_the_sample_is_told() {
    let fine = fixture::Character { name: "model-q8_0", ..fixture::LARGE };
    let coarse = fixture::Character {
        name: "model-q4_0",
        parameters: 2_823_000,
        decode: 8880.0,
        prefill: 9000.0,
        peak: 24_000_000,
        seed: 9,
        ..fixture::LARGE
    };
    let comparison = fixture::compared([fine, coarse]);
    let judgement = judged(&comparison);
    let text = judgement.advice.text();
    assert_eq!(judgement.advice.preferred, Preferred::B, "{text}");
    assert!(
        text.starts_with("Ship model-q4_0. No difference in right answers was seen (80.8 % against 80.8 %"),
        "{text}"
    );
    assert!(text.contains("What decides: it writes ") && text.contains(" times as fast, "), "{text}");
    assert!(text.contains("it takes less memory, 2"), "{text}");
    assert!(!text.contains("does not tell them apart") && !text.contains("same of both"), "{text}");
    assert_eq!(faults(&judgement, &comparison), []);
}

#[test]
fn where_one_is_faster_and_the_other_smaller_the_workload_decides_and_both_are_told() {
    let fast = fixture::Character { name: "fast", decode: 8880.0, peak: 60_000_000, ..fixture::LARGE };
    let small = fixture::Character { name: "small", parameters: 2_823_000, seed: 9, ..fixture::LARGE };
    let comparison = fixture::compared([fast, small]);
    let chat = judged(&comparison);
    let phone = Demand { workload: plimsoll_panel::judge::Workload::Phone, ..commercial() };
    let phone = judge(&comparison, [&known(), &known()], &phone, &Rubric::builtin());
    assert_eq!((chat.advice.preferred, phone.advice.preferred), (Preferred::A, Preferred::B));
    assert!(
        chat.advice.text().contains("of memory against") && chat.advice.text().contains("Ship small if it has to run")
    );
    assert!(
        phone.advice.text().contains("The cost: it writes ") && phone.advice.text().contains("Ship fast if you need")
    );
}

#[test]
fn a_model_beside_itself_is_told_to_be_so() {
    let again = fixture::Character { seed: 11, ..fixture::LARGE };
    let comparison = fixture::compared([fixture::LARGE, again]);
    let judgement = judged(&comparison);
    assert_eq!(judgement.advice.preferred, Preferred::NotToldApart);
    assert!(judgement.advice.text().contains("the same weights"), "{}", judgement.advice.text());
    let [a, b] = &judgement.reviews;
    for (one, other) in a.opinions.iter().zip(&b.opinions) {
        assert_eq!(one.call, other.call, "{}", one.name);
        let (one, other) =
            ((one.score.unwrap(), one.score_high.unwrap()), (other.score.unwrap(), other.score_high.unwrap()));
        assert!(one.0 <= other.1 && other.0 <= one.1, "the ranges of one model's scores meet: {one:?} {other:?}");
    }
}

#[test]
fn a_need_is_met_unmet_undecided_or_about_nothing_measured() {
    use plimsoll_catalog::Outcome;
    use plimsoll_panel::judge::Need;
    let comparison = fixture::comparison();
    let with = |needs: &str| {
        let demand = Demand { needs: Need::read(needs).unwrap(), ..commercial() };
        judge(&comparison, [&known(), &known()], &demand, &Rubric::builtin())
    };
    let found = |judgement: &Judgement| judgement.reviews[0].needs.iter().map(|need| need.outcome).collect::<Vec<_>>();
    let accuracy = comparison.models[0].quality.overall.rate.value;
    let met = with("memory<1GB, decode>10 tokens/s");
    assert_eq!((found(&met), grounds(&met, 0)), (vec![Outcome::Passed; 2], vec![]));
    let straddled = with(&format!("accuracy>{accuracy}, decode@77777>1"));
    assert_eq!((found(&straddled), grounds(&straddled, 0)), (vec![Outcome::Unknown; 2], vec![]));
    // What is not decided makes no firm word, and the headline says on what it hangs.
    assert!(straddled.reviews.iter().all(|review| review.verdict.word != VerdictKind::Ship));
    assert_eq!(straddled.advice.preferred, met.advice.preferred);
    let advice = straddled.advice.text();
    assert!(
        advice.contains("Ship demo:large, if it proves to meet “accuracy at least ")
            && advice
                .contains(") does not decide, and “decode@77777 at least 1 tokens/s”, of which nothing was measured. "),
        "{advice}"
    );
    assert!(met.advice.text().starts_with("Ship demo:large. "), "{}", met.advice.text());
    assert_eq!(faults(&straddled, &comparison), []);
    assert!(straddled.reviews[0].needs[0].measurement.is_some() && straddled.reviews[0].needs[1].measurement.is_none());
    let unmet = with("decode>2000");
    assert_eq!(
        (found(&unmet), grounds(&unmet, 0), words(&unmet)[0]),
        (vec![Outcome::Failed], vec![Ground::Need], VerdictKind::Skip)
    );
    assert_eq!(unmet.advice.preferred, Preferred::B);
    let text = unmet.reviews[0].vetoes[0].text();
    assert!(text.starts_with("A need is not met: decode at least 2000 tokens/s, and it is 1"), "{text}");
    assert_eq!(faults(&unmet, &comparison), []);
}

#[test]
fn a_review_by_another_version_of_the_panel_says_so_and_nothing_else() {
    let comparison = fixture::comparison();
    let mut judgement = judged(&comparison);
    judgement.reviews[0].panel = 1;
    let told: Vec<String> = faults(&judgement, &comparison).iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|fault| fault.contains("version 1 of the panel")), "{told:?}");
}
