//! What running a model with given types takes, and how fast it will be.

use std::collections::HashMap;

use plimsoll_engine::{ChatTemplate, Tokenizer};
use plimsoll_graph::Network;
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_kernels::{Cpu, DType};
use plimsoll_lab::predict::here::Here;
use plimsoll_lab::predict::{MemoryPrediction, SpeedPrediction};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{CacheType, resident_bytes};

use super::Choice;
use crate::args::Quantize;
use crate::model;
use crate::settings::Settings;

/// What there is.
pub struct Budget {
    /// Memory, in bytes.
    pub bytes: u64,
    /// Tokens of context that it is for.
    pub tokens: usize,
    network: Network,
    /// What the process has in memory before a weight is read.
    process: u64,
    /// This machine, and the tokens per second that it has to reach.
    speed: Option<(Machine, f64)>,
}

impl Budget {
    /// So many bytes, with the context and the speed that the command line asks for. This process has to be young: what it
    /// has in memory, beside a tokenizer and a template, counts.
    ///
    /// # Errors
    /// The model has no such context, or its tokenizer or network is not to be made.
    pub fn new(bytes: u64, command: &Quantize, settings: &Settings, checkpoint: &Checkpoint) -> anyhow::Result<Budget> {
        let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref())?;
        // A template that cannot be used takes nothing, and is told of where it is used.
        let template = ChatTemplate::of(checkpoint, tokenizer.template_variables());
        let process = resident_bytes().map_or(0, |resident| resident.now);
        drop((tokenizer, template));
        let speed = match command.min_speed {
            Some(least) => Some((Here::measure(&Cpu::new(settings.isa, settings.threads)?).machine, least)),
            None => None,
        };
        Ok(Budget {
            bytes,
            tokens: model::context(checkpoint, command.context)?,
            network: plimsoll_models::network(checkpoint)?,
            process,
            speed,
        })
    }

    /// Resident memory with these types, in bytes.
    pub fn memory(&self, choices: &[Choice], types: &[DType]) -> u64 {
        MemoryPrediction::new(&self.cost(choices, types), self.process, self.tokens, CacheType::default()).total()
    }

    /// Tokens decoded in a second behind a full context; nothing where nobody asked for speed.
    pub fn speed(&self, choices: &[Choice], types: &[DType]) -> Option<f64> {
        let (machine, _) = self.speed.as_ref()?;
        let cost = self.cost(choices, types);
        Some(SpeedPrediction::new(&cost, machine, self.tokens, 1, CacheType::default()).decode)
    }

    /// Whether it decodes as fast as it has to.
    pub fn is_fast_enough(&self, choices: &[Choice], types: &[DType]) -> bool {
        let Some((_, least)) = &self.speed else { return true };
        self.speed(choices, types).is_some_and(|speed| speed >= *least)
    }

    fn cost(&self, choices: &[Choice], types: &[DType]) -> Cost {
        let of =
            choices.iter().zip(types).flat_map(|(choice, to)| choice.weights.iter().map(move |name| (&**name, *to)));
        let of: HashMap<&str, DType> = of.collect();
        Cost::new(&self.network, |decl| {
            let to = of.get(&*decl.name).copied().unwrap_or(DType::F32);
            let (cols, rows) = decl.shape.split_last()?;
            let bytes = to.row_bytes(*cols)? * rows.iter().product::<usize>();
            Some((to, bytes as u64))
        })
    }
}
