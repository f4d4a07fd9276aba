//! What a network costs, read off its description: bytes kept and moved, operations done.
//! With a machine's measured limits this predicts memory and speed before anything runs.

mod outline;

pub use outline::{CachedLayers, Met, Outline, Part};

use plimsoll_kernels::{Activations, DType};

use crate::id::WeightId;
use crate::network::{CacheDecl, Network, WeightDecl, WeightKind};
use crate::op::{AttentionOp, Op, Rows, StepSize};
use crate::plan::BufferPlan;
use crate::tile::{TileAttention, TileOp};

/// Copies of a sequence's states that an executor keeps at earlier positions, to go on from: states cannot be cut back.
pub const CHECKPOINTS: usize = 3;

/// Width of the heads that [`Machine::attention_rate`] is measured with.
pub const PROBED_HEAD_DIM: usize = 64;

/// What a machine can do, as measured on it with all threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Bytes per second read from memory.
    pub read_bandwidth: f64,
    /// What one token reads stays in cache for the next, as long as it is no more bytes than this.
    pub cache_bytes: f64,
    /// Floating-point operations per second that the unit which multiplies prompts allows.
    pub arithmetic_rate: f64,
    /// What that unit multiplies.
    pub arithmetic: Activations,
    /// How fast stored types multiply.
    pub products: Vec<ProductRate>,
    /// Operations per second of attention over cached keys and values, for one token.
    pub attention_rate: f64,
    /// The same for the tokens of a prompt, which share what they read.
    pub prompt_attention_rate: f64,
    /// Seconds that a node takes however little it computes.
    pub node_seconds: f64,
}

/// How fast matrices of one stored type multiply, unpacking included, in operations per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProductRate {
    /// The stored type.
    pub dtype: DType,
    /// Values of one such matrix: small ones pay more for being handed to threads.
    pub values: usize,
    /// With one token, when nothing has to come from memory.
    pub decode: f64,
    /// Stored bytes per second with one token, where the weights come from memory: reading and multiplying overlap as
    /// much as the kernel lets them.
    pub streamed: f64,
    /// With a batch of tokens, which share the unpacking.
    pub prefill: f64,
}

impl Machine {
    /// The rates of matrices of a type and size: those of the measured size that is nearest; of a type
    /// that was not measured, the slowest.
    fn product(&self, dtype: DType, values: f64) -> ProductRate {
        let distance = |rate: &&ProductRate| (rate.values as f64 / values).ln().abs();
        let of_type = self.products.iter().filter(|rate| rate.dtype == dtype);
        let limits = ProductRate {
            dtype,
            values: values as usize,
            decode: self.arithmetic_rate,
            streamed: self.read_bandwidth,
            prefill: self.arithmetic_rate,
        };
        of_type.min_by(|a, b| distance(a).total_cmp(&distance(b))).copied().unwrap_or_else(|| {
            self.products.iter().fold(limits, |slowest, rate| ProductRate {
                decode: slowest.decode.min(rate.decode),
                streamed: slowest.streamed.min(rate.streamed),
                prefill: slowest.prefill.min(rate.prefill),
                ..slowest
            })
        })
    }

    /// Which part of what is read over and over comes from memory: what exceeds the cache drives out as much again.
    fn share_from_memory(&self, bytes: f64) -> f64 {
        if bytes <= self.cache_bytes { 0.0 } else { ((bytes - self.cache_bytes) / self.cache_bytes).min(1.0) }
    }
}

/// All products with weights of one type and use.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Products {
    dtype: DType,
    /// For how many rows of a step they are made.
    rows: Rows,
    /// Part of the weights that one token uses: `top_k / n_experts` for routed experts, else 1.
    used: f64,
    /// All of the weights.
    bytes: f64,
    /// Operations of one row with all of the weights.
    flops: f64,
    /// How many matrices they are, each expert for itself.
    matrices: f64,
}

impl Products {
    /// Expected bytes that a step of `n_tokens` reads, routers choosing evenly.
    fn touched_bytes(&self, n_tokens: f64) -> f64 {
        self.bytes * (1.0 - (1.0 - self.used).powf(n_tokens))
    }

    /// Values of one matrix, on average.
    fn mean_values(&self) -> f64 {
        self.flops / 2.0 / self.matrices
    }

    /// Operations of a step.
    fn step_flops(&self, size: StepSize) -> f64 {
        self.flops * self.used * size.rows(self.rows) as f64
    }
}

/// The cost of a network, independent of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    caches: Vec<CacheDecl>,
    /// Nodes that a step runs.
    n_nodes: usize,
    products: Vec<Products>,
    /// Bytes of tables of which only the rows of the tokens at hand are read.
    table_bytes: u64,
    /// Bytes of short vectors, held in f32 beside the file.
    vector_bytes: u64,
    /// Bytes of a sequence's state that does not grow.
    state_bytes: u64,
    attention: Vec<AttentionOp>,
    tile_attention: Vec<TileAttention>,
    plan: BufferPlan,
}

impl Cost {
    /// Walks a network; `stored` tells the type and size of a weight in its file, none if it is not there.
    pub fn new(network: &Network, stored: impl Fn(&WeightDecl) -> Option<(DType, u64)>) -> Cost {
        let mut cost = Cost {
            caches: network.caches.clone(),
            n_nodes: network.nodes.len(),
            products: vec![],
            table_bytes: 0,
            vector_bytes: 0,
            state_bytes: network.state_bytes() as u64,
            attention: vec![],
            tile_attention: vec![],
            plan: BufferPlan::new(network),
        };
        let stored = |id: WeightId| stored(network.weight(id)).unwrap_or((DType::F32, 0));
        let mut tables = vec![];
        for node in &network.nodes {
            match &node.op {
                Op::Embed { table, .. }
                | Op::EmbedBeside { table, .. }
                | Op::Tile(TileOp::AddPosition { table, .. }) => tables.push(*table),
                Op::Linear { weight, .. } => {
                    cost.add_product(network.weight(*weight), stored(*weight), node.rows, 1.0);
                    tables.retain(|table| table != weight); // tied: counted here, read whole
                }
                Op::Moe(moe) => {
                    cost.add_product(network.weight(moe.router), stored(moe.router), node.rows, 1.0);
                    let used = moe.routing.top_k as f64 / moe.n_experts as f64;
                    for part in moe.experts.gate.into_iter().chain([moe.experts.up, moe.experts.down]) {
                        cost.add_product(network.weight(part), stored(part), node.rows, used);
                    }
                }
                Op::HeadLinear { weight } => cost.add_product(network.weight(*weight), stored(*weight), node.rows, 1.0),
                Op::Attention(op) => cost.attention.push(op.clone()),
                Op::Tile(TileOp::Attention(op)) => cost.tile_attention.push(*op),
                _ => {}
            }
        }
        cost.table_bytes = tables.into_iter().map(|table| stored(table).1).sum();
        let vectors = network.weights.iter().filter(|w| matches!(w.kind, WeightKind::Vector { .. }));
        cost.vector_bytes = vectors.map(|w| (n_values(w) * size_of::<f32>()) as u64).sum();
        cost
    }

    fn add_product(&mut self, weight: &WeightDecl, (dtype, bytes): (DType, u64), rows: Rows, used: f64) {
        let (bytes, flops) = (bytes as f64, 2.0 * n_values(weight) as f64);
        let matrices = if weight.kind == WeightKind::Experts { weight.shape[0] as f64 } else { 1.0 };
        let alike = |p: &&mut Products| (p.dtype, p.rows, p.used) == (dtype, rows, used);
        match self.products.iter_mut().find(alike) {
            Some(products) => {
                products.bytes += bytes;
                products.flops += flops;
                products.matrices += matrices;
            }
            None => self.products.push(Products { dtype, rows, used, bytes, flops, matrices }),
        }
    }

    /// The stored types that products read, each with the values of one matrix: what a machine's
    /// rates are to be measured for.
    pub fn products(&self) -> Vec<(DType, usize)> {
        self.products.iter().map(|products| (products.dtype, products.mean_values() as usize)).collect()
    }

    /// Bytes of weights in memory once `n_tokens` different tokens have passed: of an embedding table
    /// only the neighbourhoods that the kernel maps around a fault, of experts those that were chosen.
    pub fn weight_bytes(&self, n_tokens: usize) -> u64 {
        const FAULT_AROUND: u64 = 64 << 10;
        let read: f64 = self.products.iter().map(|products| products.touched_bytes(n_tokens as f64)).sum();
        read as u64 + self.vector_bytes + self.table_bytes.min(n_tokens as u64 * FAULT_AROUND)
    }

    /// Bytes of keys and values for `n_positions`, `head_bytes` telling what a head of some width takes of them, and of
    /// states with the copies that are kept.
    pub fn cache_bytes(&self, n_positions: usize, head_bytes: impl Fn(usize) -> usize) -> u64 {
        let position = |cache: &CacheDecl| cache.stores() * cache.n_kv_heads * head_bytes(cache.head_dim);
        let positions = self.caches.iter().map(position).sum::<usize>() as u64 * n_positions as u64;
        positions + (1 + CHECKPOINTS as u64) * self.state_bytes
    }

    /// Bytes of keys, values and other state that queries behind `n_positions` can still see: what an engine keeps that
    /// lets the rest go.
    pub fn held_bytes(&self, n_positions: usize, head_bytes: impl Fn(usize) -> usize) -> u64 {
        let last = n_positions.saturating_sub(1);
        let seen = |(cache, of): (usize, &CacheDecl)| {
            let readers = self.attention.iter().filter(|a| a.cache.0 == cache);
            let positions = readers.map(|a| a.mask.span(last).len()).max().unwrap_or(0);
            positions * of.stores() * of.n_kv_heads * head_bytes(of.head_dim)
        };
        self.caches.iter().enumerate().map(seen).sum::<usize>() as u64 + self.state_bytes
    }

    /// Bytes of all weights in a file of these types.
    pub fn stored_bytes(&self) -> u64 {
        let products: f64 = self.products.iter().map(|products| products.bytes).sum();
        products as u64 + self.table_bytes + self.vector_bytes
    }

    /// Bytes of weights, keys and values that a decoded token reads after `depth` others.
    pub fn read_bytes(&self, depth: usize, head_bytes: impl Fn(usize) -> usize) -> f64 {
        self.decode_bytes(depth, 1, head_bytes)
    }

    /// Operations of the products of a step of `n_tokens`, logits for one.
    pub fn product_flops(&self, n_tokens: usize) -> f64 {
        self.products.iter().map(|products| products.step_flops(prompt(n_tokens))).sum()
    }

    /// Bytes of activations for a step of `n_tokens`, logits for one.
    pub fn buffer_bytes(&self, n_tokens: usize) -> u64 {
        self.plan.bytes(prompt(n_tokens))
    }

    /// Most bytes that kernels take for the inputs of a product while they multiply: the widest value of a step of
    /// `n_tokens`, rounded to 8 bits in several orders, or to 16, with scales.
    pub fn rounded_bytes(&self, n_tokens: usize) -> u64 {
        let widest = self.plan.slots.iter().filter(|slot| slot.0 == Rows::Tokens).map(|slot| slot.1).max();
        4 * (widest.unwrap_or(0) * n_tokens) as u64
    }

    /// Bytes of activations of a tower for tiles of so many patches together.
    pub fn tower_buffer_bytes(&self, patches: &[usize]) -> u64 {
        self.plan.bytes(tiles(patches))
    }

    /// Predicted seconds of a tower for tiles of so many patches in `steps` steps.
    pub fn tower_seconds(&self, patches: &[usize], steps: usize, machine: &Machine) -> f64 {
        let (size, steps) = (tiles(patches), steps as f64);
        let products = self.products.iter().map(|products| {
            let prefill = machine.product(products.dtype, products.mean_values()).prefill;
            (steps * products.bytes / machine.read_bandwidth).max(products.step_flops(size) / prefill)
        });
        let tile_flops = |a: &TileAttention| {
            let pairs = patches.iter().map(|patches| patches * a.window.map_or(*patches, |side| side * side));
            (4 * pairs.sum::<usize>() * a.n_heads * a.head_dim.max(PROBED_HEAD_DIM)) as f64
        };
        let attention = self.tile_attention.iter().map(tile_flops).sum::<f64>();
        products.sum::<f64>()
            + attention / machine.prompt_attention_rate
            + steps * self.n_nodes as f64 * machine.node_seconds
    }

    /// Predicted seconds of one decoded token after `depth` others: products as fast as their weights come from cache or
    /// memory, keys and values read, then attended to, and every node takes its least besides.
    pub fn decode_seconds(&self, depth: usize, head_bytes: impl Fn(usize) -> usize, machine: &Machine) -> f64 {
        let from_memory = machine.share_from_memory(self.decode_bytes(depth, 1, &head_bytes));
        let products = self.products.iter().map(|products| {
            let rate = machine.product(products.dtype, products.mean_values());
            let cached = products.step_flops(prompt(1)) / rate.decode;
            let streamed = products.touched_bytes(1.0) / rate.streamed;
            cached + from_memory * (streamed - cached).max(0.0)
        });
        let read = (self.seen_bytes(depth, head_bytes) as u64 + self.moved_state_bytes()) as f64;
        let reading = from_memory * read / machine.read_bandwidth;
        let attention = reading + self.attention_flops(depth) / machine.attention_rate;
        products.sum::<f64>() + attention + self.n_nodes as f64 * machine.node_seconds
    }

    /// Seconds of one decoded token for each of `n_sequences` if reading weights, once for all, and caches from memory
    /// were all.
    pub fn decode_limit_seconds(
        &self,
        depth: usize,
        n_sequences: usize,
        head_bytes: impl Fn(usize) -> usize,
        machine: &Machine,
    ) -> f64 {
        self.decode_bytes(depth, n_sequences, head_bytes) / machine.read_bandwidth
    }

    /// Bytes of weights, keys and values that one decoded token of each sequence reads.
    fn decode_bytes(&self, depth: usize, n_sequences: usize, head_bytes: impl Fn(usize) -> usize) -> f64 {
        let weights: f64 = self.products.iter().map(|products| products.touched_bytes(n_sequences as f64)).sum();
        let of_each = self.seen_bytes(depth, head_bytes) as u64 + self.moved_state_bytes();
        weights + (n_sequences as u64 * of_each) as f64
    }

    /// A token reads the states of its sequence and writes them back.
    fn moved_state_bytes(&self) -> u64 {
        2 * self.state_bytes
    }

    /// Bytes of the keys and values that a query at `position` sees.
    fn seen_bytes(&self, position: usize, head_bytes: impl Fn(usize) -> usize) -> usize {
        let seen = |a: &AttentionOp| {
            let stores = self.caches[a.cache.0].stores();
            a.mask.span(position).len() * stores * a.n_kv_heads * head_bytes(a.head_dim)
        };
        self.attention.iter().map(seen).sum()
    }

    /// Predicted seconds of a prompt of `n_tokens` after `depth` others, in steps of `n_batch`.
    pub fn prefill_seconds(&self, n_tokens: usize, depth: usize, n_batch: usize, machine: &Machine) -> f64 {
        let (n, steps) = (n_tokens as f64, n_tokens.div_ceil(n_batch) as f64);
        let products = self.products.iter().map(|products| {
            let prefill = machine.product(products.dtype, products.mean_values()).prefill;
            let bytes = steps * products.touched_bytes(n / steps);
            (bytes / machine.read_bandwidth).max(products.step_flops(prompt(n_tokens)) / prefill)
        });
        let attention = self.prompt_attention_flops(depth, n_tokens) / machine.prompt_attention_rate;
        products.sum::<f64>() + attention + steps * self.n_nodes as f64 * machine.node_seconds
    }

    /// Seconds of a prompt if the arithmetic units were all.
    pub fn prefill_limit_seconds(&self, n_tokens: usize, depth: usize, machine: &Machine) -> f64 {
        (self.product_flops(n_tokens) + self.prompt_attention_flops(depth, n_tokens)) / machine.arithmetic_rate
    }

    /// Operations of attention for a whole prompt, the mean over some of its positions: a
    /// mask's span need not grow evenly.
    fn prompt_attention_flops(&self, depth: usize, n_tokens: usize) -> f64 {
        const SAMPLES: usize = 32;
        let at = |i: usize| self.attention_flops(depth + i * n_tokens / SAMPLES);
        (0..SAMPLES).map(at).sum::<f64>() / SAMPLES as f64 * n_tokens as f64
    }

    /// A narrow head costs about what one of [`PROBED_HEAD_DIM`] does: the sum over each key's
    /// products takes as long as the products.
    fn attention_flops(&self, depth: usize) -> f64 {
        let width = |a: &AttentionOp| 4 * a.n_heads * a.head_dim.max(PROBED_HEAD_DIM);
        self.attention.iter().map(|a| (a.mask.span(depth).len() * width(a)) as f64).sum()
    }
}

fn tiles(patches: &[usize]) -> StepSize {
    StepSize { tokens: patches.iter().sum(), selected: 0, tiles: patches.len() }
}

/// A prompt, of whose logits one row is wanted.
fn prompt(n_tokens: usize) -> StepSize {
    StepSize { tokens: n_tokens, selected: 1, tiles: 0 }
}

fn n_values(weight: &WeightDecl) -> usize {
    weight.shape.iter().product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    fn tiny(tied: bool) -> Network {
        let mut net = Builder::new(10);
        let x = net.embed("embed", 4);
        let h = net.linear(x, "up", 6);
        let y = net.linear(h, "down", 4);
        let s = net.select_rows(y);
        let logits = if tied { net.linear_tied(s, "embed", 10) } else { net.linear(s, "head", 10) };
        net.finish(logits).unwrap()
    }

    fn as_f32(w: &WeightDecl) -> Option<(DType, u64)> {
        Some((DType::F32, 4 * n_values(w) as u64))
    }

    fn machine() -> Machine {
        let products = vec![ProductRate { dtype: DType::F32, values: 30, decode: 1e6, streamed: 500.0, prefill: 1e7 }];
        Machine {
            read_bandwidth: 1e3,
            cache_bytes: 0.0,
            arithmetic_rate: 1e8,
            arithmetic: Activations::F32,
            products,
            attention_rate: 1e6,
            prompt_attention_rate: 1e7,
            node_seconds: 0.0,
        }
    }

    #[test]
    fn a_tied_table_is_counted_once_and_read_whole() {
        let tied = Cost::new(&tiny(true), as_f32);
        let untied = Cost::new(&tiny(false), as_f32);
        assert_eq!((tied.weight_bytes(1), tied.table_bytes), (4 * (24 + 24 + 40), 0));
        assert_eq!((untied.weight_bytes(1), untied.table_bytes), (4 * (24 + 24 + 40) + 160, 160));
    }

    #[test]
    fn logits_are_planned_for_selected_rows_only() {
        let cost = Cost::new(&tiny(true), as_f32);
        let selected = cost.plan.slots.iter().filter(|s| s.0 == Rows::Selected);
        assert_eq!(selected.map(|s| s.1).max(), Some(10));
        assert_eq!(cost.buffer_bytes(100) - cost.buffer_bytes(99), 4 * (4 + 6));
    }

    #[test]
    fn products_are_as_fast_as_their_weights_come() {
        let cost = Cost::new(&tiny(true), as_f32);
        let seconds = |cache_bytes| cost.decode_seconds(0, |values| 2 * values, &Machine { cache_bytes, ..machine() });
        let (cached, streamed) = (176.0 / 1e6, 352.0 / 500.0);
        assert!((seconds(0.0) - streamed).abs() < 1e-9);
        assert!((seconds(176.0) - streamed).abs() < 1e-9);
        assert!((seconds(352.0 / 1.5) - (cached + streamed) / 2.0).abs() < 1e-9);
        assert!((seconds(352.0) - cached).abs() < 1e-9);
    }

    #[test]
    fn only_the_experts_chosen_are_read_for_a_token() {
        use crate::{Gating, Moe, Routing, Score, Weighed};
        let mut net = Builder::new(10);
        let x = net.embed("embed", 4);
        let routing =
            Routing { top_k: 2, score: Score::Softmax, renormalised: None, factor: 1.0, weighs: Weighed::Output };
        let moe = Moe {
            router: "ff.router",
            router_bias: false,
            choice_bias: None,
            expert_scale: None,
            experts: "ff.experts",
            biases: false,
            n_experts: 8,
            d_ff: 6,
            gating: Gating::Plain(crate::Activation::Silu),
            routing,
        };
        let y = net.moe(x, &moe);
        let s = net.select_rows(y);
        let logits = net.linear_tied(s, "embed", 10);
        let cost = Cost::new(&net.finish(logits).unwrap(), as_f32);
        let experts = cost.products.iter().find(|products| products.used < 1.0).unwrap();
        assert_eq!(experts.bytes, (4 * 8 * 3 * 24) as f64);
        let read = (4 * (8 * 4 + 2 * 3 * 24 + 40)) as f64;
        assert!((cost.decode_limit_seconds(0, 1, |values| 2 * values, &machine()) - read / 1e3).abs() < 1e-9);
        assert_eq!(cost.weight_bytes(1), read as u64);
        assert_eq!(cost.weight_bytes(1000), 4 * (8 * 4 + 8 * 3 * 24 + 40));
    }

    #[test]
    fn sequences_decoded_at_once_read_the_weights_once() {
        let cost = Cost::new(&tiny(true), as_f32);
        let seconds = |n_sequences| cost.decode_limit_seconds(0, n_sequences, |values| 2 * values, &machine());
        assert_eq!((seconds(1), seconds(8)), (0.352, 0.352));
    }

    #[test]
    fn a_tower_pays_for_every_patch_and_for_merged_rows_once() {
        let mut net = Builder::tower();
        let x = net.patches(6, crate::tile::PixelOrder::ChannelsFirst);
        let x = net.linear(x, "patch", 4);
        let attention = TileAttention { n_heads: 1, n_kv_heads: 1, head_dim: 4, scale: 0.5, window: None };
        let x = net.tile_attention(x, x, x, attention);
        let x = net.merge_patches(x, 2);
        let y = net.linear(x, "project", 8);
        let cost = Cost::new(&net.finish_tower(y, y).unwrap(), as_f32);
        // Three tiles of sixteen patches: 24 weights meet each patch, 128 each four of them.
        let products = (2 * 24 * 48 + 2 * 128 * 12) as f64 / 1e7;
        let attention = (3 * 4 * 16 * 16 * PROBED_HEAD_DIM) as f64 / 1e7;
        let machine = Machine { read_bandwidth: 1e12, ..machine() };
        let seconds = cost.tower_seconds(&[16; 3], 1, &machine);
        assert!((seconds - products - attention).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn a_prompt_pays_for_one_row_of_logits() {
        let cost = Cost::new(&tiny(false), as_f32);
        let limit = cost.prefill_limit_seconds(100, 0, &machine());
        let flops = (100 * 2 * (24 + 24) + 2 * 40) as f64;
        assert!((limit - flops / 1e8).abs() < 1e-12, "{limit}");
    }
}
