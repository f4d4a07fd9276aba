//! A network with its weights, on this processor.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;

use plimsoll_formats::FormatError;
use plimsoll_graph::{Network, StepSize, cost::Cost};
use plimsoll_kernels::{Cpu, CpuError, DType, Isa, Phase};
use plimsoll_models::{Checkpoint, Format};

use crate::arithmetic::Arithmetic;
use crate::bind::BoundWeights;
use crate::cache::{CacheError, CacheType, KvCache};
use crate::delegate::{Delegate, DelegateError, Delegated};
use crate::execute::Executor;
use crate::input::Input;
use crate::machine::ResidentBytes;
use crate::observed::InputSquares;
use crate::token_step::TokenStep;

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
    /// Its weights are in a form that another engine reads.
    #[error("`{checkpoint}` is run by {engine}, not by this program")]
    Foreign {
        /// The checkpoint.
        checkpoint: String,
        /// Who runs it.
        engine: &'static str,
    },
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
    /// Rows in place of embeddings that are not as wide, or for tokens that are not there.
    #[error("{values} values given from token {at} of {tokens} on are no rows of {d_model} for tokens that are there")]
    GivenRows {
        /// Index of the first token that rows are given for.
        at: usize,
        /// Values given.
        values: usize,
        /// Tokens handed in.
        tokens: usize,
        /// Width of an embedding.
        d_model: usize,
    },
    /// The engine that computes in this program's place gave no logits.
    #[error(transparent)]
    Delegate(#[from] DelegateError),
    /// Rows in place of embeddings, for an engine that is handed ids alone.
    #[error("{engine} is handed token ids alone here, no pictures")]
    IdsAlone {
        /// Which.
        engine: String,
    },
}

/// A network made executable: weights found and checked, buffers planned, kernels chosen.
pub struct Program {
    computed: Computed,
    /// Values that stand for a token whose embedding is given.
    given_width: usize,
}

/// By whom.
enum Computed {
    Here(Box<Executor>),
    Elsewhere(Box<Delegated>),
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.computed {
            Computed::Here(executor) => write!(f, "Program({executor:?})"),
            Computed::Elsewhere(delegated) => write!(f, "Program({})", delegated.delegate.engine()),
        }
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
        if checkpoint.format == Format::Onnx {
            return Err(LoadError::Foreign { checkpoint: checkpoint.display(), engine: "ONNX Runtime" });
        }
        let network = plimsoll_models::network(checkpoint)?;
        let weights = BoundWeights::of_text(&network, checkpoint)?;
        let executor = Box::new(Executor::new(network, weights, Cpu::new(isa, threads)?, arithmetic));
        let given_width = executor.network.given_width();
        Ok(Program { computed: Computed::Here(executor), given_width })
    }

    /// The text network of a checkpoint as another engine computes it.
    ///
    /// # Errors
    /// It is no network, or the processor lacks what is asked for.
    pub fn delegated(
        checkpoint: &Checkpoint,
        isa: Isa,
        threads: NonZeroUsize,
        delegate: Box<dyn Delegate>,
    ) -> Result<Program, LoadError> {
        let network = plimsoll_models::network(checkpoint)?;
        let delegated = Delegated::new(network, Cpu::new(isa, threads)?, delegate);
        let given_width = delegated.network.given_width();
        Ok(Program { computed: Computed::Elsewhere(Box::new(delegated)), given_width })
    }

    /// The engine that computes in this program's place, if one does, and the memory that its process takes, if it tells.
    pub fn delegate(&self) -> Option<(&str, Option<ResidentBytes>)> {
        match &self.computed {
            Computed::Here(_) => None,
            Computed::Elsewhere(delegated) => Some((delegated.delegate.engine(), delegated.delegate.resident())),
        }
    }

    /// An empty cache for sequences of up to `capacity` tokens.
    ///
    /// # Errors
    /// When the memory is not to be had.
    pub fn new_cache(&self, capacity: usize, kind: CacheType) -> Result<KvCache, CacheError> {
        match &self.computed {
            Computed::Here(executor) => KvCache::new(&executor.network, capacity, kind),
            Computed::Elsewhere(delegated) => Ok(KvCache::of_ids(&delegated.network, capacity)),
        }
    }

    /// The cost of the network with the weights as a checkpoint stores them.
    ///
    /// # Errors
    /// The first weight that is missing or does not fit: no figure is made of half a model.
    pub fn cost(checkpoint: &Checkpoint) -> Result<Cost, LoadError> {
        let network = plimsoll_models::network(checkpoint)?;
        let stored = network.weights.iter().map(|weight| Ok((&*weight.name, checkpoint.stored(weight)?)));
        let stored = stored.collect::<Result<HashMap<&str, (DType, u64)>, FormatError>>()?;
        Ok(Cost::new(&network, |decl| stored.get(&*decl.name).copied()))
    }

    /// The device that the program runs on.
    pub fn cpu(&self) -> &Cpu {
        match &self.computed {
            Computed::Here(executor) => &executor.cpu,
            Computed::Elsewhere(delegated) => &delegated.cpu,
        }
    }

    /// The description that the program runs.
    pub fn network(&self) -> &Network {
        match &self.computed {
            Computed::Here(executor) => &executor.network,
            Computed::Elsewhere(delegated) => &delegated.network,
        }
    }

    /// Appends tokens of a prompt to the sequence of `cache`; returns the logits after the last one, `(vocab_size)`.
    /// They have the same bits however the prompt is cut into steps.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    ///
    /// # Panics
    /// If there is no token, or `cache` was made by another program.
    pub fn step<'i>(&mut self, cache: &mut KvCache, input: impl Into<Input<'i>>) -> Result<&[f32], StepError> {
        let input = input.into();
        self.check(cache, input)?;
        assert!(!input.is_empty(), "a step needs a token");
        let parts: Vec<Input> = input.parts(BATCH_TOKENS, self.network().ahead()).collect();
        let (last, before) = parts.split_last().expect("there is a token");
        for part in before {
            self.run_batch(Phase::Prefill, &mut [&mut *cache], *part, 0)?;
        }
        self.run_batch(Phase::Prefill, &mut [cache], *last, 1)
    }

    /// Where a piece of about `n` tokens of `input` ends that begins with the token of index `start`: tokens that see each other
    /// pass together.
    pub fn piece_end(&self, input: Input, start: usize, n: usize) -> usize {
        let end = input.part(start..input.len()).parts(n, self.network().ahead()).next().map_or(0, |part| part.len());
        start + end
    }

    /// Whether a piece of `input` may end before the token of index `at`: whether none before sees it or what is behind.
    pub fn may_end(&self, input: Input, at: usize) -> bool {
        !input.blocks(self.network().ahead()).iter().any(|block| block.start < at && at < block.end)
    }

    /// The pieces of about `n` tokens in which part of `input` passes.
    pub fn pieces(&self, input: Input, part: Range<usize>, n: usize) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut start = part.start;
        while start < part.end {
            let end = self.piece_end(input, start, n.min(part.end - start));
            pieces.push(start..end);
            start = end;
        }
        pieces
    }

    /// [`Program::step`] where nobody wants logits.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    pub fn append<'i>(&mut self, cache: &mut KvCache, input: impl Into<Input<'i>>) -> Result<(), StepError> {
        let input = input.into();
        self.check(cache, input)?;
        self.run_batches(cache, input)
    }

    fn run_batches(&mut self, cache: &mut KvCache, input: Input) -> Result<(), StepError> {
        for batch in input.parts(BATCH_TOKENS, self.network().ahead()) {
            self.run_batch(Phase::Prefill, &mut [&mut *cache], batch, 0)?;
        }
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
        sequences.iter().try_for_each(|(cache, token)| self.check(cache, (&[*token]).into()))?;
        let (mut caches, tokens): (Vec<&mut KvCache>, Vec<u32>) =
            sequences.iter_mut().map(|(cache, token)| (&mut **cache, *token)).unzip();
        self.run_batch(Phase::Decode, &mut caches, (&tokens).into(), tokens.len())
    }

    /// As [`Program::step`]; hands the logits after each token to `each` with its index in the input.
    ///
    /// # Errors
    /// [`StepError`], the cache unchanged.
    pub fn step_each<'i>(
        &mut self,
        cache: &mut KvCache,
        input: impl Into<Input<'i>>,
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<(), StepError> {
        let input = input.into();
        self.check(cache, input)?;
        let vocab_size = self.network().vocab_size;
        let mut before = 0;
        for batch in input.parts(BATCH_TOKENS_WITH_LOGITS, self.network().ahead()) {
            let logits = self.run_batch(Phase::Prefill, &mut [&mut *cache], batch, batch.len())?;
            logits.chunks_exact(vocab_size).enumerate().for_each(|(i, row)| each(before + i, row));
            before += batch.len();
        }
        Ok(())
    }

    /// Forgets what weights were multiplied with, and sums it up from now on.
    pub fn observe(&mut self) {
        if let Computed::Here(executor) = &mut self.computed {
            executor.observe();
        }
    }

    /// What every weight was multiplied with since [`Program::observe`], by its canonical name; nothing of those that were
    /// multiplied with nothing, such as the output projection where nobody wanted logits, and of all that another engine
    /// computes.
    pub fn observed(&self) -> impl Iterator<Item = (&str, &InputSquares)> {
        let executor = match &self.computed {
            Computed::Here(executor) => Some(executor),
            Computed::Elsewhere(_) => None,
        };
        executor.into_iter().flat_map(|executor| executor.observed())
    }

    fn check(&self, cache: &KvCache, input: Input) -> Result<(), StepError> {
        let vocab_size = self.network().vocab_size;
        if let Some(id) = input.ids().iter().copied().find(|id| *id as usize >= vocab_size) {
            return Err(StepError::UnknownToken { id, vocab_size });
        }
        if let Some(given) = input.misfit(self.given_width) {
            let (values, tokens, d_model) = (given.rows.len(), input.len(), self.given_width);
            return Err(StepError::GivenRows { at: given.at, values, tokens, d_model });
        }
        if let (Some(_), Computed::Elsewhere(delegated)) = (input.first_override(), &self.computed) {
            return Err(StepError::IdsAlone { engine: delegated.delegate.engine().to_owned() });
        }
        let (used, capacity) = (cache.len(), cache.capacity());
        if input.len() > capacity - used {
            return Err(StepError::ContextFull { tokens: input.len(), used, capacity });
        }
        Ok(())
    }

    /// One pass over the nodes for the next tokens of each sequence, as many of each; returns the logits wanted,
    /// `(n_selected, vocab_size)`. With none wanted, nodes behind the row selection do nothing.
    ///
    /// # Errors
    /// Another engine computes, and fails: every cache is as it was.
    fn run_batch(
        &mut self,
        phase: Phase,
        sequences: &mut [&mut KvCache],
        input: Input,
        n_selected: usize,
    ) -> Result<&[f32], StepError> {
        let each = input.len() / sequences.len();
        match &mut self.computed {
            Computed::Here(executor) => {
                let ahead = executor.network.ahead();
                for cache in sequences.iter_mut().filter(|_| phase == Phase::Prefill) {
                    let first = cache.len().saturating_sub(input.start());
                    cache.places.learn(input, first, ahead);
                }
                let mut step = TokenStep::new(phase, &executor.network.ropes, input, sequences, n_selected);
                executor.run(&mut step);
                for cache in sequences.iter_mut() {
                    cache.advance(each);
                    // What generated tokens were folded into is not gone back to.
                    if phase == Phase::Prefill {
                        cache.keep_states();
                    }
                }
                let size = StepSize { tokens: input.len(), selected: n_selected, tiles: 0 };
                Ok(executor.value(executor.network.outputs[0], size))
            }
            Computed::Elsewhere(delegated) => {
                let before: Vec<usize> = sequences.iter().map(|cache| cache.len()).collect();
                for (cache, ids) in sequences.iter_mut().zip(input.ids().chunks(each.max(1))) {
                    cache.append_ids(ids);
                }
                let found = delegated.run(sequences.iter().map(|cache| cache.ids()), n_selected / sequences.len());
                if found.is_err() {
                    sequences.iter_mut().zip(before).for_each(|(cache, len)| _ = cache.truncate(len));
                }
                Ok(found?)
            }
        }
    }
}

/// The likeliest token id, the lowest on a tie; a logit that is no number is never it.
pub fn likeliest(logits: &[f32]) -> u32 {
    // The greatest first, in a loop for vector registers, then where it stands: a vocabulary of 128256 takes a
    // twentieth of a small model's step if each logit waits for the one before.
    let greater = |most: f32, logit: f32| if logit > most { logit } else { most };
    let (blocks, rest) = logits.as_chunks::<32>();
    let mut most = [f32::NEG_INFINITY; 32];
    for block in blocks {
        for (most, logit) in most.iter_mut().zip(block) {
            *most = greater(*most, *logit);
        }
    }
    let most = most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, greater);
    logits.iter().position(|logit| *logit == most).unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::likeliest;

    #[test]
    fn the_likeliest_is_the_first_of_the_greatest_wherever_it_stands_and_never_no_number() {
        for len in [1, 31, 32, 33, 100] {
            for at in 0..len {
                let mut logits = vec![-2.0; len];
                (logits[at], logits[len - 1]) = (-1.0, -1.0);
                assert_eq!(likeliest(&logits), at as u32, "{at} of {len}");
                logits.fill(f32::NAN);
                assert_eq!(likeliest(&logits), 0, "of {len} that are no numbers");
                logits[at] = f32::NEG_INFINITY;
                assert_eq!(likeliest(&logits), at as u32, "{at} of {len}, the only number");
            }
        }
        assert_eq!(likeliest(&[-0.0, 0.0]), 0);
    }
}
