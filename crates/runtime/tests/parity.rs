//! Every text architecture and every vision tower gives the reference's numbers for tiny checkpoints that are written here,
//! from safetensors and from GGUF, at every level of this machine. What the reference computed lies in
//! `crates/testing/golden`, made by `tools/make_golden.py --tiny`.

use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_kernels::Isa;
use plimsoll_models::{Arch, Checkpoint, Standing, TowerArch, Vision};
use plimsoll_runtime::{Arithmetic, CacheType, EmbeddingOverride, Input, Program, TileBatch, Tower, likeliest};
use plimsoll_testing::{Case, Tiny, floats, ids, max_delta};
use serde_json::Value;

/// Differences of logits and features that are let pass. Logits span tens, and sums of this length in another order differ
/// by 1e-5; what the published fixtures are allowed is twenty times as much.
const TOLERANCE: f32 = 1e-4;
/// Two logits nearer than this are a tie, behind which greedy tokens mean nothing.
const TIE: f32 = 1e-3;
/// Cases whose GGUF gives other bits than their safetensors: it has divisors of frequencies, rounded to F32, instead of what
/// they follow from, and routers in F32 instead of BF16, whose products are summed in another order; `−e^x` instead of `x`;
/// what makes keys of a latent vector, or stacks of experts, the other way round.
const ROUNDED: [&str; 11] = [
    "tower-qwen3_vl_moe",
    "llama-llama3-biases",
    "llama4",
    "tower-llama4",
    "qwen3-moe",
    "qwen3_5-one-to-one",
    "qwen3_5-moe",
    "gpt-oss",
    "granite-hybrid",
    "nemotron-h",
    "glm4-moe-lite",
];

/// The formats of a case: the folder, and the GGUF where it holds every fact.
fn checkpoints(case: &Case, root: &Path) -> Vec<Checkpoint> {
    let written = case.write(root);
    let paths = std::iter::once(&written.safetensors).chain(&written.gguf);
    paths.map(|path| Checkpoint::open(path).unwrap_or_else(|e| panic!("{}: {e}", case.name))).collect()
}

fn load(checkpoint: &Checkpoint, isa: Isa) -> Program {
    Program::load(checkpoint, isa, NonZeroUsize::new(2).unwrap(), Arithmetic::Exact).unwrap()
}

/// The logits behind a prompt and behind each greedy token, held to the reference.
fn check(program: &mut Program, golden: &Value, given: &[EmbeddingOverride], place: &str) -> Vec<Vec<f32>> {
    let (input, greedy) = (ids(&golden["input_ids"]), ids(&golden["greedy"]));
    let mut cache = program.new_cache(input.len() + greedy.len(), CacheType::F32).unwrap();
    let mut logits = Vec::new();
    let argmax = ids(&golden["argmax"]);
    assert_eq!(argmax.len(), input.len(), "{place}");
    program
        .step_each(&mut cache, Input::with_embeddings(&input, given), |at, row| {
            let (best, wanted) = (likeliest(row) as usize, argmax[at] as usize);
            assert!(row[best] - row[wanted] < TIE, "{place}: {best} instead of {wanted} behind token {at}");
            logits = row.to_vec();
        })
        .unwrap();
    let delta = max_delta(&logits, &floats(&golden["last_logits"]), place);
    assert!(delta < TOLERANCE, "{place}: logits differ by {delta}");
    let mut seen = vec![logits];
    for (step, (wanted, margin)) in greedy.iter().zip(floats(&golden["greedy_margins"])).enumerate() {
        let logits = &seen[step];
        if likeliest(logits) != *wanted {
            assert!(margin < TIE, "{place}: greedy token {step}, margin {margin}");
            break;
        }
        if step + 1 < greedy.len() {
            seen.push(program.decode(&mut [(&mut cache, *wanted)]).unwrap().to_vec());
        }
    }
    seen
}

fn bits(rows: &[Vec<f32>]) -> Vec<u32> {
    rows.iter().flatten().map(|x| x.to_bits()).collect()
}

fn text_cases() -> impl Iterator<Item = Case> {
    Case::all().into_iter().filter(|case| case.tiny().vision().is_none())
}

fn picture_cases() -> impl Iterator<Item = Case> {
    Case::all().into_iter().filter(|case| case.tiny().vision().is_some())
}

#[test]
fn every_architecture_and_every_class_has_a_case() {
    let of_text = |case: &Case| match &case.config["text_config"]["model_type"] {
        Value::String(inner) => inner.clone(),
        _ => case.config["model_type"].as_str().unwrap().to_owned(),
    };
    let text: Vec<(String, bool)> = Case::all().iter().map(|case| (of_text(case), case.gguf.is_some())).collect();
    for model_type in Arch::all().iter().flat_map(Arch::model_types) {
        assert!(text.iter().any(|(of, _)| of == model_type), "`{model_type}` has no case in crates/testing/golden");
    }
    for arch in Arch::all().iter().filter(|arch| arch.has_gguf()) {
        let has_gguf = |(of, gguf): &(String, bool)| *gguf && Arch::named(of) == Some(arch);
        assert!(text.iter().any(has_gguf), "`{}` has no case with a gguf.json", arch.name);
    }
    let seeing: Vec<Value> = picture_cases().map(|case| case.config["model_type"].clone()).collect();
    for model_type in TowerArch::all().iter().flat_map(TowerArch::model_types) {
        assert!(seeing.iter().any(|of| of == model_type), "`{model_type}` has no case in crates/testing/golden");
    }
}

#[test]
fn text_models_give_the_numbers_of_the_reference_from_either_format() {
    let root = tempfile::tempdir().unwrap();
    for case in text_cases() {
        let golden = case.golden();
        let checkpoints = checkpoints(&case, root.path());
        for isa in Isa::available() {
            let mut programs: Vec<Program> = checkpoints.iter().map(|checkpoint| load(checkpoint, isa)).collect();
            for (index, of) in golden["cases"].as_array().unwrap().iter().enumerate() {
                let place =
                    |format: usize| format!("{} {} case {index} at {isa}", case.name, ["safetensors", "gguf"][format]);
                let seen: Vec<Vec<Vec<f32>>> = programs
                    .iter_mut()
                    .enumerate()
                    .map(|(format, program)| check(program, of, &[], &place(format)))
                    .collect();
                if let [safetensors, gguf] = &seen[..] {
                    let same = bits(safetensors) == bits(gguf);
                    assert!(same || ROUNDED.contains(&&*case.name), "{} has other bits", place(1));
                }
            }
        }
    }
}

/// The runs of the placeholder in a prompt, each with the next of the embeddings; a run for each of `grids` where tokens of
/// pictures stand as their rows and columns do.
fn given<'a>(
    golden: &Value,
    vision: &Vision,
    embeddings: &'a [f32],
    width: usize,
    grids: &[(usize, usize)],
) -> Vec<EmbeddingOverride<'a>> {
    let placeholder = vision.params.image_token.unwrap();
    let input = ids(&golden["input_ids"]);
    let at = input.iter().enumerate().filter(|(_, id)| **id == placeholder).map(|(at, _)| at);
    let given = EmbeddingOverride::at_positions(at, embeddings, width);
    assert_eq!(given.iter().map(|given| given.rows.len()).sum::<usize>(), embeddings.len(), "a place for each row");
    match vision.params.arch.standing() {
        Standing::InOrder => given,
        Standing::ByGrid => {
            assert_eq!(given.len(), grids.len(), "a token between pictures");
            given.into_iter().zip(grids).map(|(run, grid)| EmbeddingOverride { grid: Some(*grid), ..run }).collect()
        }
    }
}

#[test]
fn towers_give_the_features_and_logits_of_the_reference_from_either_format() {
    let root = tempfile::tempdir().unwrap();
    for case in picture_cases() {
        let (golden, sizes) = (case.golden(), case.tiles());
        let pixels = Tiny::pixels(&sizes);
        let checkpoints = checkpoints(&case, root.path());
        // Of a tower that is not written as an mmproj, the text of either format sees with the checkpoint's own.
        let own = Vision::of(&checkpoints[0], None).unwrap().expect("a tower");
        let of = |checkpoint: &Checkpoint| Vision::of(checkpoint, None).unwrap().unwrap_or_else(|| own.clone());
        let seeing: Vec<Vision> = checkpoints.iter().map(of).collect();
        for isa in Isa::available() {
            let mut seen = Vec::new();
            for (checkpoint, vision) in checkpoints.iter().zip(&seeing) {
                let place = format!("{} {:?} at {isa}", case.name, checkpoint.format);
                let mut tower = Tower::load(vision, isa, NonZeroUsize::new(2).unwrap(), Arithmetic::Exact).unwrap();
                let tiles = TileBatch { pixels: &pixels, sizes: &sizes };
                let (embeddings, features) = tower.encode_with_features(&tiles).unwrap();
                let delta = max_delta(&features, &floats(&golden["features"]), &place);
                assert!(delta < TOLERANCE, "{place}: features differ by {delta}");
                let grids: Vec<(usize, usize)> = sizes.iter().map(|size| tower.features(*size).unwrap()).collect();
                let of = &golden["cases"][0];
                // A GGUF does not say which token stands for pictures: the checkpoint's own tower does.
                let given = given(of, &own, &embeddings, tower.given_width(), &grids);
                let logits = check(&mut load(checkpoint, isa), of, &given, &place);
                seen.push((bits(&[features]), bits(&logits)));
            }
            if let [safetensors, gguf] = &seen[..] {
                assert!(safetensors.0 == gguf.0, "{}: features at {isa} have other bits", case.name);
                let same = safetensors.1 == gguf.1;
                assert!(same || ROUNDED.contains(&&*case.name), "{}: logits at {isa} have other bits", case.name);
            }
        }
    }
}
