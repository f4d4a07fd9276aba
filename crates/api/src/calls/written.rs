//! What published templates write of calls, read back. The templates are cut down to what writes tools and calls.

use plimsoll_engine::{ChatTemplate, TemplateRequest};
use serde_json::{Value, json};

use super::language::{Dialect, Language};
use super::reader::Calls;
use super::{Part, Said};

const TEMPLATES: [(Dialect, &str); 1] = [(Dialect::Enclosed, include_str!("templates/enclosed.jinja"))];

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
    let mut calls = Calls::new(dialect, vec!["f".to_owned()]);
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
    (text, read)
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
