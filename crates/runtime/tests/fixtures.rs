//! Every published text fixture gives the reference's logits, likelihoods and greedy tokens, from
//! safetensors and from the GGUF of the same model, at every level of this machine.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_kernels::Isa;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType, Program};
use plimsoll_testing::ids;
use serde_json::Value;

/// Fixtures whose GGUF carries every fact of the config.
const BOTH: &[&str] = &[
    "llama-f32",
    "llama3-rope-bf16",
    "smollm3",
    "qwen2",
    "qwen3",
    "stories260K",
    "2026/qwen3-moe",
    "2026/ministral3",
    "2026/qwen3_5-text",
    "2026/qwen3_5-moe",
    "2026/lfm2",
    "2026/lfm2-moe",
    "2026/gpt-oss",
    "2026/granite-hybrid",
    "2026/gemma4-e",
    "2026/gemma4-moe",
    "2026/nemotron-h",
    "2026/glm4-moe-lite",
];
/// Those that have none, or one that lost facts.
const SAFETENSORS_ALONE: &[&str] =
    &["smollm3-yarn", "mistral-swa", "phi3", "gemma3-text", "llama4-moe", "llama4-dense-interleaved", "2026/lfm3"];

fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !path.exists() {
        skipped::skipped("../shared/fixtures not found");
        return None;
    }
    Some(path)
}

/// Whether a fixture is one of those that `FIXTURES` names, or all are.
fn asked(name: &str) -> bool {
    std::env::var("FIXTURES").map_or(true, |asked| asked.split(',').any(|one| name.ends_with(one)))
}

/// Largest difference of a last logit over the cases, and the greedy ids after the first.
fn check(checkpoint: &Checkpoint, golden: &Value, isa: Isa, threads: usize) {
    let mut program = Program::load(checkpoint, isa, NonZeroUsize::new(threads).unwrap(), Arithmetic::Exact).unwrap();
    for (index, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
        let (input, greedy) = (ids(&case["input_ids"]), ids(&case["greedy"]));
        let mut cache = program.new_cache(input.len() + greedy.len(), CacheType::F32).unwrap();
        let mut logits = program.step(&mut cache, &input).unwrap().to_vec();
        let reference = case["last_logits"].as_array().unwrap();
        assert_eq!(logits.len(), reference.len());
        let delta = logits.iter().zip(reference).map(|(a, b)| (f64::from(*a) - b.as_f64().unwrap()).abs());
        let worst = delta.fold(0.0, f64::max);
        assert!(worst < 2e-3, "{} case {index} at {isa}: max |Δ| = {worst}", checkpoint.display());
        for (step, wanted) in greedy.iter().enumerate() {
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a))).unwrap();
            if best as u32 != *wanted {
                let gap = logits[best] - logits[*wanted as usize];
                assert!(gap < 1e-3, "{} case {index} at {isa}: step {step}, gap {gap}", checkpoint.display());
                break; // a tie: what follows means nothing
            }
            if step + 1 < greedy.len() {
                logits = program.decode(&mut [(&mut cache, *wanted)]).unwrap().to_vec();
            }
        }
    }
}

fn golden(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

fn gguf_of(folder: &Path) -> PathBuf {
    let is_model = |path: &PathBuf| path.extension().is_some_and(|e| e == "gguf");
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(is_model).unwrap()
}

#[test]
fn safetensors_give_the_numbers_of_the_reference() {
    let Some(root) = fixtures() else { return };
    for name in BOTH.iter().chain(SAFETENSORS_ALONE).filter(|name| asked(name)) {
        let checkpoint = Checkpoint::open(&root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        for isa in Isa::available() {
            check(&checkpoint, &golden(&root.join(name)), isa, 2);
        }
    }
}

#[test]
fn gguf_gives_the_numbers_of_the_reference() {
    let Some(root) = fixtures() else { return };
    for name in BOTH.iter().filter(|name| asked(name)) {
        let checkpoint = Checkpoint::open(&gguf_of(&root.join(name))).unwrap_or_else(|e| panic!("{name}: {e}"));
        for isa in Isa::available() {
            check(&checkpoint, &golden(&root.join(name)), isa, 1);
        }
    }
}
