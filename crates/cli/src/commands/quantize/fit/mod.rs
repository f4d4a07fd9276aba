//! A type for each tensor, so that running the model takes no more memory than there is and loses least.

mod budget;
mod damage;
mod overlay;
mod probe;

use std::fmt;
use std::path::Path;

use plimsoll_engine::Session;
use plimsoll_formats::Imatrix;
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::calibration::Calibration;
use plimsoll_lab::loss::Passages;
use plimsoll_models::Checkpoint;
use plimsoll_models::export::{Exported, GgufName, gguf_names};
use plimsoll_quantise::{Cost, Mix, Model, Place, Role, allocate, fitting, layer_of};
use plimsoll_runtime::CacheType;
use serde::Serialize;

use super::plan::{Planned, refuse_twice};
use super::source::Source;
use super::weighing::{Columns, Weighing};
use crate::args::Quantize;
use crate::device::bytes;
use crate::mistake::Mistake;
use crate::model;
use crate::notice::say;
use crate::settings::Settings;

pub use budget::Budget;
use damage::WAYS;
use probe::Probe;

/// Questions of each category that a model is calibrated with, and probed with.
const CALIBRATED_WITH: usize = 24;
const PROBED_WITH: usize = 3;
/// Tokens that a question with its answer may have.
const CONTEXT: usize = 1024;

/// A tensor, the ways it may be stored, and what each takes and loses.
pub(super) struct Choice<'a> {
    pub tensor: &'a Exported,
    /// Canonical names of its weights; none of what is kept whatever is asked.
    pub weights: Vec<String>,
    pub columns: Option<Columns>,
    pub ways: Vec<DType>,
    /// The share of what it computes that each way loses.
    pub shares: Vec<f64>,
}

impl Choice<'_> {
    fn cost(&self, way: usize, counts: f64) -> Cost {
        let row = self.ways[way].row_bytes(self.tensor.cols()).unwrap_or(0);
        Cost { bytes: (row * self.tensor.rows()) as u64, damage: counts * self.shares[way] }
    }
}

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

/// What came of the choice.
#[derive(Serialize)]
pub struct Told {
    /// Memory that there is, in bytes.
    budget: u64,
    /// Memory that running it is predicted to take, in bytes.
    memory: u64,
    /// Tokens of context that it is for.
    context: usize,
    /// Tokens that it is predicted to decode in a second, behind a full context, where that was asked for.
    speed: Option<f64>,
    /// Mean divergence over the questions that it was chosen by, in nats: predicted, and measured.
    divergence: [f64; 2],
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (takes, context) = (bytes(self.memory as f64), self.context);
        write!(f, "{takes} of memory with {context} tokens of context, predicted, of {}", bytes(self.budget as f64))?;
        self.speed.map_or(Ok(()), |speed| write!(f, "; {speed:.1} tokens/s"))
    }
}

/// Chooses.
///
/// # Errors
/// Nothing fits, nothing is fast enough, or the model cannot be run.
pub fn fit<'a>(given: &Given, source: &'a Source) -> anyhow::Result<Fitted<'a>> {
    let Given { command, settings, checkpoint, budget, folder, pool } = *given;
    let names = gguf_names(checkpoint, None)?;
    let options = model::session_options(settings.clone(), Some(context(checkpoint)?), CacheType::F32);
    let mut base = Session::open(checkpoint, &options)?;
    let weighing = match &command.imatrix {
        Some(path) => Weighing::open(path)?,
        None => Weighing::built_in(calibrated(&mut base, &names)?),
    };
    say(format_args!("each way of storing each of {} tensors is tried on a sample of its rows", source.tensors.len()));
    let choices = choices(command, source, &weighing, &names, pool)?;
    let mut probe = Probe::new(&mut base, checkpoint, &options, folder, pool)?;
    let (chosen, divergence) = chosen(&choices, source, budget, &mut probe)?;
    let types: Vec<DType> = choices.iter().zip(&chosen).map(|(choice, way)| choice.ways[*way]).collect();
    let (memory, speed) = (budget.memory(&choices, &types), budget.speed(&choices, &types));
    let told = Told { budget: budget.bytes, memory, context: budget.tokens, speed, divergence };
    let plan = choices.into_iter().zip(types);
    let plan = plan.map(|(choice, to)| Planned { tensor: choice.tensor, to, asked: None, columns: choice.columns });
    Ok(Fitted { plan: plan.collect(), weighing, told })
}

fn context(checkpoint: &Checkpoint) -> anyhow::Result<usize> {
    Ok(CONTEXT.min(model::context(checkpoint, None)?))
}

/// The importance of the model's weights over a built-in text, and questions that no suite holds.
fn calibrated(base: &mut Session, names: &[GgufName]) -> anyhow::Result<Imatrix> {
    let sequences = Passages::for_calibration(CALIBRATED_WITH).sequences(base)?;
    let mut calibration = Calibration::new(base, CONTEXT);
    sequences.iter().try_for_each(|ids| calibration.sequence(ids))?;
    Ok(calibration.finish(names, vec!["built-in text and questions".to_owned()])?)
}

fn choices<'a>(
    command: &Quantize,
    source: &'a Source,
    weighing: &Weighing,
    names: &[GgufName],
    pool: &Pool,
) -> anyhow::Result<Vec<Choice<'a>>> {
    let choice = |tensor: &'a Exported| {
        let kept = source.kept(tensor);
        let named = names.iter().find(|name| name.name == tensor.name);
        if Role::of(&tensor.name, tensor.shape.len()) == Role::Kept || named.is_none() {
            return Ok(Choice { tensor, weights: Vec::new(), columns: None, ways: vec![kept], shares: vec![0.0] });
        }
        refuse_twice(command, tensor, WAYS[0])?;
        let columns = Columns::of(tensor, weighing)?;
        let mut ways: Vec<DType> = WAYS.into_iter().filter(|way| fitting(*way, tensor.cols()) == *way).collect();
        let mut shares = damage::shares(pool, tensor, columns.as_ref(), &ways)?;
        // As it is, nothing is lost.
        ways.push(tensor.dtype());
        shares.push(0.0);
        let weights = named.map_or(Vec::new(), |name| name.parts.clone());
        Ok(Choice { tensor, weights, columns, ways, shares })
    };
    source.tensors.iter().map(choice).collect()
}

/// The way of each tensor, and the divergence that was predicted and measured of them.
fn chosen(
    choices: &[Choice],
    source: &Source,
    budget: &Budget,
    probe: &mut Probe,
) -> anyhow::Result<(Vec<usize>, [f64; 2])> {
    let mut counts = probe.counts(choices, None)?;
    let mut best = attempt(choices, &counts, budget, probe)?;
    // How much a share of damage counts depends on how much there is: it is asked again where it was settled.
    counts = probe.counts(choices, Some((&best.0, &counts)))?;
    let again = attempt(choices, &counts, budget, probe)?;
    if again.1[1] < best.1[1] {
        best = again;
    }
    // A mix that people know must not be better in the same memory.
    for mix in Mix::ALL {
        let Some(known) = of_mix(choices, source, *mix) else { continue };
        let types: Vec<DType> = choices.iter().zip(&known).map(|(choice, way)| choice.ways[*way]).collect();
        if budget.memory(choices, &types) > budget.bytes {
            continue;
        }
        let measured = probe.divergence(choices, &known)?;
        if measured < best.1[1] {
            best = (known, [measured, measured]);
        }
        break;
    }
    Ok(best)
}

fn attempt(
    choices: &[Choice],
    counts: &[f64],
    budget: &Budget,
    probe: &mut Probe,
) -> anyhow::Result<(Vec<usize>, [f64; 2])> {
    let costs = |(choice, counts): (&Choice, &f64)| {
        (0..choice.ways.len()).map(|way| choice.cost(way, *counts)).collect::<Vec<Cost>>()
    };
    let costs: Vec<Vec<Cost>> = choices.iter().zip(counts).map(costs).collect();
    let types = |chosen: &[usize]| -> Vec<DType> {
        choices.iter().zip(chosen).map(|(choice, way)| choice.ways[*way]).collect()
    };
    let mut room = budget.bytes;
    loop {
        let Some(chosen) = allocate(&costs, room) else {
            let least: Vec<usize> = costs.iter().map(|ways| smallest(ways)).collect();
            return Err(does_not_fit(budget, choices, &types(&least)));
        };
        let types = types(&chosen);
        let over = budget.memory(choices, &types).saturating_sub(budget.bytes);
        if over == 0 && budget.is_fast_enough(choices, &types) {
            let predicted = costs.iter().zip(&chosen).map(|(ways, way)| ways[*way].damage).sum();
            return Ok((chosen.clone(), [predicted, probe.divergence(choices, &chosen)?]));
        }
        // Of what is too slow a fiftieth goes at a time: fewer bytes are read faster.
        room = room.saturating_sub(if over > 0 { over } else { room / 50 + 1 });
    }
}

fn smallest(ways: &[Cost]) -> usize {
    (0..ways.len()).min_by_key(|way| ways[*way].bytes).unwrap_or(0)
}

fn does_not_fit(budget: &Budget, choices: &[Choice], least: &[DType]) -> anyhow::Error {
    let takes = budget.memory(choices, least);
    if takes > budget.bytes {
        let hint =
            "a shorter context takes less: --context N; a smaller model may lose less than this one in so few bits";
        let message = format!(
            "no types make this model fit {}: with {} tokens of context it takes {} at least",
            bytes(budget.bytes as f64),
            budget.tokens,
            bytes(takes as f64)
        );
        return Mistake::error(message, hint);
    }
    let fastest = budget.speed(choices, least).unwrap_or(0.0);
    Mistake::error(
        format!("no types make this model decode that fast here: {fastest:.1} tokens/s are predicted at most"),
        "a lower --min-speed, a shorter --context, or a smaller model",
    )
}

/// The ways that a mix gives the tensors, if each has its own among those that are tried.
fn of_mix(choices: &[Choice], source: &Source, mix: Mix) -> Option<Vec<usize>> {
    let model = Model { is_weighed: true, ..source.model };
    let way = |choice: &Choice| {
        let (tensor, dims) = (choice.tensor, choice.tensor.shape.len());
        let role = Role::of(&tensor.name, dims);
        let layer = layer_of(&tensor.name).unwrap_or(0);
        let place = Place { role, layer, is_stack: dims > 2, cols: tensor.cols() };
        let to = mix.type_of(&model, &place).filter(|_| !choice.weights.is_empty());
        choice.ways.iter().position(|way| to.is_none_or(|to| to == *way))
    };
    choices.iter().map(way).collect()
}
