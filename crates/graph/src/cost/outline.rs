//! The cost of a network that nobody has written down here, from what is known of it in outline.

use plimsoll_kernels::DType;

use super::{Cost, Products};
use crate::id::CacheId;
use crate::mask::{Ahead, Mask};
use crate::network::CacheDecl;
use crate::op::{AttentionOp, Rows};
use crate::plan::BufferPlan;

/// Nodes that a decoder layer is taken to run, which is what the layers that are written down here have.
const NODES_OF_A_LAYER: usize = 18;

/// What is known of a network without its description. Memory and reading follow from it as they follow from a
/// [`Network`](crate::Network); what its layers compute does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Decoder layers.
    pub n_layers: usize,
    /// All weights, by how a token meets them.
    pub parts: Vec<Part>,
    /// Layers that keep keys and values, by kind.
    pub caches: Vec<CachedLayers>,
    /// State of one sequence that does not grow, in bytes.
    pub state_bytes: u64,
    /// Values that a token has in all buffers that are alive at once.
    pub row_width: usize,
    /// Logits of a token.
    pub vocab_size: usize,
}

/// Weights that a token meets in one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// How.
    pub met: Met,
    /// Values.
    pub values: u64,
    /// Matrices that they are.
    pub matrices: u64,
    /// The stored type that most of them have.
    pub dtype: DType,
    /// What they take in all, in bytes.
    pub bytes: u64,
}

/// How a token meets weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Met {
    /// It looks up a row.
    Table,
    /// Every token multiplies with all of them.
    Always,
    /// Only a token whose logits are wanted does.
    ForLogits,
    /// It multiplies with this share of them.
    Routed(f64),
}

/// Layers that keep keys and values alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CachedLayers {
    /// How many.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Which keys are seen, and so have to be kept.
    pub mask: Mask,
}

impl Cost {
    /// The cost of what is only known in outline.
    pub fn of_outline(outline: &Outline) -> Cost {
        let mut cost = Cost {
            caches: outline.caches.iter().flat_map(caches).collect(),
            n_nodes: outline.n_layers * NODES_OF_A_LAYER,
            products: vec![],
            table_bytes: 0,
            vector_bytes: 0,
            state_bytes: outline.state_bytes,
            attention: attention(&outline.caches),
            tile_attention: vec![],
            plan: BufferPlan {
                slot_of: vec![],
                slots: vec![(Rows::Tokens, outline.row_width), (Rows::Selected, outline.vocab_size)],
            },
        };
        for part in &outline.parts {
            let (rows, used) = match part.met {
                Met::Table => {
                    cost.table_bytes += part.bytes;
                    continue;
                }
                Met::Always => (Rows::Tokens, 1.0),
                Met::ForLogits => (Rows::Selected, 1.0),
                Met::Routed(used) => (Rows::Tokens, used),
            };
            let flops = 2.0 * part.values as f64;
            let (dtype, bytes, matrices) = (part.dtype, part.bytes as f64, part.matrices.max(1) as f64);
            cost.products.push(Products { dtype, rows, used, bytes, flops, matrices });
        }
        cost
    }
}

fn caches(layers: &CachedLayers) -> impl Iterator<Item = CacheDecl> + use<> {
    let CachedLayers { n_layers, n_kv_heads, head_dim, .. } = *layers;
    std::iter::repeat_n(CacheDecl { n_kv_heads, head_dim, latent: false }, n_layers)
}

/// Each layer has a cache of its own.
fn attention(kinds: &[CachedLayers]) -> Vec<AttentionOp> {
    let layers = kinds.iter().flat_map(|kind| std::iter::repeat_n(kind, kind.n_layers));
    let op = |(layer, kind): (usize, &CachedLayers)| AttentionOp {
        cache: CacheId(layer),
        n_heads: kind.n_heads,
        n_kv_heads: kind.n_kv_heads,
        head_dim: kind.head_dim,
        scale: 1.0,
        softcap: None,
        mask: kind.mask,
        ahead: Ahead::Nothing,
        sinks: None,
    };
    layers.enumerate().map(op).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Machine, ProductRate};
    use plimsoll_kernels::Activations;

    /// Ten layers: two keep everything, three a window of 100; 8 experts of which a token uses 2.
    fn outline() -> Outline {
        let part = |met, values, bytes| Part { met, values, matrices: 1, dtype: DType::Q8_0, bytes };
        let layers = |n_layers, mask| CachedLayers { n_layers, n_heads: 4, n_kv_heads: 2, head_dim: 64, mask };
        Outline {
            n_layers: 10,
            parts: vec![
                part(Met::Table, 1000, 1100),
                part(Met::ForLogits, 1000, 1100),
                part(Met::Always, 5000, 5500),
                part(Met::Routed(0.25), 8000, 8800),
            ],
            caches: vec![layers(2, Mask::Causal), layers(3, Mask::Sliding(100))],
            state_bytes: 777,
            row_width: 50,
            vocab_size: 1000,
        }
    }

    fn machine() -> Machine {
        Machine {
            read_bandwidth: 1e6,
            cache_bytes: 0.0,
            arithmetic_rate: 1e9,
            arithmetic: Activations::F32,
            products: vec![ProductRate {
                dtype: DType::Q8_0,
                values: 1,
                decode: f64::INFINITY,
                streamed: 1e6,
                prefill: f64::INFINITY,
            }],
            attention_rate: f64::INFINITY,
            prompt_attention_rate: f64::INFINITY,
            node_seconds: 0.0,
        }
    }

    #[test]
    fn layers_with_a_window_stop_growing_and_state_never_grows() {
        let cost = Cost::of_outline(&outline());
        let position = 2 * 2 * 64 * 2; // keys and values of two heads in halves
        assert_eq!(cost.held_bytes(1, |values| 2 * values), 5 * position + 777);
        assert_eq!(cost.held_bytes(1000, |values| 2 * values), (2 * 1000 + 3 * 100) * position + 777);
    }

    #[test]
    fn a_token_reads_its_experts_and_no_table() {
        let cost = Cost::of_outline(&outline());
        let read = 1100.0 + 5500.0 + 8800.0 / 4.0;
        // State is read and written back.
        let read = read + 2.0 * 777.0;
        assert!((cost.read_bytes(0, |_| 0) - read).abs() < 1e-9);
        assert!((cost.decode_seconds(0, |_| 0, &machine()) - read / 1e6).abs() < 1e-12);
        assert_eq!(cost.stored_bytes(), 1100 + 1100 + 5500 + 8800);
    }

    #[test]
    fn buffers_hold_the_row_of_each_token_and_the_logits_of_one() {
        let cost = Cost::of_outline(&outline());
        assert_eq!(cost.buffer_bytes(7), 4 * (7 * 50 + 1000));
    }

    #[test]
    fn a_token_costs_twice_the_values_that_it_multiplies_with() {
        let cost = Cost::of_outline(&outline());
        let flops = 3.0 * 2.0 * (5000.0 + 2000.0) + 2.0 * 1000.0;
        let without_attention = Cost { attention: vec![], ..cost };
        assert!((without_attention.prefill_limit_seconds(3, 0, &machine()) - flops / 1e9).abs() < 1e-15);
    }
}
