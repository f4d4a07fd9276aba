//! `plimsoll tokenize` and `plimsoll template`

use std::path::PathBuf;

use clap::Args as ClapArgs;

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
