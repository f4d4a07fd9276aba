//! A text network as a decoder with a cache, in the layout of transformers.js and optimum.
//!
//! Attention is spelled out in ONNX's own operations. `GroupQueryAttention` wants sequences padded on the right, windows that
//! slide and no other mask, and on CPUs singles; spelled out, one mask says causal, sliding, chunked and padded on either
//! side, and every runtime has the parts. Query heads that share keys are rows of one product, so that no key is copied for
//! them; the price is that the scores of a prompt are held at once.

use std::collections::HashMap;

use plimsoll_graph::{Ahead, AttentionOp, Mask, Network, Node, Op, RopeId, Temperature};

use super::builder::{GraphBuilder, Value};
use super::error::OnnxError;
use super::mask;
use super::proto::{Attribute, Dim, ElementType};
use super::rotary::{self, Positions};
use super::walk::{Numbers, Walk};

const BATCH: Dim = Dim::Named("batch_size");
const TOKENS: Dim = Dim::Named("sequence_length");
const PAST: Dim = Dim::Named("past_sequence_length");
const TOTAL: Dim = Dim::Named("total_sequence_length");

/// What begins a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// `input_ids`, `(batch, tokens)`.
    Ids,
    /// `inputs_embeds`, `(batch, tokens, d_model)`: pictures stand in some of them.
    Embeddings,
}

/// What nodes of a text network read beside their operands.
struct TextState {
    begin: Begin,
    /// `(batch, tokens)` or `(batch, tokens, d_model)`
    input: Value,
    at: Positions,
    /// `(batch, total)`: 1 for what is a token, 0 for what fills up.
    mask: Value,
    /// `(batch, kv_heads, past, head_dim)`: keys and values of each cache.
    past: Vec<[Value; 2]>,
    /// The same behind this step.
    present: Vec<Option<[Value; 2]>>,
    /// `(tokens of all, 1, pairs)`: cosines and sines of each set of frequencies.
    turns: HashMap<usize, [Value; 2]>,
    /// `(batch, 1, group * tokens, total)`: what is added to scores, by mask and by query heads that share a key.
    biases: HashMap<(Mask, usize), Value>,
}

/// The graph of a decoder.
pub(crate) fn decoder(network: &Network, numbers: Numbers, begin: Begin) -> Result<GraphBuilder, OnnxError> {
    let mut walk = Walk::new(network, numbers);
    let mut state = TextState::declare(&mut walk, begin)?;
    let outputs = walk.run(|walk, index, node, inputs| state.node(walk, index, node, inputs))?;
    let logits = walk.wide(&outputs[0]);
    let logits = walk.b.reshape_behind(&logits, &state.at.size, &[network.vocab_size as i64]);
    walk.b.output(&logits, "logits", vec![BATCH, TOKENS, Dim::Size(network.vocab_size)]);
    for (index, (cache, present)) in network.caches.iter().zip(&state.present).enumerate() {
        let dims = vec![BATCH, Dim::Size(cache.n_kv_heads), TOTAL, Dim::Size(cache.head_dim)];
        // A cache that no node fills stays as it came.
        let present = present.as_ref().unwrap_or(&state.past[index]);
        for (kind, value) in ["key", "value"].iter().zip(present) {
            walk.b.output(value, format!("present.{index}.{kind}"), dims.clone());
        }
    }
    Ok(walk.b)
}

/// The graph of the embedding alone: `input_ids` to `inputs_embeds`.
pub(crate) fn embedding(network: &Network, numbers: Numbers) -> Result<GraphBuilder, OnnxError> {
    let mut walk = Walk::new(network, numbers);
    let ids = walk.b.input("input_ids", ElementType::I64, vec![BATCH, TOKENS]);
    let found = network.nodes.iter().find_map(|node| match node.op {
        Op::Embed { table, factor } => Some((table, factor, node.width)),
        _ => None,
    });
    let (table, factor, width) = found.ok_or(OnnxError::NoEmbedding)?;
    let size = walk.b.node_as("Shape", &[&ids], vec![], ElementType::I64);
    let ids = walk.b.reshape(&ids, &[-1]);
    let rows = walk.look_up(table, &ids, width)?;
    let rows = if factor == 1.0 { rows } else { walk.times(&rows, factor) };
    let rows = walk.b.reshape_behind(&rows, &size, &[width as i64]);
    walk.b.output(&rows, "inputs_embeds", vec![BATCH, TOKENS, Dim::Size(width)]);
    Ok(walk.b)
}

impl TextState {
    fn declare(walk: &mut Walk, begin: Begin) -> Result<TextState, OnnxError> {
        let (network, float, b) = (walk.network, walk.precision.float(), &mut walk.b);
        let input = match begin {
            Begin::Ids => b.input("input_ids", ElementType::I64, vec![BATCH, TOKENS]),
            Begin::Embeddings => {
                let embed = network.nodes.iter().find(|node| matches!(node.op, Op::Embed { .. }));
                let width = embed.ok_or(OnnxError::NoEmbedding)?.width;
                b.input("inputs_embeds", ElementType::F32, vec![BATCH, TOKENS, Dim::Size(width)])
            }
        };
        let mask = b.input("attention_mask", ElementType::I64, vec![BATCH, TOTAL]);
        let position_ids = b.input("position_ids", ElementType::I64, vec![BATCH, TOKENS]);
        let mut past = Vec::new();
        for (index, cache) in network.caches.iter().enumerate() {
            let dims = vec![BATCH, Dim::Size(cache.n_kv_heads), PAST, Dim::Size(cache.head_dim)];
            let mut port = |kind| b.input(format!("past_key_values.{index}.{kind}"), float, dims.clone());
            past.push([port("key"), port("value")]);
        }
        let at = Positions::of(b, position_ids);
        let present = vec![None; past.len()];
        let (turns, biases) = (HashMap::new(), HashMap::new());
        Ok(TextState { begin, input, at, mask, past, present, turns, biases })
    }

    fn node(&mut self, walk: &mut Walk, index: usize, node: &Node, inputs: &[Value]) -> Result<Value, OnnxError> {
        match &node.op {
            Op::Embed { table, factor } => match self.begin {
                Begin::Ids => {
                    let ids = walk.b.reshape(&self.input, &[-1]);
                    let rows = walk.look_up(*table, &ids, node.width)?;
                    Ok(if *factor == 1.0 { rows } else { walk.times(&rows, *factor) })
                }
                Begin::Embeddings => Ok(walk.b.reshape(&self.input, &[-1, node.width as i64])),
            },
            Op::Rope { rope, head_dim } => Ok(self.rope(walk, &inputs[0], *rope, *head_dim, node.width)),
            Op::Attention(op) if op.ahead == Ahead::Prompt => {
                Err(Walk::unsupported(index, &node.op, "a prompt's tokens see what is behind them"))
            }
            Op::Attention(op) if op.sinks.is_some() => Err(Walk::unsupported(index, &node.op, "its heads have sinks")),
            Op::Attention(_) if inputs.len() != 3 => {
                Err(Walk::unsupported(index, &node.op, "it has no keys and values of its own"))
            }
            Op::Attention(op) if self.present[op.cache.0].is_some() => {
                Err(Walk::unsupported(index, &node.op, "its cache is another layer's"))
            }
            Op::Attention(op) => Ok(self.attend(walk, op, [&inputs[0], &inputs[1], &inputs[2]])),
            Op::ScaleByPosition(temperature) => Ok(self.scale_by_position(walk, &inputs[0], temperature)),
            // Whoever asks picks the rows.
            Op::SelectRows => Ok(inputs[0].clone()),
            Op::Moe(_) => Err(Walk::unsupported(index, &node.op, "experts would all run for every token")),
            op => Err(Walk::unsupported(index, op, "none is written")),
        }
    }

    /// `x` times [`Temperature::at`] of the positions.
    fn scale_by_position(&self, walk: &mut Walk, x: &Value, temperature: &Temperature) -> Value {
        let b = &mut walk.b;
        let Temperature { ahead, floor, scale } = *temperature;
        let [one, ahead, floor, scale] = [1.0, ahead, floor, scale].map(|value| b.number(value, ElementType::F32));
        let steps = b.node("Add", &[&self.at.rows, &ahead]);
        let steps = b.node("Div", &[&steps, &floor]);
        let steps = b.node("Floor", &[&steps]);
        let steps = b.node("Add", &[&steps, &one]);
        let factor = b.node("Log", &[&steps]);
        let factor = b.node("Mul", &[&factor, &scale]);
        let factor = b.node("Add", &[&factor, &one]);
        let factor = b.cast(&factor, x.element);
        b.node("Mul", &[x, &factor])
    }

    fn rope(&mut self, walk: &mut Walk, x: &Value, rope: RopeId, head_dim: usize, width: usize) -> Value {
        let spec = &walk.network.ropes[rope.0];
        let [cos, sin] = match self.turns.get(&rope.0) {
            Some(turns) => turns.clone(),
            None => {
                let turns = rotary::turns(&mut walk.b, rope, spec, &self.at);
                self.turns.insert(rope.0, turns.clone());
                turns
            }
        };
        let x = walk.wide(x);
        let b = &mut walk.b;
        let heads = b.reshape(&x, &[-1, (width / head_dim) as i64, head_dim as i64]);
        let turned = rotary::turn(b, &heads, [&cos, &sin], spec.layout, spec.inv_freq.len(), head_dim);
        let flat = b.reshape(&turned, &[-1, width as i64]);
        walk.narrow(&flat)
    }

    fn attend(&mut self, walk: &mut Walk, op: &AttentionOp, [q, k, v]: [&Value; 3]) -> Value {
        let group = op.n_heads / op.n_kv_heads;
        let (kv_heads, head_dim) = (op.n_kv_heads as i64, op.head_dim as i64);
        let bias = self.bias(&mut walk.b, op.mask, group);
        let [k, v] = [k, v].map(|x| {
            let x = walk.narrow(x);
            let x = walk.b.reshape_behind(&x, &self.at.size, &[kv_heads, head_dim]);
            walk.b.transpose(&x, &[0, 2, 1, 3])
        });
        let [past_k, past_v] = &self.past[op.cache.0];
        let (k, v) = (walk.b.concat(&[past_k, &k], 2), walk.b.concat(&[past_v, &v], 2));
        self.present[op.cache.0] = Some([k.clone(), v.clone()]);

        let q = walk.narrow(q);
        let q = walk.times(&q, op.scale);
        let b = &mut walk.b;
        let q = b.reshape_behind(&q, &self.at.size, &[kv_heads, group as i64, head_dim]);
        let q = b.transpose(&q, &[0, 2, 3, 1, 4]);
        let q = b.reshape(&q, &[0, 0, -1, head_dim]);
        let keys = b.transpose(&k, &[0, 1, 3, 2]);
        let scores = b.node("MatMul", &[&q, &keys]);
        let mut scores = walk.wide(&scores);
        if let Some(cap) = op.softcap {
            scores = walk.softcap(&scores, cap);
        }
        let b = &mut walk.b;
        let scores = b.node("Add", &[&scores, &bias]);
        let shares = b.node_with("Softmax", &[&scores], vec![("axis", Attribute::Int(-1))]);
        let shares = walk.narrow(&shares);
        let b = &mut walk.b;
        let mixed = b.node("MatMul", &[&shares, &v]);
        let mixed = b.reshape(&mixed, &[0, 0, group as i64, -1, head_dim]);
        let mixed = b.transpose(&mixed, &[0, 3, 1, 2, 4]);
        b.reshape(&mixed, &[-1, (op.n_heads * op.head_dim) as i64])
    }

    /// What is added to the scores of a mask, for as many query heads as share a key.
    fn bias(&mut self, b: &mut GraphBuilder, mask: Mask, group: usize) -> Value {
        let made = || mask::bias(b, &self.mask, &self.at.size, mask, group);
        self.biases.entry((mask, group)).or_insert_with(made).clone()
    }
}
