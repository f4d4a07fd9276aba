//! GGUF's tensor table: names, shapes, block types and byte ranges, none overlapping, all inside the file.

use std::collections::HashSet;
use std::ops::Range;

use plimsoll_kernels::DType;

use super::plausible;
use super::value::Cursor;
use crate::error::{FormatError, MAX_NAME, one_line};

/// ggml's limit; every published file keeps it.
pub(super) const MAX_DIMENSIONS: u32 = 4;

/// What a tensor's elements are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A type that weights may have.
    Weight(DType),
    /// A type that is stored correctly but that no weight may have (`I32`, `F64`, …); refused when used.
    Other(&'static str),
}

impl Element {
    /// Name as files spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Element::Weight(dtype) => dtype.name(),
            Element::Other(name) => name,
        }
    }
}

/// One row of the tensor table.
#[derive(Debug, Clone)]
pub struct GgufTensor {
    /// Name as llama.cpp spells it.
    pub name: String,
    /// Block type.
    pub element: Element,
    /// Shape in row-major order, slowest dimension first: (out, in), the reverse of what the file stores.
    pub shape: Vec<usize>,
    /// Byte range in the file.
    pub range: Range<usize>,
}

/// Reads `count` tensor descriptions and places them in the data section behind the cursor.
pub(super) fn read(
    cursor: &mut Cursor,
    file: &str,
    count: u64,
    alignment: u64,
) -> Result<Vec<GgufTensor>, FormatError> {
    plausible(cursor, file, "tensors", count, 24)?;
    let mut names = HashSet::new();
    let mut described = Vec::new();
    for i in 0..count {
        let tensor = describe(cursor, file, i)?;
        if !names.insert(tensor.name.clone()) {
            return Err(FormatError::tensor(file, &tensor.name, "appears twice"));
        }
        // Converters write placeholders without elements: there is nothing of them to place or to find.
        if !tensor.shape.contains(&0) {
            described.push(tensor);
        }
    }
    let data_start = (cursor.at as u64).next_multiple_of(alignment);
    let end = cursor.at as u64 + cursor.remaining() as u64;
    let tensors: Vec<GgufTensor> =
        described.into_iter().map(|t| t.place(file, data_start, end, alignment)).collect::<Result<_, _>>()?;
    refuse_overlaps(file, &tensors)?;
    Ok(tensors)
}

/// A tensor whose offset has not been checked yet.
struct Described {
    name: String,
    element: Element,
    shape: Vec<usize>,
    bytes: u64,
    /// Relative to the start of the data section.
    offset: u64,
}

fn describe(cursor: &mut Cursor, file: &str, index: u64) -> Result<Described, FormatError> {
    let name = cursor.name(&format!("the name of tensor {index}"))?.to_owned();
    let item = format!("the description of tensor `{}`", one_line(&name, MAX_NAME));
    let n_dims = cursor.u32(&item)?;
    if n_dims == 0 || n_dims > MAX_DIMENSIONS {
        let what = format!("has {n_dims} dimensions, expected 1 to {MAX_DIMENSIONS}");
        return Err(FormatError::tensor(file, &name, what));
    }
    let mut shape = Vec::with_capacity(n_dims as usize);
    for _ in 0..n_dims {
        let dim = cursor.u64(&item)?;
        match usize::try_from(dim) {
            Ok(dim) => shape.push(dim),
            Err(_) => return Err(FormatError::tensor(file, &name, format!("has a dimension of {dim}"))),
        }
    }
    shape.reverse();
    let tag = cursor.u32(&item)?;
    let offset = cursor.u64(&item)?;
    let (element, bytes) = size(file, &name, tag, &shape)?;
    Ok(Described { name, element, shape, bytes, offset })
}

/// Block type and size in bytes of a tensor of `shape`.
fn size(file: &str, name: &str, tag: u32, shape: &[usize]) -> Result<(Element, u64), FormatError> {
    let too_large = || FormatError::tensor(file, name, format!("has the impossible shape {shape:?}"));
    let (&cols, outer) = shape.split_last().expect("at least one dimension");
    let rows = outer.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).ok_or_else(too_large)?;
    let (element, row_bytes) = if let Some(dtype) = weight_type(tag) {
        let row_bytes = dtype.row_bytes(cols).ok_or_else(|| {
            let (dtype, block) = (dtype.name(), dtype.block_len());
            FormatError::tensor(file, name, format!("has rows of {cols} in {dtype}, expected a multiple of {block}"))
        })?;
        (Element::Weight(dtype), row_bytes)
    } else {
        let (type_name, width) = other_type(tag)
            .ok_or_else(|| FormatError::tensor(file, name, format!("has the block type {tag}, which is not known")))?;
        (Element::Other(type_name), cols.checked_mul(width).ok_or_else(too_large)?)
    };
    let bytes = rows.checked_mul(row_bytes).ok_or_else(too_large)?;
    Ok((element, bytes as u64))
}

/// ggml's type ids. Source: `enum ggml_type` in ggml.h.
#[rustfmt::skip]
const WEIGHT_TYPES: [(u32, DType); 25] = [
    (0, DType::F32), (1, DType::F16), (2, DType::Q4_0), (3, DType::Q4_1),
    (6, DType::Q5_0), (7, DType::Q5_1), (8, DType::Q8_0), (10, DType::Q2_K),
    (11, DType::Q3_K), (12, DType::Q4_K), (13, DType::Q5_K), (14, DType::Q6_K),
    (16, DType::IQ2_XXS), (17, DType::IQ2_XS), (18, DType::IQ3_XXS), (19, DType::IQ1_S),
    (20, DType::IQ4_NL), (21, DType::IQ3_S), (22, DType::IQ2_S), (23, DType::IQ4_XS),
    (29, DType::IQ1_M), (30, DType::BF16), (34, DType::TQ1_0), (35, DType::TQ2_0),
    (39, DType::MXFP4),
];

fn weight_type(tag: u32) -> Option<DType> {
    WEIGHT_TYPES.iter().find(|(found, _)| *found == tag).map(|(_, dtype)| *dtype)
}

/// ggml's id of a type; `None` of one that no file has.
pub(super) fn type_id(dtype: DType) -> Option<u32> {
    WEIGHT_TYPES.iter().find(|(_, found)| *found == dtype).map(|(id, _)| *id)
}

/// ggml types that are not for weights: name and bytes per element.
fn other_type(tag: u32) -> Option<(&'static str, usize)> {
    Some(match tag {
        24 => ("I8", 1),
        25 => ("I16", 2),
        26 => ("I32", 4),
        27 => ("I64", 8),
        28 => ("F64", 8),
        _ => return None,
    })
}

impl Described {
    fn place(self, file: &str, data_start: u64, end: u64, alignment: u64) -> Result<GgufTensor, FormatError> {
        if !self.offset.is_multiple_of(alignment) {
            let what = format!("starts at offset {}, expected a multiple of {alignment}", self.offset);
            return Err(FormatError::tensor(file, &self.name, what));
        }
        let start = data_start.saturating_add(self.offset);
        let stop = start.saturating_add(self.bytes);
        if stop > end {
            return Err(FormatError::Truncated {
                file: file.to_owned(),
                item: format!("tensor `{}`", one_line(&self.name, MAX_NAME)),
                needs: stop,
                has: end,
            });
        }
        let range = start as usize..stop as usize;
        Ok(GgufTensor { name: self.name, element: self.element, shape: self.shape, range })
    }
}

fn refuse_overlaps(file: &str, tensors: &[GgufTensor]) -> Result<(), FormatError> {
    let mut order: Vec<&GgufTensor> = tensors.iter().collect();
    order.sort_by_key(|t| (t.range.start, t.range.end));
    for pair in order.windows(2) {
        if pair[1].range.start < pair[0].range.end {
            return Err(FormatError::Overlap {
                file: file.to_owned(),
                first: one_line(&pair[0].name, MAX_NAME),
                second: one_line(&pair[1].name, MAX_NAME),
            });
        }
    }
    Ok(())
}
