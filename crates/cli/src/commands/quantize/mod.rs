//! `plimsoll quantize`

mod fit;
mod made;
mod plan;
mod source;
mod split;
mod tower;
mod write;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use plimsoll_kernels::Pool;
use plimsoll_lab::loss::Stored;
use plimsoll_models::Checkpoint;
use plimsoll_panel::shown_text;
use plimsoll_quantise::Mix;

use crate::allocation::{self, Budget, Demand, Told};
use crate::args::Quantize;
use crate::device::bytes;
use crate::loss::Base;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output::refuse_taken;
use crate::recipe::{Cooked, Recipe, Target};
use crate::settings::Settings;
use crate::weighing::{Weighing, gaps};
use crate::{interrupt, model, output};

use fit::{Fitted, Given};
use made::{Made, by_type};
use plan::Planned;
use source::Source;
use split::Parts;
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
    let runs = command.to.is_none() || command.measure || command.save_recipe.is_some();
    let checkpoint = runs.then(|| model::open(&command.model)).transpose()?;
    let budget = match (command.fit, &checkpoint) {
        (Some(bytes), Some(checkpoint)) => {
            let demand = Demand { bytes, context: command.context, min_speed: command.min_speed };
            Some(Budget::here(demand, settings, checkpoint)?)
        }
        _ => None,
    };
    let source = source(command, settings)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(&source.name, &way(command)));
    if command.split_size.is_none() {
        refuse_taken(&path, command.force || command.dry_run)?;
    }
    let pool = Pool::new(settings.threads)?;
    let at = At { command, settings, source: &source, path: &path, pool: &pool };
    let chosen = at.choose(budget.as_ref(), checkpoint.as_ref())?;
    let measured = command.fit.is_some() || command.measure;
    let base = checkpoint.as_ref().filter(|_| measured).map(|checkpoint| Base::new(checkpoint, settings));
    let job = Job {
        source: &source,
        plan: &chosen.plan,
        file_type: chosen.file_type,
        weighing: chosen.weighing.as_ref(),
        base: base.as_ref(),
        known: chosen.recipe.as_ref().and_then(|recipe| recipe.loss.as_ref()),
    };
    let parts = Parts::new(command, &path, &chosen.plan)?;
    let mut stored = None;
    if !command.dry_run {
        match at.write(&parts, &job, chosen.recipe.as_ref(), checkpoint.as_ref()) {
            Ok(found) => stored = found,
            Err(error) => {
                // Whoever pressed Ctrl-C made no mistake.
                let Some(stopped) = error.downcast_ref::<Stopped>() else { return Err(error) };
                say(format_args!("\n{stopped}"));
                return Ok(ExitCode::from(interrupt::EXIT));
            }
        }
    }
    let blocks = chosen.plan.iter().filter(|planned| !planned.to.is_float());
    let weighed = blocks.map(|planned| (&*planned.tensor.name, planned.columns.as_ref()));
    let gaps = job.weighing.map_or(Vec::new(), |_| gaps(weighed));
    source.notes.iter().chain(&gaps).for_each(|note| say(format_args!("note: {note}")));
    let made = Made {
        command,
        path: parts.first(),
        plan: &chosen.plan,
        fitted: chosen.told.as_ref(),
        stored: stored.as_ref(),
    };
    if as_json {
        output::print_json(&made.document())?;
    } else {
        made.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is to be written, and where.
struct At<'a> {
    command: &'a Quantize,
    settings: &'a Settings,
    source: &'a Source,
    path: &'a Path,
    pool: &'a Pool,
}

/// Every tensor with its type, and where these come from.
struct Chosen<'a> {
    plan: Vec<Planned<'a>>,
    weighing: Option<Weighing>,
    file_type: u32,
    told: Option<Told>,
    recipe: Option<Recipe>,
}

impl<'a> At<'a> {
    /// By a budget, a recipe, or a mix.
    fn choose(&self, budget: Option<&Budget>, checkpoint: Option<&Checkpoint>) -> anyhow::Result<Chosen<'a>> {
        let At { command, settings, source, path, pool } = *self;
        let given = || command.imatrix.as_deref().map(Weighing::open).transpose();
        match (budget, checkpoint, &command.recipe) {
            (Some(budget), Some(checkpoint), _) => {
                let folder = &plimsoll_formats::parent(path);
                let given = Given { command, settings, checkpoint, budget, folder, pool };
                let Fitted { plan, weighing, told } = fit::fit(&given, source)?;
                let file_type = alike(&plan);
                Ok(Chosen { plan, weighing: Some(weighing), file_type, told: Some(told), recipe: None })
            }
            (None, Some(checkpoint), Some(recipe)) => {
                let recipe = Recipe::read(recipe, Target::Gguf)?;
                let weighing = match given()? {
                    None if recipe.calibrates() => Some(allocation::built_in(settings, checkpoint)?),
                    given => given,
                };
                recipe.check(checkpoint, weighing.as_ref())?;
                let plan = plan::of_recipe(&recipe, command, source, weighing.as_ref())?;
                let file_type = recipe.file_type.unwrap_or_else(|| alike(&plan));
                Ok(Chosen { plan, weighing, file_type, told: None, recipe: Some(recipe) })
            }
            _ => {
                let (weighing, mix) = (given()?, command.mix().expect("asked for where there is nothing else"));
                let plan = plan::plan(command, mix, source, weighing.as_ref())?;
                Ok(Chosen { plan, weighing, file_type: mix.file_type(), told: None, recipe: None })
            }
        }
    }

    /// Writes the file, and a recipe if one is asked for; what was measured of it.
    fn write(
        &self,
        parts: &Parts,
        job: &Job,
        recipe: Option<&Recipe>,
        checkpoint: Option<&Checkpoint>,
    ) -> anyhow::Result<Option<Stored>> {
        let began = Instant::now();
        let stored = parts.write(job, self.pool)?;
        let values: usize = job.plan.iter().map(|planned| planned.tensor.rows() * planned.tensor.cols()).sum();
        let seconds = began.elapsed().as_secs_f64();
        say(format_args!("{:.0} million values in {seconds:.1} s", values as f64 / 1e6));
        if let Some(recipe) = recipe {
            recipe.check_files(self.path, &[self.path.to_owned()])?;
            say("the bytes are those of the recipe");
        }
        if let (Some(path), Some(base)) = (&self.command.save_recipe, checkpoint) {
            let (loss, files) = (stored.clone(), &[self.path.to_owned()]);
            let (target, weighing, level) = (Target::Gguf, job.weighing, self.settings.isa);
            let types = job.plan.iter().map(|planned| (planned.tensor.name.clone(), planned.to.name().to_owned()));
            let mut recipe = Recipe::of(Cooked { target, base, weighing, level, loss, files }, types.collect())?;
            recipe.file_type = Some(job.file_type);
            recipe.write(path)?;
        }
        Ok(stored)
    }
}

/// The text model or its tower.
fn source(command: &Quantize, settings: &Settings) -> anyhow::Result<Source> {
    if command.tower { tower::open(&command.model) } else { Source::open(&command.model, settings.pre.as_deref()) }
}

/// What was asked for, in a word: a mix, a size, or a recipe.
fn way(command: &Quantize) -> String {
    let recipe = || command.recipe.as_ref().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    match (command.mix(), command.fit) {
        (Some(mix), _) => mix.to_string(),
        (None, Some(size)) => format!("fit-{}", bytes(size).replace(' ', "")),
        (None, None) => recipe().unwrap_or_else(|| "recipe".to_owned()),
    }
}

/// `general.file_type` of types that were chosen: that of the mix that has most weights in the type that most have here.
fn alike(plan: &[Planned]) -> u32 {
    let most = by_type(plan).first().map(|(dtype, ..)| *dtype);
    Mix::ALL.iter().copied().find(|mix| Some(mix.dtype()) == most).map_or(0, Mix::file_type)
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

/// `MODEL-TYPE.gguf` here.
fn default_path(name: &str, way: &str) -> PathBuf {
    PathBuf::from(format!("{}-{way}.gguf", model::as_file_name(name)))
}
