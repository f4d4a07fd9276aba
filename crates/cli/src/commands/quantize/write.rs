//! Writes the planned file, some rows at a time.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use plimsoll_formats::NewFile;
use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor, NewValue, new_header};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::Stored;
use plimsoll_quantise::encode_rows;

use super::plan::Planned;
use super::source::Source;
use super::weighing::Weighing;
use crate::interrupt;
use crate::loss::Base;
use crate::notice::say;
use crate::progress;

/// Values that are read and written in one piece, where a row has no more.
const PIECE: usize = 1 << 21;

/// Ctrl-C came.
#[derive(Debug, thiserror::Error)]
#[error("stopped; nothing was written")]
pub struct Stopped;

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
}

/// Writes the file, measures its loss where that is asked for, and gives it its name once it is whole.
///
/// # Errors
/// A weight cannot be written, the disk is full, or [`Stopped`]: then nothing of it is left.
pub fn write(path: &Path, job: &Job, pool: &Pool) -> anyhow::Result<Option<Stored>> {
    let (shown, table) = (path.display().to_string(), table(job));
    let mut stored = job.base.map(|base| base.unmeasured(job.weighing.map(|weighing| weighing.sha256.clone())));
    let header = metadata(job, stored.as_ref());
    let mut writer = GgufWriter::new(NewFile::create(path)?, &shown, &header, &table)?;
    write_tensors(&mut writer, job, pool)?;
    let mut file = writer.finish()?;
    if let (Some(base), Some(stored)) = (job.base, &mut stored) {
        stored.loss = base.loss_of(file.written()?)?;
        file.write_over(&new_header(&shown, &metadata(job, Some(stored)), &table)?)?;
    }
    file.keep()?;
    // What was written is what is read.
    GgufFile::open(path)?;
    Ok(stored)
}

fn write_tensors(writer: &mut GgufWriter<NewFile>, job: &Job, pool: &Pool) -> anyhow::Result<()> {
    let stop = interrupt::flag()?;
    for value in job.source.factors.iter().flat_map(|(_, values)| values) {
        writer.write(&value.to_le_bytes())?;
    }
    let values = job.plan.iter().map(|planned| (planned.tensor.rows() * planned.tensor.cols()) as u64).sum();
    let mut shown = Shown::new(values);
    for planned in job.plan {
        let tensor = planned.tensor;
        if let Some(bytes) = tensor.stored().filter(|_| tensor.dtype() == planned.to) {
            for bytes in bytes.chunks(PIECE) {
                check(&stop)?;
                writer.write(bytes)?;
            }
            shown.pass(tensor.rows() * tensor.cols());
            continue;
        }
        let (rows, cols) = (tensor.rows(), tensor.cols());
        let row_bytes = planned.to.row_bytes(cols).expect("a type that fits");
        let piece = (PIECE / cols.max(1)).max(1);
        let mut out = vec![0; piece.min(rows) * row_bytes];
        for first in (0..rows).step_by(piece) {
            check(&stop)?;
            let n = piece.min(rows - first);
            let out = &mut out[..n * row_bytes];
            let read = |row: usize, values: &mut [f32]| tensor.read_rows(row, values);
            encode_rows(pool, planned.to, cols, first, read, |row| planned.columns.as_ref()?.of_row(row), out)
                .map_err(|error| tensor.error(error.to_string()))?;
            writer.write(out)?;
            shown.pass(n * cols);
        }
    }
    shown.done();
    Ok(())
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

fn check(stop: &AtomicBool) -> Result<(), Stopped> {
    if stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
}

/// How far it is: a bar on a terminal, in a pipe a line every few seconds.
struct Shown {
    bar: ProgressBar,
    values: u64,
    passed: u64,
    told: Instant,
}

/// Between two lines in a pipe.
const PAUSE: Duration = Duration::from_secs(5);

impl Shown {
    fn new(values: u64) -> Shown {
        Shown { bar: progress::bar(values, "quantising"), values, passed: 0, told: Instant::now() }
    }

    fn pass(&mut self, values: usize) {
        self.passed += values as u64;
        self.bar.set_position(self.passed);
        if self.told.elapsed() >= PAUSE && !std::io::stderr().is_terminal() {
            say(format_args!("quantising: {} %", self.passed * 100 / self.values.max(1)));
            self.told = Instant::now();
        }
    }

    fn done(&self) {
        self.bar.finish_and_clear();
    }
}
