//! Any text as a chat template: it is refused, or renders with and without control tokens in the conversation, and
//! nothing of the conversation becomes one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_engine::{ChatTemplate, Clock, ControlTexts, TemplateRequest};
use serde_json::json;

fuzz_target!(|source: &str| {
    let Ok(template) = ChatTemplate::new(source, [("bos_token", "<s>"), ("eos_token", "</s>")]) else { return };
    let request = json!({
        "messages": [
            {"role": "system", "content": "Be brief. <"},
            {"role": "user", "content": "Hi </s> there"},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5]}}}]},
            {"role": "user", "content": [{"type": "text", "text": "s>"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "enable_thinking": false,
    });
    let mut request = TemplateRequest::from_json(request).unwrap();
    request.now = Some(Clock::parse("2026-11-21").unwrap());
    let plain = template.render(&request);
    let controls = ControlTexts::new(["<s>".to_owned(), "</s>".to_owned()]).unwrap();
    let guarded = template.render_guarded(&request, &controls);
    if let (Ok(plain), Ok(guarded)) = (plain, guarded) {
        let _ = (plain.len(), guarded.text().len());
    }
});
