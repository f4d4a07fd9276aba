//! What text networks and towers share: a walk over the nodes of a network, each of which becomes nodes of ONNX.
//!
//! Values have the network's own shape, `(rows, width)`: tokens of all sequences, or patches of all tiles, one behind the
//! other. Weights stay as they are stored, `(out, in)`, which `Gemm` takes as its second operand turned around, so that a
//! tied matrix is there once. Norms are spelled out: every runtime knows their parts, and ONNX Runtime fuses them.

use plimsoll_formats::Tensor;
use plimsoll_graph::{Network, Node, Op, WeightId, WeightKind};
use plimsoll_kernels::Activation;
use plimsoll_models::Weights;

use super::blocks::BlockMatrix;
use super::builder::{GraphBuilder, INLINE_BELOW, Value};
use super::error::OnnxError;
use super::precision::Precision;
use super::proto::{Attribute, ElementType};
use super::weights::{Part, Stored};

/// A network on its way into a graph.
pub(crate) struct Walk<'a> {
    pub b: GraphBuilder,
    pub network: &'a Network,
    pub precision: Precision,
    weights: &'a Weights,
    /// Embedding and output projection, which 4 bits harm.
    kept: Vec<WeightId>,
    /// Results of the nodes so far.
    values: Vec<Value>,
}

impl<'a> Walk<'a> {
    pub fn new(network: &'a Network, weights: &'a Weights, precision: Precision) -> Walk<'a> {
        let table = network.nodes.iter().filter_map(|node| match node.op {
            Op::Embed { table } => Some(table),
            _ => None,
        });
        let last = network.nodes.iter().rev().find_map(|node| match node.op {
            Op::Linear { weight, .. } if network.vocab_size > 0 => Some(weight),
            _ => None,
        });
        let kept = table.chain(last).collect();
        Walk { b: GraphBuilder::default(), network, precision, weights, kept, values: Vec::new() }
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

    /// A matrix of numbers as they are.
    pub fn floats(&mut self, id: WeightId, element: ElementType) -> Result<Value, OnnxError> {
        let tensor = self.tensor(id)?;
        let dims = tensor.shape().to_vec();
        let bytes = tensor.n_values() as u64 * element.bytes();
        if bytes < INLINE_BELOW && element == ElementType::F32 {
            return Ok(self.b.table(tensor.name(), &tensor.to_f32(), dims));
        }
        let part = Part { name: tensor.name().to_owned(), element, dims };
        let [value] = self.b.external([part], || Stored::Floats(tensor.clone(), element));
        Ok(value)
    }

    /// The weight, in the shape that the network declares.
    pub fn tensor(&self, id: WeightId) -> Result<Tensor, OnnxError> {
        let decl = self.network.weight(id);
        Ok(self.weights.require_shape(&decl.name, &decl.shape)?.clone())
    }

    /// How a matrix is written in blocks; nothing if it stays in floats.
    pub fn blocks(&self, id: WeightId) -> Result<Option<BlockMatrix>, OnnxError> {
        let tensor = self.tensor(id)?;
        let dtype = self.precision.blocks(&tensor, self.kept.contains(&id))?;
        Ok(dtype.map(|dtype| BlockMatrix { tensor, dtype, scales: self.precision.float() }))
    }

    /// Codes and scales of a matrix, and what the sums of an input's groups are multiplied by.
    pub fn block_values(&mut self, matrix: BlockMatrix) -> (Value, Value, Option<Value>) {
        let (name, rows, groups) = (matrix.tensor.name(), matrix.rows(), matrix.groups());
        let part = |kind: &str, element, dims| Part { name: format!("{name}.{kind}"), element, dims };
        let codes = part("codes", ElementType::U8, vec![rows, groups, matrix.group_bytes()]);
        let scales = part("scales", matrix.scales, vec![rows, groups]);
        if matrix.dtype.has_offsets() {
            let offsets = part("offsets", matrix.scales, vec![rows, groups]);
            let [codes, scales, offsets] = self.b.external([codes, scales, offsets], || Stored::Blocks(matrix.clone()));
            return (codes, scales, Some(offsets));
        }
        let [codes, scales] = self.b.external([codes, scales], || Stored::Blocks(matrix.clone()));
        (codes, scales, None)
    }

    fn linear(&mut self, x: &Value, weight: WeightId, bias: Option<WeightId>) -> Result<Value, OnnxError> {
        let x = self.narrow(x);
        let Some(matrix) = self.blocks(weight)? else { return self.dense(&x, weight, bias) };
        let product = self.block_product(&x, matrix);
        let Some(bias) = bias else { return Ok(product) };
        let bias = self.vector(bias)?;
        let bias = self.narrow(&bias);
        Ok(self.b.node("Add", &[&product, &bias]))
    }

    fn dense(&mut self, x: &Value, weight: WeightId, bias: Option<WeightId>) -> Result<Value, OnnxError> {
        let matrix = self.floats(weight, x.element)?;
        let bias = bias.map(|bias| self.vector(bias)).transpose()?.map(|bias| self.narrow(&bias));
        let operands: Vec<&Value> = [x, &matrix].into_iter().chain(&bias).collect();
        Ok(self.b.node_with("Gemm", &operands, vec![("transB", Attribute::Int(1))]))
    }

    /// Inputs are rounded to 8 bits, by groups (`accuracy_level` 4): without, ONNX Runtime has no fast code for 8-bit weights.
    fn block_product(&mut self, x: &Value, matrix: BlockMatrix) -> Value {
        let (rows, cols, bits, group_len) = (matrix.rows(), matrix.cols(), matrix.bits(), matrix.group_len());
        let groups = matrix.groups();
        let (codes, scales, offsets) = self.block_values(matrix);
        let ints = [("K", cols), ("N", rows), ("bits", bits), ("block_size", group_len), ("accuracy_level", 4)];
        let attributes = ints.map(|(name, value)| (name, Attribute::Int(value as i64))).to_vec();
        let product = self.b.contributed("MatMulNBits", &[x, &codes, &scales], attributes);
        let Some(offsets) = offsets else { return product };
        let by_group = self.b.reshape(x, &[0, groups as i64, group_len as i64]);
        let sums = self.b.reduce("ReduceSum", &by_group, &[-1], false);
        let correction = self.b.node_with("Gemm", &[&sums, &offsets], vec![("transB", Attribute::Int(1))]);
        self.b.node("Add", &[&product, &correction])
    }

    /// Rows of a table, `(rows, width)` in singles. Of a table in blocks codes and scales are looked up, which a head may share.
    pub fn look_up(&mut self, table: WeightId, rows: &Value, width: usize) -> Result<Value, OnnxError> {
        let Some(matrix) = self.blocks(table)? else {
            let table = self.floats(table, self.precision.float())?;
            let found = self.b.node("Gather", &[&table, rows]);
            return Ok(self.wide(&found));
        };
        let (bits, group_len, groups) = (matrix.bits(), matrix.group_len() as i64, matrix.groups() as i64);
        let middle = if bits == 4 { 8.0 } else { 128.0 };
        let (codes, scales, offsets) = self.block_values(matrix);
        let codes = self.b.node("Gather", &[&codes, rows]);
        let codes = if bits == 4 { self.nibbles(&codes, groups, group_len) } else { codes };
        let (codes, middle) = (self.wide(&codes), self.b.number(middle, ElementType::F32));
        let codes = self.b.node("Sub", &[&codes, &middle]);
        let scales = self.of_groups(&scales, rows);
        let mut values = self.b.node("Mul", &[&codes, &scales]);
        if let Some(offsets) = offsets {
            let offsets = self.of_groups(&offsets, rows);
            values = self.b.node("Add", &[&values, &offsets]);
        }
        let flat = self.b.reshape(&values, &[-1, groups * group_len]);
        Ok(if groups * group_len == width as i64 {
            flat
        } else {
            self.b.split(&flat, 1, &[width, (groups * group_len) as usize - width]).remove(0)
        })
    }

    fn of_groups(&mut self, table: &Value, rows: &Value) -> Value {
        let found = self.b.node("Gather", &[table, rows]);
        let found = self.wide(&found);
        self.b.unsqueeze(&found, &[-1])
    }

    /// Two codes of each byte, the low half first.
    fn nibbles(&mut self, codes: &Value, groups: i64, group_len: i64) -> Value {
        let (fifteen, four) = (self.b.byte(15), self.b.byte(4));
        let low = self.b.node("BitwiseAnd", &[codes, &fifteen]);
        let high = self.b.node_with("BitShift", &[codes, &four], vec![("direction", Attribute::Text("RIGHT"))]);
        let (low, high) = (self.b.unsqueeze(&low, &[-1]), self.b.unsqueeze(&high, &[-1]));
        let both = self.b.concat(&[&low, &high], -1);
        self.b.reshape(&both, &[-1, groups, group_len])
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
        Op::Linear { .. } => "Linear",
        Op::RmsNorm { .. } => "RmsNorm",
        Op::LayerNorm { .. } => "LayerNorm",
        Op::Rope { .. } => "Rope",
        Op::Attention(_) => "Attention",
        Op::Add => "Add",
        Op::Gated(_) => "Gated",
        Op::Activate(_) => "Activate",
        Op::Scale(_) => "Scale",
        Op::ScaleByPosition { .. } => "ScaleByPosition",
        Op::Moe(_) => "Moe",
        Op::SelectRows => "SelectRows",
        Op::Softcap(_) => "Softcap",
        Op::Tile(_) => "Tile",
    }
}
