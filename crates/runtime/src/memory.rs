//! What running a network takes of memory, before its weights are touched.

use plimsoll_graph::cost::Cost;

use crate::{BATCH_TOKENS, CacheType};

/// Memory that a sequence takes beside the program itself, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Pages of the mapped weights that are read, and vectors held beside them.
    pub weights: u64,
    /// Keys and values.
    pub cache: u64,
    /// Activations, and what kernels make of those of one product.
    pub buffers: u64,
}

impl Memory {
    /// For a sequence of `tokens`, prompt and answer together.
    pub fn new(cost: &Cost, tokens: usize, cache: CacheType) -> Memory {
        let batch = tokens.min(BATCH_TOKENS);
        Memory {
            weights: cost.weight_bytes(tokens),
            cache: cost.cache_bytes(tokens, |head_dim| cache.head_bytes(head_dim)),
            buffers: cost.buffer_bytes(batch) + cost.rounded_bytes(batch),
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.cache + self.buffers
    }
}
