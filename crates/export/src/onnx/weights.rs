//! What the external data of a graph holds, and how it is written: a few rows at a time, never the model in memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use plimsoll_formats::Tensor;
use plimsoll_kernels::{DType, Pool};
use plimsoll_quantise::MatrixRows;

use super::blocks::{BlockMatrix, Pieces};
use super::builder::ALIGNMENT;
use super::error::OnnxError;
use super::proto::ElementType;

/// A tensor of the external data.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub name: String,
    pub element: ElementType,
    pub dims: Vec<usize>,
}

/// Where parts of the external data come from.
#[derive(Debug)]
pub(crate) enum Stored {
    /// At hand.
    Bytes(Vec<u8>),
    /// A weight's values, row by row.
    Floats(Tensor, ElementType),
    /// A matrix in blocks: its codes, its scales, and what its groups' sums are multiplied by, if anything.
    Blocks(BlockMatrix),
}

/// The file of the external data.
pub(crate) struct DataFile<'a> {
    goes_on: &'a dyn Fn(u64) -> bool,
    path: PathBuf,
    file: BufWriter<File>,
    at: u64,
}

impl DataFile<'_> {
    pub fn create<'a>(path: &Path, goes_on: &'a dyn Fn(u64) -> bool) -> Result<DataFile<'a>, OnnxError> {
        let file = File::create_new(path).map_err(OnnxError::write(path))?;
        Ok(DataFile { goes_on, path: path.to_owned(), file: BufWriter::new(file), at: 0 })
    }

    /// Writes every part, in the order in which the builder has placed them.
    pub fn write_all(mut self, stored: &[Stored], pool: &Pool) -> Result<(), OnnxError> {
        for stored in stored {
            self.align()?;
            match stored {
                Stored::Bytes(bytes) => self.write(bytes)?,
                Stored::Floats(tensor, element) => self.write_floats(tensor, *element, pool)?,
                Stored::Blocks(matrix) => self.write_blocks(matrix, pool)?,
            }
        }
        self.file.flush().map_err(OnnxError::write(&self.path))
    }

    fn write_floats(&mut self, tensor: &Tensor, element: ElementType, pool: &Pool) -> Result<(), OnnxError> {
        let dtype = if element == ElementType::F16 { DType::F16 } else { DType::F32 };
        let cols = tensor.shape().last().copied().unwrap_or(1).max(1);
        let rows = MatrixRows { cols, read: &|row, values| tensor.read_rows(row, values), weights: &|_| None };
        let refused = |error| refused(tensor, error);
        rows.encode(pool, dtype, 0..tensor.n_values() / cols, refused, |_, bytes| self.write(bytes))
    }

    /// Codes as they come; scales and offsets, an eighth of them, are held until all codes are written.
    fn write_blocks(&mut self, matrix: &BlockMatrix, pool: &Pool) -> Result<(), OnnxError> {
        let (mut scales, mut offsets) = (Vec::new(), Vec::new());
        matrix.each_piece(pool, |Pieces { codes, scales: of_rows, offsets: also }| {
            scales.extend(of_rows);
            offsets.extend(also);
            self.write(&codes)
        })?;
        for part in [scales, offsets].into_iter().filter(|part| !part.is_empty()) {
            self.align()?;
            self.write(&part)?;
        }
        Ok(())
    }

    fn align(&mut self) -> Result<(), OnnxError> {
        let zeros = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.write(&vec![0; zeros as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OnnxError> {
        if !(self.goes_on)(bytes.len() as u64) {
            return Err(OnnxError::Stopped);
        }
        self.at += bytes.len() as u64;
        self.file.write_all(bytes).map_err(OnnxError::write(&self.path))
    }
}

pub(crate) fn refused(tensor: &Tensor, error: plimsoll_quantise::RowError) -> OnnxError {
    OnnxError::Value { tensor: tensor.name().to_owned(), row: error.row, error: error.error }
}
