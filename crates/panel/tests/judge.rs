//! The panel judges from evidence alone, and what it says can be held against it.

mod fixture;

use plimsoll_catalog::{Answer, Catalog, DeclaredUse, Purpose, Statement, Terms};
use plimsoll_lab::record::Comparison;
use plimsoll_panel::judge::{Background, Call, Fault, Judgement, Part, Preferred, Subject, Word, check_judgement};
use plimsoll_panel::judge::{judge, review};
use plimsoll_panel::rubric::Rubric;

fn apache() -> Terms {
    let said = Statement { source: "README.md".into(), kind: "license".into(), value: "apache-2.0".into() };
    Catalog::builtin().terms(&[said], &[], None)
}

fn commercial() -> DeclaredUse {
    DeclaredUse { purpose: Purpose::Commercial, users: Some(1000), region: None }
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
fn a_judgement_stands_up_to_its_checker() {
    let comparison = fixture::comparison();
    let judgement = judged(&comparison);
    assert_eq!(faults(&judgement, &comparison), []);
    let figures = judgement.reviews.iter().flat_map(|review| &review.opinions).flat_map(|opinion| &opinion.paragraph);
    assert!(figures.filter(|part| matches!(part, Part::Value { .. })).count() > 20);
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
    let accuracy = skeptic.scored.iter().find(|scored| scored.criterion == "accuracy").unwrap();
    assert_eq!(accuracy.pessimistic, model.quality.overall.rate.interval.map(|interval| interval.low));
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
    let usage = commercial();
    let unseen =
        Subject { name: "unseen", seen: None, further: &[], fidelity: None, card: None, terms: &terms, usage: &usage };
    let said = review(&unseen, &Rubric::builtin());
    let calls: Vec<Call> = said.opinions.iter().map(|opinion| opinion.call).collect();
    assert_eq!(calls, [Call::Abstain, Call::Abstain, Call::Abstain, Call::Skip]);
    assert_eq!(said.verdict.to_string(), "Skip · 0 ship / 1 skip / 3 abstain");

    let nothing = Terms::default();
    let unknown = Subject { terms: &nothing, ..unseen };
    assert_eq!(review(&unknown, &Rubric::builtin()).verdict.word, Word::Unmeasured);
}

#[test]
fn a_failed_verification_fails_the_builder() {
    let mut comparison = fixture::comparison();
    comparison.models[0].verified.as_mut().unwrap().passed = false;
    let judgement = judged(&comparison);
    assert_eq!(judgement.reviews[0].opinions[0].call, Call::Skip);
    assert_eq!(judgement.reviews[1].opinions[0].call, Call::Ship);
}

#[test]
fn the_better_verdict_is_advised() {
    let mut comparison = fixture::comparison();
    comparison.models[1].verified.as_mut().unwrap().passed = false;
    comparison.models[0].quality.overall.rate = comparison.models[1].quality.overall.rate.clone();
    let judgement = judged(&comparison);
    let words = judgement.reviews.each_ref().map(|review| review.verdict.word);
    assert_eq!((words, judgement.advice.preferred), ([Word::Ship, Word::Mixed], Preferred::A));
}

#[test]
fn between_equal_verdicts_right_answers_decide_where_they_differ() {
    let mut comparison = fixture::comparison();
    let judgement = judged(&comparison);
    assert_eq!(judgement.reviews[0].verdict.word, judgement.reviews[1].verdict.word);
    assert!(judgement.advice.text().contains("it is right more often, "), "{}", judgement.advice.text());
    comparison.differences.retain(|difference| difference.metric != "accuracy");
    assert_eq!(judged(&comparison).advice.preferred, Preferred::NotToldApart);
}
