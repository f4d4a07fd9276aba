//! What a model will take and give on this machine, calculated before its weights are touched; and, from the shape on a
//! card, what a checkpoint will take and give here or elsewhere before it is fetched.

pub mod before;
pub mod here;
pub mod mix;
pub mod published;

use plimsoll_engine::VisionEncoder;
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_runtime::{BATCH_TOKENS, CacheType, Memory};
use plimsoll_vision::{Cut, VisionError};
use serde::{Deserialize, Serialize};

/// What of the program itself comes into memory only while a model is loaded and answers: code pages, thread stacks,
/// the sampler. Measured as 1.9 to 2.9 MB over the demo models and one of 135 million parameters, release build, x86-64 with
/// AVX-512; more than that, for a model that takes less than was said still floats.
const ANSWERING_BYTES: u64 = 3_200_000;

/// Memory that a process running a model will have in RAM, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemoryPrediction {
    /// Everything but the model: program, tokenizer, template.
    pub process: u64,
    /// Pages of the mapped weights that are read, and vectors held beside them.
    pub weights: u64,
    /// Keys and values of `tokens` positions.
    pub cache: u64,
    /// Activations, and what kernels make of those of one product.
    pub buffers: u64,
    /// A vision tower's weights and activations, while it looks at a picture; 0 where none is shown.
    #[serde(default)]
    pub tower: u64,
    /// Tokens of the sequence that this is for.
    pub tokens: usize,
}

impl MemoryPrediction {
    /// For a sequence of `tokens`, in a process that has `process` bytes in RAM before the weights.
    pub fn new(cost: &Cost, process: u64, tokens: usize, cache: CacheType) -> MemoryPrediction {
        let Memory { weights, cache, buffers } = Memory::new(cost, tokens, cache);
        MemoryPrediction { process: process + ANSWERING_BYTES, weights, cache, buffers, tower: 0, tokens }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.process + self.weights + self.cache + self.buffers + self.tower
    }
}

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// What looking at a picture takes.
#[derive(Clone, Debug)]
pub struct TowerPrediction {
    cost: Cost,
    /// Patches of each tile of the picture that has most.
    patches: Vec<usize>,
    /// Which of them pass through together.
    steps: Vec<std::ops::Range<usize>>,
    /// Bytes of the pictures themselves: as they were read, and as embeddings; of the largest also resized, and cut into
    /// tiles of normalised pixels.
    pictures: usize,
}

impl TowerPrediction {
    /// For pictures of so many pixels, looked at one after the other, or for a tile where there are none; `cost` is that of the tower in `encoder`.
    ///
    /// # Errors
    /// The model cannot be shown one of them.
    pub fn new(
        cost: Cost,
        encoder: &mut VisionEncoder,
        sizes: &[(usize, usize)],
    ) -> Result<TowerPrediction, VisionError> {
        let cuts = sizes.iter().map(|(width, height)| encoder.processor().cut(*width, *height));
        let cuts = cuts.collect::<Result<Vec<Cut>, _>>()?;
        let held = |(size, cut): (&(usize, usize), &Cut)| {
            CHANNELS * size.0 * size.1 + size_of::<f32>() * encoder.embedding_values(cut)
        };
        let held: usize = sizes.iter().zip(&cuts).map(held).sum();
        let pixels = |cut: &Cut| cut.tiles.iter().map(|(height, width)| height * width).sum::<usize>();
        let tiles = match cuts.into_iter().max_by_key(pixels) {
            Some(cut) => cut.tiles,
            None => encoder.processor().cut(1, 1)?.tiles.into_iter().take(1).collect(),
        };
        let cut = tiles.iter().map(|(height, width)| CHANNELS * height * width * (1 + size_of::<f32>())).sum::<usize>();
        let tower = encoder.tower();
        let patches = tiles.iter().map(|size| tower.patches(*size)).collect();
        Ok(TowerPrediction { cost, patches, steps: tower.steps(&tiles), pictures: held + cut })
    }

    /// On this machine, in s.
    pub fn seconds(&self, machine: &Machine) -> f64 {
        self.cost.tower_seconds(&self.patches, self.steps.len(), machine)
    }

    /// Weights, activations, what kernels make of those of one product, and the pictures in all their forms, in bytes.
    pub fn bytes(&self) -> u64 {
        let most =
            self.steps.iter().map(|step| &self.patches[step.clone()]).max_by_key(|step| step.iter().sum::<usize>());
        let together = most.unwrap_or_default();
        let patches = together.iter().sum();
        self.cost.weight_bytes(patches)
            + self.cost.tower_buffer_bytes(together)
            + self.cost.rounded_bytes(patches)
            + self.pictures as u64
    }
}

/// Predicted speed at one depth, beside what the machine's limits allow, in tokens per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpeedPrediction {
    /// Tokens already in the cache.
    pub depth: usize,
    /// Prompt tokens per second.
    pub prefill: f64,
    /// Decoded tokens per second.
    pub decode: f64,
    /// Prompt tokens per second if arithmetic alone took time.
    pub prefill_limit: f64,
    /// Decoded tokens per second if reading weights and cache from memory alone took time.
    pub decode_limit: f64,
}

impl SpeedPrediction {
    /// For a prompt of `prefill_tokens`, and decoding, after `depth` tokens.
    pub fn new(
        cost: &Cost,
        machine: &Machine,
        depth: usize,
        prefill_tokens: usize,
        cache: CacheType,
    ) -> SpeedPrediction {
        let (bytes, tokens) = (|head_dim| cache.head_bytes(head_dim), prefill_tokens as f64);
        SpeedPrediction {
            depth,
            prefill: tokens / cost.prefill_seconds(prefill_tokens, depth, BATCH_TOKENS, machine),
            decode: 1.0 / cost.decode_seconds(depth, bytes, machine),
            prefill_limit: tokens / cost.prefill_limit_seconds(prefill_tokens, depth, machine),
            decode_limit: 1.0 / cost.decode_limit_seconds(depth, 1, bytes, machine),
        }
    }
}
