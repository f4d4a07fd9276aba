//! Which questions are put: the built-in ones, those of files, those of published benchmarks.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::bail;
use clap::Args as ClapArgs;
use plimsoll_lab::benchmark::{self, Benchmark, Reading};
use plimsoll_lab::prompting::Prompting;
use plimsoll_lab::questions;
use plimsoll_lab::suite::{Item, Suite};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_sandbox::{Sandbox, Unavailable};

use crate::mistake::Mistake;

/// Questions of one's own and of benchmarks.
#[derive(ClapArgs, Debug, Clone, Default)]
#[command(next_help_heading = "Questions")]
pub struct QuestionArgs {
    /// A number: only so many of each category (50 of the built-in ones and all others, unless told). A path: the
    /// questions of this file, JSON lines, in place of the built-in ones (`plimsoll eval --help` shows some; a file
    /// whose name is a number is ./20). May be given several times
    #[arg(long, value_name = "N|FILE")]
    pub items: Vec<ItemsArg>,
    /// The questions of a published benchmark, from its file (JSON lines, CSV or Parquet), in place of the built-in
    /// ones; may be given several times. NAME is mmlu (its folder of CSV too), mmlu-pro, gsm8k, arc, hellaswag,
    /// ifeval, humaneval, mbpp, docvqa, chartqa, textvqa, ocrbench, mmmu or bfcl (possible_answer/ beside the file)
    #[arg(long, value_name = "NAME=FILE")]
    pub benchmark: Vec<BenchmarkArg>,
    /// Show the first --shots rows of this file as answered examples before each question: the train file of gsm8k, arc or
    /// hellaswag, the dev file of mmlu, the file of mbpp itself
    #[arg(long, value_name = "FILE", requires = "benchmark")]
    pub shots_from: Option<PathBuf>,
}

/// What `--items` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemsArg {
    /// How many of each category.
    Each(NonZeroUsize),
    /// A file of questions.
    File(PathBuf),
}

impl FromStr for ItemsArg {
    type Err = String;

    fn from_str(text: &str) -> Result<ItemsArg, String> {
        if text.is_empty() {
            return Err("expected a number or the path of a file".to_owned());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(ItemsArg::Each).map_err(|_| "expected at least 1 item, or a path".to_owned());
        }
        // What is meant for a number and is none would be a file that nobody has.
        if text.parse::<f64>().is_ok() && !Path::new(text).exists() {
            return Err("expected a whole number, 1 or more, or the path of a file".to_owned());
        }
        Ok(ItemsArg::File(PathBuf::from(text)))
    }
}

impl std::fmt::Display for ItemsArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ItemsArg::Each(n) => write!(f, "{n}"),
            ItemsArg::File(path) => f.write_str(&path.to_string_lossy()),
        }
    }
}

/// A benchmark and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchmarkArg {
    /// Which one.
    pub benchmark: Benchmark,
    /// Its file or folder.
    pub path: PathBuf,
}

impl FromStr for BenchmarkArg {
    type Err = String;

    fn from_str(text: &str) -> Result<BenchmarkArg, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=FILE, for example gsm8k=test.jsonl")?;
        if path.is_empty() {
            return Err("expected a file behind the `=`".to_owned());
        }
        Ok(BenchmarkArg { benchmark: name.parse()?, path: PathBuf::from(path) })
    }
}

impl QuestionArgs {
    /// How many of each category, where that is told.
    ///
    /// # Errors
    /// It is told twice.
    pub fn each(&self) -> anyhow::Result<Option<NonZeroUsize>> {
        let mut told = self.items.iter().filter_map(|items| match items {
            ItemsArg::Each(n) => Some(*n),
            ItemsArg::File(_) => None,
        });
        let first = told.next();
        if told.next().is_some() {
            bail!("--items gives two numbers; one says how many of each category");
        }
        Ok(first)
    }

    /// The files of one's own questions.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.items.iter().filter_map(|items| match items {
            ItemsArg::Each(_) => None,
            ItemsArg::File(path) => Some(path.as_path()),
        })
    }

    /// Whether other questions than the built-in ones are named.
    pub fn are_given(&self) -> bool {
        !self.benchmark.is_empty() || self.files().next().is_some()
    }

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
pub fn readings(suite: &Suite, outcomes: &[plimsoll_lab::runner::Outcome]) -> Vec<(String, Reading)> {
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
