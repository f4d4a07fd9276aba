//! Predictions of one model beside those of another.

use crate::skipped;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_lab::fidelity::{are_comparable, distances, n_items};
use plimsoll_lab::suite::Suite;
use plimsoll_models::Checkpoint;

fn open(path: &Path) -> (Checkpoint, Session) {
    let checkpoint = Checkpoint::open(path).unwrap();
    let options = SessionOptions { threads: NonZeroUsize::MIN, ..SessionOptions::default() };
    let session = Session::open(&checkpoint, &options).unwrap();
    (checkpoint, session)
}

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name)
}

fn smollm3() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/smollm3");
    if !path.exists() {
        skipped::skipped("../shared/fixtures not found");
        return None;
    }
    Some(path)
}

#[test]
fn blocks_lie_further_from_the_base_than_another_format_of_the_same_weights() {
    let Some(folder) = smollm3() else { return };
    let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let gguf = files.find(|path| path.extension().is_some_and(|extension| extension == "gguf")).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let blocks = temporary.path().join("blocks.gguf");
    std::fs::write(&blocks, plimsoll_testing::quantised(&gguf)).unwrap();

    let suite = Suite::builtin("copying", 3, 4).unwrap();
    let (base, mut from) = open(&folder);
    let found = [&gguf, &blocks].map(|path| {
        let (checkpoint, mut session) = open(path);
        assert!(are_comparable((&base, &from), (&checkpoint, &session)), "{}", path.display());
        distances(&mut from, &mut session, &suite, |_| ()).unwrap()
    });
    let [same, rounded] = found;
    for (same, rounded) in [(same.text, rounded.text), (same.answers, rounded.answers)] {
        let (same, rounded) = (same.divergence(), rounded.divergence());
        assert!(same.positions > 8 && same.positions == rounded.positions);
        assert!(rounded.kl_mean > 1e-6 && rounded.kl_mean > 10.0 * same.kl_mean, "{same:?} {rounded:?}");
        assert!(rounded.kl_high >= rounded.kl_mean);
    }
}

#[test]
fn answers_about_pictures_are_predicted_behind_the_pictures() {
    let suite = Suite::builtin("colours", 3, 4).unwrap();
    let (_, mut base) = open(&demo("vision"));
    let (_, mut same) = open(&demo("vision"));
    let mut heard = Vec::new();
    let found = distances(&mut base, &mut same, &suite, |done| heard.push(done)).unwrap();
    assert_eq!((heard, n_items(&suite)), (vec![1, 2, 3, 4], 4));
    assert!(found.answers.kl().is_empty());
    let answers = found.pictures.divergence();
    assert!(answers.positions >= 4);
    assert_eq!((answers.kl_mean, answers.same_top), (0.0, 1.0));
}

#[test]
fn models_of_another_shape_are_not_artifacts_of_one() {
    let [small, large] = ["small", "large"].map(|name| open(&demo(name)));
    assert!(!are_comparable((&small.0, &small.1), (&large.0, &large.1)));
    assert_eq!(small.1.tokenizer().vocabulary_sha256(), large.1.tokenizer().vocabulary_sha256());
}
