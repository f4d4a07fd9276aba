//! Importance matrices: how much each column of each weight counts, as the sum over a text of the squares of what the
//! weight was multiplied with. Both forms of llama.cpp's files are read, the GGUF one is written.
//! Source: llama.cpp, tools/imatrix/imatrix.cpp (`save_imatrix`, `load_imatrix`, `load_imatrix_legacy`).

mod legacy;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use plimsoll_kernels::DType;

use crate::error::FormatError;
use crate::gguf::{Element, GgufFile, GgufWriter, MetaType, NewTensor, NewValue};
use crate::mapping::FileBytes;
use crate::new_file::NewFile;

/// What the names of a GGUF's tensors end with.
const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

/// The importance of a model's weights, by the names that a GGUF gives them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imatrix {
    /// The texts that it was taken over.
    pub datasets: Vec<String>,
    /// Pieces of text that passed through the model.
    pub chunks: u64,
    /// Tokens of a piece.
    pub chunk_size: u64,
    /// Of each weight.
    pub weights: BTreeMap<String, Importance>,
}

/// The importance of the columns of one weight.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Importance {
    /// Of each matrix the sum of the squares of each column of its inputs, `(n_matrices, cols)`.
    pub sums: Vec<f32>,
    /// Inputs of each matrix; a stack of experts has several.
    pub counts: Vec<f32>,
}

impl Importance {
    /// Columns of a matrix.
    pub fn cols(&self) -> usize {
        self.sums.len() / self.counts.len().max(1)
    }

    /// The mean square of each column of matrix `at`; `None` of one that had no input, or only zeros.
    pub fn means(&self, at: usize) -> Option<Vec<f32>> {
        let (cols, count) = (self.cols(), *self.counts.get(at)?);
        let means: Vec<f32> = self.sums[at * cols..][..cols].iter().map(|sum| sum / count).collect();
        (count > 0.0 && means.iter().any(|mean| *mean > 0.0)).then_some(means)
    }
}

impl Imatrix {
    /// Reads a file of either form.
    ///
    /// # Errors
    /// It is of neither, has no weights, or a sum or count is no number that squares can add up to.
    pub fn open(path: &Path) -> Result<Imatrix, FormatError> {
        Imatrix::parse(FileBytes::map(path)?)
    }

    /// Reads bytes that are already at hand.
    ///
    /// # Errors
    /// As [`Imatrix::open`].
    pub fn parse(bytes: Arc<FileBytes>) -> Result<Imatrix, FormatError> {
        let file = bytes.name().to_owned();
        let read = if bytes.starts_with(b"GGUF") { of_gguf(&GgufFile::parse(bytes)?)? } else { legacy::read(&bytes)? };
        if read.weights.is_empty() {
            return Err(FormatError::malformed(&file, "has the importance of no weight"));
        }
        for (name, importance) in &read.weights {
            let is_sum = |value: &f32| value.is_finite() && *value >= 0.0;
            if let Some(value) = importance.sums.iter().chain(&importance.counts).find(|value| !is_sum(value)) {
                let what = format!("has the value {value}, expected a finite number from 0 on");
                return Err(FormatError::tensor(&file, name, what));
            }
            if let Some(count) = importance.counts.iter().find(|count| **count > 0.0 && **count < 1.0) {
                return Err(FormatError::tensor(
                    &file,
                    name,
                    format!("has the count {count}, expected 0, or 1 or more"),
                ));
            }
        }
        Ok(read)
    }

    /// Writes it as a GGUF, which takes the place of what was there.
    ///
    /// # Errors
    /// A name is none that a GGUF may have, or the system does not write.
    pub fn write(&self, path: &Path) -> Result<(), FormatError> {
        let datasets = NewValue::array(MetaType::String, self.datasets.iter().map(String::as_str));
        let whole = |value: u64| NewValue::U32(u32::try_from(value).unwrap_or(u32::MAX));
        let metadata = [
            ("general.type".to_owned(), "imatrix".into()),
            ("imatrix.datasets".to_owned(), datasets),
            ("imatrix.chunk_count".to_owned(), whole(self.chunks)),
            ("imatrix.chunk_size".to_owned(), whole(self.chunk_size)),
        ];
        let tensor = |name: &str, end: &str, rows: usize, cols: usize| NewTensor {
            name: format!("{name}{end}"),
            dtype: DType::F32,
            shape: vec![rows, cols],
        };
        let tensors = self.weights.iter().flat_map(|(name, importance)| {
            let matrices = importance.counts.len();
            [tensor(name, SUMS, matrices, importance.cols()), tensor(name, COUNTS, matrices, 1)]
        });
        let (file, tensors) = (NewFile::create(path)?, tensors.collect::<Vec<_>>());
        let mut writer = GgufWriter::new(file, &path.display().to_string(), &metadata, &tensors)?;
        for importance in self.weights.values() {
            for values in [&importance.sums, &importance.counts] {
                writer.write(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
            }
        }
        writer.finish()?.keep()
    }
}

fn of_gguf(file: &GgufFile) -> Result<Imatrix, FormatError> {
    if file.text("general.type")? != Some("imatrix") {
        let what = "is a GGUF, but no importance matrix: `general.type` is not `imatrix`";
        return Err(FormatError::malformed(file.name(), what));
    }
    let datasets = file.strings("imatrix.datasets")?.unwrap_or_default();
    let mut read = Imatrix {
        datasets: datasets.into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
        chunks: file.uint("imatrix.chunk_count")?.unwrap_or(0),
        chunk_size: file.uint("imatrix.chunk_size")?.unwrap_or(0),
        weights: BTreeMap::new(),
    };
    for tensor in file.tensors() {
        let refused = |what: &str| FormatError::tensor(file.name(), &tensor.name, what);
        let Some(name) = tensor.name.strip_suffix(SUMS) else { continue };
        let counts = format!("{name}{COUNTS}");
        let counts = file.tensors().iter().find(|tensor| tensor.name == counts);
        let counts = counts.ok_or_else(|| refused("has no counts beside it"))?;
        let importance = Importance { sums: singles(file, tensor)?, counts: singles(file, counts)? };
        if importance.counts.is_empty() || !importance.sums.len().is_multiple_of(importance.counts.len()) {
            return Err(refused("has no whole rows for the counts beside it"));
        }
        read.weights.insert(name.to_owned(), importance);
    }
    Ok(read)
}

fn singles(file: &GgufFile, tensor: &crate::gguf::GgufTensor) -> Result<Vec<f32>, FormatError> {
    if tensor.element != Element::Weight(DType::F32) {
        let what = format!("is stored as {}, expected F32", tensor.element.name());
        return Err(FormatError::tensor(file.name(), &tensor.name, what));
    }
    let bytes = &file.bytes()[tensor.range.clone()];
    Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests;
