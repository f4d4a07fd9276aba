//! Answers as they come: server-sent events, and answers collected whole.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::batch::Event;
use plimsoll_engine::{Finish, Timings};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::ApiError;
use crate::worker::{Answers, Heard};

/// A comment goes out after so long without anything else, lest somebody between takes the connection for dead.
const PING: Duration = Duration::from_secs(10);
/// Events that may lie between here and the connection.
const AHEAD: usize = 64;

/// What makes events of what is heard.
pub trait Chunks: Send + 'static {
    /// What goes out before anything is heard, of each answer.
    fn begin(&mut self) -> Vec<Value>;
    /// What goes out for an event.
    fn hear(&mut self, choice: usize, event: &Event) -> Vec<Value>;
    /// What tells how many tokens there were, once every answer has ended.
    fn usage(&self, usage: &Usage) -> Value;
}

/// Tokens of a request and its answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    prompt: usize,
    completion: usize,
    cached: usize,
    /// Answers to each prompt.
    n: usize,
}

impl Usage {
    /// Before any of `n` answers to each prompt.
    pub fn of_prompt(prompt: usize, n: usize) -> Usage {
        Usage { prompt, n, ..Usage::default() }
    }

    /// Counts what an event of an answer tells. Answers to one prompt count what the first of them found cached.
    pub fn count(&mut self, choice: usize, event: &Event) {
        match event {
            Event::Token(_) => self.completion += 1,
            Event::Ended { timings: Timings { reused_tokens, .. }, .. } if choice.is_multiple_of(self.n.max(1)) => {
                self.cached += reused_tokens;
            }
            _ => {}
        }
    }

    /// As OpenAI has it.
    pub fn to_json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": { "cached_tokens": self.cached, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }
}

/// OpenAI's name for why an answer ended.
pub fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Interrupted => "stop",
        Finish::Length | Finish::ContextFull => "length",
    }
}

/// How many answers there are.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Prompts of the request.
    pub prompts: usize,
    /// Answers to each.
    pub n: usize,
}

/// Sends what `chunks` makes of all answers, one event after another, until `[DONE]`. Who closes the connection ends them.
pub fn events(answers: Answers, counts: Counts, include_usage: bool, chunks: impl Chunks) -> Response {
    let (sender, receiver) = mpsc::channel::<Bytes>(AHEAD);
    // Gone or refused ends both: dropping `answers` has the model stop.
    tokio::spawn(async move { send(answers, counts, include_usage, chunks, &sender).await });
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>));
    let headers = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

async fn send(
    mut answers: Answers,
    counts: Counts,
    include_usage: bool,
    mut chunks: impl Chunks,
    sender: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let piece = |mut chunk: Value| {
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    };
    for chunk in chunks.begin() {
        sender.send(piece(chunk)).await?;
    }
    let mut usage = Usage::of_prompt(answers.prompt_tokens, counts.n);
    let mut open = counts.prompts * counts.n;
    while open > 0 {
        let heard = tokio::select! {
            () = sender.closed() => return Ok(()),
            () = tokio::time::sleep(PING) => {
                sender.send(Bytes::from_static(b": still at it\n\n")).await?;
                continue;
            }
            heard = answers.heard.recv() => heard,
        };
        let Some((choice, event)) = heard else {
            return sender.send(data(&cut_off().to_json())).await;
        };
        usage.count(choice, &event);
        open -= usize::from(event.is_last());
        if let Event::Failed(error) = event {
            return sender.send(data(&ApiError::from(error).to_json())).await;
        }
        for chunk in chunks.hear(choice, &event) {
            sender.send(piece(chunk)).await?;
        }
    }
    if include_usage {
        sender.send(data(&chunks.usage(&usage))).await?;
    }
    sender.send(Bytes::from_static(b"data: [DONE]\n\n")).await
}

/// One event; JSON has no line breaks of its own.
fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn cut_off() -> ApiError {
    ApiError::internal("the answer was given up: it was not read for too long, or the server is ending")
}

/// Hears all answers to their end; `each` gets every event.
///
/// # Errors
/// One failed.
pub async fn collect(
    mut answers: Answers,
    counts: Counts,
    mut each: impl FnMut(usize, Event),
) -> Result<Usage, ApiError> {
    let mut usage = Usage::of_prompt(answers.prompt_tokens, counts.n);
    let mut open = counts.prompts * counts.n;
    while open > 0 {
        let (choice, event): Heard = answers.heard.recv().await.ok_or_else(cut_off)?;
        usage.count(choice, &event);
        open -= usize::from(event.is_last());
        match event {
            Event::Failed(error) => return Err(error.into()),
            event => each(choice, event),
        }
    }
    Ok(usage)
}
