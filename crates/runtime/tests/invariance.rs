//! A token's logits have the same bits whatever else is in the batch and however many threads run,
//! and what a cache forgets leaves no trace.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_formats::Checkpoint;
use plimsoll_kernels::Isa;
use plimsoll_runtime::{BATCH_TOKENS, CacheType, Program, StepError};

/// Full, sliding and chunked attention, dense and mixture of experts.
const MODELS: &[&str] = &["llama-f32", "gemma3-text", "llama4-moe"];

fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !path.exists() {
        skipped::skipped("../shared/fixtures not found");
        return None;
    }
    Some(path)
}

fn load(folder: &Path, threads: usize) -> Program {
    let checkpoint = Checkpoint::open(folder).unwrap();
    Program::load(&checkpoint, Isa::best(), NonZeroUsize::new(threads).unwrap()).unwrap()
}

/// Ids that walk through the vocabulary without repeating soon.
fn tokens(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 389 + 7) % 1024).collect()
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn logits_do_not_depend_on_batches_or_threads() {
    let Some(root) = fixtures() else { return };
    for name in MODELS {
        // Beyond one batch, so that the seam between two is crossed.
        let prompt = tokens(BATCH_TOKENS + 45);
        let mut at_once = load(&root.join(name), 1);
        let mut cache = at_once.new_cache(prompt.len(), CacheType::F16).unwrap();
        let expected = bits(at_once.step(&mut cache, &prompt).unwrap());

        let mut one_by_one = load(&root.join(name), 2);
        let mut cache = one_by_one.new_cache(prompt.len(), CacheType::F16).unwrap();
        let (last, before) = prompt.split_last().unwrap();
        for token in before {
            one_by_one.step(&mut cache, &[*token]).unwrap();
        }
        assert_eq!(bits(one_by_one.step(&mut cache, &[*last]).unwrap()), expected, "{name}: one by one, 2 threads");

        let mut each = load(&root.join(name), 3);
        let mut cache = each.new_cache(prompt.len(), CacheType::F16).unwrap();
        let mut seen = Vec::new();
        each.step_each(&mut cache, &prompt, |i, logits| {
            if i + 1 == prompt.len() {
                seen = bits(logits);
            }
        })
        .unwrap();
        assert_eq!(seen, expected, "{name}: all logits, 3 threads");
    }
}

#[test]
fn a_truncated_cache_is_as_if_the_rest_had_never_been() {
    let Some(root) = fixtures() else { return };
    let mut program = load(&root.join("gemma3-text"), 2);
    let prompt = tokens(60);
    let mut cache = program.new_cache(100, CacheType::F32).unwrap();
    let expected = bits(program.step(&mut cache, &prompt).unwrap());
    program.step(&mut cache, &tokens(33)).unwrap();
    cache.truncate(50);
    assert_eq!(bits(program.step(&mut cache, &prompt[50..]).unwrap()), expected);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let Some(root) = fixtures() else { return };
    let mut program = load(&root.join("llama-f32"), 1);
    let mut cache = program.new_cache(8, CacheType::F16).unwrap();
    program.step(&mut cache, &tokens(5)).unwrap();
    let full = StepError::ContextFull { tokens: 4, used: 5, capacity: 8 };
    assert_eq!(program.step(&mut cache, &tokens(4)).unwrap_err(), full);
    let unknown = StepError::UnknownToken { id: 1024, vocab_size: 1024 };
    assert_eq!(program.step(&mut cache, &[1024]).unwrap_err(), unknown);
    assert_eq!(cache.len(), 5);
}
