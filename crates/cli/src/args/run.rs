//! `plimsoll run`

use clap::Args as ClapArgs;

use super::cache::CacheArg;
use super::images::ImageArgs;
use super::model_help::MODEL_HELP;
use super::sampling::SamplingArgs;
use super::template::TemplateArg;

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
    pub images: ImageArgs,
    #[command(flatten)]
    pub sampling: SamplingArgs,
}

impl Run {
    /// Whether the model is to reason before it answers, where that was said.
    pub fn thinks(&self) -> Option<bool> {
        (self.think || self.no_think).then_some(self.think)
    }
}
