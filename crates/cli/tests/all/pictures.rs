//! Pictures on the command line: what is answered, and what mistakes are answered with.

use crate::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn plimsoll(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).output().unwrap()
}

/// What a mistake is answered with: nothing stands on standard output.
fn refusal(args: &[&str]) -> String {
    let output = plimsoll(args);
    assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn fixtures() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures"));
    if !path.exists() {
        skipped::skipped("../shared not found");
        return None;
    }
    Some(path)
}

#[test]
fn a_model_that_reads_text_only_says_so_before_a_file_is_blamed() {
    for command in ["run", "info"] {
        let message = refusal(&[command, "demo:small", "--image", "absent.png"]);
        assert!(message.contains("`demo:small` reads text only"), "{message}");
        assert!(message.contains("hint:") && message.contains("--mmproj"), "{message}");
    }
}

#[test]
fn the_demo_that_sees_gives_the_numbers_of_the_reference_and_answers() {
    let output = plimsoll(&["verify", "demo:vision", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert!(report["cases"].as_array().unwrap().iter().all(|case| case["features_delta"].is_number()), "{report}");
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/images/five_shapes.png");
    let output = plimsoll(&["run", "demo:vision", "--image", image, "What colour is the circle?"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "black");
}

/// What `verify` says of the demo that sees beside this golden file: its status, its words and its JSON.
fn verified(golden: &Value) -> (Option<i32>, String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden.json");
    std::fs::write(&path, golden.to_string()).unwrap();
    let args = ["verify", "demo:vision", "--golden", path.to_str().unwrap()];
    let output = plimsoll(&args);
    let report = plimsoll(&[&args[..], &["--json"]].concat());
    assert_eq!(report.status, output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text, serde_json::from_slice(&report.stdout).unwrap())
}

#[test]
fn a_verification_that_skipped_something_is_inconclusive() {
    let golden = include_str!("../../../../demo/vision/golden.json");
    let mut golden: Value = serde_json::from_str(golden).unwrap();
    let (status, text, report) = verified(&golden);
    assert_eq!(status, Some(2), "neither pixels nor pictures lie beside it: {text}");
    assert!(text.contains("inconclusive: ") && !text.contains("passed"), "{text}");
    assert_eq!((&report["passed"], &report["standing"]), (&Value::from(false), &Value::from("inconclusive")));
    assert_eq!(report["skipped"], 8, "four from pixels and four from pictures");
    // Text alone, of a model that sees.
    let ids = plimsoll(&["tokenize", "demo:vision", "circle"]).stdout;
    let ids: Value = serde_json::from_slice(&ids).unwrap();
    golden["cases"] = serde_json::json!([{ "rendered": "circle", "input_ids": ids }]);
    let (status, text, report) = verified(&golden);
    assert_eq!((status, &report["skipped"]), (Some(2), &Value::from(1)), "{text}");
    assert!(text.contains("what it sees with was not compared"), "{text}");
    golden["cases"][0]["input_ids"] = serde_json::json!([1, 2, 3]);
    assert_eq!(verified(&golden).0, Some(1), "what disagrees fails, whatever was not looked at");
}

#[test]
fn flags_that_would_do_nothing_are_refused() {
    assert!(refusal(&["run", "demo:small", "hi", "--fps", "2"]).contains("--video"));
    assert!(refusal(&["run", "demo:small", "hi", "--raw", "--image", "a.png"]).contains("--raw"));
}

#[test]
fn files_that_are_no_pictures_are_named() {
    let Some(fixtures) = fixtures() else { return };
    let model = fixtures.join("idefics3");
    let model = model.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let whole = std::fs::read(fixtures.join("images/b_text_173x61.png")).unwrap();
    let files =
        [write("text.png", b"no picture"), write("empty.png", b""), write("half.png", &whole[..whole.len() / 2])];
    for file in &files {
        let message = refusal(&["run", model, "What?", "--image", file]);
        assert!(message.contains(&format!("`{file}`")), "{message}");
    }
    let small = fixtures.join("images/b_text_173x61.png").display().to_string();
    let message = refusal(&["run", model, "What?", "--image", &small, "--max-pixels", "1000"]);
    assert!(message.contains("173 x 61") && message.contains("1000"), "{message}");
}

#[test]
fn a_folder_of_frames_is_a_video_and_needs_its_rate() {
    let Some(fixtures) = fixtures() else { return };
    let (model, frames) = (fixtures.join("smolvlm2"), fixtures.join("smolvlm2/video"));
    if !frames.is_dir() {
        return skipped::skipped("no frames");
    }
    let (model, frames) = (model.to_str().unwrap(), frames.to_str().unwrap());
    assert!(refusal(&["run", model, "What moves?", "--video", frames]).contains("--fps"));
    let output =
        plimsoll(&["run", model, "What moves?", "--video", frames, "--fps", "2", "--max-tokens", "1", "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Eight frames of four features each, as the reference samples it.
    assert_eq!((&answer["shown"][0]["tiles"], &answer["prompt_tokens"]), (&8.into(), &210.into()), "{answer}");
}

#[test]
fn info_foretells_the_tokens_that_a_picture_takes() {
    let Some(fixtures) = fixtures() else { return };
    // The tokens that a picture's strings begin and end with.
    for (model, first, last) in [("idefics3", 3, 3), ("smolvlm2", 3, 3), ("llama4-vision", 3, 4)] {
        let golden = std::fs::read(fixtures.join(model).join("golden.json")).unwrap();
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        let ids = golden["cases"][0]["input_ids"].as_array().unwrap();
        let begin = ids.iter().position(|id| *id == first).unwrap();
        let tokens = ids.iter().rposition(|id| *id == last).unwrap() + 1 - begin;
        let path = |name: &str| Path::new(&fixtures).join(name).display().to_string();
        let (model, image) = (path(model), path("images/a_astronaut_300x230.png"));
        let output = plimsoll(&["info", &model, "--image", &image, "--json"]);
        let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(facts["vision"]["images"][0]["tokens"], tokens, "{model}");
        let run = plimsoll(&["run", &model, "Why?", "--image", &image, "--max-tokens", "1", "--json"]);
        let answer: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(facts["vision"]["images"][0]["tiles"], answer["shown"][0]["tiles"], "{model}");
    }
}

#[test]
fn a_tower_that_was_named_and_is_not_there_is_refused_though_nothing_is_shown() {
    for command in ["run", "info", "verify"] {
        for path in ["absent.gguf", "/dev/null"] {
            let told = refusal(&[command, "demo:small", "--mmproj", path]);
            assert!(told.contains(&format!("--mmproj `{path}`")), "{told}");
        }
    }
}
