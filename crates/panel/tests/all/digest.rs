//! A digest tells changes of models, not of questions.

use crate::fixture;
use plimsoll_lab::compare::conclude;
use plimsoll_lab::record::Comparison;
use plimsoll_lab::suite::Suite;
use plimsoll_panel::digest::{Digest, digest_since};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;

/// The imagined models over the questions of `seed`, of which the larger gets `right` in each category.
fn asked(seed: u64, right: usize, created: &str) -> Comparison {
    let suite = Suite::builtin("text", seed, 50).unwrap();
    let large = fixture::Character { correct: [right; 10], ..fixture::LARGE };
    let models = [large, fixture::SMALL];
    let evidence = models.map(|character| character.evidence(&suite));
    let mut comparison = conclude(fixture::setup(&suite, &models), evidence).unwrap();
    comparison.created = created.to_owned();
    comparison
}

fn digest(comparisons: impl IntoIterator<Item = Comparison>) -> Digest {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("evidence.db")).unwrap();
    for comparison in comparisons {
        store.keep_report(&fixture::report_of(comparison), &Rubric::builtin()).unwrap();
    }
    digest_since(&store, "2026-01-02").unwrap()
}

/// What is told of the larger model's last verdict.
fn because(digest: &Digest) -> Vec<String> {
    let large = digest.changes.iter().find(|change| change.now.model == "demo-large").expect("its verdict changed");
    assert!(large.before.is_some());
    large.because.clone()
}

#[test]
fn the_same_questions_answered_otherwise_are_a_change_of_the_model() {
    let told = because(&digest([asked(1, 50, "2026-01-01T00:00:00Z"), asked(1, 2, "2026-01-03T00:00:00Z")]));
    assert!(told.iter().any(|line| line.starts_with("accuracy: ") && line.contains(" was ")), "{told:?}");
}

#[test]
fn other_questions_are_told_as_such() {
    let told = because(&digest([asked(1, 50, "2026-01-01T00:00:00Z"), asked(2, 2, "2026-01-03T00:00:00Z")]));
    assert!(told[0].starts_with("other questions: suite text, seed 2 (n = 500"), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("accuracy")), "{told:?}");
}

#[test]
fn a_verdict_is_held_against_the_one_over_the_same_questions() {
    let [first, other, again] = [("01", 1, 50), ("03", 2, 2), ("04", 1, 50)]
        .map(|(day, seed, right)| asked(seed, right, &format!("2026-01-{day}T00:00:00Z")));
    let told = digest([first, other, again]);
    let changes: Vec<_> = told.changes.iter().filter(|change| change.now.model == "demo-large").collect();
    // The latest first: the other questions, then the first verdict of all. The last one says what the first one said.
    assert_eq!(changes.iter().map(|change| change.before.is_some()).collect::<Vec<_>>(), [true, false]);
    assert!(changes[0].because[0].starts_with("other questions"), "{:?}", changes[0].because);
}
