//! `plimsoll info`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use plimsoll_vision::DEFAULT_MAX_PIXELS;

use super::cache::CacheArg;
use super::device::DeviceArgs;
use super::model_help::MODEL_HELP;
use super::usage::UseArgs;

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
