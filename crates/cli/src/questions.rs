//! Which questions are put: the built-in ones, those of files, those of published benchmarks.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use plimsoll_lab::benchmark::{self, Benchmark, Reading};
use plimsoll_lab::prompting::Prompting;
use plimsoll_lab::questions;
use plimsoll_lab::suite::{Item, Suite};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_sandbox::{Sandbox, Unavailable};

use crate::args::{BenchmarkArg, QuestionArgs};
use crate::mistake::Mistake;
use crate::notice::say;

impl QuestionArgs {
    /// The suite of all questions that are named, in their order; benchmarks are asked as `prompting` says, with `shots`
    /// examples, or as many as are usual, where they have some.
    ///
    /// # Errors
    /// A file is malformed, two have one name, or there is no sandbox for programs ([`NoSandbox`]).
    pub fn suite(&self, prompting: Prompting, shots: Option<usize>) -> anyhow::Result<Suite> {
        let each = self.each()?.map(NonZeroUsize::get);
        if self.shots_from.is_some() && !self.benchmark.iter().any(|one| one.benchmark.takes_examples()) {
            bail!("--shots-from is for gsm8k, arc, hellaswag, mmlu and mbpp; the others are asked without examples");
        }
        let has_examples = |one: &BenchmarkArg| one.benchmark == Benchmark::Mmlu && one.path.is_dir();
        let is_shown = self.shots_from.is_some() || self.benchmark.iter().any(has_examples);
        if let Some(shots) = shots.filter(|shots| *shots > 0 && !is_shown) {
            bail!("--shots {shots} needs examples: --shots-from names a file of them, and MMLU's folder has its own");
        }
        let (mut sources, mut items) = (Vec::new(), Vec::new());
        for path in self.files() {
            let (source, read) = questions::read(path, each)?;
            sources.push(source);
            items.extend(read);
        }
        for BenchmarkArg { benchmark, path } in &self.benchmark {
            let judge = benchmark.writes_programs().then(|| Sandbox::available().map_err(NoSandbox)).transpose()?;
            let judge = judge.map(|judge| Arc::new(judge) as _);
            let asking = benchmark::Asking { prompting, shots, shots_from: self.shots_from.clone(), each, judge };
            let (source, read) = benchmark.read(path, &asking)?;
            sources.push(source);
            items.extend(read);
        }
        let mut ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|two| two[0] == two[1]) {
            bail!("item `{}` is in two of the files; models are paired by the id", twice[0]);
        }
        Ok(Suite::of_questions(sources, items))
    }
}

/// Whether the model opened as `argument` can be asked all of `suite`: said before anything is measured.
///
/// # Errors
/// A question shows a picture and the model does not see, or is a conversation and the model has no chat template.
pub fn check_askable(suite: &Suite, argument: &str, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let model = shown_text(argument, 120);
    if let Some(item) = suite.items.iter().find(|item| item.shows_pictures())
        && Vision::of(checkpoint, None)?.is_none()
    {
        return Err(Mistake::error(
            format!("{model} reads text only, and {} shows a picture", place(suite, item)),
            "leave the questions with pictures out, or ask a model that sees; a GGUF model sees through an mmproj file \
             beside it",
        ));
    }
    if let Some(item) = suite.items.iter().find(|item| !item.framing.earlier.is_empty())
        && checkpoint.chat_template.is_none()
    {
        bail!(
            "{model} has no chat template, and {} is a conversation: `prompt` asks in one message",
            place(suite, item)
        );
    }
    Ok(())
}

/// Tells of categories that hold fewer questions than were asked for.
pub fn say_what_is_short(suite: &Suite, items: usize) {
    for (category, n) in suite.short(items) {
        say(format_args!("note: `{category}` holds {n} questions of the {items} asked for"));
    }
}

/// Where a question stands: its file and line, or its id where it is a benchmark's.
fn place(suite: &Suite, item: &Item) -> String {
    let own = suite.sources.iter().filter(|source| source.variant == questions::VARIANT);
    let mut found =
        own.filter_map(|source| Some((&source.path, questions::line_of(Path::new(&source.path), &item.id)?)));
    match found.next() {
        Some((file, line)) => format!("the question in `{file}`, line {line},"),
        None => format!("question `{}`", item.id),
    }
}

/// Programs cannot be run here.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NoSandbox(pub Unavailable);

/// What a benchmark's other rules say of the same answers, added up: benchmark, rule, right, of how many.
pub fn readings(suite: &Suite, outcomes: &[plimsoll_lab::runner::ItemOutcome]) -> Vec<(String, Reading)> {
    let mut found: Vec<(String, Reading)> = Vec::new();
    for (item, outcome) in suite.items.iter().zip(outcomes) {
        let name = item.category.split('.').next().unwrap_or_default();
        for reading in benchmark::readings(&item.scoring, outcome) {
            match found.iter_mut().find(|(known, other)| known == name && other.name == reading.name) {
                Some((_, sum)) => {
                    sum.right += reading.right;
                    sum.of += reading.of;
                }
                None => found.push((name.to_owned(), reading)),
            }
        }
    }
    found
}
