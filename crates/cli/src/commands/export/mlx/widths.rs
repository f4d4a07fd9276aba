//! What the weights of a folder of MLX are fitted by, and how wide each is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use plimsoll_export::mlx::{Plan, Planned};
use plimsoll_formats::FormatError;
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::Stored;
use plimsoll_quantise::{AffineGroups, Encoding};

use super::super::fitting::{self, Fitted, Given, Menu};
use crate::allocation::{Choice, Told, Way};
use crate::notice::say;
use crate::recipe::{Cooked, Recipe, Target};
use crate::weighing::{ByWeight, Weighing, gaps};

/// What tensors are stored as to see what counts.
const PROBED: (u32, usize) = (4, 32);

/// What a plan goes by.
#[derive(Default)]
pub struct Widths {
    /// What is to be told of a choice.
    pub told: Option<Told>,
    /// What was measured of it.
    pub stored: Option<Stored>,
    weighing: Option<Weighing>,
    recipe: Option<Recipe>,
}

impl Widths {
    /// Gives each matrix of the plan the width that is asked for, and its columns what they count.
    ///
    /// # Errors
    /// Nothing fits, or the recipe or the importance matrix is of another model.
    pub fn settle(given: Given, plan: &mut Plan) -> anyhow::Result<Widths> {
        let mut widths = Widths::default();
        match (given.fitting.fit, &given.fitting.recipe) {
            (Some(size), _) => widths.fit(given, size, plan)?,
            (None, Some(recipe)) => {
                let (recipe, weighing) = fitting::read(given, recipe, Target::Mlx)?;
                by_recipe(plan, &recipe)?;
                (widths.recipe, widths.weighing) = (Some(recipe), weighing);
            }
            (None, None) => widths.weighing = given.fitting.imatrix.as_deref().map(Weighing::open).transpose()?,
        }
        if let Some(weighing) = &widths.weighing {
            let by_weight = ByWeight::new(weighing, given.checkpoint, given.vision)?;
            for planned in plan.tensors.iter_mut().filter(|planned| planned.form.grid().is_some()) {
                planned.columns = by_weight.columns(planned.source.tensor.parts())?;
            }
            let fitted = plan.tensors.iter().filter(|planned| planned.form.grid().is_some());
            let fitted = fitted.map(|planned| (&*planned.source.tensor.name, planned.columns.as_ref()));
            plan.notes.extend(gaps(fitted));
        }
        Ok(widths)
    }

    fn fit(&mut self, given: Given, size: f64, plan: &mut Plan) -> anyhow::Result<()> {
        let network = plimsoll_models::network(given.checkpoint)?;
        let text: HashSet<&str> = network.weights.iter().map(|weight| &*weight.name).collect();
        let is_text = |planned: &Planned| text.contains(planned.source.tensor.parts()[0].name());
        let matrices = plan.tensors.iter().enumerate();
        let places: Vec<usize> =
            matrices.filter(|(_, planned)| is_text(planned) && planned.source.quantises).map(|(at, _)| at).collect();
        let (floats, tensors) = (plan.floats, &plan.tensors);
        let probed_as = AffineGroups::new(PROBED.0, PROBED.1, floats).expect("a grid that MLX has").into();
        let menu = Menu {
            floats: (floats, floats),
            beside: tensors.iter().filter(|planned| !is_text(planned)).map(Planned::bytes).sum(),
            probed_as,
            choices: &|by_weight| {
                places.iter().map(|at| choice(&tensors[*at], floats, by_weight, given.pool)).collect()
            },
            known: &|choices| alike(choices, floats),
        };
        let Fitted { ways, told, weighing, stored } = fitting::fit(given, size, &menu)?;
        plan.store(places.into_iter().zip(ways));
        *self = Widths { told: Some(told), stored: Some(stored), weighing: Some(weighing), recipe: None };
        Ok(())
    }

    /// What was measured of a choice, and what columns count by.
    pub fn found(&self) -> (Option<&Stored>, Option<&Weighing>) {
        (self.stored.as_ref(), self.weighing.as_ref())
    }

    /// Holds what was written to the recipe that it goes by, and writes one if that is asked for.
    ///
    /// # Errors
    /// The bytes are others, or the recipe cannot be written.
    pub fn wrote(&self, given: Given, plan: &Plan, names: &[String]) -> anyhow::Result<()> {
        let files: Vec<PathBuf> = names.iter().map(|name| given.path.join(name)).collect();
        if let Some(recipe) = &self.recipe {
            recipe.check_files(given.path, &files)?;
            say("the bytes are those of the recipe");
        }
        let Some(path) = &given.fitting.save_recipe else { return Ok(()) };
        let (base, level, loss) = (given.checkpoint, given.settings.isa, self.stored.clone());
        let cooked = Cooked { target: Target::Mlx, base, weighing: self.weighing.as_ref(), level, loss, files: &files };
        let stored = |planned: &Planned| planned.form.encoding().to_string();
        let types = plan.tensors.iter().map(|planned| (planned.source.tensor.name.clone(), stored(planned))).collect();
        let mut recipe = Recipe::of(cooked, types)?;
        recipe.floats = Some(plan.floats.name().to_owned());
        recipe.write(path)
    }
}

/// The float type that a recipe is for.
///
/// # Errors
/// It is no recipe for MLX, or says none.
pub fn floats_of(recipe: &Path) -> anyhow::Result<Option<DType>> {
    let named = Recipe::read(recipe, Target::Mlx)?.floats;
    Ok(named.and_then(|name| [DType::F32, DType::F16, DType::BF16].into_iter().find(|dtype| dtype.name() == name)))
}

/// The grids that divide a row, and floats, the most precise first.
fn menu(floats: DType, cols: usize) -> Vec<Way> {
    let grids = AffineGroups::BITS.iter().rev().flat_map(|bits| {
        AffineGroups::LENGTHS.into_iter().filter_map(move |group| AffineGroups::new(*bits, group, floats))
    });
    let ways = [Encoding::Type(floats)].into_iter().chain(grids.map(Encoding::from));
    ways.filter_map(|to| Some(Way::new(to, to.row_bytes(cols)?))).collect()
}

fn choice(planned: &Planned, floats: DType, by_weight: &ByWeight, pool: &Pool) -> anyhow::Result<Choice> {
    let tensor = &planned.source.tensor;
    let (cols, rows) = (tensor.cols(), tensor.rows());
    let weights = tensor.parts().iter().map(|part| part.name().to_owned()).collect();
    let columns = by_weight.columns(tensor.parts())?;
    let mut choice = Choice { weights, from: tensor.dtype(), cols, rows, columns, ways: menu(floats, cols) };
    let refused = |error: plimsoll_quantise::EncodeError| -> FormatError { tensor.error(error.to_string()) };
    choice.try_ways(pool, |row, out| tensor.read_rows(row, out)).map_err(refused)?;
    Ok(choice)
}

/// One grid for all whose rows it divides, as mlx-lm's own converter has it; others stay floats.
fn alike(choices: &[Choice], floats: DType) -> Vec<Vec<usize>> {
    let widest = choices.iter().map(|choice| choice.cols).max().unwrap_or(0).next_multiple_of(128);
    let grids = menu(floats, widest).into_iter();
    grids.map(|grid| choices.iter().map(|choice| choice.way(grid.to).unwrap_or(0)).collect()).collect()
}

fn by_recipe(plan: &mut Plan, recipe: &Recipe) -> anyhow::Result<()> {
    recipe.knows_only(plan.tensors.iter().map(|planned| &*planned.source.tensor.name))?;
    let floats = plan.floats;
    let form = |(at, planned): (usize, &Planned)| {
        let tensor = &planned.source.tensor;
        let known = if planned.source.quantises { menu(floats, tensor.cols()) } else { vec![Way::new(floats, 0)] };
        Ok((at, recipe.way(&tensor.name, known.into_iter().map(|way| way.to))?))
    };
    let forms = plan.tensors.iter().enumerate().map(form).collect::<anyhow::Result<Vec<_>>>()?;
    plan.store(forms);
    Ok(())
}
