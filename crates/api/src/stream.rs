//! Answers as they come, framed as an API has them, and answers collected whole.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::Timings;
use plimsoll_engine::batch::Event;
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

/// How events follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events without names, the last of which is `[DONE]`.
    Data,
    /// Server-sent events that are called what the `type` in them says.
    Typed,
    /// A line for each.
    Lines,
}

impl Framing {
    fn content_type(self) -> &'static str {
        match self {
            Framing::Data | Framing::Typed => "text/event-stream; charset=utf-8",
            Framing::Lines => "application/x-ndjson",
        }
    }

    /// One event; JSON has no line breaks of its own.
    fn event(self, value: &Value) -> Bytes {
        Bytes::from(match self {
            Framing::Data => format!("data: {value}\n\n"),
            Framing::Typed => {
                let name = value["type"].as_str().unwrap_or("error");
                format!("event: {name}\ndata: {value}\n\n")
            }
            Framing::Lines => format!("{value}\n"),
        })
    }

    /// What keeps a connection open while there is nothing to tell, where anything can that says nothing.
    fn ping(self) -> Option<Bytes> {
        match self {
            Framing::Data | Framing::Typed => Some(Bytes::from_static(b": still at it\n\n")),
            Framing::Lines => None,
        }
    }

    /// What stands after the last event of an answer that came to its end.
    fn last(self) -> Option<Bytes> {
        match self {
            Framing::Data => Some(Bytes::from_static(b"data: [DONE]\n\n")),
            Framing::Typed | Framing::Lines => None,
        }
    }
}

/// What makes events of what is heard.
pub trait Chunks: Send + 'static {
    /// How they follow one another.
    const FRAMING: Framing;
    /// What goes out before anything is heard; `usage` knows the prompt.
    fn begin(&mut self, usage: &Usage) -> Vec<Value>;
    /// What goes out for an event of an answer.
    fn hear(&mut self, choice: usize, event: &Event) -> Vec<Value>;
    /// What goes out once every answer has ended.
    fn end(&mut self, usage: &Usage) -> Vec<Value>;
    /// What goes out where an answer cannot go on.
    fn fail(&mut self, error: &ApiError) -> Vec<Value> {
        vec![error.to_json()]
    }
}

/// Tokens of a request and its answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Of the prompts.
    pub prompt: usize,
    /// Of the answers.
    pub completion: usize,
    /// Of the prompts, those that were read before.
    pub cached: usize,
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

/// How many answers there are.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Prompts of the request.
    pub prompts: usize,
    /// Answers to each.
    pub n: usize,
}

/// Sends what `chunks` makes of all answers, one event after another. Who closes the connection ends them.
pub fn events<C: Chunks>(answers: Answers, counts: Counts, chunks: C) -> Response {
    let (sender, receiver) = mpsc::channel::<Bytes>(AHEAD);
    // Gone or refused ends both: dropping `answers` has the model stop.
    tokio::spawn(async move { send(answers, counts, chunks, &sender).await });
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>));
    let headers = [(header::CONTENT_TYPE, C::FRAMING.content_type()), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

type Sent = Result<(), mpsc::error::SendError<Bytes>>;

async fn send<C: Chunks>(mut answers: Answers, counts: Counts, mut chunks: C, sender: &mpsc::Sender<Bytes>) -> Sent {
    let mut usage = Usage::of_prompt(answers.prompt_tokens, counts.n);
    send_all::<C>(sender, chunks.begin(&usage)).await?;
    let mut open = counts.prompts * counts.n;
    while open > 0 {
        let heard = tokio::select! {
            () = sender.closed() => return Ok(()),
            () = tokio::time::sleep(PING) => {
                if let Some(ping) = C::FRAMING.ping() {
                    sender.send(ping).await?;
                }
                continue;
            }
            heard = answers.heard.recv() => heard,
        };
        let Some((choice, event)) = heard else { return send_all::<C>(sender, chunks.fail(&cut_off())).await };
        usage.count(choice, &event);
        open -= usize::from(event.is_last());
        if let Event::Failed(error) = event {
            return send_all::<C>(sender, chunks.fail(&error.into())).await;
        }
        send_all::<C>(sender, chunks.hear(choice, &event)).await?;
    }
    send_all::<C>(sender, chunks.end(&usage)).await?;
    match C::FRAMING.last() {
        Some(last) => sender.send(last).await,
        None => Ok(()),
    }
}

async fn send_all<C: Chunks>(sender: &mpsc::Sender<Bytes>, events: Vec<Value>) -> Sent {
    for event in events {
        sender.send(C::FRAMING.event(&event)).await?;
    }
    Ok(())
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
