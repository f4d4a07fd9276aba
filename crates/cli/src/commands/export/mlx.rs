//! `plimsoll export mlx`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use plimsoll_engine::{Engine, SessionError, require};
use plimsoll_export::mlx::{self, Card, MlxError, Plan, Source, Weights};
use plimsoll_formats::{Folder, FormatError, JsonObject, NewFolder};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::beside::Losses;
use plimsoll_models::export::ExportError;
use plimsoll_models::{Checkpoint, Format, Hyperparams, Vision, export};
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use super::room::make_room;
use crate::args::ExportMlx;
use crate::device::bytes;
use crate::loss::Base;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{hub_cache, interrupt, loss, model, output};

/// Plans, tells and writes the folder.
///
/// # Errors
/// The model cannot be read, is not to be written so, or the folder cannot be written.
pub fn run(command: &ExportMlx, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(command)?;
    let source = opened.source();
    let plan = Plan::of(&source, command.weights(), command.dtype.map(DType::from)).map_err(hinted)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(command, &opened.checkpoint));
    let mut losses = Losses::new();
    if !command.dry_run {
        if command.measure && settings.engines.mlx {
            require(Engine::Mlx, &settings.engines).map_err(SessionError::from)?;
        }
        make_room(&path, command.force, &["config.json"], &opened.checkpoint, &opened.folder)?;
        let (pool, began) = (Pool::new(settings.threads)?, Instant::now());
        match write(command, &opened, &plan, &path, &pool) {
            Err(error) if matches!(error.downcast_ref(), Some(MlxError::Stopped)) => {
                // Whoever pressed Ctrl-C made no mistake.
                say(format_args!("\n{error}"));
                return Ok(ExitCode::from(interrupt::EXIT));
            }
            written => losses = kept(written?, &opened, command, settings)?,
        }
        let (values, seconds) = (plan.parameters() as f64, began.elapsed().as_secs_f64());
        say(format_args!("{:.0} million values in {seconds:.1} s", values / 1e6));
    }
    plan.notes.iter().for_each(|note| say(format_args!("note: {note}")));
    if as_json {
        output::print_json(&document(command, &plan, &path, &losses))?;
    } else {
        print(command, &plan, &path)?;
        loss::print_beside(&losses)?;
    }
    Ok(ExitCode::SUCCESS)
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
        Weights::Exact => "exact".to_owned(),
        Weights::Floats => "floats".to_owned(),
        Weights::Fitted { bits, .. } => format!("{bits}bit"),
    };
    PathBuf::from(format!("{name}-mlx-{how}"))
}

/// Gives the folder its name, with what it lost in it where that is asked for.
fn kept(folder: NewFolder, opened: &Opened, command: &ExportMlx, settings: &Settings) -> anyhow::Result<Losses> {
    let mut losses = Losses::new();
    if command.measure {
        let base = Base::new(&opened.checkpoint, settings);
        losses = base.store_beside(folder.path(), &[folder.path().to_owned()])?;
    }
    folder.keep()?;
    Ok(losses)
}

/// Writes the folder, which is there when it is kept.
fn write(command: &ExportMlx, opened: &Opened, plan: &Plan, path: &Path, pool: &Pool) -> anyhow::Result<NewFolder> {
    let (folder, stop) = (NewFolder::create(path)?, interrupt::flag()?);
    let mut shown = Steps::new(plan.parameters(), "writing");
    mlx::write(folder.path(), plan, pool, mlx::LONGEST_FILE, &mut |values| {
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
    let in_cache = match &opened.folder {
        Folder::Disk(folder) => hub_cache::name_of(folder),
        Folder::Embedded { .. } => None,
    };
    let card = Card {
        name: &path.file_name().map_or_else(|| checkpoint.name.clone(), |name| name.to_string_lossy().into_owned()),
        base_model: command.base_model.as_deref().or(in_cache.as_deref()),
        licence: &checkpoint.licence,
        usual: plan.usual,
        is_exact: command.exact,
        sees: opened.vision.as_ref().is_some_and(export::mlx::writes_tower),
    };
    put(folder.path(), "README.md", &card.to_string())?;
    // What was written is what is read.
    Checkpoint::open(folder.path())?;
    Ok(folder)
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), FormatError> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|error| FormatError::io(&path, "write", error))
}

fn document(command: &ExportMlx, plan: &Plan, path: &Path, losses: &Losses) -> Value {
    let tensors = plan.tensors.iter().map(|planned| {
        let (tensor, grid) = (&planned.source.tensor, planned.form.grid());
        json!({
            "name": tensor.name, "shape": tensor.shape, "from": tensor.dtype().name(), "bytes": planned.bytes(),
            "bits": grid.map(|grid| grid.bits()), "group": grid.map(|grid| grid.group()),
        })
    });
    let folder = (!command.dry_run).then(|| path.display().to_string());
    json!({
        "model": command.model, "folder": folder, "exact": command.exact, "floats": plan.floats.name(),
        "bits": plan.usual.map(|usual| usual.bits), "group": plan.usual.map(|usual| usual.group),
        "tensors": tensors.collect::<Vec<_>>(), "bytes": plan.bytes(), "notes": plan.notes, "losses": losses,
    })
}

fn print(command: &ExportMlx, plan: &Plan, path: &Path) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let how = |planned: &mlx::Planned| match planned.form.grid() {
        Some(grid) => format!("{} bits by {}", grid.bits(), grid.group()),
        None => plan.floats.name().to_owned(),
    };
    if command.dry_run {
        for planned in &plan.tensors {
            let (tensor, name) = (&planned.source.tensor, shown_text(&planned.source.tensor.name, 60));
            writeln!(out, "{name:48} {:>18} {:>6} to {}", format!("{:?}", tensor.shape), tensor.dtype(), how(planned))?;
        }
    }
    let mut kinds: Vec<(String, usize, u64)> = Vec::new();
    for planned in &plan.tensors {
        let (how, size) = (how(planned), planned.bytes());
        match kinds.iter_mut().find(|(found, ..)| *found == how) {
            Some(found) => (found.1, found.2) = (found.1 + 1, found.2 + size),
            None => kinds.push((how, 1, size)),
        }
    }
    for (how, tensors, size) in kinds {
        writeln!(out, "{how:12} {tensors:5} tensors  {:>10}", bytes(size as f64))?;
    }
    let width = plan.bytes() as f64 * 8.0 / plan.parameters().max(1) as f64;
    let size = format!("{}, {width:.2} bits a weight", bytes(plan.bytes() as f64));
    match command.dry_run {
        true => writeln!(out, "{size}; nothing was written"),
        false => writeln!(out, "{}  {size}", shown_text(&path.display().to_string(), 200)),
    }
}
