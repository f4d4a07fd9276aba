//! `plimsoll quantize`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use plimsoll_kernels::DType;
use plimsoll_quantise::{Mix, TYPES};

use super::fit::parse_memory;
use super::model_help::MODEL_HELP;

/// `quantize`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll quantize demo:large --to q8_0\n  plimsoll quantize models/mine --to Q4_K_M -o mine-q4.gguf\n  plimsoll quantize model-bf16.gguf --to Q6_K --dry-run\n\nA mix gives each weight the type that llama.cpp's tool gives it; each block is fitted to the least squared error.\nNo more than a few rows of the model are in memory, and the bytes are the same on any machine."
)]
pub struct Quantize {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// How weights are stored: Q4_K_M, Q5_K_M, Q6_K, Q8_0, Q4_0, BF16 and others; `--to help` lists all
    #[arg(long, value_name = "TYPE", required_unless_present_any = ["fit", "recipe"], conflicts_with_all = ["fit", "recipe"])]
    pub to: Option<String>,
    /// Choose a type for each weight, so that running the model takes no more memory than this, such as 2GB, and loses
    /// least
    #[arg(long, value_name = "SIZE", value_parser = parse_memory, conflicts_with_all = ["output_type", "embedding_type"])]
    pub fit: Option<f64>,
    /// Tokens of context that --fit leaves room for [default: the model's, at most 8192]
    #[arg(long, value_name = "N", requires = "fit")]
    pub context: Option<usize>,
    /// Tokens a second that it has to decode on this machine, behind a full context
    #[arg(long, value_name = "N", requires = "fit", value_parser = parse_speed)]
    pub min_speed: Option<f64>,
    /// Write the file that a recipe describes, to the last byte
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fit", "measure", "output_type", "embedding_type"])]
    pub recipe: Option<PathBuf>,
    /// Write beside it a recipe, which makes the same file of the same model
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipe", "dry_run"])]
    pub save_recipe: Option<PathBuf>,
    /// Measure what was lost, and store it in the file; --fit always does
    #[arg(long)]
    pub measure: bool,
    /// The file to write [default: MODEL-TYPE.gguf in this folder]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The type of the output projection, in place of the mix's
    #[arg(long, value_name = "TYPE", value_parser = types())]
    pub output_type: Option<DType>,
    /// The type of the embedding, in place of the mix's
    #[arg(long, value_name = "TYPE", value_parser = types())]
    pub embedding_type: Option<DType>,
    /// How much the columns of weights count, as `plimsoll imatrix` and llama.cpp measure it
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// Write the vision tower, as an mmproj GGUF, in place of the text model
    #[arg(long, conflicts_with_all = ["fit", "measure", "imatrix", "output_type", "embedding_type", "recipe", "save_recipe"])]
    pub tower: bool,
    /// Write weights that were quantised before in another type, which loses twice
    #[arg(long)]
    pub allow_requantize: bool,
    /// Write several files, FILE-00001-of-00003.gguf and so on, with at most so many bytes of weights each, such as 2GB
    #[arg(long, value_name = "SIZE", value_parser = parse_memory, conflicts_with_all = ["fit", "measure", "recipe", "save_recipe"])]
    pub split_size: Option<f64>,
    /// Take the place of a file of that name
    #[arg(long)]
    pub force: bool,
    /// Tell which type each weight would have, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Quantize {
    /// What `--to` asks for.
    pub fn mix(&self) -> Option<Mix> {
        Mix::named(self.to.as_deref()?)
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed.is_finite() => Ok(speed),
        _ => Err("expected tokens a second, more than 0".to_owned()),
    }
}

fn types() -> impl TypedValueParser<Value = DType> {
    let named =
        |name: String| *TYPES.iter().find(|dtype| dtype.name().eq_ignore_ascii_case(&name)).expect("one of them");
    PossibleValuesParser::new(TYPES.map(DType::name)).map(named)
}
