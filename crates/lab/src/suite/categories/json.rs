//! Following a JSON shape: named keys, strings, numbers, truth values and a list.

use super::{Draft, Draws};
use crate::score::Scoring;
use crate::suite::words::{NAMES, WORDS};
use serde_json::{Map, Value, json};

pub(super) fn draft(draws: &mut Draws) -> Draft {
    match draws.below(3) {
        0 => person(draws),
        1 => settings(draws),
        _ => list(draws),
    }
}

fn person(draws: &mut Draws) -> Draft {
    let (name, age) = (draws.pick(NAMES), draws.between(10, 99));
    let thing = draws.pick(WORDS);
    finish(
        format!(
            "Write a JSON object with the keys \"name\", \"age\" and \"word\" for {name}, {age}, {thing}. Answer with JSON only."
        ),
        json!({"name": name, "age": age, "word": thing}),
    )
}

fn settings(draws: &mut Draws) -> Draft {
    let n = draws.between(2, 3) as usize;
    let keys = draws.distinct(&["item", "count", "size", "price", "color", "code", "done", "level"], n);
    let mut object = Map::new();
    for key in keys {
        let value = match draws.below(5) {
            0 | 1 => json!(draws.between(0, 999)),
            2 | 3 => json!(draws.pick(WORDS)),
            _ => json!(draws.one_in(2)),
        };
        object.insert(key.to_owned(), value);
    }
    let parts: Vec<String> = object.iter().map(|(key, value)| format!("\"{key}\" set to {value}")).collect();
    let (last, first) = parts.split_last().expect("at least two keys");
    finish(
        format!("Write a JSON object with {} and {last}. Answer with JSON only.", first.join(", ")),
        Value::Object(object),
    )
}

fn list(draws: &mut Draws) -> Draft {
    let n = draws.between(2, 4) as usize;
    let words = draws.distinct(WORDS, n);
    let key = draws.pick(&["words", "items", "names"]);
    finish(
        format!(
            "Write a JSON object whose key \"{key}\" holds the list of these words: {}. Answer with JSON only.",
            words.join(", ")
        ),
        json!({ key: words }),
    )
}

fn finish(prompt: String, answer: Value) -> Draft {
    Draft { key: answer.to_string(), prompt, scoring: Scoring::Json { answer }, picture: None }
}
