//! Every command and flag, with its help. Nothing here runs anything: commands import arguments, never the other way.

mod bench;
mod cache;
mod catalog;
mod compare;
mod defaults;
mod device;
mod eval;
mod evidence;
mod export;
mod export_mlx;
mod export_onnx;
mod filling;
mod fit;
mod fitting;
mod gate;
mod images;
mod imatrix;
mod info;
mod measure;
mod model_help;
mod prompting;
mod pull;
mod quantize;
mod questions;
mod run;
mod sampling;
mod serve;
mod shell;
mod store;
mod template;
mod text;
mod usage;
mod verify;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub use bench::Bench;
pub use cache::CacheArg;
pub use catalog::CatalogArgs;
pub use compare::Compare;
pub use eval::Eval;
pub use evidence::{Check, Evidence, EvidenceCommand, Export, History, Import, Votes, VotesCommand, Withdraw};
pub use export::{ExportModel, ExportTarget};
pub use export_mlx::ExportMlx;
pub use export_onnx::ExportOnnx;
pub use filling::{FillingArgs, MeasureMemory};
pub use fit::Fit;
pub use fitting::Fitting;
pub use gate::Gate;
pub use images::ImageArgs;
pub use imatrix::Imatrix;
pub use info::Info;
pub use measure::MeasureArgs;
pub use pull::{Models, ModelsAction, Pull};
pub use quantize::Quantize;
pub use questions::{BenchmarkArg, QuestionArgs};
pub use run::Run;
pub use sampling::SamplingArgs;
pub use serve::{Serve, parse_token};
pub use shell::{Completions, Man};
pub use store::StoreArgs;
pub use template::TemplateArg;
pub use text::{Template, Tokenize};
pub use usage::DEFAULT_USE;
pub use verify::Verify;

/// Runs open-weight models from their published files, measures them on this machine, and lays two side by side.
#[derive(Parser, Debug)]
#[command(
    name = "plimsoll",
    version,
    about,
    after_help = "Without a command: compare the two embedded demo models.\n\nEnvironment:\n  PLIMSOLL_ISA=scalar|avx2|avx512|amx|neon|dotprod|i8mm   force an instruction-set level\n  PLIMSOLL_PYTHON                                         the Python that has ONNX Runtime or mlx\n  NO_COLOR                                                no colour\n  HF_HUB_CACHE, HF_HOME                                   the hub's cache of this machine\n  XDG_CONFIG_HOME, XDG_DATA_HOME,                         the folders of this user\n  XDG_STATE_HOME, XDG_CACHE_HOME"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Flags of every command.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Print one JSON document for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// Threads to compute with [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,
    /// Pre-tokenizer to use where the file names one that is not known
    #[arg(long, global = true, value_name = "TAG")]
    pub pre: Option<String>,
    /// Who runs MLX folders: this program, or mlx itself, from the Python of PLIMSOLL_PYTHON [default: plimsoll]
    #[arg(long, global = true, value_enum, hide_possible_values = true, value_name = "plimsoll|mlx")]
    pub engine: Option<EngineArg>,
    /// Folder of your own model cards [default: plimsoll/catalog in the configuration folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// An engine that runs what is exported for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// This program
    Plimsoll,
    /// mlx, with mlx-lm or mlx-vlm
    Mlx,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Answer a prompt, or chat when there is none
    Run(Box<Run>),
    /// Tell what a model is, what its licence allows, and how much it will take here
    Info(Info),
    /// List the models that would float on a device, before anything is fetched
    Fit(Fit),
    /// List the models that are known without files, search them, or show the card of one
    Catalog(CatalogArgs),
    /// Fetch a model, after telling what it is, what it takes and what its licence allows
    Pull(Pull),
    /// List the models on this machine, check their files, or remove one
    Models(Models),
    /// Write a model as one GGUF file in fewer bits
    Quantize(Quantize),
    /// Measure what the weights of a model count for on a text, which `quantize` goes by
    Imatrix(Imatrix),
    /// Write a model for another engine: llama.cpp, ONNX Runtime, MLX
    Export(ExportModel),
    /// Compare with the numbers of the reference implementation; exit status 0 if they agree, 1 if not, 2 if something was
    /// not compared, 3 error
    Verify(Verify),
    /// Turn text into token ids, printed as a JSON array
    Tokenize(Tokenize),
    /// Render a chat request with the model's own template
    Template(Template),
    /// Measure prefill and decode speed at several depths
    Bench(Bench),
    /// Put a model through the built-in questions, your own, a published benchmark or small programs, or measure bits
    /// per byte on a text
    Eval(Eval),
    /// Measure two models or more and lay them side by side, with a report
    Compare(Compare),
    /// Hold a model beside a baseline against rules, for CI; exit status 0 passed, 1 failed, 2 inconclusive, 3 error
    Gate(Gate),
    /// List what the panel said before, the latest first
    History(History),
    /// Export, import, check or withdraw what was measured
    Evidence(Evidence),
    /// Audit what readers voted
    Votes(Votes),
    /// Show the catalogue, comparisons and verdicts as pages, on this machine only unless told otherwise
    Serve(Serve),
    /// Print the script with which a shell completes commands and flags
    Completions(Completions),
    /// Print the manual page, or write one for each command into a folder
    Man(Man),
    /// Measure the memory of one model in a process of its own (used by `compare`)
    #[command(hide = true)]
    MeasureMemory(MeasureMemory),
}

fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number of threads, 1 or more".to_owned())
}
