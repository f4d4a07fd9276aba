//! Any text as a chat template: it is refused, or renders with and without control tokens in the conversation, and
//! nothing of the conversation becomes one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_engine::{ChatTemplate, Clock, TemplateRequest, Tokenizer, TokenizerOptions};
use plimsoll_formats::{GgufVocab, TokenizerSource};
use serde_json::json;

/// Control tokens, and a token for every byte.
fn tokenizer() -> Tokenizer {
    let bytes = (0..=255).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<Vec<u8>> = ["<s>".into(), "</s>".into()].into_iter().chain(bytes).map(String::into_bytes).collect();
    let types = [3, 3].into_iter().chain([6; 256]).collect();
    let scores = vec![0.0; tokens.len()];
    let model = "llama".into();
    let vocab = GgufVocab { model, tokens, types, scores, add_space_prefix: Some(false), ..GgufVocab::default() };
    Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).unwrap()
}

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
    let _ = template.render(&request);
    let tokenizer = tokenizer();
    let Ok(guarded) = template.render_guarded(&request, tokenizer.controls()) else { return };
    let ids = tokenizer.encode_chat(&guarded).unwrap();
    // Every control text begins with `<`: a template that can write none of its own has no control tokens.
    let own = ["<", "\\", "token", "format", "macro", "string", "join", "~", "+"];
    if !own.iter().any(|part| source.contains(part)) {
        assert!(!ids.iter().any(|&id| tokenizer.is_control(id)), "{:?}", guarded.text());
    }
});
