//! The binary as a person meets it: what it prints, its exit status, and its answers to mistakes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Evidence of tests is kept apart from that of whoever runs them.
fn plimsoll(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = plimsoll(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a mistake is answered with; the status is 1, of a check 3, and nothing stands on standard output.
fn refusal(args: &[&str]) -> String {
    let output = plimsoll(args);
    assert_eq!(output.status.code(), Some(if args[0] == "verify" { 3 } else { 1 }), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?} printed {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(args)).unwrap()
}

/// A copy of the small demo model in a folder, with `change` applied to its configuration.
fn broken_demo(change: impl Fn(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    for entry in std::fs::read_dir(demo).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let config = folder.path().join("config.json");
    let mut value: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(&config, value.to_string()).unwrap();
    folder
}

#[test]
fn the_demo_pair_gives_the_numbers_of_the_reference_at_every_level() {
    for isa in plimsoll_kernels::Isa::available() {
        for (model, threads) in [("demo:small", "1"), ("demo:large", "2")] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
            command.env("PLIMSOLL_ISA", isa.to_string()).args(["verify", model, "--json", "--threads", threads]);
            let output = command.output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert!(output.status.success(), "{isa} {model}: {report}");
            assert_eq!(report["isa"], isa.to_string());
        }
    }
}

#[test]
fn fast_arithmetic_predicts_what_exact_arithmetic_does_with_golden_cases_or_without() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(demo.join(file), folder.path().join(file)).unwrap();
    }
    for (model, n_cases, status) in [("demo:small", 7, 0), (folder.path().to_str().unwrap(), 0, 2)] {
        let output = plimsoll(&["verify", model, "--fast", "--json"]);
        assert_eq!(output.status.code(), Some(status), "without golden cases the reference was not looked at");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["cases"].as_array().unwrap().len(), n_cases, "{model}");
        for phase in ["prefill", "decode"] {
            let found = &report["fast"][phase];
            assert!(found["positions"].as_u64().unwrap() > 100, "{model} {phase}: {found}");
            assert!(found["kl_mean"].as_f64().unwrap() <= report["kl_bound"].as_f64().unwrap(), "{model}: {found}");
        }
    }
    let refused = refusal(&["verify", folder.path().to_str().unwrap()]);
    assert!(refused.contains("no such golden file"), "{refused}");
}

#[test]
fn verify_fails_where_a_logit_differs() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    let mut golden: Value = serde_json::from_slice(&std::fs::read(demo.join("golden.json")).unwrap()).unwrap();
    let logit = &mut golden["cases"][1]["last_logits"][5];
    *logit = (logit.as_f64().unwrap() + 0.01).into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden.json");
    std::fs::write(&path, golden.to_string()).unwrap();
    let output = plimsoll(&["verify", "demo:small", "--golden", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAILED"));
}

#[test]
fn a_greedy_answer_is_the_same_every_time_and_in_json() {
    let args = ["run", "demo:large", "Add 3 and 4. Answer with the number only.", "--temperature", "0"];
    let text = stdout(&args);
    assert_eq!(stdout(&args), text);
    let with_json = json(&[&args[..], &["--json"]].concat());
    assert_eq!(with_json["text"].as_str().unwrap().trim_end(), text.trim_end());
    assert_eq!(with_json["finish"], "stop");
}

#[test]
fn a_seed_fixes_a_sampled_answer() {
    let answer = |seed: &str| {
        let prompt = "Copy the word: banana";
        stdout(&["run", "demo:large", prompt, "--temperature", "3", "--seed", seed, "--max-tokens", "40"])
    };
    assert_eq!(answer("7"), answer("7"));
    let answers: std::collections::BTreeSet<String> = ["1", "2", "3", "4", "5"].map(answer).into();
    assert!(answers.len() > 1, "five seeds gave one answer: {answers:?}");
}

#[test]
fn a_stop_text_and_a_limit_end_the_answer() {
    let whole = json(&["run", "demo:large", "Copy the word: banana", "--json", "--temperature", "0"]);
    let text = whole["text"].as_str().unwrap();
    let stop: String = text.chars().skip(1).take(1).collect();
    let stopped =
        json(&["run", "demo:large", "Copy the word: banana", "--json", "--temperature", "0", "--stop", &stop]);
    assert_eq!(stopped["text"].as_str().unwrap(), &text[..text.find(&stop).unwrap()]);
    let limited = json(&["run", "demo:large", "hello", "--json", "--max-tokens", "1", "--raw", "--temperature", "0"]);
    assert_eq!(limited["tokens"].as_array().unwrap().len(), 1);
    assert_eq!(limited["finish"], "length");
}

#[test]
fn tokenize_takes_standard_input_verbatim() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["tokenize", "demo:small"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"two\n").unwrap();
    let ids: Vec<u32> = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    let argument: Vec<u32> = serde_json::from_str(&stdout(&["tokenize", "demo:small", "two\n"])).unwrap();
    assert_eq!(ids, argument);
    assert_ne!(ids, serde_json::from_str::<Vec<u32>>(&stdout(&["tokenize", "demo:small", "two"])).unwrap());
}

#[test]
fn control_tokens_in_text_are_spelled_unless_asked_for() {
    let count = |args: &[&str]| json(args).as_array().unwrap().len();
    assert_eq!(count(&["tokenize", "demo:small", "<|im_end|>", "--special"]), 1);
    assert!(count(&["tokenize", "demo:small", "<|im_end|>"]) > 1);
}

#[test]
fn a_request_renders_with_the_models_own_template() {
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("r.json");
    std::fs::write(&request, r#"{"messages":[{"role":"user","content":"Hi"}]}"#).unwrap();
    let rendered = stdout(&["template", "demo:small", "--request", request.to_str().unwrap()]);
    assert!(rendered.contains("user\nHi"), "{rendered:?}");
}

#[test]
fn bench_reports_rows_with_their_samples() {
    let report =
        json(&["bench", "demo:small", "--prefill", "8", "--decode", "4", "--depth", "0,16", "--repeat", "2", "--json"]);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["depth"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 16]);
    for row in rows {
        assert!(row["prefill_tokens_per_s"].as_f64().unwrap() > 0.0);
        assert_eq!(row["samples"]["decode_tokens_per_s"].as_array().unwrap().len(), 2);
        let decode = |key: &str| row[key]["decode_tokens_per_s"].as_f64().unwrap();
        let share = row["decode_tokens_per_s"].as_f64().unwrap() / decode("limits");
        assert!((share / row["decode_share_of_bandwidth"].as_f64().unwrap() - 1.0).abs() < 1e-9);
        assert!(decode("predicted") > 0.0);
    }
}

#[test]
fn a_depth_beyond_counting_is_refused() {
    let message = refusal(&["bench", "demo:small", "--depth", "18446744073709551615"]);
    assert!(message.contains("tokens of context, the model has"), "{message}");
}

#[test]
fn every_command_takes_a_pre_tokenizer_where_the_file_names_none_that_is_known() {
    for args in [&["verify", "demo:small"][..], &["eval", "demo:small", "--suite", "copying", "--items", "1"]] {
        stdout(&[args, &["--pre", "gpt-2"]].concat());
    }
}

#[test]
fn a_message_that_quotes_a_file_cannot_steer_the_terminal() {
    let folder = broken_demo(|config| config["model_type"] = "evil\u{1b}[2J".into());
    let message = refusal(&["verify", folder.path().to_str().unwrap()]);
    assert!(!message.contains('\u{1b}') && message.contains(r"evil\u{1b}[2J"), "{message:?}");
}

#[test]
fn a_comparison_writes_both_reports_and_the_same_answers_twice() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().to_str().unwrap();
    let args = ["compare", "--items", "2", "--repeat", "1", "--json", "--report", report];
    let correct =
        |comparison: &Value, model: usize| comparison["models"][model]["quality"]["overall"]["correct"].clone();
    let (first, second) = (json(&args), json(&args));
    for model in [0, 1] {
        assert_eq!(correct(&first, model), correct(&second, model));
    }
    let written: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("plimsoll-demo-small-vs-demo-large.json")).unwrap())
            .unwrap();
    assert_eq!(written, second);
    let page = std::fs::read_to_string(folder.path().join("plimsoll-demo-small-vs-demo-large.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("http-equiv=\"refresh\""));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing but the reports is left");
}

#[test]
fn a_report_without_a_place_is_refused_before_anything_is_measured() {
    let message = refusal(&["compare", "--report", "/no/such/folder"]);
    assert!(message.contains("/no/such/folder: no such folder for the report"), "{message}");
}

#[test]
fn an_unknown_architecture_is_named_with_those_that_are_known() {
    let folder = broken_demo(|config| config["model_type"] = "mystery".into());
    let message = refusal(&["info", folder.path().to_str().unwrap()]);
    assert!(message.contains("`mystery`") && message.contains("smollm3") && message.contains("hint:"), "{message}");
}

#[test]
fn a_wrong_shape_names_the_tensor_and_both_shapes() {
    let folder = broken_demo(|config| config["intermediate_size"] = 7.into());
    let message = refusal(&["run", folder.path().to_str().unwrap(), "hi"]);
    assert!(message.contains("mlp.gate_proj.weight") && message.contains("expected [7"), "{message}");
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_with_both_lengths() {
    let message =
        refusal(&["run", "demo:small", "--context", "16", "one two three four five six seven eight nine ten"]);
    assert!(message.contains("the context holds 16") && message.contains("hint:"), "{message}");
}

#[test]
fn a_level_that_does_not_exist_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .env("PLIMSOLL_ISA", "mmx")
        .args(["info", "demo:small"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLIMSOLL_ISA: `mmx`"));
}

#[test]
fn every_command_shows_an_example() {
    for command in [
        "run", "info", "verify", "tokenize", "template", "bench", "eval", "compare", "gate", "history", "evidence",
        "votes",
    ] {
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("plimsoll {command}")), "{command}: {help}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let long = ["run", "demo:large", "--raw", "a", "--max-tokens", "400", "--temperature", "1"];
    for args in [&long[..], &["info", "demo:small", "--json"], &["tokenize", "demo:small", "some text"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_message_that_cannot_be_written_is_no_panic() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["run", "nosuch"]).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn output_in_a_pipe_has_no_escapes() {
    assert!(!stdout(&["info", "demo:small"]).contains('\x1b'));
    assert!(!stdout(&["verify", "demo:small"]).contains('\x1b'));
}

#[test]
fn three_models_are_one_table_one_report_and_evidence_that_checks() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("evidence.db");
    let store = store.to_str().unwrap();
    let report = folder.path().to_str().unwrap();
    let args = ["compare", "demo:small", "demo:large", "demo:small", "--items", "2", "--repeat", "2"];
    let found = json(&[&args[..], &["--context", "256", "--json", "--report", report, "--store", store]].concat());
    let pairs = found["reports"].as_array().unwrap();
    assert_eq!(pairs.len(), 2);
    for pair in pairs {
        assert_eq!(pair["models"][0]["facts"]["sha256"], pairs[0]["models"][0]["facts"]["sha256"]);
        assert_eq!(pair["among"]["models"], 3);
        assert_eq!(pair["models"][1]["memory"]["parts"]["tokens"], 256);
    }
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("-vs-"))
        .collect();
    assert_eq!(names.len(), 2, "one page and one record: {names:?}");
    for name in &names {
        let written = folder.path().join(name);
        assert!(stdout(&["evidence", "check", written.to_str().unwrap()]).contains("passed"), "{name}");
    }
    assert!(stdout(&["evidence", "check", "--store", store]).contains("passed"));
    let json = names.iter().find(|name| name.ends_with(".json")).unwrap();
    std::fs::write(folder.path().join("gate.toml"), "[[rule]]\nverdict = \"Ship\"\n").unwrap();
    let rules = folder.path().join("gate.toml");
    let written = folder.path().join(json);
    let gated = plimsoll(&["gate", "--from", written.to_str().unwrap(), "--rules", rules.to_str().unwrap()]);
    let refused = String::from_utf8(gated.stderr).unwrap();
    assert!(gated.status.code() == Some(3) && refused.contains("three models or more"), "{refused}");
}

#[test]
fn a_context_or_a_picture_that_a_model_has_no_place_for_is_refused_before_anything_is_measured() {
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/images/five_shapes.png");
    let message = refusal(&["compare", "demo:small", "demo:large", "--context", "99999"]);
    assert!(message.contains("demo:small") && message.contains("99999"), "{message}");
    let message = refusal(&["compare", "demo:small", "demo:vision", "--context", "256", "--image", picture]);
    assert!(message.contains("demo:small reads text only"), "{message}");
    let alone = plimsoll(&["compare", "demo:vision", "demo:vision", "--image", picture]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("--context"), "a picture stands in a context of some size");
    let message = refusal(&["run", "demo:vision", "What is it?", "--context", "12", "--image", picture]);
    assert!(message.contains("what is shown takes") && message.contains("the context holds 12"), "{message}");
}
