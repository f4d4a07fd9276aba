//! A text network as a decoder with a cache, in the layout of transformers.js and optimum.
//!
//! Attention is spelled out in ONNX's own operations. `GroupQueryAttention` wants sequences padded on the right, windows that
//! slide and no other mask, and on CPUs singles; spelled out, one mask says causal, sliding, chunked and padded on either
//! side, and every runtime has the parts. Query heads that share keys are rows of one product, so that no key is copied for
//! them; the price is that the scores of a prompt are held at once.

use std::collections::HashMap;

use plimsoll_graph::{AttentionOp, Mask, Network, Node, Op, RopeId, RopeLayout, RopeSpec};
use plimsoll_models::Weights;

use super::builder::{GraphBuilder, Value};
use super::error::OnnxError;
use super::precision::Precision;
use super::proto::{Attribute, Dim, ElementType};
use super::walk::Walk;

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
    /// Batch and tokens, as a list of two.
    size: Value,
    /// `(batch, total)`: 1 for what is a token, 0 for what fills up.
    mask: Value,
    /// `(tokens of all, 1)`, in singles.
    positions: Value,
    /// `(batch, tokens)`
    position_ids: Value,
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
pub(crate) fn decoder(
    network: &Network,
    weights: &Weights,
    precision: Precision,
    begin: Begin,
) -> Result<GraphBuilder, OnnxError> {
    let mut walk = Walk::new(network, weights, precision);
    let mut state = TextState::declare(&mut walk, begin)?;
    let outputs = walk.run(|walk, index, node, inputs| state.node(walk, index, node, inputs))?;
    let logits = walk.wide(&outputs[0]);
    let logits = walk.b.reshape_behind(&logits, &state.size, &[network.vocab_size as i64]);
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
pub(crate) fn embedding(network: &Network, weights: &Weights, precision: Precision) -> Result<GraphBuilder, OnnxError> {
    let mut walk = Walk::new(network, weights, precision);
    let ids = walk.b.input("input_ids", ElementType::I64, vec![BATCH, TOKENS]);
    let found = network.nodes.iter().find_map(|node| match node.op {
        Op::Embed { table } => Some((table, node.width)),
        _ => None,
    });
    let (table, width) = found.ok_or(OnnxError::NoEmbedding)?;
    let size = walk.b.node_as("Shape", &[&ids], vec![], ElementType::I64);
    let ids = walk.b.reshape(&ids, &[-1]);
    let rows = walk.look_up(table, &ids, width)?;
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
        let size = b.node_as("Shape", &[&position_ids], vec![], ElementType::I64);
        let positions = b.cast(&position_ids, ElementType::F32);
        let positions = b.reshape(&positions, &[-1, 1]);
        let present = vec![None; past.len()];
        let (turns, biases) = (HashMap::new(), HashMap::new());
        Ok(TextState { begin, input, size, mask, position_ids, positions, past, present, turns, biases })
    }

    fn node(&mut self, walk: &mut Walk, index: usize, node: &Node, inputs: &[Value]) -> Result<Value, OnnxError> {
        match &node.op {
            Op::Embed { table } => match self.begin {
                Begin::Ids => {
                    let ids = walk.b.reshape(&self.input, &[-1]);
                    walk.look_up(*table, &ids, node.width)
                }
                Begin::Embeddings => Ok(walk.b.reshape(&self.input, &[-1, node.width as i64])),
            },
            Op::Rope { rope, head_dim } => Ok(self.rope(walk, &inputs[0], *rope, *head_dim, node.width)),
            Op::Attention(op) if self.present[op.cache.0].is_some() => {
                Err(Walk::unsupported(index, &node.op, "its cache is another layer's"))
            }
            Op::Attention(op) => Ok(self.attend(walk, op, [&inputs[0], &inputs[1], &inputs[2]])),
            Op::ScaleByPosition { floor, scale } => Ok(self.scale_by_position(walk, &inputs[0], *floor, *scale)),
            // Whoever asks picks the rows.
            Op::SelectRows => Ok(inputs[0].clone()),
            Op::Moe(_) => Err(Walk::unsupported(index, &node.op, "experts would all run for every token")),
            op => Err(Walk::unsupported(index, op, "text has none")),
        }
    }

    /// `x * (log(1 + floor((position + 1) / floor)) * scale + 1)`
    fn scale_by_position(&self, walk: &mut Walk, x: &Value, floor: f32, scale: f32) -> Value {
        let b = &mut walk.b;
        let [one, floor, scale] = [1.0, floor, scale].map(|value| b.number(value, ElementType::F32));
        let steps = b.node("Add", &[&self.positions, &one]);
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
                let turns = self.turns_of(&mut walk.b, rope, spec);
                self.turns.insert(rope.0, turns.clone());
                turns
            }
        };
        let x = walk.wide(x);
        let b = &mut walk.b;
        let heads = b.reshape(&x, &[-1, (width / head_dim) as i64, head_dim as i64]);
        let turned = turn(b, &heads, [&cos, &sin], spec.layout, spec.inv_freq.len(), head_dim);
        let flat = b.reshape(&turned, &[-1, width as i64]);
        walk.narrow(&flat)
    }

    /// Angles are products in singles, as the reference computes them. Frequencies for longer sequences hold for all of a
    /// sequence that is as long now; keys that were cached before stay as they were turned.
    fn turns_of(&self, b: &mut GraphBuilder, rope: RopeId, spec: &RopeSpec) -> [Value; 2] {
        let pairs = spec.inv_freq.len();
        let mut frequencies = b.table(&format!("rope.{}", rope.0), &spec.inv_freq, vec![1, pairs]);
        if let Some(extended) = &spec.extended {
            let longer = b.table(&format!("rope.{}.extended", rope.0), &extended.inv_freq, vec![1, pairs]);
            // A sequence of `beyond` tokens ends at the position before that.
            let last = b.number(extended.beyond as f32 - 1.0, ElementType::F32);
            let furthest = b.cast(&self.position_ids, ElementType::F32);
            let furthest = b.reduce("ReduceMax", &furthest, &[1], true);
            let furthest = b.node("Expand", &[&furthest, &self.size]);
            let furthest = b.reshape(&furthest, &[-1, 1]);
            let is_longer = b.compare("Greater", &furthest, &last);
            frequencies = b.node_as("Where", &[&is_longer, &longer, &frequencies], vec![], ElementType::F32);
        }
        let angles = b.node("Mul", &[&self.positions, &frequencies]);
        let angles = b.unsqueeze(&angles, &[1]);
        ["Cos", "Sin"].map(|function| {
            let turns = b.node(function, &[&angles]);
            if spec.attention_factor == 1.0 {
                return turns;
            }
            let factor = b.number(spec.attention_factor, ElementType::F32);
            b.node("Mul", &[&turns, &factor])
        })
    }

    fn attend(&mut self, walk: &mut Walk, op: &AttentionOp, [q, k, v]: [&Value; 3]) -> Value {
        let group = op.n_heads / op.n_kv_heads;
        let (kv_heads, head_dim) = (op.n_kv_heads as i64, op.head_dim as i64);
        let bias = self.bias(&mut walk.b, op.mask, group);
        let [k, v] = [k, v].map(|x| {
            let x = walk.narrow(x);
            let x = walk.b.reshape_behind(&x, &self.size, &[kv_heads, head_dim]);
            walk.b.transpose(&x, &[0, 2, 1, 3])
        });
        let [past_k, past_v] = &self.past[op.cache.0];
        let (k, v) = (walk.b.concat(&[past_k, &k], 2), walk.b.concat(&[past_v, &v], 2));
        self.present[op.cache.0] = Some([k.clone(), v.clone()]);

        let q = walk.narrow(q);
        let q = walk.times(&q, op.scale);
        let b = &mut walk.b;
        let q = b.reshape_behind(&q, &self.size, &[kv_heads, group as i64, head_dim]);
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

    /// Zero where a key is seen, the least number where it is not: a row that sees nothing, of what fills up, stays a number.
    ///
    /// Where a token stands among those of its sequence is counted in the mask, so that windows and chunks are the same
    /// wherever a sequence is filled up. In singles, which count further than any context.
    fn bias(&mut self, b: &mut GraphBuilder, mask: Mask, group: usize) -> Value {
        if let Some(bias) = self.biases.get(&(mask, group)) {
            return bias.clone();
        }
        let filled = b.cast(&self.mask, ElementType::F32);
        let axis = b.int(1);
        // From 1 on; what fills up on the left stands at 0.
        let keys = b.node("CumSum", &[&filled, &axis]);
        let (zero, one, two, all) = (b.ints(&[0]), b.ints(&[1]), b.ints(&[2]), b.ints(&[i64::MAX]));
        let tokens = b.node("Slice", &[&self.size, &one, &two]);
        let from = b.node("Sub", &[&zero, &tokens]);
        let queries = b.node("Slice", &[&keys, &from, &all, &one]);
        let (keys, queries) = (b.unsqueeze(&keys, &[1]), b.unsqueeze(&queries, &[2]));
        let is_token = b.cast(&self.mask, ElementType::Bool);
        let is_token = b.unsqueeze(&is_token, &[1]);
        let is_past = b.compare("LessOrEqual", &keys, &queries);
        let mut seen = b.node("And", &[&is_token, &is_past]);
        if let Some(first) = first_seen(b, mask, &queries) {
            let is_near = b.compare("GreaterOrEqual", &keys, &first);
            seen = b.node("And", &[&seen, &is_near]);
        }
        let (open, shut) = (b.number(0.0, ElementType::F32), b.number(f32::MIN, ElementType::F32));
        let bias = b.node_as("Where", &[&seen, &open, &shut], vec![], ElementType::F32);
        let mut bias = b.unsqueeze(&bias, &[1]);
        if group > 1 {
            let repeats = b.ints(&[1, 1, group as i64, 1]);
            bias = b.node("Tile", &[&bias, &repeats]);
        }
        self.biases.insert((mask, group), bias.clone());
        bias
    }
}

/// The first key that a query sees, both counted from 1.
fn first_seen(b: &mut GraphBuilder, mask: Mask, queries: &Value) -> Option<Value> {
    match mask {
        Mask::Causal => None,
        Mask::Sliding(n) => {
            let before = b.number(n as f32 - 1.0, ElementType::F32);
            Some(b.node("Sub", &[queries, &before]))
        }
        Mask::Chunked(n) => {
            let (n, one) = (b.number(n as f32, ElementType::F32), b.number(1.0, ElementType::F32));
            let position = b.node("Sub", &[queries, &one]);
            let chunk = b.node("Div", &[&position, &n]);
            let chunk = b.node("Floor", &[&chunk]);
            let first = b.node("Mul", &[&chunk, &n]);
            Some(b.node("Add", &[&first, &one]))
        }
    }
}

/// Turns the first `2 * pairs` values of each head, `(tokens, heads, head_dim)`, by cosines and sines `(tokens, 1, pairs)`.
pub(crate) fn turn(
    b: &mut GraphBuilder,
    x: &Value,
    [cos, sin]: [&Value; 2],
    layout: RopeLayout,
    pairs: usize,
    head_dim: usize,
) -> Value {
    let rest = head_dim - 2 * pairs;
    let (first, second, still) = match layout {
        RopeLayout::Halves => {
            let sizes: Vec<usize> = [pairs, pairs, rest].into_iter().filter(|size| *size > 0).collect();
            let mut parts = b.split(x, -1, &sizes).into_iter();
            let mut next = || parts.next();
            (next(), next(), next())
        }
        RopeLayout::Interleaved => {
            let sizes: Vec<usize> = [2 * pairs, rest].into_iter().filter(|size| *size > 0).collect();
            let mut parts = if rest > 0 { b.split(x, -1, &sizes) } else { vec![x.clone()] }.into_iter();
            let turning = parts.next().map(|x| b.reshape(&x, &[0, 0, pairs as i64, 2]));
            let mut halves = turning.map(|x| b.split(&x, -1, &[1, 1])).unwrap_or_default().into_iter();
            let mut half = || halves.next().map(|x| b.reshape(&x, &[0, 0, pairs as i64]));
            (half(), half(), parts.next())
        }
    };
    let (Some(first), Some(second)) = (first, second) else { return x.clone() };
    let mut product = |x: &Value, by: &Value| b.node("Mul", &[x, by]);
    let (fc, ss, sc, fs) = (product(&first, cos), product(&second, sin), product(&second, cos), product(&first, sin));
    let (first, second) = (b.node("Sub", &[&fc, &ss]), b.node("Add", &[&sc, &fs]));
    let turned = match layout {
        RopeLayout::Halves => b.concat(&[&first, &second], -1),
        RopeLayout::Interleaved => {
            let (first, second) = (b.unsqueeze(&first, &[-1]), b.unsqueeze(&second, &[-1]));
            let pairs_of = b.concat(&[&first, &second], -1);
            b.reshape(&pairs_of, &[0, 0, 2 * pairs as i64])
        }
    };
    match still {
        Some(still) => b.concat(&[&turned, &still], -1),
        None => turned,
    }
}
