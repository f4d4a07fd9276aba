//! What is done value by value or head by head.

/// The nonlinearity of a gated feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by its tanh approximation.
    GeluTanh,
    /// GELU by the error function.
    Gelu,
}

/// Which two values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RopeLayout {
    /// Value `i` with `i + rotary_dim / 2` (Hugging Face's Llama).
    Halves,
    /// Value `2 i` with `2 i + 1` (Llama 4, GGUF's Llama).
    Interleaved,
}

/// The heads that a rotary embedding turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RopeShape {
    /// Heads per token.
    pub heads: usize,
    /// Values per head.
    pub head_dim: usize,
    /// Leading values of a head that turn, even and at most `head_dim`; the rest stay.
    pub rotary_dim: usize,
    /// Which values pair up.
    pub layout: RopeLayout,
}
