//! A token's logits have the same bits whatever else is in the batch and however many threads run,
//! and what a cache forgets leaves no trace.

use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_kernels::Isa;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, BATCH_TOKENS, CacheType, KvCache, Program, StepError, likeliest};
use plimsoll_testing::Case;

/// Full, sliding, chunked and latent attention, keys that layers share, sinks, convolutions, both kinds of linear attention,
/// dense and mixture of experts. Chunks are lost in GGUF, so that the experts in blocks are another model's.
const MODELS: &[&str] = &[
    "llama",
    "gemma3",
    "llama4-moe",
    "llama4",
    "lfm2",
    "qwen3_5",
    "granite-hybrid",
    "gemma4",
    "gpt-oss",
    "glm4-moe-lite",
];

fn load(model: &Path, threads: usize, arithmetic: Arithmetic) -> Program {
    let checkpoint = Checkpoint::open(model).unwrap();
    Program::load(&checkpoint, Isa::best(), NonZeroUsize::new(threads).unwrap(), arithmetic).unwrap()
}

/// Ids that walk through the vocabulary without repeating soon.
fn tokens(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 61 + 7) % 157).collect()
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}

/// A model whose rows are several blocks.
fn wide(name: &str) -> Case {
    let mut case = Case::named(name);
    case.config["hidden_size"] = 96.into();
    if case.gguf.as_ref().is_none_or(|keys| !keys.contains_key("feed_forward_length")) {
        case.config["intermediate_size"] = 160.into();
    }
    case
}

/// Every model as published and in blocks, with every arithmetic; loaded for a number of threads.
fn each_model(check: impl Fn(&str, &dyn Fn(usize) -> Program)) {
    let folder = tempfile::tempdir().unwrap();
    for name in MODELS {
        let written = wide(name).write(folder.path());
        let in_blocks = written.gguf.map(|gguf| {
            let path = folder.path().join(format!("{name}.gguf"));
            std::fs::write(&path, plimsoll_testing::quantised(&gguf)).unwrap();
            path
        });
        for model in std::iter::once(written.safetensors).chain(in_blocks) {
            for arithmetic in [Arithmetic::Exact, Arithmetic::Fast] {
                let name = format!("{}, {arithmetic:?}", model.display());
                check(&name, &|threads| load(&model, threads, arithmetic));
            }
        }
    }
}

#[test]
fn logits_of_a_prompt_do_not_depend_on_how_it_is_cut_or_on_threads() {
    each_model(|name, load| {
        // Beyond one batch, so that the seam between two is crossed.
        let prompt = tokens(BATCH_TOKENS + 45);
        let mut at_once = load(1);
        let mut cache = at_once.new_cache(prompt.len(), CacheType::F16).unwrap();
        let expected = bits(at_once.step(&mut cache, &prompt).unwrap());

        let mut one_by_one = load(2);
        let mut cache = one_by_one.new_cache(prompt.len(), CacheType::F16).unwrap();
        let (last, before) = prompt.split_last().unwrap();
        for token in before {
            one_by_one.append(&mut cache, &[*token]).unwrap();
        }
        assert_eq!(bits(one_by_one.step(&mut cache, &[*last]).unwrap()), expected, "{name}: one by one, 2 threads");

        let mut each = load(3);
        let mut cache = each.new_cache(prompt.len(), CacheType::F16).unwrap();
        let mut seen = Vec::new();
        each.step_each(&mut cache, &prompt, |i, logits| {
            if i + 1 == prompt.len() {
                seen = bits(logits);
            }
        })
        .unwrap();
        assert_eq!(seen, expected, "{name}: all logits, 3 threads");
    });
}

#[test]
fn logits_of_a_generated_token_do_not_depend_on_the_other_sequences_or_on_threads() {
    each_model(|name, load| {
        let (n_sequences, n_generated) = (9, 5);
        let mut alone = load(1);
        let expected: Vec<Vec<Vec<u32>>> = (0..n_sequences)
            .map(|i| {
                // Depths and rooms differ from sequence to sequence.
                let mut cache = alone.new_cache(80 + i, CacheType::F16).unwrap();
                let mut next = likeliest(alone.step(&mut cache, &tokens(60)[i..4 * i + 5]).unwrap());
                let mut decode = |_| {
                    let logits = alone.decode(&mut [(&mut cache, next)]).unwrap();
                    next = likeliest(logits);
                    bits(logits)
                };
                (0..n_generated).map(&mut decode).collect()
            })
            .collect();

        let mut together = load(2);
        let begin = |i: usize| {
            let mut cache = together.new_cache(80 + i, CacheType::F16).unwrap();
            let next = likeliest(together.step(&mut cache, &tokens(60)[i..4 * i + 5]).unwrap());
            (cache, next)
        };
        let mut sequences: Vec<(KvCache, u32)> = (0..n_sequences).map(begin).collect();
        for nth in 0..n_generated {
            let mut batch: Vec<(&mut KvCache, u32)> =
                sequences.iter_mut().map(|(cache, next)| (cache, *next)).collect();
            let logits = together.decode(&mut batch).unwrap();
            let rows: Vec<&[f32]> = logits.chunks_exact(logits.len() / n_sequences).collect();
            for ((row, expected), (_, next)) in rows.iter().zip(&expected).zip(&mut sequences) {
                assert_eq!(bits(row), expected[nth], "{name}: generated token {nth}");
                *next = likeliest(row);
            }
        }
    });
}

#[test]
fn a_truncated_cache_is_as_if_the_rest_had_never_been() {
    let folder = tempfile::tempdir().unwrap();
    // States go back to an end of a batch at most: here that of 40 tokens.
    for (name, reached) in [("gemma3", 50), ("lfm2", 40), ("qwen3_5", 40), ("nemotron-h", 40)] {
        let mut program = load(&Case::named(name).write(folder.path()).safetensors, 2, Arithmetic::Fast);
        let prompt = tokens(60);
        for kind in [CacheType::F32, CacheType::F16, CacheType::Q8_0] {
            let mut cache = program.new_cache(100, kind).unwrap();
            program.append(&mut cache, &prompt[..40]).unwrap();
            let expected = bits(program.step(&mut cache, &prompt[40..]).unwrap());
            program.step(&mut cache, &tokens(33)).unwrap();
            assert_eq!((cache.reachable(50), cache.truncate(50), cache.len()), (reached, reached, reached), "{name}");
            let mut copy = cache.beginning(reached).unwrap();
            for cache in [&mut cache, &mut copy] {
                let logits = program.step(cache, &prompt[reached..]).unwrap();
                assert_eq!(bits(logits), expected, "{name} {kind:?}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = load(&Case::named("llama").write(folder.path()).safetensors, 1, Arithmetic::Exact);
    let mut cache = program.new_cache(8, CacheType::F16).unwrap();
    program.step(&mut cache, &tokens(5)).unwrap();
    let full = StepError::ContextFull { tokens: 4, used: 5, capacity: 8 };
    assert_eq!(program.step(&mut cache, &tokens(4)).unwrap_err(), full);
    let unknown = StepError::UnknownToken { id: 160, vocab_size: 160 };
    assert_eq!(program.step(&mut cache, &[160]).unwrap_err(), unknown);
    assert_eq!(cache.len(), 5);
}
