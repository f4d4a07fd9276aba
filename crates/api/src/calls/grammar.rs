//! Answers that call as they have to: a model's way of writing calls, as a grammar.

use plimsoll_engine::Tokenizer;
use plimsoll_engine::speech::{Markers, Opening, SpeechForm};
use plimsoll_grammar::{Constraint, Grammar, Schema, Spelling};
use serde_json::Value;

use super::arguments::{self, Unwritable, Written, as_python};
use super::braces::Braces;
use super::channels::Channels;
use super::language::{Dialect, Language};
use super::tags::{ARG_KEY, FUNCTION, Marks};

/// A tool that may be called, and with what.
#[derive(Debug, Clone)]
pub struct Callable {
    /// Its name.
    pub name: String,
    /// What its arguments have to be.
    pub arguments: Schema,
    /// Whether it may be called with nothing else, where the form of calls has no word for some of that.
    pub is_held: bool,
}

/// How many calls an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calling {
    /// Whether it has to call.
    pub is_required: bool,
    /// Whether it may call more than once.
    pub may_repeat: bool,
}

/// Writes grammars for a model.
pub struct Writer<'a> {
    language: &'a Language,
    tokenizer: &'a Tokenizer,
}

impl Writer<'_> {
    /// In a model's language.
    pub fn new<'a>(language: &'a Language, tokenizer: &'a Tokenizer) -> Writer<'a> {
        Writer { language, tokenizer }
    }

    /// An answer that is `content` and nothing else, after thinking if the model likes to.
    pub fn content(&self, content: Grammar) -> Grammar {
        self.after_thinking(content)
    }

    /// An answer that calls `tools`, or is `content` where it does not have to call; without `content` it is any text.
    ///
    /// # Errors
    /// The model's form of calls has no word for what a tool's arguments have to be.
    pub fn calls(&self, tools: &[Callable], calling: Calling, content: Option<Grammar>) -> Result<Grammar, Unwritable> {
        let dialect = self.language.dialect.ok_or("this model has no form of calls that is known here")?;
        if self.language.form == SpeechForm::Channels {
            return Ok(Channels::new(self.tokenizer).calls(tools, calling, content));
        }
        let most = if calling.may_repeat { None } else { Some(1) };
        let block = self.block(dialect, tools, most)?;
        let answer = match content {
            _ if calling.is_required => block.whole(most),
            Some(content) => Grammar::Choice(vec![block.whole(most), content]),
            None => self.among_text(dialect, block, most),
        };
        Ok(self.after_thinking(answer))
    }

    /// Goes on after what the prompt has the answer begin within; whether the constraint allows that.
    pub fn begin(&self, opening: Opening, constraint: &mut Constraint) -> bool {
        let begun = match (self.language.form, opening) {
            (_, Opening::Nothing) | (SpeechForm::Plain, _) | (SpeechForm::Between(_), Opening::Saying) => vec![],
            (SpeechForm::Between(markers), Opening::Thinking) => self.opener(markers),
            (SpeechForm::Channels, opening) => Channels::new(self.tokenizer).header_within(opening),
        };
        begun.into_iter().all(|part| match part {
            Grammar::Token(id) => constraint.accept(id).is_ok(),
            Grammar::Text(text) => constraint.accept_text(&text),
            _ => true,
        })
    }

    fn opener(&self, Markers { open, title, .. }: Markers) -> Vec<Grammar> {
        let title = Some(Grammar::text(title)).filter(|_| !title.is_empty());
        [self.marker(open)].into_iter().chain(title).collect()
    }

    fn after_thinking(&self, answer: Grammar) -> Grammar {
        let thinking = match self.language.form {
            SpeechForm::Between(markers) => {
                let end = match self.marker(markers.close) {
                    Grammar::Text(end) => vec![Grammar::Through { end, not_beginning: None }],
                    token => vec![anything(), token],
                };
                let thought = self.opener(markers).into_iter().chain(end).chain([Grammar::Blank]).collect();
                Some(Grammar::Sequence(thought).optional())
            }
            SpeechForm::Plain => None,
            SpeechForm::Channels => return Channels::new(self.tokenizer).said(answer),
        };
        // SentencePiece puts a space before a text.
        let space = self.tokenizer.strips_first_space().then(|| Grammar::text(" ").optional());
        Grammar::Sequence(space.into_iter().chain(thinking).chain([answer]).collect())
    }

    /// A control token where the vocabulary has one of this name, else its text.
    fn marker(&self, text: &str) -> Grammar {
        arguments::marker(self.tokenizer, text)
    }

    /// How calls of `tools` are written, at most `most` of them.
    fn block(&self, dialect: Dialect, tools: &[Callable], most: Option<usize>) -> Result<Block, Unwritable> {
        let one_of = |calls: Vec<Grammar>| Grammar::Choice(calls);
        let python = || tools.iter().map(as_python).collect::<Result<Vec<Grammar>, _>>().map(one_of);
        let json = |key| one_of(tools.iter().map(|tool| as_json(tool, key)).collect());
        let listed = |call: Grammar| {
            let calls = repeated(call, Grammar::text(", "), most);
            Grammar::Sequence(vec![Grammar::text("["), calls, Grammar::text("]")])
        };
        let once = |opener, body| Block { opener, body, may_repeat: false };
        Ok(match dialect {
            Dialect::Tagged => {
                let body = vec![Grammar::Blank, json("arguments"), Grammar::Blank, self.marker("</tool_call>")];
                Block { opener: Some(self.marker("<tool_call>")), body: Grammar::Sequence(body), may_repeat: true }
            }
            Dialect::Bare => once(None, repeated(json("parameters"), Grammar::text("; "), most)),
            Dialect::Pythonic => once(None, listed(python()?)),
            Dialect::Enclosed => {
                let body = vec![listed(python()?), self.marker("<|tool_call_end|>")];
                once(Some(self.marker("<|tool_call_start|>")), Grammar::Sequence(body))
            }
            Dialect::Functions => {
                let body = vec![self.tagged(&FUNCTION, tools)?, Grammar::text("\n"), self.marker("</tool_call>")];
                Block { opener: Some(self.marker("<tool_call>")), body: Grammar::Sequence(body), may_repeat: true }
            }
            Dialect::Keyed => Block {
                opener: Some(self.marker("<tool_call>")),
                body: self.tagged(&ARG_KEY, tools)?,
                may_repeat: true,
            },
            Dialect::Braced => {
                let braces = Braces::new(self.tokenizer);
                let calls = tools.iter().map(|tool| braces.call(tool)).collect::<Result<Vec<_>, _>>()?;
                let body = Grammar::Sequence(vec![one_of(calls), self.marker("<tool_call|>")]);
                Block { opener: Some(self.marker("<|tool_call>")), body, may_repeat: true }
            }
            Dialect::Announced => {
                let opener = Some(self.marker("[TOOL_CALLS]"));
                match self.marker("[ARGS]") {
                    between @ Grammar::Token(_) => {
                        let call = |tool: &Callable| {
                            Grammar::Sequence(vec![Grammar::text(&tool.name), between.clone(), object(tool)])
                        };
                        Block { opener, body: one_of(tools.iter().map(call).collect()), may_repeat: true }
                    }
                    _ => once(opener, listed(json("arguments"))),
                }
            }
            // Its calls are messages of their own.
            Dialect::Addressed => return Err("this model's calls are messages, and its answers are none".to_owned()),
            Dialect::Functools => match self.marker("<|tool_call|>") {
                opener @ Grammar::Token(_) => {
                    let body = vec![listed(json("arguments")), self.marker("<|/tool_call|>")];
                    once(Some(opener), Grammar::Sequence(body))
                }
                _ => once(Some(Grammar::text("functools")), listed(json("arguments"))),
            },
        })
    }

    /// One of `tools`, with its arguments between marks.
    fn tagged(&self, marks: &Marks, tools: &[Callable]) -> Result<Grammar, Unwritable> {
        let written = Written::new(marks, self.tokenizer);
        tools.iter().map(|tool| written.call(tool)).collect::<Result<_, _>>().map(Grammar::Choice)
    }

    /// Text, in which whatever begins like a call is one.
    fn among_text(&self, dialect: Dialect, block: Block, most: Option<usize>) -> Grammar {
        let thinking = match self.language.form {
            SpeechForm::Between(markers) => match self.marker(markers.open) {
                Grammar::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        };
        let rest = |without, not_beginning| Grammar::Rest { without, not_beginning };
        let Block { opener, body, may_repeat } = &block;
        let (lead, without) = match opener {
            // Nothing announces a call but its bracket, at the very beginning.
            None => {
                let bracket = if dialect == Dialect::Pythonic { "[" } else { "{" };
                let text =
                    rest(dialect.openers().iter().map(|text| (*text).to_owned()).collect(), Some(bracket.to_owned()));
                return Grammar::Choice(vec![block.whole(most), text]);
            }
            Some(Grammar::Text(text)) => {
                let lead = Grammar::Through { end: text.clone(), not_beginning: thinking.clone() };
                (lead, vec![text.clone()])
            }
            Some(token) => (Grammar::Sequence(vec![rest(Vec::new(), thinking.clone()), token.clone()]), Vec::new()),
        };
        let call = Grammar::Sequence(vec![lead, body.clone()]);
        let calls = Grammar::Repeat(Box::new(call), 0, if *may_repeat { most } else { Some(1) });
        Grammar::Sequence(vec![calls, rest(without, thinking)])
    }
}

/// Calls as a model writes them.
struct Block {
    /// What announces them, where anything does.
    opener: Option<Grammar>,
    /// What comes behind it.
    body: Grammar,
    /// Whether each call is announced by itself.
    may_repeat: bool,
}

impl Block {
    fn whole(&self, most: Option<usize>) -> Grammar {
        let call = Grammar::Sequence(self.opener.iter().chain([&self.body]).cloned().collect());
        if self.may_repeat { repeated(call, Grammar::Blank, most) } else { call }
    }
}

/// Once, or up to `most` times.
fn repeated(call: Grammar, between: Grammar, most: Option<usize>) -> Grammar {
    let more = Grammar::Sequence(vec![between, call.clone()]);
    Grammar::Sequence(vec![call, Grammar::Repeat(Box::new(more), 0, most.map(|most| most - 1))])
}

pub fn anything() -> Grammar {
    Grammar::Rest { without: Vec::new(), not_beginning: None }
}

pub fn object(tool: &Callable) -> Grammar {
    Grammar::Json(tool.arguments.clone(), Spelling::Usual)
}

/// `{"name": "f", "arguments": {…}}`, as templates write it.
fn as_json(tool: &Callable, key: &str) -> Grammar {
    let head = format!("{{\"name\": {}, \"{key}\": ", Value::from(tool.name.as_str()));
    Grammar::Sequence(vec![Grammar::text(head), object(tool), Grammar::text("}")])
}
