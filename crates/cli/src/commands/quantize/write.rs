//! Writes the planned file, some rows at a time.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use plimsoll_formats::NewFile;
use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor, NewValue};
use plimsoll_kernels::{DType, Pool};
use plimsoll_quantise::{Mix, encode_rows};

use super::plan::Planned;
use super::source::Source;
use crate::interrupt;
use crate::notice::say;
use crate::progress;

/// Values that are read and written in one piece, where a row has no more.
const PIECE: usize = 1 << 21;

/// Ctrl-C came.
#[derive(Debug, thiserror::Error)]
#[error("stopped; nothing was written")]
pub struct Stopped;

/// Writes the file and gives it its name once it is whole.
///
/// # Errors
/// A weight cannot be written, the disk is full, or [`Stopped`]: then nothing of it is left.
pub fn write(path: &Path, mix: Mix, source: &Source, plan: &[Planned], pool: &Pool) -> anyhow::Result<()> {
    let stop = stop_at_interrupt()?;
    let file = NewFile::create(path)?;
    let mut writer = GgufWriter::new(file, &path.display().to_string(), &metadata(mix, source), &table(source, plan))?;
    for value in source.factors.iter().flat_map(|(_, values)| values) {
        writer.write(&value.to_le_bytes())?;
    }
    let values = plan.iter().map(|planned| (planned.tensor.rows() * planned.tensor.cols()) as u64).sum();
    let mut shown = Shown::new(values);
    for planned in plan {
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
            encode_rows(pool, planned.to, cols, first, |row, values| tensor.read_rows(row, values), None, out)
                .map_err(|error| tensor.error(error.to_string()))?;
            writer.write(out)?;
            shown.pass(n * cols);
        }
    }
    shown.done();
    writer.finish()?.keep()?;
    // What was written is what is read.
    GgufFile::open(path)?;
    Ok(())
}

fn metadata(mix: Mix, source: &Source) -> Vec<(String, NewValue)> {
    let mut metadata = source.metadata.clone();
    metadata.push(("general.file_type".to_owned(), mix.file_type().into()));
    metadata.push(("general.quantization_version".to_owned(), 2u32.into()));
    metadata
}

fn table(source: &Source, plan: &[Planned]) -> Vec<NewTensor> {
    let factors = source.factors.iter().map(|(name, values)| NewTensor {
        name: (*name).to_owned(),
        dtype: DType::F32,
        shape: vec![values.len()],
    });
    let planned = plan.iter().map(|planned| NewTensor {
        name: planned.tensor.name.clone(),
        dtype: planned.to,
        shape: planned.tensor.shape.clone(),
    });
    factors.chain(planned).collect()
}

/// A flag that Ctrl-C sets; a second one ends the program at once.
pub(crate) fn stop_at_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    interrupt::take_over(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(interrupt::EXIT));
        }
    })?;
    Ok(stop)
}

fn check(stop: &AtomicBool) -> Result<(), Stopped> {
    if stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
}

/// How far it is: a bar on a terminal, in a pipe a line every few seconds.
pub(crate) struct Shown {
    bar: ProgressBar,
    values: u64,
    passed: u64,
    told: Instant,
}

/// Between two lines in a pipe.
const PAUSE: Duration = Duration::from_secs(5);

impl Shown {
    /// Of so many values.
    pub(crate) fn new(values: u64) -> Shown {
        Shown { bar: progress::bar(values, "quantising"), values, passed: 0, told: Instant::now() }
    }

    /// So many more were written.
    pub(crate) fn pass(&mut self, values: usize) {
        self.passed += values as u64;
        self.bar.set_position(self.passed);
        if self.told.elapsed() >= PAUSE && !std::io::stderr().is_terminal() {
            say(format_args!("quantising: {} %", self.passed * 100 / self.values.max(1)));
            self.told = Instant::now();
        }
    }

    /// The last was.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
