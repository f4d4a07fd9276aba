//! What answers are held to: a format, tools that have to be called or called strictly.

use plimsoll_engine::Tokenizer;
use plimsoll_grammar::{Constraint, ConstraintError, Grammar, Grammars, Schema, Spelling};
use serde_json::{Value, json};

use super::format::Format;
use super::tools::{Choice, Tool, Tools};
use crate::calls::{Callable, Calling, Language, Writer};
use crate::error::ApiError;

/// What a conversation's answers are held to.
pub struct Held {
    /// What they are where they call nothing.
    pub format: Format,
    /// What may be called, unless nothing may.
    pub tools: Option<Tools>,
}

impl Held {
    /// Whether there is anything to hold them to.
    pub fn is_free(&self) -> bool {
        let is_held = |tools: &Tools| match tools.choice {
            Choice::Auto => !tools.may_repeat || tools.tools.iter().any(|tool| tool.is_strict),
            Choice::None => false,
            Choice::Required | Choice::Named(_) => true,
        };
        self.format == Format::Text && !self.tools.as_ref().is_some_and(is_held)
    }

    /// The constraint, for a model that writes `language`.
    ///
    /// # Errors
    /// A schema cannot be enforced; the error names where it stands.
    pub fn constraint(
        &self,
        language: &Language,
        tokenizer: &Tokenizer,
        grammars: &Grammars,
    ) -> Result<Constraint, ApiError> {
        let writer = Writer::new(language, tokenizer);
        let content = self.format.grammar()?;
        let Some(tools) = self.tools.as_ref().filter(|tools| tools.choice != Choice::None) else {
            let Some(content) = content else { return Err(ApiError::internal("nothing is asked of the answer")) };
            let place = self.format.place();
            return grammars.compile(&writer.content(content)).map_err(|error| refused(error, place));
        };
        let calling = Calling { is_required: tools.choice != Choice::Auto, may_repeat: tools.may_repeat };
        let called: Vec<&Tool> = tools.called().collect();
        let compiled = |callable: &[Callable]| {
            let grammar = writer.calls(callable, calling, content.clone()).map_err(ConstraintError::Grammar)?;
            grammars.compile(&grammar)
        };
        let callable = called.iter().map(|tool| read(tool)).collect::<Result<Vec<Callable>, _>>()?;
        let error = match compiled(&callable) {
            Ok(constraint) => return Ok(constraint),
            Err(error) => error,
        };
        // Which of them it is, and whether any object will do for it.
        let mut lenient = Vec::new();
        for (tool, callable) in called.iter().zip(callable) {
            match compiled(std::slice::from_ref(&callable)) {
                Ok(_) => lenient.push(callable),
                Err(error) if tool.is_strict => return Err(refused(error, &tool.parameters_at)),
                Err(_) => {
                    let some = Callable { is_held: false, ..callable };
                    let is_written = compiled(std::slice::from_ref(&some)).is_ok();
                    let any = |some| Callable { arguments: Schema::object(), ..some };
                    lenient.push(if is_written { some } else { any(some) });
                }
            }
        }
        compiled(&lenient).map_err(|_| refused(error, "tools"))
    }
}

/// What a tool may be called with. Where its schema cannot be enforced and nobody asked for it, any object is.
fn read(tool: &Tool) -> Result<Callable, ApiError> {
    let place = &tool.parameters_at;
    let mut parameters = match &tool.definition["function"]["parameters"] {
        Value::Null => json!({ "properties": {}, "additionalProperties": false }),
        parameters => parameters.clone(),
    };
    match parameters.get("type") {
        None => parameters["type"] = "object".into(),
        Some(kind) if kind == "object" => {}
        Some(kind) => {
            return Err(ApiError::bad(format!("{place}.type"), format!("arguments are an `object`, not {kind}")));
        }
    }
    let arguments = match Schema::read(&parameters) {
        Err(error) if tool.is_strict => {
            return Err(ApiError::bad(joined(place, &error.path), format!("the tool `{}`: {error}", tool.name)));
        }
        read => read.unwrap_or_else(|_| Schema::object()),
    };
    Ok(Callable { name: tool.name.clone(), arguments, is_held: true })
}

impl Format {
    fn grammar(&self) -> Result<Option<Grammar>, ApiError> {
        let schema = match self {
            Format::Text => return Ok(None),
            Format::Json => Schema::object(),
            Format::Schema { schema, place } => {
                Schema::read(schema).map_err(|error| ApiError::bad(joined(place, &error.path), error.to_string()))?
            }
        };
        Ok(Some(Grammar::Json(schema, Spelling::Usual)))
    }

    fn place(&self) -> &str {
        match self {
            Format::Schema { place, .. } => place,
            Format::Text | Format::Json => "response_format",
        }
    }
}

/// A place within a place.
fn joined(place: &str, path: &str) -> String {
    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    format!("{place}{dot}{path}")
}

fn refused(error: ConstraintError, place: &str) -> ApiError {
    ApiError::bad(place, error.to_string())
}
