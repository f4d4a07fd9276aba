//! What may be written, put together from texts, control tokens and schemas.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::schema::Schema;

/// How JSON may be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spelling {
    /// With the white space that people and models put into it, within bounds.
    #[default]
    Usual,
    /// So that it reads the same as a literal of Python: no escapes but those that both have.
    AsPython,
}

/// What may be written at some place of an answer.
#[derive(Debug, Clone)]
pub enum Grammar {
    /// This text.
    Text(String),
    /// This control token, which no text stands for.
    Token(u32),
    /// White space, a little or none.
    Blank,
    /// JSON that a schema holds for.
    Json(Schema, Spelling),
    /// Text without any of these in it, to the end of the answer.
    Rest {
        /// Texts that may not come.
        without: Vec<String>,
        /// A text that it may not begin with.
        not_beginning: Option<String>,
    },
    /// Text up to the first occurrence of a text, and that.
    Through {
        /// The text that ends it.
        end: String,
        /// A text that it may not begin with.
        not_beginning: Option<String>,
    },
    /// One after another.
    Sequence(Vec<Grammar>),
    /// One of these, at least one.
    Choice(Vec<Grammar>),
    /// As often as somebody likes, but at least so often and at most so often.
    Repeat(Box<Grammar>, usize, Option<usize>),
}

impl Grammar {
    /// `text`.
    pub fn text(text: impl Into<String>) -> Grammar {
        Grammar::Text(text.into())
    }

    /// This or nothing.
    pub fn optional(self) -> Grammar {
        Grammar::Repeat(Box::new(self), 0, Some(1))
    }

    /// In the language that llguidance reads, a dialect of Lark's.
    pub(crate) fn to_lark(&self) -> String {
        let mut lark = Lark::default();
        let start = lark.expression(self);
        format!("start: {start}\n{}", lark.rules)
    }
}

/// Rules under way.
#[derive(Default)]
struct Lark {
    rules: String,
    count: usize,
}

impl Lark {
    fn expression(&mut self, grammar: &Grammar) -> String {
        match grammar {
            Grammar::Text(text) => Value::from(text.as_str()).to_string(),
            Grammar::Token(id) => format!("<[{id}]>"),
            Grammar::Blank => self.rule("blank", "", "/[ \\t\\r\\n]{0,8}/"),
            Grammar::Json(schema, spelling) => format!("%json {}", with_options(schema, *spelling)),
            Grammar::Rest { without, not_beginning } => {
                let mut terms = vec!["/(?s:.*)/".to_owned()];
                terms.extend(without.iter().map(|text| format!("~/(?s:.*){}(?s:.*)/", pattern(text))));
                terms.extend(not_beginning.iter().map(|text| beginning_otherwise(text)));
                self.terminal(&terms.join(" & "))
            }
            Grammar::Through { end, not_beginning } => {
                let suffix = format!("[suffix={}]", Value::from(end.as_str()));
                let mut terms = vec!["/(?s:.*)/".to_owned()];
                terms.extend(not_beginning.iter().map(|text| beginning_otherwise(text)));
                let terminal = self.terminal(&terms.join(" & "));
                self.rule("through", &suffix, &terminal)
            }
            Grammar::Sequence(parts) => self.joined(parts, " "),
            Grammar::Choice(parts) => self.joined(parts, " | "),
            Grammar::Repeat(_, _, Some(0)) => Value::from("").to_string(),
            Grammar::Repeat(part, least, most) => {
                let part = self.expression(part);
                let part = self.rule("part", "", &part);
                match most {
                    Some(most) => format!("{part}{{{least},{most}}}"),
                    None => format!("{part}{{{least},}}"),
                }
            }
        }
    }

    fn joined(&mut self, parts: &[Grammar], between: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.expression(part)).collect();
        format!("({})", parts.join(between))
    }

    /// A rule for `body`; returns its name.
    fn rule(&mut self, name: &str, attributes: &str, body: &str) -> String {
        self.count += 1;
        let name = format!("{name}_{}", self.count);
        let _ = writeln!(self.rules, "{name}{attributes}: {body}"); // a String takes everything
        name
    }

    fn terminal(&mut self, body: &str) -> String {
        self.rule("TEXT", "", body)
    }
}

/// Not white space and then `text`.
fn beginning_otherwise(text: &str) -> String {
    format!("~/[ \\t\\r\\n]*{}(?s:.*)/", pattern(text))
}

/// A regular expression, between slashes, of exactly `text`.
fn pattern(text: &str) -> String {
    regex_syntax::escape(text).replace('/', "\\/")
}

/// White space where JSON may have some: none without an end, which small models do not find.
const BLANKS: &str = r"( |\n {0,32})?";
/// Escapes that JSON and Python read alike.
const SHARED_ESCAPES: &str = "nrt\\\"";

fn with_options(schema: &Schema, spelling: Spelling) -> Value {
    let mut options = json!({ "whitespace_flexible": true, "whitespace_pattern": BLANKS });
    if spelling == Spelling::AsPython {
        options["json_allowed_escapes"] = SHARED_ESCAPES.into();
    }
    let mut schema = schema.as_json().clone();
    // `true` and `{}` allow the same, and only the latter takes options.
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("x-guidance".to_owned(), options);
    }
    schema
}
