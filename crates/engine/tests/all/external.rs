//! Models that another engine runs, with an engine that adds up what it is handed.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use plimsoll_engine::{EngineError, EngineOptions, GenerateOptions, Session, SessionError, SessionOptions, require};
use plimsoll_models::{Checkpoint, Format};
use plimsoll_runtime::StepError;
use tempfile::TempDir;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/large");

/// An engine whose likeliest token is the sum of all before it, that writes down what it is asked, and a folder for it.
struct Fake {
    folder: TempDir,
}

impl Fake {
    /// `greeting` is its first line; `each` is done before every answer, with `ids`, the whole sequence, at hand.
    fn new(greeting: &str, each: &str) -> Fake {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        std::fs::create_dir_all(model.join("onnx")).unwrap();
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(Path::new(DEMO).join(name), model.join(name)).unwrap();
        }
        std::fs::write(model.join("onnx/model.onnx"), [0; 4096]).unwrap();
        let fake = Fake { folder };
        let (vocab, log) = (fake.vocab_size(), fake.folder.path().join("log"));
        let program = format!(
            r#"#!/usr/bin/env python3
import os, struct, sys
asked, answers = sys.stdin.buffer, sys.stdout.buffer
answers.write(b'{greeting}\n')
answers.flush()
held, width = [], {vocab}
while head := asked.read(12):
    kept, n, wanted = struct.unpack("<3I", head)
    new = struct.unpack(f"<{{n}}I", asked.read(4 * n))
    open({log:?}, "a").write(f"{{kept}} {{n}} {{wanted}}\n")
    held = ids = held[:kept] + list(new)
    {each}
    answers.write(struct.pack("<2I", 0, width))
    for end in range(len(ids) - wanted, len(ids)):
        row = [0.0] * width
        row[sum(ids[:end + 1]) % width] = 5.0
        answers.write(struct.pack(f"<{{width}}f", *row))
    answers.flush()
"#
        );
        std::fs::write(fake.python(), program).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(fake.python(), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        fake
    }

    fn python(&self) -> PathBuf {
        self.folder.path().join("python")
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&self.folder.path().join("model")).unwrap()
    }

    fn vocab_size(&self) -> u32 {
        plimsoll_models::network(&self.checkpoint()).unwrap().vocab_size as u32
    }

    fn options(&self) -> SessionOptions {
        let engines = EngineOptions { python: Some(self.python()), mlx: false };
        SessionOptions { engines, context: Some(64), ..SessionOptions::default() }
    }

    fn open(&self) -> Result<Session, SessionError> {
        Session::open(&self.checkpoint(), &self.options())
    }

    /// What it was asked since it was last looked.
    fn asked(&self) -> Vec<String> {
        let log = self.folder.path().join("log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(log);
        text.lines().map(str::to_owned).collect()
    }
}

const READY: &str = r#"{"engine": "Sums 1.0"}"#;

fn answer(session: &mut Session, prompt: &[u32], max_tokens: usize) -> Result<Vec<u32>, SessionError> {
    let options = GenerateOptions { max_tokens: Some(max_tokens), ignore_eos: true, ..GenerateOptions::default() };
    Ok(session.generate(prompt, &options, |_| ControlFlow::Continue(()))?.tokens)
}

/// Each token is the sum of those before it.
fn sums(prompt: &[u32], n: usize, vocab_size: u32) -> Vec<u32> {
    let mut ids = prompt.to_vec();
    (0..n).for_each(|_| ids.push(ids.iter().sum::<u32>() % vocab_size));
    ids.split_off(prompt.len())
}

#[test]
#[cfg(unix)]
fn a_session_answers_what_the_engine_computes_and_hands_it_what_is_new_alone() {
    let fake = Fake::new(READY, "pass");
    assert_eq!(fake.checkpoint().format, Format::Onnx);
    let (mut session, vocab_size) = (fake.open().unwrap(), fake.vocab_size());
    assert_eq!(session.program().delegate().unwrap().0, "Sums 1.0");
    assert_eq!(answer(&mut session, &[3, 4, 5], 3).unwrap(), sums(&[3, 4, 5], 3, vocab_size));
    assert_eq!(fake.asked(), ["0 3 1", "3 1 1", "4 1 1"]);
    // Another that begins alike: two tokens stay.
    assert_eq!(answer(&mut session, &[3, 4, 9, 1], 1).unwrap(), sums(&[3, 4, 9, 1], 1, vocab_size));
    assert_eq!(fake.asked(), ["2 2 1"]);
    // Likelihoods are wanted behind several tokens at once.
    let likely = session.log_likelihood(&[3, 4, 9, 1][..], &sums(&[3, 4, 9, 1], 2, vocab_size)).unwrap();
    let unlikely = session.log_likelihood(&[3, 4, 9, 1][..], &[7, 7]).unwrap();
    assert!(likely > unlikely + 5.0, "{likely} {unlikely}");
}

#[test]
#[cfg(unix)]
fn an_engine_that_fails_is_told_in_its_words_and_asked_from_the_start_again() {
    let fail = "if 9 in new:\n        answers.write(struct.pack('<I', 8) + b'no nines'); answers.flush(); continue";
    let fake = Fake::new(READY, fail);
    let mut session = fake.open().unwrap();
    assert_eq!(answer(&mut session, &[3, 4], 1).unwrap(), [7]);
    fake.asked();
    let error = answer(&mut session, &[3, 4, 9], 1).unwrap_err();
    assert!(matches!(error, SessionError::Step(StepError::Delegate(_))), "{error:?}");
    assert_eq!(error.to_string(), "Sums 1.0: no nines");
    assert_eq!(answer(&mut session, &[3, 4, 5], 1).unwrap(), [12]);
    assert_eq!(fake.asked(), ["2 1 1", "0 3 1"]);
}

#[test]
#[cfg(unix)]
fn an_engine_that_ends_or_gives_other_rows_is_told() {
    let ends = Fake::new(READY, "sys.stderr.write('out of everything\\n'); sys.exit(3)");
    let error = answer(&mut ends.open().unwrap(), &[3], 1).unwrap_err().to_string();
    assert_eq!(error, "Sums 1.0: its process ended (exit status: 3): out of everything");
    let narrow = Fake::new(READY, "width = 7");
    let error = answer(&mut narrow.open().unwrap(), &[3], 1).unwrap_err().to_string();
    assert_eq!(error, format!("Sums 1.0: gave 7 logits, expected {}", narrow.vocab_size()));
}

#[test]
#[cfg(unix)]
fn an_engine_that_is_not_there_is_told_before_anything_is_asked() {
    let refused = |greeting: &str| match Fake::new(greeting, "pass").open() {
        Err(SessionError::Engine(error)) => error,
        other => panic!("{other:?}"),
    };
    let missing = refused(r#"{"missing": "onnxruntime"}"#);
    assert!(matches!(&missing, EngineError::Missing { module, .. } if module == "onnxruntime"), "{missing:?}");
    let error = refused(r#"{"error": "ValueError: opset 99"}"#).to_string();
    assert_eq!(error, "ONNX Runtime: ValueError: opset 99");
    let error = refused("Welcome!").to_string();
    assert_eq!(error, "ONNX Runtime: its first words are not understood");
    let options = EngineOptions { python: Some("/nowhere/python3".into()), mlx: false };
    let error = require(plimsoll_engine::Engine::OnnxRuntime, &options).unwrap_err().to_string();
    assert!(error.starts_with("ONNX Runtime is run by Python, and `/nowhere/python3` cannot be started: "), "{error}");
}
