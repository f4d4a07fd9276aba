//! `genai_config.json`: what onnxruntime-genai (0.18) asks of a decoder. It runs the same graph from the same folder.

use plimsoll_formats::JsonObject;
use plimsoll_graph::{Network, Op};
use plimsoll_models::Checkpoint;
use serde_json::{Value, json};

/// The settings of the decoder in `file`; nothing of a network whose layers have caches of several sizes. What cannot be known
/// (which engine of theirs knows this type of model) is left to it: types are called as in config.json.
pub(crate) fn settings(checkpoint: &Checkpoint, network: &Network, config: &JsonObject, file: &str) -> Option<Value> {
    let hp = &checkpoint.hyperparams;
    let cache = network.caches.first().filter(|first| network.caches.iter().all(|cache| cache == *first))?;
    let n_heads = network.nodes.iter().find_map(|node| match &node.op {
        Op::Attention(op) => Some(op.n_heads),
        _ => None,
    })?;
    let eos = &checkpoint.generation.eos_ids;
    let id = |key: &str| config.get(key).and_then(Value::as_u64).or(eos.first().copied().map(u64::from));
    let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or(hp.arch_name);
    let names = |of: &str| [format!("{of}.%d.key"), format!("{of}.%d.value")];
    let ([past_keys, past_values], [present_keys, present_values]) = (names("past_key_values"), names("present"));
    Some(json!({
        "model": {
            "type": model_type,
            "bos_token_id": id("bos_token_id"), "eos_token_id": eos, "pad_token_id": id("pad_token_id"),
            "context_length": hp.max_seq_len, "vocab_size": network.vocab_size,
            "decoder": {
                "session_options": { "log_id": "onnxruntime-genai", "provider_options": [] },
                "filename": file,
                "head_size": cache.head_dim, "hidden_size": hp.d_model, "num_attention_heads": n_heads,
                "num_key_value_heads": cache.n_kv_heads, "num_hidden_layers": network.caches.len(),
                "inputs": {
                    "input_ids": "input_ids", "attention_mask": "attention_mask", "position_ids": "position_ids",
                    "past_key_names": past_keys, "past_value_names": past_values,
                },
                "outputs": {
                    "logits": "logits", "present_key_names": present_keys, "present_value_names": present_values,
                },
            },
        },
        "search": { "do_sample": false, "max_length": hp.max_seq_len, "past_present_share_buffer": false },
    }))
}
