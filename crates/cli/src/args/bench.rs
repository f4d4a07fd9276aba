//! `plimsoll bench`

use std::num::NonZeroUsize;

use clap::Args as ClapArgs;

use super::cache::CacheArg;
use super::model_help::MODEL_HELP;

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
