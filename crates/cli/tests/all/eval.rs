//! `plimsoll eval` on programs and on published benchmarks.

use crate::skipped;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const HUMANEVAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/tests/data/humaneval.jsonl");
/// Status where there is no sandbox.
const SKIPPED: i32 = 2;

fn eval(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR")).arg("eval").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The document that a run printed, unless there is no sandbox here, which the test then says.
fn in_a_sandbox(args: &[&str]) -> Option<Value> {
    let output = eval(args);
    if output.status.code() == Some(SKIPPED) {
        skipped::skipped(text(&output.stderr).trim().trim_start_matches("skipped: "));
        return None;
    }
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn refusal(args: &[&str]) -> String {
    let output = eval(args);
    assert!(!output.status.success());
    text(&output.stderr).to_owned()
}

#[test]
fn programs_are_sampled_judged_and_kept_and_a_seed_fixes_them() {
    let args = [
        "demo:small",
        "--humaneval",
        HUMANEVAL,
        "--prompting",
        "base",
        "--samples",
        "3",
        "--k",
        "1,3",
        "--temperature",
        "1",
        "--json",
    ];
    let Some(first) = in_a_sandbox(&args) else { return };
    let attempts = first["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        let samples = attempt["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 3);
        assert!(samples.iter().all(|sample| sample["answer"].is_string() && sample["verdict"].is_string()));
        assert_ne!(samples[0]["answer"], samples[1]["answer"], "each sample has a seed of its own");
    }
    assert_eq!(first["pass_at_k"][1]["k"], 3);
    assert_eq!(first["sampling"]["prompting"], "base");
    assert_eq!(in_a_sandbox(&args), Some(first));
}

#[test]
fn the_built_in_programs_are_asked_for_as_a_chat() {
    let Some(found) = in_a_sandbox(&["demo:small", "--suite", "code", "--items", "1", "--json"]) else { return };
    assert_eq!(found["attempts"].as_array().unwrap().len(), 14);
    assert_eq!(found["sampling"]["prompting"], "chat");
    assert_eq!(found["pass_at_k"][0]["method"], "Wilson");
}

#[test]
fn without_bubblewrap_nothing_is_run_and_the_status_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["eval", "demo:small", "--suite", "code"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(SKIPPED));
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    let why =
        if cfg!(target_os = "linux") { "`bwrap` (the package bubblewrap) is not on the PATH" } else { "Linux only" };
    assert!(said.starts_with("skipped: ") && said.contains(why), "{said}");
}

#[test]
fn a_solution_that_fails_its_own_tests_is_a_broken_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.jsonl");
    let whole = std::fs::read_to_string(HUMANEVAL).unwrap();
    std::fs::write(&path, whole.replace("text + \\\".\\\"", "text")).unwrap();
    let output = eval(&["demo:small", "--humaneval", path.to_str().unwrap()]);
    if output.status.code() == Some(SKIPPED) {
        return skipped::skipped(text(&output.stderr).trim());
    }
    let said = text(&output.stderr);
    assert!(said.contains("the canary `Own/0` failed") && said.contains("assert candidate('ship')"), "{said}");
}

#[test]
fn sampling_that_says_nothing_is_refused() {
    let greedy = eval(&["demo:small", "--humaneval", HUMANEVAL, "--samples", "2"]);
    if greedy.status.code() == Some(SKIPPED) {
        return skipped::skipped(text(&greedy.stderr).trim());
    }
    assert!(text(&greedy.stderr).contains("at temperature 0 all 2 samples of a problem are alike"));
    let few = refusal(&["demo:small", "--humaneval", HUMANEVAL, "--k", "10"]);
    assert!(few.contains("pass@10 needs at least 10 samples"), "{few}");
}

#[test]
fn a_damaged_file_is_refused_by_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.jsonl");
    let whole = std::fs::read_to_string(HUMANEVAL).unwrap();
    std::fs::write(&path, whole.replace("radius_of\", \"canonical_solution", "radius_of\", \"solution")).unwrap();
    let said = refusal(&["demo:small", "--humaneval", path.to_str().unwrap()]);
    assert!(said.contains("damaged.jsonl`, line 2: field `canonical_solution` should be a text"), "{said}");
}

/// A folder in MMLU's layout with two subjects.
fn mmlu(folder: &Path) -> &str {
    for (part, n) in [("dev", 5), ("test", 4)] {
        std::fs::create_dir(folder.join(part)).unwrap();
        for subject in ["high_tide", "knots"] {
            let line = |i: usize| format!("\"What follows {i}, in a row?\",{i},{},{},{},B\n", i + 1, i + 2, i + 3);
            let lines: String = (0..n).map(line).collect();
            std::fs::write(folder.join(part).join(format!("{subject}_{part}.csv")), lines).unwrap();
        }
    }
    folder.to_str().unwrap()
}

#[test]
fn mmlu_is_told_by_subject_and_as_both_means() {
    let folder = tempfile::tempdir().unwrap();
    let path = mmlu(folder.path());
    for prompting in ["chat", "base"] {
        let output = eval(&["demo:small", "--mmlu", path, "--shots", "1", "--prompting", prompting, "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let categories: Vec<&str> =
            found["rates"].as_array().unwrap().iter().map(|rate| rate["category"].as_str().unwrap()).collect();
        assert!(categories.contains(&"high_tide") && categories.contains(&"knots") && categories.contains(&"overall"));
        assert_eq!(found["prompting"], prompting);
        assert_eq!(found["outcomes"].as_array().unwrap().len(), 8);
        assert!(
            found["outcomes"].as_array().unwrap().iter().all(|o| o["log_likelihoods"].as_array().unwrap().len() == 4)
        );
        assert!(found["macro_average"]["interval"]["low"].is_number());
    }
    let output = eval(&["demo:small", "--mmlu", path, "--shots", "1", "--items", "2"]);
    let said = text(&output.stdout);
    assert!(said.contains("4 of 8 questions of 2 subjects, 1 shots") && said.contains("high_tide"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn examples_that_do_not_fit_the_context_are_refused_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = mmlu(folder.path());
    let long = format!("\"{}\",1,2,3,4,A\n", "a long question ".repeat(400));
    std::fs::write(folder.path().join("dev/knots_dev.csv"), long.repeat(5)).unwrap();
    let said = refusal(&["demo:small", "--mmlu", path]);
    assert!(said.contains("item `knots-1`") && said.contains("but the context holds"), "{said}");
    assert!(said.contains("hint:") && said.contains("--shots"), "{said}");
}

#[test]
fn what_is_for_programs_is_refused_elsewhere() {
    for args in [
        &["--suite", "copying", "--samples", "3"][..],
        &["--mmlu", "x", "--k", "2"],
        &["--suite", "json", "--prompting", "base"],
        &["--suite", "text", "--shots", "3"],
        &["--suite", "text", "--mmlu", "x"],
        &[],
    ] {
        let output = eval(&[&["demo:small"], args].concat());
        assert!(!output.status.success(), "{args:?}");
    }
}
