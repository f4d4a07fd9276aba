//! Folders of MLX that are written here and opened again: of every architecture the same network with the same weights, or
//! with those of the grid that was asked for. What mlx-lm makes of them is held by tools/mlx_check.py.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_export::mlx::{self, MlxError, Plan, Source, Weights};
use plimsoll_formats::{Folder, JsonObject, parse_object};
use plimsoll_kernels::{DType, Pool};
use plimsoll_models::{Checkpoint, Vision, export, network};
use plimsoll_quantise::{AffineGroups, Columns, Encoding};
use plimsoll_testing::{Case, quantised};
use serde_json::{Value, json};

fn pool(threads: usize) -> Pool {
    Pool::new(NonZeroUsize::new(threads).unwrap()).unwrap()
}

fn config_of(folder: &Path) -> JsonObject {
    parse_object("config.json", &std::fs::read_to_string(folder.join("config.json")).unwrap()).unwrap()
}

/// Writes a checkpoint into a new folder of `root`, as files of `longest` bytes at most.
fn written(
    checkpoint: &Checkpoint,
    config: &JsonObject,
    weights: Weights,
    to: &Path,
    longest: u64,
) -> Result<PathBuf, MlxError> {
    let vision = Vision::of(checkpoint, None)?;
    let source = Source { checkpoint, vision: vision.as_ref(), config };
    let floats = (weights != Weights::Exact).then_some(DType::F32);
    write_plan(&source, &Plan::of(&source, weights, floats)?, to, longest)
}

fn write_plan(source: &Source, plan: &Plan, to: &Path, longest: u64) -> Result<PathBuf, MlxError> {
    std::fs::create_dir(to).unwrap();
    mlx::write(to, plan, &pool(2), longest, &mut |_| true)?;
    std::fs::write(to.join("config.json"), Value::Object(mlx::config(source, plan)?).to_string()).unwrap();
    Ok(to.to_owned())
}

/// A weight by its name.
type Named = (String, Vec<f32>);

/// Every weight of the text model and of the tower.
fn values(checkpoint: &Checkpoint) -> Vec<Named> {
    let text = network(checkpoint).unwrap();
    let mut all: Vec<Named> = text
        .weights
        .iter()
        .map(|weight| (weight.name.clone(), checkpoint.require_shape(&weight.name, &weight.shape).unwrap().to_f32()))
        .collect();
    if let Some(vision) = Vision::of(checkpoint, None).unwrap().filter(export::mlx::writes_tower) {
        let tower = plimsoll_models::tower(&vision).unwrap().network;
        let value = |name: &str, shape: &[usize]| vision.weights.require_shape(name, shape).unwrap().to_f32();
        all.extend(tower.weights.iter().map(|weight| (weight.name.clone(), value(&weight.name, &weight.shape))));
    }
    all
}

#[test]
fn floats_of_every_architecture_come_back_as_the_same_network() {
    let root = tempfile::tempdir().unwrap();
    for case in Case::all() {
        let original = Checkpoint::open(&case.write(root.path()).safetensors).unwrap();
        let config = config_of(original.path.as_ref().unwrap());
        // The tiny models lie in several files, too.
        for (to, longest) in [("one", 1 << 30), ("many", 5000)] {
            let to = root.path().join(format!("{}-{to}", case.name));
            if !original.hyperparams.arch.writes_mlx() {
                let refused = written(&original, &config, Weights::Floats, &to, longest).unwrap_err().to_string();
                assert!(refused.contains("no folders of MLX are written here") && !to.exists(), "{refused}");
                continue;
            }
            let folder = written(&original, &config, Weights::Floats, &to, longest).unwrap();
            let again = Checkpoint::open(&folder).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            let networks = (network(&original).unwrap(), network(&again).unwrap());
            assert_eq!(export::difference(&networks.0, &networks.1), None, "{}", case.name);
            let (before, after) = (values(&original), values(&again));
            assert_eq!(before.len(), after.len(), "{}", case.name);
            for (before, after) in before.iter().zip(&after) {
                assert!(before == after, "{} {}", case.name, before.0);
            }
        }
    }
}

#[test]
fn weights_of_every_width_come_back_nearer_the_wider_they_are() {
    let root = tempfile::tempdir().unwrap();
    for name in ["llama", "phi3", "llama4", "tower-idefics3"] {
        let original = Checkpoint::open(&Case::named(name).write(root.path()).safetensors).unwrap();
        let config = config_of(original.path.as_ref().unwrap());
        let mut last = f64::INFINITY;
        for bits in [2, 3, 4, 5, 6, 8] {
            let (weights, to) = (Weights::Fitted { bits, group: 32 }, root.path().join(format!("{name}-{bits}")));
            let folder = written(&original, &config, weights, &to, 1 << 30).unwrap();
            let again = Checkpoint::open(&folder).unwrap();
            let off = |(before, after): (&Named, &Named)| -> f64 {
                before.1.iter().zip(&after.1).map(|(a, b)| f64::from(a - b).powi(2)).sum()
            };
            let error: f64 = values(&original).iter().zip(&values(&again)).map(off).sum();
            assert!(error > 0.0 && error < last / 2.5, "{name}, {bits} bits: {error} behind {last}");
            last = error;
        }
    }
}

/// How much the even columns of every weight count, and the odd ones.
const COUNTS: [f32; 2] = [50.0, 1.0];

#[test]
fn columns_that_count_more_come_back_nearer() {
    let root = tempfile::tempdir().unwrap();
    // Fused matrices, whose parts have columns of their own, among them.
    for name in ["llama", "phi3"] {
        let original = Checkpoint::open(&Case::named(name).write(root.path()).safetensors).unwrap();
        let config = config_of(original.path.as_ref().unwrap());
        let source = Source { checkpoint: &original, vision: None, config: &config };
        let weights = Weights::Fitted { bits: 3, group: 32 };
        let lost = |is_weighed: bool| -> f64 {
            let mut plan = Plan::of(&source, weights, Some(DType::F32)).unwrap();
            for planned in plan.tensors.iter_mut().filter(|_| is_weighed) {
                let (rows, cols) = (planned.source.tensor.rows(), planned.source.tensor.cols());
                let counts = (0..cols).map(|column| COUNTS[column % 2]).collect();
                planned.columns = Some(Columns::of_matrices(rows, [Some(counts)]));
            }
            let folder =
                write_plan(&source, &plan, &root.path().join(format!("{name}-{is_weighed}")), 1 << 30).unwrap();
            let again = Checkpoint::open(&folder).unwrap();
            let off = |(before, after): (&Named, &Named)| -> f64 {
                let values = before.1.iter().zip(&after.1).enumerate();
                values.map(|(i, (a, b))| f64::from(COUNTS[i % 2] * (a - b).powi(2))).sum()
            };
            values(&original).iter().zip(&values(&again)).map(off).sum()
        };
        let (weighed, alike) = (lost(true), lost(false));
        assert!(weighed < 0.97 * alike, "{name}: {weighed} where all counted alike {alike}");
    }
}

#[test]
fn each_matrix_may_have_a_grid_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let original = Checkpoint::open(&Case::named("llama").write(root.path()).safetensors).unwrap();
    let config = config_of(original.path.as_ref().unwrap());
    let source = Source { checkpoint: &original, vision: None, config: &config };
    let mut plan = Plan::of(&source, Weights::Fitted { bits: 8, group: 32 }, Some(DType::F32)).unwrap();
    let matrices: Vec<usize> = (0..plan.tensors.len()).filter(|at| plan.tensors[*at].form.grid().is_some()).collect();
    let grid = |bits| Encoding::from(AffineGroups::new(bits, 32, DType::F32).unwrap());
    let mut forms: Vec<(usize, Encoding)> = matrices.iter().map(|at| (*at, grid(4))).collect();
    (forms[1].1, forms[2].1) = (grid(2), Encoding::from(DType::F32));
    plan.store(forms);
    assert_eq!(plan.usual.map(|usual| usual.bits), Some(4));
    let module = |at: usize| plan.tensors[matrices[at]].source.module().to_owned();
    let folder = write_plan(&source, &plan, &root.path().join("out"), 1 << 30).unwrap();
    let written = config_of(&folder);
    assert_eq!(written["quantization"][module(1)]["bits"], 2);
    assert_eq!(written["quantization"].get(module(2)), None);
    let (before, after) = (values(&original), values(&Checkpoint::open(&folder).unwrap()));
    let name = plan.tensors[matrices[2]].source.tensor.parts()[0].name().to_owned();
    let same = before.iter().zip(&after).filter(|(before, after)| before == after).any(|(found, _)| found.0 == name);
    assert!(same, "`{name}` stays as it is");
}

#[test]
fn blocks_are_carried_over_to_the_last_bit() {
    let root = tempfile::tempdir().unwrap();
    for case in Case::all() {
        let files = case.write(root.path());
        let written_of = |case: &Case| case.tiny().hyperparams().arch.writes_mlx();
        let Some(gguf) = files.gguf.filter(|_| written_of(&case)) else { continue };
        let config = config_of(&files.safetensors);
        let path = root.path().join(format!("{}.gguf", case.name));
        std::fs::write(&path, quantised(&gguf)).unwrap();
        let mut original = Checkpoint::open(&path).unwrap();
        let before = values(&original);
        // Settings and names are those of the published folder.
        original.hyperparams = Checkpoint::open(&files.safetensors).unwrap().hyperparams;
        let folder = match written(&original, &config, Weights::Exact, &path.with_extension("mlx"), 1 << 30) {
            Ok(folder) => folder,
            Err(error) => panic!("{}: {error}", case.name),
        };
        let again = values(&Checkpoint::open(&folder).unwrap());
        for ((name, before), (_, after)) in before.iter().zip(&again) {
            let bits = |values: &[f32]| values.iter().map(|v| (v + 0.0).to_bits()).collect::<Vec<u32>>();
            assert!(bits(before) == bits(after), "{} {name}", case.name);
        }
    }
}

#[test]
fn weights_that_were_quantised_before_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let files = Case::named("llama").write(root.path());
    let path = root.path().join("quantised.gguf");
    std::fs::write(&path, quantised(&files.gguf.unwrap())).unwrap();
    let original = Checkpoint::open(&path).unwrap();
    let config = config_of(&files.safetensors);
    let weights = Weights::Fitted { bits: 4, group: 32 };
    let refused = written(&original, &config, weights, &root.path().join("x"), 1 << 30).unwrap_err();
    assert!(matches!(refused, MlxError::Quantised(_)), "{refused}");
    assert!(refused.to_string().contains("tensor `model.embed_tokens.weight`: is Q"), "{refused}");
}

#[test]
fn bytes_are_the_same_at_any_number_of_threads_and_a_stop_ends_it() {
    let root = tempfile::tempdir().unwrap();
    let original = Checkpoint::open(&Case::named("smollm3").write(root.path()).safetensors).unwrap();
    let config = config_of(original.path.as_ref().unwrap());
    let source = Source { checkpoint: &original, vision: None, config: &config };
    let plan = Plan::of(&source, Weights::Fitted { bits: 4, group: 32 }, None).unwrap();
    let bytes = [1, 3].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        mlx::write(folder.path(), &plan, &pool(threads), 1 << 30, &mut |_| true).unwrap();
        std::fs::read(folder.path().join("model.safetensors")).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
    let folder = tempfile::tempdir().unwrap();
    let stopped = mlx::write(folder.path(), &plan, &pool(1), 1 << 30, &mut |_| false).unwrap_err();
    assert!(matches!(stopped, MlxError::Stopped));
}

#[test]
fn config_json_is_sorted_and_says_what_mlx_reads_under_other_names() {
    let root = tempfile::tempdir().unwrap();
    let config = |name: &str, weights| {
        let original = Checkpoint::open(&Case::named(name).write(root.path()).safetensors).unwrap();
        let published = config_of(original.path.as_ref().unwrap());
        let vision = Vision::of(&original, None).unwrap();
        let source = Source { checkpoint: &original, vision: vision.as_ref(), config: &published };
        mlx::config(&source, &Plan::of(&source, weights, None).unwrap()).unwrap()
    };
    let llama = config("llama-llama3-biases", Weights::Fitted { bits: 6, group: 32 });
    let keys: Vec<&String> = llama.keys().collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!((&llama["rope_theta"], &llama["rope_scaling"]["type"]), (&json!(100.0), &json!("llama3")));
    let quantization = json!({ "group_size": 32, "bits": 6, "mode": "affine" });
    assert_eq!((&llama["quantization"], &llama["quantization_config"]), (&quantization, &quantization));
    let gemma = config("gemma3-softcap", Weights::Floats);
    assert_eq!((&gemma["rope_theta"], &gemma["rope_local_base_freq"]), (&json!(1e6), &json!(5000.0)));
    assert_eq!(gemma.get("quantization"), None);
    let seeing = config("tower-smolvlm", Weights::Floats);
    assert_eq!(
        (&seeing["text_config"]["rope_theta"], &seeing["vision_config"]["patch_size"]),
        (&json!(1e5), &json!(4))
    );
    // MLX has this text model alone.
    assert_eq!(config("tower-llama4", Weights::Floats).get("vision_config"), None);
}

#[cfg(unix)]
#[test]
fn a_link_to_another_file_does_not_go_along() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["tokenizer.json", "LICENSE.txt", "model.safetensors", "notes.md"] {
        std::fs::write(from.path().join(name), b"{}").unwrap();
    }
    std::fs::write(to.path().join("key"), b"secret").unwrap();
    std::os::unix::fs::symlink(to.path().join("key"), from.path().join("merges.txt")).unwrap();
    let folder = Folder::Disk(from.path().to_owned());
    let names = mlx::companions(&folder).unwrap();
    assert_eq!(names, ["LICENSE.txt", "merges.txt", "tokenizer.json"]);
    mlx::copy_companion(&folder, "tokenizer.json", to.path()).unwrap();
    assert!(to.path().join("tokenizer.json").exists());
    let refused = mlx::copy_companion(&folder, "merges.txt", to.path()).unwrap_err().to_string();
    assert!(refused.contains("a link to"), "{refused}");
    assert!(!to.path().join("merges.txt").exists());
}
