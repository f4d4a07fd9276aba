//! `plimsoll export mlx`

mod told;
mod widths;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use plimsoll_engine::{Engine, SessionError, require};
use plimsoll_export::Card;
use plimsoll_export::mlx::{self, MlxError, Plan, Source, Weights};
use plimsoll_formats::{Folder, FormatError, JsonObject, NewFolder};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::MeasuredBy;
use plimsoll_lab::loss::beside::{self, Losses};
use plimsoll_models::export::ExportError;
use plimsoll_models::{Checkpoint, Format, Hyperparams, Vision, export};
use serde_json::Value;

use super::card;
use super::fitting::{self, Given};
use super::room::make_room;
use crate::args::ExportMlx;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{interrupt, loss, model, output};

use widths::Widths;

/// Plans, tells and writes the folder.
///
/// # Errors
/// The model cannot be read, is not to be written so, or the folder cannot be written.
pub fn run(command: &ExportMlx, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(command)?;
    let source = opened.source();
    let floats = match &command.fitting.recipe {
        Some(recipe) => widths::floats_of(recipe)?,
        None => command.dtype.map(DType::from),
    };
    let mut plan = Plan::of(&source, command.weights(), floats).map_err(hinted)?;
    refuse_unused(command)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(command, &opened.checkpoint));
    if !command.dry_run {
        if command.measure && settings.engines.mlx {
            require(Engine::Mlx, &settings.engines).map_err(SessionError::from)?;
        }
        // Before anything is searched for.
        make_room(&path, command.force, &["config.json"], &opened.checkpoint, &opened.folder)?;
    }
    let (checkpoint, vision, pool) = (&opened.checkpoint, opened.vision.as_ref(), Pool::new(settings.threads)?);
    let given = Given { fitting: &command.fitting, settings, checkpoint, vision, pool: &pool, path: &path };
    let widths = Widths::settle(given, &mut plan)?;
    let own = widths.stored.iter().map(|stored| MeasuredBy { engine: None, stored: stored.clone() });
    let mut losses: Losses = own.map(|own| (beside::key(checkpoint), own)).collect();
    if !command.dry_run {
        let began = Instant::now();
        match write(command, &opened, &plan, &path, &pool) {
            Err(error) if matches!(error.downcast_ref(), Some(MlxError::Stopped)) => {
                // Whoever pressed Ctrl-C made no mistake.
                say(format_args!("\n{error}"));
                return Ok(ExitCode::from(interrupt::EXIT));
            }
            written => {
                let (folder, files) = written?;
                let models = [folder.path().to_owned()];
                losses = fitting::keep(folder, given, command.measure, &models, widths.found())?;
                widths.wrote(given, &plan, &files)?;
            }
        }
        let (values, seconds) = (plan.parameters() as f64, began.elapsed().as_secs_f64());
        say(format_args!("{:.0} million values in {seconds:.1} s", values / 1e6));
    }
    plan.notes.iter().for_each(|note| say(format_args!("note: {note}")));
    if as_json {
        output::print_json(&told::document(command, &plan, &widths, &losses, &path))?;
    } else {
        told::print(command, &plan, &widths, &path)?;
        if !command.dry_run {
            loss::print_beside(&losses)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An importance matrix is for weights that are fitted.
fn refuse_unused(command: &ExportMlx) -> anyhow::Result<()> {
    match (&command.fitting.imatrix, command.weights()) {
        (Some(_), Weights::Floats) => {
            let message = "floats are kept as they are: there is nothing that columns could count for";
            Err(Mistake::error(message, "leave --imatrix out, or fit weights: --bits 4"))
        }
        _ => Ok(()),
    }
}

/// A model with the files that go along.
struct Opened {
    checkpoint: Checkpoint,
    vision: Option<Vision>,
    config: JsonObject,
    folder: Folder,
}

impl Opened {
    fn open(command: &ExportMlx) -> anyhow::Result<Opened> {
        let mut checkpoint = model::open_weights(&command.model)?;
        let is_gguf = matches!(checkpoint.format, Format::Gguf { .. });
        let folder = match (&command.files, is_gguf) {
            (Some(files), true) => Folder::Disk(files.clone()),
            (None, true) => {
                let message = format!("`{}` is a GGUF, which has no config.json and no tokenizer.json", command.model);
                let hint = "name the folder that its maker published with --files DIR, which gives both";
                return Err(Mistake::error(message, hint));
            }
            (Some(_), false) => {
                let message = format!("`{}` is a folder with files of its own", command.model);
                return Err(Mistake::error(message, "--files is for a GGUF; leave it out"));
            }
            (None, false) if command.exact => {
                let message = format!("`{}` has no blocks that could be carried over", command.model);
                return Err(Mistake::error(message, "--exact is for a GGUF; --bits 16 keeps floats as they are"));
            }
            (None, false) => checkpoint.folder().expect("safetensors lie in a folder").clone(),
        };
        let name = folder.display_file("config.json");
        let Some(config) = folder.json("config.json")? else {
            return Err(Mistake::error(
                format!("there is no `{name}`"),
                "--files names the folder that the maker published",
            ));
        };
        let vision = Vision::of(&checkpoint, None)?;
        if is_gguf {
            checkpoint.hyperparams = settings_of(&checkpoint, &name, &config)?;
        }
        Ok(Opened { checkpoint, vision, config, folder })
    }

    fn source(&self) -> Source<'_> {
        Source { checkpoint: &self.checkpoint, vision: self.vision.as_ref(), config: &self.config }
    }
}

/// The hyperparameters of a config.json, if it describes the network that the GGUF has.
fn settings_of(checkpoint: &Checkpoint, file: &str, config: &JsonObject) -> anyhow::Result<Hyperparams> {
    let text = Value::Object(config.clone()).to_string();
    let mut hp = Hyperparams::from_config_json(file, &text)?;
    hp.tied_embeddings = checkpoint.hyperparams.tied_embeddings;
    let (theirs, own) = (plimsoll_models::from_hyperparams(&hp)?, plimsoll_models::network(checkpoint)?);
    match export::difference(&own, &theirs) {
        None => Ok(hp),
        Some(what) => {
            let error = MlxError::OtherConfig { config: file.to_owned(), model: checkpoint.display(), what };
            Err(Mistake::error(error.to_string(), "--files names the folder of the model that the GGUF was made of"))
        }
    }
}

/// The error that a hint is known for: what stands for another hands the question on.
fn hinted(error: MlxError) -> anyhow::Error {
    let hint = match &error {
        MlxError::Format(_) | MlxError::Export(ExportError::Format(_)) => return of_format(error),
        MlxError::Quantised(_) => {
            "take the model in the floats that its maker published, or carry blocks over with --exact"
        }
        MlxError::Inexact(_) => "`plimsoll quantize --to Q4_0` or Q8_0 makes a GGUF that can be carried over",
        _ => return error.into(),
    };
    Mistake::error(error.to_string(), hint)
}

fn of_format(error: MlxError) -> anyhow::Error {
    match error {
        MlxError::Format(error) | MlxError::Export(ExportError::Format(error)) => error.into(),
        other => other.into(),
    }
}

/// `MODEL-mlx-4bit` here.
fn default_path(command: &ExportMlx, checkpoint: &Checkpoint) -> PathBuf {
    let name = model::as_file_name(&checkpoint.name);
    let how = match command.weights() {
        _ if command.fitting.is_mixed() => "fit".to_owned(),
        Weights::Exact => "exact".to_owned(),
        Weights::Floats => "floats".to_owned(),
        Weights::Fitted { bits, .. } => format!("{bits}bit"),
    };
    PathBuf::from(format!("{name}-mlx-{how}"))
}

/// Writes the folder, which is there when it is kept, and the names of its weight files.
fn write(
    command: &ExportMlx,
    opened: &Opened,
    plan: &Plan,
    path: &Path,
    pool: &Pool,
) -> anyhow::Result<(NewFolder, Vec<String>)> {
    let (folder, stop) = (NewFolder::create(path)?, interrupt::flag()?);
    let mut shown = Steps::new(plan.parameters(), "writing");
    let files = mlx::write(folder.path(), plan, pool, mlx::LONGEST_FILE, &mut |values| {
        shown.pass(values as u64);
        !stop.load(Ordering::Relaxed)
    })
    .map_err(hinted)?;
    shown.done();
    let checkpoint = &opened.checkpoint;
    let config = Value::Object(mlx::config(&opened.source(), plan)?);
    put(folder.path(), "config.json", &format!("{config:#}\n"))?;
    for name in mlx::companions(&opened.folder)? {
        mlx::copy_companion(&opened.folder, &name, folder.path())?;
    }
    let sees = opened.vision.as_ref().is_some_and(export::mlx::writes_tower);
    let card = Card {
        library: "mlx",
        tag: "mlx",
        name: &checkpoint.name,
        base_model: command.base_model.as_deref(),
        licence: &checkpoint.licence,
        sees,
        about: &mlx::about(plan, command.exact, command.fitting.is_mixed(), sees),
    };
    card::write(folder.path(), path, &opened.folder, card)?;
    // What was written is what is read.
    Checkpoint::open(folder.path())?;
    Ok((folder, files))
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), FormatError> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|error| FormatError::io(&path, "write", error))
}
