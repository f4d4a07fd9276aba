//! What text networks and towers share: a walk over the nodes of a network, each of which becomes nodes of ONNX.
//!
//! Values have the network's own shape, `(rows, width)`: tokens of all sequences, or patches of all tiles, one behind the
//! other. Weights stay as they are stored, `(out, in)`, which `Gemm` takes as its second operand turned around, so that a
//! tied matrix is there once. Norms are spelled out: every runtime knows their parts, and ONNX Runtime fuses them.

use plimsoll_formats::Tensor;
use plimsoll_graph::{Network, Node, Op, WeightId, WeightKind};
use plimsoll_kernels::Activation;
use plimsoll_models::Weights;

use super::builder::{GraphBuilder, Value};
use super::error::OnnxError;
use super::matrices::Matrices;
use super::precision::Precision;
use super::proto::{Attribute, ElementType};

/// Where the weights of a graph come from, and in what numbers they are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<'a> {
    pub weights: &'a Weights,
    pub precision: Precision,
    pub matrices: &'a Matrices,
}

/// A network on its way into a graph.
pub(crate) struct Walk<'a> {
    pub b: GraphBuilder,
    pub network: &'a Network,
    pub precision: Precision,
    pub matrices: &'a Matrices,
    weights: &'a Weights,
    /// Embedding and output projection, which 4 bits harm.
    pub kept: Vec<WeightId>,
    /// Results of the nodes so far.
    values: Vec<Value>,
}

impl<'a> Walk<'a> {
    pub fn new(network: &'a Network, numbers: Numbers<'a>) -> Walk<'a> {
        let Numbers { weights, precision, matrices } = numbers;
        let table = network.nodes.iter().filter_map(|node| match node.op {
            Op::Embed { table, .. } => Some(table),
            _ => None,
        });
        let last = network.nodes.iter().rev().find_map(|node| match node.op {
            Op::Linear { weight, .. } if network.vocab_size > 0 => Some(weight),
            _ => None,
        });
        let kept = table.chain(last).collect();
        Walk { b: GraphBuilder::default(), network, precision, matrices, weights, kept, values: Vec::new() }
    }

    /// Walks all nodes: those that both kinds of network have here, the others by `own`, which gets the operands too.
    pub fn run(
        &mut self,
        mut own: impl FnMut(&mut Walk<'a>, usize, &Node, &[Value]) -> Result<Value, OnnxError>,
    ) -> Result<Vec<Value>, OnnxError> {
        let network = self.network;
        for (index, node) in network.nodes.iter().enumerate() {
            let inputs: Vec<Value> = node.inputs.iter().map(|value| self.values[value.0].clone()).collect();
            let value = match self.shared(node, &inputs)? {
                Some(value) => value,
                None => own(self, index, node, &inputs)?,
            };
            self.values.push(value);
        }
        Ok(network.outputs.iter().map(|value| self.values[value.0].clone()).collect())
    }

    fn shared(&mut self, node: &Node, inputs: &[Value]) -> Result<Option<Value>, OnnxError> {
        Ok(Some(match &node.op {
            Op::Linear { weight, bias } => self.linear(&inputs[0], *weight, *bias)?,
            Op::RmsNorm { weight, group, eps } => self.rms_norm(&inputs[0], *weight, *group, *eps, node.width)?,
            Op::LayerNorm { weight, bias, eps } => self.layer_norm(&inputs[0], *weight, *bias, *eps)?,
            Op::Add => {
                // The residual: what half precision would overflow first.
                let (a, b) = (self.wide(&inputs[0]), self.wide(&inputs[1]));
                self.b.node("Add", &[&a, &b])
            }
            Op::Gated(act) => {
                let gate = self.activate(*act, &inputs[0]);
                self.b.node("Mul", &[&gate, &inputs[1]])
            }
            Op::Activate(act) => self.activate(*act, &inputs[0]),
            Op::Scale(factor) => self.times(&inputs[0], *factor),
            Op::Softcap(cap) => self.softcap(&inputs[0], *cap),
            _ => return Ok(None),
        }))
    }

    /// In the type that products are computed in.
    pub fn narrow(&mut self, x: &Value) -> Value {
        self.b.cast(x, self.precision.float())
    }

    /// As a single, whatever products are computed in.
    pub fn wide(&mut self, x: &Value) -> Value {
        self.b.cast(x, ElementType::F32)
    }

    /// `x * factor`
    pub fn times(&mut self, x: &Value, factor: f32) -> Value {
        let factor = self.b.number(factor, x.element);
        self.b.node("Mul", &[x, &factor])
    }

    /// `cap * tanh(x / cap)`
    pub fn softcap(&mut self, x: &Value, cap: f32) -> Value {
        let bound = self.b.number(cap, x.element);
        let x = self.b.node("Div", &[x, &bound]);
        let x = self.b.node("Tanh", &[&x]);
        self.b.node("Mul", &[&x, &bound])
    }

    fn activate(&mut self, act: Activation, x: &Value) -> Value {
        let gelu = |approximate| vec![("approximate", Attribute::Text(approximate))];
        match act {
            Activation::Silu => {
                let gate = self.b.node("Sigmoid", &[x]);
                self.b.node("Mul", &[x, &gate])
            }
            Activation::GeluTanh => self.b.node_with("Gelu", &[x], gelu("tanh")),
            Activation::Gelu => self.b.node_with("Gelu", &[x], gelu("none")),
            Activation::Sigmoid => self.b.node("Sigmoid", &[x]),
            Activation::Softplus => self.b.node("Softplus", &[x]),
            Activation::SquaredRelu => {
                let above = self.b.node("Relu", &[x]);
                self.b.node("Mul", &[&above, &above])
            }
        }
    }

    /// Groups become rows for as long as it takes.
    fn rms_norm(
        &mut self,
        x: &Value,
        weight: Option<WeightId>,
        group: usize,
        eps: f32,
        width: usize,
    ) -> Result<Value, OnnxError> {
        let mut x = self.wide(x);
        if group != width {
            x = self.b.reshape(&x, &[-1, group as i64]);
        }
        let (two, eps) = (self.b.number(2.0, ElementType::F32), self.b.number(eps, ElementType::F32));
        let squares = self.b.node("Pow", &[&x, &two]);
        let mean = self.b.reduce("ReduceMean", &squares, &[-1], true);
        let sum = self.b.node("Add", &[&mean, &eps]);
        let root = self.b.node("Sqrt", &[&sum]);
        let mut normed = self.b.node("Div", &[&x, &root]);
        if let Some(weight) = weight {
            let gain = self.vector(weight)?;
            normed = self.b.node("Mul", &[&normed, &gain]);
        }
        if group != width {
            normed = self.b.reshape(&normed, &[-1, width as i64]);
        }
        Ok(self.narrow(&normed))
    }

    fn layer_norm(&mut self, x: &Value, weight: WeightId, bias: WeightId, eps: f32) -> Result<Value, OnnxError> {
        let (x, gain, bias) = (self.wide(x), self.vector(weight)?, self.vector(bias)?);
        let attributes = vec![("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(eps))];
        let normed = self.b.node_with("LayerNormalization", &[&x, &gain, &bias], attributes);
        Ok(self.narrow(&normed))
    }

    /// A vector in singles, its offset added.
    pub fn vector(&mut self, id: WeightId) -> Result<Value, OnnxError> {
        let (tensor, decl) = (self.tensor(id)?, self.network.weight(id));
        let offset = if let WeightKind::Vector { offset } = decl.kind { offset } else { 0.0 };
        let values: Vec<f32> = tensor.to_f32().into_iter().map(|value| value + offset).collect();
        Ok(self.b.table(&decl.name, &values, decl.shape.clone()))
    }

    /// The weight, in the shape that the network declares.
    pub fn tensor(&self, id: WeightId) -> Result<Tensor, OnnxError> {
        let decl = self.network.weight(id);
        Ok(self.weights.require_shape(&decl.name, &decl.shape)?.clone())
    }

    /// A refusal of node `node` of the network.
    pub fn unsupported(node: usize, op: &Op, why: &'static str) -> OnnxError {
        OnnxError::Unsupported { node, op: op_name(op), why }
    }
}

/// What an operation is called in messages.
fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Embed { .. } => "Embed",
        Op::AddGiven { .. } => "AddGiven",
        Op::EmbedBeside { .. } => "EmbedBeside",
        Op::Linear { .. } => "Linear",
        Op::RmsNorm { .. } => "RmsNorm",
        Op::LayerNorm { .. } => "LayerNorm",
        Op::Rope { .. } => "Rope",
        Op::Attention(_) => "Attention",
        Op::Add => "Add",
        Op::Multiply => "Multiply",
        Op::Gated(_) => "Gated",
        Op::Activate(_) => "Activate",
        Op::Scale(_) => "Scale",
        Op::ScaleByPosition(_) => "ScaleByPosition",
        Op::Columns { .. } => "Columns",
        Op::Join { .. } => "Join",
        Op::HeadLinear { .. } => "HeadLinear",
        Op::Bias(_) => "Bias",
        Op::Unbias(_) => "Unbias",
        Op::Shift(_) => "Shift",
        Op::ClampTo { .. } => "ClampTo",
        Op::ScaleColumns { .. } => "ScaleColumns",
        Op::Clamp { .. } => "Clamp",
        Op::ScaleGroups => "ScaleGroups",
        Op::Convolution(_) => "Convolution",
        Op::LinearAttention(_) => "LinearAttention",
        Op::Moe(_) => "Moe",
        Op::SelectRows => "SelectRows",
        Op::Softcap(_) => "Softcap",
        Op::Tile(_) => "Tile",
    }
}
