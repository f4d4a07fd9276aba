//! Timing a [`Program`]: token ids in, the likeliest id out. Sampling greedily is included, tokenising is not.

use std::time::Instant;

use plimsoll_runtime::{CacheError, CacheType, KvCache, Program, StepError, likeliest};

use super::Timed;
use crate::suite::Draws;

/// Seed of the token ids that prompts are made of.
const TOKEN_SEED: u64 = 1;

/// Why a model could not be timed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A step was refused.
    #[error(transparent)]
    Step(#[from] StepError),
    /// No memory for the cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// A program with a cache that is kept filled to the depth last asked for.
#[derive(Debug)]
pub struct ProgramTimer<'a> {
    program: &'a mut Program,
    cache: KvCache,
    /// One id for each position, spread over the vocabulary, so that embedding rows and routed experts are met as in
    /// text and not always the same.
    ids: Vec<u32>,
}

impl<'a> ProgramTimer<'a> {
    /// A timer for sequences of up to `capacity` tokens; see [`super::Plan::longest`].
    ///
    /// # Errors
    /// When the memory for the cache is not to be had.
    pub fn new(program: &'a mut Program, capacity: usize, kind: CacheType) -> Result<ProgramTimer<'a>, BenchError> {
        let cache = program.new_cache(capacity, kind)?;
        let mut draws = Draws::new(TOKEN_SEED, 0);
        let vocab_size = program.network().vocab_size;
        let ids = (0..capacity).map(|_| draws.below(vocab_size) as u32).collect();
        Ok(ProgramTimer { program, cache, ids })
    }

    fn fill_to(&mut self, depth: usize) -> Result<(), BenchError> {
        self.cache.truncate(depth);
        let filled = self.cache.len();
        if filled < depth {
            self.program.step(&mut self.cache, &self.ids[filled..depth])?;
        }
        Ok(())
    }
}

impl Timed for ProgramTimer<'_> {
    fn prefill(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError> {
        self.fill_to(depth)?;
        let start = Instant::now();
        self.program.step(&mut self.cache, &self.ids[depth..depth + n_tokens])?;
        let seconds = start.elapsed().as_secs_f64();
        self.cache.truncate(depth);
        Ok(seconds)
    }

    fn decode(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError> {
        self.fill_to(depth)?;
        let mut token = self.ids[depth];
        let start = Instant::now();
        for _ in 0..n_tokens {
            let logits = self.program.decode(&mut [(&mut self.cache, token)])?;
            token = likeliest(logits);
        }
        let seconds = start.elapsed().as_secs_f64();
        self.cache.truncate(depth);
        Ok(seconds)
    }
}
