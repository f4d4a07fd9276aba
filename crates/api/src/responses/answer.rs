//! An answer made of items, whole and piece by piece.

use plimsoll_engine::batch::Event;
use serde_json::{Value, json};

use super::Asked;
use super::item::{Item, Kind};
use crate::calls::{Ending, Reader, Said};
use crate::conversation::Hearing;
use crate::error::ApiError;
use crate::identity::random;
use crate::stream::{Chunks, Framing, Usage};

/// The answer to a conversation.
pub struct Answer {
    id: String,
    model: String,
    /// Seconds of Unix time.
    created: i64,
    asked: Asked,
    hearing: Hearing,
    reader: Reader,
    items: Vec<Item>,
    calls: usize,
    /// Events so far.
    told: usize,
    ended: Option<Ending>,
    failed: Value,
}

impl Answer {
    /// An answer by `model` of which nothing is heard yet.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn new(model: &str, asked: Asked, hearing: Hearing) -> Result<Answer, ApiError> {
        Ok(Answer {
            id: format!("{:016x}", random()?),
            model: model.to_owned(),
            created: jiff::Timestamp::now().as_second(),
            asked,
            reader: hearing.reader(),
            hearing,
            items: Vec::new(),
            calls: 0,
            told: 0,
            ended: None,
            failed: Value::Null,
        })
    }

    /// An event, numbered.
    fn event(&mut self, kind: &str, mut body: Value) -> Value {
        body["type"] = kind.into();
        body["sequence_number"] = self.told.into();
        self.told += 1;
        body
    }

    /// An event about the last item; about its one part where it has parts.
    fn about_last(&mut self, kind: &str, mut body: Value) -> Value {
        let index = self.items.len() - 1;
        body["item_id"] = self.items[index].id.as_str().into();
        body["output_index"] = index.into();
        if !matches!(self.items[index].kind, Kind::Call { .. }) {
            body["content_index"] = 0.into();
        }
        self.event(kind, body)
    }

    /// Hears what came of it; tells it as events.
    pub fn take_in(&mut self, event: &Event) -> Vec<Value> {
        let mut events = Vec::new();
        for said in self.reader.hear(event) {
            self.say(said, &mut events);
        }
        if let Event::Ended { finish, .. } = event {
            let ending = self.reader.ending(*finish);
            self.end_item(if ending == Ending::Cut { "incomplete" } else { "completed" }, &mut events);
            self.ended = Some(ending);
        }
        events
    }

    fn say(&mut self, said: Said, events: &mut Vec<Value>) {
        let kind = Kind::of(said, || self.hearing.call_id(0, self.calls));
        self.calls += usize::from(matches!(kind, Kind::Call { .. }));
        let delta = kind.text().to_owned();
        let next = match self.items.last_mut() {
            Some(last) => last.kind.go_on(kind),
            None => Some(kind),
        };
        if let Some(kind) = next {
            self.end_item("completed", events);
            self.begin_item(kind, events);
        }
        let kind = &self.items[self.items.len() - 1].kind;
        let mut body = json!({ "delta": delta });
        if matches!(kind, Kind::Message(_)) {
            body["logprobs"] = json!([]);
        }
        let name = format!("{}.delta", kind.events().0);
        events.push(self.about_last(&name, body));
    }

    fn begin_item(&mut self, kind: Kind, events: &mut Vec<Value>) {
        let index = self.items.len();
        let (id, part) = (format!("{}_{}_{index}", kind.prefix(), self.id), kind.part(""));
        let item = Item { id, kind, status: "in_progress" };
        let body = json!({ "output_index": index, "item": item.beginning() });
        self.items.push(item);
        events.push(self.event("response.output_item.added", body));
        if let Some(part) = part {
            events.push(self.about_last("response.content_part.added", json!({ "part": part })));
        }
    }

    fn end_item(&mut self, status: &'static str, events: &mut Vec<Value>) {
        let Some(last) = self.items.last_mut() else { return };
        last.status = status;
        let (name, field) = last.kind.events();
        let text = last.kind.text().to_owned();
        let (part, item) = (last.kind.part(&text), last.to_json());
        let mut body = json!({ field: text });
        match &last.kind {
            Kind::Message(_) => body["logprobs"] = json!([]),
            Kind::Call { call, .. } => body["name"] = call.name.as_str().into(),
            Kind::Reasoning(_) => {}
        }
        events.push(self.about_last(&format!("{name}.done"), body));
        if let Some(part) = part {
            events.push(self.about_last("response.content_part.done", json!({ "part": part })));
        }
        let index = self.items.len() - 1;
        events.push(self.event("response.output_item.done", json!({ "output_index": index, "item": item })));
    }

    fn status(&self) -> &'static str {
        match self.ended {
            _ if !self.failed.is_null() => "failed",
            None => "in_progress",
            Some(Ending::Cut) => "incomplete",
            Some(Ending::Complete | Ending::Called) => "completed",
        }
    }

    /// The body of the response; `usage` is told once it has ended.
    pub fn whole(&self, usage: Option<&Usage>) -> Value {
        let cut = (self.ended == Some(Ending::Cut)).then(|| json!({ "reason": "max_output_tokens" }));
        let Asked { instructions, max_output_tokens, temperature, top_p, reasoning, text, .. } = &self.asked;
        let Asked { tools, tool_choice, once, metadata, .. } = &self.asked;
        json!({
            "id": format!("resp_{}", self.id),
            "object": "response",
            "created_at": self.created,
            "status": self.status(),
            "background": false,
            "error": self.failed,
            "incomplete_details": cut,
            "instructions": instructions,
            "max_output_tokens": max_output_tokens,
            "metadata": metadata,
            "model": self.model,
            "output": self.items.iter().map(Item::to_json).collect::<Vec<Value>>(),
            "parallel_tool_calls": !once,
            "previous_response_id": null,
            "reasoning": reasoning,
            "service_tier": "default",
            "store": false,
            "temperature": temperature,
            "text": text,
            "tool_choice": tool_choice,
            "tools": tools,
            "top_p": top_p,
            "truncation": "disabled",
            "usage": usage.map(|usage| json!({
                "input_tokens": usage.prompt,
                "input_tokens_details": { "cached_tokens": usage.cached, "cache_write_tokens": 0 },
                "output_tokens": usage.completion,
                "output_tokens_details": { "reasoning_tokens": self.reader.reasoning_tokens },
                "total_tokens": usage.prompt + usage.completion,
            })),
        })
    }
}

impl Chunks for Answer {
    const FRAMING: Framing = Framing::Typed;

    fn begin(&mut self, _: &Usage) -> Vec<Value> {
        ["response.created", "response.in_progress"]
            .map(|kind| {
                let body = json!({ "response": self.whole(None) });
                self.event(kind, body)
            })
            .to_vec()
    }

    fn hear(&mut self, _: usize, event: &Event) -> Vec<Value> {
        self.take_in(event)
    }

    fn end(&mut self, usage: &Usage) -> Vec<Value> {
        let (kind, body) = (format!("response.{}", self.status()), json!({ "response": self.whole(Some(usage)) }));
        vec![self.event(&kind, body)]
    }

    fn fail(&mut self, error: &ApiError) -> Vec<Value> {
        self.failed = json!({ "code": "server_error", "message": error.message });
        let body = json!({ "response": self.whole(None) });
        vec![self.event("response.failed", body)]
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_engine::Finish;

    use super::*;
    use crate::made_up::{EVERYTHING, events, hearing, tokenizer};

    fn asked() -> Asked {
        Asked {
            instructions: Value::Null,
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            reasoning: Value::Null,
            text: Value::Null,
            tools: Vec::new(),
            tool_choice: Value::Null,
            once: false,
            metadata: serde_json::Map::new(),
        }
    }

    #[test]
    fn items_begin_go_on_and_end_one_after_another() {
        let tokenizer = tokenizer();
        let mut answer = Answer::new("m", asked(), hearing(&tokenizer, false)).unwrap();
        let mut told = answer.begin(&Usage::default());
        for event in events(&tokenizer, EVERYTHING, &[], Finish::Stop) {
            told.extend(answer.hear(0, &event));
        }
        told.extend(answer.end(&Usage::default()));
        let numbers: Vec<u64> = told.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
        let whole = told.last().unwrap();
        assert_eq!(whole["type"], json!("response.completed"));
        let output = whole["response"]["output"].as_array().unwrap();
        let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
        assert_eq!(kinds, ["reasoning", "message", "function_call", "function_call"]);
        assert_eq!(output[0]["content"], json!([{"type": "reasoning_text", "text": "Hm."}]));
        assert_eq!((&output[2]["name"], &output[2]["arguments"]), (&json!("f"), &json!("{\"x\": 1}")));
        assert!(output.iter().all(|item| item["status"] == json!("completed")));

        let mut said = vec![String::new(); output.len()];
        let mut done = Vec::new();
        for event in &told {
            let kind = event["type"].as_str().unwrap();
            let index = event["output_index"].as_u64().unwrap_or(0) as usize;
            if kind.ends_with(".delta") {
                assert_eq!(event["item_id"], output[index]["id"]);
                said[index].push_str(event["delta"].as_str().unwrap());
            } else if kind.ends_with("_text.done") || kind.ends_with("arguments.done") {
                assert_eq!(event["text"].as_str().or(event["arguments"].as_str()), Some(said[index].as_str()));
            } else if kind == "response.output_item.done" {
                done.push(event["item"].clone());
            }
        }
        assert_eq!(&done, output);
        assert_eq!(said[1], output[1]["content"][0]["text"].as_str().unwrap());
    }

    #[test]
    fn what_was_cut_off_is_incomplete_and_what_failed_says_why() {
        let tokenizer = tokenizer();
        let mut answer = Answer::new("m", asked(), hearing(&tokenizer, false)).unwrap();
        events(&tokenizer, "Once", &[], Finish::Length).iter().for_each(|event| drop(answer.take_in(event)));
        let whole = answer.whole(Some(&Usage::default()));
        assert_eq!((&whole["status"], &whole["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
        assert_eq!(whole["incomplete_details"], json!({"reason": "max_output_tokens"}));
        let failed = answer.fail(&ApiError::gone()).pop().unwrap();
        assert_eq!((&failed["type"], &failed["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    }
}
