//! Matrices: products with them, and rows that are looked up in them, in floats or in blocks.

use plimsoll_graph::WeightId;

use super::blocks::BlockMatrix;
use super::builder::{INLINE_BELOW, Value};
use super::error::OnnxError;
use super::proto::{Attribute, ElementType};
use super::walk::Walk;
use super::weights::{Part, Stored};

impl Walk<'_> {
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

    /// How a matrix is written in blocks; nothing if it stays in floats.
    pub fn blocks(&self, id: WeightId) -> Result<Option<BlockMatrix>, OnnxError> {
        let tensor = self.tensor(id)?;
        let own = self.matrices.types.get(tensor.name()).copied();
        let dtype = self.precision.blocks(&tensor, own, self.kept.contains(&id))?;
        let columns = self.matrices.columns.get(tensor.name()).cloned();
        Ok(dtype.map(|dtype| BlockMatrix { tensor, dtype, scales: self.precision.float(), columns }))
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

    /// `x Wᵀ + b`
    pub fn linear(&mut self, x: &Value, weight: WeightId, bias: Option<WeightId>) -> Result<Value, OnnxError> {
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
}
