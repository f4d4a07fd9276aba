//! The description itself: nodes in execution order over declared weights and caches.

use crate::id::{ValueId, WeightId};
use crate::mask::Ahead;
use crate::op::{Op, RopeSpec, Rows};

/// How a weight is used, and so how an executor holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightKind {
    /// Stays in the file, in its own type: a table or a linear map.
    Matrix,
    /// A short vector held in f32, `offset` added to each value (1 for norms whose gains are stored less one).
    Vector {
        /// Added to every value.
        offset: f32,
    },
    /// One matrix for each expert, stays in the file.
    Experts,
}

/// A weight the network needs: its canonical (Hugging Face) name and the shape it must have.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightDecl {
    /// Canonical name, `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// Expected shape, outermost first.
    pub shape: Vec<usize>,
    /// How it is used.
    pub kind: WeightKind,
}

/// One operation with its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// Operands, each the result of an earlier node.
    pub inputs: Vec<ValueId>,
    /// Rows of the result.
    pub rows: Rows,
    /// Columns of the result.
    pub width: usize,
}

/// A cache of keys and values, by heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheDecl {
    /// Heads of a key row, and so of a value row.
    pub n_kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// Whether values are the keys, which are kept once.
    pub latent: bool,
}

impl CacheDecl {
    /// How many rows of a position are kept: of keys, and of values where they are others.
    pub fn stores(self) -> usize {
        if self.latent { 1 } else { 2 }
    }

    /// Columns of a key row, and so of a value row.
    pub fn width(self) -> usize {
        self.n_kv_heads * self.head_dim
    }
}

/// What is kept of a sequence from one step to the next and does not grow with it: values that the whole past is folded
/// into, zeros at its beginning. They cannot be cut back to an earlier position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateDecl {
    /// Values in f32: rounded to fewer bits, what is folded token by token strays.
    pub values: usize,
}

/// A network: `nodes[i]` yields value `i`; operands always come earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Nodes in execution order; products of the same value stand side by side.
    pub nodes: Vec<Node>,
    /// Weights that nodes refer to.
    pub weights: Vec<WeightDecl>,
    /// Caches that nodes refer to.
    pub caches: Vec<CacheDecl>,
    /// States that nodes refer to.
    pub states: Vec<StateDecl>,
    /// Rotary frequencies that nodes refer to.
    pub ropes: Vec<RopeSpec>,
    /// The values that are read once all nodes have run: of a text network the logits, `(n_selected, vocab_size)`; of a
    /// tower the embeddings of its pictures, `(n_merged, d_model)`, and their features.
    pub outputs: Vec<ValueId>,
    /// Number of token ids the table knows; 0 of a tower, which has none.
    pub vocab_size: usize,
}

impl Network {
    /// The weight behind an id.
    pub fn weight(&self, id: WeightId) -> &WeightDecl {
        &self.weights[id.0]
    }

    /// Bytes of all states of a sequence.
    pub fn state_bytes(&self) -> usize {
        self.states.iter().map(|state| state.values * size_of::<f32>()).sum()
    }

    /// Values that stand for a token whose embedding is given, the embedding first.
    pub fn given_width(&self) -> usize {
        let parts = self.nodes.iter().filter_map(|node| match node.op {
            Op::Embed { .. } => Some(node.width),
            Op::AddGiven { part } => Some((part + 1) * node.width),
            _ => None,
        });
        parts.max().unwrap_or(0)
    }

    /// The most that any query sees beyond its own position.
    pub fn ahead(&self) -> Ahead {
        let of = |node: &Node| if let Op::Attention(op) = &node.op { op.ahead } else { Ahead::Nothing };
        self.nodes.iter().map(of).max().unwrap_or_default()
    }

    /// The longest context that keeps the frequencies a model was first trained with, if it has others.
    pub fn native_context(&self) -> Option<usize> {
        self.ropes.iter().filter_map(|rope| rope.extended.as_ref()).map(|extended| extended.beyond).min()
    }
}

/// Hyperparameters that do not fit together; found while a network is built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ShapeError {
    /// The weight or layer at which it showed.
    pub place: String,
    /// What does not fit.
    pub problem: String,
}
