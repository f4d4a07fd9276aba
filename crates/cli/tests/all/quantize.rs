//! `plimsoll quantize`: what is written is the model, and nothing is left of what is not.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_engine::Tokenizer;
use plimsoll_formats::Imatrix;
use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor};
use plimsoll_kernels::DType;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_testing::Case;

const LARGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/large");

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).current_dir(folder).env_remove("PLIMSOLL_ISA");
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn written(folder: &Path, args: &[&str]) {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn refused(folder: &Path, args: &[&str]) -> String {
    refused_with(1, folder, args)
}

fn refused_with(status: i32, folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(status), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_becomes_a_gguf_that_is_the_same_model_and_answers_rightly() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["quantize", LARGE, "--to", "q8_0", "-o", "model.gguf"]);
    let path = folder.path().join("model.gguf");
    let (original, there) = (Checkpoint::open(Path::new(LARGE)).unwrap(), Checkpoint::open(&path).unwrap());
    let tokenizers = [&original, &there].map(|checkpoint| Tokenizer::of(checkpoint, None).unwrap());
    assert_eq!(tokenizers[0].vocabulary_sha256(), tokenizers[1].vocabulary_sha256());
    assert_eq!(original.licence.spdx, there.licence.spdx);
    let template = |checkpoint: &Checkpoint| checkpoint.chat_template.as_ref().and_then(|t| t.default.clone());
    assert_eq!(template(&original), template(&there));
    assert_eq!(original.generation.eos_ids, there.generation.eos_ids);
    assert_eq!(original.tensors().count(), there.tensors().count());
    for tensor in original.tensors() {
        let quantised = there.require_shape(tensor.name(), tensor.shape()).unwrap();
        let (values, back) = (tensor.to_f32(), quantised.to_f32());
        if tensor.shape().len() == 1 {
            assert!(quantised.dtype() == DType::F32 && values == back, "{}", tensor.name());
            continue;
        }
        assert_eq!(quantised.dtype(), DType::Q8_0, "{}", tensor.name());
        let cols = tensor.shape()[1];
        for (row, other) in values.chunks(cols).zip(back.chunks(cols)) {
            // Half a step of 127 to the greatest magnitude, and as much again where the greatest is clipped for the others.
            let step = row.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 127.0;
            assert!(row.iter().zip(other).all(|(v, o)| (v - o).abs() <= 1.1 * step), "{}", tensor.name());
        }
    }
    let asked = run(folder.path(), &["run", "model.gguf", "What is 12 + 7?"]);
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "19");
}

#[test]
fn a_gguf_keeps_its_metadata_and_its_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let gguf = Case::named("gemma3").write(folder.path()).gguf.unwrap();
    written(folder.path(), &["quantize", gguf.to_str().unwrap(), "--to", "Q5_0", "-o", "small.gguf"]);
    let (before, after) = (GgufFile::open(&gguf).unwrap(), GgufFile::open(&folder.path().join("small.gguf")).unwrap());
    for (key, value) in before.metadata() {
        assert_eq!(after.get(key).map(|value| value.describe()), Some(value.describe()), "{key}");
    }
    assert_eq!(after.uint("general.file_type").unwrap(), Some(8)); // LLAMA_FTYPE_MOSTLY_Q5_0
    assert_eq!(after.uint("general.quantization_version").unwrap(), Some(2));
    for (tensor, new) in before.tensors().iter().zip(after.tensors()) {
        assert_eq!((&tensor.name, &tensor.shape), (&new.name, &new.shape));
        if tensor.shape.len() == 1 {
            assert!(before.bytes()[tensor.range.clone()] == after.bytes()[new.range.clone()], "{}", tensor.name);
        }
    }
    Checkpoint::open(&folder.path().join("small.gguf")).unwrap();
}

#[test]
fn a_tower_is_written_beside_its_text_model() {
    let folder = tempfile::tempdir().unwrap();
    let gguf = Case::named("tower-idefics3").write(folder.path()).gguf.unwrap();
    for (from, to) in [(gguf.clone(), "text.gguf"), (gguf.with_file_name("mmproj.gguf"), "mmproj-text.gguf")] {
        written(folder.path(), &["quantize", from.to_str().unwrap(), "--to", "Q8_0", "-o", to]);
    }
    let there = Checkpoint::open(&folder.path().join("text.gguf")).unwrap();
    let tower = Vision::of(&there, None).unwrap().expect("the tower beside it");
    plimsoll_models::tower(&tower).unwrap();
    let blocks = tower.weights.iter().filter(|tensor| tensor.dtype() == DType::Q8_0).count();
    assert!(blocks > 0, "{:?}", tower.weights.bytes_by_type());
}

#[test]
fn bytes_are_the_same_at_any_number_of_threads_and_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let small = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for (threads, name) in [("1", "one.gguf"), ("3", "three.gguf")] {
        written(folder.path(), &["quantize", "demo:small", "--to", "Q4_K_M", "--threads", threads, "-o", name]);
    }
    let mut scalar = command(folder.path(), &["quantize", "demo:small", "--to", "Q4_K_M", "-o", "scalar.gguf"]);
    assert!(scalar.env("PLIMSOLL_ISA", "scalar").output().unwrap().status.success());
    assert!(small("one.gguf") == small("three.gguf") && small("one.gguf") == small("scalar.gguf"));
}

#[test]
fn what_is_not_to_be_written_is_refused_by_name_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let told = refused(folder.path(), &["quantize", "demo:small", "--to", "Q4_X"]);
    assert!(told.contains("no type and no mix is called `Q4_X`") && told.contains("hint: there are "), "{told}");
    written(folder.path(), &["quantize", "demo:small", "--to", "Q8_0"]);
    let told = refused(folder.path(), &["quantize", "demo:small", "--to", "Q8_0"]);
    assert!(told.contains("`demo-small-Q8_0.gguf` is already there") && told.contains("--force"), "{told}");
    let again = ["quantize", "demo-small-Q8_0.gguf", "--to", "Q4_0", "-o", "again.gguf"];
    let told = refused(folder.path(), &again);
    assert!(
        told.contains("tensor `blk.0.attn_q.weight`: is Q8_0 already") && told.contains("--allow-requantize"),
        "{told}"
    );
    assert_eq!(names(folder.path()), ["demo-small-Q8_0.gguf"]);
    written(folder.path(), &[&again[..], &["--allow-requantize"]].concat());
}

/// A GGUF of one matrix.
fn one_matrix(path: &Path, rows: usize, cols: usize, value: impl Fn(usize) -> f32) {
    let metadata = [("general.architecture".to_owned(), "llama".into())];
    let tensors = [NewTensor { name: "blk.0.ffn_up.weight".to_owned(), dtype: DType::F32, shape: vec![rows, cols] }];
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut writer = GgufWriter::new(file, "matrix", &metadata, &tensors).unwrap();
    (0..rows * cols).for_each(|i| writer.write(&value(i).to_le_bytes()).unwrap());
    writer.finish().unwrap();
}

#[test]
fn a_type_that_keeps_little_without_an_importance_matrix_is_refused_with_the_way_to_one() {
    let folder = tempfile::tempdir().unwrap();
    one_matrix(&folder.path().join("model.gguf"), 2, 256, |i| i as f32 / 512.0 - 0.5);
    let told = refused(folder.path(), &["quantize", "model.gguf", "--to", "IQ2_XS", "-o", "out.gguf"]);
    let expected = "tensor `blk.0.ffn_up.weight`: would be IQ2_XS in IQ2_XS, and there is no importance matrix";
    assert!(told.contains(expected) && told.contains("`plimsoll imatrix`"), "{told}");
    assert_eq!(names(folder.path()), ["model.gguf"]);
    written(folder.path(), &["quantize", "model.gguf", "--to", "IQ2_XS", "--dry-run"]);
}

#[test]
fn a_model_in_parts_is_the_model_in_one() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["quantize", LARGE, "--to", "Q8_0", "-o", "whole.gguf"]);
    written(folder.path(), &["quantize", LARGE, "--to", "Q8_0", "--split-size", "1MB", "-o", "parts.gguf"]);
    let parts: Vec<String> = names(folder.path()).into_iter().filter(|name| name.starts_with("parts-")).collect();
    assert!(parts.len() > 1 && parts[0] == format!("parts-00001-of-{:05}.gguf", parts.len()), "{parts:?}");
    let [whole, there] = ["whole.gguf", &parts[1]].map(|name| Checkpoint::open(&folder.path().join(name)).unwrap());
    assert_eq!(whole.tensors().count(), there.tensors().count());
    for tensor in whole.tensors() {
        assert!(tensor.to_f32() == there.require_shape(tensor.name(), tensor.shape()).unwrap().to_f32());
    }
    let told = refused(folder.path(), &["quantize", LARGE, "--to", "Q8_0", "--split-size", "1MB", "-o", "parts.gguf"]);
    assert!(told.contains(&format!("`{}` is already there", parts[0])), "{told}");
}

#[test]
fn the_tower_of_a_folder_is_written_as_of_its_mmproj() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/smolvlm2"));
    if !shared.exists() {
        return crate::skipped::skipped("../shared not found");
    }
    let folder = tempfile::tempdir().unwrap();
    let mmproj = shared.join("mmproj-smolvlm2-bf16.gguf");
    written(
        folder.path(),
        &["quantize", shared.to_str().unwrap(), "--tower", "--to", "Q8_0", "-o", "mmproj-mine.gguf"],
    );
    written(folder.path(), &["quantize", mmproj.to_str().unwrap(), "--to", "Q8_0", "-o", "mmproj-theirs.gguf"]);
    let [mine, theirs] =
        ["mmproj-mine.gguf", "mmproj-theirs.gguf"].map(|name| GgufFile::open(&folder.path().join(name)).unwrap());
    for tensor in theirs.tensors() {
        let own = mine.tensors().iter().find(|own| own.name == tensor.name).unwrap();
        assert!(mine.bytes()[own.range.clone()] == theirs.bytes()[tensor.range.clone()], "{}", tensor.name);
    }
    let told = refused(folder.path(), &["quantize", LARGE, "--tower", "--to", "Q8_0"]);
    assert!(told.contains("has no vision tower of its own") && told.contains("hint: "), "{told}");
}

#[test]
fn a_weight_that_is_no_number_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    one_matrix(&folder.path().join("bad.gguf"), 3, 256, |i| if i == 300 { f32::NAN } else { 0.5 });
    let told = refused(folder.path(), &["quantize", "bad.gguf", "--to", "Q4_K_M", "-o", "out.gguf"]);
    let expected = "`bad.gguf`, tensor `blk.0.ffn_up.weight`: row 1, value 44 is NaN, expected a finite number";
    assert!(told.contains(expected), "{told}");
    assert_eq!(names(folder.path()), ["bad.gguf"]);
}

/// Takes some seconds to write in few bits on one thread.
fn large(folder: &Path) {
    one_matrix(&folder.join("large.gguf"), 4096, 4096, |i| ((i * 2654435761) >> 8 & 0xffff) as f32 / 65536.0 - 0.5);
}

const LARGE_TO_Q2: [&str; 6] = ["quantize", "large.gguf", "--to", "Q2_K", "-o", "out.gguf"];

#[cfg(unix)]
#[test]
fn after_ctrl_c_the_same_command_goes_on_and_writes_the_same_bytes() {
    let (folder, unbroken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    large(folder.path());
    let child = command(folder.path(), &LARGE_TO_Q2).arg("--threads=1").stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    // Until it writes: the file that it begins stands beside the others.
    while names(folder.path()).len() < 2 && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped; the same command goes on from here"), "{told}");
    assert!(!folder.path().join("out.gguf").exists());
    let output = run(folder.path(), &LARGE_TO_Q2);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("going on behind the"), "{told}");
    assert_eq!(names(folder.path()), ["large.gguf", "out.gguf"]);
    large(unbroken.path());
    written(unbroken.path(), &LARGE_TO_Q2);
    assert!(same_bytes([folder.path(), unbroken.path()].map(|folder| folder.join("out.gguf"))));
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_and_run_again_it_writes_the_same_bytes() {
    let (folder, unbroken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    large(folder.path());
    large(unbroken.path());
    for moment in [20, 1300, 400, 1100, 60, 1500] {
        let mut child = command(folder.path(), &LARGE_TO_Q2).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        if folder.path().join("out.gguf").exists() {
            break;
        }
    }
    written(folder.path(), &[&LARGE_TO_Q2[..], &["--force"]].concat());
    written(unbroken.path(), &LARGE_TO_Q2);
    assert_eq!(names(folder.path()), ["large.gguf", "out.gguf"]);
    assert!(same_bytes([folder.path(), unbroken.path()].map(|folder| folder.join("out.gguf"))));
}

fn same_bytes(paths: [std::path::PathBuf; 2]) -> bool {
    let [a, b] = paths.map(|path| std::fs::read(path).unwrap());
    a == b
}

#[test]
fn a_matrix_of_importance_is_measured_gone_by_and_told_where_it_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.txt"), "What is 12 + 7? 19. Spell the word mirado.\n".repeat(40)).unwrap();
    let chat =
        r#"{"messages": [{"role": "user", "content": "What is 12 + 7?"}, {"role": "assistant", "content": "19"}]}"#;
    std::fs::write(folder.path().join("chats.jsonl"), format!("{chat}\n\n{chat}\n")).unwrap();
    let measured = ["imatrix", LARGE, "--text", "text.txt", "--chats", "chats.jsonl", "-o", "large.imatrix"];
    written(folder.path(), &measured);
    let imatrix = Imatrix::open(&folder.path().join("large.imatrix")).unwrap();
    // Seven matrices in each of six layers; of embedding and output nothing is said, as llama.cpp does.
    assert_eq!((imatrix.weights.len(), imatrix.datasets.len()), (42, 2));
    let quantize = ["quantize", LARGE, "--to", "Q4_0", "--imatrix", "large.imatrix", "-o", "weighed.gguf"];
    let output = run(folder.path(), &quantize);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing of `token_embd.weight`: all columns count alike there"), "{told}");
    let file = GgufFile::open(&folder.path().join("weighed.gguf")).unwrap();
    assert_eq!(file.uint("quantize.imatrix.entries_count").unwrap(), Some(42));
    // Of another model.
    let told = refused(folder.path(), &["quantize", "demo:small", "--to", "Q4_0", "--imatrix", "large.imatrix"]);
    assert!(told.contains("has 192 values for 1 matrices, expected 1 of 96"), "{told}");
    assert!(told.contains("hint: the importance matrix is of another model"), "{told}");
}

#[test]
fn what_fits_is_measured_and_what_the_file_says_of_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let told = refused(folder.path(), &["quantize", "demo:small", "--fit", "1MB", "-o", "small.gguf"]);
    assert!(told.contains("no types make this model fit 1 MB"), "{told}");
    written(folder.path(), &["quantize", "demo:small", "--to", "Q4_0", "--measure", "-o", "small.gguf"]);
    let output = run(folder.path(), &["verify", "small.gguf", "--base", "demo:small", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["loss"], found["stored"], "the same machine measures the same");
    assert!(found["loss"]["kl_mean"]["value"].as_f64().unwrap() > 1e-4, "{found}");
    // What it was made from is another model, or has another shape.
    let output = run(folder.path(), &["verify", "small.gguf", "--base", "small.gguf"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(1) && told.contains("made from other weights"), "{told}");
    let told = refused_with(3, folder.path(), &["verify", "small.gguf", "--base", "demo:large"]);
    assert!(told.contains("their layers, widths or tokens differ"), "{told}");
    // A file that is written anew says nothing of a loss that nobody measured.
    let again = ["quantize", "small.gguf", "--to", "Q4_0", "--allow-requantize", "-o", "again.gguf"];
    written(folder.path(), &again);
    let output = run(folder.path(), &["verify", "again.gguf", "--base", "demo:small"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn types_are_chosen_so_that_memory_holds_and_a_recipe_makes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let parsed = |args: &[&str]| -> serde_json::Value {
        let output = run(folder.path(), args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    // A third of its weights less than it takes: far more than processes differ by.
    let whole = parsed(&["info", "demo:large", "--context", "256", "--json"]);
    let memory = number(&whole["predicted"]["memory_bytes"]) - 0.35 * number(&whole["file_bytes"]);
    let size = format!("{:.3}MB", memory / 1e6);
    let fit = ["quantize", "demo:large", "--fit", &size, "--context", "256", "--json", "-o", "fit.gguf"];
    let made = parsed(&[&fit[..], &["--save-recipe", "fit.toml"]].concat());
    assert!(number(&made["fit"]["memory"]) <= memory, "{}", made["fit"]);
    assert!(number(&made["bytes"]) < 0.9 * number(&whole["file_bytes"]));
    let kl = number(&made["loss"]["kl_mean"]["value"]);
    assert!(kl > 0.0 && kl < 0.05, "{kl}");
    written(folder.path(), &["quantize", "demo:large", "--recipe", "fit.toml", "-o", "again.gguf"]);
    assert!(same_bytes(["fit.gguf", "again.gguf"].map(|file| folder.path().join(file))));
    let told = refused(folder.path(), &["quantize", "demo:small", "--recipe", "fit.toml", "-o", "other.gguf"]);
    assert!(told.contains("the recipe is for other weights than those of demo:small"), "{told}");
    std::fs::write(folder.path().join("bad.toml"), "types = 3").unwrap();
    let told = refused(folder.path(), &["quantize", "demo:large", "--recipe", "bad.toml", "-o", "other.gguf"]);
    assert!(told.contains("bad.toml: ") && told.contains("hint: "), "{told}");
}
