//! The chat at a real terminal, which `tmux` is: skipped where there is none.
#![cfg(unix)]

use crate::skipped;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than any answer of a demo model takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of 80 columns in which `plimsoll run` is, until it is dropped.
struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    /// None where there is no `tmux`.
    fn running(words: &[&str]) -> Option<Terminal> {
        let terminal = Terminal { folder: tempfile::tempdir().unwrap() };
        let model = terminal.model(words[0]);
        let mut command = terminal.tmux();
        command.args([
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "200",
            env!("CARGO_BIN_EXE_plimsoll"),
            "run",
        ]);
        command.arg(model).args(&words[1..]).arg("--no-history").current_dir(terminal.folder.path());
        match command.output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return skip(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => return skip(&format!("no tmux: {error}")),
        }
        terminal.shows("\n>");
        Some(terminal)
    }

    /// A demo model, or one of them without its template.
    fn model(&self, name: &str) -> PathBuf {
        if name != "base" {
            return PathBuf::from(name);
        }
        let (demo, base) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small"), self.folder.path().join("base"));
        std::fs::create_dir(&base).unwrap();
        for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(demo.join(file), base.join(file)).unwrap();
        }
        base
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder.path().join("tmux"));
        command
    }

    fn screen(&self) -> String {
        let output = self.tmux().args(["capture-pane", "-p", "-J"]).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Waits until `text` is there.
    fn shows(&self, text: &str) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(started.elapsed() < PATIENCE, "no `{text}` in\n{screen}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Writes a line, and waits until `text` is there.
    fn write(&self, line: &str, text: &str) -> String {
        assert!(self.tmux().args(["send-keys", "-l", "--", line]).status().unwrap().success());
        assert!(self.tmux().args(["send-keys", "Enter"]).status().unwrap().success());
        self.shows(text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

fn skip(why: &str) -> Option<Terminal> {
    skipped::skipped(why);
    None
}

#[test]
fn settings_change_are_shown_and_what_was_said_is_kept() {
    let Some(terminal) = Terminal::running(&["demo:large", "--temperature", "0"]) else { return };
    terminal.write("What is 12 + 7?", "\n19\n");
    terminal.write("/set top_k 3", "\ntop_k 3\n");
    terminal.write("/set temperature -1", "sampling parameter `temperature` is -1, expected 0 or more");
    terminal.write("/set think on", "no reasoning switch");
    let listed = terminal.write("/set", "takes that back");
    let (_, listed) = listed.split_once("> /set\n").unwrap();
    let is_wide = |line: &str| line.chars().count() > 80;
    assert!(listed.contains("\nrepetition_penalty  1 ") && !listed.lines().any(is_wide), "{listed}");
    let shown = terminal.write("/show", "answers with");
    assert!(shown.contains("of 1024 tokens used") && shown.contains("Apache-2.0"), "{shown}");
    terminal.write("/save said.json", "saved said.json");
    terminal.write("/save said.json", "is there already");
    let file = terminal.folder.path().join("said.json");
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let [asked, answered] = ["What is 12 + 7?", "19"];
    let messages = serde_json::json!([{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]);
    assert_eq!(said["messages"], messages);
    terminal.write("/clear", "");
    terminal.write("/load said.json", "loaded said.json: 27 of 1024 tokens used");
}

#[test]
fn a_base_model_says_what_it_does_and_goes_on_with_what_is_there() {
    let Some(terminal) = Terminal::running(&["base", "--max-tokens", "3"]) else { return };
    assert!(terminal.screen().contains("has no chat template: it continues text"), "{}", terminal.screen());
    terminal.write("Once upon a time", "--max-tokens");
    terminal.write("/set max_tokens 2", "max_tokens 2");
    terminal.write("The dog", "> The dog\n");
    terminal.write("/save text", "saved text");
    let text = std::fs::read_to_string(terminal.folder.path().join("text")).unwrap();
    assert!(text.starts_with("Once upon a time") && text.contains("\nThe dog"), "{text:?}");
}

#[test]
fn a_picture_in_a_message_is_shown_to_a_model_that_sees_and_is_text_to_another() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/images/five_shapes.png");
    let asked = "What colour is the circle? 'my shapes.png'";
    for (model, seen) in [("demo:vision", true), ("demo:large", false)] {
        let Some(terminal) = Terminal::running(&[model, "--temperature", "0"]) else { return };
        std::fs::copy(&picture, terminal.folder.path().join("my shapes.png")).unwrap();
        let screen = terminal.write(asked, if seen { "black" } else { "my shapes.png'\n" });
        assert_eq!(screen.contains("attached my shapes.png: 1 tile"), seen, "{screen}");
        terminal.write("/save said.json", "saved said.json");
        let said = std::fs::read_to_string(terminal.folder.path().join("said.json")).unwrap();
        assert_eq!(said.contains("/my shapes.png\""), seen, "{said}");
        assert_eq!(said.contains("'my shapes.png'"), !seen, "{said}");
    }
}
