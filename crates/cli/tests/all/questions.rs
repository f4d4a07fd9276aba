//! Questions of one's own and of published benchmarks, asked of one model and of two.

use crate::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Questions that the demo models know some of, with every check.
const MINE: &str = r#"{"id": "sum", "prompt": "What is 12 + 7?", "expected": 19, "category": "sums"}
{"id": "more", "prompt": "Add 3 and 4. Answer with the number only.", "expected": 7, "category": "sums"}
{"prompt": "Repeat this text exactly: ship", "expected": "ship", "check": "contains", "category": "words"}
{"prompt": "Repeat this text exactly: boat 12", "expected": "(?i)boat\\s+\\d+", "check": "regex", "category": "words"}
{"prompt": "Repeat this text exactly: tide", "expected": ["tide", "Tide"], "category": "words"}
{"prompt": "What is the opposite of hot?", "choices": ["cold", "a large wet dog", "seven"], "expected": "cold"}
{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Make JSON with name Tom"}], "schema": {"type": "object"}}
"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.current_dir(self.0.path()).env("XDG_DATA_HOME", self.0.path()).args(args).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn ids(outcomes: &Value) -> Vec<&str> {
    outcomes.as_array().unwrap().iter().map(|outcome| outcome["item"].as_str().unwrap()).collect()
}

#[test]
fn own_questions_are_asked_of_one_model_and_paired_for_two() {
    let folder = Folder::new();
    folder.write("mine.jsonl", MINE);
    let one = folder.json(&["eval", "demo:large", "--items", "mine.jsonl", "--json"]);
    assert_eq!((&one["suite"]["items"], &one["suite"]["name"]), (&7.into(), &"mine".into()));
    let sums = one["rates"].as_array().unwrap().iter().find(|rate| rate["category"] == "sums").unwrap();
    assert_eq!(sums["n"], 2);
    assert_eq!(one["outcomes"][0]["correct"], true, "demo:large can add: {}", one["outcomes"][0]);
    assert_eq!(one["outcomes"][5]["log_likelihoods"].as_array().unwrap().len(), 3);
    assert_eq!(folder.json(&["eval", "demo:large", "--items", "mine.jsonl", "--json"]), one, "the same every time");

    let two = ["compare", "demo:small", "demo:large", "--items", "mine.jsonl", "--repeat", "2", "--json"];
    let report = folder.json(&two);
    let checked = |report: &Value| {
        folder.write("report.json", &report.to_string());
        folder.run(&["evidence", "check", "report.json"]).status.code()
    };
    assert_eq!(checked(&report), Some(0));
    let mut changed = report.clone();
    changed["suite"]["content"]["items"][0]["scoring"]["expected"][0] = 20.into();
    assert_eq!(checked(&changed), Some(1), "another right answer is another suite");
    let two = &report;
    let suite = &two["suite"];
    assert_eq!(suite["id"], one["suite"]["id"], "the same questions are the same suite");
    assert_eq!(suite["content"]["items"][0]["prompt"], "What is 12 + 7?");
    let outcomes = |side: usize| &two["models"][side]["quality"]["outcomes"];
    assert_eq!(ids(outcomes(0)), ids(outcomes(1)));
    assert_eq!(ids(outcomes(1)), ids(&one["outcomes"]));
    assert_eq!(outcomes(1), &one["outcomes"], "a comparison asks as an evaluation does");
    let chance = suite["categories"].as_array().unwrap().iter().map(|c| c["chance"].as_f64().unwrap()).sum::<f64>();
    assert!((chance - (1.0 / 3.0) / 2.0).abs() < 1e-9, "one of two questions is a choice of three: {suite}");
    assert!(two["reproduce"].as_str().unwrap().contains("compare demo:small demo:large --items mine.jsonl --seed"));
}

#[test]
fn a_gate_holds_own_categories_against_rules() {
    let folder = Folder::new();
    folder.write("mine.jsonl", MINE);
    folder.write("gate.toml", "[[rule]]\nmetric = \"accuracy.sums\"\nno_worse_by = 0.9\n");
    let args = ["gate", "--model", "demo:large", "--baseline", "demo:small", "--rules", "gate.toml"];
    let found =
        folder.run(&[&args[..], &["--items", "mine.jsonl", "--items", "1", "--repeat", "2", "--json"]].concat());
    assert!(matches!(found.status.code(), Some(0..=2)), "{}", text(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn malformed_lines_are_told_all_at_once() {
    let folder = Folder::new();
    folder.write("mine.jsonl", &format!("{MINE}{{\"promt\": \"Q\"}}\n{{\"prompt\": \"Q\"}}\n"));
    for command in [&["eval", "demo:small"][..], &["compare", "demo:small", "demo:large"]] {
        let output = folder.run(&[command, &["--items", "mine.jsonl"]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("`mine.jsonl`, line 8: unknown key `promt` (did you mean `prompt`?)\n"), "{said}");
        assert!(said.contains("`mine.jsonl`, line 9: field `expected` is missing") && said.contains("hint:"), "{said}");
    }
    let refused = |args: &[&str]| {
        let output = folder.run(args);
        assert!(!output.status.success(), "{args:?}");
        text(&output.stderr).to_owned()
    };
    assert!(refused(&["eval", "demo:small", "--items", "gone.jsonl"]).contains("`gone.jsonl` cannot be read"));
    assert!(refused(&["eval", "demo:small", "--items", "5"]).contains("--items says how many and not of what"));
    assert!(refused(&["eval", "demo:small", "--items", "0"]).contains("at least 1 item"));
    assert!(refused(&["eval", "demo:small", "--items", "2.5"]).contains("a whole number"));
    let both = ["eval", "demo:small", "--suite", "dates", "--items", "mine.jsonl"];
    assert!(refused(&both).contains("beside other questions"));
    assert!(refused(&["eval", "demo:small", "--benchmark", "gsmk8=x"]).contains("did you mean `gsm8k`?"));
    assert!(refused(&["eval", "demo:small", "--benchmark", "gsm8k"]).contains("expected NAME=FILE"));
    assert!(
        refused(&["eval", "demo:small", "--items", "2", "--items", "3", "--suite", "dates"]).contains("two numbers")
    );
}

#[test]
fn benchmarks_are_told_with_their_variant_and_every_rule() {
    let folder = Folder::new();
    let sum = |n: usize| format!("{{\"question\": \"Tom has {n} boats. How many?\", \"answer\": \"#### {n}\"}}\n");
    folder.write("gsm8k.jsonl", &(1..5).map(sum).collect::<String>());
    let science = r#"{"id": "a", "question": "What floats?", "choices": {"text": ["a cork", "a very heavy stone"], "label": ["A", "B"]}, "answerKey": "A"}"#;
    folder.write("arc.jsonl", science);
    let args = ["demo:large", "--benchmark", "gsm8k=gsm8k.jsonl", "--benchmark", "arc=arc.jsonl", "--items", "3"];
    for prompting in ["chat", "base"] {
        let found = folder.json(&[&["eval"], &args[..], &["--prompting", prompting, "--json"]].concat());
        assert_eq!(found["outcomes"].as_array().unwrap().len(), 4, "three of GSM8K and one of ARC");
        let rules = found["readings"].as_array().unwrap().iter().map(|reading| reading["rule"].as_str().unwrap());
        assert_eq!(rules.collect::<Vec<_>>(), ["strict-match", "flexible-extract", "acc", "acc_norm"]);
        let variant = found["suite"]["sources"][0]["variant"].as_str().unwrap();
        assert!(variant.starts_with(&format!("0-shot {prompting}, ")), "{variant}");
    }
    let said = folder.run(&[&["eval"], &args[..]].concat());
    let said = text(&said.stdout);
    assert!(said.contains("gsm8k: 0-shot chat, number behind ####") && said.contains("arc acc_norm"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let two = [&["compare", "demo:small"], &args[..], &["--repeat", "2", "--no-report", "--json"]].concat();
    let two = &folder.json(&two);
    assert_eq!(two["suite"]["name"], "gsm8k+arc");
    assert_eq!(two["suite"]["categories"][0]["about"], "0-shot chat, number behind ####; usually 5-shot");
    assert_eq!(ids(&two["models"][0]["quality"]["outcomes"]), ids(&two["models"][1]["quality"]["outcomes"]));
}

#[test]
fn programs_of_a_benchmark_are_run_in_the_sandbox() {
    let folder = Folder::new();
    let humaneval = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/tests/data/humaneval.jsonl");
    let named = format!("humaneval={}", humaneval.display());
    let output = folder.run(&["eval", "demo:small", "--benchmark", &named, "--json"]);
    if output.status.code() == Some(2) {
        return skipped::skipped(text(&output.stderr).trim());
    }
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!(ids(&found["outcomes"]), ["humaneval-Own/0", "humaneval-Own/1"]);
    assert_eq!(found["outcomes"][0]["correct"], false);
}

#[test]
fn a_model_that_sees_is_told_how_much_it_keeps_of_worn_pictures() {
    let folder = Folder::new();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/tests/data/pictures");
    std::fs::copy(pictures.join("rgb.bmp"), folder.0.path().join("a.bmp")).unwrap();
    let line = |words: &str| {
        format!(
            "{{\"prompt\": \"{words}\", \"images\": [\"a.bmp\"], \"choices\": [\"red\", \"q;Z#~w\"], \"expected\": \"red\"}}\n"
        )
    };
    folder.write("scans.jsonl", &(line("What colour is it?") + &line("What colour is the circle?")));
    let args = ["eval", "demo:vision", "--items", "scans.jsonl", "--stress", "blur,jpeg"];
    let found = folder.json(&[&args[..], &["--json"]].concat());
    let curves = found["stress"].as_array().unwrap();
    assert_eq!((curves.len(), &curves[0]["stress"], &curves[1]["stress"]), (2, &"blur".into(), &"jpeg".into()));
    let severities = curves[0]["points"].as_array().unwrap().iter().map(|point| point["severity"].as_u64().unwrap());
    assert_eq!(severities.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(curves[1]["points"].as_array().unwrap().iter().all(|point| point["n"] == 2));
    let said = folder.run(&args);
    assert!(text(&said.stdout).contains("blur: what is kept of "), "{}", text(&said.stdout));
    let blind = folder.run(&["eval", "demo:small", "--items", "scans.jsonl"]);
    assert!(
        !blind.status.success()
            && text(&blind.stderr)
                .contains("demo:small reads text only, and the question in `scans.jsonl`, line 1, shows a picture"),
        "{}",
        text(&blind.stderr)
    );
    let idle = folder.run(&["eval", "demo:small", "--suite", "dates", "--items", "1", "--stress", "blur"]);
    assert!(text(&idle.stderr).contains("none of these questions shows one"), "{}", text(&idle.stderr));
}
