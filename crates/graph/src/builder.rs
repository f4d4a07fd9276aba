//! Writing a network down. Each method is one node with its shape rule; the first rule that
//! is broken is kept and reported by [`Builder::finish`], so that an architecture reads without `?`.

use crate::id::{CacheId, RopeId, ValueId, WeightId};
use crate::network::{CacheDecl, Network, Node, ShapeError, WeightDecl, WeightKind};
use crate::op::{Activation, AttentionOp, Op, RopeSpec, Rows, Temperature};
use crate::order::gather_products;

/// Builds a [`Network`] node by node.
#[derive(Debug)]
pub struct Builder {
    pub(crate) network: Network,
    error: Option<ShapeError>,
}

impl Builder {
    /// An empty network over `vocab_size` token ids.
    pub fn new(vocab_size: usize) -> Builder {
        let network = Network {
            nodes: vec![],
            weights: vec![],
            caches: vec![],
            states: vec![],
            ropes: vec![],
            outputs: vec![],
            vocab_size,
        };
        Builder { network, error: None }
    }

    /// Ends the description with the value that holds the logits. Products of the same value stand side by side in it.
    ///
    /// # Errors
    /// The first shape rule that was broken.
    pub fn finish(mut self, logits: ValueId) -> Result<Network, ShapeError> {
        let (width, vocab_size) = (self.width(logits), self.network.vocab_size);
        self.require("lm_head", width == vocab_size, || format!("{width} logits for {vocab_size} token ids"));
        self.finish_with(vec![logits])
    }

    pub(crate) fn finish_with(mut self, outputs: Vec<ValueId>) -> Result<Network, ShapeError> {
        self.network.outputs = outputs;
        if let Some(error) = self.error {
            return Err(error);
        }
        gather_products(&mut self.network);
        Ok(self.network)
    }

    /// The same builder, weights named under `prefix.`.
    pub fn scope(&mut self, prefix: impl Into<String>) -> Scope<'_> {
        Scope { net: self, prefix: prefix.into() }
    }

    /// Columns of a value.
    pub fn width(&self, value: ValueId) -> usize {
        self.network.nodes[value.0].width
    }

    /// Declares rotary frequencies, to be used by any number of [`Builder::rope`] nodes.
    pub fn rope_spec(&mut self, spec: RopeSpec) -> RopeId {
        self.network.ropes.push(spec);
        RopeId(self.network.ropes.len() - 1)
    }

    /// Declares a cache whose key rows and value rows are `n_kv_heads` of `head_dim` values.
    pub fn cache(&mut self, n_kv_heads: usize, head_dim: usize) -> CacheId {
        self.cache_of(CacheDecl { n_kv_heads, head_dim, latent: false })
    }

    /// Declares a cache whose rows of `width` values are keys and values in one.
    pub fn latent_cache(&mut self, width: usize) -> CacheId {
        self.cache_of(CacheDecl { n_kv_heads: 1, head_dim: width, latent: true })
    }

    fn cache_of(&mut self, decl: CacheDecl) -> CacheId {
        self.network.caches.push(decl);
        CacheId(self.network.caches.len() - 1)
    }

    /// Embedding: token ids to `(n_tokens, d_model)`; `name` is the table `(vocab_size, d_model)`.
    pub fn embed(&mut self, name: &str, d_model: usize) -> ValueId {
        self.embed_times(name, d_model, 1.0)
    }

    /// The same, rows of the table multiplied by `factor`.
    pub fn embed_times(&mut self, name: &str, d_model: usize, factor: f32) -> ValueId {
        let table = self.weight(name.to_owned(), vec![self.network.vocab_size, d_model], WeightKind::Matrix);
        self.push(Op::Embed { table, factor }, vec![], Rows::Tokens, d_model)
    }

    /// `x`, with part `part` of what is given for tokens whose embedding is, see [`Op::AddGiven`].
    pub fn add_given(&mut self, x: ValueId, part: usize) -> ValueId {
        self.push(Op::AddGiven { part }, vec![x], self.rows(x), self.width(x))
    }

    /// Rows of the table `name`, `(vocab_size, width)`, by token ids; a token whose embedding is given has that of `pad`.
    pub fn embed_beside(&mut self, name: &str, width: usize, pad: u32) -> ValueId {
        let vocab_size = self.network.vocab_size;
        self.require(name, (pad as usize) < vocab_size, || {
            format!("token {pad} of {vocab_size} for those that are given")
        });
        let table = self.weight(name.to_owned(), vec![vocab_size, width], WeightKind::Matrix);
        self.push(Op::EmbedBeside { table, pad }, vec![], Rows::Tokens, width)
    }

    /// `x Wᵀ`, `(n, in) -> (n, out)`; the weight is `{name}.weight`, `(out, in)`.
    pub fn linear(&mut self, x: ValueId, name: &str, out: usize) -> ValueId {
        self.linear_with(x, format!("{name}.weight"), None, out)
    }

    /// `x Wᵀ + b`; the bias is `{name}.bias`, `(out)`.
    pub fn linear_bias(&mut self, x: ValueId, name: &str, out: usize) -> ValueId {
        self.linear_with(x, format!("{name}.weight"), Some(format!("{name}.bias")), out)
    }

    /// A linear map over the embedding table itself: tied `lm_head`.
    pub fn linear_tied(&mut self, x: ValueId, table: &str, out: usize) -> ValueId {
        self.linear_with(x, table.to_owned(), None, out)
    }

    fn linear_with(&mut self, x: ValueId, weight: String, bias: Option<String>, out: usize) -> ValueId {
        let weight = self.weight(weight, vec![out, self.width(x)], WeightKind::Matrix);
        let bias = bias.map(|name| self.weight(name, vec![out], WeightKind::Vector { offset: 0.0 }));
        self.push(Op::Linear { weight, bias }, vec![x], self.rows(x), out)
    }

    /// RMS norm of whole rows with the gain `name`, `(width)`.
    pub fn rms_norm(&mut self, x: ValueId, name: &str, eps: f32) -> ValueId {
        self.rms_norm_groups(x, Some(name), self.width(x), eps, 0.0)
    }

    /// RMS norm of each group of `group` neighbours (one head), gain `(group)` plus `offset`, or none.
    pub fn rms_norm_groups(&mut self, x: ValueId, name: Option<&str>, group: usize, eps: f32, offset: f32) -> ValueId {
        let width = self.width(x);
        self.require(name.unwrap_or("norm"), group > 0 && width.is_multiple_of(group), || {
            format!("groups of {group} do not divide {width} columns")
        });
        let weight = name.map(|name| self.weight(name.to_owned(), vec![group], WeightKind::Vector { offset }));
        self.push(Op::RmsNorm { weight, group, eps }, vec![x], self.rows(x), width)
    }

    /// Layer norm of whole rows with `{name}.weight` and `{name}.bias`, `(width)` each.
    pub fn layer_norm(&mut self, x: ValueId, name: &str, eps: f32) -> ValueId {
        let width = self.width(x);
        let mut vector =
            |part: &str| self.weight(format!("{name}.{part}"), vec![width], WeightKind::Vector { offset: 0.0 });
        let (weight, bias) = (vector("weight"), vector("bias"));
        self.push(Op::LayerNorm { weight, bias, eps }, vec![x], self.rows(x), width)
    }

    /// Rotary embedding of each head of `x`, `(n, n_heads * head_dim)`.
    pub fn rope(&mut self, x: ValueId, rope: RopeId, head_dim: usize) -> ValueId {
        let (width, rotated) = (self.width(x), 2 * self.network.ropes[rope.0].inv_freq.len());
        self.require("rope", head_dim > 0 && width.is_multiple_of(head_dim) && rotated <= head_dim, || {
            format!("cannot rotate {rotated} of each {head_dim} in {width} columns")
        });
        self.push(Op::Rope { rope, head_dim }, vec![x], self.rows(x), width)
    }

    /// Attention of `q (n, n_heads * head_dim)` over the cache, to which `k` and `v`
    /// `(n, n_kv_heads * head_dim)` are appended first.
    pub fn attention(&mut self, q: ValueId, k: ValueId, v: ValueId, op: AttentionOp) -> ValueId {
        let (q_width, kv_width) = (op.n_heads * op.head_dim, op.n_kv_heads * op.head_dim);
        let widths = (self.width(q), self.width(k), self.width(v), self.network.caches[op.cache.0].width());
        self.require("self_attn", widths == (q_width, kv_width, kv_width, kv_width), || {
            format!("q, k, v and cache are {widths:?} wide where heads ask for {q_width} and {kv_width}")
        });
        self.require("self_attn", op.n_kv_heads > 0 && op.n_heads.is_multiple_of(op.n_kv_heads), || {
            format!("{} query heads cannot share {} key-value heads", op.n_heads, op.n_kv_heads)
        });
        let rows = self.rows(q);
        self.push(Op::Attention(op), vec![q, k, v], rows, q_width)
    }

    /// Attention of `q (n, n_heads * head_dim)` over rows that are keys and values in one, to which `k (n, head_dim)` is
    /// appended first.
    pub fn latent_attention(&mut self, q: ValueId, k: ValueId, op: AttentionOp) -> ValueId {
        let (width, cache) = (op.n_heads * op.head_dim, self.network.caches[op.cache.0]);
        let found = (self.width(q), self.width(k), cache.width(), cache.latent, op.n_kv_heads);
        self.require("self_attn", found == (width, op.head_dim, op.head_dim, true, 1), || {
            format!("q, k and a latent cache are {found:?} where heads ask for {width} and {}", op.head_dim)
        });
        self.push(Op::Attention(op), vec![q, k], self.rows(q), width)
    }

    /// Attention of `q` over keys and values that an earlier layer appends to `op.cache`.
    pub fn shared_attention(&mut self, q: ValueId, op: AttentionOp) -> ValueId {
        let (width, kv_width) = (op.n_heads * op.head_dim, op.n_kv_heads * op.head_dim);
        let widths = (self.width(q), self.network.caches[op.cache.0].width());
        self.require("self_attn", widths == (width, kv_width), || {
            format!("q and the shared cache are {widths:?} wide where heads ask for {width} and {kv_width}")
        });
        self.push(Op::Attention(op), vec![q], self.rows(q), width)
    }

    /// The sum of two values of one shape.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.same_width("residual", a, b);
        self.push(Op::Add, vec![a, b], self.rows(a), self.width(a))
    }

    /// The product of two values of one shape, value by value.
    pub fn multiply(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.same_width("gate", a, b);
        self.push(Op::Multiply, vec![a, b], self.rows(a), self.width(a))
    }

    /// `act(gate) * up`.
    pub fn gated(&mut self, gate: ValueId, up: ValueId, act: Activation) -> ValueId {
        self.same_width("mlp", gate, up);
        self.push(Op::Gated(act), vec![gate, up], self.rows(gate), self.width(gate))
    }

    /// `act(x)`.
    pub fn activate(&mut self, x: ValueId, act: Activation) -> ValueId {
        self.push(Op::Activate(act), vec![x], self.rows(x), self.width(x))
    }

    /// `x + by`.
    pub fn shift(&mut self, x: ValueId, by: f32) -> ValueId {
        self.push(Op::Shift(by), vec![x], self.rows(x), self.width(x))
    }

    /// `x * factor`.
    pub fn scale(&mut self, x: ValueId, factor: f32) -> ValueId {
        self.push(Op::Scale(factor), vec![x], self.rows(x), self.width(x))
    }

    /// Attention temperature by position, see [`Op::ScaleByPosition`].
    pub fn scale_by_position(&mut self, x: ValueId, temperature: Temperature) -> ValueId {
        self.push(Op::ScaleByPosition(temperature), vec![x], self.rows(x), self.width(x))
    }

    /// `cap * tanh(x / cap)`.
    pub fn softcap(&mut self, x: ValueId, cap: f32) -> ValueId {
        self.push(Op::Softcap(cap), vec![x], self.rows(x), self.width(x))
    }

    /// Keeps the rows whose logits are wanted.
    pub fn select_rows(&mut self, x: ValueId) -> ValueId {
        self.push(Op::SelectRows, vec![x], Rows::Selected, self.width(x))
    }

    pub(crate) fn rope_of(&self, rope: RopeId) -> &RopeSpec {
        &self.network.ropes[rope.0]
    }

    pub(crate) fn rows(&self, value: ValueId) -> Rows {
        self.network.nodes[value.0].rows
    }

    pub(crate) fn push(&mut self, op: Op, inputs: Vec<ValueId>, rows: Rows, width: usize) -> ValueId {
        self.network.nodes.push(Node { op, inputs, rows, width });
        ValueId(self.network.nodes.len() - 1)
    }

    /// Declares a weight; a name already declared with the same shape is the same weight (tied).
    pub(crate) fn weight(&mut self, name: String, shape: Vec<usize>, kind: WeightKind) -> WeightId {
        // Only the embedding is ever declared twice, and it comes first: no need for a map.
        if let Some(first) = self.network.weights.first()
            && first.name == name
        {
            let declared = first.shape.clone();
            self.require(&name, declared == shape, || format!("tied as {shape:?}, declared as {declared:?}"));
            return WeightId(0);
        }
        self.network.weights.push(WeightDecl { name, shape, kind });
        WeightId(self.network.weights.len() - 1)
    }

    pub(crate) fn same_width(&mut self, place: &str, a: ValueId, b: ValueId) {
        let (a, b) = (self.width(a), self.width(b));
        self.require(place, a == b, || format!("operands are {a} and {b} columns wide"));
    }

    pub(crate) fn require(&mut self, place: &str, holds: bool, problem: impl FnOnce() -> String) {
        if !holds && self.error.is_none() {
            self.error = Some(ShapeError { place: place.to_owned(), problem: problem() });
        }
    }
}

/// A [`Builder`] whose weight names stand under one prefix, `model.layers.3` for example.
#[derive(Debug)]
pub struct Scope<'a> {
    net: &'a mut Builder,
    prefix: String,
}

impl Scope<'_> {
    /// The full name of a weight of this scope.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// [`Builder::linear`] or, with `bias`, [`Builder::linear_bias`].
    pub fn linear(&mut self, x: ValueId, name: &str, out: usize, bias: bool) -> ValueId {
        let name = self.name(name);
        if bias { self.net.linear_bias(x, &name, out) } else { self.net.linear(x, &name, out) }
    }

    /// RMS norm of groups of `group` with gain `{name}.weight` plus `offset`.
    pub fn rms_norm(&mut self, x: ValueId, name: &str, group: usize, eps: f32, offset: f32) -> ValueId {
        let name = self.name(name) + ".weight";
        self.net.rms_norm_groups(x, Some(&name), group, eps, offset)
    }

    /// [`Builder::layer_norm`].
    pub fn layer_norm(&mut self, x: ValueId, name: &str, eps: f32) -> ValueId {
        let name = self.name(name);
        self.net.layer_norm(x, &name, eps)
    }

    /// Nodes without weights of their own.
    pub fn net(&mut self) -> &mut Builder {
        self.net
    }
}
