//! Answers that are made up, through a real tokenizer.

use std::path::Path;
use std::sync::Arc;

use plimsoll_engine::batch::{ChosenToken, Event};
use plimsoll_engine::speech::Opening;
use plimsoll_engine::{ChatTemplate, Finish, Session, SessionOptions, Special, TextStream, Timings, Tokenizer};
use plimsoll_models::Checkpoint;

use crate::calls::{Known, Language};
use crate::conversation::Hearing;

/// A tokenizer.
pub fn tokenizer() -> Arc<Tokenizer> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/large");
    let checkpoint = Checkpoint::open(&folder).unwrap();
    Session::open(&checkpoint, &SessionOptions::default()).unwrap().shared_tokenizer()
}

/// How answers are heard that may call `f` and `g`, and begin within thinking if `is_thinking`.
pub fn hearing(tokenizer: &Arc<Tokenizer>, is_thinking: bool) -> Hearing {
    let source = "{{ tools | tojson if tools else '' }}{{ '<tool_call><think></think>' }}";
    let language = Language::of_template(&ChatTemplate::new::<&str, &str>(source, []).unwrap());
    let known = |name: &str| Known { name: name.to_owned(), parameters: serde_json::Value::Null };
    let callable = Some(["f", "g"].map(known).into());
    let opening = if is_thinking { Opening::Thinking } else { Opening::Nothing };
    Hearing::new(Arc::clone(tokenizer), language, callable, opening).unwrap()
}

/// What the batch would tell of an answer.
pub fn events(tokenizer: &Tokenizer, answer: &str, stops: &[&str], finish: Finish) -> Vec<Event> {
    let mut stream = TextStream::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
    let mut events = Vec::new();
    for id in tokenizer.encode(answer, Special::AsText).unwrap() {
        let chunk = stream.push(tokenizer.token_bytes(id));
        events.push(Event::Token(ChosenToken { id, text: chunk.text, likelihood: None }));
        if chunk.stopped {
            break;
        }
    }
    events.push(Event::Ended { finish, text: stream.finish().text, timings: Timings::default() });
    events
}

/// An answer that thinks, says something and calls twice.
pub const EVERYTHING: &str = "<think>\nHm.</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\"}\n</tool_call>";
