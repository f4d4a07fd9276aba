//! Timing a [`Program`]: token ids in, the likeliest id out. Sampling greedily is included, tokenising is not.

use std::time::Instant;

use plimsoll_runtime::{CacheError, CacheType, KvCache, Program, StepError, likeliest};

use super::Timed;
use crate::suite::Rng;

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

/// A program with a cache for each sequence, kept filled to the depth last asked for.
#[derive(Debug)]
pub struct ProgramTimer<'a> {
    program: &'a mut Program,
    /// Of one sequence at least; prompts go to the first.
    caches: Vec<KvCache>,
    /// One id for each position, spread over the vocabulary, so that embedding rows and routed experts are met as in
    /// text and not always the same.
    ids: Vec<u32>,
}

/// So many token ids, spread over the vocabulary; the same every time.
pub(super) fn spread_ids(vocab_size: usize, n: usize) -> Vec<u32> {
    let mut rng = Rng::new(TOKEN_SEED, 0);
    (0..n).map(|_| rng.below(vocab_size) as u32).collect()
}

impl<'a> ProgramTimer<'a> {
    /// A timer for one or more `sequences` of up to `capacity` tokens; see [`super::Plan::longest`].
    ///
    /// # Errors
    /// When the memory for the caches is not to be had.
    pub fn new(
        program: &'a mut Program,
        capacity: usize,
        sequences: usize,
        kind: CacheType,
    ) -> Result<ProgramTimer<'a>, BenchError> {
        let caches = (0..sequences.max(1)).map(|_| program.new_cache(capacity, kind)).collect::<Result<_, _>>()?;
        let ids = spread_ids(program.network().vocab_size, capacity);
        Ok(ProgramTimer { program, caches, ids })
    }

    /// Makes the first `n_sequences` caches hold `depth` tokens.
    fn fill_to(&mut self, depth: usize, n_sequences: usize) -> Result<(), BenchError> {
        for cache in &mut self.caches[..n_sequences] {
            cache.truncate(depth);
            let filled = cache.len();
            self.program.append(cache, &self.ids[filled..depth])?;
        }
        Ok(())
    }
}

impl Timed for ProgramTimer<'_> {
    fn prefill(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError> {
        self.fill_to(depth, 1)?;
        let cache = &mut self.caches[0];
        let start = Instant::now();
        self.program.step(cache, &self.ids[depth..depth + n_tokens])?;
        let seconds = start.elapsed().as_secs_f64();
        cache.truncate(depth);
        Ok(seconds)
    }

    fn decode(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError> {
        self.fill_to(depth, self.caches.len())?;
        let vocab_size = self.program.network().vocab_size;
        let first = |i| self.ids[(depth + i) % self.ids.len()]; // each its own: sequences alike would share experts
        let mut tokens: Vec<u32> = (0..self.caches.len()).map(first).collect();
        let start = Instant::now();
        for _ in 0..n_tokens {
            let mut sequences: Vec<_> = self.caches.iter_mut().zip(tokens.iter().copied()).collect();
            let logits = self.program.decode(&mut sequences)?;
            tokens = logits.chunks_exact(vocab_size).map(likeliest).collect();
        }
        let seconds = start.elapsed().as_secs_f64();
        self.caches.iter_mut().for_each(|cache| _ = cache.truncate(depth));
        Ok(seconds)
    }
}
