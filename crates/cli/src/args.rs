//! Every command and flag, with its help.

pub mod pull;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use plimsoll_lab::prompted::Prompting;
use plimsoll_lab::stress::Stress;
use plimsoll_vision::DEFAULT_MAX_PIXELS;

use crate::commands::fit::Fit;
use crate::evidence_args::{Evidence, History, Votes};
use crate::filling::FillingArgs;
use crate::gate_args::Gate;
use crate::measured::MeasureArgs;
use crate::predicted::DeviceArgs;
use crate::questions::QuestionArgs;
use crate::show::ShowArgs;
use crate::template_arg::TemplateArg;
use crate::use_args::UseArgs;

/// Runs open-weight models from their published files, measures them on this machine, and lays two side by side.
#[derive(Parser, Debug)]
#[command(
    name = "plimsoll",
    version,
    about,
    after_help = "Without a command: compare the two embedded demo models.\n\nEnvironment:\n  PLIMSOLL_ISA=scalar|avx2|avx512|amx|neon|dotprod|i8mm   force an instruction-set level\n  NO_COLOR                                                no colour\n  HF_HUB_CACHE, HF_HOME                                   the hub's cache of this machine\n  XDG_CONFIG_HOME, XDG_DATA_HOME,                         the folders of this user\n  XDG_STATE_HOME, XDG_CACHE_HOME"
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
    /// Folder of your own model cards [default: plimsoll/catalog in the configuration folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
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
    Pull(pull::Pull),
    /// List the models on this machine, check their files, or remove one
    Models(pull::Models),
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

const MODEL_HELP: &str = "A folder in Hugging Face layout, a .gguf file, demo:small, demo:large, demo:vision, or a name of `plimsoll catalog`";

/// Sampling and stopping.
#[derive(ClapArgs, Debug, Clone)]
#[command(next_help_heading = "Sampling and stopping")]
pub struct Sampling {
    /// 0 takes the likeliest token every time [default: the model's own, else 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f32>,
    /// Keep the K likeliest tokens; 0 keeps all [default: the model's own, else 50]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub top_k: Option<usize>,
    /// Keep the likeliest tokens that together hold probability P
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f32>,
    /// Keep tokens at least P times as likely as the likeliest
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub min_p: Option<f32>,
    /// Divide logits of tokens already seen; 1 does nothing
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub repetition_penalty: Option<f32>,
    /// Subtract from logits of tokens already generated
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub presence_penalty: Option<f32>,
    /// Subtract for each time a token was already generated
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub frequency_penalty: Option<f32>,
    /// Add B to the logit of a token id, any number of times: --logit-bias 42=-5
    #[arg(long, value_name = "ID=B", value_parser = parse_logit_bias)]
    pub logit_bias: Vec<(u32, f32)>,
    /// Same seed, same answer on one processor [default: from the clock, unless the temperature is 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// End the answer where this text appears, any number of times
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// End the answer after N tokens [default: the model's own, else to the end of the context]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
}

fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number of threads, 1 or more".to_owned())
}

fn parse_tolerance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(tolerance) if tolerance >= 0.0 && tolerance.is_finite() => Ok(tolerance),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}

fn parse_temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(temperature) if temperature >= 0.0 && temperature.is_finite() => Ok(temperature),
        _ => Err("expected a number from 0 to 3.4e38".to_owned()),
    }
}

fn parse_logit_bias(text: &str) -> Result<(u32, f32), String> {
    let parts = text.split_once('=').ok_or("expected ID=BIAS, for example 42=-5")?;
    let id = parts.0.parse().map_err(|_| format!("`{}` is not a token id", parts.0))?;
    let bias: f32 = parts.1.parse().map_err(|_| format!("`{}` is not a number", parts.1))?;
    if bias.is_nan() { Err("a bias must be a number".to_owned()) } else { Ok((id, bias)) }
}

/// How a key-value cache is stored.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheArg {
    /// Half the memory
    F16,
    /// Little more than a quarter of the memory; keys and values rounded to 8 bits, which answers may show
    #[value(name = "q8_0")]
    Q8_0,
    /// Exact
    F32,
}

impl CacheArg {
    /// As it is given.
    pub fn name(self) -> String {
        self.to_possible_value().expect("no way of storing is hidden").get_name().to_owned()
    }
}

/// `run`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll run demo:large \"What is 12 + 7?\"\n  plimsoll run demo:large\n  plimsoll run MODEL --image photo.jpg \"What is this?\"\n  plimsoll run MODEL \"Sum this up.\" < notes.txt\n  plimsoll run MODEL --raw \"Once upon a time\""
)]
pub struct Run {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// What to ask, behind what is piped in; - takes that alone. Without it, a chat
    pub prompt: Option<String>,
    /// Instructions that stand before the conversation
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Continue the prompt as it stands, without the chat template; without a prompt, what is written at the terminal
    #[arg(long, conflicts_with_all = ["system", "think", "no_think", "images", "video", "template"])]
    pub raw: bool,
    /// Put messages into this form and not the model's own: chatml, or the path of a .jinja file
    #[arg(long, value_name = "NAME|FILE")]
    pub template: Option<TemplateArg>,
    /// Tell how many tokens were read and written, and how fast
    #[arg(long)]
    pub stats: bool,
    /// In a chat, do not remember what is written (else in plimsoll/chat_history of the state folder)
    #[arg(long, conflicts_with = "prompt")]
    pub no_history: bool,
    /// Let the model reason before it answers, where its template has the switch
    #[arg(long, conflicts_with = "no_think")]
    pub think: bool,
    /// Answer without reasoning, where the template has the switch
    #[arg(long)]
    pub no_think: bool,
    /// Tokens that prompt and answer may take together [default: the model's, at most 8192]
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    /// How keys and values are stored
    #[arg(long, value_enum, default_value = "f16")]
    pub cache: CacheArg,
    #[command(flatten)]
    pub show: ShowArgs,
    #[command(flatten)]
    pub sampling: Sampling,
}

/// `info`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll info demo:large\n  plimsoll info smollm3 --device pixel-10\n  plimsoll info claude-haiku-open-weights --use commercial --users 50000 --region EU"
)]
pub struct Info {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// Tokens of context to predict for [default: the model's, at most 8192]
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    /// How keys and values are to be stored
    #[arg(long, value_enum, default_value = "f16")]
    pub cache: CacheArg,
    /// A picture whose cost is asked for; may be given several times
    #[arg(long = "image", value_name = "FILE")]
    pub images: Vec<PathBuf>,
    /// Pixels that a picture may have
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PIXELS)]
    pub max_pixels: u64,
    /// The vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Print the chat template too
    #[arg(long)]
    pub show_template: bool,
    #[command(flatten)]
    pub on: DeviceArgs,
    #[command(flatten)]
    pub usage: UseArgs,
}

/// `catalog`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll catalog smollm3\n  plimsoll catalog qwen apache\n  plimsoll catalog --devices\n  plimsoll catalog --devices pixel-10"
)]
pub struct CatalogArgs {
    /// Id, other name or name on the hub of one, or words to search for; without them, all are listed
    pub name: Vec<String>,
    /// The devices that are known, in place of models
    #[arg(long)]
    pub devices: bool,
}

/// `verify`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Example:\n  plimsoll verify demo:large\n  plimsoll verify demo:large --fast --cache q8_0\n\nMake goldens for any checkpoint with tools/make_golden.py."
)]
pub struct Verify {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// Golden outputs [default: golden.json beside the weights]
    #[arg(long, value_name = "FILE")]
    pub golden: Option<PathBuf>,
    /// Vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Largest difference of a logit that still agrees
    #[arg(long, value_name = "X", default_value_t = 2e-3, allow_negative_numbers = true, value_parser = parse_tolerance)]
    pub tolerance: f32,
    /// Also measure how far the fast arithmetic that every other command uses lies from f32, on the same cases or, where
    /// there is no golden file, on a built-in text
    #[arg(long)]
    pub fast: bool,
    /// How keys and values are stored for the fast arithmetic
    #[arg(long, value_enum, default_value = "f16", requires = "fast")]
    pub cache: CacheArg,
}

impl Verify {
    /// `plimsoll verify MODEL` with every default.
    pub fn of(model: &str) -> Verify {
        let args = Args::parse_from(["plimsoll", "verify", "--", model]);
        match args.command {
            Some(Command::Verify(verify)) => verify,
            _ => unreachable!("`verify` was asked for"),
        }
    }
}

/// `tokenize`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll tokenize demo:large \"Once upon a time\"")]
pub struct Tokenize {
    /// A model as elsewhere, or a GGUF that holds a vocabulary only
    pub model: String,
    /// The text; without it, standard input is taken verbatim
    pub text: Option<String>,
    /// Put the beginning-of-sequence token in front
    #[arg(long)]
    pub bos: bool,
    /// Parse control tokens in the text instead of spelling them
    #[arg(long)]
    pub special: bool,
}

/// `template`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Example:\n  echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"add_generation_prompt\":true}' > r.json\n  plimsoll template demo:large --request r.json"
)]
pub struct Template {
    /// A model, or a template file (.jinja)
    pub model: String,
    /// An OpenAI chat request (messages, tools, add_generation_prompt) plus any template variables; - for standard input
    #[arg(long, value_name = "FILE")]
    pub request: PathBuf,
    /// The moment that templates see as now [default: the clock]
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<String>,
}

/// `bench`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll bench demo:large --prefill 64 --decode 16 --depth 0,128")]
pub struct Bench {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// Tokens of the measured prompt
    #[arg(long, value_name = "N", default_value = "256")]
    pub prefill: NonZeroUsize,
    /// Tokens decoded
    #[arg(long, value_name = "N", default_value = "32")]
    pub decode: NonZeroUsize,
    /// Sequences decoded at once; their speeds are added up
    #[arg(long, value_name = "N", default_value = "1")]
    pub batch: NonZeroUsize,
    /// Tokens already in the context, a list [default: 0,512,4096, as far as the model's context goes]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub depth: Vec<usize>,
    /// Repetitions of each measurement
    #[arg(long, value_name = "N", default_value = "7")]
    pub repeat: NonZeroUsize,
    /// How keys and values are stored
    #[arg(long, value_enum, default_value = "f16")]
    pub cache: CacheArg,
}

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

/// How a model is asked.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptingArg {
    /// As a message in its own chat template
    Chat,
    /// As a text to be continued
    Base,
}

impl From<PromptingArg> for Prompting {
    fn from(asked: PromptingArg) -> Prompting {
        match asked {
            PromptingArg::Chat => Prompting::Chat,
            PromptingArg::Base => Prompting::Base,
        }
    }
}

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

/// Where evidence is kept.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct StoreArgs {
    /// The evidence store [default: plimsoll/evidence.db in the data folder]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

impl Compare {
    /// What `plimsoll` without a command does, with every default of `plimsoll compare`.
    pub fn demo() -> Compare {
        let args = Args::parse_from(["plimsoll", "compare"]);
        match args.command {
            Some(Command::Compare(compare)) => compare,
            _ => unreachable!("`compare` was asked for"),
        }
    }
}

/// `serve`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll serve\n  plimsoll serve --host 0.0.0.0 --token \"$(openssl rand -hex 16)\"\n\nWith --smtp and --mail-from, readers can ask on the page for the digest by mail,\nonce a week; --mail-to names who gets it without asking. Links in mails and in\nthe feed begin with --site. A password in the mail server's address is better\nput into PLIMSOLL_SMTP, which stands for --smtp."
)]
pub struct Serve {
    /// Address to listen on; one that other machines reach asks for a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 7777)]
    pub port: u16,
    /// What every reader has to show [default: none on this machine, else a random one that is printed]
    #[arg(long, value_name = "TEXT", value_parser = parse_token)]
    pub token: Option<String>,
    /// What the panel judges by [default: the rubric inside]
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Mail server for the digest, such as smtps://user@host
    #[arg(long, value_name = "URL", requires = "mail_from")]
    pub smtp: Option<String>,
    /// Sender of the digest
    #[arg(long, value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Receiver of the digest besides those who ask for it on the page, any number of times
    #[arg(long, value_name = "ADDRESS", requires = "mail_from")]
    pub mail_to: Vec<String>,
    /// Where readers reach this server, such as https://plimsoll.example [default: this machine's address]
    #[arg(long, value_name = "URL", value_parser = parse_site)]
    pub site: Option<String>,
    #[command(flatten)]
    pub store: StoreArgs,
}

fn parse_site(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_fit =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]/_~".contains(&byte));
    if is_fit { Ok(text.to_owned()) } else { Err("expected an address such as https://plimsoll.example".to_owned()) }
}

fn parse_token(text: &str) -> Result<String, String> {
    let is_fit =
        text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_fit { Ok(text.to_owned()) } else { Err("expected 16 or more letters, digits, - or _".to_owned()) }
}

/// `completions`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll completions bash > ~/.local/share/bash-completion/completions/plimsoll\n  plimsoll completions zsh > ~/.zfunc/_plimsoll     (a folder of $fpath)\n  plimsoll completions fish > ~/.config/fish/completions/plimsoll.fish"
)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  plimsoll man | man -l -\n  plimsoll man ~/.local/share/man/man1")]
pub struct Man {
    /// Folder for the pages of all commands [default: the page of the program, printed]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// `measure-memory`
#[derive(ClapArgs, Debug)]
pub struct MeasureMemory {
    /// The model.
    pub model: String,
    #[command(flatten)]
    pub filling: FillingArgs,
}
