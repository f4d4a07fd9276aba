//! What the model may call.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::calls::{Known, Language};
use crate::error::ApiError;

/// Tools that one request may have, as OpenAI has it.
const MOST_TOOLS: usize = 128;
/// Bytes that the definitions of all of them may have: what calls are held to is a multiple of these.
const LARGEST_TOOLS: usize = 1 << 20;
/// Letters that a tool's name may have, as OpenAI has it.
pub const LONGEST_NAME: usize = 64;

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

/// A tool.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// As the template gets it, which is as OpenAI's chat has it.
    pub definition: Value,
    /// Where the request has its name.
    pub place: String,
    /// Where the request has the schema of its arguments.
    pub parameters_at: String,
    /// Whether it may only be called with what that schema allows.
    pub is_strict: bool,
}

impl Tool {
    /// Of an API that defines tools otherwise than OpenAI's chat, and not strictly; `place` is where the request has its
    /// name, and its schema is taken to be there.
    pub fn new(name: String, description: Option<String>, parameters: Option<Value>, place: String) -> Tool {
        let mut function = Map::from_iter([("name".to_owned(), name.as_str().into())]);
        function.extend(description.map(|text| ("description".to_owned(), text.into())));
        function.extend(parameters.map(|schema| ("parameters".to_owned(), schema)));
        let definition = json!({ "type": "function", "function": function });
        Tool { name, definition, parameters_at: place.clone(), place, is_strict: false }
    }
}

/// What a model may call.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Each of them.
    pub tools: Vec<Tool>,
    /// Whether the model calls.
    pub choice: Choice,
    /// Whether an answer may call more than once.
    pub may_repeat: bool,
}

impl Tools {
    /// Tools of a request to a model that writes `language`, each as it was read; nothing where there are none.
    ///
    /// # Errors
    /// The model knows no tools, there are too many or too large ones, one could not be read, or two have one name.
    pub fn new(
        tools: impl ExactSizeIterator<Item = Result<Tool, ApiError>>,
        choice: Choice,
        language: &Language,
    ) -> Result<Option<Tools>, ApiError> {
        if tools.len() == 0 {
            return match choice {
                Choice::Auto | Choice::None => Ok(None),
                _ => Err(ApiError::bad("tool_choice", "there are no tools that could be called")),
            };
        }
        if language.dialect.is_none() {
            let what = "the model's template shows it no tools, or has no format of calls that is read here";
            return Err(ApiError::bad("tools", what));
        }
        if tools.len() > MOST_TOOLS {
            let what = format!("`tools` has {} tools, expected at most {MOST_TOOLS}", tools.len());
            return Err(ApiError::bad("tools", what));
        }
        let mut read: Vec<Tool> = Vec::new();
        let mut bytes = 0;
        for tool in tools {
            let tool = tool?;
            bytes += tool.definition.to_string().len();
            if bytes > LARGEST_TOOLS {
                let what = format!("the definitions of `tools` have more than {} MiB", LARGEST_TOOLS >> 20);
                return Err(ApiError::bad("tools", what));
            }
            if read.iter().any(|other| other.name == tool.name) {
                return Err(ApiError::bad(tool.place, format!("two tools are called `{}`", tool.name)));
            }
            read.push(tool);
        }
        let tools = Tools { tools: read, choice, may_repeat: true };
        match &tools.choice {
            Choice::Named(name) if tools.called().next().is_none() => {
                Err(ApiError::bad("tool_choice", format!("there is no tool `{name}` in `tools`")))
            }
            _ => Ok(Some(tools)),
        }
    }

    /// Those that may be called.
    pub fn called(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter().filter(|tool| match &self.choice {
            Choice::Auto | Choice::Required => true,
            Choice::Named(name) => tool.name == *name,
            Choice::None => false,
        })
    }

    /// The same, where calls are looked for, as whoever reads them has to know them.
    pub fn callable(&self) -> Option<Arc<[Known]>> {
        let known = |tool: &Tool| {
            let parameters = tool.definition["function"]["parameters"].clone();
            Known { name: tool.name.clone(), parameters }
        };
        (self.choice != Choice::None).then(|| self.called().map(known).collect())
    }

    /// The definitions, as the template gets them.
    pub fn definitions(&self) -> Vec<Value> {
        self.tools.iter().map(|tool| tool.definition.clone()).collect()
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
