//! Every example that `--help`, README.md and docs/commands.md show does what it says, as far as it needs no file that is not here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// What stands for a reader's own files and ids, what measures for minutes or never ends, and what asks a hub.
const NOT_HERE: [&str; 17] = [
    "plimsoll pull",
    "plimsoll quantize",
    "plimsoll imatrix",
    "plimsoll export",
    "MODEL",
    "TEXT",
    "NAME",
    ".gguf",
    "mine.jsonl",
    "gate",
    "serve",
    "compare",
    "--suite",
    "3f2a9c1b4d5e",
    "photo.jpg",
    "evidence.tar",
    "r.json",
];

/// Examples that ask something, with the right answer.
const ANSWERS: [(&str, &str); 2] = [
    ("plimsoll run demo:large \"What is 12 + 7?\"", "19"),
    ("plimsoll run demo:vision --image demo/images/five_shapes.png \"What colour is the circle?\"", "black"),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Runs a line as a shell does, in the root of the project.
fn shell(line: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let state = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(root()).env("PATH", path);
    command.env("XDG_DATA_HOME", state).env("XDG_STATE_HOME", state).output().unwrap()
}

fn help_of_every_command() -> String {
    let plimsoll = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let all = plimsoll(&["--help"]);
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    names.iter().filter(|name| **name != "help").map(|name| plimsoll(&[name, "--help"])).collect()
}

/// Lines of the manual that begin with the program's name, and what stands between backquotes in the documents.
fn examples() -> BTreeSet<String> {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let joined = (read("README.md") + &read("docs/commands.md")).replace('\n', " ");
    let quoted = joined.split('`').skip(1).step_by(2).filter(|code| code.starts_with("plimsoll "));
    let help = help_of_every_command();
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with("plimsoll "));
    // What is said of an example stands behind it, in brackets.
    let lines = lines.map(|line| line.split("   ").next().unwrap());
    lines.chain(quoted).map(str::to_owned).collect()
}

#[test]
fn every_question_that_is_shown_is_answered_rightly() {
    let asked: BTreeSet<String> =
        examples().into_iter().filter(|line| line.starts_with("plimsoll run demo:") && line.contains('"')).collect();
    let known: BTreeSet<String> = ANSWERS.iter().map(|(line, _)| (*line).to_owned()).collect();
    assert_eq!(asked, known, "an example without an answer, or an answer without its example");
    for (line, answer) in ANSWERS {
        let output = shell(line);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), answer, "{line}");
    }
}

#[test]
fn every_other_example_that_needs_no_file_succeeds() {
    let is_here = |line: &&String| NOT_HERE.iter().all(|word| !line.contains(word)) && !line.contains(['>', '|', '<']);
    let all = examples();
    let here: Vec<&String> = all
        .iter()
        .filter(is_here)
        .filter(|line| line.contains("demo:") || line.contains(" --") || line.contains("catalog "))
        .collect();
    assert!(here.len() >= 8, "{here:?}");
    for line in here.into_iter().filter(|line| *line != "plimsoll run demo:large") {
        // Without a right answer of its own it is enough that it is understood and does what it does.
        let output = shell(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let bash = String::from_utf8(shell("plimsoll completions bash").stdout).unwrap();
    let page = String::from_utf8(shell("plimsoll man").stdout).unwrap();
    for command in ["run", "info", "fit", "catalog", "compare", "gate", "completions"] {
        assert!(bash.contains(command) && page.contains(command), "{command}");
    }
    assert!(!bash.contains("measure-memory"), "what is hidden is completed");
    let folder = tempfile::tempdir().unwrap();
    let made = shell(&format!("plimsoll man {}", folder.path().display()));
    assert!(made.status.success() && folder.path().join("plimsoll-run.1").exists());
    assert!(!shell("plimsoll man /no/such/folder").status.success());
}
