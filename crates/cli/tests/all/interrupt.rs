//! Ctrl-C, whatever standard input and output are.
#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// `<|im_end|>` of the demo models.
const END_FORBIDDEN: &str = "2=-100";

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn press_ctrl_c(child: &Child) {
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
}

/// Presses until the program has ended, as a person would.
fn press_until_it_ends(child: &mut Child) -> ExitStatus {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        press_ctrl_c(child);
        std::thread::sleep(Duration::from_millis(100));
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
    }
    child.kill().unwrap();
    panic!("Ctrl-C did not end it");
}

#[test]
fn a_question_that_waits_for_a_pipe_ends() {
    let mut child = start(&["run", "demo:small", "--temperature", "0", "--max-tokens", "2"]);
    let mut input = child.stdin.take().unwrap();
    // More than a pipe holds: once it is written, the program is up and reads.
    input.write_all(&[b'a'; 1 << 20]).unwrap();
    let status = press_until_it_ends(&mut child);
    drop(input); // open until here: it was not the end of the input that ended the program
    assert_eq!(status.code(), Some(130));
}

#[test]
fn an_answer_that_is_broken_off_says_so_in_words_and_status() {
    // Its end forbidden, an answer goes on to the end of the context.
    let mut child = start(&["run", "demo:large", "a", "--raw", "--temperature", "1", "--logit-bias", END_FORBIDDEN]);
    drop(child.stdin.take()); // a question waits for the end of what may be piped in before it
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    press_ctrl_c(&child);
    out.read_to_end(&mut Vec::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
}

#[test]
fn a_comparison_that_a_server_started_ends_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("evidence.db");
    let store = store.to_str().unwrap();
    let args = ["compare", "demo:small", "demo:large", "--progress-json", "--no-report", "--store", store];
    let mut child = start(&args);
    let mut first = [0];
    child.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first, *b"{", "it is under way");
    // What the system does when a process is killed.
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
