//! A model looked at before it is fetched: files as long as the real ones, of which only the headers are there.
//!
//! What is predicted of it is what would be predicted of the whole: a prediction reads settings, names, types and shapes.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plimsoll_fetch::{Cancel, Hub, Plan, PlannedFile, Role, State};
use plimsoll_lab::predict::MemoryPrediction;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{CacheType, Program, resident_bytes};
use tempfile::TempDir;

use crate::model;

/// Longest settings file that is read for this, in bytes; tokenizers are longer and are not needed.
const LONGEST: u64 = 4 << 20;
/// How much of a GGUF is asked for at first. Its header holds the vocabulary, so it is doubled until it suffices.
const FIRST: u64 = 2 << 20;
/// No header is longer.
const MOST: u64 = 128 << 20;
/// Of a safetensors, at first.
const HEADER: u64 = 64 << 10;

/// What a model is, without its weights.
pub struct Preview {
    pub checkpoint: Checkpoint,
    pub memory: MemoryPrediction,
    /// The checkpoint is mapped from here, where its files are not here yet.
    _folder: Option<TempDir>,
}

/// Looks at the model of a plan.
///
/// # Errors
/// Its headers cannot be had, or it is none that runs here.
pub fn look(hub: &Hub, plan: &Plan, context: Option<usize>, cancel: &Cancel) -> anyhow::Result<Preview> {
    if let Some(path) = whole(plan) {
        let (checkpoint, memory) = predicted(&path, context)?;
        return Ok(Preview { checkpoint, memory, _folder: None });
    }
    let folder = tempfile::tempdir().context("no folder for a look at the headers")?;
    let outline = Outline { hub, plan, cancel, folder: folder.path() };
    for file in plan.files.iter().filter(|file| file.role == Role::Companion && is_settings(file)) {
        outline.fill(file, 0..file.bytes)?;
    }
    let weights: Vec<&PlannedFile> = plan.weights().collect();
    let Some(first) = weights.first() else { bail!("there are no weights") };
    let (checkpoint, memory) = if first.name.ends_with(".gguf") {
        outline.of_gguf(&weights, context)?
    } else {
        weights.iter().try_for_each(|file| outline.safetensors(file))?;
        predicted(folder.path(), context)?
    };
    Ok(Preview { checkpoint, memory, _folder: Some(folder) })
}

/// What is opened of a model that is here already.
fn whole(plan: &Plan) -> Option<PathBuf> {
    let all = plan.files.iter().all(|file| file.state == State::Here && plan.folder.join(&file.name).is_file());
    let first = plan.weights().next().filter(|_| all)?;
    Some(if first.name.ends_with(".gguf") { plan.folder.join(&first.name) } else { plan.folder.clone() })
}

fn is_settings(file: &PlannedFile) -> bool {
    let name = file.name.as_str();
    let is_vocabulary =
        ["tokenizer.", "vocab.", "merges.", "tekken.", "added_tokens."].iter().any(|begin| name.starts_with(begin));
    let is_text = [".json", ".md", ".txt"].iter().any(|end| name.ends_with(end)) || !name.contains('.');
    is_text && !is_vocabulary && file.bytes <= LONGEST
}

fn predicted(path: &Path, context: Option<usize>) -> anyhow::Result<(Checkpoint, MemoryPrediction)> {
    let checkpoint = Checkpoint::open(path)?;
    let cost = Program::cost(&checkpoint)?;
    let context = model::context(&checkpoint, context)?;
    let process = resident_bytes().map_or(0, |resident| resident.now);
    let memory = MemoryPrediction::new(&cost, process, context, CacheType::default());
    Ok((checkpoint, memory))
}

struct Outline<'a> {
    hub: &'a Hub,
    plan: &'a Plan,
    cancel: &'a Cancel,
    folder: &'a Path,
}

impl Outline<'_> {
    /// Each part with as much of its beginning as it takes.
    fn of_gguf(
        &self,
        parts: &[&PlannedFile],
        context: Option<usize>,
    ) -> anyhow::Result<(Checkpoint, MemoryPrediction)> {
        let path = self.path(parts[0]);
        let mut there = 0;
        let mut wanted = FIRST;
        loop {
            for part in parts {
                self.fill(part, there.min(part.bytes)..wanted.min(part.bytes))?;
            }
            match predicted(&path, context) {
                Ok(found) => return Ok(found),
                Err(_) if wanted < MOST && parts.iter().any(|part| part.bytes > wanted) => {
                    (there, wanted) = (wanted, wanted * 2);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The header of a safetensors, whose length its first eight bytes say.
    fn safetensors(&self, file: &PlannedFile) -> anyhow::Result<()> {
        let head = self.fill(file, 0..HEADER.min(file.bytes))?;
        let Some(length) = head.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)) else {
            bail!("{}: no safetensors", file.name)
        };
        let end = length.saturating_add(8);
        if end > file.bytes || end > MOST {
            bail!("{}: a header of {length} bytes is none", file.name);
        }
        if end > head.len() as u64 {
            self.fill(file, head.len() as u64..end)?;
        }
        Ok(())
    }

    fn path(&self, file: &PlannedFile) -> PathBuf {
        self.folder.join(&file.name)
    }

    /// Has a range of a file there; the rest of it is a hole.
    fn fill(&self, file: &PlannedFile, range: Range<u64>) -> anyhow::Result<Vec<u8>> {
        let bytes = self.hub.bytes(self.plan, &file.name, range.clone(), self.cancel)?;
        let path = self.path(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out: File = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        out.set_len(file.bytes)?;
        out.seek(SeekFrom::Start(range.start))?;
        out.write_all(&bytes)?;
        Ok(bytes)
    }
}
