//! A model written as several files of limited size. Source: llama.cpp's tools/gguf-split.

use std::ops::Range;
use std::path::{Path, PathBuf};

use plimsoll_formats::gguf::{NewValue, part_path};
use plimsoll_kernels::Pool;
use plimsoll_lab::loss::Stored;

use super::plan::Planned;
use super::source::Source;
use super::write::{self, Job, Stopped};
use crate::args::Quantize;
use crate::mistake::Mistake;
use crate::output::refuse_taken;

/// What a tensor's bytes are padded to.
const ALIGNMENT: u64 = 32;

/// The files that a plan becomes: one, or parts.
pub struct Parts {
    /// The name of each, and its tensors by their place in the plan.
    files: Vec<(PathBuf, Range<usize>)>,
    is_split: bool,
}

impl Parts {
    /// The file `path`, or files called after it with at most `--split-size` bytes of tensors each, where none has more by
    /// itself.
    ///
    /// # Errors
    /// There would be more than can be counted, or one is there and not to be replaced.
    pub fn new(command: &Quantize, path: &Path, plan: &[Planned]) -> anyhow::Result<Parts> {
        let Some(size) = command.split_size else {
            return Ok(Parts { files: vec![(path.to_owned(), 0..plan.len())], is_split: false });
        };
        let tensors = ranges(plan.iter().map(|planned| planned.bytes().next_multiple_of(ALIGNMENT)), size as u64);
        let Ok(count) = u16::try_from(tensors.len()) else {
            let message = format!("there would be {} files", tensors.len());
            return Err(Mistake::error(message, "a greater --split-size makes fewer; there may be 65535"));
        };
        let files: Vec<_> = (1..=count).map(|number| part_path(path, number, count)).zip(tensors).collect();
        files.iter().try_for_each(|(path, _)| refuse_taken(path, command.force || command.dry_run))?;
        Ok(Parts { files, is_split: true })
    }

    /// The file that the model is opened by.
    pub fn first(&self) -> &Path {
        &self.files[0].0
    }

    /// Writes them; nothing is left of them if one cannot be written.
    ///
    /// # Errors
    /// As [`write::write`].
    pub fn write(&self, job: &Job, pool: &Pool) -> anyhow::Result<Option<Stored>> {
        if !self.is_split {
            return write::write(self.first(), job, pool);
        }
        for (number, (path, tensors)) in self.files.iter().enumerate() {
            let source = self.source(number, job);
            let weighing = job.weighing.filter(|_| number == 0);
            let plan = &job.plan[tensors.clone()];
            let part = Job { source: &source, plan, weighing, base: None, known: None, ..*job };
            if let Err(error) = write::write(path, &part, pool) {
                // Those before it are of no use alone, and what cannot be removed shows.
                self.files[..number].iter().for_each(|(path, _)| drop(std::fs::remove_file(path)));
                return Err(if error.is::<Stopped>() { Stopped { keeps: false }.into() } else { error });
            }
        }
        Ok(None)
    }

    /// What stands in a part beside its tensors: the model's metadata in the first alone.
    fn source(&self, number: usize, job: &Job) -> Source {
        let whole = job.source;
        let (count, n_tensors) = (self.files.len() as u16, (whole.factors.len() + job.plan.len()) as i32);
        let mut metadata = if number == 0 { whole.metadata.clone() } else { Vec::new() };
        metadata.push(("split.no".to_owned(), NewValue::U16(number as u16)));
        metadata.push(("split.count".to_owned(), NewValue::U16(count)));
        metadata.push(("split.tensors.count".to_owned(), NewValue::I32(n_tensors)));
        let factors = if number == 0 { whole.factors.clone() } else { Vec::new() };
        let (name, notes) = (whole.name.clone(), Vec::new());
        let (model, widens, mut files) = (whole.model, whole.widens, whole.files.clone());
        // Beside the first part nothing else tells what columns count by.
        files.extend(job.weighing.map(|weighing| weighing.sha256.clone()));
        Source { name, metadata, factors, tensors: Vec::new(), model, widens, notes, files }
    }
}

/// Runs of sizes that add up to at most `most`, or are one.
fn ranges(sizes: impl Iterator<Item = u64>, most: u64) -> Vec<Range<usize>> {
    let (mut ranges, mut held) = (Vec::from([Range::default()]), 0);
    for (at, size) in sizes.enumerate() {
        let last = ranges.last_mut().expect("there is one");
        if held > 0 && held + size > most {
            ranges.push(at..at + 1);
            held = size;
        } else {
            last.end = at + 1;
            held += size;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::{Range, ranges};

    #[test]
    fn a_part_holds_as_much_as_it_may_and_at_least_one_tensor() {
        assert_eq!(ranges([4, 4, 4, 9, 1].into_iter(), 8), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(ranges([4, 4].into_iter(), 100), vec![Range { start: 0, end: 2 }]);
        assert_eq!(ranges(std::iter::empty(), 8), vec![Range::default()]);
    }
}
