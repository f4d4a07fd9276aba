//! Models by name, cards without files, and licences held against a use.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A home of nobody, so that no cards and no cache of this machine are seen.
fn plimsoll(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "PLIMSOLL_ISA"] {
        command.env_remove(variable);
    }
    command.args(args).env("HOME", home).output().unwrap()
}

fn stdout(home: &Path, args: &[&str]) -> String {
    let output = plimsoll(home, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(home: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&stdout(home, args)).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The small demo model under `folder`, with another model card.
fn demo_at(folder: &Path, readme: &str) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(demo).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    fs::write(folder.join("README.md"), readme).unwrap();
}

const APACHE: &str = "---\nlicense: apache-2.0\n---\n";

#[test]
fn a_model_without_files_has_its_card_and_its_gate_fails_with_the_clause() {
    let home = tempfile::tempdir().unwrap();
    let args = ["info", "claude-haiku-open-weights", "--use", "commercial", "--users", "50000", "--region", "eu"];
    let text = stdout(home.path(), &args);
    assert!(text.contains("Anthropic") && text.contains("unmeasured"), "{text}");
    assert!(text.contains("commercial, 50000 users, EU: failed"), "{text}");
    assert!(text.contains("non-commercial"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let value = json(home.path(), &[&args[..], &["--json"]].concat());
    assert_eq!(
        (value["gate"]["outcome"].as_str(), value["card"]["maker"].as_str()),
        (Some("failed"), Some("Anthropic"))
    );
    assert_eq!(value["use"]["region"], "EU");
    assert!(value["artifact"].is_null());
}

#[test]
fn running_a_model_without_files_says_how_to_fetch_it_and_where_files_were_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["run", "smollm3", "hi"]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("`smollm3` is known, but its files are not on this machine"), "{told}");
    assert!(told.contains("`plimsoll pull HuggingFaceTB/SmolLM3-3B` (about 6.2 GB)"), "{told}");
    assert!(told.contains("models--HuggingFaceTB--SmolLM3-3B"), "{told}");
    assert!(told.contains("plimsoll/catalog"), "{told}");
}

#[test]
fn a_name_finds_the_revision_in_the_hubs_cache_and_an_existing_path_wins_over_it() {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join(".cache/huggingface/hub/models--HuggingFaceTB--SmolLM3-3B");
    demo_at(&model.join("snapshots/0a1b"), APACHE);
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::write(model.join("refs/main"), "0a1b").unwrap();
    for name in ["smollm3", "SMOLLM3-3B", "huggingfacetb/smollm3-3b"] {
        let value = json(home.path(), &["info", name, "--json"]);
        assert!(value["path"].as_str().unwrap().ends_with("snapshots/0a1b"), "{name}: {}", value["path"]);
        assert_eq!(value["card"]["id"], "smollm3");
    }
    let here = tempfile::tempdir().unwrap();
    demo_at(&here.path().join("smollm3"), APACHE);
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["info", "smollm3", "--json"])
        .current_dir(here.path())
        .env("HOME", home.path())
        .output()
        .unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["path"], "smollm3");
}

#[test]
fn a_users_card_names_its_files_and_a_broken_one_is_refused_with_its_key() {
    let home = tempfile::tempdir().unwrap();
    let cards = home.path().join(".config/plimsoll/catalog");
    demo_at(&cards.join("files"), APACHE);
    let card = "id = \"mine\"\nname = \"Mine\"\nmaker = \"Me\"\nfamily = \"Mine\"\ncategory = \"text\"\n\
                best_for = \"tests\"\ndescription = \"A test.\"\nartifact = \"files\"\navailability = \"published\"\n";
    fs::write(cards.join("mine.toml"), card).unwrap();
    assert_eq!(json(home.path(), &["info", "mine", "--json"])["parameters"], 455_520);
    assert!(stdout(home.path(), &["catalog"]).contains("mine"));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("bad.toml"), card.replace("\"text\"", "\"smell\"")).unwrap();
    let folder = other.path().to_str().unwrap();
    let output = plimsoll(home.path(), &["catalog", "--catalog", folder]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("bad.toml") && told.contains("key `category`"), "{told}");
}

#[test]
fn info_tells_a_conflict_between_card_and_text() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    demo_at(&folder, "---\nlicense: mit\n---\n");
    fs::write(folder.join("LICENSE"), "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version").unwrap();
    let model = folder.to_str().unwrap();
    let text = stdout(home.path(), &["info", model, "--use", "commercial", "--users", "800000000", "--region", "US"]);
    assert!(text.contains("conflict:") && text.contains("FAILED: 800 million users"), "{text}");
    assert!(text.contains("LICENSE begins as LicenseRef-Llama-3.1-Community does"), "{text}");
    let value = json(home.path(), &["info", model, "--json"]);
    assert_eq!(value["terms"]["conflicts"].as_array().unwrap().len(), 1);
    assert!(value["gate"].is_null(), "no use was declared");
}

#[test]
fn the_demo_passes_for_commerce() {
    let home = tempfile::tempdir().unwrap();
    let text = stdout(home.path(), &["info", "demo:small", "--use", "commercial"]);
    assert!(text.contains("commercial: passed") && text.contains("taken for Apache-2.0"), "{text}");
}

#[test]
fn a_licence_that_denies_commerce_is_told_once_for_each_model() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    demo_at(&folder, "---\nlicense: cc-by-nc-4.0\n---\n");
    let run = || stderr(&plimsoll(home.path(), &["run", folder.to_str().unwrap(), "--max-tokens", "1", "hi"]));
    let first = run();
    assert!(first.contains("CC-BY-NC-4.0: commercial use is not allowed"), "{first}");
    assert!(!run().contains("commercial"), "it was said before");
    fs::write(folder.join("README.md"), "---\nlicense: acme-1\n---\n").unwrap();
    assert!(run().contains("is not known"), "another licence of the same files is news");
    let free = plimsoll(home.path(), &["run", "demo:small", "--max-tokens", "1", "hi"]);
    assert!(!stderr(&free).contains("licence"), "a permissive licence needs no words");
}

#[test]
fn users_are_of_a_commercial_use_where_no_other_is_named_and_a_region_is_a_code() {
    let home = tempfile::tempdir().unwrap();
    let text = stdout(home.path(), &["info", "demo:small", "--users", "5"]);
    assert!(text.contains("commercial, 5 users: passed"), "{text}");
    for args in [
        &["info", "demo:small", "--use", "fun"][..],
        &["info", "demo:small", "--use", "research", "--region", "Europe"],
    ] {
        assert_eq!(plimsoll(home.path(), args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_catalogue_is_listed_and_one_card_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let list = stdout(home.path(), &["catalog"]);
    assert!(list.contains("claude-haiku-open-weights") && list.contains("paligemma-3b"), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let card = stdout(home.path(), &["catalog", "SmolVLM2"]);
    assert!(card.contains("Ship, 100 %") && card.contains("Skeptic 78 ship"), "{card}");
    assert!(card.contains("not verified") && card.contains("published, not measured"), "{card}");
    assert!(card.lines().all(|line| line.chars().count() <= 80), "{card}");
    assert_eq!(json(home.path(), &["catalog", "--json"])["cards"].as_array().unwrap().len(), 85);
    let unknown = plimsoll(home.path(), &["catalog", "nobody"]);
    assert!(stderr(&unknown).contains("`nobody`"));
}

#[test]
fn a_picture_cannot_be_counted_from_a_card() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["info", "smolvlm-3b", "--image", "any.png"]);
    assert!(!output.status.success() && stderr(&output).contains("`plimsoll fit --pictures N`"), "{}", stderr(&output));
}

#[test]
fn a_catalogue_that_was_named_and_cannot_be_read_is_refused_by_every_command() {
    let home = tempfile::tempdir().unwrap();
    let (pipe, file) = (home.path().join("pipe"), home.path().join("file.toml"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&file, "id = \"mine\"").unwrap();
    let commands: [&[&str]; 10] = [
        &["history"],
        &["evidence", "check"],
        &["votes", "audit"],
        &["catalog"],
        &["run", "demo:small", "hi"],
        &["info", "demo:small"],
        &["tokenize", "demo:small", "hi"],
        &["fit"],
        &["completions", "bash"],
        &["bench", "demo:small"],
    ];
    for folder in [&pipe, &file, &home.path().join("absent")] {
        for command in commands {
            let output = plimsoll(home.path(), &[command, &["--catalog", folder.to_str().unwrap()]].concat());
            let told = stderr(&output);
            assert!(!output.status.success() && told.contains(folder.to_str().unwrap()), "{command:?}: {told}");
        }
    }
}
