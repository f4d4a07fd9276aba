//! Chat templates: the Jinja programs that checkpoints carry, rendered as transformers renders them.
//!
//! The reference is transformers' `_compile_jinja_template` (an immutable sandbox with `trim_blocks`,
//! `lstrip_blocks`, loop controls, a `generation` block, its own `tojson`, `raise_exception`, `strftime_now`).

mod budget;
mod clock;
mod guard;
mod json;
mod operands;
mod python;
mod rewrite;

pub use clock::{Clock, ClockError};
pub use guard::{ControlTexts, GuardedText};

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, ErrorKind};
use plimsoll_formats::Checkpoint;
use serde_json::{Map, Value as Json};

use crate::foreign;
use crate::tokenizer::Tokenizer;

/// The instructions one rendering may execute; a thousand messages take every published template less.
const FUEL: u64 = 10_000_000;
/// The bytes one rendering may produce.
const MAX_OUTPUT_BYTES: usize = 64 << 20;
/// The bytes a template's source may have; published ones have up to 40 thousand.
const MAX_SOURCE_BYTES: usize = 1 << 20;
const TEMPLATE_NAME: &str = "chat_template";

/// Why a template could not be compiled or rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The source is not a template that this engine reads.
    #[error("the chat template does not compile: {0}")]
    Syntax(String),
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
    /// Everything else the template may read (`enable_thinking`, `documents`, …). These override
    /// `bos_token` and its kin.
    pub variables: Map<String, Json>,
    /// What `strftime_now` shows; `None` is the machine's local time.
    pub now: Option<Clock>,
}

impl TemplateRequest {
    /// Reads an OpenAI chat request: `messages`, `tools`, `add_generation_prompt` (default true), and every
    /// other field as a template variable.
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
        let add_generation_prompt = match fields.shift_remove("add_generation_prompt") {
            None => true,
            Some(Json::Bool(flag)) => flag,
            Some(other) => {
                return Err(TemplateError::Field {
                    field: "add_generation_prompt",
                    found: json_kind(&other),
                    expected: "a boolean",
                });
            }
        };
        Ok(Self { messages, tools, add_generation_prompt, variables: fields, now: None })
    }
}

/// Reasoning under the names that templates read: `reasoning_content`, and for some `thinking`, wherever a message
/// has it under one of the three names in use. Source: transformers' `_alias_reasoning_fields`.
fn with_reasoning_fields(messages: &Json) -> Json {
    let Json::Array(messages) = messages else { return messages.clone() };
    let aliased = messages.iter().map(|message| {
        let names = ["reasoning_content", "thinking", "reasoning"];
        let reasoning = names.iter().find_map(|name| message.get(name).filter(|reasoning| !reasoning.is_null()));
        let (Json::Object(fields), Some(reasoning)) = (message, reasoning) else { return message.clone() };
        let mut all = Map::from_iter([("thinking".to_owned(), reasoning.clone())]);
        all.extend(fields.clone());
        all.insert("reasoning_content".to_owned(), reasoning.clone());
        Json::Object(all)
    });
    Json::Array(aliased.collect())
}

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
    environment: Environment<'static>,
    source: String,
    special_tokens: Vec<(String, String)>,
    reads_parts: bool,
}

impl ChatTemplate {
    /// The template of a checkpoint, if it has one, with the special tokens of its tokenizer.
    ///
    /// # Errors
    /// It does not compile.
    pub fn of(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> Result<Option<Self>, TemplateError> {
        let Some(template) = checkpoint.chat_template.as_ref() else { return Ok(None) };
        let Some(source) = template.default.as_deref() else { return Ok(None) };
        let variables = tokenizer.template_variables().iter().cloned();
        let in_file = |error| TemplateError::InFile { file: template.source.clone(), error: Box::new(error) };
        ChatTemplate::new(source, variables).map(Some).map_err(in_file)
    }

    /// Compiles `source`. `special_tokens` are variable names and texts, as in `("eos_token", "</s>")`.
    pub fn new<N: Into<String>, T: Into<String>>(
        source: &str,
        special_tokens: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, TemplateError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(TemplateError::TooMuch("is longer than a mebibyte"));
        }
        let mut environment = Environment::new();
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| TemplateError::Syntax(error.to_string()))?);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(python::method);
        budget::install(&mut environment);
        environment.add_filter("tojson", json::tojson);
        environment.add_filter("trim", python::trim);
        environment.add_filter("string", python::string);
        environment.set_formatter(|out, state, value| {
            budget::charge_printed(value)?;
            match value.kind() {
                ValueKind::Number => out.write_str(&python::to_string(value)).map_err(Into::into),
                _ => minijinja::escape_formatter(out, state, value),
            }
        });
        let written = rewrite::text_bytes(source);
        environment.add_filter(rewrite::EACH, move |items: Value| python::each(items, written));
        environment.add_test("iterable", python::is_iterable);
        environment.add_function("raise_exception", raise_exception);
        environment
            .add_template_owned(TEMPLATE_NAME, rewrite::rewrite(source))
            .map_err(|error| TemplateError::Syntax(describe(&error)))?;
        let special_tokens = special_tokens.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        let mut template = Self { environment, source: source.to_owned(), special_tokens, reads_parts: false };
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

    /// Whether the template reads `enable_thinking`, so that a reasoning switch does something.
    pub fn supports_thinking(&self) -> bool {
        self.source.contains("enable_thinking")
    }

    /// Whether the template reads `tools`.
    pub fn supports_tools(&self) -> bool {
        self.source.contains("tools")
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
            self.render_within(budget::PROBE_BYTES, &request, &[]).is_ok_and(|text| text.contains(PROBE))
        };
        !shows(PROBE.into()) && shows(text_part(PROBE.into()))
    }

    /// Renders the prompt, character for character as transformers does.
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
        self.render_within(budget::MAX_BYTES, request, guards)
    }

    fn render_within(&self, bytes: usize, request: &TemplateRequest, guards: &[char]) -> Result<String, TemplateError> {
        let clock = request.now.unwrap_or_else(Clock::local);
        let mut context: Vec<(String, Value)> = vec![
            ("messages".into(), json::to_template_value(&with_reasoning_fields(&request.messages))),
            ("tools".into(), request.tools.as_ref().map_or(Value::from(()), json::to_template_value)),
            ("documents".into(), Value::from(())),
            ("add_generation_prompt".into(), Value::from(request.add_generation_prompt)),
            (
                "strftime_now".into(),
                Value::from_function(move |format: &str| {
                    clock
                        .strftime(format)
                        .map_err(|e| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string()))
                }),
            ),
        ];
        context.extend(self.special_tokens.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))));
        context.extend(request.variables.iter().map(|(name, value)| (name.clone(), json::to_template_value(value))));
        if !guards.is_empty() {
            context.push((json::GUARDS_VARIABLE.into(), Value::from(guards.iter().collect::<String>())));
        }
        let template = self.environment.get_template(TEMPLATE_NAME).map_err(|error| refusal(&error))?;
        let mut output = CappedOutput::default();
        let context = Value::from_pairs(context);
        let outcome =
            foreign::catch(|| budget::within(bytes, || template.render_captured_to(context, &mut output).map(drop)))
                .map_err(|foreign::Panicked| {
                    TemplateError::Render("an expression is beyond the template engine".into())
                })?;
        if output.overflowed {
            return Err(TemplateError::TooMuch("writes more than 64 MiB"));
        }
        outcome.map_err(|error| refusal(&error))?;
        // minijinja writes whole strings, so the bytes are UTF-8.
        String::from_utf8(output.bytes).map_err(|error| TemplateError::Render(error.to_string()))
    }
}

/// Collects a rendering up to [`MAX_OUTPUT_BYTES`].
#[derive(Default)]
struct CappedOutput {
    bytes: Vec<u8>,
    overflowed: bool,
}

impl std::io::Write for CappedOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            self.overflowed = true;
            return Err(std::io::Error::other("the output limit is reached"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Marks an error as the template's own refusal, so that its message is shown without an engine's prefix.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn raise_exception(message: &Value) -> Result<Value, minijinja::Error> {
    let raised = Raised(message.to_string());
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, raised.0.clone()).with_source(raised))
}

fn refusal(error: &minijinja::Error) -> TemplateError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError::TooMuch("runs without end (10 million steps)");
    }
    let mut source = std::error::Error::source(error);
    if source.is_some_and(|cause| cause.is::<budget::Exhausted>()) {
        return TemplateError::TooMuch("builds more than 512 MiB of text");
    }
    while let Some(cause) = source {
        if let Some(Raised(message)) = cause.downcast_ref::<Raised>() {
            return TemplateError::Refused(message.clone());
        }
        source = cause.source();
    }
    TemplateError::Render(describe(error))
}

fn describe(error: &minijinja::Error) -> String {
    let detail =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    match error.line() {
        Some(line) => format!("{detail} (line {line} of the template)"),
        None => detail,
    }
}
