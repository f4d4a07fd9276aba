//! Whether, and how much, the model thinks before it answers.

use serde_json::{Value, json};

use super::Told;
use crate::calls::Language;
use crate::error::ApiError;

/// What a request wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thinking {
    /// That it thinks.
    On,
    /// That it does not.
    Off,
    /// That it thinks so much: `low`, `medium`, `high`.
    Effort(String),
}

impl Thinking {
    /// What OpenAI's `effort` asks for; nothing where it is what happens anyway, `medium`, and the template reads none.
    pub fn of_effort(effort: &str, language: &Language) -> Option<Thinking> {
        match effort {
            "none" => Some(Thinking::Off),
            "medium" if !language.reads_effort => None,
            effort => Some(Thinking::Effort(effort.to_owned())),
        }
    }

    /// Sets the template's switch; the field `param` asks for it. What happens anyway needs no switch.
    ///
    /// # Errors
    /// The model cannot do it, or its template does not let it be said.
    pub fn ask(self, told: &mut Told, language: &Language, param: &str) -> Result<(), ApiError> {
        let mut set = |name: &str, value: Value| {
            told.template.variables.insert(name.to_owned(), value);
            Ok(())
        };
        let why = match (&self, language.switch) {
            (Thinking::On | Thinking::Off, Some(switch)) => return set(switch, json!(self == Thinking::On)),
            (Thinking::On, None) if language.thinks() => return Ok(()),
            (Thinking::Off, None) if !language.thinks() => return Ok(()),
            (Thinking::On, None) => "the model's template knows no thinking",
            (Thinking::Off, None) => "the model's template has no switch for its thinking",
            (Thinking::Effort(effort), _) if language.reads_effort => return set("reasoning_effort", json!(effort)),
            (Thinking::Effort(_), _) => "the model's template reads nothing of how much to think",
        };
        Err(ApiError::bad(param, format!("`{param}`: {why}")))
    }
}
