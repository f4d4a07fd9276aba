//! A width for each weight of an export: chosen under a budget, or read from a recipe.

use std::path::{Path, PathBuf};

use plimsoll_formats::NewFolder;
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::beside::{self, Losses};
use plimsoll_lab::loss::{MeasuredBy, Stored};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_quantise::Encoding;

use crate::allocation::{self, Budget, Choice, Demand, Overlay, Search, Told};
use crate::args::Fitting;
use crate::loss::Base;
use crate::notice::say;
use crate::recipe::{Recipe, Target};
use crate::settings::Settings;
use crate::weighing::{ByWeight, Weighing};

/// What widths are chosen for, and where.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub fitting: &'a Fitting,
    pub settings: &'a Settings,
    pub checkpoint: &'a Checkpoint,
    pub vision: Option<&'a Vision>,
    pub pool: &'a Pool,
    /// The folder that is to be.
    pub path: &'a Path,
}

/// What a target can store, and how.
pub struct Menu<'a> {
    /// The types of vectors, and of the cache.
    pub floats: (DType, DType),
    /// Bytes of weights that are no part of the text model.
    pub beside: u64,
    /// What tensors are stored as to see what counts.
    pub probed_as: Encoding,
    /// Every tensor that is chosen for, with its ways.
    pub choices: &'a dyn Fn(&ByWeight) -> anyhow::Result<Vec<Choice>>,
    /// Ways for all of them that people know, the most precise first.
    pub known: &'a dyn Fn(&[Choice]) -> Vec<Vec<usize>>,
}

/// What was chosen, and what went before.
pub struct Fitted {
    /// In the order of the choices.
    pub ways: Vec<Encoding>,
    pub told: Told,
    pub weighing: Weighing,
    pub stored: Stored,
}

/// Chooses, and measures what is lost with the very values that are to be written.
///
/// # Errors
/// Nothing fits, or the model cannot be run.
pub fn fit(given: Given, size: f64, menu: &Menu) -> anyhow::Result<Fitted> {
    let Given { fitting, settings, checkpoint, vision, pool, path } = given;
    let demand = Demand { bytes: size, context: fitting.context, min_speed: None };
    let budget = Budget::elsewhere(demand, checkpoint, menu.floats, menu.beside)?;
    let folder = meanwhile(path);
    let mut search = Search::open(settings, checkpoint, &folder, pool)?;
    let weighing = search.weighing(fitting.imatrix.as_deref())?;
    let choices = (menu.choices)(&ByWeight::new(&weighing, checkpoint, vision)?)?;
    say(format_args!("each way of storing each of {} matrices was tried on a sample of its rows", choices.len()));
    let chosen = search.choose(&choices, &budget, menu.probed_as, &(menu.known)(&choices))?;
    drop(search);
    let with_ways: Vec<(&Choice, usize)> = choices.iter().zip(chosen.ways.iter().copied()).collect();
    let overlay = Overlay::new(checkpoint, &with_ways, &folder, pool)?;
    let base = Base::new(checkpoint, settings);
    let (loss, _) = base.loss(&overlay.checkpoint)?;
    let stored = Stored { loss, ..base.unmeasured(Some(weighing.sha256.clone())) };
    let ways = with_ways.iter().map(|(choice, way)| choice.ways[*way].to).collect();
    Ok(Fitted { ways, told: chosen.told, weighing, stored })
}

/// A recipe with the importance matrix that it goes by.
///
/// # Errors
/// There is none, or it is for another target, model or importance matrix.
pub fn read(given: Given, path: &Path, target: Target) -> anyhow::Result<(Recipe, Option<Weighing>)> {
    let recipe = Recipe::read(path, target)?;
    let weighing = match &given.fitting.imatrix {
        None if recipe.calibrates() => Some(allocation::built_in(given.settings, given.checkpoint)?),
        imatrix => imatrix.as_deref().map(Weighing::open).transpose()?,
    };
    recipe.check(given.checkpoint, weighing.as_ref())?;
    Ok((recipe, weighing))
}

/// Gives a folder its name, with what its models lost in it: measured through who runs them where that is asked for, else as it
/// was found when widths were chosen.
///
/// # Errors
/// A model cannot be run, or the system refuses.
pub fn keep(
    folder: NewFolder,
    given: Given,
    measures: bool,
    models: &[PathBuf],
    (found, weighing): (Option<&Stored>, Option<&Weighing>),
) -> anyhow::Result<Losses> {
    let base = Base::new(given.checkpoint, given.settings);
    let losses = match (found, models) {
        (_, models) if measures => {
            base.store_beside(folder.path(), models, weighing.map(|weighing| &*weighing.sha256))?
        }
        (Some(stored), [model]) => {
            let own = MeasuredBy { engine: None, stored: stored.clone() };
            let losses = Losses::from([(beside::key(&Checkpoint::open(model)?), own)]);
            beside::write(folder.path(), &losses)?;
            losses
        }
        _ => Losses::new(),
    };
    folder.keep()?;
    Ok(losses)
}

/// Where changed weights lie meanwhile: on the disk that the folder is to be on.
fn meanwhile(path: &Path) -> PathBuf {
    let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    path.ancestors().skip(1).map(here).find(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir)
}
