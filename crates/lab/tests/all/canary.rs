//! Canaries notice a model that predicts nothing, and no working one fails them.

use crate::skipped;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_lab::canary::{Canaries, put};
use plimsoll_lab::suite::{ALL, Suite, VISION};
use plimsoll_models::Checkpoint;
use serde_json::Value;

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name)
}

fn canaries(checkpoint: &Checkpoint, suite: &str) -> Canaries {
    let options = SessionOptions { threads: NonZeroUsize::MIN, ..SessionOptions::default() };
    let mut session = Session::open(checkpoint, &options).unwrap();
    put(&Suite::builtin(suite, 1, 1).unwrap(), &mut session).unwrap()
}

/// The small demo model with every matrix drawn anew, of about the spread `scale`. An embedded model lives as long as the
/// program.
fn random(scale: f32, seed: u64) -> Checkpoint {
    let files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"].map(|name| {
        let mut bytes = std::fs::read(demo("small").join(name)).expect("the demo models come with the project");
        if name == "model.safetensors" {
            draw_matrices(&mut bytes, scale, seed, |_| true);
        }
        (name, &*bytes.leak())
    });
    Checkpoint::from_embedded("demo:random", Vec::from(files).leak()).unwrap()
}

/// The demo model that sees with its weights changed.
fn seeing(change: impl Fn(&mut [u8])) -> Checkpoint {
    let names =
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "processor_config.json"];
    let files: Vec<(&'static str, &'static [u8])> = names
        .iter()
        .chain(&["chat_template.jinja", "generation_config.json"])
        .map(|name| {
            let mut bytes = std::fs::read(demo("vision").join(name)).expect("the demo models come with the project");
            if *name == "model.safetensors" {
                change(&mut bytes);
            }
            (*name, &*bytes.leak())
        })
        .collect();
    Checkpoint::from_embedded("demo:changed", files.leak()).unwrap()
}

/// Draws every matrix anew whose name `is_drawn`.
fn draw_matrices(safetensors: &mut [u8], scale: f32, seed: u64, is_drawn: impl Fn(&str) -> bool) {
    let (length, rest) = safetensors.split_first_chunk_mut().unwrap();
    let (header, data) = rest.split_at_mut(u64::from_le_bytes(*length) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__" && is_drawn(name));
    for (_, tensor) in tensors {
        assert_eq!(tensor["dtype"], "BF16");
        if tensor["shape"].as_array().unwrap().len() < 2 {
            continue;
        }
        let offset = |end: usize| tensor["data_offsets"][end].as_u64().unwrap() as usize;
        for value in data[offset(0)..offset(1)].chunks_exact_mut(2) {
            // The upper half of an f32 is a bf16; four uniform draws are normal enough.
            let drawn = scale * (uniform() + uniform() + uniform() + uniform()) * 3f32.sqrt();
            value.copy_from_slice(&drawn.to_le_bytes()[2..]);
        }
    }
}

#[test]
fn the_demo_models_pass_on_what_they_were_made_for() {
    for (name, suite) in [("small", ALL), ("large", ALL)] {
        let found = canaries(&Checkpoint::open(&demo(name)).unwrap(), suite);
        assert!(found.passed, "{name}: {found:#?}");
    }
}

#[test]
fn random_weights_of_any_spread_and_seed_fail() {
    for scale in [0.02, 0.1, 0.5] {
        for seed in 1..4 {
            let found = canaries(&random(scale, seed), ALL);
            assert!(!found.passed && found.n_passed() == 0, "{scale} {seed}: {found:#?}");
        }
    }
}

#[test]
fn fixtures_of_random_weights_fail_and_the_one_that_was_trained_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !folder.exists() {
        return skipped::skipped("../shared/fixtures not found");
    }
    let trained = canaries(&Checkpoint::open(&folder.join("stories260K")).unwrap(), ALL);
    assert!(trained.passed, "{trained:#?}");
    for name in ["smollm3", "qwen2", "qwen3", "phi3", "mistral-swa", "gemma3-text"] {
        let found = canaries(&Checkpoint::open(&folder.join(name)).unwrap(), ALL);
        assert!(!found.passed && found.n_passed() == 0, "{name}: {found:#?}");
    }
}

#[test]
fn a_model_that_sees_tells_pictures_apart_and_one_whose_tower_is_broken_does_not() {
    let looking = |change: &dyn Fn(&mut [u8])| {
        let found = canaries(&seeing(change), VISION);
        assert!(found.all.is_empty(), "pictures alone are asked about");
        found.looking.unwrap()
    };
    let whole = looking(&|_| ());
    assert!(whole.passed && whole.of == 12, "{whole:?}");
    for seed in 1..4 {
        let drawn = looking(&|weights| draw_matrices(weights, 0.05, seed, |name| name.contains("vision_model")));
        assert!(!drawn.passed, "all of the tower, seed {seed}: {drawn:?}");
        let patches = looking(&|weights| draw_matrices(weights, 0.05, seed, |name| name.contains("patch_embedding")));
        assert!(!patches.passed, "the patch embedding, seed {seed}: {patches:?}");
        let connector = looking(&|weights| draw_matrices(weights, 0.05, seed, |name| name.contains("connector")));
        assert!(!connector.passed, "the connector, seed {seed}: {connector:?}");
    }
}
