//! An answer's text, with thinking that only control tokens tell apart between `<think>` and `</think>`, as most models
//! write it themselves.

use super::{Part, Speech, Spoken};
use crate::{Parted, Tokenizer};

const OPEN: &str = "<think>\n";
const CLOSE: &str = "\n</think>\n\n";

/// Writes one answer.
pub struct Spelled {
    speech: Speech,
    is_open: bool,
    /// What was thought and what was said so far.
    pub parted: Parted,
}

impl Spelled {
    /// Of an answer that is heard so.
    pub fn new(speech: Speech) -> Spelled {
        Spelled { speech, is_open: false, parted: Parted::default() }
    }

    /// What to show for a token, with what text was certain then.
    pub fn token(&mut self, tokenizer: &Tokenizer, id: u32, released: &str) -> String {
        let spoken = self.speech.token(tokenizer, id, released);
        self.shown(spoken)
    }

    /// What to show at the end, with the last of the text. Thinking that did not end stays open.
    pub fn end(&mut self, released: &str) -> String {
        let spoken = self.speech.end(released);
        self.shown(spoken)
    }

    pub(super) fn shown(&mut self, spoken: Vec<Spoken>) -> String {
        let mut shown = String::new();
        for spoken in spoken {
            let (is_thought, text) = match spoken {
                Spoken::Thought(text) => (true, text),
                Spoken::Answer(Part::Text(text)) => (false, text),
                Spoken::Answer(Part::Control(_)) => continue,
                // Nobody else is there.
                Spoken::Addressed { to, content } => {
                    let apart = if self.parted.content.is_empty() { "" } else { "\n\n" };
                    (false, format!("{apart}{to}: {content}"))
                }
            };
            if is_thought != self.is_open {
                shown.push_str(if is_thought { OPEN } else { CLOSE });
                self.is_open = is_thought;
            }
            shown.push_str(&text);
            let part = if is_thought { &mut self.parted.thought } else { &mut self.parted.content };
            part.push_str(&text);
        }
        shown
    }
}
