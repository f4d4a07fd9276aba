//! The published chat templates render as transformers renders them.

use crate::skipped;
use std::fs;
use std::path::PathBuf;

use plimsoll_engine::{ChatTemplate, Clock, TemplateError, TemplateRequest};
use serde_json::Value;

fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(name);
    if !path.exists() {
        skipped::skipped("../shared not found");
        return None;
    }
    Some(path)
}

fn render(source: &str, case: &Value) -> Result<String, plimsoll_engine::TemplateError> {
    let template = ChatTemplate::new(source, Vec::<(String, String)>::new())?;
    template.render(&TemplateRequest {
        messages: case["messages"].clone(),
        tools: Some(case["tools"].clone()).filter(|tools| !tools.is_null()),
        add_generation_prompt: case["add_generation_prompt"].as_bool().unwrap(),
        variables: case["kwargs"].as_object().unwrap().clone(),
        now: Some(Clock::parse("2026-11-21").unwrap()),
        ..TemplateRequest::default()
    })
}

#[test]
fn every_published_template_renders_and_refuses_as_the_reference_does() {
    let Some(folder) = shared("templates") else { return };
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(folder.join("golden.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["template"].as_str().unwrap();
        let source = fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let found = render(&source, case);
        let right = match (&found, case["rendered"].as_str()) {
            (Ok(text), Some(expected)) => text == expected,
            (Err(error), None) => !error.to_string().is_empty(),
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{name} / {}:\n found    {found:?}\n expected {:?} {}",
                case["case"], case["rendered"], case["error"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 296);
}

#[test]
fn a_conversation_of_a_thousand_messages_is_not_too_much_for_any() {
    let Some(folder) = shared("templates") else { return };
    let turn = [("user", "What now? "), ("assistant", "<think>\nhm\n</think>\nThis. ")];
    let messages: Vec<Value> = (0..1000)
        .map(|i| turn[i % 2])
        .map(|(role, content)| serde_json::json!({"role": role, "content": content.repeat(20)}))
        .collect();
    let request = TemplateRequest { messages: messages.into(), ..TemplateRequest::default() };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jinja") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let template = ChatTemplate::new(&source, Vec::<(String, String)>::new()).unwrap();
        let result = template.render(&request);
        assert!(!matches!(result, Err(TemplateError::TooMuch(_))), "{}: {result:?}", path.display());
    }
}
