//! Numbers in golden.json, and how far others are from them.

use serde_json::Value;

/// A list of numbers; empty where there is none.
///
/// # Panics
/// It holds something else.
pub fn floats(value: &Value) -> Vec<f32> {
    value.as_array().into_iter().flatten().map(|x| x.as_f64().expect("a number") as f32).collect()
}

/// A list of token ids; empty where there is none.
///
/// # Panics
/// It holds something else.
pub fn ids(value: &Value) -> Vec<u32> {
    value.as_array().into_iter().flatten().map(|id| id.as_u64().expect("a token id") as u32).collect()
}

/// The greatest difference of two numbers; `place` is where they come from.
///
/// # Panics
/// They are not as many.
pub fn max_delta(ours: &[f32], reference: &[f32], place: &str) -> f32 {
    assert_eq!(ours.len(), reference.len(), "{place}");
    ours.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
