//! `plimsoll eval`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use plimsoll_lab::stress::Stress;

use super::model_help::MODEL_HELP;
use super::prompting::PromptingArg;
use super::questions::QuestionArgs;
use super::store::StoreArgs;

/// `eval`
#[derive(ClapArgs, Debug)]
#[command(after_help = EVAL_HELP)]
#[command(group = clap::ArgGroup::new("what").multiple(true).args(["suite", "humaneval", "mmlu", "text", "benchmark", "items"]).required(true))]
#[command(group = clap::ArgGroup::new("one_of").args(["suite", "humaneval", "mmlu", "text", "benchmark"]))]
pub struct Eval {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// Built-in suite: text (all categories), vision, code (small programs), or the name of one category
    #[arg(long, value_name = "S")]
    pub suite: Option<String>,
    /// Have the model write the programs of HumanEval, from its published file (.jsonl or .jsonl.gz)
    #[arg(long, value_name = "FILE")]
    pub humaneval: Option<PathBuf>,
    /// Ask the questions of MMLU, from its published folder (dev/ and test/ with SUBJECT_dev.csv and SUBJECT_test.csv)
    #[arg(long, value_name = "DIR")]
    pub mmlu: Option<PathBuf>,
    /// Measure bits per byte on this file
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Show pictures worn by five degrees too, and tell what is kept of the right answers: a list of low-light, noise,
    /// blur, skew, jpeg, small
    #[arg(long, value_name = "KIND,KIND", value_delimiter = ',', conflicts_with_all = ["text", "mmlu", "humaneval"])]
    pub stress: Vec<Stress>,
    /// Seed that items are made from and programs sampled with
    #[arg(long, default_value_t = plimsoll_lab::suite::DEFAULT_SEED)]
    pub seed: u64,
    /// How programs and benchmarks are asked for [default: chat where the model has a template, else base]
    #[arg(long, value_enum, conflicts_with = "text")]
    pub prompting: Option<PromptingArg>,
    /// Programs sampled for each problem
    #[arg(long, value_name = "N", default_value = "1", conflicts_with_all = ["text", "mmlu", "benchmark"])]
    pub samples: NonZeroUsize,
    /// The k of pass@k, a list
    #[arg(long, value_name = "K,K", value_delimiter = ',', default_value = "1", conflicts_with_all = ["text", "mmlu", "benchmark"])]
    pub k: Vec<NonZeroUsize>,
    /// Temperature that programs are sampled at; 0 takes the likeliest token every time
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = parse_temperature, conflicts_with_all = ["text", "mmlu", "benchmark"])]
    pub temperature: f32,
    /// Answered examples before each question of MMLU's folder, or with --shots-from [default: as usual: mmlu and gsm8k
    /// 5, arc 25, hellaswag 10, mbpp 3]
    #[arg(long, value_name = "N", conflicts_with_all = ["suite", "humaneval", "text"])]
    pub shots: Option<usize>,
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(flatten)]
    pub questions: QuestionArgs,
}

const EVAL_HELP: &str = r#"Examples:
  plimsoll eval demo:large --suite text
  plimsoll eval MODEL --suite arithmetic --items 20
  plimsoll eval MODEL --items mine.jsonl
  plimsoll eval MODEL --benchmark gsm8k=test.jsonl --items 100
  plimsoll eval MODEL --items scans.jsonl --stress blur,skew,jpeg
  plimsoll eval MODEL --suite code
  plimsoll eval MODEL --humaneval HumanEval.jsonl.gz --samples 20 --k 1,10 --temperature 0.8
  plimsoll eval MODEL --mmlu data --shots 5
  plimsoll eval MODEL --text book.txt

mine.jsonl, a question a line:
  {"prompt": "Capital of France?", "expected": "Paris"}
  {"prompt": "12 * 12?", "expected": 144, "category": "sums"}
  {"prompt": "Reset it how?", "expected": ["restart", "reboot"], "check": "contains"}
  {"prompt": "Which is a fish?", "choices": ["cod", "cow"], "expected": "cod"}
  {"prompt": "Ada, 36, as JSON", "schema": {"type": "object", "required": ["name"]}}
  {"prompt": "Total?", "images": ["bill.png"], "expected": "9\\.50", "check": "regex"}
`check` is exact, contains, regex, number, choice or json-schema; left out, it
follows from the other keys: schema, choices, a number, else exact. A list in
`expected` means any of them. `messages` stands for `prompt` where there are
instructions or earlier turns. More keys: id, category, ignore_case,
tolerance, max_tokens (256). Paths of pictures begin at the file's folder.

Programs that the model writes (--suite code, --humaneval, humaneval and mbpp)
run in a sandbox that needs Linux, bwrap and python3. Where there is none
nothing is run: `skipped:` says why, and the exit status is 2."#;

fn parse_temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(temperature) if temperature >= 0.0 && temperature.is_finite() => Ok(temperature),
        _ => Err("expected a number from 0 to 3.4e38".to_owned()),
    }
}
