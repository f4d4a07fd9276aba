//! A model of which some weights are stored otherwise, to see what that loses.

use std::io::Write;
use std::path::Path;

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_formats::{FileBytes, FormatError, Tensor};
use plimsoll_kernels::{DType, Pool};
use plimsoll_models::Checkpoint;
use plimsoll_quantise::encode_rows;
use tempfile::NamedTempFile;

use super::super::weighing::Columns;

/// Weights under their canonical names, how they are to be stored, and how much their columns count.
pub struct Change<'a> {
    pub weights: &'a [String],
    pub to: DType,
    pub columns: Option<&'a Columns>,
}

/// A session over `checkpoint` with these weights stored so, and the file that they lie in while it lives.
pub struct Overlay {
    pub session: Session,
    _file: NamedTempFile,
}

/// Values that are held at once, where a row has no more.
const PIECE: usize = 1 << 21;

impl Overlay {
    /// Writes the changed weights beside the others.
    ///
    /// # Errors
    /// A weight is not there or cannot be stored so, or the disk of `folder` is full.
    pub fn new(
        checkpoint: &Checkpoint,
        changes: &[Change],
        options: &SessionOptions,
        folder: &Path,
        pool: &Pool,
    ) -> anyhow::Result<Overlay> {
        let mut file = tempfile::Builder::new().prefix(".plimsoll.").suffix(".part").tempfile_in(folder)?;
        let (mut placed, mut at) = (Vec::new(), 0);
        for change in changes {
            for name in change.weights {
                let tensor = checkpoint.require(name)?;
                let len = write(&mut file, tensor, change, pool)?;
                placed.push((tensor, change.to, at..at + len));
                at += len;
            }
        }
        file.flush()?;
        let mut changed = checkpoint.clone();
        if at > 0 {
            let bytes = FileBytes::map(file.path())?;
            for (tensor, to, range) in placed {
                let shape = tensor.shape().to_vec();
                changed.replace(Tensor::new(tensor.name(), bytes.clone(), range, to, shape));
            }
        }
        Ok(Overlay { session: Session::open(&changed, options)?, _file: file })
    }
}

fn write(out: &mut impl Write, tensor: &Tensor, change: &Change, pool: &Pool) -> anyhow::Result<usize> {
    let cols = tensor.shape().last().copied().unwrap_or(1);
    let (rows, piece) = (tensor.n_values() / cols, (PIECE / cols).max(1));
    let row_bytes = change.to.row_bytes(cols).ok_or_else(|| misfit(tensor, change.to))?;
    for first in (0..rows).step_by(piece) {
        let mut bytes = vec![0; piece.min(rows - first) * row_bytes];
        let read = |row: usize, values: &mut [f32]| tensor.read_rows(row, values);
        let weights = |row| change.columns?.of_row(row);
        encode_rows(pool, change.to, cols, first, read, weights, &mut bytes)
            .map_err(|error| tensor.error(error.to_string()))?;
        out.write_all(&bytes)?;
    }
    Ok(rows * row_bytes)
}

fn misfit(tensor: &Tensor, to: DType) -> FormatError {
    tensor.error(format!("has rows that blocks of {to} do not divide"))
}
