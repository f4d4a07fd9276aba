//! What scripts and people rely on, word for word: exit status, standard output, standard error.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Everything that a run leaves behind, in one text.
fn run(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(args)
        .env("COLUMNS", "100")
        .env_remove("PLIMSOLL_ISA")
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let status = output.status.code().unwrap();
    format!("$ plimsoll {}\nstatus: {status}\n--- stdout\n{stdout}--- stderr\n{stderr}", args.join(" "))
}

/// Every key of a document with the keys above it.
fn keys(value: &Value, above: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                keys(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, &format!("{above}[]"), found)),
        _ => {}
    }
}

#[test]
fn help() {
    insta::assert_snapshot!(run(&["--help"]));
}

#[test]
fn the_keys_of_info_for_machines() {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["info", "demo:small", "--json"]).output().unwrap();
    let mut found = BTreeSet::new();
    keys(&serde_json::from_slice(&output.stdout).unwrap(), "", &mut found);
    let found: Vec<String> = found.into_iter().collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn a_model_that_is_not_there() {
    insta::assert_snapshot!(run(&["run", "no/such/model", "hi"]));
}

#[test]
fn a_prompt_longer_than_the_context() {
    insta::assert_snapshot!(run(&["run", "demo:small", "--context", "8", "one two three four five six seven"]));
}

#[test]
fn a_suite_that_is_not_there() {
    insta::assert_snapshot!(run(&["eval", "demo:small", "--suite", "mmlu"]));
}
