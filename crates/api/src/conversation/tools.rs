//! What the model may call.

use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::error::ApiError;

/// Tools that one request may have, as OpenAI has it.
const MOST_TOOLS: usize = 128;
/// Letters that a tool's name may have, as OpenAI has it.
pub const LONGEST_NAME: usize = 64;
/// Why an answer cannot be made to call.
const UNCONSTRAINED: &str = "answers cannot be constrained yet, so nothing can make the model call";

/// Whether the model calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// If it wants to.
    Auto,
    /// Never: nothing that looks like a call is one.
    None,
    /// It has to.
    Required,
    /// It has to call this tool.
    Named(String),
}

impl Choice {
    /// Checks that it can be promised: here a constraint would be made of it.
    ///
    /// # Errors
    /// The answer would have to be constrained.
    pub fn honoured(self) -> Result<Choice, ApiError> {
        match self {
            Choice::Auto | Choice::None => Ok(self),
            Choice::Required | Choice::Named(_) => Err(ApiError::bad(
                "tool_choice",
                format!("the model can be left to call or kept from it: {UNCONSTRAINED}"),
            )),
        }
    }
}

/// A tool.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// As the template gets it, which is as OpenAI's chat has it.
    pub definition: Value,
    /// Where the request has its name.
    pub place: String,
}

impl Tool {
    /// Of an API that defines tools otherwise than OpenAI's chat; `place` is where the request has its name.
    pub fn new(name: String, description: Option<String>, parameters: Option<Value>, place: String) -> Tool {
        let mut function = Map::from_iter([("name".to_owned(), name.as_str().into())]);
        function.extend(description.map(|text| ("description".to_owned(), text.into())));
        function.extend(parameters.map(|schema| ("parameters".to_owned(), schema)));
        Tool { name, definition: json!({ "type": "function", "function": function }), place }
    }
}

/// What an answer may call.
#[derive(Debug, Clone)]
pub struct Callable {
    /// The tools.
    pub names: Vec<String>,
    /// Whether it may call once only.
    pub once: bool,
}

/// What a model may call.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The definitions, as the template gets them.
    pub definitions: Vec<Value>,
    /// Their names.
    pub names: Vec<String>,
    /// Whether calls are looked for.
    pub choice: Choice,
    /// Whether an answer may call once only.
    pub once: bool,
}

impl Tools {
    /// Tools of a request to a model that writes `language`, each as it was read; nothing where there are none.
    ///
    /// # Errors
    /// The model knows no tools, there are too many, one could not be read, or two have one name.
    pub fn new(
        tools: impl ExactSizeIterator<Item = Result<Tool, ApiError>>,
        choice: Choice,
        language: &Language,
    ) -> Result<Option<Tools>, ApiError> {
        if tools.len() == 0 {
            return Ok(None);
        }
        if language.dialect.is_none() {
            let what = "the model's template shows it no tools, or has no format of calls that is read here";
            return Err(ApiError::bad("tools", what));
        }
        if tools.len() > MOST_TOOLS {
            let what = format!("`tools` has {} tools, expected at most {MOST_TOOLS}", tools.len());
            return Err(ApiError::bad("tools", what));
        }
        let (mut names, mut definitions) = (Vec::new(), Vec::new());
        for tool in tools {
            let Tool { name, definition, place } = tool?;
            if names.contains(&name) {
                return Err(ApiError::bad(place, format!("two tools are called `{name}`")));
            }
            names.push(name);
            definitions.push(definition);
        }
        Ok(Some(Tools { definitions, names, choice, once: false }))
    }

    /// What may be called, where calls are looked for.
    pub fn callable(&self) -> Option<Callable> {
        (self.choice != Choice::None).then(|| Callable { names: self.names.clone(), once: self.once })
    }
}

/// The name of a tool, of up to `longest` letters; `place` is where the request has it.
///
/// # Errors
/// It is none.
pub fn name(given: Option<&Value>, longest: usize, place: &str) -> Result<String, ApiError> {
    let may_stand = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    match given.and_then(Value::as_str) {
        Some(name) if (1..=longest).contains(&name.len()) && name.bytes().all(may_stand) => Ok(name.to_owned()),
        _ => {
            let what = format!("a function needs a `name` of 1 to {longest} letters, digits, `_` and `-`");
            Err(ApiError::bad(place, what))
        }
    }
}
