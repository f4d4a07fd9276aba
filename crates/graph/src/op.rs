//! The operations a network is made of. `n` stands for the tokens of one step.

use crate::id::{CacheId, RopeId, WeightId};
use crate::mask::{Ahead, Mask};
use crate::moe::MoeOp;
use crate::recurrent::{ConvolutionOp, LinearAttentionOp};
use crate::tile::TileOp;

pub use plimsoll_kernels::{Activation, RopeLayout};

/// How many rows a value has in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// One row for each token of the step; in a vision tower, for each patch of its tiles.
    Tokens,
    /// One row for each token whose logits are wanted.
    Selected,
    /// One row for each patch and, behind those of each tile, one for its class token.
    WithClass,
    /// One row for each square of so many by so many patches.
    Merged(usize),
}

/// What one step is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StepSize {
    /// Tokens, or patches of all tiles.
    pub tokens: usize,
    /// Tokens whose logits are wanted.
    pub selected: usize,
    /// Tiles of pictures.
    pub tiles: usize,
}

impl StepSize {
    /// Rows of a value.
    pub fn rows(self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.tokens,
            Rows::Selected => self.selected,
            Rows::WithClass => self.tokens + self.tiles,
            Rows::Merged(side) => self.tokens / (side * side),
        }
    }
}

/// One operation; its inputs and the width of its result stand in the [`crate::Node`].
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Token ids to rows of a table: `() -> (n, d_model)`.
    Embed {
        /// `(vocab_size, d_model)`
        table: WeightId,
        /// Multiplied onto rows of the table, not onto those that are given in their place.
        factor: f32,
    },
    /// Adds to the rows of tokens whose embedding is given further values that were given with it.
    AddGiven {
        /// Which: values `part * width..(part + 1) * width` of what is given, of which the first are the embedding.
        part: usize,
    },
    /// Token ids to rows of another table than that of embeddings, `() -> (n, width)`.
    EmbedBeside {
        /// `(vocab_size, width)`
        table: WeightId,
        /// Whose row stands for a token whose embedding is given.
        pad: u32,
    },
    /// `x Wᵀ + b`: `(n, in) -> (n, out)`.
    Linear {
        /// `(out, in)`
        weight: WeightId,
        /// `(out)`
        bias: Option<WeightId>,
    },
    /// Root-mean-square norm over groups of `group` neighbours (the whole row, or one head).
    RmsNorm {
        /// `(group)`; absent for a norm without gain.
        weight: Option<WeightId>,
        /// Values normed together; divides the width.
        group: usize,
        /// Added to the mean square.
        eps: f32,
    },
    /// Each whole row less its mean, over its deviation, times a gain plus a bias.
    LayerNorm {
        /// `(width)`
        weight: WeightId,
        /// `(width)`
        bias: WeightId,
        /// Added to the variance.
        eps: f32,
    },
    /// Rotary position embedding of `(n, n_heads, head_dim)`.
    Rope {
        /// Frequencies and layout.
        rope: RopeId,
        /// Width of one head.
        head_dim: usize,
    },
    /// Appends keys and values to the cache, then attends: `(q, k, v) -> (n, n_heads * head_dim)`. With `(q)` alone it
    /// attends to what an earlier layer appended, with `(q, k)` to keys that are values, too.
    Attention(AttentionOp),
    /// Elementwise sum of two values: the residual.
    Add,
    /// Elementwise product of two values.
    Multiply,
    /// `act(gate) * up`.
    Gated(Activation),
    /// `act(x)`.
    Activate(Activation),
    /// Multiplies by a constant.
    Scale(f32),
    /// Multiplies each row by its position's [`Temperature`].
    ScaleByPosition(Temperature),
    /// Columns `from..from + len` of every `group` of them.
    Columns {
        /// Columns of a group.
        group: usize,
        /// The first that is kept.
        from: usize,
        /// How many are kept.
        len: usize,
    },
    /// Groups of columns of two values by turns.
    Join {
        /// Groups of each.
        groups: usize,
    },
    /// Each of as many groups of columns times a matrix of its own.
    HeadLinear {
        /// `(heads, out, in)`
        weight: WeightId,
    },
    /// Adds a vector to each row.
    Bias(WeightId),
    /// Takes a vector from each row.
    Unbias(WeightId),
    /// Adds a constant.
    Shift(f32),
    /// No less than the value of one vector, no more than that of another; both hold one value.
    ClampTo {
        /// `(1)`
        least: WeightId,
        /// `(1)`
        most: WeightId,
    },
    /// Multiplies every `group` columns by a value of a vector.
    ScaleColumns {
        /// `(width / group)`
        weight: WeightId,
        /// Columns of a group.
        group: usize,
    },
    /// No less than `least`, no more than `most`.
    Clamp {
        /// The least that a value may be.
        least: f32,
        /// The most that it may be.
        most: f32,
    },
    /// `(x, by)`: every group of columns of `x`, as many as `by` has columns, times its column of `by`.
    ScaleGroups,
    /// Convolves over the sequence.
    Convolution(ConvolutionOp),
    /// Attends by way of a matrix for each head, into which the past is folded.
    LinearAttention(LinearAttentionOp),
    /// A mixture of gated experts, of which each token passes some.
    Moe(MoeOp),
    /// Keeps the rows whose logits are wanted.
    SelectRows,
    /// `cap * tanh(x / cap)`.
    Softcap(f32),
    /// What only vision towers do.
    Tile(TileOp),
}

/// Attention temperature, which grows with the position. Source: modeling_llama4.py, `Llama4TextAttention`;
/// modeling_ministral3.py, `get_llama_4_attn_scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature {
    /// Added to the position.
    pub ahead: f32,
    /// Positions in one step.
    pub floor: f32,
    /// Weight of the logarithm.
    pub scale: f32,
}

impl Temperature {
    /// `log1p(floor((position + ahead) / floor)) * scale + 1`
    pub fn at(self, position: usize) -> f32 {
        ((position as f32 + self.ahead) / self.floor).floor().ln_1p() * self.scale + 1.0
    }
}

/// Grouped-query attention over a key-value cache.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionOp {
    /// Where this layer's keys and values are kept.
    pub cache: CacheId,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Multiplied onto `q · k`.
    pub scale: f32,
    /// Bound of the scores by `cap * tanh(score / cap)`.
    pub softcap: Option<f32>,
    /// Which keys are seen.
    pub mask: Mask,
    /// Which keys behind its own a query sees as well.
    pub ahead: Ahead,
    /// `(n_heads)`, a score for each head that takes its part of the weights and adds no value.
    pub sinks: Option<WeightId>,
}

/// Rotary frequencies, computed once from the hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeSpec {
    /// Radians per position for each rotated pair; twice its length is the rotated width of a head.
    pub inv_freq: Vec<f32>,
    /// Other frequencies for longer sequences (LongRoPE).
    pub extended: Option<ExtendedRope>,
    /// Factor on cosine and sine (YaRN, LongRoPE), else 1.
    pub attention_factor: f32,
    /// Which two values make a pair.
    pub layout: RopeLayout,
    /// By which coordinate of a token each pair turns, where pictures have rows and columns; else by its position.
    pub coordinates: Option<Vec<Coordinate>>,
}

/// A coordinate of a token. Those of text are all its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coordinate {
    /// Of a picture, where it begins.
    Time,
    /// That and the row.
    Row,
    /// That and the column.
    Column,
}

/// Frequencies of a sequence beyond the length a model was first trained on. They hold for all of its positions: cached
/// keys cannot be turned back, so a sequence that outgrows that length is computed again.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtendedRope {
    /// Sequences of more tokens than this use the extended frequencies.
    pub beyond: usize,
    /// As [`RopeSpec::inv_freq`].
    pub inv_freq: Vec<f32>,
}

impl RopeSpec {
    /// These frequencies for sequences of any length, by positions alone.
    pub fn plain(inv_freq: Vec<f32>, layout: RopeLayout) -> RopeSpec {
        RopeSpec { inv_freq, extended: None, attention_factor: 1.0, layout, coordinates: None }
    }

    /// The frequencies for a sequence of `length` tokens.
    pub fn inv_freq_for(&self, length: usize) -> &[f32] {
        match &self.extended {
            Some(extended) if length > extended.beyond => &extended.inv_freq,
            _ => &self.inv_freq,
        }
    }
}
