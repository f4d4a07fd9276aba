//! A model of which some weights are stored otherwise, to see what that loses.

use std::io::Write;
use std::path::Path;

use plimsoll_formats::{FileBytes, FormatError, Tensor};
use plimsoll_kernels::Pool;
use plimsoll_models::Checkpoint;
use plimsoll_quantise::{Encoding, MatrixRows};
use tempfile::NamedTempFile;

use super::Choice;

/// A checkpoint with some of its weights stored otherwise, and the file that they lie in while it lives.
pub struct Overlay {
    pub checkpoint: Checkpoint,
    _file: NamedTempFile,
}

impl Overlay {
    /// Writes the weights of each choice that a way changes beside the others, as the type that holds it in memory.
    ///
    /// # Errors
    /// A weight is not there or cannot be stored so, or the disk of `folder` is full.
    pub fn new(
        checkpoint: &Checkpoint,
        chosen: &[(&Choice, usize)],
        folder: &Path,
        pool: &Pool,
    ) -> anyhow::Result<Overlay> {
        let mut file = tempfile::Builder::new().prefix(".plimsoll.").suffix(".part").tempfile_in(folder)?;
        let (mut placed, mut at) = (Vec::new(), 0);
        for &(choice, way) in chosen {
            let (to, mut first) = (choice.ways[way].to, 0);
            if to == Encoding::Type(choice.from) {
                continue;
            }
            for name in &choice.weights {
                let tensor = checkpoint.require(name)?;
                let len = write(&mut file, tensor, first, (choice, to), pool)?;
                placed.push((tensor, to.in_memory(), at..at + len));
                at += len;
                first += rows_of(tensor);
            }
        }
        file.flush()?;
        let mut changed = checkpoint.clone();
        if at > 0 {
            let bytes = FileBytes::map(file.path())?;
            for (tensor, held, range) in placed {
                let shape = tensor.shape().to_vec();
                changed.replace(Tensor::new(tensor.name(), bytes.clone(), range, held, shape));
            }
        }
        Ok(Overlay { checkpoint: changed, _file: file })
    }
}

fn rows_of(tensor: &Tensor) -> usize {
    tensor.n_values() / tensor.shape().last().copied().unwrap_or(1)
}

/// Writes a weight, whose rows begin at row `first` of what is chosen for.
fn write(
    out: &mut impl Write,
    tensor: &Tensor,
    first: usize,
    (choice, to): (&Choice, Encoding),
    pool: &Pool,
) -> anyhow::Result<usize> {
    let (rows, cols) = (rows_of(tensor), choice.cols);
    let row_bytes = to.in_memory().row_bytes(cols).ok_or_else(|| misfit(tensor, to))?;
    let matrix = MatrixRows {
        cols,
        read: &|row, values| tensor.read_rows(row, values),
        weights: &|row| choice.columns.as_ref()?.of_row(first + row),
    };
    let refused = |error: plimsoll_quantise::RowError| anyhow::Error::from(tensor.error(error.to_string()));
    matrix.encode(pool, to, 0..rows, refused, |_, bytes| Ok(out.write_all(bytes)?))?;
    Ok(rows * row_bytes)
}

fn misfit(tensor: &Tensor, to: Encoding) -> FormatError {
    tensor.error(format!("has rows that {to} does not divide"))
}
