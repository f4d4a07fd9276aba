//! Which questions are put: the built-in ones, those of files, those of published benchmarks.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::bail;
use clap::Args as ClapArgs;
use plimsoll_lab::benchmark::Benchmark;

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
}
