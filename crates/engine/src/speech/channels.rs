//! Answers of several messages, each with a channel: `<|channel|>analysis<|message|>…<|end|>` is thought,
//! `<|start|>assistant<|channel|>final<|message|>…` is said, and
//! `<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{…}<|call|>` is said to a tool.
//! Source: OpenAI's description of its Harmony format.

use super::{Opening, Part, Spoken};

/// Begins a message.
pub const START: &str = "<|start|>";
/// Stands before a message's channel.
pub const CHANNEL: &str = "<|channel|>";
/// Parts a message's header from what it says.
pub const MESSAGE: &str = "<|message|>";
/// Ends a message that others follow.
pub const END: &str = "<|end|>";
/// End a message.
const ENDS: [&str; 3] = [END, "<|call|>", "<|return|>"];
/// The channel of what is thought.
pub const THOUGHT: &str = "analysis";
/// The channel of what is said at last.
pub const FINAL: &str = "final";
/// Whose messages an answer's are.
pub const SPEAKER: &str = "assistant";
/// Stands before whom a message is for.
const TO: &str = "to=";
/// Bytes of a header; what is longer is none.
const LONGEST_HEADER: usize = 256;
/// Bytes of a message to somebody else that wait for its end.
const LONGEST: usize = 1 << 20;

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Thought,
    Answer,
    Addressed { to: String, content: String },
}

#[derive(Debug)]
enum Place {
    /// Within a header, of which this came.
    Header(String),
    Body(Kind),
}

/// Parts messages.
#[derive(Debug)]
pub struct Channels {
    place: Place,
    /// Whether thought and answer have text already, which the next message stands apart from.
    has_thought: bool,
    has_answer: bool,
    /// Whether the message has begun.
    has_begun: bool,
}

/// Whether a message with this header is thought; what it says may follow.
pub fn is_thought(message: &str) -> bool {
    kind(message.split(MESSAGE).next().unwrap_or_default()) == Kind::Thought
}

/// What a header says. gpt-oss-20b may write another before its channel, `<|channel|>commentary to=assistant`: the last
/// channel counts, and who speaks is no recipient. Source: llama.cpp's common/parsers/gpt-oss.cpp.
fn kind(header: &str) -> Kind {
    let word =
        |rest: &'_ str| rest.split(|c: char| c.is_whitespace() || c == '<').next().unwrap_or_default().to_owned();
    let to = header.split(TO).skip(1).map(word).find(|to| to != SPEAKER);
    match (to, header.rsplit_once(CHANNEL)) {
        (Some(to), _) => Kind::Addressed { to, content: String::new() },
        (None, Some((_, channel))) if word(channel) == THOUGHT => Kind::Thought,
        (None, _) => Kind::Answer,
    }
}

/// What of a header that came to no message was said, but for who speaks and to whom.
fn stray(header: &str) -> Option<&str> {
    let said = header.strip_prefix(START).map_or(header, |rest| rest.trim_start_matches(char::is_alphanumeric));
    let is_mark = said.contains(CHANNEL) || said.trim_start().starts_with(TO) || said.trim().is_empty();
    (!is_mark).then_some(said)
}

impl Channels {
    /// Of an answer that begins so.
    pub fn new(opening: Opening) -> Channels {
        let place = match opening {
            Opening::Nothing => Place::Header(String::new()),
            Opening::Thinking => Place::Body(Kind::Thought),
            Opening::Saying => Place::Body(Kind::Answer),
        };
        Channels { place, has_thought: false, has_answer: false, has_begun: false }
    }

    /// Whether the model is thinking.
    pub fn is_thinking(&self) -> bool {
        matches!(self.place, Place::Body(Kind::Thought))
    }

    /// Takes a part.
    pub fn hear(&mut self, part: Part, spoken: &mut Vec<Spoken>) {
        match part {
            Part::Text(text) => self.text(&text, spoken),
            Part::Control(token) if token == START => {
                self.close(spoken);
                self.place = Place::Header(token);
            }
            Part::Control(token) if ENDS.contains(&token.as_str()) => self.close(spoken),
            Part::Control(token) => match &mut self.place {
                Place::Header(header) if token == MESSAGE => {
                    self.place = Place::Body(kind(header));
                    self.has_begun = false;
                }
                Place::Header(header) => header.push_str(&token),
                // Nothing else means anything within a message.
                Place::Body(_) => {}
            },
        }
    }

    fn text(&mut self, text: &str, spoken: &mut Vec<Spoken>) {
        match &mut self.place {
            Place::Header(header) => {
                header.push_str(text);
                if header.len() > LONGEST_HEADER {
                    let said = std::mem::take(header);
                    self.say(stray(&said).unwrap_or(&said), spoken);
                }
            }
            Place::Body(Kind::Thought) => {
                let apart = if self.has_thought && !self.has_begun { "\n\n" } else { "" };
                (self.has_thought, self.has_begun) = (true, true);
                spoken.push(Spoken::Thought(format!("{apart}{text}")));
            }
            Place::Body(Kind::Answer) => {
                let apart = if self.has_answer && !self.has_begun { "\n\n" } else { "" };
                (self.has_answer, self.has_begun) = (true, true);
                spoken.push(Spoken::Answer(Part::Text(format!("{apart}{text}"))));
            }
            Place::Body(Kind::Addressed { content, .. }) => {
                content.push_str(text);
                if content.len() > LONGEST {
                    let said = std::mem::take(content);
                    self.say(&said, spoken);
                }
            }
        }
    }

    /// What was taken for something else is said, and what follows it.
    fn say(&mut self, text: &str, spoken: &mut Vec<Spoken>) {
        self.place = Place::Body(Kind::Answer);
        self.has_begun = false;
        self.text(text, spoken);
    }

    /// A message ends, and what comes next is a header. One that came to no message may have been said.
    fn close(&mut self, spoken: &mut Vec<Spoken>) {
        match std::mem::replace(&mut self.place, Place::Header(String::new())) {
            Place::Body(Kind::Addressed { to, content }) => {
                self.has_answer = true;
                spoken.push(Spoken::Addressed { to, content });
            }
            Place::Body(_) => {}
            Place::Header(header) => {
                if let Some(said) = stray(&header) {
                    self.say(said, spoken);
                    self.place = Place::Header(String::new());
                }
            }
        }
    }

    /// The answer ended.
    pub fn end(&mut self, spoken: &mut Vec<Spoken>) {
        self.close(spoken);
    }
}
