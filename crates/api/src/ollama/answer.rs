//! An answer as Ollama tells it, whole and in lines.

use axum::Json;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::Timings;
use plimsoll_engine::batch::Event;
use serde_json::{Map, Value, json};

use crate::calls::{Call, Ending, Reader, Said};
use crate::chat::likelihoods;
use crate::conversation::{Answering, Hearing};
use crate::error::ApiError;
use crate::stream::{self, Chunks, Framing, Usage};
use crate::surface::Surface;

/// Which of the two it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `/api/chat`
    Chat,
    /// `/api/generate`
    Generate,
}

/// What was said.
#[derive(Default)]
struct Part {
    text: String,
    thinking: String,
    calls: Vec<Value>,
    likelihoods: Vec<Value>,
}

impl Part {
    fn is_empty(&self) -> bool {
        let Part { text, thinking, calls, likelihoods } = self;
        text.is_empty() && thinking.is_empty() && calls.is_empty() && likelihoods.is_empty()
    }
}

/// An answer in the making.
pub struct Answer {
    model: String,
    shape: Shape,
    hearing: Hearing,
    reader: Reader,
    calls: usize,
    ended: Option<(Ending, Timings)>,
}

impl Answer {
    /// What answers who only wants the model loaded: it is.
    pub fn loaded(model: &str, shape: Shape) -> Value {
        let mut answer = line(model, shape, Part::default());
        answer["done"] = true.into();
        answer["done_reason"] = "load".into();
        answer
    }

    /// Sends the answer by `model`, in lines if it is to `stream`.
    ///
    /// # Errors
    /// It cannot go on.
    pub async fn send(model: &str, shape: Shape, answering: Answering, stream: bool) -> Result<Response, ApiError> {
        let Answering { answers, counts, hearing } = answering;
        let (reader, model) = (hearing.reader(), model.to_owned());
        let mut answer = Answer { model, shape, hearing, reader, calls: 0, ended: None };
        if stream {
            return Ok(stream::events(answers, counts, answer));
        }
        let mut whole = Part::default();
        let usage = stream::collect(answers, counts, |_, event| answer.take_in(&event, &mut whole)).await?;
        Ok(Json(answer.last(whole, &usage)).into_response())
    }

    /// Hears what came of it.
    fn take_in(&mut self, event: &Event, part: &mut Part) {
        for said in self.reader.hear(event) {
            match said {
                Said::Content(text) => part.text.push_str(&text),
                Said::Reasoning(text) => part.thinking.push_str(&text),
                Said::Call(Call { name, arguments }) => {
                    let arguments: Map<String, Value> = serde_json::from_str(&arguments).unwrap_or_default();
                    let function = json!({ "index": self.calls, "name": name, "arguments": arguments });
                    part.calls.push(json!({ "id": self.hearing.call_id(0, self.calls), "function": function }));
                    self.calls += 1;
                }
            }
        }
        match event {
            Event::Token(token) => part.likelihoods.extend(likelihoods::entry(&self.hearing.tokenizer, token)),
            Event::Ended { finish, timings, .. } => self.ended = Some((self.reader.ending(*finish), *timings)),
            Event::Failed(_) => {}
        }
    }

    /// The line that ends the answer.
    fn last(&self, part: Part, usage: &Usage) -> Value {
        let mut answer = line(&self.model, self.shape, part);
        let Some((ending, timings)) = &self.ended else { return answer };
        let reason = if *ending == Ending::Cut { "length" } else { "stop" };
        let more = json!({
            "done": true,
            "done_reason": reason,
            "total_duration": nanoseconds(timings.first_token + timings.decode),
            // The model was there before the request was.
            "load_duration": 0,
            "prompt_eval_count": usage.prompt,
            "prompt_eval_duration": nanoseconds(timings.prefill),
            "eval_count": usage.completion,
            "eval_duration": nanoseconds(timings.decode),
        });
        if let (Value::Object(answer), Value::Object(more)) = (&mut answer, more) {
            answer.extend(more);
        }
        answer
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A line that does not end the answer.
fn line(model: &str, shape: Shape, part: Part) -> Value {
    let Part { text, thinking, calls, likelihoods } = part;
    let mut line = json!({ "model": model, "created_at": jiff::Timestamp::now().to_string() });
    match shape {
        Shape::Chat => {
            line["message"] = json!({ "role": "assistant", "content": text });
            if !calls.is_empty() {
                line["message"]["tool_calls"] = Value::Array(calls);
            }
        }
        Shape::Generate => line["response"] = text.into(),
    }
    if !thinking.is_empty() {
        let place = if shape == Shape::Chat { &mut line["message"] } else { &mut line };
        place["thinking"] = thinking.into();
    }
    if !likelihoods.is_empty() {
        line["logprobs"] = Value::Array(likelihoods);
    }
    line["done"] = false.into();
    line
}

impl Chunks for Answer {
    const FRAMING: Framing = Framing::Lines;

    fn begin(&mut self, _: &Usage) -> Vec<Value> {
        Vec::new()
    }

    fn hear(&mut self, _: usize, event: &Event) -> Vec<Value> {
        let mut part = Part::default();
        self.take_in(event, &mut part);
        if part.is_empty() { Vec::new() } else { vec![line(&self.model, self.shape, part)] }
    }

    fn end(&mut self, usage: &Usage) -> Vec<Value> {
        vec![self.last(Part::default(), usage)]
    }

    fn fail(&mut self, error: &ApiError) -> Vec<Value> {
        vec![Surface::Ollama.error(error)]
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_engine::Finish;

    use super::*;
    use crate::made_up::{EVERYTHING, events, hearing, tokenizer};

    #[test]
    fn calls_have_arguments_that_are_objects_and_lines_add_up_to_the_whole() {
        let tokenizer = tokenizer();
        let new = || {
            let hearing = hearing(&tokenizer, false);
            let reader = hearing.reader();
            Answer { model: "m".to_owned(), shape: Shape::Chat, hearing, reader, calls: 0, ended: None }
        };
        let answer = events(&tokenizer, EVERYTHING, &[], Finish::Stop);
        let (mut told, mut part) = (new(), Part::default());
        answer.iter().for_each(|event| told.take_in(event, &mut part));
        let whole = told.last(part, &Usage::default());
        let message = &whole["message"];
        assert_eq!((&message["thinking"], &whole["done_reason"]), (&json!("Hm."), &json!("stop")));
        assert_eq!(message["tool_calls"][0]["function"], json!({"index": 0, "name": "f", "arguments": {"x": 1}}));
        assert_eq!(message["tool_calls"][1]["function"], json!({"index": 1, "name": "g", "arguments": {}}));

        let mut told = new();
        let lines: Vec<Value> = answer.iter().flat_map(|event| told.hear(0, event)).collect();
        let all = |field: &str| lines.iter().filter_map(|line| line["message"][field].as_str()).collect::<String>();
        assert_eq!(all("content"), message["content"].as_str().unwrap());
        assert_eq!(all("thinking"), "Hm.");
        let calls: Vec<&Value> =
            lines.iter().filter_map(|line| line["message"]["tool_calls"].as_array()).flatten().collect();
        assert_eq!(calls.len(), 2);
    }
}
