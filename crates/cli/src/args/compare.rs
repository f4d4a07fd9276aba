//! `plimsoll compare`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::defaults::with_defaults;
use super::device::DeviceArgs;
use super::measure::MeasureArgs;

/// `compare`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll compare ./smollm3-q4.gguf ./qwen3.gguf --report out\n  plimsoll compare smollm3 ./mine.gguf --use commercial --users 50000 --region EU\n  plimsoll compare a.gguf b.gguf c.gguf\n  plimsoll compare a.gguf b.gguf --context 8192 --image scan.png\n  plimsoll compare a.gguf b.gguf --items mine.jsonl\n  plimsoll compare a.gguf b.gguf --benchmark gsm8k=test.jsonl --items 100\n  plimsoll compare a.gguf b.gguf --workload phone --need \"memory<2GB, decode>10, accuracy.dates>0.8\"\n  plimsoll compare smollm3 llama-3.1-8b --device pixel-10   (predicted: nothing is measured)"
)]
pub struct Compare {
    /// Two models or more, up to eight [default: demo:small demo:large]
    #[arg(value_name = "MODEL", num_args = 1..=8)]
    pub models: Vec<String>,
    /// Folder for the report, plimsoll-A-vs-B.html and .json
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub report: PathBuf,
    /// Print every number with its interval, what the reviewers say and their arithmetic
    #[arg(long)]
    pub full: bool,
    /// Keep the evidence and write no report
    #[arg(long, conflicts_with = "report")]
    pub no_report: bool,
    /// Tell how far it is as JSON lines on standard error, and end with standard input (used by `serve`)
    #[arg(long, hide = true)]
    pub progress_json: bool,
    #[command(flatten)]
    pub on: DeviceArgs,
    #[command(flatten)]
    pub measure: MeasureArgs,
}

impl Compare {
    /// What `plimsoll` without a command does, with every default of `plimsoll compare`.
    pub fn demo() -> Compare {
        with_defaults(&[])
    }
}
