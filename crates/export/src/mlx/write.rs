//! Writes the planned tensors, some rows at a time: codes, scales and biases of the same rows go to their three places.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use plimsoll_formats::FormatError;
use plimsoll_formats::mlx::pack;
use plimsoll_formats::safetensors::ShardWriter;
use plimsoll_kernels::{DType, Pool};
use plimsoll_quantise::{AffineGroups, encode};

use super::{Form, MlxError, Plan, Planned, exact};

/// As mlx-lm has it: 5 GiB.
pub const LONGEST_FILE: u64 = 5 << 30;
/// Values that are read and written in one piece, where a row has no more.
const PIECE: usize = 1 << 21;
/// Values that a thread holds at once, where a row has no more.
const HELD: usize = 1 << 15;

/// Writes the weight files and their index into `folder`; the names of the files come back. `passed` hears of values that
/// are written, and says whether to go on.
///
/// # Errors
/// A value cannot be stored, the disk is full, or [`MlxError::Stopped`].
pub fn write(
    folder: &Path,
    plan: &Plan,
    pool: &Pool,
    longest: u64,
    passed: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<String>, MlxError> {
    let stored: Vec<Vec<_>> = plan.tensors.iter().map(Planned::stored).collect();
    let mut writer = ShardWriter::create(folder, &[("format", "mlx")], &stored.concat(), longest)?;
    let mut first = 0;
    for (planned, stored) in plan.tensors.iter().zip(&stored) {
        write_one(&mut writer, first, planned, pool, passed)?;
        first += stored.len();
    }
    Ok(writer.finish(plan.parameters())?)
}

/// Writes one tensor; its parts are those of the writer from `index` on.
fn write_one(
    writer: &mut ShardWriter,
    index: usize,
    planned: &Planned,
    pool: &Pool,
    passed: &mut dyn FnMut(usize) -> bool,
) -> Result<(), MlxError> {
    let tensor = &planned.source.tensor;
    let (rows, cols) = (tensor.rows(), tensor.cols());
    let widths = widths(planned.form, cols);
    let (piece, record) = ((PIECE / cols.max(1)).max(1), widths.iter().sum::<usize>());
    let mut out = vec![0; piece.min(rows) * record];
    for start in (0..rows).step_by(piece) {
        let n = piece.min(rows - start);
        let out = &mut out[..n * record];
        encode_rows(pool, planned, start, record, out)?;
        let mut from = 0;
        for (part, width) in widths.iter().enumerate() {
            let bytes: Vec<u8> = out.chunks_exact(record).flat_map(|row| &row[from..from + width]).copied().collect();
            writer.write(index + part, &bytes)?;
            from += width;
        }
        if !passed(n * cols) {
            return Err(MlxError::Stopped);
        }
    }
    Ok(())
}

/// Bytes of a row in each of the tensors that it goes to.
fn widths(form: Form, cols: usize) -> Vec<usize> {
    match form {
        Form::Floats(dtype) => vec![cols * dtype.block_bytes()],
        Form::Fitted(grid) | Form::Exact(grid) => {
            let floats = cols / grid.group() * grid.stored().block_bytes();
            vec![cols * grid.bits() as usize / 8, floats, floats]
        }
    }
}

/// Rows from `start` on as records of `record` bytes, which hold what goes to each tensor one behind the other. The bytes
/// are the same at any number of threads.
fn encode_rows(pool: &Pool, planned: &Planned, start: usize, record: usize, out: &mut [u8]) -> Result<(), MlxError> {
    let tensor = &planned.source.tensor;
    let group = (HELD / tensor.cols().max(1)).max(1);
    let refused: Mutex<Option<(usize, FormatError)>> = Mutex::new(None);
    pool.chunks_mut(out, group * record, |index, out| {
        for (i, out) in out.chunks_exact_mut(record).enumerate() {
            let row = start + index * group + i;
            let Err(what) = encode_row(planned, row, out) else { continue };
            let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.as_ref().is_none_or(|(before, _)| row < *before) {
                *refused = Some((row, tensor.error(format!("row {row}, {what}"))));
            }
            return;
        }
    });
    match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

fn encode_row(planned: &Planned, row: usize, out: &mut [u8]) -> Result<(), String> {
    let (tensor, form, cols) = (&planned.source.tensor, planned.form, planned.source.tensor.cols());
    let read = || {
        let mut values = vec![0.0; cols];
        tensor.read_rows(row, &mut values);
        values
    };
    let grid = match form {
        Form::Floats(dtype) => return encode(dtype, &read(), None, out).map_err(|error| error.to_string()),
        Form::Fitted(grid) | Form::Exact(grid) => grid,
    };
    let groups = cols / grid.group();
    let (mut codes, mut scales, mut offsets) = (vec![0; cols], vec![0.0; groups], vec![0.0; groups]);
    if let Form::Exact(_) = form {
        let (dtype, blocks) = tensor.stored_row(row).ok_or("blocks that do not lie together")?;
        exact::row(dtype, blocks, grid.stored(), &mut codes, &mut scales, &mut offsets)
            .map_err(|group| format!("group {group} has a scale or an offset beyond {}", grid.stored()))?;
    } else {
        let weights = planned.columns.as_ref().and_then(|columns| columns.of_row(row));
        grid.fit(&read(), weights, &mut codes, &mut scales, &mut offsets).map_err(|error| error.to_string())?;
    }
    put(grid, &codes, &scales, &offsets, out);
    Ok(())
}

fn put(grid: AffineGroups, codes: &[u8], scales: &[f32], offsets: &[f32], out: &mut [u8]) {
    let mut bytes = Vec::with_capacity(out.len());
    pack(grid.bits(), codes, &mut bytes);
    for value in scales.iter().chain(offsets) {
        match grid.stored() {
            DType::F16 => bytes.extend(half::f16::from_f32(*value).to_le_bytes()),
            DType::BF16 => bytes.extend(half::bf16::from_f32(*value).to_le_bytes()),
            _ => bytes.extend(value.to_le_bytes()),
        }
    }
    out.copy_from_slice(&bytes);
}
