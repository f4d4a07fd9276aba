//! A network with its weights, on this processor.

use std::num::NonZeroUsize;

use plimsoll_formats::{Checkpoint, FormatError};
use plimsoll_graph::{BufferPlan, Network, Rows, cost::Cost};
use plimsoll_kernels::{Cpu, CpuError, Isa};

use crate::bind::Weights;
use crate::cache::{CacheError, CacheType, KvCache};
use crate::execute::{self, StepContext};

/// Tokens of a prompt that pass through the network together. More would reuse each unpacked
/// weight more often but outgrow the caches of small processors.
pub const BATCH_TOKENS: usize = 256;

/// Tokens taken together when logits are wanted at every position: their rows are as wide as the
/// vocabulary, so that a whole batch of them would outweigh the model.
const BATCH_TOKENS_WITH_LOGITS: usize = 32;

/// Why a checkpoint could not be made executable.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its architecture or hyperparameters make no network.
    #[error(transparent)]
    Network(#[from] plimsoll_models::ModelError),
    /// A weight is missing or does not fit.
    #[error(transparent)]
    Weights(#[from] FormatError),
    /// The processor lacks the instruction set or the threads asked for.
    #[error(transparent)]
    Cpu(#[from] CpuError),
}

/// What a step refuses.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StepError {
    /// More tokens than the cache has room for.
    #[error("{tokens} tokens after {used} do not fit a context of {capacity}")]
    ContextFull {
        /// Tokens handed in.
        tokens: usize,
        /// Positions already filled.
        used: usize,
        /// Positions of the cache.
        capacity: usize,
    },
    /// A token id outside the embedding table.
    #[error("token id {id} is outside the vocabulary of {vocab_size}")]
    UnknownToken {
        /// The id.
        id: u32,
        /// Rows of the embedding table.
        vocab_size: usize,
    },
}

/// A network made executable: weights found and checked, buffers planned, kernels chosen.
pub struct Program {
    pub(crate) network: Network,
    pub(crate) weights: Weights,
    pub(crate) plan: BufferPlan,
    pub(crate) buffers: Vec<Vec<f32>>,
    pub(crate) scratch: crate::moe::MoeScratch,
    pub(crate) cpu: Cpu,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (isa, threads) = (self.cpu.isa(), self.cpu.threads());
        write!(f, "Program({} nodes, {isa}, {threads} threads)", self.network.nodes.len())
    }
}

impl Program {
    /// Loads the text network of a checkpoint; nothing of the weights is copied but short vectors.
    ///
    /// # Errors
    /// The first thing that does not fit, by file and tensor or key.
    pub fn load(checkpoint: &Checkpoint, isa: Isa, threads: NonZeroUsize) -> Result<Program, LoadError> {
        let network = plimsoll_models::network(checkpoint)?;
        let weights = Weights::bind(&network, checkpoint)?;
        let cpu = Cpu::new(isa, threads)?;
        let plan = BufferPlan::new(&network);
        let buffers = plan.slots.iter().map(|_| Vec::new()).collect();
        Ok(Program { network, weights, plan, buffers, scratch: Default::default(), cpu })
    }

    /// An empty cache for sequences of up to `capacity` tokens.
    ///
    /// # Errors
    /// When the memory is not to be had.
    pub fn new_cache(&self, capacity: usize, kind: CacheType) -> Result<KvCache, CacheError> {
        KvCache::new(&self.network, capacity, kind)
    }

    /// The cost of the network with the weights as a checkpoint stores them.
    ///
    /// # Errors
    /// The first weight that is missing or does not fit: no figure is made of half a model.
    pub fn cost(checkpoint: &Checkpoint) -> Result<Cost, LoadError> {
        let network = plimsoll_models::network(checkpoint)?;
        for decl in &network.weights {
            checkpoint.require_shape(&decl.name, &decl.shape)?;
        }
        let stored = |name: &str| checkpoint.tensor(name).map(|tensor| (tensor.dtype(), tensor.stored_bytes() as u64));
        Ok(Cost::new(&network, |decl| stored(&decl.name)))
    }

    /// The device that the program runs on.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The description that the program runs.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Appends `tokens` to the sequence of `cache`; returns the logits after the last one, `(vocab_size)`.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    ///
    /// # Panics
    /// If `tokens` is empty, or `cache` was made by another program.
    pub fn step(&mut self, cache: &mut KvCache, tokens: &[u32]) -> Result<&[f32], StepError> {
        self.check(cache, tokens)?;
        assert!(!tokens.is_empty(), "a step needs a token");
        let mut rest = tokens;
        while rest.len() > BATCH_TOKENS {
            let (batch, after) = rest.split_at(BATCH_TOKENS);
            self.run_batch(cache, batch, 0);
            rest = after;
        }
        self.run_batch(cache, rest, 1);
        Ok(self.logits(1))
    }

    /// Appends `tokens`; hands the logits after each of them to `each` with its index in `tokens`.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    pub fn step_each(
        &mut self,
        cache: &mut KvCache,
        tokens: &[u32],
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<(), StepError> {
        self.check(cache, tokens)?;
        for (batch_index, batch) in tokens.chunks(BATCH_TOKENS_WITH_LOGITS).enumerate() {
            self.run_batch(cache, batch, batch.len());
            let rows = self.logits(batch.len()).chunks_exact(self.network.vocab_size);
            rows.enumerate().for_each(|(i, row)| each(batch_index * BATCH_TOKENS_WITH_LOGITS + i, row));
        }
        Ok(())
    }

    fn check(&self, cache: &KvCache, tokens: &[u32]) -> Result<(), StepError> {
        let vocab_size = self.network.vocab_size;
        if let Some(id) = tokens.iter().copied().find(|id| *id as usize >= vocab_size) {
            return Err(StepError::UnknownToken { id, vocab_size });
        }
        let (used, capacity) = (cache.len(), cache.capacity());
        if tokens.len() > capacity - used {
            return Err(StepError::ContextFull { tokens: tokens.len(), used, capacity });
        }
        Ok(())
    }

    fn logits(&self, n_selected: usize) -> &[f32] {
        let slot = self.plan.slot_of[self.network.logits.0];
        &self.buffers[slot.0][..n_selected * self.network.vocab_size]
    }

    /// One pass over the nodes. With no logits wanted, nodes behind the row selection do nothing.
    fn run_batch(&mut self, cache: &mut KvCache, tokens: &[u32], n_selected: usize) {
        for (buffer, (rows, width)) in self.buffers.iter_mut().zip(&self.plan.slots) {
            let needed = width * if *rows == Rows::Tokens { tokens.len() } else { n_selected };
            if buffer.len() < needed {
                buffer.resize(needed, 0.0);
            }
        }
        let context = StepContext::new(&self.network.ropes, tokens, cache, n_selected);
        execute::run(self, cache, &context);
        cache.advance(tokens.len());
    }
}

/// The likeliest token id, the lowest on a tie; a logit that is no number is never it.
pub fn likeliest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] || logits[best].is_nan() {
            best = id;
        }
    }
    best as u32
}
