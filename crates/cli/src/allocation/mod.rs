//! A way of storing each tensor, so that running the model takes no more memory than there is and loses least. What the ways
//! are is the target's: ggml's types, MLX's groups, or what a product of ONNX Runtime reads.

mod budget;
mod choice;
mod damage;
mod overlay;
mod probe;

use std::fmt;
use std::path::Path;

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_kernels::Pool;
use plimsoll_lab::calibration::Calibration;
use plimsoll_lab::loss::Passages;
use plimsoll_models::Checkpoint;
use plimsoll_models::export::{GgufName, gguf_names};
use plimsoll_quantise::{Cost, Encoding, allocate};
use plimsoll_runtime::CacheType;
use serde::Serialize;

use crate::device::bytes;
use crate::mistake::Mistake;
use crate::model;
use crate::settings::Settings;
use crate::weighing::Weighing;

pub use budget::{Budget, Demand};
pub use choice::{Choice, Way};
pub use overlay::Overlay;
use probe::Probe;

/// Questions of each category that a model is calibrated with, and probed with.
const CALIBRATED_WITH: usize = 24;
const PROBED_WITH: usize = 3;
/// Tokens that a question with its answer may have.
const CONTEXT: usize = 1024;

/// A model whose tensors are chosen for, running.
pub struct Search<'a> {
    checkpoint: &'a Checkpoint,
    base: Session,
    options: SessionOptions,
    /// Where changed weights are put meanwhile.
    folder: &'a Path,
    pool: &'a Pool,
}

/// The way of each tensor, by its place among the tensor's own, and what is to be told.
pub struct Chosen {
    pub ways: Vec<usize>,
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
    /// Whether another engine is to run it.
    #[serde(skip)]
    elsewhere: bool,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (takes, context, budget) = (bytes(self.memory as f64), self.context, bytes(self.budget as f64));
        if self.elsewhere {
            let beside = "what the engine takes for itself comes on top";
            write!(f, "{takes} of weights, cache and buffers with {context} tokens of context, ")?;
            return write!(f, "predicted, of {budget}; {beside}");
        }
        write!(f, "{takes} of memory with {context} tokens of context, predicted, of {budget}")?;
        self.speed.map_or(Ok(()), |speed| write!(f, "; {speed:.1} tokens/s"))
    }
}

impl<'a> Search<'a> {
    /// Opens the model.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn open(
        settings: &Settings,
        checkpoint: &'a Checkpoint,
        folder: &'a Path,
        pool: &'a Pool,
    ) -> anyhow::Result<Search<'a>> {
        let options = model::session_options(settings.clone(), Some(context(checkpoint)?), CacheType::F32);
        Ok(Search { checkpoint, base: Session::open(checkpoint, &options)?, options, folder, pool })
    }

    /// What columns count: by an importance matrix, or measured over what the program brings.
    ///
    /// # Errors
    /// The file is none, or the model cannot be run.
    pub fn weighing(&mut self, imatrix: Option<&Path>) -> anyhow::Result<Weighing> {
        match imatrix {
            Some(path) => Ok(Weighing::open(path)?),
            None => calibrated(&mut self.base, &gguf_names(self.checkpoint, None)?),
        }
    }

    /// Chooses. What counts is probed with tensors stored as `probed_as`; `known` are ways for all tensors that people know,
    /// the most precise first, of which none that fits is to be better.
    ///
    /// # Errors
    /// Nothing fits, nothing is fast enough, or a weight cannot be stored so.
    pub fn choose(
        &mut self,
        choices: &[Choice],
        budget: &Budget,
        probed_as: Encoding,
        known: &[Vec<usize>],
    ) -> anyhow::Result<Chosen> {
        let least: Vec<usize> = choices.iter().map(Choice::smallest).collect();
        if budget.memory(choices, &least) > budget.bytes {
            // What no way makes fit is not probed first.
            return Err(does_not_fit(budget, choices, &least));
        }
        let place = (self.folder, self.pool);
        let mut probe = Probe::new(&mut self.base, self.checkpoint, &self.options, place, probed_as)?;
        let (ways, divergence) = chosen(choices, budget, &mut probe, known)?;
        let (memory, speed) = (budget.memory(choices, &ways), budget.speed(choices, &ways));
        let (context, elsewhere) = (budget.tokens, budget.is_elsewhere());
        Ok(Chosen { ways, told: Told { budget: budget.bytes, memory, context, speed, divergence, elsewhere } })
    }
}

fn context(checkpoint: &Checkpoint) -> anyhow::Result<usize> {
    Ok(CONTEXT.min(model::context(checkpoint, None)?))
}

/// The importance of the model's weights over a built-in text, and questions that no suite holds.
fn calibrated(base: &mut Session, names: &[GgufName]) -> anyhow::Result<Weighing> {
    let sequences = Passages::for_calibration(CALIBRATED_WITH).sequences(base)?;
    let mut calibration = Calibration::new(base, CONTEXT);
    sequences.iter().try_for_each(|ids| calibration.sequence(ids))?;
    Ok(Weighing::built_in(calibration.finish(names, vec!["built-in text and questions".to_owned()])?))
}

/// The importance that ways are chosen by where no other is given.
///
/// # Errors
/// The model cannot be run.
pub fn built_in(settings: &Settings, checkpoint: &Checkpoint) -> anyhow::Result<Weighing> {
    let options = model::session_options(settings.clone(), Some(context(checkpoint)?), CacheType::F32);
    calibrated(&mut Session::open(checkpoint, &options)?, &gguf_names(checkpoint, None)?)
}

/// The way of each tensor, and the divergence that was predicted and measured of them.
fn chosen(
    choices: &[Choice],
    budget: &Budget,
    probe: &mut Probe,
    known: &[Vec<usize>],
) -> anyhow::Result<(Vec<usize>, [f64; 2])> {
    let mut counts = probe.counts(choices, None)?;
    let mut best = attempt(choices, &counts, budget, probe)?;
    // How much a share of damage counts depends on how much there is: it is asked again where it was settled.
    counts = probe.counts(choices, Some((&best.0, &counts)))?;
    let again = attempt(choices, &counts, budget, probe)?;
    if again.1[1] < best.1[1] {
        best = again;
    }
    if let Some(known) = known.iter().find(|known| budget.memory(choices, known) <= budget.bytes) {
        let measured = probe.divergence(choices, known)?;
        if measured < best.1[1] {
            best = (known.clone(), [measured, measured]);
        }
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
    let mut room = budget.bytes;
    loop {
        let Some(ways) = allocate(&costs, room) else {
            let least: Vec<usize> = choices.iter().map(Choice::smallest).collect();
            return Err(does_not_fit(budget, choices, &least));
        };
        let over = budget.memory(choices, &ways).saturating_sub(budget.bytes);
        if over == 0 && budget.is_fast_enough(choices, &ways) {
            let predicted = costs.iter().zip(&ways).map(|(ways, way)| ways[*way].damage).sum();
            let measured = probe.divergence(choices, &ways)?;
            return Ok((ways, [predicted, measured]));
        }
        // Of what is too slow a fiftieth goes at a time: fewer bytes are read faster.
        room = room.saturating_sub(if over > 0 { over } else { room / 50 + 1 });
    }
}

fn does_not_fit(budget: &Budget, choices: &[Choice], least: &[usize]) -> anyhow::Error {
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
