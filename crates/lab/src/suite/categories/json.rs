//! Following a JSON shape: named keys, strings, numbers, truth values and a list.

use super::{Draft, Rng};
use crate::score::Scoring;
use crate::suite::words::{NAMES, WORDS};
use serde_json::{Map, Value, json};

pub(super) fn draft(rng: &mut Rng) -> Draft {
    match rng.below(3) {
        0 => person(rng),
        1 => settings(rng),
        _ => list(rng),
    }
}

fn person(rng: &mut Rng) -> Draft {
    let (name, age) = (rng.pick(NAMES), rng.between(10, 99));
    let thing = rng.pick(WORDS);
    finish(
        format!(
            "Write a JSON object with the keys \"name\", \"age\" and \"word\" for {name}, {age}, {thing}. Answer with JSON only."
        ),
        json!({"name": name, "age": age, "word": thing}),
    )
}

fn settings(rng: &mut Rng) -> Draft {
    let n = rng.between(2, 3) as usize;
    let keys = rng.distinct(&["item", "count", "size", "price", "color", "code", "done", "level"], n);
    let mut object = Map::new();
    for key in keys {
        let value = match rng.below(5) {
            0 | 1 => json!(rng.between(0, 999)),
            2 | 3 => json!(rng.pick(WORDS)),
            _ => json!(rng.one_in(2)),
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

fn list(rng: &mut Rng) -> Draft {
    let n = rng.between(2, 4) as usize;
    let words = rng.distinct(WORDS, n);
    let key = rng.pick(&["words", "items", "names"]);
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
