//! `plimsoll export onnx`

mod widths;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use plimsoll_engine::{Engine, SessionError, require};
use plimsoll_export::Card;
use plimsoll_export::onnx::{Matrices, OnnxError, OnnxExport, OnnxGraphs, Precision, WrittenGraph};
use plimsoll_formats::{Folder, NewFolder};
use plimsoll_kernels::Pool;
use plimsoll_lab::loss::beside::Losses;
use plimsoll_models::export::require_written;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{Arithmetic, Program, Tower};
use serde_json::{Map, Value, json};

use super::card;
use super::fitting::{self, Given};
use super::room::make_room;
use crate::args::ExportOnnx;
use crate::device::bytes;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{demo, interrupt, loss, model, output};

use widths::Widths;

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
        if let Err(error) = require_written(&vision.params) {
            return Err(Mistake::error(error.to_string(), "--text-only exports the text model"));
        }
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
    let (precisions, pool) = (precisions(command)?, Pool::new(settings.threads)?);
    let none = Matrices::default();
    let vision = vision.as_ref();
    let export = OnnxExport {
        checkpoint: &checkpoint,
        vision,
        companions: &companions,
        precisions: &precisions,
        matrices: &none,
    };
    // What cannot be said in ONNX is refused before anything is searched for.
    drop(export.graphs().map_err(explained)?);
    let (path, fitting) = (&*command.output, &command.fitting);
    let given = Given { fitting, settings, checkpoint: &checkpoint, vision, pool: &pool, path };
    let widths = Widths::settle(given, precisions[0])?;
    let graphs = OnnxExport { matrices: &widths.matrices, ..export }.graphs().map_err(explained)?;
    let gaps = widths.gaps(&graphs)?;
    let Some((folder, written)) = write(&graphs, path, &pool)? else {
        // Whoever pressed Ctrl-C made no mistake.
        say(format_args!("\n{}", OnnxError::Stopped));
        return Ok(ExitCode::from(interrupt::EXIT));
    };
    let card = Card {
        library: "transformers.js",
        tag: "onnx",
        name: &checkpoint.name,
        base_model: None,
        licence: &checkpoint.licence,
        sees: vision.is_some(),
        about: &about(command, &written),
    };
    card::write(folder.path(), path, &companions, card)?;
    let texts = written.iter().filter(|graph| graph.is_decoder()).map(|graph| folder.path().join(&graph.file));
    let texts: Vec<PathBuf> = texts.collect();
    let losses = fitting::keep(folder, given, command.measure, &texts, widths.found())?;
    widths.wrote(given, &written)?;
    gaps.iter().for_each(|gap| say(format_args!("note: {gap}")));
    if let Some(native) = graphs.native_context() {
        say(format_args!(
            "note: a sequence that outgrows {native} tokens while it is written keeps the keys that were cached before; \
             a longer prompt has none"
        ));
    }
    if as_json {
        output::print_json(&document(command, &widths, &losses, &written))?;
    } else {
        print(&command.output, &widths, &written)?;
        loss::print_beside(&losses)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// In what numbers; where each weight has a width of its own, one of those that say of what the rest is.
fn precisions(command: &ExportOnnx) -> anyhow::Result<Vec<Precision>> {
    if let Some(recipe) = &command.fitting.recipe {
        return Ok(vec![widths::precision_of(recipe)?]);
    }
    let asked = command.precisions();
    match asked[..] {
        [Precision::Q4 | Precision::Q4F16] => Ok(asked),
        _ if command.fitting.is_mixed() => {
            let message = "--fit writes one graph, under the name of q4 or q4f16, by which it is asked for";
            Err(Mistake::error(message, "leave --to out, or give --to q4f16, which has the rest in half precision"))
        }
        _ => Ok(asked),
    }
}

/// How weights are stored, and who runs them, in the words of the card.
fn about(command: &ExportOnnx, written: &[WrittenGraph]) -> String {
    let mut precisions: Vec<&str> = written.iter().map(|graph| graph.precision.name()).collect();
    precisions.dedup();
    let how = match (command.exact, command.fitting.is_mixed()) {
        (true, _) => "The very weights of a quantised GGUF.".to_owned(),
        (false, true) => "Each weight in a type of its own, chosen for what it loses.".to_owned(),
        (false, false) => format!("Weights in {}.", precisions.join(", ")),
    };
    format!("{how}\n\nWritten by `plimsoll export onnx`; transformers.js and ONNX Runtime run this folder.")
}

/// A folder that is there when it is kept, and the graphs in it.
type Written = (NewFolder, Vec<WrittenGraph>);

/// Writes the folder; nothing where somebody stopped it.
fn write(graphs: &OnnxGraphs, path: &Path, pool: &Pool) -> anyhow::Result<Option<Written>> {
    let folder = NewFolder::create(path)?;
    let (shown, stop) = (RefCell::new(Steps::new(graphs.weight_bytes(), "writing")), interrupt::flag()?);
    let goes_on = |bytes| {
        shown.borrow_mut().pass(bytes);
        !stop.load(Ordering::Relaxed)
    };
    let written = graphs.write(folder.path(), pool, &goes_on);
    shown.borrow().done();
    if let Err(OnnxError::Stopped) = written {
        return Ok(None);
    }
    let written = written.map_err(explained)?;
    Ok(Some((folder, written)))
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
        OnnxError::Unsupported { .. } => "`plimsoll export gguf` writes a file for llama.cpp, or says why it cannot",
        _ => return error.into(),
    };
    Mistake::error(error.to_string(), hint)
}

fn document(command: &ExportOnnx, widths: &Widths, losses: &Losses, written: &[WrittenGraph]) -> Value {
    let graphs = written.iter().map(|graph| {
        json!({ "file": graph.file, "precision": graph.precision.name(), "nodes": graph.nodes, "bytes": graph.bytes })
    });
    let types = widths.matrices.types.iter().map(|(name, dtype)| (name.clone(), json!(dtype.name())));
    let types: Map<String, Value> = types.collect();
    json!({
        "model": command.model, "folder": command.output.display().to_string(), "exact": command.exact,
        "graphs": graphs.collect::<Vec<_>>(), "bytes": written.iter().map(|graph| graph.bytes).sum::<u64>(),
        "types": types, "fit": widths.told, "losses": losses,
    })
}

fn print(folder: &Path, widths: &Widths, written: &[WrittenGraph]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for graph in written {
        writeln!(out, "{:36} {:6} nodes  {:>10}", graph.file, graph.nodes, bytes(graph.bytes as f64))?;
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    widths.matrices.types.values().for_each(|dtype| *kinds.entry(dtype.name()).or_default() += 1);
    kinds.iter().try_for_each(|(name, n)| writeln!(out, "{name:12} {n:5} matrices"))?;
    widths.told.iter().try_for_each(|told| writeln!(out, "{told}"))?;
    let total: u64 = written.iter().map(|graph| graph.bytes).sum();
    writeln!(out, "{}  {}", shown_text(&folder.display().to_string(), 200), bytes(total as f64))
}
