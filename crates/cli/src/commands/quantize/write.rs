//! Writes the planned file, some rows at a time.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use plimsoll_formats::ResumableFile;
use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor, NewValue, new_header};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::hash::sha256_hex;
use plimsoll_lab::loss::Stored;
use plimsoll_quantise::{MatrixRows, RowError};

use super::plan::Planned;
use super::source::Source;
use crate::device::bytes;
use crate::interrupt;
use crate::loss::Base;
use crate::notice::say;
use crate::progress::Steps;
use crate::weighing::Weighing;

/// Bytes that are carried over in one piece.
const COPIED: usize = 1 << 21;

/// Ctrl-C came.
#[derive(Debug, thiserror::Error)]
#[error("stopped; {}", if *keeps { "the same command goes on from here" } else { "nothing was written" })]
pub struct Stopped {
    /// Whether what was written is there for the next time.
    pub keeps: bool,
}

/// What goes into a file.
pub struct Job<'a> {
    pub source: &'a Source,
    pub plan: &'a [Planned<'a>],
    /// `general.file_type`.
    pub file_type: u32,
    /// What the weights of columns come from.
    pub weighing: Option<&'a Weighing>,
    /// The model that the loss is measured against, if it is.
    pub base: Option<&'a Base<'a>>,
    /// A loss that was measured before, and is only written down.
    pub known: Option<&'a Stored>,
}

/// Writes the file, measures its loss where that is asked for, and gives it its name once it is whole. What an earlier
/// process wrote of the same file stays.
///
/// # Errors
/// A weight cannot be written or the disk is full: then nothing of it is left. Or [`Stopped`].
pub fn write(path: &Path, job: &Job, pool: &Pool) -> anyhow::Result<Option<Stored>> {
    let (shown, table) = (path.display().to_string(), table(job));
    let unmeasured = |base: &Base| base.unmeasured(job.weighing.map(|weighing| weighing.sha256.clone()));
    let mut stored = job.base.map(unmeasured).or_else(|| job.known.cloned());
    let header = metadata(job, stored.as_ref());
    let key = key(job, &new_header(&shown, &header, &table)?);
    let file = ResumableFile::open(path, &key)?;
    let kept = file.kept();
    let mut writer = GgufWriter::resumed(file, &shown, &header, &table, kept)?;
    if let Err(error) = write_tensors(&mut writer, job, pool) {
        if !error.is::<Stopped>() {
            writer.into_sink().discard()?;
        }
        return Err(error);
    }
    let mut file = writer.finish()?;
    if let (Some(base), Some(stored)) = (job.base, &mut stored) {
        file.settle()?;
        stored.loss = base.loss_of(file.written()?)?;
        file.write_over(&new_header(&shown, &metadata(job, Some(stored)), &table)?)?;
    }
    file.keep()?;
    // What was written is what is read.
    GgufFile::open(path)?;
    Ok(stored)
}

/// All that the bytes of the file depend on.
fn key(job: &Job, header: &[u8]) -> String {
    let mut all = header.to_vec();
    all.extend(env!("CARGO_PKG_VERSION").bytes());
    all.extend(job.source.files.iter().flat_map(|file| file.bytes()));
    all.extend(job.weighing.iter().flat_map(|weighing| weighing.sha256.bytes()));
    sha256_hex(&all)
}

fn write_tensors(writer: &mut GgufWriter<ResumableFile>, job: &Job, pool: &Pool) -> anyhow::Result<()> {
    let stop = interrupt::flag()?;
    let values = job.plan.iter().map(|planned| (planned.tensor.rows() * planned.tensor.cols()) as u64).sum();
    let kept = writer.sink().kept();
    if kept > 0 {
        say(format_args!("going on behind the {} that were written before", bytes(kept as f64)));
    }
    let mut shown = Steps::new(values, "quantising");
    let factors = &job.source.factors;
    for (index, (_, values)) in factors.iter().enumerate() {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if writer.place().0 == index {
            writer.write(&bytes[writer.place().1 as usize..])?;
        }
    }
    let mut settled = Instant::now();
    for (index, planned) in job.plan.iter().enumerate() {
        let values = planned.tensor.rows() * planned.tensor.cols();
        if writer.place().0 != factors.len() + index {
            shown.pass(values as u64);
            continue;
        }
        write_tensor(writer, planned, pool, |writer, values| {
            shown.pass(values as u64);
            if settled.elapsed() >= SETTLED {
                writer.sink().settle_meanwhile()?;
                settled = Instant::now();
            }
            if stop.load(Ordering::Relaxed) {
                writer.sink().settle()?;
                return Err(Stopped { keeps: true }.into());
            }
            Ok(())
        })?;
    }
    shown.done();
    Ok(())
}

/// Between two times that what was written is put where no crash takes it from.
const SETTLED: Duration = Duration::from_secs(1);

/// The rest of a tensor; `each` hears how many values more are written.
fn write_tensor(
    writer: &mut GgufWriter<ResumableFile>,
    planned: &Planned,
    pool: &Pool,
    mut each: impl FnMut(&mut GgufWriter<ResumableFile>, usize) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (tensor, to) = (planned.tensor, planned.to);
    let (rows, cols) = (tensor.rows(), tensor.cols());
    let row_bytes = to.row_bytes(cols).expect("a type that fits");
    let written = writer.place().1 as usize;
    if let Some(bytes) = tensor.stored().filter(|_| tensor.dtype() == to) {
        each(writer, written / row_bytes * cols)?;
        for bytes in bytes[written..].chunks(COPIED) {
            writer.write(bytes)?;
            each(writer, bytes.len() / row_bytes * cols)?;
        }
        return Ok(());
    }
    let done = written / row_bytes;
    each(writer, done * cols)?;
    let matrix = MatrixRows {
        cols,
        read: &|row, values| tensor.read_rows(row, values),
        weights: &|row| planned.columns.as_ref()?.of_row(row),
    };
    let refused = |error: RowError| anyhow::Error::from(tensor.error(error.to_string()));
    matrix.encode(pool, to, done..rows, refused, |rows, bytes| {
        writer.write(bytes)?;
        each(writer, rows.len() * cols)
    })
}

fn metadata(job: &Job, stored: Option<&Stored>) -> Vec<(String, NewValue)> {
    let mut metadata = job.source.metadata.clone();
    metadata.push(("general.file_type".to_owned(), job.file_type.into()));
    metadata.push(("general.quantization_version".to_owned(), 2u32.into()));
    metadata.extend(job.weighing.iter().flat_map(|weighing| weighing.metadata()));
    metadata.extend(stored.iter().flat_map(|stored| stored.metadata()));
    metadata
}

fn table(job: &Job) -> Vec<NewTensor> {
    let factors = job.source.factors.iter().map(|(name, values)| NewTensor {
        name: (*name).to_owned(),
        dtype: DType::F32,
        shape: vec![values.len()],
    });
    let planned = job.plan.iter().map(|planned| NewTensor {
        name: planned.tensor.name.clone(),
        dtype: planned.to,
        shape: planned.tensor.shape.clone(),
    });
    factors.chain(planned).collect()
}
