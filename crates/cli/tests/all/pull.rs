//! Pulls from a hub on this machine, as a person does them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::mock::{Fault, Mock};
#[cfg(target_os = "linux")]
use crate::skipped::skipped;
use serde_json::Value;

/// A person with a cache, a hub and a home of their own.
struct Person {
    hub: Mock,
    home: tempfile::TempDir,
}

fn demo(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small").join(file)).unwrap()
}

/// A hub with the small demo model as `org/name`, under this licence.
fn person(licence: &str) -> Person {
    let card = format!("---\nlicense: {licence}\n---\n").into_bytes();
    let small =
        ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"];
    let mut files: Vec<_> = small.into_iter().map(|name| (name, demo(name), false)).collect();
    files.extend([("README.md", card, false), ("model.safetensors", demo("model.safetensors"), true)]);
    files.push(("original/consolidated.00.pth", vec![0x80; 5_000_000], true));
    Person { hub: Mock::new(&files), home: tempfile::tempdir().unwrap() }
}

impl Person {
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.env("HF_ENDPOINT", &self.hub.endpoint).env("HF_HUB_CACHE", self.cache());
        command.env("OLLAMA_MODELS", self.home.path().join("ollama")).env("XDG_STATE_HOME", self.home.path());
        for name in
            ["HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
        {
            command.env_remove(name);
        }
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join("hub")
    }

    /// What a command prints that succeeds, within eighty columns.
    fn told(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let is_path = |line: &str| line.contains(self.home.path().to_str().unwrap());
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80 && !is_path(line)).collect();
        assert!(long.is_empty() || args.contains(&"--json"), "{long:?}");
        text
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.told(&[args, &["--json"]].concat())).unwrap()
    }

    /// What a command says that fails, in one line.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        let words = String::from_utf8(output.stderr).unwrap();
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn weights(&self) -> PathBuf {
        self.cache().join("models--org--name/snapshots").join(self.hub.commit()).join("model.safetensors")
    }
}

#[test]
fn a_model_is_looked_at_before_it_is_fetched() {
    let person = person("apache-2.0");
    let text = person.told(&["pull", "org/name", "--dry-run", "--use", "commercial"]);
    for words in [
        "hf:org/name, commit c0ffeec0ffee",
        "1 other file is not needed, 5 MB",
        "free, in",
        "predicted",
        "floats",
        "apache-2.0",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let size = demo("model.safetensors").len() as u64;
    let asked: u64 =
        person.hub.gets("model.safetensors").iter().map(|r| r.range().unwrap()).map(|(a, b)| b + 1 - a).sum();
    assert!(asked < size / 4, "{asked} of {size} bytes of the weights were asked for");
    assert_eq!(person.hub.gets("tokenizer.json").len(), 0);
    assert!(!person.cache().exists(), "nothing was written");
    let told = person.json(&["pull", "org/name", "--dry-run"]);
    let known = person.json(&["info", "demo:small"]);
    for part in ["weights", "cache", "buffers", "tokens"] {
        let (found, expected) = (&told["predicted"]["memory"][part], &known["predicted"]["memory"][part]);
        assert!(expected.is_u64() && found == expected, "{part}: {found}, with the files {expected}");
    }
    assert_eq!(told["to_fetch"], told["bytes"]);
}

#[test]
fn nothing_is_fetched_where_nobody_says_yes() {
    let person = person("apache-2.0");
    let said = person.refused(&["pull", "org/name"]);
    assert!(said.contains("the input is no terminal") && said.contains("--yes"), "{said}");
    assert!(!person.cache().exists());
}

#[test]
fn a_use_that_the_licence_does_not_allow_stops_before_the_weights() {
    let person = person("cc-by-nc-4.0");
    let said = person.refused(&["pull", "org/name", "--yes", "--use", "commercial"]);
    assert!(said.contains("does not allow the use that was declared"), "{said}");
    assert!(!person.cache().exists());
    person.told(&["pull", "org/name", "--yes", "--use", "research"]);
    assert!(person.weights().is_file());
}

#[test]
fn what_was_pulled_is_run_listed_checked_and_removed_without_a_hub() {
    let person = person("apache-2.0");
    let pulled = person.json(&["pull", "hf:org/name", "--yes"]);
    let folder = person.weights().parent().unwrap().to_owned();
    assert_eq!(pulled["path"].as_str(), folder.to_str());
    assert_eq!(pulled["fetched"], pulled["bytes"]);
    assert!(fs::read(person.weights()).unwrap() == demo("model.safetensors"));
    person.told(&["pull", "org/name", "--dry-run"]);
    assert_eq!(person.hub.gets("model.safetensors").len(), 2, "its header and itself, each once");
    let before = person.hub.requests().len();
    assert_eq!(person.told(&["pull", "org/name", "--offline"]).trim(), folder.to_str().unwrap());
    for name in ["hf:org/name", "org/name", "hf:org/name@main"] {
        let answer = person.told(&["run", name, "--max-tokens", "3", "--temperature", "0", "hi"]);
        assert!(!answer.trim().is_empty(), "{name}");
    }
    let list = person.told(&["models"]);
    assert!(list.starts_with("hf:org/name ") && list.lines().count() == 1 && !list.contains("unfinished"), "{list}");
    assert!(person.told(&["models", "verify"]).contains("passed"));
    assert_eq!(person.hub.requests().len(), before, "nobody was asked");
    let blob = fs::canonicalize(person.weights()).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, bytes).unwrap();
    let output = person.run(&["models", "verify", "org/name"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("model.safetensors: its bytes do not have its hash"), "{said}");
    assert!(person.refused(&["models", "remove", "org/name"]).contains("--yes"));
    assert!(person.told(&["models", "remove", "org/name", "--yes"]).contains("came free"));
    assert!(person.told(&["models"]).contains("no models are on this machine"));
    assert!(person.refused(&["models", "verify", "org/name"]).contains("no model on this machine"));
}

#[test]
fn offline_asks_nobody() {
    let person = person("apache-2.0");
    let said = person.refused(&["pull", "org/name", "--offline", "--yes"]);
    assert!(said.contains("is not on this machine"), "{said}");
    assert_eq!(person.hub.requests().len(), 0);
}

#[test]
fn a_token_is_read_where_it_is_said_to_be_and_shown_nowhere() {
    let person = person("apache-2.0");
    let file = person.home.path().join("token");
    fs::write(&file, "hf_verysecret\n").unwrap();
    let file = file.to_str().unwrap();
    let output = person.run(&["pull", "org/name", "--yes", "--json", "--token-from", file]);
    assert!(output.status.success());
    assert!(
        person.hub.requests().iter().all(|request| request.header("authorization") == Some("Bearer hf_verysecret"))
    );
    person.hub.script(|_, _| Some(Fault::Says(403, vec![("X-Error-Code", "GatedRepo".to_owned())], "")));
    let said = person.refused(&["pull", "org/name", "--yes", "--token-from", file]);
    assert!(said.contains(&format!("{}/org/name", person.hub.endpoint)) && said.contains("gated"), "{said}");
    let all = format!("{said}{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!all.contains("verysecret"));
    let said = person.refused(&["pull", "org/name", "--token-from", "env:PLIMSOLL_TEST_NOT_SET"]);
    assert!(said.contains("`PLIMSOLL_TEST_NOT_SET` is not set"), "{said}");
}

#[test]
fn names_that_cannot_be_fetched_are_told_why() {
    let person = person("apache-2.0");
    for (name, said) in [
        ("demo:small", "part of this program"),
        ("./model.gguf", "a path of this machine"),
        ("smolm3", "did you mean `smollm3`?"),
        ("llama-4-compact-12b", "no files of"),
        ("a/b/c", "one slash"),
        ("hf:a", "expected org/name"),
        ("org/name:Q4_K_M", "no weights here"),
        ("org/other", "there is no such"),
    ] {
        let told = person.refused(&["pull", name, "--yes"]);
        assert!(told.contains(said), "{name}: {told}");
    }
    assert!(!person.cache().exists());
}

#[test]
fn an_announced_name_of_the_catalogue_is_its_repository() {
    let person = person("apache-2.0");
    let said = person.refused(&["pull", "smollm3", "--dry-run"]);
    let asked = person.hub.requests();
    assert!(asked[0].path.starts_with("/api/models/HuggingFaceTB/SmolLM3-3B/revision/main"), "{asked:?}: {said}");
}

#[test]
fn a_gguf_is_looked_at_by_its_header_and_found_by_its_label() {
    let written = tempfile::tempdir().unwrap();
    let case = plimsoll_testing::Case::named("smollm3").write(written.path());
    let bytes = fs::read(case.gguf.as_ref().unwrap()).unwrap();
    let files = [("x-F32.gguf", bytes, true), ("x-Q2_K.gguf", vec![7; 3000], true)];
    let person = Person { hub: Mock::new(&files), home: tempfile::tempdir().unwrap() };
    let told = person.json(&["pull", "org/name:f32", "--dry-run"]);
    let known = person.json(&["info", case.gguf.unwrap().to_str().unwrap()]);
    for part in ["weights", "cache", "buffers", "tokens"] {
        let (found, expected) = (&told["predicted"]["memory"][part], &known["predicted"]["memory"][part]);
        assert!(expected.is_u64() && found == expected, "{part}: {told}");
    }
    assert!(person.refused(&["pull", "org/name", "--yes"]).contains("F32, Q2_K"));
    let pulled = person.json(&["pull", "org/name:F32", "--yes"]);
    assert!(pulled["path"].as_str().unwrap().ends_with("/x-F32.gguf"));
    assert_eq!(person.json(&["info", "hf:org/name:F32"])["path"], pulled["path"]);
    assert_eq!(person.json(&["pull", "org/name:F32", "--yes", "--offline"])["path"], pulled["path"]);
}

#[test]
fn a_header_that_is_longer_than_what_is_asked_for_at_first_is_asked_for_to_its_end() {
    let written = tempfile::tempdir().unwrap();
    let case = plimsoll_testing::Case::named("smollm3");
    let mut keys = case.gguf.clone().unwrap();
    keys.insert("general.description".to_owned(), Value::String("x".repeat(5_000_000)));
    let path = case.tiny().write_gguf(written.path(), &keys).unwrap();
    let person =
        Person { hub: Mock::new(&[("x.gguf", fs::read(&path).unwrap(), true)]), home: tempfile::tempdir().unwrap() };
    let told = person.json(&["pull", "org/name", "--dry-run"]);
    let known = person.json(&["info", path.to_str().unwrap()]);
    assert_eq!(told["predicted"]["memory"]["weights"], known["predicted"]["memory"]["weights"], "{told}");
    let ranges: Vec<_> = person.hub.gets("x.gguf").iter().map(|request| request.range().unwrap()).collect();
    assert!(ranges.len() == 3 && ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0), "no byte twice: {ranges:?}");
}

#[test]
#[cfg(unix)]
fn who_presses_ctrl_c_goes_on_where_it_stopped() {
    let person = person("apache-2.0");
    let hub = person.hub.clone();
    let (reached, waiting) = std::sync::mpsc::channel();
    // The weights, but for their header, do not come to an end.
    person.hub.script(move |request, _| {
        let is_fetched = request.is_for("model.safetensors") && request.range().is_none();
        if is_fetched {
            reached.send(()).unwrap();
        }
        is_fetched.then_some(Fault::StallAfter(100_000))
    });
    let mut child = person.command(&["pull", "org/name", "--yes"]).stderr(Stdio::piped()).spawn().unwrap();
    waiting.recv().unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("what came is kept"), "{said}");
    assert!(person.told(&["models"]).contains("unfinished"));
    hub.script(|_, _| None);
    person.told(&["pull", "org/name", "--yes"]);
    assert!(!person.told(&["models"]).contains("unfinished"));
    assert!(fs::read(person.weights()).unwrap() == demo("model.safetensors"));
}

/// What `plimsoll ARGS` says on a terminal where somebody types `answer`; nothing where there is no `script` to make one.
#[cfg(target_os = "linux")]
fn typed(person: &Person, args: &str, answer: &str) -> Option<String> {
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_plimsoll"));
    let command = person.command(&[]);
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.ok()?;
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
#[cfg(target_os = "linux")]
fn a_person_is_asked_and_the_answer_is_taken() {
    let person = person("apache-2.0");
    let Some(said) = typed(&person, "pull org/name", "n\n") else { return skipped("there is no `script` here") };
    assert!(said.contains("fetch 94") && said.contains("[y/N]") && said.contains("nothing was changed"), "{said}");
    assert!(!person.cache().exists());
    let said = typed(&person, "pull org/name", "y\n").unwrap();
    assert!(said.contains("opens it"), "{said}");
    assert!(person.weights().is_file());
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_run_and_not_here_is_offered_fetched_and_answers() {
    let person = person("apache-2.0");
    let run = "run org/name --temperature 0 --max-tokens 8 Once";
    let Some(said) = typed(&person, run, "n\n") else { return skipped("there is no `script` here") };
    assert!(said.contains("not on this machine yet") && said.contains("nothing was changed"), "{said}");
    let said = typed(&person, run, "y\n").unwrap();
    assert!(person.weights().is_file() && !said.contains("opens it"), "{said}");
    let asked = person.hub.requests().len();
    let again = typed(&person, run, "").unwrap();
    assert!(!again.contains("[y/N]") && !again.trim().is_empty(), "{again}");
    assert_eq!(person.hub.requests().len(), asked, "what is here is asked of nobody");
    // The answer is what comes last, behind the question that nobody's terminal broke the line after.
    let last = |said: &str| said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    assert!(last(&said).ends_with(&last(&again)), "{said:?} {again:?}");
}

#[test]
fn a_model_of_ollama_is_pulled_and_opened_by_its_name() {
    let written = tempfile::tempdir().unwrap();
    let case = plimsoll_testing::Case::named("smollm3").write(written.path());
    let weights = crate::mock::File::new(fs::read(case.gguf.unwrap()).unwrap(), true);
    let person = Person { hub: Mock::new(&[]), home: tempfile::tempdir().unwrap() };
    let (sha, size) = (weights.sha256.clone(), weights.bytes.len());
    let layer = serde_json::json!({
        "mediaType": "application/vnd.ollama.image.model", "digest": format!("sha256:{sha}"), "size": size,
    });
    let manifest: &'static str = serde_json::json!({ "schemaVersion": 2, "layers": [layer] }).to_string().leak();
    person.hub.change(|inside| {
        inside.files.insert(sha.clone(), weights);
    });
    person.hub.script(move |request, _| {
        if request.path == "/v2/library/tiny/manifests/1b" {
            return Some(Fault::Says(200, Vec::new(), manifest));
        }
        let blob = request.path.strip_prefix("/v2/library/tiny/blobs/sha256:")?;
        Some(Fault::Says(307, vec![("Location", format!("/cdn/{blob}"))], ""))
    });
    let from = person.hub.endpoint.clone();
    assert!(person.refused(&["pull", "ollama:tiny:1b", "--offline"]).contains("is not on this machine"));
    let told = person.told(&["pull", "ollama:tiny:1b", "--from", &from, "--dry-run"]);
    assert!(told.contains("ollama:tiny:1b") && told.contains("model, "), "{told}");
    let pulled = person.json(&["pull", "ollama:tiny:1b", "--from", &from, "--yes"]);
    assert!(pulled["path"].as_str().unwrap().ends_with(&format!("blobs/sha256-{sha}")), "{pulled}");
    assert_eq!(person.json(&["info", "ollama:tiny:1b"])["path"], pulled["path"]);
    assert!(person.told(&["models"]).starts_with("ollama:tiny:1b "));
    assert!(person.told(&["models", "verify", "ollama:tiny:1b"]).contains("passed"));
    person.told(&["models", "remove", "ollama:tiny:1b", "--yes"]);
    assert!(person.told(&["models"]).contains("no models"));
}
