//! What mistakes are answered with: what is wrong, and what to do.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn plimsoll(args: &[&str]) -> Output {
    let state = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env("XDG_DATA_HOME", state).env("XDG_STATE_HOME", state).args(args).output().unwrap()
}

/// The message of a command that fails, in one line.
fn told(args: &[&str]) -> String {
    let output = plimsoll(args);
    assert!(!output.status.success(), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    let words = String::from_utf8(output.stderr).unwrap();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `plimsoll run ARGS` answers to what is piped into it.
fn piped(input: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let command = command.arg("run").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A copy of the small demo without its template.
fn base_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(demo.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

#[test]
fn names_that_are_near_another_are_asked_back() {
    for (args, meant) in [
        (&["run", "demo:larg", "hi"][..], "did you mean `demo:large`?"),
        (&["catalog", "smolm3"], "did you mean `smollm3`?"),
        (&["catalog", "--devices", "pixel-11"], "did you mean `pixel-10`?"),
        (&["history", "demo:smal"], "did you mean `demo:small`?"),
        (&["eval", "demo:small", "--suite", "arithmetics"], "did you mean `arithmetic`?"),
        (&["compare", "demo:small", "demo:large", "--need", "memroy<2GB"], "did you mean `memory`?"),
    ] {
        assert!(told(args).contains(meant), "{args:?}: {}", told(args));
    }
}

#[test]
fn words_of_other_programs_are_told_what_stands_for_them() {
    for (word, meant) in [
        ("download", "plimsoll pull NAME"),
        ("list", "plimsoll models"),
        ("chat", "plimsoll run MODEL"),
        ("show", "plimsoll info MODEL"),
        ("ps", "no model stays loaded"),
        ("demo:small", "plimsoll run MODEL"),
    ] {
        assert!(told(&[word]).contains(meant), "{word}: {}", told(&[word]));
    }
}

#[test]
fn every_mistake_says_what_to_do() {
    let base = base_model();
    let base = base.path().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("r.json");
    std::fs::write(&request, "{messages").unwrap();
    let pdf = folder.path().join("out.pdf");
    let (request, pdf) = (request.to_str().unwrap(), pdf.to_str().unwrap());
    for (args, what, hint) in [
        (&["template", "demo:small", "--request", request][..], "not JSON", "\"messages\""),
        (&["verify", base], "no such golden file", "--fast"),
        (&["bench", "demo:small", "--depth", "99999"], "the model has 1024", "--depth 0"),
        (&["compare", "demo:small"], "is one model", "plimsoll compare demo:small OTHER"),
        (&["eval", "demo:small", "--suite", "vision"], "reads text only", "--suite text"),
        (&["run", "demo:small", "--json"], "no prompt", "plimsoll run MODEL"),
        (&["run", base, "hi"], "has no chat template", "--template chatml"),
        (&["run", base], "has no chat template", "--raw"),
        (&["template", base, "--request", request], "has no chat template", "--raw"),
    ] {
        let said = told(args);
        assert!(said.contains(what) && said.contains("hint:") && said.contains(hint), "{args:?}: {said}");
    }
    assert!(told(&["evidence", "export", pdf]).contains(".tar") && !Path::new(pdf).exists());
    assert!(told(&["info", "demo:small", "--threads", "0"]).contains("1 or more"));
}

#[test]
fn what_is_piped_stands_before_the_question_and_alone_is_one() {
    let asks = |input: &str, args: &[&str]| {
        let output = piped(input, args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let question = "Repeat this text exactly: river table";
    let direct = String::from_utf8(plimsoll(&["run", "demo:large", question]).stdout).unwrap();
    assert_eq!(asks(&format!("{question}\n"), &["demo:large"]), direct);
    assert_eq!(asks(&format!("{question}\n"), &["demo:large", "-"]), direct);
    let prompt_tokens = |output: String| -> u64 {
        serde_json::from_str::<serde_json::Value>(&output).unwrap()["prompt_tokens"].as_u64().unwrap()
    };
    let alone = prompt_tokens(asks("", &["demo:large", question, "--json"]));
    let joined = prompt_tokens(asks("one\ntwo\nthree\n", &["demo:large", question, "--json"]));
    assert!(joined > alone + 3, "{joined} tokens with a text, {alone} without");
    let empty = piped(" \n", &["demo:large"]);
    assert!(!empty.status.success() && String::from_utf8_lossy(&empty.stderr).contains("nothing is asked"));
}

#[test]
fn a_base_model_continues_text_or_takes_a_common_form() {
    let base = base_model();
    let base = base.path().to_str().unwrap();
    let text = |args: &[&str]| {
        let output = plimsoll(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    text(&["run", base, "--raw", "Once", "--max-tokens", "2"]);
    // The demo's own template is ChatML, so that the answer is the same as with it.
    let question = "Spell the word \"mirado\" with a hyphen between the letters.";
    assert_eq!(text(&["run", base, question, "--template", "chatml"]), text(&["run", "demo:small", question]));
}

#[test]
fn statistics_are_told_only_to_who_asks() {
    let stats = plimsoll(&["run", "demo:small", "hi", "--max-tokens", "1", "--stats"]);
    let said = String::from_utf8(stats.stderr).unwrap();
    assert!(said.contains("prompt tokens") && said.contains("1 answered") && !said.contains("0.0/s"), "{said}");
    let silent = plimsoll(&["run", "demo:small", "hi", "--max-tokens", "1"]);
    assert!(!String::from_utf8(silent.stderr).unwrap().contains("prompt tokens"));
}

#[test]
fn flags_stand_under_headings() {
    let help = String::from_utf8(plimsoll(&["run", "--help"]).stdout).unwrap();
    let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("no `{text}` in {help}"));
    assert!(
        at("Sampling and stopping:") < at("--temperature") && at("--temperature") < at("Options of every command:")
    );
    assert!(at("Options of every command:") < at("--json") && at("--json") < at("--catalog"));
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_by_what_they_are() {
    let folder = base_model();
    let pipe = folder.path().join("pipe.png");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let frames = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(frames.path().join("1.png")).status().unwrap().success());
    for path in [pipe.to_str().unwrap(), "/dev/zero"] {
        for args in [
            &["run", "demo:vision", "--image", path, "What is this?"][..],
            &["run", "demo:vision", "--video", path, "What is this?"],
            &["run", "demo:small", "--template", path, "hi"],
            &["template", "demo:small", "--request", path],
            &["info", "demo:vision", "--image", path],
            &["eval", "demo:small", "--text", path],
            &["eval", "demo:small", "--items", path],
        ] {
            let told = told(args);
            assert!(told.contains(path) && told.contains("a pipe or a device"), "{args:?}: {told}");
        }
    }
    let told = told(&["run", "demo:vision", "--video", frames.path().to_str().unwrap(), "--fps", "1", "What?"]);
    assert!(told.contains("1.png") && told.contains("a pipe or a device"), "{told}");
}

#[test]
fn a_prompt_as_long_as_the_makers_max_length_is_refused_with_both_lengths() {
    let folder = base_model();
    std::fs::write(folder.path().join("generation_config.json"), r#"{"max_length": 3}"#).unwrap();
    let model = folder.path().to_str().unwrap();
    let told = told(&["run", model, "--raw", "The quick brown fox"]);
    assert!(told.contains("`max_length` allows 3") && told.contains("--max-tokens"), "{told}");
    assert!(plimsoll(&["run", model, "--raw", "--max-tokens", "1", "The quick brown fox"]).status.success());
}
