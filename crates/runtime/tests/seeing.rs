//! Every vision fixture of 2026 gives the reference's image features, logits and greedy tokens from the reference's pixels, at
//! every level of this machine. `FIXTURES=qwen3-vl,gemma3-vl` runs those alone.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_formats::FileBytes;
use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_kernels::Isa;
use plimsoll_models::{Checkpoint, Standing, Vision};
use plimsoll_runtime::{Arithmetic, CacheType, EmbeddingOverride, Input, Program, TileBatch, Tower, likeliest};
use plimsoll_testing::{floats, ids, max_delta};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, Processor, SourceFile, Sources, Tiles};
use serde_json::Value;

/// And whether the GGUF and the mmproj beside it hold every fact.
const FIXTURES: [(&str, bool); 10] = [
    ("qwen3_5-vl", true),
    ("qwen3-vl", false),
    ("gemma3-vl", false),
    ("gemma4-vl-e", true),
    ("gemma4-vl-l", false),
    ("paligemma", false),
    ("lfm2-vl", true),
    ("lfm3-vl", false),
    ("mistral3-vl", false),
    ("minicpmv4_6", false),
];

fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/2026");
    if !path.exists() {
        skipped::skipped("../shared/fixtures/2026 not found");
        return None;
    }
    Some(path)
}

fn asked(name: &str) -> bool {
    std::env::var("FIXTURES").map_or(true, |asked| asked.split(',').any(|one| name == one))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The reference's pixels of a case, cut as our own processor would cut its pictures.
fn tiles(folder: &Path, name: &str, case: &Value) -> Tiles {
    let file = SafetensorsFile::parse(FileBytes::map(&folder.join("golden_pixels.safetensors")).unwrap()).unwrap();
    let tensor = file.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let values = file.bytes[tensor.range.clone()].as_chunks::<4>().0;
    let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let text = std::fs::read_to_string(folder.join("processor_config.json")).unwrap();
    let processor = Processor::from_sources(&Sources {
        processor: Some(SourceFile { file: "processor_config.json".to_owned(), text }),
        options: case["processor_options"].as_object().cloned(),
        ..Sources::default()
    });
    let processor = processor.unwrap();
    let mut sizes = Vec::new();
    for image in case["images"].as_array().unwrap() {
        let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
        sizes.extend(processor.cut(picture.width(), picture.height()).unwrap().tiles);
    }
    processor.reference_tiles(&values, &tensor.shape, Some(sizes)).unwrap()
}

/// What of the reference's was sampled, by part of what is given for a feature: its embedding, then what some layers get.
fn compare_features(place: &str, case: &Value, features: &[f32], embeddings: &[f32], width: usize) {
    let further: Vec<&Value> = (0..3).map(|part| &case[format!("deepstack_features_{part}")]).collect();
    let n_parts = 1 + further.iter().filter(|sampled| sampled.is_object()).count();
    let each = width / n_parts;
    let part = |part: usize| -> Vec<f32> {
        embeddings.chunks_exact(width).flat_map(|row| &row[part * each..][..each]).copied().collect()
    };
    let parts = std::iter::once(features.to_vec()).chain((1..n_parts).map(part));
    for (ours, sampled) in parts.zip(std::iter::once(&case["image_features"]).chain(further)) {
        let n: usize = ids(&sampled["shape"]).iter().map(|n| *n as usize).product();
        assert_eq!(ours.len(), n, "{place}");
        let ours: Vec<f32> = ids(&sampled["at"]).iter().map(|at| ours[*at as usize]).collect();
        let delta = max_delta(&ours, &floats(&sampled["values"]), place);
        assert!(delta < 2e-3, "{place}: features differ by {delta}");
    }
}

/// Rows for the placeholders of a prompt, picture by picture.
fn given<'a>(
    input: &[u32],
    placeholder: u32,
    embeddings: &'a [f32],
    width: usize,
    grids: &[(usize, usize)],
    standing: Standing,
) -> Vec<EmbeddingOverride<'a>> {
    let at: Vec<usize> = (0..input.len()).filter(|at| input[*at] == placeholder).collect();
    assert_eq!(at.len() * width, embeddings.len(), "a placeholder for each feature");
    if standing == Standing::InOrder {
        return EmbeddingOverride::at_positions(at.into_iter(), embeddings, width);
    }
    EmbeddingOverride::of_pictures(&at, embeddings, width, grids)
}

fn check(folder: &Path, checkpoint: &Checkpoint, vision: &Vision, placeholder: u32, isa: Isa) {
    let threads = NonZeroUsize::new(2).unwrap();
    let mut tower = Tower::load(vision, isa, threads, Arithmetic::Exact).unwrap();
    let mut program = Program::load(checkpoint, isa, threads, Arithmetic::Exact).unwrap();
    let golden = json(&folder.join("golden.json"));
    for (index, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
        let place = format!("{} case {index} at {isa}", checkpoint.display());
        let (input, greedy) = (ids(&case["input_ids"]), ids(&case["greedy"]));
        let width = tower.given_width();
        let (mut embeddings, mut grids) = (Vec::new(), Vec::new());
        if !case["images"].as_array().unwrap().is_empty() {
            let tiles = tiles(folder, &format!("case{index}"), case);
            grids = tiles.sizes.iter().map(|size| tower.features(*size).unwrap()).collect();
            let batch = TileBatch { pixels: &tiles.pixels, sizes: &tiles.sizes };
            let features;
            (embeddings, features) = tower.encode_with_features(&batch).unwrap();
            compare_features(&place, case, &features, &embeddings, width);
        }
        let given = given(&input, placeholder, &embeddings, width, &grids, vision.params.arch.standing());
        let mut cache = program.new_cache(input.len() + greedy.len(), CacheType::F32).unwrap();
        let (mut logits, mut wrong) = (Vec::new(), Vec::new());
        let argmax = ids(&case["argmax"]);
        let each = |at: usize, row: &[f32]| {
            if likeliest(row) != argmax[at] {
                wrong.push(at);
            }
            logits = row.to_vec();
        };
        program.step_each(&mut cache, Input::with_embeddings(&input, &given), each).unwrap();
        assert!(wrong.is_empty(), "{place}: other tokens are likeliest at {wrong:?}");
        let delta = max_delta(&logits, &floats(&case["last_logits"]), &place);
        assert!(delta < 5e-3, "{place}: logits differ by {delta}");
        for (step, wanted) in greedy.iter().enumerate() {
            assert_eq!(likeliest(&logits), *wanted, "{place}: step {step}");
            logits = program.decode(&mut [(&mut cache, *wanted)]).unwrap().to_vec();
        }
    }
}

#[test]
fn safetensors_give_the_features_and_logits_of_the_reference() {
    let Some(root) = fixtures() else { return };
    for (name, _) in FIXTURES.into_iter().filter(|(name, _)| asked(name)) {
        let folder = root.join(name);
        let checkpoint = Checkpoint::open(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
        let vision = Vision::of(&checkpoint, None).unwrap_or_else(|e| panic!("{name}: {e}")).expect("a tower");
        let placeholder = vision.params.image_token.expect("a placeholder");
        for isa in Isa::available() {
            check(&folder, &checkpoint, &vision, placeholder, isa);
        }
    }
}

#[test]
fn gguf_with_mmproj_gives_them_too() {
    let Some(root) = fixtures() else { return };
    for (name, _) in FIXTURES.into_iter().filter(|(name, both)| *both && asked(name)) {
        let folder = root.join(name);
        let placeholder = Checkpoint::open(&folder).unwrap();
        let placeholder = Vision::of(&placeholder, None).unwrap().unwrap().params.image_token.unwrap();
        let checkpoint = Checkpoint::open(&folder.join(format!("{name}-bf16.gguf"))).unwrap();
        let mmproj = folder.join(format!("mmproj-{name}-bf16.gguf"));
        let vision = Vision::of(&checkpoint, Some(&mmproj)).unwrap_or_else(|e| panic!("{name}: {e}")).expect("a tower");
        check(&folder, &checkpoint, &vision, placeholder, Isa::best());
    }
}
