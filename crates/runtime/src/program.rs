//! A network with its weights, on this processor.

use std::num::NonZeroUsize;
use std::ops::Range;

use plimsoll_formats::{Checkpoint, FormatError};
use plimsoll_graph::{BufferPlan, Network, Rows, cost::Cost};
use plimsoll_kernels::{Cpu, CpuError, Isa, Phase};

use crate::arithmetic::Arithmetic;
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
    /// Which nodes run together, in order.
    pub(crate) stages: Vec<Range<usize>>,
    pub(crate) buffers: Vec<Vec<f32>>,
    pub(crate) scratch: crate::moe::MoeScratch,
    pub(crate) cpu: Cpu,
    pub(crate) arithmetic: Arithmetic,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (nodes, isa, threads) = (self.network.nodes.len(), self.cpu.isa(), self.cpu.threads());
        write!(f, "Program({nodes} nodes, {isa}, {threads} threads, {:?})", self.arithmetic)
    }
}

impl Program {
    /// Loads the text network of a checkpoint; nothing of the weights is copied but short vectors.
    ///
    /// # Errors
    /// The first thing that does not fit, by file and tensor or key.
    pub fn load(
        checkpoint: &Checkpoint,
        isa: Isa,
        threads: NonZeroUsize,
        arithmetic: Arithmetic,
    ) -> Result<Program, LoadError> {
        let network = plimsoll_models::network(checkpoint)?;
        let weights = Weights::bind(&network, checkpoint)?;
        let cpu = Cpu::new(isa, threads)?;
        let plan = BufferPlan::new(&network);
        let buffers = plan.slots.iter().map(|_| Vec::new()).collect();
        let stages = execute::stages(&network.nodes);
        Ok(Program { network, weights, plan, stages, buffers, scratch: Default::default(), cpu, arithmetic })
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

    /// Appends tokens of a prompt to the sequence of `cache`; returns the logits after the last one, `(vocab_size)`.
    /// They have the same bits however the prompt is cut into steps.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    ///
    /// # Panics
    /// If `tokens` is empty, or `cache` was made by another program.
    pub fn step(&mut self, cache: &mut KvCache, tokens: &[u32]) -> Result<&[f32], StepError> {
        self.check(cache, tokens)?;
        assert!(!tokens.is_empty(), "a step needs a token");
        let (before, last) = tokens.split_at((tokens.len() - 1) / BATCH_TOKENS * BATCH_TOKENS);
        self.append(cache, before)?;
        self.run_batch(Phase::Prefill, &mut [cache], last, 1);
        Ok(self.logits(1))
    }

    /// [`Program::step`] where nobody wants logits.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    pub fn append(&mut self, cache: &mut KvCache, tokens: &[u32]) -> Result<(), StepError> {
        self.check(cache, tokens)?;
        tokens.chunks(BATCH_TOKENS).for_each(|batch| self.run_batch(Phase::Prefill, &mut [&mut *cache], batch, 0));
        Ok(())
    }

    /// Appends one generated token to each of several sequences; returns the logits after each, `(n_sequences,
    /// vocab_size)`. A sequence's logits have the same bits whatever the others are.
    ///
    /// # Errors
    /// [`StepError`] of the first sequence that refuses its token, every cache unchanged.
    ///
    /// # Panics
    /// If there is no sequence, or a cache was made by another program.
    pub fn decode(&mut self, sequences: &mut [(&mut KvCache, u32)]) -> Result<&[f32], StepError> {
        assert!(!sequences.is_empty(), "a step needs a token");
        sequences.iter().try_for_each(|(cache, token)| self.check(cache, &[*token]))?;
        let (mut caches, tokens): (Vec<&mut KvCache>, Vec<u32>) =
            sequences.iter_mut().map(|(cache, token)| (&mut **cache, *token)).unzip();
        self.run_batch(Phase::Decode, &mut caches, &tokens, tokens.len());
        Ok(self.logits(tokens.len()))
    }

    /// As [`Program::step`]; hands the logits after each token to `each` with its index in `tokens`.
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
            self.run_batch(Phase::Prefill, &mut [&mut *cache], batch, batch.len());
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

    /// One pass over the nodes for the next tokens of each sequence, as many of each. With no logits wanted, nodes behind
    /// the row selection do nothing.
    fn run_batch(&mut self, phase: Phase, sequences: &mut [&mut KvCache], tokens: &[u32], n_selected: usize) {
        for (buffer, (rows, width)) in self.buffers.iter_mut().zip(&self.plan.slots) {
            let needed = width * if *rows == Rows::Tokens { tokens.len() } else { n_selected };
            if buffer.len() < needed {
                buffer.resize(needed, 0.0);
            }
        }
        let context = StepContext::new(phase, &self.network.ropes, tokens, sequences, n_selected);
        execute::run(self, sequences, &context);
        let each = tokens.len() / sequences.len();
        sequences.iter_mut().for_each(|cache| cache.advance(each));
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
