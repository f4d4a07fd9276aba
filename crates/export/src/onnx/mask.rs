//! Which keys a query sees, as what is added to its scores.

use plimsoll_graph::Mask;

use super::builder::{GraphBuilder, Value};
use super::proto::ElementType;

/// What is added to scores, `(batch, 1, group * tokens, total)`, of `filled`, `(batch, total)`: zero where a key is seen, the
/// least number where it is not, so that a row that sees nothing, of what fills up, stays a number.
///
/// Where a token stands among those of its sequence is counted in the mask, so that windows and chunks are the same wherever a
/// sequence is filled up. In singles, which count further than any context.
pub(crate) fn bias(b: &mut GraphBuilder, filled: &Value, size: &Value, mask: Mask, group: usize) -> Value {
    let counted = b.cast(filled, ElementType::F32);
    let axis = b.int(1);
    // From 1 on; what fills up on the left stands at 0.
    let keys = b.node("CumSum", &[&counted, &axis]);
    let (zero, one, two, all) = (b.ints(&[0]), b.ints(&[1]), b.ints(&[2]), b.ints(&[i64::MAX]));
    let tokens = b.node("Slice", &[size, &one, &two]);
    let from = b.node("Sub", &[&zero, &tokens]);
    let queries = b.node("Slice", &[&keys, &from, &all, &one]);
    let (keys, queries) = (b.unsqueeze(&keys, &[1]), b.unsqueeze(&queries, &[2]));
    let is_token = b.cast(filled, ElementType::Bool);
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
    bias
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
