//! `plimsoll export onnx`: a folder that is whole, and nothing that was there before is lost unasked.

use std::path::Path;
use std::process::{Command, Output};

use plimsoll_testing::Case;
use serde_json::Value;

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["export", "onnx"]).args(args).current_dir(folder).env_remove("PLIMSOLL_ISA").output().unwrap()
}

fn written(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn an_embedded_model_becomes_a_folder_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let told = written(folder.path(), &["demo:small", "-o", "small", "--to", "q4,fp32", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let files: Vec<&str> =
        told["graphs"].as_array().unwrap().iter().map(|graph| graph["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["onnx/model_q4.onnx", "onnx/model.onnx"]);
    let there = folder.path().join("small");
    for name in ["tokenizer.json", "generation_config.json", "chat_template.jinja", "onnx/model_q4.onnx_data"] {
        assert!(there.join(name).is_file(), "{name}");
    }
    let genai = json(&there.join("genai_config.json"));
    assert_eq!(genai["model"]["decoder"]["filename"], "onnx/model_q4.onnx");
    assert!(json(&there.join("tokenizer_config.json"))["chat_template"].is_string());
    let card = std::fs::read_to_string(there.join("README.md")).unwrap();
    assert!(
        card.starts_with("---\nlibrary_name: transformers.js\n") && card.contains("\nlicense: apache-2.0\n"),
        "{card}"
    );
}

#[test]
fn a_folder_that_is_there_makes_way_only_if_it_is_an_export_and_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["demo:small", "-o", "small"]);
    let error = refused(folder.path(), &["demo:small", "-o", "small"]);
    assert!(error.contains("`small` is already there") && error.contains("--force"), "{error}");
    std::fs::write(folder.path().join("small/of-before"), "").unwrap();
    written(folder.path(), &["demo:small", "-o", "small", "--force"]);
    assert!(!folder.path().join("small/of-before").exists());

    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/thesis"), "").unwrap();
    let error = refused(folder.path(), &["demo:small", "-o", "mine", "--force"]);
    assert!(error.contains("`mine` is no earlier export"), "{error}");
    assert!(folder.path().join("mine/thesis").exists());

    // A published folder may hold graphs beside its weights.
    let model = Case::named("llama").write(folder.path()).safetensors;
    std::fs::create_dir(model.join("onnx")).unwrap();
    let model = model.to_str().unwrap();
    let error = refused(folder.path(), &[model, "-o", model, "--force"]);
    assert!(error.contains("holds what is read"), "{error}");
    assert!(Path::new(model).join("config.json").exists());
}

#[test]
fn text_alone_of_a_model_that_sees_is_a_model_of_text() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["demo:vision", "-o", "seeing"]);
    written(folder.path(), &["demo:vision", "-o", "text", "--text-only"]);
    let config = |name: &str| json(&folder.path().join(name).join("config.json"));
    assert!(config("seeing")["vision_config"].is_object() && config("text")["vision_config"].is_null());
    assert_eq!(config("text")["num_hidden_layers"], config("seeing")["text_config"]["num_hidden_layers"]);
    assert!(folder.path().join("seeing/onnx/vision_encoder.onnx").is_file());
    assert!(folder.path().join("text/onnx/model.onnx").is_file());
}

#[test]
fn what_has_no_rule_is_refused_by_name_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = Case::named("llama4-moe").write(folder.path()).safetensors;
    let error = refused(folder.path(), &[model.to_str().unwrap(), "-o", "out"]);
    assert!(error.contains("Moe, has no rule for ONNX") && error.contains("hint:"), "{error}");
    let left = std::fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path() != model);
    assert_eq!(left.count(), 0);
}

#[test]
fn a_gguf_wants_its_settings_and_floats_have_no_blocks_to_keep() {
    let folder = tempfile::tempdir().unwrap();
    let written_case = Case::named("llama").write(folder.path());
    let (model, gguf) = (written_case.safetensors, written_case.gguf.unwrap());
    let (model, gguf) = (model.to_str().unwrap(), gguf.to_str().unwrap());
    let error = refused(folder.path(), &[gguf, "-o", "out"]);
    assert!(error.contains("has no config.json") && error.contains("--files DIR"), "{error}");
    written(folder.path(), &[gguf, "-o", "out", "--files", model]);
    let error = refused(folder.path(), &[gguf, "-o", "exact", "--files", model, "--exact"]);
    assert!(error.contains("holds no quantised weights"), "{error}");
}

#[test]
fn what_was_lost_is_not_measured_without_the_engine_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["export", "onnx", "demo:small", "-o", "small", "--measure"])
        .env("PLIMSOLL_PYTHON", folder.path().join("python"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("ONNX Runtime is run by Python, and `") && error.contains("cannot be started"), "{error}");
    assert!(error.contains("hint: PLIMSOLL_PYTHON names the Python to start"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn graphs_are_a_model_whose_weights_nothing_here_reads() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["demo:small", "-o", "small", "--to", "q4"]);
    let plimsoll = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).current_dir(folder.path()).output().unwrap()
    };
    let info = plimsoll(&["info", "small", "--json"]);
    let told: Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&told["format"], &told["parameters"]), (&"ONNX".into(), &455_520.into()), "{told}");
    for args in [
        &["quantize", "small", "--to", "Q8_0"][..],
        &["export", "onnx", "small", "-o", "again"],
        &["export", "mlx", "small", "-o", "again"],
        &["imatrix", "small", "--chats", "small/config.json"],
    ] {
        let output = plimsoll(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains("ONNX") && error.contains("hint: "), "{args:?}: {error}");
    }
}
