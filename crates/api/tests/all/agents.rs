//! Requests as agents send them, with the fields that they add unasked.

use crate::server::{answered, events, refused};
use serde_json::{Value, json};

/// As Claude Code asks.
fn claude_code() -> Value {
    let cached = json!({"type": "ephemeral"});
    json!({
        "model": "tools",
        "max_tokens": 32_000,
        "temperature": 0,
        "stream": true,
        "metadata": {"user_id": "user_1_account__session_2"},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.328; cc_entrypoint=cli; cch=5e4f1;"},
            {"type": "text", "text": "You are an agent.", "cache_control": cached},
            {"type": "text", "text": "Be brief.", "cache_control": cached},
        ],
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "tools": [{"name": "Bash", "description": "Runs it.", "eager_input_streaming": true, "cache_control": cached,
            "input_schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                "properties": {"command": {"type": "string"}}, "required": ["command"], "additionalProperties": false}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "List the files."}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "With ls.", "signature": ""},
                {"type": "text", "text": "I will list them.", "citations": null},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "cache_control": cached,
                    "content": [{"type": "text", "text": "ls: denied"}]},
                {"type": "text", "text": "Go on.", "cache_control": cached}]},
        ],
    })
}

/// As Codex asks.
fn codex() -> Value {
    let text = |kind: &str, text: &str| json!([{"type": kind, "text": text}]);
    json!({
        "model": "tools",
        "instructions": "You are an agent.",
        "input": [
            {"type": "message", "role": "developer", "content": text("input_text", "Be brief.")},
            {"type": "message", "role": "user", "content": text("input_text", "List the files.")},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "With ls."}],
                "encrypted_content": null},
            {"type": "message", "role": "assistant", "content": text("output_text", "I will list them.")},
            {"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"ls\"]}", "call_id": "call_1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "ls: denied"},
        ],
        "tools": [
            {"type": "function", "name": "shell", "description": "Runs it.", "strict": false, "parameters":
                {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}}},
            {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "…"}},
            {"type": "web_search"},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": false,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": false,
        "stream": true,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0193",
        "text": {"verbosity": "medium"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_claude_code_sends_is_answered() {
    let events = events("/v1/messages?beta=true", claude_code()).await;
    assert_eq!(events.last().unwrap().0, "message_stop");
    let count = |body: Value| async move { answered("/v1/messages/count_tokens", body).await["input_tokens"].clone() };
    let mut asked = claude_code();
    for field in ["max_tokens", "temperature", "stream", "metadata", "context_management"] {
        asked.as_object_mut().unwrap().remove(field);
    }
    let mut without = asked.clone();
    without["system"].as_array_mut().unwrap().remove(0);
    assert_eq!(count(asked).await, count(without).await, "the line that changes with every request is left out");
    let mut cut = claude_code();
    cut["context_management"]["edits"][0] = json!({"type": "clear_tool_uses_20250919"});
    assert!(refused("/v1/messages", cut).await.contains("`context_management` can only be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_codex_sends_is_answered() {
    let events = events("/v1/responses", codex()).await;
    let (name, event) = events.last().unwrap();
    assert!(["response.completed", "response.incomplete"].contains(&name.as_str()), "{name}");
    let response = &event["response"];
    assert_eq!(response["metadata"]["tools_left_out"], json!("custom, web_search"));
    assert_eq!((&response["parallel_tool_calls"], &response["reasoning"]["effort"]), (&json!(false), &json!("medium")));
}
