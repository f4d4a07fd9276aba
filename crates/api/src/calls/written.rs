//! What published templates write of calls, read back. The templates are cut down to what writes tools and calls.

use plimsoll_engine::{ChatTemplate, TemplateRequest, grammars};
use plimsoll_grammar::Schema;
use serde_json::{Value, json};

use super::language::{Dialect, Language};
use super::reader::Calls;
use super::{Callable, Calling, Known, Part, Said, Writer};
use crate::made_up::tokenizer;

const TEMPLATES: [(Dialect, &str); 4] = [
    (Dialect::Enclosed, include_str!("templates/enclosed.jinja")),
    (Dialect::Functions, include_str!("templates/functions.jinja")),
    (Dialect::Braced, include_str!("templates/braced.jinja")),
    (Dialect::Keyed, include_str!("templates/keyed.jinja")),
];

/// Arguments of calls, one call each.
fn arguments() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "text": "plain" }),
        json!({ "text": "" }),
        json!({ "text": "she said \"it's\" and left" }),
        json!({ "text": "one\ntwo\n\n  three\t" }),
        json!({ "text": "Zürich, 東京, 🦀 [x] {y} (z) <b>" }),
        json!({ "text": "42", "number": 42, "real": -1.5, "yes": true, "no": false, "nothing": null }),
        json!({ "list": [1, "two's", [true, null], { "k": "v, w" }], "text": "a" }),
        json!({ "object": { "a": { "b": ["c", 2, false, null] }, "d": "e: \"f\"" }, "number": 0 }),
        json!({ "object": {}, "list": [] }),
    ]
}

/// What the template writes of an answer that says `content` and calls.
fn written(source: &str, content: &str, calls: &[Value]) -> String {
    let template = ChatTemplate::new::<&str, &str>(source, []).expect("it compiles");
    let call = |arguments: &Value| json!({ "type": "function", "function": { "name": "f", "arguments": arguments } });
    let calls: Vec<Value> = calls.iter().map(call).collect();
    let messages = json!([{ "role": "assistant", "content": content, "tool_calls": calls }]);
    template.render(&TemplateRequest { messages, ..TemplateRequest::default() }).expect("it renders")
}

/// The text and the arguments of the calls that are read, letter by letter or at once.
fn read(dialect: Dialect, answer: &str, by_letter: bool) -> (String, Vec<Value>) {
    let properties = json!({
        "text": { "type": "string" },
        "number": { "type": "integer" },
        "real": { "type": "number" },
        "yes": { "type": "boolean" },
        "no": { "type": "boolean" },
        "nothing": { "type": "null" },
        "list": { "type": "array" },
        "object": { "type": "object" },
    });
    let parameters = json!({ "type": "object", "properties": properties });
    let mut calls = Calls::new(dialect, [Known { name: "f".to_owned(), parameters }].into());
    let mut said = Vec::new();
    match by_letter {
        true => answer.chars().for_each(|letter| calls.hear(&Part::Text(letter.to_string()), &mut said)),
        false => calls.hear(&Part::Text(answer.to_owned()), &mut said),
    }
    calls.end(&mut said);
    let (mut text, mut read) = (String::new(), Vec::new());
    for said in said {
        match said {
            Said::Content(more) => text.push_str(&more),
            Said::Call(call) => read.push(serde_json::from_str(&call.arguments).expect("it is JSON")),
            Said::Reasoning(_) => unreachable!("nothing is thought"),
        }
    }
    // Some templates put lines around a text.
    (text.trim().to_owned(), read)
}

#[test]
fn what_a_template_writes_is_read_back() {
    for (dialect, source) in TEMPLATES {
        for by_letter in [true, false] {
            for arguments in arguments() {
                let answer = written(source, "Well.", std::slice::from_ref(&arguments));
                assert_eq!(read(dialect, &answer, by_letter), ("Well.".to_owned(), vec![arguments]), "{answer}");
            }
            let answer = written(source, "", &arguments());
            assert_eq!(read(dialect, &answer, by_letter), (String::new(), arguments()), "{answer}");
        }
    }
}

#[test]
fn a_template_tells_its_dialect() {
    for (dialect, source) in TEMPLATES {
        let template = ChatTemplate::new::<&str, &str>(source, []).expect("it compiles");
        assert_eq!(Language::of_template(&template).dialect, Some(dialect));
    }
}

#[test]
fn a_grammar_allows_what_a_template_writes_and_no_other_values() {
    let tokenizer = tokenizer();
    let eos = (0..tokenizer.vocab_size() as u32).find(|id| tokenizer.is_control(*id)).expect("there is one");
    let grammars = grammars(&tokenizer, tokenizer.vocab_size(), &[eos]).expect("a token ends answers");
    let object = json!({ "type": "object", "properties": { "a": { "type": "boolean" } }, "required": ["a"] });
    let schema = json!({
        "type": "object",
        "properties": {
            "list": { "type": "array", "items": { "type": "integer" }, "minItems": 1, "maxItems": 3 },
            "number": { "type": "integer", "minimum": 1 },
            "object": object,
            "text": { "type": "string" },
            "word": { "enum": ["yes", "no"] },
        },
        "required": ["list", "number", "object", "text"],
    });
    let good = |text: &str| json!({ "list": [1, 2], "number": 7, "object": { "a": true }, "text": text });
    let mut full = good("it's \"so\"\n<b> 東京");
    full["word"] = json!("no");
    let bad = [("list", json!([])), ("number", json!(0)), ("object", json!({})), ("word", json!("maybe"))];
    for (dialect, source) in TEMPLATES.into_iter().filter(|(dialect, _)| *dialect != Dialect::Enclosed) {
        let language = Language::of_template(&ChatTemplate::new::<&str, &str>(source, []).expect("it compiles"));
        let arguments = Schema::read(&schema).expect("it is enforced");
        let tool = Callable { name: "f".to_owned(), arguments, is_held: true };
        let calling = Calling { is_required: true, may_repeat: true };
        let grammar = Writer::new(&language, &tokenizer).calls(&[tool], calling, None).expect("there is one");
        let constraint = grammars.compile(&grammar).expect("it compiles");
        let allows = |calls: &[Value]| {
            let mut constraint = constraint.clone();
            constraint.accept_text(written(source, "", calls).trim()) && constraint.may_end()
        };
        assert!(allows(&[good("")]) && allows(std::slice::from_ref(&full)), "{dialect:?}");
        assert!(allows(&[good("a"), full.clone()]), "{dialect:?}");
        for (key, value) in &bad {
            let mut arguments = full.clone();
            arguments[*key] = value.clone();
            assert!(!allows(&[arguments]), "{dialect:?} {key}");
        }
        assert!(!allows(&[json!({})]), "{dialect:?}");
    }
}
