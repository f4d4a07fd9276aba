//! Flags of `compare` and `gate`: with what models are measured, and what the panel holds them against.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use plimsoll_lab::suite;
use plimsoll_panel::judge::{Demand, Need, NeedError, Workload};

use super::defaults::with_defaults;
use super::filling::FillingArgs;
use super::prompting::PromptingArg;
use super::questions::QuestionArgs;
use super::store::StoreArgs;
use super::usage::{DEFAULT_USE, UseArgs};

/// With what models are measured, and what the panel holds them against.
#[derive(ClapArgs, Debug, Clone)]
#[command(next_help_heading = "Measuring and judging")]
pub struct MeasureArgs {
    /// How benchmarks are put to all models [default: chat where all have a template, else base]
    #[arg(long, value_enum, requires = "benchmark")]
    pub prompting: Option<PromptingArg>,
    /// Answered examples before each question of a benchmark that has some, MMLU's folder or --shots-from [default: as
    /// usual: mmlu and gsm8k 5, arc 25, hellaswag 10, mbpp 3]
    #[arg(long, value_name = "N", requires = "benchmark")]
    pub shots: Option<usize>,
    /// Seed that the built-in items are made from
    #[arg(long, default_value_t = suite::DEFAULT_SEED)]
    pub seed: u64,
    /// Repetitions of each speed measurement
    #[arg(long, value_name = "N", default_value = "7")]
    pub repeat: NonZeroUsize,
    /// Say "no loss" where right answers differ by less than this share, such as 0.03
    #[arg(long, value_name = "SHARE", value_parser = parse_margin)]
    pub margin: Option<f64>,
    /// The model that the other was made from, by quantisation or otherwise: A, B or as it was named; of two models
    #[arg(long, value_name = "MODEL")]
    pub base: Option<String>,
    #[command(flatten)]
    pub filling: FillingArgs,
    /// The kind of work, against which speed and memory are judged [default: chat; phone with --device on a phone]
    #[arg(long, value_enum)]
    pub workload: Option<WorkloadArg>,
    /// What must hold of a model, or it is not for you: names, < or >, limits with units, between commas, such as
    /// "memory<2GB, decode>10, accuracy.dates>0.8"; may be given several times
    #[arg(long = "need", value_name = "NEEDS", value_parser = parse_needs)]
    pub needs: Vec<Needs>,
    /// What the panel judges by [default: the rubric inside]
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(flatten)]
    pub questions: QuestionArgs,
    #[command(flatten)]
    pub usage: UseArgs,
}

/// The kind of work as the command line spells it.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadArg {
    /// Somebody waits and reads along
    Chat,
    /// Nobody waits; what counts is how much is done in an hour
    Batch,
    /// Somebody waits, and the memory is a phone's
    Phone,
}

/// The needs of one `--need`.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs {
    /// As they were written.
    pub text: String,
    /// One by one.
    pub read: Vec<Need>,
}

fn parse_needs(text: &str) -> Result<Needs, NeedError> {
    Ok(Needs { text: text.to_owned(), read: Need::read(text)? })
}

impl MeasureArgs {
    /// What the models are wanted for, on this machine.
    pub fn demand(&self) -> Demand {
        self.demand_or(Workload::default())
    }

    /// The same, with `workload` where none is named.
    pub fn demand_or(&self, workload: Workload) -> Demand {
        Demand {
            usage: self.usage.declared().unwrap_or(DEFAULT_USE),
            workload: self.workload.map_or(workload, |named| match named {
                WorkloadArg::Chat => Workload::Chat,
                WorkloadArg::Batch => Workload::Batch,
                WorkloadArg::Phone => Workload::Phone,
            }),
            needs: self.declared_needs(),
        }
    }

    /// The flags that were given and only a measurement can honour.
    pub fn measuring_flags(&self) -> Vec<&'static str> {
        let defaults: MeasureArgs = with_defaults(&[]);
        let QuestionArgs { items, benchmark, shots_from } = &self.questions;
        let given = [
            ("--items", !items.is_empty()),
            ("--benchmark", !benchmark.is_empty()),
            ("--shots-from", shots_from.is_some()),
            ("--prompting", self.prompting.is_some()),
            ("--shots", self.shots.is_some()),
            ("--seed", self.seed != defaults.seed),
            ("--repeat", self.repeat != defaults.repeat),
            ("--margin", self.margin.is_some()),
            ("--base", self.base.is_some()),
            ("--image", !self.filling.images.is_empty()),
            ("--store", self.store.store.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }

    /// What must hold of a model.
    pub fn declared_needs(&self) -> Vec<Need> {
        self.needs.iter().flat_map(|needs| needs.read.clone()).collect()
    }
}

fn parse_margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(margin) if margin > 0.0 && margin < 1.0 => Ok(margin),
        _ => Err("expected a share between 0 and 1, such as 0.03 for 3 points".to_owned()),
    }
}
