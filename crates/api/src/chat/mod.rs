//! `POST /v1/chat/completions`

mod answer;
mod likelihoods;
mod pieces;
#[cfg(test)]
mod spoken;
mod tools;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::batch::Request;
use plimsoll_engine::{ImageInput, Session, TemplateRequest};
use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::Generation;
use crate::models::Models;
use crate::stream::Counts;
use crate::worker::Prepared;
use crate::{pictures, stream};
use answer::Whole;
use pieces::Pieces;
use tools::Tools;

/// Alternatives that a token can be shown with.
const MOST_ALTERNATIVES: usize = 20;

/// Template variables that a request may not set: they are the model's, or fields of their own.
const RESERVED: [&str; 9] = [
    "messages",
    "tools",
    "documents",
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "add_generation_prompt",
    "continue_final_message",
];

struct ChatRequest {
    template: TemplateRequest,
    pictures: Vec<ImageInput>,
    generation: Generation,
    /// Whether tokens are told with their likelihoods, and with as many alternatives.
    likelihoods: Option<usize>,
    /// The names of tools that may be called, where there are any.
    callable: Option<Vec<String>>,
}

/// Tokens at the end of a prompt among which a marker of thinking is looked for.
const PROMPT_END: usize = 32;

/// Answers a conversation.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (name, served) = models.find(&fields.need::<String>("model")?)?;
    let language = served.language;
    let mut request = read(fields, &language)?;
    let (generation, with_likelihoods) = (request.generation.clone(), request.likelihoods.is_some());
    let callable = request.callable.take();
    let is_thinking = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_thinking);
    let answers = served
        .answer(move |session| {
            let prepared = requests(session, &request)?;
            told.store(begins_thinking(session, &language, &prepared), Ordering::Relaxed);
            Ok(prepared)
        })
        .await?;
    let reading = answer::Reading { language, callable, is_thinking: is_thinking.load(Ordering::Relaxed) };
    let about = answer::About::new(name, Arc::clone(&served.tokenizer), with_likelihoods, reading)?;
    let counts = Counts { prompts: 1, n: generation.n };
    if generation.stream {
        return Ok(stream::events(answers, counts, generation.include_usage, Pieces::new(about, generation.n)));
    }
    let mut whole = Whole::new(about, generation.n);
    let usage = stream::collect(answers, counts, |choice, event| whole.hear(choice, &event)).await?;
    Ok(Json(whole.into_json(&usage)).into_response())
}

fn read(mut fields: Fields, language: &Language) -> Result<ChatRequest, ApiError> {
    fields.accept_only("modalities", &[json!(["text"])])?;
    fields.accept_only("verbosity", &[json!("medium")])?;
    fields.accept_only("response_format", &[json!({ "type": "text" })])?;
    for (name, why) in [
        ("functions", "it was replaced by `tools`"),
        ("function_call", "it was replaced by `tool_choice`"),
        ("reasoning_effort", "set the switch of the model's template in `chat_template_kwargs`"),
        ("audio", "models here write text"),
        ("web_search_options", "nothing is fetched from elsewhere"),
        ("moderation", "nothing is sent elsewhere"),
    ] {
        fields.refuse(name, why)?;
    }
    let alternatives: Option<usize> = fields.take("top_logprobs")?;
    let likelihoods = match (fields.take("logprobs")?.unwrap_or(false), alternatives) {
        (false, Some(_)) => return Err(ApiError::bad("top_logprobs", "`top_logprobs` needs `logprobs: true`")),
        (_, Some(n)) if n > MOST_ALTERNATIVES => {
            let what = format!("`top_logprobs` is {n}, expected 0 to {MOST_ALTERNATIVES}");
            return Err(ApiError::bad("top_logprobs", what));
        }
        (told, alternatives) => told.then_some(alternatives.unwrap_or(0)),
    };
    let (template, pictures, tools) = conversation(&mut fields, language)?;
    let callable = tools.filter(|tools| tools.may_call).map(|tools| tools.names);
    // `max_tokens` is the older name.
    let newer: Option<usize> = fields.take("max_completion_tokens")?;
    let mut generation = Generation::take(&mut fields)?;
    if let (Some(newer), Some(older)) = (newer, generation.max_tokens)
        && newer != older
    {
        return Err(ApiError::bad("max_tokens", "`max_tokens` and `max_completion_tokens` contradict each other"));
    }
    generation.max_tokens = newer.or(generation.max_tokens);
    fields.end()?;
    Ok(ChatRequest { template, pictures, generation, likelihoods, callable })
}

/// What a template is told, of a request without pictures.
///
/// # Errors
/// A field is of another kind, or a message shows a picture.
pub fn template_request(fields: &mut Fields, language: &Language) -> Result<TemplateRequest, ApiError> {
    let (request, pictures, _) = conversation(fields, language)?;
    match pictures.is_empty() {
        true => Ok(request),
        false => Err(ApiError::bad("messages", "how pictures stand in a prompt is not shown here")),
    }
}

type Conversation = (TemplateRequest, Vec<ImageInput>, Option<Tools>);

fn conversation(fields: &mut Fields, language: &Language) -> Result<Conversation, ApiError> {
    let mut tools = Tools::take(fields, language)?;
    let mut messages: Value = fields.need("messages")?;
    check_roles(&mut messages)?;
    let pictures = pictures::taken_out(&mut messages)?;
    let mut request: Map<String, Value> = fields.take("chat_template_kwargs")?.unwrap_or_default();
    if let Some(name) = request.keys().find(|name| RESERVED.contains(&name.as_str())) {
        let what = format!("the template variable `{name}` is not a request's to set");
        return Err(ApiError::bad(format!("chat_template_kwargs.{name}"), what));
    }
    request.insert("messages".to_owned(), messages);
    for name in ["add_generation_prompt", "continue_final_message"] {
        if let Some(flag) = fields.take::<bool>(name)? {
            request.insert(name.to_owned(), flag.into());
        }
    }
    let mut request = TemplateRequest::from_json(Value::Object(request))?;
    if let Some(tools) = &mut tools {
        language.show_tools(std::mem::take(&mut tools.definitions), &mut request);
    }
    Ok((request, pictures, tools))
}

/// Every message has a role that there is; a developer's is what templates call the system's.
fn check_roles(messages: &mut Value) -> Result<(), ApiError> {
    let Some(list) = messages.as_array_mut().filter(|list| !list.is_empty()) else {
        return Err(ApiError::bad("messages", "`messages` has to be an array with at least one message"));
    };
    for (at, message) in list.iter_mut().enumerate() {
        let place = format!("messages[{at}]");
        let Value::Object(message) = message else { return Err(ApiError::bad(place, "a message has to be an object")) };
        match message.get("role").and_then(Value::as_str) {
            Some("developer") => {
                message.insert("role".to_owned(), "system".into());
            }
            Some("system" | "user" | "assistant" | "tool") => {}
            Some(role) => return Err(ApiError::bad(format!("{place}.role"), format!("there is no role `{role}`"))),
            None => return Err(ApiError::bad(format!("{place}.role"), "a message needs a `role`")),
        }
        let has_calls = message.get("tool_calls").is_some_and(|calls| !calls.is_null());
        match message.get("content") {
            Some(Value::String(_) | Value::Array(_)) => {}
            None | Some(Value::Null) if has_calls => {
                message.insert("content".to_owned(), "".into());
            }
            _ => {
                return Err(ApiError::bad(
                    format!("{place}.content"),
                    "`content` has to be a text or an array of parts",
                ));
            }
        }
    }
    tools::read_calls(list)
}

/// Whether the template has the answer begin with thinking.
fn begins_thinking(session: &Session, language: &Language, prepared: &Prepared) -> bool {
    let ids = prepared.requests.first().map_or(&[][..], |request| &request.ids);
    let end = &ids[ids.len().saturating_sub(PROMPT_END)..];
    let bytes: Vec<u8> = end.iter().flat_map(|id| session.tokenizer().token_bytes(*id)).copied().collect();
    language.is_thinking_after(&String::from_utf8_lossy(&bytes))
}

fn requests(session: &mut Session, request: &ChatRequest) -> Result<Prepared, ApiError> {
    let encoded: Result<Vec<_>, _> = request.pictures.iter().map(|picture| session.encode_image(picture)).collect();
    let images = encoded?;
    let ids = session.chat_ids_with_images(&request.template, &images)?;
    let choice = |choice| Request {
        ids: ids.clone(),
        images: images.clone(),
        options: request.generation.options(session, choice),
        begins: true,
        likelihoods: request.likelihoods,
    };
    let (requests, prompt_tokens) = ((0..request.generation.n).map(choice).collect(), ids.len());
    Ok(Prepared { requests, prompt_tokens })
}
