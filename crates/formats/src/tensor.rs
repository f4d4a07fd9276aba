//! One weight tensor: a zero-copy view into a mapped file under its canonical name.

use std::ops::Range;
use std::sync::Arc;

use plimsoll_kernels::{DType, Matrix, dequantise};

use crate::error::FormatError;
use crate::mapping::FileBytes;

/// A view of stored weights with its Hugging Face name and shape; cloning copies no weights.
#[derive(Debug, Clone)]
pub struct Tensor {
    name: Arc<str>,
    file: Arc<FileBytes>,
    range: Range<usize>,
    dtype: DType,
    shape: Vec<usize>,
    layout: Layout,
    meaning: Meaning,
}

/// What a stored value stands for, of vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// Itself.
    Plain,
    /// A value that is less by this.
    Shifted(f32),
    /// `x`, stored as `−e^x`.
    MinusExponential,
}

impl Meaning {
    fn of(self, stored: f32) -> f32 {
        match self {
            Meaning::Plain => stored,
            Meaning::Shifted(by) => stored - by,
            Meaning::MinusExponential => (-stored).ln(),
        }
    }
}

/// How the file's order differs from the shape's.
#[derive(Debug, Clone)]
enum Layout {
    /// It does not.
    Rows,
    /// GGUF's interleaved order of Q and K rows; see [`Matrix::with_rotary_pairs`].
    RotaryPairs { head_dim: usize },
    /// Stored (in, `stored`) per matrix; the view shows the outputs from `first` on.
    Transposed { stored: usize, first: usize },
    /// A stack whose matrices, of one type and shape, are tensors of their own; `range` is empty.
    Apart(Arc<[Tensor]>),
}

impl Tensor {
    /// A tensor stored row by row; the caller has checked that `range` lies in `file` and has the shape's size.
    pub fn new(name: &str, file: Arc<FileBytes>, range: Range<usize>, dtype: DType, shape: Vec<usize>) -> Tensor {
        Tensor { name: name.into(), file, range, dtype, shape, layout: Layout::Rows, meaning: Meaning::Plain }
    }

    /// A stack (matrices, out, in) of matrices that are stored as tensors of their own.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if one has another type or shape than the first.
    ///
    /// # Panics
    /// There is none.
    pub fn stack(name: &str, matrices: Vec<Tensor>) -> Result<Tensor, FormatError> {
        let first = matrices[0].clone();
        if let Some(other) = matrices.iter().find(|m| (m.dtype, &m.shape) != (first.dtype, &first.shape)) {
            let what = format!(
                "is {} of the shape {:?}, where `{}` is {} of {:?}",
                other.dtype.name(),
                other.shape,
                first.name,
                first.dtype.name(),
                first.shape
            );
            return Err(other.error(what));
        }
        let shape = [&[matrices.len()], &first.shape[..]].concat();
        Ok(Tensor { name: name.into(), range: 0..0, shape, layout: Layout::Apart(matrices.into()), ..first })
    }

    /// Canonical name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stored type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Logical shape, slowest dimension first: (out, in) of a matrix, (experts, out, in) of an expert stack.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of values.
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes that this view's values take in the file.
    pub fn stored_bytes(&self) -> usize {
        match &self.layout {
            Layout::Transposed { .. } => self.n_values() * self.dtype.block_bytes(),
            Layout::Apart(matrices) => matrices.iter().map(Tensor::stored_bytes).sum(),
            _ => self.range.len(),
        }
    }

    /// The stored bytes; of a transposed view, those of the whole fused tensor that it shows a part of; none of a stack
    /// whose matrices are stored apart. Files do not align their tensors to their types: read them as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.file[self.range.clone()]
    }

    /// The stored bytes of a tensor that is stored as it is shown, value for value in the shape's order.
    pub fn bytes_as_shown(&self) -> Option<&[u8]> {
        (matches!(self.layout, Layout::Rows) && self.meaning == Meaning::Plain).then(|| self.bytes())
    }

    /// The stored bytes of a row in the shape's order, of a tensor that is not stored transposed.
    ///
    /// # Panics
    /// There are fewer rows, or the tensor is stored transposed.
    pub fn row_bytes(&self, row: usize) -> &[u8] {
        let cols = self.shape.last().copied().unwrap_or(1);
        let each = self.dtype.row_bytes(cols).expect("checked when it was opened");
        let stored = match &self.layout {
            Layout::Rows => row,
            Layout::RotaryPairs { head_dim } => stored_row(row, *head_dim),
            Layout::Apart(matrices) => {
                let rows = matrices[0].shape[0];
                return matrices[row / rows].row_bytes(row % rows);
            }
            Layout::Transposed { .. } => panic!("`{}` is stored transposed", self.name),
        };
        &self.bytes()[stored * each..][..each]
    }

    /// Has the system fetch the stored bytes ahead of their use, if they are not in memory; see [`FileBytes::will_need`].
    pub fn will_need(&self) {
        match &self.layout {
            Layout::Apart(matrices) => matrices.iter().for_each(Tensor::will_need),
            _ => self.file.will_need(self.range.clone()),
        }
    }

    /// The weights of a 2-D tensor, (out, in), with their row order as the kernels want to know it.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no matrix.
    pub fn matrix(&self) -> Result<Matrix<'_>, FormatError> {
        let &[rows, cols] = &self.shape[..] else { return Err(self.wrong_shape("a matrix")) };
        let matrix = match self.layout {
            Layout::Apart(_) => return Err(self.wrong_shape("a matrix")),
            Layout::Rows => Matrix::new(self.dtype, rows, cols, self.bytes()),
            Layout::RotaryPairs { head_dim } => {
                Matrix::new(self.dtype, rows, cols, self.bytes()).and_then(|m| m.with_rotary_pairs(head_dim))
            }
            Layout::Transposed { stored, first } => {
                Matrix::transposed(self.dtype, stored, cols, self.bytes()).map(|m| m.output_range(first..first + rows))
            }
        };
        matrix.map_err(|e| self.error(e.to_string()))
    }

    /// Matrix `index` of a 3-D tensor (experts, out, in), as a 2-D tensor.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no such stack or is shorter.
    pub fn expert(&self, index: usize) -> Result<Tensor, FormatError> {
        let &[experts, rows, cols] = &self.shape[..] else { return Err(self.wrong_shape("a stack of experts")) };
        if index >= experts {
            return Err(self.error(format!("has {experts} experts, expected more than {index}")));
        }
        if let Layout::Apart(matrices) = &self.layout {
            return Ok(matrices[index].renamed(&self.name));
        }
        let each = self.range.len() / experts;
        let start = self.range.start + index * each;
        Ok(Tensor { shape: vec![rows, cols], range: start..start + each, ..self.clone() })
    }

    /// Rows `rows` of this tensor under another name; part of a fused projection.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if there are fewer rows, or the range cuts a head that is stored in rotary order.
    pub fn rows_as(&self, name: &str, rows: Range<usize>) -> Result<Tensor, FormatError> {
        let n_rows = self.shape.first().copied().unwrap_or(0);
        let whole_heads = match self.layout {
            Layout::Rows => true,
            Layout::RotaryPairs { head_dim } => {
                rows.start.is_multiple_of(head_dim) && rows.end.is_multiple_of(head_dim)
            }
            Layout::Transposed { .. } | Layout::Apart(_) => false,
        };
        if n_rows == 0 || rows.start > rows.end || rows.end > n_rows || !whole_heads {
            return Err(self.error(format!("has {n_rows} rows, expected a part {rows:?} in it")));
        }
        let each = self.range.len() / n_rows;
        let range = self.range.start + rows.start * each..self.range.start + rows.end * each;
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        Ok(Tensor { name: name.into(), shape, range, ..self.clone() })
    }

    /// Rows `rows` of every matrix of a stack (experts, out, in), as a stack under another name.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no stack, or has fewer rows.
    pub fn rows_of_each_as(&self, name: &str, rows: Range<usize>) -> Result<Tensor, FormatError> {
        let (&[experts, _, _], false) = (&self.shape[..], self.n_values() == 0) else {
            return Err(self.wrong_shape("a stack of experts"));
        };
        let parts = (0..experts).map(|expert| self.expert(expert)?.rows_as(name, rows.clone()));
        Tensor::stack(name, parts.collect::<Result<_, _>>()?)
    }

    /// Every other column from `first` on, as a tensor of half as many: a copy.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if these are no plain floats, or there is not an even number of columns.
    pub fn every_other_as(&self, name: &str, first: usize) -> Result<Tensor, FormatError> {
        let Some((columns, rows)) = self.shape.split_last().filter(|(columns, _)| columns.is_multiple_of(2)) else {
            return Err(self.error(format!("has the shape {:?}, expected an even number of columns", self.shape)));
        };
        let Some(stored) = self.bytes_as_shown().filter(|_| self.dtype.is_float()) else {
            return Err(self.error("is no plain floats, expected them"));
        };
        let values = stored.chunks_exact(self.dtype.block_bytes());
        let bytes = values.skip(first).step_by(2).collect::<Vec<&[u8]>>().concat();
        let (range, shape) = (0..bytes.len(), [rows, &[columns / 2]].concat());
        Ok(Tensor::new(name, FileBytes::owned(self.file.name(), bytes), range, self.dtype, shape))
    }

    /// A stack stored (experts, in, out) seen as (experts, `outputs`, in).
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no plain stack of floats with that many outputs.
    pub fn transposed_as(&self, name: &str, outputs: Range<usize>) -> Result<Tensor, FormatError> {
        let &[experts, cols, stored] = &self.shape[..] else { return Err(self.wrong_shape("a stack of experts")) };
        if !matches!(self.layout, Layout::Rows) || !self.dtype.is_float() || outputs.end > stored {
            return Err(self.error(format!("cannot be read as the outputs {outputs:?} of transposed floats")));
        }
        let layout = Layout::Transposed { stored, first: outputs.start };
        Ok(Tensor { name: name.into(), shape: vec![experts, outputs.len(), cols], layout, ..self.clone() })
    }

    /// A matrix of floats (in, out) seen as (out, in).
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no plain matrix of floats.
    pub fn turned_as(&self, name: &str) -> Result<Tensor, FormatError> {
        let (&[cols, stored], true, Layout::Rows) = (&self.shape[..], self.dtype.is_float(), &self.layout) else {
            return Err(self.wrong_shape("a matrix of floats"));
        };
        let layout = Layout::Transposed { stored, first: 0 };
        Ok(Tensor { name: name.into(), shape: vec![stored, cols], layout, ..self.clone() })
    }

    /// The weight of a convolution, (out, in, height, width), as the matrix (out, in · height · width) that it is for
    /// patches without overlap; anything else as it is.
    pub fn without_patch_shape(self) -> Tensor {
        match (&self.shape[..], &self.layout) {
            (&[out, a, b, c], Layout::Rows) => Tensor { shape: vec![out, a * b * c], ..self },
            _ => self,
        }
    }

    /// The weight of a convolution over frames, (out, in, frames, height, width), as the matrix (out, in · height · width) that
    /// it is where all frames are the same: a copy in f32, since it is a sum.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if this is no plain kernel of floats of that shape; one without frames stays as it is.
    pub fn frames_summed(&self) -> Result<Tensor, FormatError> {
        let &[out, channels, frames, height, width] = &self.shape[..] else {
            return Ok(self.clone().without_patch_shape());
        };
        if !matches!(self.layout, Layout::Rows) || !self.dtype.is_float() || frames == 0 {
            return Err(self.wrong_shape("a kernel of floats over frames"));
        }
        let (values, pixels) = (self.to_f32(), height * width);
        let mut sums = Vec::with_capacity(values.len() / frames);
        for of_channel in values.chunks_exact((frames * pixels).max(1)) {
            sums.extend((0..pixels).map(|pixel| of_channel.iter().skip(pixel).step_by(pixels).sum::<f32>()));
        }
        Ok(self.owned(vec![out, channels * pixels], &sums))
    }

    /// The same of kernels that are stored as rows, (out, channels · frames · height · width).
    ///
    /// # Errors
    /// As [`Tensor::frames_summed`].
    pub fn flat_frames_summed(&self, channels: usize, frames: usize) -> Result<Tensor, FormatError> {
        match self.shape[..] {
            [out, columns] if columns.is_multiple_of(channels * frames) => {
                let shape = vec![out, channels, frames, 1, columns / (channels * frames)];
                Tensor { shape, ..self.clone() }.frames_summed()
            }
            _ => Err(self.wrong_shape("kernels of floats over frames")),
        }
    }

    /// The sum of two tensors of one shape: a copy in f32.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if their shapes differ, or they are no plain floats.
    pub fn plus(&self, other: &Tensor) -> Result<Tensor, FormatError> {
        if other.shape != self.shape || !self.dtype.is_float() || !other.dtype.is_float() {
            return Err(
                other.error(format!("is {} of {:?}, expected floats of {:?}", other.dtype, other.shape, self.shape))
            );
        }
        let sums: Vec<f32> = self.to_f32().iter().zip(other.to_f32()).map(|(a, b)| a + b).collect();
        Ok(self.owned(self.shape.clone(), &sums))
    }

    fn owned(&self, shape: Vec<usize>, values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let range = 0..bytes.len();
        Tensor::new(&self.name, FileBytes::owned(self.file.name(), bytes), range, DType::F32, shape)
    }

    /// Tables of as many rows, (tables, rows, columns), as one; anything else as it is.
    pub fn tables_joined(self) -> Tensor {
        match (&self.shape[..], &self.layout) {
            (&[tables, rows, columns], Layout::Rows) => Tensor { shape: vec![tables * rows, columns], ..self },
            _ => self,
        }
    }

    /// All values in one dimension, of a tensor that is stored as it is shown; any other as it is.
    pub fn flattened(self) -> Tensor {
        match self.layout {
            Layout::Rows => Tensor { shape: vec![self.n_values()], ..self },
            _ => self,
        }
    }

    /// The same weights under another name.
    pub fn renamed(&self, name: &str) -> Tensor {
        Tensor { name: name.into(), ..self.clone() }
    }

    /// Declares GGUF's interleaved order of Q and K rows.
    ///
    /// # Errors
    /// [`FormatError::Tensor`] if heads of `head_dim` do not divide the rows.
    pub fn with_rotary_pairs(self, head_dim: usize) -> Result<Tensor, FormatError> {
        let rows = self.shape.first().copied().unwrap_or(0);
        if head_dim < 2 || !head_dim.is_multiple_of(2) || rows == 0 || !rows.is_multiple_of(head_dim) {
            let what = format!("has {rows} rows, expected whole heads of an even {head_dim}");
            return Err(self.error(what));
        }
        Ok(Tensor { layout: Layout::RotaryPairs { head_dim }, ..self })
    }

    /// Declares what stored values stand for. Only [`Tensor::to_f32`] and [`Tensor::read_rows`] undo it,
    /// so it is for vectors.
    pub fn with_meaning(self, meaning: Meaning) -> Tensor {
        Tensor { meaning, ..self }
    }

    /// All values in the shape's order, widened exactly or dequantised; every difference of the file's order or
    /// meaning is undone. For norms, biases and tests: it allocates 4 bytes per value.
    pub fn to_f32(&self) -> Vec<f32> {
        if let Layout::Apart(matrices) = &self.layout {
            return matrices.iter().flat_map(Tensor::to_f32).collect();
        }
        let mut stored = vec![0.0; self.range.len() / self.dtype.block_bytes() * self.dtype.block_len()];
        dequantise(self.dtype, self.bytes(), &mut stored);
        if self.meaning != Meaning::Plain {
            stored.iter_mut().for_each(|v| *v = self.meaning.of(*v));
        }
        match self.layout {
            Layout::Rows | Layout::Apart(_) => stored,
            Layout::RotaryPairs { head_dim } => {
                let cols = stored.len() / self.shape[0];
                (0..self.shape[0])
                    .flat_map(|row| &stored[stored_row(row, head_dim) * cols..][..cols])
                    .copied()
                    .collect()
            }
            Layout::Transposed { stored: width, first } => {
                let (cols, rows) = (self.shape[self.shape.len() - 1], self.shape[self.shape.len() - 2]);
                let element = |m: &[f32], row: usize, col: usize| m[col * width + first + row];
                let matrices = stored.chunks_exact(width * cols);
                matrices
                    .flat_map(|m| (0..rows).flat_map(move |row| (0..cols).map(move |col| element(m, row, col))))
                    .collect()
            }
        }
    }

    /// Rows from `first` on, as many as `out` holds, of the matrix that the last dimension cuts this tensor into: in the
    /// shape's order, widened exactly or dequantised. It allocates a row at most.
    ///
    /// # Panics
    /// `out` is no whole rows, or there are fewer.
    pub fn read_rows(&self, first: usize, out: &mut [f32]) {
        let cols = self.shape.last().copied().unwrap_or(1);
        let stored = |row: usize, n: usize, out: &mut [f32]| {
            let bytes = self.dtype.row_bytes(cols).expect("checked when it was opened");
            dequantise(self.dtype, &self.bytes()[row * bytes..][..n * bytes], out);
        };
        match &self.layout {
            Layout::Rows => stored(first, out.len() / cols, out),
            Layout::RotaryPairs { head_dim } => {
                for (i, out) in out.chunks_exact_mut(cols).enumerate() {
                    stored(stored_row(first + i, *head_dim), 1, out);
                }
            }
            Layout::Transposed { stored, first: from } => self.read_transposed(first, out, *stored, *from),
            Layout::Apart(matrices) => {
                let rows = matrices[0].shape[0];
                for (i, out) in out.chunks_exact_mut(cols).enumerate() {
                    matrices[(first + i) / rows].read_rows((first + i) % rows, out);
                }
            }
        }
        if self.meaning != Meaning::Plain {
            out.iter_mut().for_each(|v| *v = self.meaning.of(*v));
        }
    }

    /// Rows of a stack whose matrices are stored (in, `stored`), from output `from` on: floats, a run of outputs at a time.
    fn read_transposed(&self, first: usize, out: &mut [f32], stored: usize, from: usize) {
        let &[.., rows, cols] = &self.shape[..] else { return };
        let width = self.dtype.block_bytes();
        let mut run = vec![0.0; rows.min(out.len() / cols)];
        let (mut row, mut out) = (first, out);
        while !out.is_empty() {
            let (matrix, output) = (row / rows, row % rows);
            let n = (rows - output).min(out.len() / cols);
            let (now, rest) = out.split_at_mut(n * cols);
            for col in 0..cols {
                let at = (matrix * cols + col) * stored + from + output;
                dequantise(self.dtype, &self.bytes()[at * width..][..n * width], &mut run[..n]);
                run[..n].iter().enumerate().for_each(|(i, value)| now[i * cols + col] = *value);
            }
            (row, out) = (row + n, rest);
        }
    }

    /// An error about this tensor.
    pub fn error(&self, what: impl Into<String>) -> FormatError {
        FormatError::tensor(self.file.name(), &self.name, what)
    }

    fn wrong_shape(&self, expected: &str) -> FormatError {
        self.error(format!("has the shape {:?}, expected {expected}", self.shape))
    }
}

/// Where GGUF keeps row `row` of Hugging Face's order: halves `0..d/2` and `d/2..d` of a head lie interleaved.
fn stored_row(row: usize, head_dim: usize) -> usize {
    let (head, within, half) = (row / head_dim * head_dim, row % head_dim, head_dim / 2);
    head + if within < half { 2 * within } else { 2 * (within - half) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let range = 0..bytes.len();
        Tensor::new(name, FileBytes::owned("test", bytes), range, DType::F32, shape.to_vec())
    }

    #[test]
    fn rotary_order_is_undone_for_weights_and_biases() {
        let weight = f32s("q", &[4, 2], &[0., 0., 10., 10., 1., 1., 11., 11.]).with_rotary_pairs(4).unwrap();
        assert_eq!(weight.to_f32(), [0., 0., 1., 1., 10., 10., 11., 11.]);
        let bias = f32s("q.bias", &[4], &[0., 10., 1., 11.]).with_rotary_pairs(4).unwrap();
        assert_eq!(bias.to_f32(), [0., 1., 10., 11.]);
    }

    #[test]
    fn a_transposed_stack_shows_each_expert_as_out_by_in() {
        // Two experts of one input and four outputs: two gates, then two ups.
        let fused = f32s("gate_up", &[2, 1, 4], &[1., 2., 3., 4., 5., 6., 7., 8.]);
        let up = fused.transposed_as("up", 2..4).unwrap();
        assert_eq!(up.shape(), [2, 2, 1]);
        assert_eq!(up.to_f32(), [3., 4., 7., 8.]);
        let second = up.expert(1).unwrap();
        assert_eq!((second.shape(), second.to_f32()), (&[2, 1][..], vec![7., 8.]));
        assert_eq!(second.matrix().unwrap().rows(), 2);
        assert!(up.expert(2).is_err());
        assert!(fused.transposed_as("up", 2..5).is_err());
    }

    #[test]
    fn rows_are_read_as_the_whole_is() {
        let values: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let plain = f32s("w", &[2, 4, 3], &values);
        let turned = f32s("t", &[2, 3, 4], &values).transposed_as("t", 1..4).unwrap();
        let paired = f32s("q", &[8, 3], &values).with_rotary_pairs(4).unwrap();
        let [first, second] = [0, 1].map(|i| f32s("e", &[4, 3], &values[i * 12..][..12]));
        let apart = Tensor::stack("experts", vec![first, second]).unwrap();
        assert_eq!((apart.shape(), apart.to_f32()), (&[2, 4, 3][..], values));
        assert_eq!(apart.expert(1).unwrap().to_f32(), apart.to_f32()[12..]);
        for tensor in [plain, turned, paired, apart] {
            let (whole, cols) = (tensor.to_f32(), tensor.shape()[tensor.shape().len() - 1]);
            let rows = whole.len() / cols;
            if !matches!(tensor.layout, Layout::Transposed { .. }) {
                let bytes = (0..rows).flat_map(|row| tensor.row_bytes(row).to_vec());
                assert!(bytes.eq(whole.iter().flat_map(|value| value.to_le_bytes())), "{}", tensor.name());
            }
            for (first, n) in (0..rows).flat_map(|first| (1..=rows - first).map(move |n| (first, n))) {
                let mut read = vec![0.0; n * cols];
                tensor.read_rows(first, &mut read);
                assert_eq!(read, whole[first * cols..][..n * cols], "{} from {first}", tensor.name());
            }
        }
    }

    #[test]
    fn columns_by_turns_rows_of_each_and_matrices_turned_round() {
        let stack = f32s("both", &[2, 2, 2], &[1., 2., 3., 4., 5., 6., 7., 8.]);
        assert_eq!(stack.every_other_as("second", 1).unwrap().to_f32(), [2., 4., 6., 8.]);
        assert!(f32s("odd", &[1, 3], &[1., 2., 3.]).every_other_as("first", 0).is_err());
        let lower = stack.rows_of_each_as("lower", 1..2).unwrap();
        assert_eq!((lower.shape(), lower.to_f32()), (&[2, 1, 2][..], vec![3., 4., 7., 8.]));
        let turned = f32s("w", &[2, 3], &[1., 2., 3., 4., 5., 6.]).turned_as("t").unwrap();
        assert_eq!((turned.shape(), turned.to_f32()), (&[3, 2][..], vec![1., 4., 2., 5., 3., 6.]));
    }

    #[test]
    fn a_stack_of_matrices_that_differ_is_refused_by_the_name_of_one() {
        let [a, b] = [f32s("a", &[1, 2], &[1., 2.]), f32s("b", &[2, 1], &[3., 4.])];
        let error = Tensor::stack("experts", vec![a, b]).unwrap_err().to_string();
        assert_eq!(error, "`test`, tensor `b`: is F32 of the shape [2, 1], where `a` is F32 of [1, 2]");
    }

    #[test]
    fn a_part_of_a_fused_projection_is_a_range_of_its_rows() {
        let fused = f32s("qkv", &[3, 2], &[1., 2., 3., 4., 5., 6.]);
        let middle = fused.rows_as("k", 1..2).unwrap();
        assert_eq!((middle.name(), middle.to_f32()), ("k", vec![3., 4.]));
        let error = fused.rows_as("v", 2..4).unwrap_err().to_string();
        assert_eq!(error, "`test`, tensor `qkv`: has 3 rows, expected a part 2..4 in it");
    }
}
