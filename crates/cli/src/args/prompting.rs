//! `--prompting`: how a model is asked.

use clap::ValueEnum;
use plimsoll_lab::prompting::Prompting;

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
