//! `plimsoll imatrix`

mod chats;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use plimsoll_formats::Imatrix as Measured;
use plimsoll_lab::calibration::Calibration;
use plimsoll_models::export::{GgufName, gguf_names};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_runtime::CacheType;
use serde_json::json;

use crate::args::Imatrix;
use crate::mistake::Mistake;
use crate::output::refuse_taken;
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{model, output, piped};

/// Tokens that a conversation may have, where the model holds as many.
const CONTEXT: usize = 8192;

/// Passes the texts through the model and writes what its weights count for.
///
/// # Errors
/// The model or a text cannot be read, or the file cannot be written.
pub fn run(command: &Imatrix, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let checkpoint = model::open_weights(&command.model)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(&checkpoint.name));
    refuse_taken(&path, command.force)?;
    let tower = Vision::of(&checkpoint, command.mmproj.as_deref())?;
    let names = gguf_names(&checkpoint, tower.as_ref())?;
    let measured = measure(command, settings, &checkpoint, &names)?;
    measured.write(&path)?;
    tell(command, &path, &measured, as_json)
}

fn measure(
    command: &Imatrix,
    settings: &Settings,
    checkpoint: &Checkpoint,
    names: &[GgufName],
) -> anyhow::Result<Measured> {
    let texts = command.texts.iter().map(|path| text(path)).collect::<anyhow::Result<Vec<String>>>()?;
    let chats = command.chats.iter().map(|path| chats::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let context = if chats.is_empty() { command.chunk as usize } else { CONTEXT.max(command.chunk as usize) };
    let context = context.min(model::context(checkpoint, None)?);
    let mut options = model::session_options(settings.clone(), Some(context), CacheType::F32);
    options.mmproj = command.mmproj.clone();
    let mut session = plimsoll_engine::Session::open(checkpoint, &options)?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let n_chats: usize = chats.iter().map(Vec::len).sum();
    let mut shown = Steps::new((bytes / BYTES_OF_TOKEN) as u64 + n_chats as u64, "reading");
    let mut calibration = Calibration::new(&mut session, command.chunk as usize);
    for text in &texts {
        calibration.text(text, command.chunks, |tokens| shown.pass(tokens))?;
    }
    for chat in chats.iter().flatten() {
        chat.pass(&mut calibration)?;
        shown.pass(1);
    }
    shown.done();
    let name = |path: &PathBuf| path.display().to_string();
    let datasets = command.texts.iter().chain(&command.chats).map(name).collect();
    Ok(calibration.finish(names, datasets)?)
}

/// A guess, for what is shown alone.
const BYTES_OF_TOKEN: usize = 4;

fn text(path: &Path) -> anyhow::Result<String> {
    let hint = "a calibration text is plain UTF-8, some hundred kilobytes of what the model will be used for";
    match String::from_utf8(piped::file(path)?) {
        Ok(text) if !text.trim().is_empty() => Ok(text),
        Ok(_) => Err(Mistake::error(format!("`{}` is empty", path.display()), hint)),
        Err(_) => Err(Mistake::error(format!("`{}` is no text: it is no UTF-8", path.display()), hint)),
    }
}

/// `MODEL.imatrix.gguf` here.
fn default_path(name: &str) -> PathBuf {
    PathBuf::from(format!("{}.imatrix.gguf", model::as_file_name(name)))
}

fn tell(command: &Imatrix, path: &Path, measured: &Measured, as_json: bool) -> anyhow::Result<()> {
    let missed: Vec<(&String, usize, usize)> = measured
        .weights
        .iter()
        .filter_map(|(name, importance)| {
            let n = importance.counts.len();
            let missed = (0..n).filter(|at| importance.means(*at).is_none()).count();
            (missed > 0).then_some((name, missed, n))
        })
        .collect();
    if as_json {
        let missed = missed.iter().map(|(name, missed, of)| json!({ "weight": name, "missed": missed, "of": of }));
        return output::print_json(&json!({
            "model": command.model, "file": path, "weights": measured.weights.len(), "chunks": measured.chunks,
            "chunk_size": measured.chunk_size, "experts_without_data": missed.collect::<Vec<_>>(),
        }));
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{}  {} weights over {} pieces of text",
        shown_text(&path.display().to_string(), 200),
        measured.weights.len(),
        measured.chunks
    )?;
    for (name, missed, of) in &missed {
        writeln!(out, "{}: no token came to {missed} of its {of} experts", shown_text(name, 60))?;
    }
    if !missed.is_empty() {
        writeln!(out, "Their columns will all count alike. More text, or other text, reaches more experts.")?;
    }
    Ok(())
}
