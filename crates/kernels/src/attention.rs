//! Attention over cached keys and values: what the caller hands in.

use half::f16;

/// The head layout and score rule of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads; a multiple of `n_kv_heads`, head `h` reading key-value head `h / (n_heads / n_kv_heads)`.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Values per head.
    pub head_dim: usize,
    /// Multiplies each score, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Bounds scores smoothly: `softcap * tanh(score / softcap)` (Gemma 2).
    pub softcap: Option<f32>,
}

/// Cached keys or values, `(n_positions, n_kv_heads * head_dim)`.
#[derive(Clone, Copy, Debug)]
pub enum KvRows<'a> {
    /// In single precision.
    F32(&'a [f32]),
    /// In half precision.
    F16(&'a [f16]),
}

impl KvRows<'_> {
    /// Values held, over all positions.
    pub(crate) fn len(&self) -> usize {
        match self {
            KvRows::F32(values) => values.len(),
            KvRows::F16(values) => values.len(),
        }
    }
}
