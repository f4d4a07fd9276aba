//! What a network costs, read off its description: bytes kept and moved, operations done.
//! With a machine's measured limits this predicts memory and speed before anything runs.

use crate::id::WeightId;
use crate::mask::Mask;
use crate::network::{Network, WeightDecl, WeightKind};
use crate::op::{AttentionOp, Op};
use crate::plan::BufferPlan;

/// Limits of a machine, as measured on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Bytes per second read from memory by all threads together.
    pub read_bandwidth: f64,
    /// Bytes per second that weights stream at when they already lie in cache.
    pub cache_bandwidth: f64,
    /// Weights up to this many bytes stay in cache from one token to the next.
    pub cache_bytes: f64,
    /// Floating-point operations per second of the kernels, all threads together.
    pub arithmetic_rate: f64,
    /// Seconds that it costs to hand one node to all threads and wait for them.
    pub dispatch_seconds: f64,
}

/// Where weights lie and how often they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightBytes {
    /// Read whole for every token.
    pub dense: u64,
    /// A table of which only the rows of the tokens at hand are read.
    pub table: u64,
    /// All routed experts.
    pub experts: u64,
    /// The routed experts that one token uses.
    pub active_experts: u64,
    /// Short vectors held in f32 beside the file.
    pub vectors: u64,
}

/// The cost of a network, independent of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Weights by use.
    pub weights: WeightBytes,
    /// Multiplications and additions by weights for one token.
    pub weight_flops: u64,
    /// Values (keys and values, all layers) that one position adds to the cache.
    pub cache_values: u64,
    /// Nodes that a step runs.
    pub n_nodes: usize,
    attention: Vec<AttentionOp>,
    plan: BufferPlan,
}

impl Cost {
    /// Walks a network; `stored_bytes` tells the size of a weight in its file.
    pub fn new(network: &Network, stored_bytes: impl Fn(&WeightDecl) -> u64) -> Cost {
        let mut cost = Cost {
            weights: WeightBytes::default(),
            weight_flops: 0,
            cache_values: network.caches.iter().map(|width| 2 * *width as u64).sum(),
            n_nodes: network.nodes.len(),
            attention: vec![],
            plan: BufferPlan::new(network),
        };
        let values = |id: WeightId| network.weight(id).shape.iter().product::<usize>() as u64;
        let bytes = |id: WeightId| stored_bytes(network.weight(id));
        let mut tables = vec![];
        for node in &network.nodes {
            match &node.op {
                Op::Embed { table } => tables.push(*table),
                Op::Linear { weight, .. } => {
                    cost.weights.dense += bytes(*weight);
                    cost.weight_flops += 2 * values(*weight);
                    tables.retain(|table| table != weight); // tied: counted here, read whole
                }
                Op::Moe(moe) => {
                    cost.weights.dense += bytes(moe.router);
                    let all: u64 = [moe.gate, moe.up, moe.down].into_iter().map(bytes).sum();
                    let active = |total: u64| total / moe.n_experts as u64 * moe.top_k as u64;
                    cost.weights.experts += all;
                    cost.weights.active_experts += active(all);
                    let weights: u64 = [moe.gate, moe.up, moe.down].into_iter().map(values).sum();
                    cost.weight_flops += 2 * (values(moe.router) + active(weights));
                }
                Op::Attention(op) => cost.attention.push(op.clone()),
                _ => {}
            }
        }
        cost.weights.table = tables.into_iter().map(bytes).sum();
        let vectors = network.weights.iter().filter(|w| matches!(w.kind, WeightKind::Vector { .. }));
        cost.weights.vectors = vectors.map(|w| (w.shape.iter().product::<usize>() * size_of::<f32>()) as u64).sum();
        cost
    }

    /// Bytes of weights in memory once `n_tokens` different tokens have passed. Of an embedding
    /// table only the neighbourhoods that the kernel maps around a fault are touched.
    pub fn weight_bytes(&self, n_tokens: usize) -> u64 {
        const FAULT_AROUND: u64 = 64 << 10;
        let w = &self.weights;
        w.dense + w.experts + w.vectors + w.table.min(n_tokens as u64 * FAULT_AROUND)
    }

    /// Bytes of keys and values for `n_positions`.
    pub fn cache_bytes(&self, n_positions: usize, value_bytes: usize) -> u64 {
        self.cache_values * n_positions as u64 * value_bytes as u64
    }

    /// Bytes of activations for a step of `n_tokens`, logits for one.
    pub fn buffer_bytes(&self, n_tokens: usize) -> u64 {
        self.plan.bytes(n_tokens, 1)
    }

    /// Predicted seconds of one decoded token after `depth` others. Each node takes the longer
    /// of reading its weights and computing with them, and all pay the hand-over to the threads.
    pub fn decode_seconds(&self, depth: usize, cache_value_bytes: usize, machine: &Machine) -> f64 {
        let weights = (self.weights.dense + self.weights.active_experts) as f64;
        let keys_and_values = self.attention_values(depth) * cache_value_bytes as f64;
        let bytes = weights + keys_and_values;
        let bandwidth = if bytes <= machine.cache_bytes { machine.cache_bandwidth } else { machine.read_bandwidth };
        let flops = self.weight_flops as f64 + self.attention_flops(depth);
        let overhead = self.n_nodes as f64 * machine.dispatch_seconds;
        (bytes / bandwidth).max(flops / machine.arithmetic_rate) + overhead
    }

    /// Predicted seconds of a prompt of `n_tokens` after `depth` others, in steps of `n_batch`.
    pub fn prefill_seconds(&self, n_tokens: usize, depth: usize, n_batch: usize, machine: &Machine) -> f64 {
        let steps = n_tokens.div_ceil(n_batch) as f64;
        let reading = steps * (self.weights.dense + self.weights.experts) as f64 / machine.read_bandwidth;
        let attention = self.attention_flops(depth + n_tokens / 2);
        let flops = n_tokens as f64 * (self.weight_flops as f64 + attention);
        reading.max(flops / machine.arithmetic_rate) + steps * self.n_nodes as f64 * machine.dispatch_seconds
    }

    fn attention_values(&self, depth: usize) -> f64 {
        self.attention.iter().map(|a| (seen(a.mask, depth) * 2 * a.n_kv_heads * a.head_dim) as f64).sum()
    }

    fn attention_flops(&self, depth: usize) -> f64 {
        self.attention.iter().map(|a| (seen(a.mask, depth) * 4 * a.n_heads * a.head_dim) as f64).sum()
    }
}

/// Keys that the query at position `depth` sees.
fn seen(mask: Mask, depth: usize) -> usize {
    mask.span(depth).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Rows};

    fn tiny(tied: bool) -> Network {
        let mut net = Builder::new(10);
        let x = net.embed("embed", 4);
        let h = net.linear(x, "up", 6);
        let y = net.linear(h, "down", 4);
        let s = net.select_rows(y);
        let logits = if tied { net.linear_tied(s, "embed", 10) } else { net.linear(s, "head", 10) };
        net.finish(logits).unwrap()
    }

    fn f32_bytes(w: &WeightDecl) -> u64 {
        4 * w.shape.iter().product::<usize>() as u64
    }

    #[test]
    fn a_tied_table_is_counted_once_and_read_whole() {
        let tied = Cost::new(&tiny(true), f32_bytes);
        let untied = Cost::new(&tiny(false), f32_bytes);
        assert_eq!((tied.weights.dense, tied.weights.table), (4 * (24 + 24 + 40), 0));
        assert_eq!((untied.weights.dense, untied.weights.table), (4 * (24 + 24 + 40), 160));
        assert_eq!(tied.weight_flops, 2 * (24 + 24 + 40));
    }

    #[test]
    fn logits_are_planned_for_selected_rows_only() {
        let cost = Cost::new(&tiny(true), f32_bytes);
        let selected = cost.plan.slots.iter().filter(|s| s.0 == Rows::Selected);
        assert_eq!(selected.map(|s| s.1).max(), Some(10));
        assert_eq!(cost.buffer_bytes(100) - cost.buffer_bytes(99), 4 * (4 + 6));
    }

    #[test]
    fn a_model_that_stays_in_cache_is_predicted_faster_than_one_read_from_memory() {
        let cost = Cost::new(&tiny(true), f32_bytes);
        let slow = Machine {
            read_bandwidth: 1e3,
            cache_bandwidth: 1e6,
            cache_bytes: 0.0,
            arithmetic_rate: 1e9,
            dispatch_seconds: 0.0,
        };
        let fast = Machine { cache_bytes: 1e6, ..slow };
        assert!(cost.decode_seconds(0, 2, &slow) > 100.0 * cost.decode_seconds(0, 2, &fast));
    }
}
