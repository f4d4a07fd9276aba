//! `plimsoll export … --imatrix`, `--fit` and `--recipe`: columns count, memory holds, more of it loses less, and the same bytes
//! come again.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use plimsoll_formats::Imatrix;
use plimsoll_models::Checkpoint;
use serde_json::Value;

const LARGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/large");
/// Memory that gives each matrix of `demo:small` few bits, and some more.
const SMALLER: &str = "1MB";
const LARGER: &str = "1.15MB";
const TO_MLX: [&str; 5] = ["export", "mlx", "demo:small", "--context", "112"];
const TO_ONNX: [&str; 5] = ["export", "onnx", "demo:small", "--context", "96"];

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).current_dir(folder).env_remove("PLIMSOLL_ISA").output().unwrap()
}

/// What was told on standard error.
fn written(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {told}");
    told
}

fn parsed(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(status: i32, folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(status), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn same_bytes(folder: &Path, paths: [&str; 2]) -> bool {
    let [a, b] = paths.map(|path| std::fs::read(folder.join(path)).unwrap());
    a == b
}

fn measure(folder: &Path) {
    std::fs::write(folder.join("text.txt"), "What is 12 + 7? 19. Spell the word mirado.\n".repeat(40)).unwrap();
    written(folder, &["imatrix", LARGE, "--text", "text.txt", "-o", "large.imatrix"]);
}

/// The squared error of the matrices up and down of every layer, by what their columns count.
fn weighed_error(folder: &Path, to: &str) -> f64 {
    let imatrix = Imatrix::open(&folder.join("large.imatrix")).unwrap();
    let [before, after] = [Path::new(LARGE).to_owned(), folder.join(to)].map(|path| Checkpoint::open(&path).unwrap());
    let mut error = 0.0;
    for (layer, (own, canonical)) in
        (0..6).flat_map(|layer| [("up", "up_proj"), ("down", "down_proj")].map(|m| (layer, m)))
    {
        let means = imatrix.weights[&format!("blk.{layer}.ffn_{own}.weight")].means(0).unwrap();
        let name = format!("model.layers.{layer}.mlp.{canonical}.weight");
        let [before, after] = [&before, &after].map(|checkpoint| checkpoint.require(&name).unwrap().to_f32());
        let off = before.iter().zip(&after).enumerate();
        error += off.map(|(i, (a, b))| f64::from(means[i % means.len()]) * f64::from(a - b).powi(2)).sum::<f64>();
    }
    error
}

/// The loss of the only model that was written.
fn measured(made: &Value) -> &Value {
    let losses = made["losses"].as_object().unwrap();
    assert_eq!(losses.len(), 1, "{made}");
    losses.values().next().unwrap()
}

#[test]
fn columns_count_in_a_folder_of_mlx_and_what_is_not_known_of_them_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measure(folder);
    written(folder, &["export", "mlx", LARGE, "-o", "alike"]);
    let told = written(folder, &["export", "mlx", LARGE, "--imatrix", "large.imatrix", "-o", "weighed"]);
    assert!(told.contains("has nothing of `model.embed_tokens.weight`: all columns count alike there"), "{told}");
    let (alike, weighed) = (weighed_error(folder, "alike"), weighed_error(folder, "weighed"));
    assert!(weighed < 0.98 * alike, "{weighed} where all counted alike {alike}");

    let told = refused(1, folder, &["export", "mlx", "demo:small", "--imatrix", "large.imatrix", "-o", "small"]);
    assert!(told.contains("matrices, expected 1 of ") && told.contains("is of another model"), "{told}");
    let floats = ["export", "mlx", LARGE, "--imatrix", "large.imatrix", "--bits", "16", "-o", "floats"];
    assert!(refused(1, folder, &floats).contains("nothing that columns could count for"));
    let exact = ["export", "mlx", LARGE, "--imatrix", "large.imatrix", "--exact", "-o", "floats"];
    assert!(refused(2, folder, &exact).contains("cannot be used with"));
}

#[test]
fn columns_count_in_onnx_and_what_is_not_known_of_them_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measure(folder);
    let export = |to: &str, more: &[&'static str]| {
        written(folder, &[&["export", "onnx", LARGE, "--to", "q4", "-o", to], more].concat())
    };
    export("alike", &[]);
    let told = export("weighed", &["--imatrix", "large.imatrix"]);
    assert!(told.contains("has nothing of `model.embed_tokens.weight`: all columns count alike there"), "{told}");
    assert!(!same_bytes(folder, ["alike/onnx/model_q4.onnx_data", "weighed/onnx/model_q4.onnx_data"]));
    assert!(same_bytes(folder, ["alike/onnx/model_q4.onnx", "weighed/onnx/model_q4.onnx"]), "the graph is the same");

    let other = ["export", "onnx", "demo:small", "--to", "q4", "--imatrix", "large.imatrix", "-o", "small"];
    let told = refused(1, folder, &other);
    assert!(told.contains("matrices, expected 1 of ") && told.contains("is of another model"), "{told}");
    let told = refused(1, folder, &["export", "onnx", LARGE, "--imatrix", "large.imatrix", "-o", "floats"]);
    assert!(told.contains("nothing that columns could count for") && !folder.join("floats").exists(), "{told}");
}

#[test]
fn widths_of_mlx_are_chosen_so_that_memory_holds_and_a_recipe_makes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fit = |size: &str, to: &str, more: &[&'static str]| {
        parsed(folder, &[&TO_MLX[..], &["--fit", size, "--json", "-o", to], more].concat())
    };
    let made = fit(SMALLER, "small", &["--save-recipe", "small.toml"]);
    let larger = fit(LARGER, "large", &["--dry-run"]);
    for (made, size) in [(&made, SMALLER), (&larger, LARGER)] {
        let budget = 1e6 * size.trim_end_matches("MB").parse::<f64>().unwrap();
        assert!(number(&made["fit"]["memory"]) <= budget, "{}", made["fit"]);
        assert!(number(&made["bytes"]) < number(&made["fit"]["memory"]), "{}", made["fit"]);
        let bits = made["tensors"].as_array().unwrap().iter().map(|tensor| tensor["bits"].to_string());
        assert!(bits.collect::<BTreeSet<String>>().len() > 1, "{made}");
    }
    let lost = |made: &Value| number(&measured(made)["loss"]["kl_mean"]["value"]);
    assert!(0.0 < lost(&larger) && lost(&larger) < lost(&made), "{} and {}", lost(&larger), lost(&made));
    assert!(!folder.join("large").exists());

    let told = written(folder, &["export", "mlx", "demo:small", "--recipe", "small.toml", "-o", "again"]);
    assert!(told.contains("the bytes are those of the recipe"), "{told}");
    assert!(same_bytes(folder, ["small/model.safetensors", "again/model.safetensors"]));
    assert!(same_bytes(folder, ["small/config.json", "again/config.json"]));
    let told = refused(1, folder, &["export", "mlx", "demo:large", "--recipe", "small.toml", "-o", "other"]);
    assert!(told.contains("the recipe is for other weights than those of demo:large"), "{told}");
    let told = refused(1, folder, &["export", "onnx", "demo:small", "--recipe", "small.toml", "-o", "other"]);
    assert!(told.contains("the recipe is for MLX, not for ONNX") && told.contains("export mlx"), "{told}");
    let told = refused(1, folder, &["quantize", "demo:small", "--recipe", "small.toml", "-o", "other.gguf"]);
    assert!(told.contains("the recipe is for MLX, not for GGUF"), "{told}");
    let recipe = std::fs::read_to_string(folder.join("small.toml")).unwrap();
    std::fs::write(folder.join("odd.toml"), recipe.replacen("bits by ", "bits of ", 1)).unwrap();
    let told = refused(1, folder, &["export", "mlx", "demo:small", "--recipe", "odd.toml", "-o", "other"]);
    assert!(told.contains("the recipe has the type `") && told.contains("hint: types are "), "{told}");
    let told = refused(1, folder, &["export", "mlx", "demo:small", "--fit", "1MB", "--context", "512", "-o", "other"]);
    assert!(told.contains("no types make this model fit 1 MB"), "{told}");
}

#[test]
fn types_of_onnx_are_chosen_so_that_memory_holds_and_a_recipe_makes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fit = |size: &str, to: &str, more: &[&'static str]| {
        parsed(folder, &[&TO_ONNX[..], &["--fit", size, "--json", "-o", to], more].concat())
    };
    let made = fit(SMALLER, "small", &["--save-recipe", "small.toml"]);
    let larger = fit(LARGER, "large", &["--to", "q4"]);
    for (made, to) in [(&made, "small"), (&larger, "large")] {
        let (memory, budget) = (number(&made["fit"]["memory"]), number(&made["fit"]["budget"]));
        let data = std::fs::metadata(folder.join(to).join("onnx/model_q4.onnx_data")).unwrap().len() as f64;
        assert!(memory <= budget && data < memory, "{}, {data} of data", made["fit"]);
        let types: BTreeSet<String> = made["types"].as_object().unwrap().values().map(Value::to_string).collect();
        assert!(types.len() > 1, "{types:?}");
    }
    let lost = |made: &Value| number(&measured(made)["loss"]["kl_mean"]["value"]);
    assert!(0.0 < lost(&larger) && lost(&larger) < lost(&made), "{} and {}", lost(&larger), lost(&made));

    let told = written(folder, &["export", "onnx", "demo:small", "--recipe", "small.toml", "-o", "again"]);
    assert!(told.contains("the bytes are those of the recipe"), "{told}");
    for file in ["model_q4.onnx", "model_q4.onnx_data"] {
        assert!(same_bytes(folder, [&format!("small/onnx/{file}"), &format!("again/onnx/{file}")]), "{file}");
    }
    let told = refused(1, folder, &["export", "onnx", "demo:large", "--recipe", "small.toml", "-o", "other"]);
    assert!(told.contains("the recipe is for other weights than those of demo:large"), "{told}");
    let several = ["export", "onnx", "demo:small", "--fit", "9MB", "--to", "q4,fp32", "-o", "other"];
    assert!(refused(1, folder, &several).contains("--fit writes one graph"));
}

/// A model that sees holds its embedding in two graphs, and its tower in a third.
#[test]
fn all_graphs_of_a_model_that_sees_count() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let args = ["export", "onnx", "demo:vision", "--fit", "1GB", "--context", "64", "--json", "-o", "seeing"];
    let made = parsed(folder, &args);
    let size = |name: &str| {
        let file = folder.join("seeing/onnx").join(format!("{name}_q4.onnx_data"));
        std::fs::metadata(file).unwrap().len() as f64
    };
    let all: f64 = ["vision_encoder", "embed_tokens", "decoder_model_merged"].map(size).iter().sum();
    assert!(number(&made["fit"]["memory"]) > 0.97 * all, "{}, {all} bytes in all", made["fit"]);
}

/// Whoever computes the predictions, the loss says what the weights were calibrated with.
#[test]
fn a_loss_that_is_measured_names_the_importance_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    measure(folder);
    let with = ["export", "mlx", LARGE, "--imatrix", "large.imatrix", "--measure", "--json", "-o", "with"];
    let without = ["export", "mlx", LARGE, "--measure", "--json", "-o", "without"];
    let hash = |made: &Value| measured(made)["calibration_sha256"].as_str().map(str::len);
    assert_eq!(hash(&parsed(folder, &with)), Some(64));
    assert_eq!(hash(&parsed(folder, &without)), None);
}
