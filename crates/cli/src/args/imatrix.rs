//! `plimsoll imatrix`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::model_help::MODEL_HELP;

/// `imatrix`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll imatrix models/mine --text calm.txt\n  plimsoll imatrix models/mine --chats mine.jsonl -o mine.imatrix.gguf\n  plimsoll quantize models/mine --to Q4_K_M --imatrix mine.imatrix.gguf\n\nA line of CHATS is a chat request: {\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, ...]}. A part of a content such as\n{\"type\": \"image\", \"path\": \"cat.png\"} shows a picture, and has the vision encoder measured too.\nllama.cpp reads the file, and its files are read by `quantize` and `export`."
)]
pub struct Imatrix {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// A text to pass through the model; may be given several times
    #[arg(long = "text", value_name = "FILE", required_unless_present = "chats")]
    pub texts: Vec<PathBuf>,
    /// Conversations to pass through the model, a JSON document a line; may be given several times
    #[arg(long, value_name = "FILE")]
    pub chats: Vec<PathBuf>,
    /// The file to write [default: MODEL.imatrix.gguf in this folder]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Tokens of the pieces that a text is cut into
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(2..))]
    pub chunk: u32,
    /// Pieces of each text that pass [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub chunks: Option<u64>,
    /// Vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Take the place of a file of that name
    #[arg(long)]
    pub force: bool,
}
