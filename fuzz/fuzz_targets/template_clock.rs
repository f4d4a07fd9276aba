//! Any text as a chat template over a long conversation: whatever it does ends within its budget of time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use plimsoll_engine::{ChatTemplate, Clock, ControlTexts, TemplateRequest};
use serde_json::json;

/// A rendering has ten seconds; a template is tried in a few before, and the guard renders three times.
const LONGEST: Duration = Duration::from_secs(40);

fuzz_target!(|input: (&str, &str, u16)| {
    let (source, word, again) = input;
    let began = Instant::now();
    let Ok(template) = ChatTemplate::new(source, [("bos_token", "<s>"), ("eos_token", "</s>")]) else { return };
    let content = word.repeat(usize::from(again));
    let turns: Vec<_> =
        (0..again % 64).map(|turn| json!({"role": "user", "content": format!("{turn} </s>")})).collect();
    let messages: Vec<_> = [json!({"role": "system", "content": content})].into_iter().chain(turns).collect();
    let mut request = TemplateRequest::from_json(json!({"messages": messages, "number": again})).unwrap();
    request.now = Some(Clock::parse("2026-11-21").unwrap());
    let _ = template.render(&request);
    let controls = ControlTexts::new(["<s>", "</s>", "</", word].map(String::from)).unwrap();
    let _ = template.render_guarded(&request, &controls);
    assert!(began.elapsed() < LONGEST, "{source:?}");
});
