//! A type for each tensor of a GGUF, so that running the model takes no more memory than there is and loses least.

use std::path::Path;

use plimsoll_kernels::{DType, Pool};
use plimsoll_models::Checkpoint;
use plimsoll_models::export::{Exported, GgufName, gguf_names};
use plimsoll_quantise::{Encoding, Mix, Model, Place, Role, fitting, layer_of};

use super::plan::{Planned, refuse_twice};
use super::source::Source;
use crate::allocation::{Budget, Choice, Search, Told, Way};
use crate::args::Quantize;
use crate::notice::say;
use crate::settings::Settings;
use crate::weighing::Weighing;

/// What tensors are stored as to see what counts.
const PROBED_AS: DType = DType::Q4_0;

/// What types are chosen for, and where.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub command: &'a Quantize,
    pub settings: &'a Settings,
    pub checkpoint: &'a Checkpoint,
    pub budget: &'a Budget,
    /// Where changed weights are put meanwhile.
    pub folder: &'a Path,
    pub pool: &'a Pool,
}

/// What was chosen, and what went before.
pub struct Fitted<'a> {
    /// Every tensor with its type.
    pub plan: Vec<Planned<'a>>,
    /// What it went by.
    pub weighing: Weighing,
    /// What is to be told.
    pub told: Told,
}

/// Chooses.
///
/// # Errors
/// Nothing fits, nothing is fast enough, or the model cannot be run.
pub fn fit<'a>(given: &Given, source: &'a Source) -> anyhow::Result<Fitted<'a>> {
    let Given { command, settings, checkpoint, budget, folder, pool } = *given;
    let names = gguf_names(checkpoint, None)?;
    let mut search = Search::open(settings, checkpoint, folder, pool)?;
    let weighing = search.weighing(command.imatrix.as_deref())?;
    say(format_args!("each way of storing each of {} tensors is tried on a sample of its rows", source.tensors.len()));
    let choice = |tensor: &Exported| choice(command, source, &weighing, &names, pool, tensor);
    let choices: Vec<Choice> = source.tensors.iter().map(choice).collect::<Result<_, _>>()?;
    let mixes: Vec<Vec<usize>> = Mix::ALL.iter().filter_map(|mix| of_mix(&choices, source, *mix)).collect();
    let chosen = search.choose(&choices, budget, PROBED_AS.into(), &mixes)?;
    let planned = |((tensor, choice), way): ((&'a Exported, Choice), usize)| {
        let to = choice.ways[way].to.in_memory();
        Planned { tensor, to, asked: None, columns: choice.columns }
    };
    let plan = source.tensors.iter().zip(choices).zip(chosen.ways).map(planned);
    Ok(Fitted { plan: plan.collect(), weighing, told: chosen.told })
}

fn choice(
    command: &Quantize,
    source: &Source,
    weighing: &Weighing,
    names: &[GgufName],
    pool: &Pool,
    tensor: &Exported,
) -> anyhow::Result<Choice> {
    let (from, cols, rows) = (tensor.dtype(), tensor.cols(), tensor.rows());
    let named = names.iter().find(|name| name.name == tensor.name);
    let Some(named) = named.filter(|_| Role::of(&tensor.name, tensor.shape.len()) != Role::Kept) else {
        return Ok(Choice::kept(from, [rows, cols], source.kept(tensor)));
    };
    let fits = Encoding::blocks().filter(|way| fitting(*way, cols) == *way);
    let ways: Vec<Way> = fits.chain([from]).filter_map(|way| Some(Way::new(way, way.row_bytes(cols)?))).collect();
    if let Encoding::Type(first) = ways[0].to {
        refuse_twice(command, tensor, first)?;
    }
    let columns = weighing.columns(&tensor.name, &tensor.shape)?;
    let mut choice = Choice { weights: named.parts.clone(), from, cols, rows, columns, ways };
    choice.try_ways(pool, |row, out| tensor.read_rows(row, out)).map_err(|error| tensor.error(error.to_string()))?;
    Ok(choice)
}

/// The ways that a mix gives the tensors, if each has its own among those that are tried.
fn of_mix(choices: &[Choice], source: &Source, mix: Mix) -> Option<Vec<usize>> {
    let model = Model { is_weighed: true, ..source.model };
    let way = |(tensor, choice): (&Exported, &Choice)| {
        let dims = tensor.shape.len();
        let (role, layer) = (Role::of(&tensor.name, dims), layer_of(&tensor.name).unwrap_or(0));
        let place = Place { role, layer, is_stack: dims > 2, cols: tensor.cols() };
        let to = mix.type_of(&model, &place).filter(|_| !choice.weights.is_empty());
        to.map_or(Some(0), |to| choice.way(to))
    };
    source.tensors.iter().zip(choices).map(way).collect()
}
