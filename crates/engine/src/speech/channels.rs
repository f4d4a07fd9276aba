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
/// End a message.
const ENDS: [&str; 3] = ["<|end|>", "<|call|>", "<|return|>"];
/// What is no message to the user.
const THOUGHT: &str = "analysis";
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

fn kind(header: &str) -> Kind {
    let word = |after: &str| {
        let (_, rest) = header.split_once(after)?;
        let end = rest.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(rest.len());
        Some(&rest[..end])
    };
    match (word("to="), word(CHANNEL)) {
        (Some(to), _) => Kind::Addressed { to: to.to_owned(), content: String::new() },
        (None, Some(THOUGHT)) => Kind::Thought,
        (None, _) => Kind::Answer,
    }
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
                    self.say(&said, spoken);
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

    /// A message ends, and what comes next is a header.
    fn close(&mut self, spoken: &mut Vec<Spoken>) {
        let place = std::mem::replace(&mut self.place, Place::Header(String::new()));
        if let Place::Body(Kind::Addressed { to, content }) = place {
            spoken.push(Spoken::Addressed { to, content });
        }
    }

    /// The answer ended. What stood where a header does and became none is said, but for the name of who speaks.
    pub fn end(&mut self, spoken: &mut Vec<Spoken>) {
        let Place::Header(header) = &self.place else { return self.close(spoken) };
        let after_name = |rest: &str| rest.trim_start_matches(char::is_alphanumeric).to_owned();
        let said = header.strip_prefix(START).map_or_else(|| header.clone(), after_name);
        if !said.trim().is_empty() && !said.contains(CHANNEL) {
            self.say(&said, spoken);
        }
    }
}
