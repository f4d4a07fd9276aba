//! `plimsoll quantize`

mod fit;
mod made;
mod plan;
mod source;
mod split;
mod tower;
mod weighing;
mod write;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use plimsoll_kernels::Pool;
use plimsoll_panel::shown_text;
use plimsoll_quantise::Mix;

use crate::args::Quantize;
use crate::device::bytes;
use crate::loss::Base;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::settings::Settings;
use crate::{interrupt, model, output};

use fit::{Budget, Fitted, Given};
use made::{Made, by_type};
use plan::Planned;
use source::Source;
use split::Parts;
use weighing::Weighing;
use write::{Job, Stopped};

/// Plans, tells and writes the file.
///
/// # Errors
/// The model cannot be read, is not to be written so, or the file cannot be written.
pub fn run(command: &Quantize, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    if let (Some(asked), None) = (&command.to, command.mix()) {
        return no_mix(asked).map(|()| ExitCode::SUCCESS);
    }
    // The loss is that of a model that runs, and the memory that of a process that has done nothing else yet.
    let runs = command.fit.is_some() || command.measure;
    let checkpoint = runs.then(|| model::open(&command.model)).transpose()?;
    let budget = match (command.fit, &checkpoint) {
        (Some(bytes), Some(checkpoint)) => Some(Budget::new(bytes as u64, command, settings, checkpoint)?),
        _ => None,
    };
    let source = source(command, settings)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(&source.name, &way(command)));
    if command.split_size.is_none() {
        split::refuse_taken(command, &path)?;
    }
    let pool = Pool::new(settings.threads)?;
    let (plan, weighing, fitted) = match (&budget, &checkpoint) {
        (Some(budget), Some(checkpoint)) => {
            let given =
                Given { command, settings, checkpoint, budget, folder: &plimsoll_formats::parent(&path), pool: &pool };
            let Fitted { plan, weighing, told } = fit::fit(&given, &source)?;
            (plan, Some(weighing), Some(told))
        }
        _ => {
            let weighing = command.imatrix.as_deref().map(Weighing::open).transpose()?;
            let mix = command.mix().expect("asked for where nothing is to fit");
            (plan::plan(command, mix, &source, weighing.as_ref())?, weighing, None)
        }
    };
    let base = checkpoint.as_ref().map(|checkpoint| Base::new(checkpoint, settings));
    let (weighing, base) = (weighing.as_ref(), base.as_ref());
    let job = Job { source: &source, plan: &plan, file_type: file_type(command, &plan), weighing, base };
    let parts = Parts::new(command, &path, &plan)?;
    let mut stored = None;
    if !command.dry_run {
        let began = Instant::now();
        match parts.write(&job, &pool) {
            Ok(measured) => stored = measured,
            Err(error) => {
                // Whoever pressed Ctrl-C made no mistake.
                let Some(stopped) = error.downcast_ref::<Stopped>() else { return Err(error) };
                say(format_args!("\n{stopped}"));
                return Ok(ExitCode::from(interrupt::EXIT));
            }
        }
        let values: usize = plan.iter().map(|planned| planned.tensor.rows() * planned.tensor.cols()).sum();
        let seconds = began.elapsed().as_secs_f64();
        say(format_args!("{:.0} million values in {seconds:.1} s", values as f64 / 1e6));
    }
    let gaps = weighing.map_or(Vec::new(), |weighing| weighing.gaps(&plan));
    source.notes.iter().chain(&gaps).for_each(|note| say(format_args!("note: {note}")));
    let made = Made { command, path: parts.first(), plan: &plan, fitted: fitted.as_ref(), stored: stored.as_ref() };
    if as_json {
        output::print_json(&made.document())?;
    } else {
        made.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The text model or its tower.
fn source(command: &Quantize, settings: &Settings) -> anyhow::Result<Source> {
    if command.tower { tower::open(&command.model) } else { Source::open(&command.model, settings.pre.as_deref()) }
}

/// What was asked for, in a word: a mix, or a size.
fn way(command: &Quantize) -> String {
    match (command.mix(), command.fit) {
        (Some(mix), _) => mix.to_string(),
        (None, size) => format!("fit-{}", bytes(size.unwrap_or(0.0)).replace(' ', "")),
    }
}

/// Of a mix its own; of types that were chosen, that of the mix that has most of its weights in the type that most have here.
fn file_type(command: &Quantize, plan: &[Planned]) -> u32 {
    let most = by_type(plan).first().map(|(dtype, ..)| *dtype);
    let alike = || Mix::ALL.iter().copied().find(|mix| Some(mix.dtype()) == most);
    command.mix().or_else(alike).map_or(0, Mix::file_type)
}

/// Lists the mixes, which is an answer where that was asked for.
fn no_mix(asked: &str) -> anyhow::Result<()> {
    if asked != "help" {
        let names: Vec<&str> = Mix::ALL.iter().map(|mix| mix.name()).collect();
        let hint = format!("there are {}; `--to help` tells what they are", names.join(", "));
        return Err(Mistake::error(format!("no type and no mix is called `{}`", shown_text(asked, 40)), hint));
    }
    let mut out = std::io::stdout().lock();
    for mix in Mix::ALL {
        writeln!(out, "{:8} {}", mix.name(), mix.description())?;
    }
    Ok(())
}

/// `MODEL-TYPE.gguf` here; what stands for an embedded model has no `:`.
fn default_path(name: &str, way: &str) -> PathBuf {
    let name: String = name.chars().map(|c| if matches!(c, ':' | '/' | '\\') { '-' } else { c }).collect();
    Path::new(&format!("{name}-{way}.gguf")).to_owned()
}
