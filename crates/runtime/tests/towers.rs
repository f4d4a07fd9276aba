//! Every published vision fixture gives the reference's image features, logits and greedy tokens from the reference's
//! pixels, from safetensors and from GGUF with mmproj, at every level of this machine.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_kernels::Isa;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, CacheType, EmbeddingOverride, Input, Program, TileBatch, Tower, likeliest};
use plimsoll_testing::{Case, Tiny, floats, ids, max_delta};
use serde_json::Value;

const FIXTURES: [&str; 3] = ["idefics3", "smolvlm2", "llama4-vision"];

fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !path.exists() {
        skipped::skipped("../shared/fixtures not found");
        return None;
    }
    Some(path)
}

fn golden(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

/// A tensor of pixels: its values and the edge of its tiles.
fn pixels(folder: &Path, name: &str) -> (Vec<f32>, usize) {
    let file = SafetensorsFile::parse(FileBytes::map(&folder.join("golden_pixels.safetensors")).unwrap()).unwrap();
    let tensor = file.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let bytes = &file.bytes[tensor.range.clone()];
    (bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(), *tensor.shape.last().unwrap())
}

fn load(vision: &Vision, isa: Isa, threads: usize, arithmetic: Arithmetic) -> Tower {
    Tower::load(vision, isa, NonZeroUsize::new(threads).unwrap(), arithmetic).unwrap()
}

/// Runs of the placeholder token, each with the next of the embeddings.
fn scatter<'a>(input: &[u32], placeholder: u32, embeddings: &'a [f32], d_model: usize) -> Vec<EmbeddingOverride<'a>> {
    let at = input.iter().enumerate().filter(|(_, id)| **id == placeholder).map(|(at, _)| at);
    let given = EmbeddingOverride::at_positions(at, embeddings, d_model);
    let n_values: usize = given.iter().map(|given| given.rows.len()).sum();
    assert_eq!(n_values, embeddings.len(), "a placeholder for each embedding");
    given
}

/// All cases with pictures and all videos: features, and of sequences up to `longest` tokens logits and greedy tokens.
fn check(folder: &Path, checkpoint: &Checkpoint, vision: &Vision, placeholder: u32, longest: usize, isa: Isa) {
    let name = checkpoint.display();
    let golden = golden(folder);
    let mut tower = load(vision, isa, 2, Arithmetic::Exact);
    let mut program = Program::load(checkpoint, isa, NonZeroUsize::new(2).unwrap(), Arithmetic::Exact).unwrap();
    let numbered = |key: &str, of: &str| -> Vec<(String, Value)> {
        let cases = golden[key].as_array().cloned().unwrap_or_default();
        cases.into_iter().enumerate().map(|(i, case)| (format!("{of}{i}"), case)).collect()
    };
    let cases =
        numbered("cases", "case").into_iter().filter(|(_, case)| !case["images"].as_array().unwrap().is_empty());
    let cases: Vec<(String, Value)> = cases.chain(numbered("video_cases", "video")).collect();
    assert!(cases.len() >= 7, "{name}: pictures to compare");
    let mut compared = 0;
    for (tensor, case) in cases {
        let place = format!("{name} {tensor} at {isa}");
        let (pixels, edge) = pixels(folder, &tensor);
        let sizes = vec![(edge, edge); pixels.len() / (3 * edge * edge)];
        let (embeddings, features) = tower.encode_with_features(&TileBatch { pixels: &pixels, sizes: &sizes }).unwrap();
        if let Some(expected) = case.get("image_features").filter(|expected| expected.is_object()) {
            let values = floats(&expected["values"]);
            let at = ids(&expected["at"]);
            let n: usize = expected["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).product();
            assert_eq!(features.len(), n, "{place}");
            let ours: Vec<f32> = at.iter().map(|at| features[*at as usize]).collect();
            let delta = max_delta(&ours, &values, &place);
            assert!(delta < 2e-3, "{place}: features differ by {delta}");
            let mean = features.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
            assert!((mean - expected["mean"].as_f64().unwrap()).abs() < 1e-4, "{place}: mean {mean}");
        }
        let (input, greedy) = (ids(&case["input_ids"]), ids(&case["greedy"]));
        if input.len() + greedy.len() > longest {
            continue;
        }
        compared += 1;
        let given = scatter(&input, placeholder, &embeddings, checkpoint.hyperparams.d_model);
        let mut cache = program.new_cache(input.len() + greedy.len(), CacheType::F32).unwrap();
        let mut logits = program.step(&mut cache, Input::with_embeddings(&input, &given)).unwrap().to_vec();
        let delta = max_delta(&logits, &floats(&case["last_logits"]), &place);
        assert!(delta < 5e-3, "{place}: logits differ by {delta}");
        let margins = floats(&case["greedy_margins"]);
        for (step, wanted) in greedy.iter().enumerate() {
            if likeliest(&logits) != *wanted {
                assert!(margins[step] < 1e-3, "{place}: step {step}, margin {}", margins[step]);
                break; // a tie: what follows means nothing
            }
            if step + 1 < greedy.len() {
                logits = program.decode(&mut [(&mut cache, *wanted)]).unwrap().to_vec();
            }
        }
    }
    assert!(compared >= 7 || longest == 0, "{name}: logits of {compared} cases");
}

fn own_vision(folder: &Path) -> (Checkpoint, Vision) {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let vision = Vision::of(&checkpoint, None).unwrap().expect("a tower");
    (checkpoint, vision)
}

#[test]
fn safetensors_give_the_features_and_logits_of_the_reference() {
    let Some(root) = fixtures() else { return };
    for name in FIXTURES {
        let folder = root.join(name);
        let (checkpoint, vision) = own_vision(&folder);
        for isa in Isa::available() {
            check(&folder, &checkpoint, &vision, vision.params.image_token.unwrap(), usize::MAX, isa);
        }
    }
}

#[test]
fn gguf_with_the_mmproj_beside_it_gives_the_features_and_logits_of_the_reference() {
    let Some(root) = fixtures() else { return };
    for name in FIXTURES {
        let folder = root.join(name);
        let placeholder = own_vision(&folder).1.params.image_token.unwrap();
        let checkpoint = Checkpoint::open(&folder.join(format!("{name}-bf16.gguf"))).unwrap();
        let vision = Vision::of(&checkpoint, None).unwrap().expect("the mmproj beside it");
        let beside = folder.join(format!("mmproj-{name}-bf16.gguf"));
        assert_eq!(vision.mmproj.as_ref().map(|mmproj| &mmproj.file), Some(&beside.display().to_string()));
        // llama.cpp has Llama 4's chunks and temperature in its code, steps of 8192 tokens; this text model's are of 64 and
        // 32, which every case passes, so that its tower alone can agree.
        let longest = if name == "llama4-vision" { 0 } else { usize::MAX };
        for isa in Isa::available() {
            check(&folder, &checkpoint, &vision, placeholder, longest, isa);
        }
    }
}

#[test]
fn the_features_of_a_tile_do_not_depend_on_the_other_tiles_or_on_threads() {
    let root = tempfile::tempdir().unwrap();
    for case in Case::all().into_iter().filter(|case| case.tiny().vision().is_some()) {
        let written = case.write(root.path());
        let (checkpoint, published) = own_vision(&written.safetensors);
        let mut forms = vec![published];
        // The same in blocks, as an mmproj of a smaller type has it.
        let mmproj = written.gguf.map(|gguf| gguf.with_file_name("mmproj.gguf")).filter(|mmproj| mmproj.exists());
        if let Some(mmproj) = mmproj {
            let blocks = GgufFile::parse(FileBytes::owned("mmproj-blocks.gguf", plimsoll_testing::quantised(&mmproj)));
            let family = checkpoint.hyperparams.arch.name;
            forms.push(Vision::from_gguf(&blocks.unwrap(), family, checkpoint.hyperparams.d_model).unwrap());
        }
        let sizes = case.tiles();
        let sizes: Vec<(usize, usize)> = sizes.iter().copied().cycle().take(17).collect();
        for (vision, arithmetic) in forms.iter().flat_map(|v| [(v, Arithmetic::Exact), (v, Arithmetic::Fast)]) {
            for isa in Isa::available() {
                check_invariance(vision, &sizes, isa, arithmetic);
            }
        }
    }
}

fn check_invariance(vision: &Vision, sizes: &[(usize, usize)], isa: Isa, arithmetic: Arithmetic) {
    let mut alone = load(vision, isa, 1, arithmetic);
    let pixels = Tiny::pixels(sizes);
    let (mut left, mut one_by_one) = (&pixels[..], Vec::new());
    for size in sizes {
        let (pixels, after) = left.split_at(3 * size.0 * size.1);
        left = after;
        one_by_one.extend(alone.encode(&TileBatch { pixels, sizes: &[*size] }).unwrap());
    }
    assert!(one_by_one.iter().all(|x| x.is_finite()) && one_by_one.iter().any(|x| *x != 0.0));
    for threads in 1..=2 {
        // More tiles than pass through at once, so that the seam between two batches is crossed.
        let (pixels, sizes) = (pixels.repeat(2), sizes.repeat(2));
        let batch = TileBatch { pixels: &pixels, sizes: &sizes };
        let together = load(vision, isa, threads, arithmetic).encode(&batch).unwrap();
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&together), bits(&one_by_one.repeat(2)), "{}, {arithmetic:?} at {isa}", vision.params.file());
    }
}

#[test]
fn tiles_that_a_tower_does_not_understand_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let own = |case: &str| own_vision(&Case::named(case).write(root.path()).safetensors).1;
    let idefics3 = own("tower-idefics3");
    let mut tower = load(&idefics3, Isa::best(), 1, Arithmetic::Exact);
    let refused = |tower: &mut Tower, values: usize, edge: usize| {
        let batch = TileBatch { pixels: &vec![0.0; values], sizes: &[(edge, edge)] };
        tower.encode(&batch).unwrap_err().to_string()
    };
    assert_eq!(refused(&mut tower, 100, 56), "100 values are not those of 1 tiles, which have 9408");
    let message = "tiles of 21 x 21 pixels have 3 x 3 patches, which squares of 2 x 2 do not divide";
    assert_eq!(refused(&mut tower, 3 * 21 * 21, 21), message);
    assert!(refused(&mut tower, 3, 1).contains("0 x 0 patches"));
    assert!(tower.encode(&TileBatch { pixels: &[], sizes: &[] }).unwrap().is_empty());
    assert_eq!(tower.features((112, 56)), Ok((8, 4)), "positions between those it was trained on");

    let llama4 = own("tower-llama4");
    let mut tower = load(&llama4, Isa::best(), 1, Arithmetic::Exact);
    assert_eq!(refused(&mut tower, 3 * 84 * 84, 84), "tiles of 84 x 84 pixels for a tower that sees 28 x 28");
}

#[test]
fn given_rows_that_do_not_fit_the_tokens_are_refused_and_those_that_do_may_be_cut_anywhere() {
    let root = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&Case::named("tower-idefics3").write(root.path()).safetensors).unwrap();
    let mut program = Program::load(&checkpoint, Isa::best(), NonZeroUsize::MIN, Arithmetic::Fast).unwrap();
    let rows: Vec<f32> = (0..5 * 32).map(|i| (i as f32 * 0.37).sin()).collect();
    let tokens = [1, 4, 4, 4, 4, 4, 9];
    let mut cache = program.new_cache(20, CacheType::F32).unwrap();
    for given in [
        EmbeddingOverride::new(3, &rows, 32),
        EmbeddingOverride::new(1, &rows[1..], 32),
        EmbeddingOverride::new(1, &rows, 16),
        EmbeddingOverride::new(usize::MAX, &rows, 32),
        EmbeddingOverride { grid: Some((2, 3)), ..EmbeddingOverride::new(1, &rows, 32) },
    ] {
        let error = program.step(&mut cache, Input::with_embeddings(&tokens, &[given])).unwrap_err();
        assert!(error.to_string().contains("are no rows of 32 for tokens that are there"), "{error}");
    }
    let given = [EmbeddingOverride::new(1, &rows, 32)];
    let input = Input::with_embeddings(&tokens, &given);
    let whole = program.step(&mut cache, input).unwrap().to_vec();
    let mut cut = program.new_cache(20, CacheType::F32).unwrap();
    program.append(&mut cut, input.part(0..3)).unwrap();
    assert_eq!(program.step(&mut cut, input.part(3..7)).unwrap(), whole);
    let mut without = program.new_cache(20, CacheType::F32).unwrap();
    assert_ne!(program.step(&mut without, &tokens).unwrap(), whole);
}
