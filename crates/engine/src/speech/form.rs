//! How a model marks what it only thinks, by what its template writes.

use super::channels::{CHANNEL, FINAL, MESSAGE, START, is_thought};
use crate::{ChatTemplate, Tokenizer};

/// What stands around thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Markers {
    /// What stands before thinking.
    pub open: &'static str,
    /// What it begins with and is no part of it.
    pub title: &'static str,
    /// What stands behind it.
    pub close: &'static str,
}

const MARKERS: [Markers; 4] = [
    Markers { open: "<think>", title: "", close: "</think>" },
    Markers { open: "[THINK]", title: "", close: "[/THINK]" },
    Markers { open: "<|START_THINKING|>", title: "", close: "<|END_THINKING|>" },
    Markers { open: "<|channel>", title: "thought\n", close: "<channel|>" },
];

/// How a model parts its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpeechForm {
    /// All of them is said.
    #[default]
    Plain,
    /// What stands between two markers at the beginning is thought.
    Between(Markers),
    /// They are messages, each with a channel and perhaps a recipient: OpenAI's Harmony.
    Channels,
}

/// What a prompt has an answer begin within.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: the first token opens what it likes.
    #[default]
    Nothing,
    /// What is thought.
    Thinking,
    /// What is said.
    Saying,
}

/// Tokens at the end of a prompt among which its last marks are looked for.
const PROMPT_END: usize = 16;

impl SpeechForm {
    /// By what a template writes.
    pub fn of_template(template: &ChatTemplate) -> SpeechForm {
        let literals = template.literals();
        let has = |mark: &str| template.source().contains(mark) || literals.iter().any(|text| text.contains(mark));
        if [START, CHANNEL, MESSAGE].into_iter().all(has) {
            return SpeechForm::Channels;
        }
        MARKERS.into_iter().find(|markers| has(markers.close)).map_or(SpeechForm::Plain, SpeechForm::Between)
    }

    /// What an answer to the prompt `ids` begins within.
    pub fn opening(&self, tokenizer: &Tokenizer, ids: &[u32]) -> Opening {
        let end = &ids[ids.len().saturating_sub(PROMPT_END)..];
        let is_hidden = self.is_hidden(tokenizer);
        let bytes = end.iter().flat_map(|id| {
            // Where the marks are control tokens, text that spells one is none.
            let is_text = is_hidden && !tokenizer.is_control(*id);
            tokenizer.token_bytes(*id).iter().copied().filter(move |byte| !(is_text && b"<[".contains(byte)))
        });
        self.opening_after(&String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()))
    }

    /// What an answer to a prompt that ends so begins within.
    pub fn opening_after(&self, prompt_end: &str) -> Opening {
        match self {
            SpeechForm::Plain => Opening::Nothing,
            SpeechForm::Between(Markers { open, title, .. }) => {
                let is_open = prompt_end.trim_end().ends_with(format!("{open}{title}").trim_end());
                if is_open { Opening::Thinking } else { Opening::Nothing }
            }
            SpeechForm::Channels => match prompt_end.rsplit_once(START) {
                Some((_, header)) if !header.contains(MESSAGE) => Opening::Nothing,
                Some((_, message)) if is_thought(message) => Opening::Thinking,
                _ => Opening::Saying,
            },
        }
    }

    /// What opens what is said, behind a prompt after which the model thinks first whatever its template is told.
    pub fn saying(&self) -> Option<String> {
        (*self == SpeechForm::Channels).then(|| format!("{CHANNEL}{FINAL}{MESSAGE}"))
    }

    /// Whether a vocabulary has control tokens for the marks, so that the text alone does not show them.
    pub(crate) fn is_hidden(&self, tokenizer: &Tokenizer) -> bool {
        match self {
            SpeechForm::Plain => false,
            SpeechForm::Between(markers) => tokenizer.control(markers.close).is_some(),
            SpeechForm::Channels => tokenizer.control(CHANNEL).is_some(),
        }
    }
}
