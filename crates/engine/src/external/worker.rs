//! The process that an engine runs in, and what is said to it: `worker.py`.

use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use plimsoll_runtime::{Delegate, DelegateError, ResidentBytes, resident_bytes_of};
use serde_json::Value;

use super::{Engine, EngineError};

/// What Python runs.
const PROGRAM: &str = include_str!("worker.py");
/// The longest first line, and the longest message, in bytes.
const LONGEST_MESSAGE: usize = 1 << 16;
/// The widest row of logits.
const WIDEST: usize = 1 << 24;
/// Of what the process wrote beside, what is told when it ends.
const TOLD: u64 = 600;

/// An engine in a process of its own, with a model that it has loaded.
pub(crate) struct Worker {
    child: Child,
    asks: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What it writes beside its answers.
    beside: std::fs::File,
    engine: String,
    /// The tokens whose keys and values it has.
    held: Vec<u32>,
    logits: Vec<f32>,
}

impl Worker {
    /// Starts it and waits until the model is loaded.
    pub fn start(engine: Engine, python: &Path, threads: NonZeroUsize, files: &[&Path]) -> Result<Worker, EngineError> {
        let python_name = || python.display().to_string();
        let no_python = |source| EngineError::Python { engine, python: python_name(), source };
        let beside = tempfile::tempfile().map_err(no_python)?;
        let mut child = Command::new(python)
            .args(["-c", PROGRAM, engine.argument(), &threads.to_string()])
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(beside.try_clone().map_err(no_python)?)
            .spawn()
            .map_err(no_python)?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both are pipes")
        };
        let mut worker = Worker {
            child,
            asks: BufWriter::new(asks),
            answers: BufReader::new(answers),
            beside,
            engine: engine.name().to_owned(),
            held: Vec::new(),
            logits: Vec::new(),
        };
        let greeting = worker.greeting()?;
        if let Some(module) = greeting.get("missing").and_then(Value::as_str) {
            let module = module.to_owned();
            return Err(EngineError::Missing { engine, python: python_name(), module });
        }
        match (greeting.get("engine").and_then(Value::as_str), greeting.get("error").and_then(Value::as_str)) {
            (Some(engine), _) => worker.engine = engine.to_owned(),
            (None, Some(error)) => return Err(worker.says(error).into()),
            (None, None) => return Err(worker.says("its first words are not understood").into()),
        }
        Ok(worker)
    }

    /// The first line, of JSON.
    fn greeting(&mut self) -> Result<Value, DelegateError> {
        let mut line = Vec::new();
        let read = self.answers.by_ref().take(LONGEST_MESSAGE as u64).read_until(b'\n', &mut line);
        match read {
            Ok(0) | Err(_) => Err(self.ended()),
            Ok(_) => Ok(serde_json::from_slice(&line).unwrap_or_default()),
        }
    }

    /// A number of 32 bits.
    fn number(&mut self) -> Result<usize, DelegateError> {
        let mut bytes = [0; 4];
        self.answers.read_exact(&mut bytes).map_err(|_| self.ended())?;
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    /// Has `ids` follow the first `kept` tokens that it holds.
    fn step(&mut self, kept: usize, ids: &[u32], wanted: usize) -> Result<(), DelegateError> {
        let head = [kept, ids.len(), wanted].map(|number| number as u32);
        let words = head.iter().chain(ids);
        let asked = words.clone().try_for_each(|word| self.asks.write_all(&word.to_le_bytes()));
        asked.and_then(|()| self.asks.flush()).map_err(|_| self.ended())?;
        let length = self.number()?;
        if length > 0 {
            let mut message = vec![0; length.min(LONGEST_MESSAGE)];
            self.answers.read_exact(&mut message).map_err(|_| self.ended())?;
            return Err(self.says(&String::from_utf8_lossy(&message)));
        }
        let width = self.number()?;
        if width > WIDEST {
            return Err(self.says(&format!("gave rows of {width} logits")));
        }
        let mut bytes = vec![0; wanted * width * size_of::<f32>()];
        self.answers.read_exact(&mut bytes).map_err(|_| self.ended())?;
        self.logits.clear();
        self.logits.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        Ok(())
    }

    fn says(&self, message: &str) -> DelegateError {
        DelegateError { engine: self.engine.clone(), message: message.trim().to_owned() }
    }

    /// That it has ended, with the last of what it wrote.
    fn ended(&mut self) -> DelegateError {
        let status = self.child.wait();
        let mut text = Vec::new();
        let length = self.beside.seek(SeekFrom::End(0)).unwrap_or(0);
        let _ = self.beside.seek(SeekFrom::Start(length.saturating_sub(TOLD)));
        let _ = (&self.beside).take(TOLD).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let last = text.trim().lines().last().unwrap_or("it said nothing").to_owned();
        match status {
            Ok(status) => self.says(&format!("its process ended ({status}): {last}")),
            Err(error) => self.says(&format!("its process is lost: {error}")),
        }
    }
}

impl Delegate for Worker {
    fn engine(&self) -> &str {
        &self.engine
    }

    fn logits(&mut self, ids: &[u32], wanted: usize) -> Result<&[f32], DelegateError> {
        let alike = self.held.iter().zip(ids).take_while(|(held, id)| held == id).count();
        // What logits are wanted after, it has to see again.
        let kept = alike.min(ids.len().saturating_sub(wanted.max(1)));
        // What it holds after it has failed is not known.
        self.held.clear();
        self.step(kept, &ids[kept..], wanted)?;
        self.held.extend_from_slice(ids);
        Ok(&self.logits)
    }

    fn resident(&self) -> Option<ResidentBytes> {
        resident_bytes_of(self.child.id())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
