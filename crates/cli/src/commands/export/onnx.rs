//! `plimsoll export onnx`

use std::cell::RefCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use plimsoll_engine::{Engine, SessionError, require};
use plimsoll_export::onnx::{OnnxError, OnnxExport, WrittenGraph};
use plimsoll_formats::{Folder, NewFolder};
use plimsoll_kernels::Pool;
use plimsoll_lab::loss::beside::Losses;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{Arithmetic, Program, Tower};
use serde_json::{Value, json};

use super::room::make_room;
use crate::args::ExportOnnx;
use crate::device::bytes;
use crate::loss::Base;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{demo, interrupt, loss, model, output};

/// Writes a folder that transformers.js and ONNX Runtime read.
///
/// # Errors
/// The model cannot be read or said in ONNX, or the folder cannot be written.
pub fn run(command: &ExportOnnx, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let checkpoint = model::open_weights(&command.model)?;
    let vision = if command.text_only { None } else { Vision::of(&checkpoint, command.mmproj.as_deref())? };
    // What does not run here is not written either: every weight has its place, and none is left over.
    drop(Program::load(&checkpoint, settings.isa, settings.threads, Arithmetic::Exact)?);
    if let Some(vision) = &vision {
        drop(Tower::load(vision, settings.isa, settings.threads, Arithmetic::Exact)?);
    }
    if command.exact && checkpoint.tensors().all(|tensor| tensor.dtype().is_float()) {
        let message = format!("`{}` holds no quantised weights that could be kept", command.model);
        return Err(Mistake::error(message, "--to q4 or --to q8 fits them"));
    }
    if command.measure {
        require(Engine::OnnxRuntime, &settings.engines).map_err(SessionError::from)?;
    }
    let companions = companions(command, &checkpoint)?;
    make_room(&command.output, command.force, &["config.json", "onnx"], &checkpoint, &companions)?;
    let precisions = command.precisions();
    let export = OnnxExport {
        checkpoint: &checkpoint,
        vision: vision.as_ref(),
        companions: &companions,
        precisions: &precisions,
    };
    let graphs = export.graphs().map_err(explained)?;
    let (folder, pool) = (NewFolder::create(&command.output)?, Pool::new(settings.threads)?);
    let (shown, stop) = (RefCell::new(Steps::new(graphs.weight_bytes(), "writing")), interrupt::flag()?);
    let goes_on = |bytes| {
        shown.borrow_mut().pass(bytes);
        !stop.load(Ordering::Relaxed)
    };
    let written = graphs.write(folder.path(), &pool, &goes_on);
    shown.borrow().done();
    if let Err(stopped @ OnnxError::Stopped) = written {
        // Whoever pressed Ctrl-C made no mistake.
        say(format_args!("\n{stopped}"));
        return Ok(ExitCode::from(interrupt::EXIT));
    }
    let written = written.map_err(explained)?;
    let losses = if command.measure { measured(&folder, &checkpoint, &written, settings)? } else { Losses::new() };
    folder.keep()?;
    if let Some(native) = graphs.native_context() {
        say(format_args!(
            "note: a sequence that outgrows {native} tokens while it is written keeps the keys that were cached before; \
             a longer prompt has none"
        ));
    }
    if as_json {
        output::print_json(&document(command, &written, &losses))?;
    } else {
        print(&command.output, &written)?;
        loss::print_beside(&losses)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What each of the text model's graphs lost.
fn measured(
    folder: &NewFolder,
    checkpoint: &Checkpoint,
    written: &[WrittenGraph],
    settings: &Settings,
) -> anyhow::Result<Losses> {
    let texts = written.iter().filter(|graph| graph.is_decoder()).map(|graph| folder.path().join(&graph.file));
    Base::new(checkpoint, settings).store_beside(folder.path(), &texts.collect::<Vec<_>>())
}

/// Where settings and tokenizer lie: beside the weights, but for a GGUF alone.
fn companions(command: &ExportOnnx, checkpoint: &Checkpoint) -> anyhow::Result<Folder> {
    if let Some(files) = demo::files(&command.model) {
        return Ok(Folder::Embedded { name: command.model.clone(), files });
    }
    let beside = || {
        let path = checkpoint.path.as_deref()?;
        if path.is_dir() { Some(path.to_owned()) } else { path.parent().map(Path::to_owned) }
    };
    let path: PathBuf = command.files.clone().or_else(beside).unwrap_or_default();
    if path.join("config.json").is_file() {
        return Ok(Folder::Disk(path));
    }
    let message = format!("`{}` has no config.json, which goes along with the graphs", path.display());
    Err(Mistake::error(message, "--files DIR names the folder that the model was published in"))
}

fn explained(error: OnnxError) -> anyhow::Error {
    let hint = match &error {
        OnnxError::Blocks { .. } => "--exact writes the blocks that a GGUF has, --to fp32 what they stand for",
        OnnxError::Unsupported { .. } => "`plimsoll export gguf` writes a file that llama.cpp runs",
        _ => return error.into(),
    };
    Mistake::error(error.to_string(), hint)
}

fn document(command: &ExportOnnx, written: &[WrittenGraph], losses: &Losses) -> Value {
    let graphs = written.iter().map(|graph| {
        json!({ "file": graph.file, "precision": graph.precision.name(), "nodes": graph.nodes, "bytes": graph.bytes })
    });
    json!({
        "model": command.model, "folder": command.output.display().to_string(), "exact": command.exact,
        "graphs": graphs.collect::<Vec<_>>(), "losses": losses, "bytes": written.iter().map(|graph| graph.bytes).sum::<u64>(),
    })
}

fn print(folder: &Path, written: &[WrittenGraph]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for graph in written {
        writeln!(out, "{:36} {:6} nodes  {:>10}", graph.file, graph.nodes, bytes(graph.bytes as f64))?;
    }
    let total: u64 = written.iter().map(|graph| graph.bytes).sum();
    writeln!(out, "{}  {}", shown_text(&folder.display().to_string(), 200), bytes(total as f64))
}
