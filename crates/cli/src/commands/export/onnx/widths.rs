//! What the weights of ONNX graphs are fitted by, and how wide each is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_export::onnx::{Matrices, OnnxGraphs, Precision, WrittenGraph};
use plimsoll_formats::Tensor;
use plimsoll_graph::{Network, Op, WeightKind};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::Stored;
use plimsoll_quantise::Encoding;

use super::super::fitting::{self, Fitted, Given, Menu};
use crate::allocation::{Choice, Told, Way};
use crate::mistake::Mistake;
use crate::notice::say;
use crate::recipe::{Cooked, Recipe, Target};
use crate::weighing::{ByWeight, Weighing, gaps};

/// What tensors are stored as to see what counts.
const PROBED_AS: DType = DType::Q4_0;
/// What a tower's matrices are stored as where each of the text model's has a type of its own: nothing measures them.
const OF_TOWERS: DType = DType::Q8_0;

/// What the graphs go by.
#[derive(Default)]
pub struct Widths {
    /// How matrices are stored, and what their columns count.
    pub matrices: Matrices,
    /// What is to be told of a choice.
    pub told: Option<Told>,
    /// What was measured of it.
    pub stored: Option<Stored>,
    weighing: Option<Weighing>,
    recipe: Option<Recipe>,
}

impl Widths {
    /// Gives each matrix the type that is asked for, and its columns what they count.
    ///
    /// # Errors
    /// Nothing fits, or the recipe or the importance matrix is of another model.
    pub fn settle(given: Given, precision: Precision) -> anyhow::Result<Widths> {
        let network = plimsoll_models::network(given.checkpoint)?;
        let mut widths = Widths::default();
        match (given.fitting.fit, &given.fitting.recipe) {
            (Some(size), _) => widths.fit(given, size, &network, precision)?,
            (None, Some(recipe)) => {
                let (recipe, weighing) = fitting::read(given, recipe, Target::Onnx)?;
                widths.matrices.types = by_recipe(given, &network, &recipe, precision)?;
                (widths.recipe, widths.weighing) = (Some(recipe), weighing);
            }
            (None, None) => widths.weighing = given.fitting.imatrix.as_deref().map(Weighing::open).transpose()?,
        }
        if let Some(weighing) = &widths.weighing {
            let by_weight = ByWeight::new(weighing, given.checkpoint, given.vision)?;
            for tensor in all_matrices(given, &network)? {
                if let Some(columns) = by_weight.columns(std::slice::from_ref(&tensor))? {
                    widths.matrices.columns.insert(tensor.name().to_owned(), columns);
                }
            }
        }
        Ok(widths)
    }

    fn fit(&mut self, given: Given, size: f64, network: &Network, precision: Precision) -> anyhow::Result<()> {
        let (text, tower) = (matrices(given, network)?, tower_types(given)?);
        let menu = Menu {
            floats: (DType::F32, precision.floats()),
            beside: tower_bytes(given, precision)?,
            probed_as: PROBED_AS.into(),
            choices: &|by_weight| {
                let twice = twice(given, network);
                text.iter().map(|tensor| choice(tensor, precision, twice, by_weight, given.pool)).collect()
            },
            known: &|choices| known(choices, network),
        };
        let Fitted { ways, told, weighing, stored } = fitting::fit(given, size, &menu)?;
        let named = text.iter().zip(ways).map(|(tensor, way)| (tensor.name().to_owned(), way.in_memory()));
        self.matrices.types = named.chain(tower).collect();
        (self.told, self.stored, self.weighing) = (Some(told), Some(stored), Some(weighing));
        Ok(())
    }

    /// What the importance matrix does not say of what these graphs fit.
    ///
    /// # Errors
    /// There is one, and nothing is fitted.
    pub fn gaps(&self, graphs: &OnnxGraphs) -> anyhow::Result<Vec<String>> {
        let fitted = graphs.fitted();
        match &self.weighing {
            Some(_) if fitted.is_empty() => {
                let message = "floats are kept as they are: there is nothing that columns could count for";
                Err(Mistake::error(message, "leave --imatrix out, or fit weights: --to q4 or --to q8"))
            }
            Some(_) => Ok(gaps(fitted.iter().map(|(name, columns)| (*name, *columns)))),
            None => Ok(Vec::new()),
        }
    }

    /// What was measured of a choice, and what columns count by.
    pub fn found(&self) -> (Option<&Stored>, Option<&Weighing>) {
        (self.stored.as_ref(), self.weighing.as_ref())
    }

    /// Holds what was written to the recipe that it goes by, and writes one if that is asked for.
    ///
    /// # Errors
    /// The bytes are others, or the recipe cannot be written.
    pub fn wrote(&self, given: Given, written: &[WrittenGraph]) -> anyhow::Result<()> {
        let both = |graph: &WrittenGraph| ["", "_data"].map(|end| given.path.join(format!("{}{end}", graph.file)));
        let files: Vec<PathBuf> = written.iter().flat_map(both).collect();
        if let Some(recipe) = &self.recipe {
            recipe.check_files(given.path, &files)?;
            say("the bytes are those of the recipe");
        }
        let Some(path) = &given.fitting.save_recipe else { return Ok(()) };
        let (base, level, loss) = (given.checkpoint, given.settings.isa, self.stored.clone());
        let cooked =
            Cooked { target: Target::Onnx, base, weighing: self.weighing.as_ref(), level, loss, files: &files };
        let text = matrices(given, &plimsoll_models::network(base)?)?;
        let types = text.iter().filter_map(|tensor| self.matrices.types.get_key_value(tensor.name()));
        let types: BTreeMap<String, String> =
            types.map(|(name, dtype)| (name.clone(), dtype.name().to_owned())).collect();
        let mut recipe = Recipe::of(cooked, types)?;
        recipe.floats = written.first().map(|graph| graph.precision.floats().name().to_owned());
        recipe.write(path)
    }
}

/// The precision that a recipe is for.
///
/// # Errors
/// It is no recipe for ONNX.
pub fn precision_of(recipe: &Path) -> anyhow::Result<Precision> {
    let floats = Recipe::read(recipe, Target::Onnx)?.floats;
    Ok(if floats.as_deref() == Some(DType::F16.name()) { Precision::Q4F16 } else { Precision::Q4 })
}

/// The matrices of a text network.
fn matrices(given: Given, network: &Network) -> anyhow::Result<Vec<Tensor>> {
    let declared = network.weights.iter().filter(|weight| weight.kind == WeightKind::Matrix);
    Ok(declared.map(|weight| given.checkpoint.require(&weight.name).cloned()).collect::<Result<_, _>>()?)
}

/// They, and those of the tower.
fn all_matrices(given: Given, network: &Network) -> anyhow::Result<Vec<Tensor>> {
    let mut all = matrices(given, network)?;
    if let Some(vision) = given.vision {
        let tower = plimsoll_models::tower(vision)?.network;
        let declared = tower.weights.iter().filter(|weight| weight.kind == WeightKind::Matrix);
        let tensors = declared.map(|weight| vision.weights.require(&weight.name).cloned());
        all.extend(tensors.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(all)
}

fn tower_types(given: Given) -> anyhow::Result<BTreeMap<String, DType>> {
    let Some(vision) = given.vision else { return Ok(BTreeMap::new()) };
    let tower = plimsoll_models::tower(vision)?.network;
    let declared = tower.weights.into_iter().filter(|weight| weight.kind == WeightKind::Matrix);
    Ok(declared.map(|weight| (weight.name, OF_TOWERS)).collect())
}

fn tower_bytes(given: Given, precision: Precision) -> anyhow::Result<u64> {
    let Some(vision) = given.vision else { return Ok(0) };
    let tower = plimsoll_models::tower(vision)?.network;
    let bytes = tower.weights.iter().map(|weight| {
        let (cols, rows) = weight.shape.split_last().map_or((1, 1), |(cols, rows)| (*cols, rows.iter().product()));
        let dtype = if weight.kind == WeightKind::Matrix { OF_TOWERS } else { DType::F32 };
        (Matrices::row_bytes(dtype, precision, cols) * rows) as u64
    });
    Ok(bytes.sum())
}

/// The embedding, if two graphs hold it: that of a model that sees, tied to its output projection.
fn twice<'n>(given: Given, network: &'n Network) -> Option<&'n str> {
    let table = network.nodes.iter().find_map(|node| match node.op {
        Op::Embed { table, .. } => Some(table),
        _ => None,
    })?;
    let is_product = |op: &Op| matches!(op, Op::Linear { weight, .. } if *weight == table);
    let is_tied = network.nodes.iter().any(|node| is_product(&node.op));
    (given.vision.is_some() && is_tied).then(|| &*network.weight(table).name)
}

fn choice(
    tensor: &Tensor,
    precision: Precision,
    twice: Option<&str>,
    by_weight: &ByWeight,
    pool: &Pool,
) -> anyhow::Result<Choice> {
    let cols = tensor.shape().last().copied().unwrap_or(1);
    let times = if twice == Some(tensor.name()) { 2 } else { 1 };
    let fits = Matrices::TYPES.into_iter().filter(|dtype| cols.is_multiple_of(dtype.block_len()));
    let ways = [precision.floats()].into_iter().chain(fits);
    let ways = ways.map(|dtype| Way::new(dtype, times * Matrices::row_bytes(dtype, precision, cols))).collect();
    let columns = by_weight.columns(std::slice::from_ref(tensor))?;
    let (weights, from, rows) = (vec![tensor.name().to_owned()], tensor.dtype(), tensor.n_values() / cols);
    let mut choice = Choice { weights, from, cols, rows, columns, ways };
    choice.try_ways(pool, |row, out| tensor.read_rows(row, out)).map_err(|error| tensor.error(error.to_string()))?;
    Ok(choice)
}

/// What `--to q8` and `--to q4` give.
fn known(choices: &[Choice], network: &Network) -> Vec<Vec<usize>> {
    let table = network.nodes.iter().find_map(|node| match node.op {
        Op::Embed { table, .. } => Some(table),
        _ => None,
    });
    let last = network.nodes.iter().rev().find_map(|node| match node.op {
        Op::Linear { weight, .. } => Some(weight),
        _ => None,
    });
    let wide: Vec<&str> = table.into_iter().chain(last).map(|id| &*network.weight(id).name).collect();
    let is_wide = |choice: &Choice| wide.contains(&&*choice.weights[0]);
    let way = |choice: &Choice, dtype: DType| choice.way(dtype).unwrap_or(0);
    let q8 = choices.iter().map(|choice| way(choice, DType::Q8_0)).collect();
    let q4 = |choice: &Choice| way(choice, if is_wide(choice) { DType::Q8_0 } else { DType::Q4_0 });
    vec![q8, choices.iter().map(q4).collect()]
}

fn by_recipe(
    given: Given,
    network: &Network,
    recipe: &Recipe,
    precision: Precision,
) -> anyhow::Result<BTreeMap<String, DType>> {
    let text = matrices(given, network)?;
    recipe.knows_only(text.iter().map(Tensor::name))?;
    let types = [precision.floats()].into_iter().chain(Matrices::TYPES).map(Encoding::from);
    let named = |tensor: &Tensor| {
        let to = recipe.way(tensor.name(), types.clone())?;
        Ok((tensor.name().to_owned(), to.in_memory()))
    };
    let mut named = text.iter().map(named).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    named.extend(tower_types(given)?);
    Ok(named)
}
