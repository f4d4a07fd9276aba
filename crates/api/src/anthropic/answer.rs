//! An answer as a message made of blocks, whole and piece by piece.

use plimsoll_engine::Finish;
use plimsoll_engine::batch::Event;
use serde_json::{Map, Value, json};

use crate::calls::{Call, Ending, Reader, Said};
use crate::conversation::{Hearing, Stops};
use crate::error::ApiError;
use crate::identity::random;
use crate::stream::{Chunks, Framing, Usage};
use crate::surface::Surface;

/// A block of the answer.
enum Block {
    Thinking(String),
    Text(String),
    ToolUse { id: String, call: Call },
}

impl Block {
    fn of(said: Said, call_id: impl FnOnce() -> String) -> Block {
        match said {
            Said::Reasoning(text) => Block::Thinking(text),
            Said::Content(text) => Block::Text(text),
            Said::Call(call) => Block::ToolUse { id: call_id(), call },
        }
    }

    /// As the whole message has it.
    fn to_json(&self) -> Value {
        match self {
            // Nobody signs thinking here; clients want the field.
            Block::Thinking(text) => json!({ "type": "thinking", "thinking": text, "signature": "" }),
            Block::Text(text) => json!({ "type": "text", "text": text, "citations": null }),
            Block::ToolUse { id, call: Call { name, arguments } } => {
                let input: Map<String, Value> = serde_json::from_str(arguments).unwrap_or_default();
                json!({ "type": "tool_use", "id": id, "name": name, "input": input })
            }
        }
    }

    /// The same before anything of it is said.
    fn beginning(&self) -> Value {
        match self {
            Block::Thinking(_) => Block::Thinking(String::new()).to_json(),
            Block::Text(_) => Block::Text(String::new()).to_json(),
            Block::ToolUse { id, call } => json!({ "type": "tool_use", "id": id, "name": call.name, "input": {} }),
        }
    }

    /// What is said.
    fn delta(&self) -> Value {
        match self {
            Block::Thinking(text) => json!({ "type": "thinking_delta", "thinking": text }),
            Block::Text(text) => json!({ "type": "text_delta", "text": text }),
            Block::ToolUse { call, .. } => json!({ "type": "input_json_delta", "partial_json": call.arguments }),
        }
    }

    /// Goes on with text of the same kind; gives back what is another block.
    fn go_on(&mut self, more: Block) -> Option<Block> {
        match (self, more) {
            (Block::Thinking(text), Block::Thinking(more)) | (Block::Text(text), Block::Text(more)) => {
                text.push_str(&more);
                None
            }
            (_, more) => Some(more),
        }
    }
}

/// The answer to a conversation.
pub struct Message {
    id: String,
    model: String,
    hearing: Hearing,
    reader: Reader,
    stops: Stops,
    blocks: Vec<Block>,
    calls: usize,
    /// Why it ended, and the text that ended it.
    ended: Option<(&'static str, Option<String>)>,
}

impl Message {
    /// An answer by `model` of which nothing is heard yet; `stops` may end it.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn new(model: &str, hearing: Hearing, stops: &[String]) -> Result<Message, ApiError> {
        let (reader, stops) = (hearing.reader(), Stops::new(stops, &hearing.tokenizer));
        let (id, model) = (format!("msg_{:016x}", random()?), model.to_owned());
        Ok(Message { id, model, hearing, reader, stops, blocks: Vec::new(), calls: 0, ended: None })
    }

    /// Hears what came of it; tells it as events.
    pub fn take_in(&mut self, event: &Event) -> Vec<Value> {
        let mut events = Vec::new();
        for said in self.reader.hear(event) {
            self.say(said, &mut events);
        }
        match event {
            Event::Token(token) => self.stops.hear(token, &self.hearing.tokenizer),
            Event::Ended { finish, .. } => {
                events.extend(self.stop_block());
                self.ended = Some(self.reason(*finish));
            }
            Event::Failed(_) => {}
        }
        events
    }

    fn say(&mut self, said: Said, events: &mut Vec<Value>) {
        let block = Block::of(said, || self.hearing.call_id(0, self.calls));
        self.calls += usize::from(matches!(block, Block::ToolUse { .. }));
        let delta = block.delta();
        let next = match self.blocks.last_mut() {
            Some(last) => last.go_on(block),
            None => Some(block),
        };
        if let Some(next) = next {
            events.extend(self.stop_block());
            let (index, content_block) = (self.blocks.len(), next.beginning());
            events.push(json!({ "type": "content_block_start", "index": index, "content_block": content_block }));
            self.blocks.push(next);
        }
        events.push(json!({ "type": "content_block_delta", "index": self.blocks.len() - 1, "delta": delta }));
    }

    fn stop_block(&self) -> Option<Value> {
        let index = self.blocks.len().checked_sub(1)?;
        Some(json!({ "type": "content_block_stop", "index": index }))
    }

    fn reason(&mut self, finish: Finish) -> (&'static str, Option<String>) {
        let stop = self.stops.found().filter(|_| finish == Finish::Stop).map(str::to_owned);
        match (self.reader.ending(finish), finish) {
            (Ending::Called, _) => ("tool_use", None),
            (Ending::Complete, _) if stop.is_some() => ("stop_sequence", stop),
            (Ending::Complete, _) => ("end_turn", None),
            (Ending::Cut, Finish::ContextFull) => ("model_context_window_exceeded", None),
            (Ending::Cut, _) => ("max_tokens", None),
        }
    }

    fn usage(&self, usage: &Usage) -> Value {
        json!({
            "input_tokens": usage.prompt - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": usage.completion,
            "output_tokens_details": { "thinking_tokens": self.reader.reasoning_tokens },
        })
    }

    /// The body of the response.
    pub fn whole(&self, usage: &Usage) -> Value {
        let (reason, stop) =
            self.ended.as_ref().map_or((None, None), |(reason, stop)| (Some(*reason), stop.as_deref()));
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": self.blocks.iter().map(Block::to_json).collect::<Vec<Value>>(),
            "stop_reason": reason,
            "stop_sequence": stop,
            "usage": self.usage(usage),
        })
    }
}

impl Chunks for Message {
    const FRAMING: Framing = Framing::Typed;

    fn begin(&mut self, usage: &Usage) -> Vec<Value> {
        vec![json!({ "type": "message_start", "message": self.whole(usage) }), json!({ "type": "ping" })]
    }

    fn hear(&mut self, _: usize, event: &Event) -> Vec<Value> {
        self.take_in(event)
    }

    fn end(&mut self, usage: &Usage) -> Vec<Value> {
        let whole = self.whole(usage);
        let delta = json!({ "stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"] });
        let last = json!({ "type": "message_delta", "delta": delta, "usage": whole["usage"] });
        vec![last, json!({ "type": "message_stop" })]
    }

    fn fail(&mut self, error: &ApiError) -> Vec<Value> {
        vec![Surface::Anthropic.error(error)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{EVERYTHING, events, hearing, tokenizer};

    #[test]
    fn what_is_thought_said_and_called_are_blocks_in_order() {
        let tokenizer = tokenizer();
        let mut message = Message::new("m", hearing(&tokenizer, false), &[]).unwrap();
        let answer = events(&tokenizer, EVERYTHING, &[], Finish::Stop);
        let told: Vec<Value> = answer.iter().flat_map(|event| message.take_in(event)).collect();
        let whole = message.whole(&Usage::default());
        assert_eq!(whole["stop_reason"], json!("tool_use"));
        let blocks = whole["content"].as_array().unwrap();
        let kinds: Vec<&Value> = blocks.iter().map(|block| &block["type"]).collect();
        assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
        assert_eq!((&blocks[0]["thinking"], &blocks[2]["input"]), (&json!("Hm."), &json!({"x": 1})));
        assert_ne!(blocks[2]["id"], blocks[3]["id"]);

        // Each block begins, goes on and ends before the next begins; what is said adds up to the whole.
        let mut said = vec![String::new(); blocks.len()];
        let mut open = None;
        for event in &told {
            let index = event["index"].as_u64().unwrap() as usize;
            match event["type"].as_str().unwrap() {
                "content_block_start" => assert_eq!(open.replace(index), None),
                "content_block_stop" => assert_eq!(open.take(), Some(index)),
                _ => {
                    assert_eq!(open, Some(index));
                    let delta = event["delta"].as_object().unwrap();
                    said[index].push_str(delta.values().nth(1).unwrap().as_str().unwrap());
                }
            }
        }
        assert_eq!((open, &said[1]), (None, &blocks[1]["text"].as_str().unwrap().to_owned()));
        assert_eq!((said[0].as_str(), said[2].as_str(), said[3].as_str()), ("Hm.", "{\"x\": 1}", "{}"));
    }

    #[test]
    fn an_answer_that_cannot_go_on_says_so_in_an_event_of_its_own() {
        let mut message = Message::new("m", hearing(&tokenizer(), false), &[]).unwrap();
        let event = message.fail(&ApiError::gone()).pop().unwrap();
        assert_eq!((&event["type"], &event["error"]["type"]), (&json!("error"), &json!("overloaded_error")));
    }
}
