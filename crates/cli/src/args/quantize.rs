//! `plimsoll quantize`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use plimsoll_kernels::DType;
use plimsoll_quantise::{Mix, TYPES};

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
    #[arg(long, value_name = "TYPE")]
    pub to: String,
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
    /// Write weights that were quantised before in another type, which loses twice
    #[arg(long)]
    pub allow_requantize: bool,
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
        Mix::named(&self.to)
    }
}

fn types() -> impl TypedValueParser<Value = DType> {
    let named =
        |name: String| *TYPES.iter().find(|dtype| dtype.name().eq_ignore_ascii_case(&name)).expect("one of them");
    PossibleValuesParser::new(TYPES.map(DType::name)).map(named)
}
