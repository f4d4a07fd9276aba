//! Chat templates: the Jinja programs that checkpoints carry, rendered as transformers renders them.
//!
//! The reference is transformers' `_compile_jinja_template` (an immutable sandbox with `trim_blocks`,
//! `lstrip_blocks`, loop controls, a `generation` block, its own `tojson`, `raise_exception`, `strftime_now`).

mod clock;
mod guard;
#[cfg(test)]
mod hostile;
mod jinja;
mod meter;
mod python;

pub use clock::{Clock, ClockError};

use std::cell::Cell;
use std::sync::Arc;

use plimsoll_models::Checkpoint;
use serde_json::{Map, Value as Json};

use crate::control_text::{ControlTexts, GuardedText};
use crate::foreign;
use jinja::render::Renderer;
use jinja::tree::Tree;
use meter::Meter;
use python::{Fail, Value};

/// The bytes a template's source may have; published ones have up to 40 thousand.
const MAX_SOURCE_BYTES: usize = 1 << 20;
/// The stack of a rendering: as much as the deepest nesting that [`meter`] allows takes, in a build without optimisation.
const STACK_BYTES: usize = 256 << 20;

/// Why a template could not be compiled or rendered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TemplateError {
    /// The source is not a template that this engine reads.
    #[error("the chat template does not compile: {0}")]
    Syntax(String),
    /// There is one in files that cannot be read.
    #[error("the chat template cannot be read: {0}")]
    Unreadable(String),
    /// The template itself refused the conversation (`raise_exception`).
    #[error("the chat template refuses this conversation: {0}")]
    Refused(String),
    /// An expression failed: a missing attribute, a wrong type.
    #[error("the chat template fails on this conversation: {0}")]
    Render(String),
    /// What is wrong, and where the template comes from.
    #[error("{file}: {error}")]
    InFile {
        /// The file, and the key where it has several.
        file: String,
        /// What is wrong.
        error: Box<TemplateError>,
    },
    /// The template ran longer, or wrote more, than any honest one.
    #[error("the chat template {0}")]
    TooMuch(&'static str),
    /// A request is no JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The last message cannot be left open.
    #[error("continue_final_message: {0}")]
    Continue(String),
    /// A template variable has a type that cannot be what the template expects.
    #[error("request field `{field}` is {found}, expected {expected}")]
    Field {
        /// The field of the request.
        field: &'static str,
        /// What stood there.
        found: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
}

/// What a template is rendered from: a chat request and any further variables.
#[derive(Debug, Clone, Default)]
pub struct TemplateRequest {
    /// The conversation: an array of `{role, content, …}`.
    pub messages: Json,
    /// Tool definitions as the OpenAI API spells them; `None` renders as Jinja's `none`.
    pub tools: Option<Json>,
    /// Whether the prompt ends where the assistant is to speak.
    pub add_generation_prompt: bool,
    /// The field of the last message that the assistant is to go on with, which is left open; mostly `content`.
    pub continue_final_message: Option<String>,
    /// Everything else the template may read (`enable_thinking`, `documents`, …). These override
    /// `bos_token` and its kin.
    pub variables: Map<String, Json>,
    /// What `strftime_now` shows; `None` is the machine's local time.
    pub now: Option<Clock>,
}

impl TemplateRequest {
    /// Reads an OpenAI chat request from its text, with whole numbers of any length.
    ///
    /// # Errors
    /// It is no JSON, or no request.
    pub fn from_text(text: &str) -> Result<Self, TemplateError> {
        Self::from_json(python::json::read(text).map_err(TemplateError::NotJson)?)
    }

    /// Reads an OpenAI chat request: `messages`, `tools`, `continue_final_message`, `add_generation_prompt` (true, unless
    /// the last message is to be gone on with), and every other field as a template variable.
    ///
    /// # Errors
    /// A field is of another kind, or two contradict each other.
    pub fn from_json(request: Json) -> Result<Self, TemplateError> {
        let Json::Object(mut fields) = request else {
            return Err(TemplateError::Field {
                field: "(the request)",
                found: json_kind(&request),
                expected: "an object",
            });
        };
        let messages = fields.shift_remove("messages").unwrap_or(Json::Null);
        if !messages.is_array() {
            return Err(TemplateError::Field { field: "messages", found: json_kind(&messages), expected: "an array" });
        }
        let tools = fields.shift_remove("tools").filter(|tools| !tools.is_null());
        let continue_final_message = match fields.shift_remove("continue_final_message") {
            None | Some(Json::Null | Json::Bool(false)) => None,
            Some(Json::Bool(true)) => Some("content".to_owned()),
            Some(Json::String(field)) => Some(field),
            Some(other) => {
                return Err(TemplateError::Field {
                    field: "continue_final_message",
                    found: json_kind(&other),
                    expected: "a boolean, or the name of a field",
                });
            }
        };
        let add_generation_prompt = match fields.shift_remove("add_generation_prompt") {
            None => continue_final_message.is_none(),
            Some(Json::Bool(true)) if continue_final_message.is_some() => {
                return Err(TemplateError::Field {
                    field: "add_generation_prompt",
                    found: "true",
                    expected: "false where `continue_final_message` leaves the last message open",
                });
            }
            Some(Json::Bool(flag)) => flag,
            Some(other) => {
                return Err(TemplateError::Field {
                    field: "add_generation_prompt",
                    found: json_kind(&other),
                    expected: "a boolean",
                });
            }
        };
        Ok(Self { messages, tools, add_generation_prompt, continue_final_message, variables: fields, now: None })
    }
}

/// Messages as templates get them: without keys that say nothing, as APIs send them for what is not there, and with
/// reasoning under the names that templates read: `reasoning_content`, and for some `thinking`, wherever a message has it
/// under one of the three names in use. Source: transformers' `_normalize_chat_messages`, `_alias_reasoning_fields`.
fn normalised(messages: &Json) -> Json {
    let Json::Array(messages) = messages else { return messages.clone() };
    let aliased = messages.iter().map(|message| {
        let mut message = message.clone();
        if let Json::Object(fields) = &mut message {
            fields.retain(|_, value| !value.is_null());
        }
        let reasoning = REASONING.iter().find_map(|name| message.get(name).filter(|reasoning| !reasoning.is_null()));
        let (Json::Object(fields), Some(reasoning)) = (&message, reasoning) else { return message };
        let mut all = Map::from_iter([("thinking".to_owned(), reasoning.clone())]);
        all.extend(fields.clone());
        all.insert("reasoning_content".to_owned(), reasoning.clone());
        Json::Object(all)
    });
    Json::Array(aliased.collect())
}

/// The names that reasoning has in use. Source: transformers' `_REASONING_FIELDS`.
pub const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

fn text_part(text: Json) -> Json {
    serde_json::json!([{"type": "text", "text": text}])
}

fn json_kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "missing or null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

/// A compiled chat template and the special-token variables (`bos_token`, …) it is rendered with.
///
/// ```
/// use plimsoll_engine::{ChatTemplate, TemplateRequest};
/// use serde_json::json;
///
/// let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}";
/// let template = ChatTemplate::new(source, [("bos_token", "<s>")])?;
/// let request = TemplateRequest::from_json(json!({"messages": [{"role": "user", "content": "Hi"}]}))?;
/// assert_eq!(template.render(&request)?, "<|user|>Hi");
/// # Ok::<(), plimsoll_engine::TemplateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    tree: Arc<Tree>,
    /// The template for requests with tools, where the maker published one of its own.
    for_tools: Option<Arc<Tree>>,
    source: String,
    special_tokens: Vec<(String, String)>,
    reads_parts: bool,
}

impl ChatTemplate {
    /// The template of a checkpoint, if it has one. `special_tokens` are those of its tokenizer
    /// ([`crate::Tokenizer::template_variables`]): variable names and texts.
    ///
    /// # Errors
    /// It does not compile.
    pub fn of(checkpoint: &Checkpoint, special_tokens: &[(String, String)]) -> Result<Option<Self>, TemplateError> {
        let Some(template) = checkpoint.chat_template.as_ref() else { return Ok(None) };
        if let Some(what) = &template.unusable {
            return Err(TemplateError::Unreadable(what.clone()));
        }
        let Some(source) = template.default.as_deref() else { return Ok(None) };
        let in_file = |error| TemplateError::InFile { file: template.source.clone(), error: Box::new(error) };
        let mut made = ChatTemplate::new(source, special_tokens.iter().cloned()).map_err(in_file)?;
        made.for_tools = template.tool_use.as_deref().map(parsed).transpose().map_err(in_file)?;
        Ok(Some(made))
    }

    /// Compiles `source`. `special_tokens` are variable names and texts, as in `("eos_token", "</s>")`.
    ///
    /// # Errors
    /// It does not compile.
    pub fn new<N: Into<String>, T: Into<String>>(
        source: &str,
        special_tokens: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, TemplateError> {
        let tree = parsed(source)?;
        let special_tokens = special_tokens.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        let mut template =
            Self { tree, for_tools: None, source: source.to_owned(), special_tokens, reads_parts: false };
        template.reads_parts = template.probe_parts();
        Ok(template)
    }

    /// Another template with the same special tokens.
    pub(crate) fn with_source(&self, source: &str) -> Result<Self, TemplateError> {
        ChatTemplate::new(source, self.special_tokens.iter().cloned())
    }

    /// The source as the checkpoint gives it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the template writes itself: its own text, and the strings within its code.
    pub fn literals(&self) -> Vec<&str> {
        let trees = [Some(&self.tree), self.for_tools.as_ref()];
        trees.into_iter().flatten().flat_map(|tree| &tree.literals).map(|literal| &**literal).collect()
    }

    /// Whether the template reads `enable_thinking`, so that a reasoning switch does something.
    pub fn supports_thinking(&self) -> bool {
        self.source.contains("enable_thinking")
    }

    /// Whether the template reads `tools`, or the maker published one for them.
    pub fn supports_tools(&self) -> bool {
        self.for_tools.is_some() || self.source.contains("tools")
    }

    /// The request with messages in the form that this template reads: templates of vision models take `content` as a
    /// list of parts and would print nothing of a plain string.
    pub fn with_expected_content(&self, request: &TemplateRequest) -> TemplateRequest {
        let mut request = request.clone();
        if !self.reads_parts {
            return request;
        }
        for message in request.messages.as_array_mut().into_iter().flatten() {
            if let Some(content) = message.get_mut("content").filter(|content| content.is_string()) {
                *content = text_part(content.take());
            }
        }
        request
    }

    /// Tries both forms: a template that shows a list's text but not a string's reads parts.
    fn probe_parts(&self) -> bool {
        const PROBE: &str = "plimsoll-probe";
        let shows = |content: Json| {
            let messages = Json::Array(vec![serde_json::json!({"role": "user", "content": content})]);
            let request = TemplateRequest { messages, ..TemplateRequest::default() };
            self.render_within(meter::PROBE, &request, &[]).is_ok_and(|text| text.contains(PROBE))
        };
        !shows(PROBE.into()) && shows(text_part(PROBE.into()))
    }

    /// Renders the prompt, character for character as transformers does.
    ///
    /// # Errors
    /// The template refuses the conversation or fails on it, or takes more than any honest one.
    pub fn render(&self, request: &TemplateRequest) -> Result<String, TemplateError> {
        self.render_with(request, &[])
    }

    /// Renders the prompt and keeps apart which control-token texts the template wrote and which stood in the
    /// request. `controls` are the tokenizer's control tokens. See [`GuardedText`].
    pub fn render_guarded(
        &self,
        request: &TemplateRequest,
        controls: &ControlTexts,
    ) -> Result<GuardedText, TemplateError> {
        guard::render(self, request, controls)
    }

    /// `guards` are characters that `tojson` must let through even where it escapes everything beyond ASCII.
    fn render_with(&self, request: &TemplateRequest, guards: &[char]) -> Result<String, TemplateError> {
        self.render_within(meter::RENDERING, request, guards)
    }

    fn render_within(
        &self,
        budget: meter::Budget,
        request: &TemplateRequest,
        guards: &[char],
    ) -> Result<String, TemplateError> {
        let clock = request.now.unwrap_or_else(Clock::local);
        let mut messages = normalised(&request.messages);
        let open = match &request.continue_final_message {
            Some(field) => Some(self.left_open(&mut messages, field)?),
            None => None,
        };
        let tree = self.for_tools.as_ref().filter(|_| request.tools.is_some()).unwrap_or(&self.tree);
        let line = std::sync::atomic::AtomicUsize::new(0);
        let rendered = with_stack(|| {
            let meter = Meter::new(budget);
            let variables = self.variables(request, &messages, &meter)?;
            let renderer =
                Renderer { meter: &meter, clock, guards, line: Cell::new(0), prints_constant: Cell::new(false) };
            let rendered = renderer.render(tree, variables);
            line.store(renderer.line.get(), std::sync::atomic::Ordering::Relaxed);
            rendered
        })?;
        let rendered = rendered.map_err(|fail| match fail {
            Fail::Error(what) => TemplateError::Render(format!("{what} (line {} of the template)", line.into_inner())),
            Fail::Refused(words) => TemplateError::Refused(words),
            Fail::TooMuch(what) => TemplateError::TooMuch(what),
        })?;
        match open {
            Some(last) => cut_open(rendered, &last),
            None => Ok(rendered),
        }
    }

    /// What the template can read.
    fn variables(
        &self,
        request: &TemplateRequest,
        messages: &Json,
        meter: &Meter,
    ) -> python::Outcome<Vec<(Arc<str>, Value)>> {
        let mut variables: Vec<(Arc<str>, Value)> = vec![
            ("messages".into(), python::json::to_value(messages, meter)?),
            (
                "tools".into(),
                request.tools.as_ref().map_or(Ok(Value::None), |tools| python::json::to_value(tools, meter))?,
            ),
            ("documents".into(), Value::None),
            ("add_generation_prompt".into(), Value::Bool(request.add_generation_prompt)),
        ];
        let mut set = |name: &str, value: Value| match variables.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, old)) => *old = value,
            None => variables.push((name.into(), value)),
        };
        for (name, text) in &self.special_tokens {
            set(name, Value::text(text));
        }
        for (name, value) in &request.variables {
            set(name, python::json::to_value(value, meter)?);
        }
        Ok(variables)
    }

    /// Marks the last message, so that the prompt can be cut where it ends; gives its text. Source: transformers'
    /// `render_jinja_template`.
    fn left_open(&self, messages: &mut Json, field: &str) -> Result<String, TemplateError> {
        let fail = |what: String| TemplateError::Continue(what);
        let Some(last) = messages.as_array_mut().and_then(|messages| messages.last_mut()) else {
            return Err(fail("the conversation is empty".to_owned()));
        };
        let Some(value) = last.get(field).cloned() else {
            return Err(fail(format!("the last message has no `{field}` to go on with")));
        };
        // Reasoning stands under several names, whichever the template reads.
        let is_copy = |name: &&str| last.get(*name) == Some(&value);
        let fields: Vec<&str> =
            if REASONING.contains(&field) { REASONING.into_iter().filter(is_copy).collect() } else { vec![field] };
        if !fields.iter().any(|field| self.source.contains(field)) {
            return Err(fail(format!("the template does not read `{field}`")));
        }
        let mut marked = value.clone();
        let text = match &mut marked {
            Json::String(text) => text,
            Json::Array(parts) => {
                let part = parts.iter_mut().rev().find_map(|part| part.get_mut("text"));
                match part {
                    Some(Json::String(text)) => text,
                    _ => return Err(fail("the last message has no text to go on with".to_owned())),
                }
            }
            _ => return Err(fail(format!("`{field}` of the last message is no text"))),
        };
        let whole = text.clone();
        text.push_str(OPEN_END);
        for field in fields {
            last[field] = marked.clone();
        }
        Ok(whole)
    }
}

/// What marks the end of a message that is left open, with the blank that tells whether the template trims it. Source:
/// transformers' `continue_final_message_tag`.
const OPEN_END: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

/// The prompt up to where the last message, whose text is `last`, was marked.
fn cut_open(rendered: String, last: &str) -> Result<String, TemplateError> {
    let trim = |text: &str| text.trim_matches(python::text::is_space).to_owned();
    let end = rendered.rfind(OPEN_END.trim_end());
    let (true, Some(end)) = (rendered.contains(&trim(last)), end) else {
        return Err(TemplateError::Continue("the last message does not stand in what the template writes".to_owned()));
    };
    let kept = &rendered[..end];
    // Where the template trimmed the message, so is what stands before the mark.
    let whole = rendered[end..].starts_with(OPEN_END);
    Ok(if whole { kept } else { kept.trim_end_matches(python::text::is_space) }.to_owned())
}

fn parsed(source: &str) -> Result<Arc<Tree>, TemplateError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(TemplateError::TooMuch("is longer than a mebibyte"));
    }
    with_stack(|| jinja::parser::parse(source))?.map(Arc::new).map_err(TemplateError::Syntax)
}

/// Runs what nests deeply on a stack of its own, which holds the deepest nesting that is allowed.
fn with_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, TemplateError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || foreign::catch(run));
        let thread = thread.map_err(|error| TemplateError::Render(format!("no stack to render on: {error}")))?;
        match thread.join() {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) | Err(_) => Err(TemplateError::Render("an expression is beyond the template engine".into())),
        }
    })
}
