//! `plimsoll export mlx`: a folder that answers as the model does, and nothing lost by writing it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const LARGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/large");

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).current_dir(folder).env_remove("PLIMSOLL_ISA").output().unwrap()
}

fn told(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_folder_of_mlx_answers_as_the_model_does_and_carries_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let document = told(folder.path(), &["export", "mlx", LARGE, "--bits", "8", "-o", "out", "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["bits"], &document["group"], &document["folder"]), (&8.into(), &64.into(), &"out".into()));
    for name in ["config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json", "README.md"] {
        assert!(folder.path().join("out").join(name).is_file(), "{name}");
    }
    assert_eq!(told(folder.path(), &["run", "out", "What is 12 + 7?"]).trim(), "19");
    // The name of a folder that is written by default, and what is told without writing.
    let planned = told(folder.path(), &["export", "mlx", LARGE, "--bits", "16", "--dry-run"]);
    assert!(planned.trim_end().ends_with("nothing was written"), "{planned}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_gguf_is_carried_over_with_the_files_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    told(folder.path(), &["quantize", LARGE, "--to", "Q8_0", "-o", "model.gguf"]);
    let alone = refused(folder.path(), &["export", "mlx", "model.gguf", "--exact"]);
    assert!(alone.contains("which has no config.json") && alone.contains("--files DIR"), "{alone}");
    let lossy = refused(folder.path(), &["export", "mlx", "model.gguf", "--files", LARGE]);
    assert!(lossy.contains("is Q8_0 already") && lossy.contains("--exact"), "{lossy}");
    told(folder.path(), &["export", "mlx", "model.gguf", "--exact", "--files", LARGE, "-o", "out"]);
    let answers = ["model.gguf", "out"].map(|model| told(folder.path(), &["run", model, "What is 12 + 7?"]));
    assert_eq!((answers[0].trim(), answers[1].trim()), ("19", "19"));
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/small");
    let nothing = refused(folder.path(), &["export", "mlx", LARGE, "--exact"]);
    assert!(nothing.contains("has no blocks that could be carried over"), "{nothing}");
    let differs = refused(folder.path(), &["export", "mlx", "model.gguf", "--exact", "--files", other]);
    assert!(differs.contains("describes another model"), "{differs}");
}

#[test]
fn a_folder_that_is_there_is_replaced_only_if_it_holds_a_model_and_is_not_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/letter.txt"), b"dear").unwrap();
    let export = |flags: &[&'static str]| [&["export", "mlx", LARGE, "-o", "mine"][..], flags].concat();
    assert!(refused(folder.path(), &export(&[])).contains("`mine` is already there"));
    assert!(refused(folder.path(), &export(&["--force"])).contains("is no folder with a config.json"));
    assert!(folder.path().join("mine/letter.txt").exists());
    std::fs::remove_dir_all(folder.path().join("mine")).unwrap();
    told(folder.path(), &export(&["--bits", "16"]));
    told(folder.path(), &export(&["--force"]));
    let config: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("mine/config.json")).unwrap()).unwrap();
    assert_eq!(config["quantization"]["bits"], 4);
    let own = refused(folder.path(), &["export", "mlx", "mine", "--bits", "16", "-o", "mine", "--force"]);
    assert!(own.contains("already") || own.contains("holds what is read"), "{own}");
    assert!(folder.path().join("mine/model.safetensors").exists());
}
