//! What running a model with given types takes, and how fast it will be.

use std::collections::HashMap;

use plimsoll_engine::{ChatTemplate, Tokenizer};
use plimsoll_graph::Network;
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_kernels::{Cpu, DType};
use plimsoll_lab::predict::here::Here;
use plimsoll_lab::predict::{MemoryPrediction, SpeedPrediction};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{CacheType, Memory, resident_bytes};

use super::{Choice, Way};
use crate::model;
use crate::settings::Settings;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Memory, in bytes.
    pub bytes: f64,
    /// Tokens of context; the model's own where nobody says.
    pub context: Option<usize>,
    /// Tokens to decode in a second, if that matters.
    pub min_speed: Option<f64>,
}

/// What there is.
pub struct Budget {
    /// Memory, in bytes.
    pub bytes: u64,
    /// Tokens of context that it is for.
    pub tokens: usize,
    network: Network,
    engine: Engine,
}

/// What runs the model.
enum Engine {
    /// This program.
    Own {
        /// What the process has in memory before a weight is read.
        process: u64,
        /// This machine, and the tokens per second that it has to reach.
        speed: Option<(Machine, f64)>,
    },
    /// Another, of whose own memory nothing is known.
    Other {
        /// Bytes of weights that are no part of the network.
        beside: u64,
        /// The type of what is not chosen for: vectors.
        vectors: DType,
        cache: CacheType,
    },
}

impl Budget {
    /// Of this program. This process has to be young: what it has in memory, beside a tokenizer and a template, counts.
    ///
    /// # Errors
    /// The model has no such context, or its tokenizer or network is not to be made.
    pub fn here(demand: Demand, settings: &Settings, checkpoint: &Checkpoint) -> anyhow::Result<Budget> {
        let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref())?;
        // A template that cannot be used takes nothing, and is told of where it is used.
        let template = ChatTemplate::of(checkpoint, tokenizer.template_variables());
        let process = resident_bytes().map_or(0, |resident| resident.now);
        drop((tokenizer, template));
        let speed = match demand.min_speed {
            Some(least) => Some((Here::measure(&Cpu::new(settings.isa, settings.threads)?).machine, least)),
            None => None,
        };
        Budget::of(demand, checkpoint, Engine::Own { process, speed })
    }

    /// Of another engine, which keeps vectors and its cache as these types; `beside` are the bytes of weights that are no part
    /// of the text model.
    ///
    /// # Errors
    /// The model has no such context, or makes no network.
    pub fn elsewhere(
        demand: Demand,
        checkpoint: &Checkpoint,
        (vectors, cache): (DType, DType),
        beside: u64,
    ) -> anyhow::Result<Budget> {
        let cache = if cache == DType::F32 { CacheType::F32 } else { CacheType::F16 };
        Budget::of(demand, checkpoint, Engine::Other { beside, vectors, cache })
    }

    fn of(demand: Demand, checkpoint: &Checkpoint, engine: Engine) -> anyhow::Result<Budget> {
        Ok(Budget {
            bytes: demand.bytes as u64,
            tokens: model::context(checkpoint, demand.context)?,
            network: plimsoll_models::network(checkpoint)?,
            engine,
        })
    }

    /// Whether it is another engine's.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.engine, Engine::Other { .. })
    }

    /// Memory with each tensor stored in the way at this place among its own, in bytes.
    pub fn memory(&self, choices: &[Choice], ways: &[usize]) -> u64 {
        let cost = self.cost(choices, ways);
        match &self.engine {
            Engine::Own { process, .. } => {
                MemoryPrediction::new(&cost, *process, self.tokens, CacheType::default()).total()
            }
            // What maps no file has all of it in memory.
            Engine::Other { beside, cache, .. } => {
                let Memory { cache, buffers, .. } = Memory::new(&cost, self.tokens, *cache);
                cost.stored_bytes() + beside + cache + buffers
            }
        }
    }

    /// Tokens decoded in a second behind a full context; nothing where nobody asked for speed.
    pub fn speed(&self, choices: &[Choice], ways: &[usize]) -> Option<f64> {
        let Engine::Own { speed: Some((machine, _)), .. } = &self.engine else { return None };
        let cost = self.cost(choices, ways);
        Some(SpeedPrediction::new(&cost, machine, self.tokens, 1, CacheType::default()).decode)
    }

    /// Whether it decodes as fast as it has to.
    pub fn is_fast_enough(&self, choices: &[Choice], ways: &[usize]) -> bool {
        let Engine::Own { speed: Some((_, least)), .. } = &self.engine else { return true };
        self.speed(choices, ways).is_some_and(|speed| speed >= *least)
    }

    fn cost(&self, choices: &[Choice], ways: &[usize]) -> Cost {
        let chosen = choices.iter().zip(ways).map(|(choice, way)| (choice, choice.ways[*way]));
        let of: HashMap<&str, Way> =
            chosen.flat_map(|(choice, way)| choice.weights.iter().map(move |name| (&**name, way))).collect();
        let vectors = match self.engine {
            Engine::Own { .. } => DType::F32,
            Engine::Other { vectors, .. } => vectors,
        };
        Cost::new(&self.network, |decl| {
            let (cols, rows) = decl.shape.split_last()?;
            let (to, row_bytes) = match of.get(&*decl.name) {
                Some(way) => (way.to.in_memory(), way.row_bytes),
                None => (vectors, vectors.row_bytes(*cols)?),
            };
            Some((to, (row_bytes * rows.iter().product::<usize>()) as u64))
        })
    }
}
