//! Rotary embeddings: cosines and sines of positions, and heads that are turned by them.

use plimsoll_graph::{RopeId, RopeLayout, RopeSpec};

use super::builder::{GraphBuilder, Value};
use super::proto::ElementType;

/// Where tokens stand in their sequences.
pub(crate) struct Positions {
    /// `(batch, tokens)`, whole numbers.
    pub ids: Value,
    /// Batch and tokens, as a list of two.
    pub size: Value,
    /// `(tokens of all, 1)`, in singles.
    pub rows: Value,
}

impl Positions {
    /// Of `position_ids`.
    pub fn of(b: &mut GraphBuilder, ids: Value) -> Positions {
        let size = b.node_as("Shape", &[&ids], vec![], ElementType::I64);
        let rows = b.cast(&ids, ElementType::F32);
        let rows = b.reshape(&rows, &[-1, 1]);
        Positions { ids, size, rows }
    }
}

/// Cosines and sines of positions, `(tokens of all, 1, pairs)` each. Angles are products in singles, as the reference computes
/// them. Frequencies for longer sequences hold for all of a sequence that is as long now; keys that were cached before stay as
/// they were turned.
pub(crate) fn turns(b: &mut GraphBuilder, rope: RopeId, spec: &RopeSpec, at: &Positions) -> [Value; 2] {
    let pairs = spec.inv_freq.len();
    let mut frequencies = b.table(&format!("rope.{}", rope.0), &spec.inv_freq, vec![1, pairs]);
    if let Some(extended) = &spec.extended {
        let longer = b.table(&format!("rope.{}.extended", rope.0), &extended.inv_freq, vec![1, pairs]);
        // A sequence of `beyond` tokens ends at the position before that.
        let last = b.number(extended.beyond as f32 - 1.0, ElementType::F32);
        let furthest = b.cast(&at.ids, ElementType::F32);
        let furthest = b.reduce("ReduceMax", &furthest, &[1], true);
        let furthest = b.node("Expand", &[&furthest, &at.size]);
        let furthest = b.reshape(&furthest, &[-1, 1]);
        let is_longer = b.compare("Greater", &furthest, &last);
        frequencies = b.node_as("Where", &[&is_longer, &longer, &frequencies], vec![], ElementType::F32);
    }
    let angles = b.node("Mul", &[&at.rows, &frequencies]);
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
