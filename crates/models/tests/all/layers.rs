//! What each layer of an architecture sees and whether it rotates, as its configuration says.

use crate::skipped;
use std::path::Path;

use plimsoll_graph::{Ahead, Mask, Network, Op};
use plimsoll_models::Hyperparams;

/// The network of a small `model_type` of four layers with `keys` (JSON members) added.
fn network(model_type: &str, keys: &str) -> Result<Network, String> {
    let config = format!(
        r#"{{ "model_type": "{model_type}", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
            "max_position_embeddings": 2048, {keys} }}"#
    );
    let hp = Hyperparams::from_config_json("config.json", &config).map_err(|e| e.to_string())?;
    plimsoll_models::from_hyperparams(&hp).map_err(|e| e.to_string())
}

/// Per layer its mask, and the number of its rotary embedding if it rotates.
fn layers(network: &Network) -> Vec<(Mask, Option<usize>)> {
    let (mut layers, mut rotary) = (Vec::new(), None);
    for node in &network.nodes {
        match &node.op {
            Op::Rope { rope, .. } => rotary = Some(rope.0),
            Op::Attention(op) => layers.push((op.mask, rotary.take())),
            _ => {}
        }
    }
    layers
}

fn masks(model_type: &str, keys: &str) -> Vec<Mask> {
    layers(&network(model_type, keys).unwrap()).into_iter().map(|(mask, _)| mask).collect()
}

const EVERY_KIND: &str = r#""use_sliding_window": true, "sliding_window": 7, "attention_chunk_size": 5,
    "layer_types": ["full_attention", "sliding_attention", "chunked_attention", "full_attention"]"#;

#[test]
fn a_layer_sees_what_its_kind_says_in_every_architecture_that_reads_kinds() {
    let expected = [Mask::Causal, Mask::Sliding(7), Mask::Chunked(5), Mask::Causal];
    for model_type in ["qwen2", "qwen3", "smollm3", "gemma2", "gemma3_text"] {
        assert_eq!(masks(model_type, EVERY_KIND), expected, "{model_type}");
    }
}

#[test]
fn tokens_of_a_prompt_see_each_other_where_a_class_around_gemma_has_them() {
    let ahead = |config: &str| {
        let hp = Hyperparams::from_config_json("config.json", config).map_err(|e| e.to_string())?;
        plimsoll_models::from_hyperparams(&hp).map(|network| network.ahead()).map_err(|e| e.to_string())
    };
    for text in ["gemma", "gemma2"] {
        let keys = |value: &str| format!(r#"{{ "model_type": "{text}", "use_bidirectional_attention": {value} }}"#);
        let within = |keys: String| format!(r#"{{ "model_type": "paligemma", "text_config": {keys} }}"#);
        for value in ["true", "false", "null"] {
            assert_eq!(ahead(&within(keys(value))), Ok(Ahead::Prompt), "{text} {value}");
        }
        assert_eq!(ahead(&keys("false")), Ok(Ahead::Nothing), "{text}");
        let message = ahead(&keys("true")).unwrap_err();
        assert!(message.starts_with("`config.json`, key `use_bidirectional_attention`: found true"), "{message}");
    }
}

#[test]
fn llama4_chunks_the_layers_that_are_listed_so_and_no_others() {
    let full = r#""layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"]"#;
    assert_eq!(masks("llama4_text", &format!(r#"{full}, "attention_chunk_size": 0"#)), [Mask::Causal; 4]);
    let listed = r#""layer_types": ["full_attention", "chunked_attention", "full_attention", "chunked_attention"]"#;
    let network = network("llama4_text", &format!(r#"{listed}, "attention_chunk_size": 6"#)).unwrap();
    let chunk = Mask::Chunked(6);
    let expected = [(Mask::Causal, Some(0)), (chunk, Some(0)), (Mask::Causal, Some(0)), (chunk, None)];
    assert_eq!(layers(&network), expected);
}

#[test]
fn numbers_that_llama4_cannot_honour_are_refused_by_their_key() {
    for (keys, key) in [
        (r#""floor_scale": 0"#, "floor_scale"),
        (r#""floor_scale": -8192"#, "floor_scale"),
        (r#""num_local_experts": 4097"#, "num_local_experts"),
        (r#""num_local_experts": 4, "num_experts_per_tok": 5"#, "num_experts_per_tok"),
        (r#""num_local_experts": 4, "num_experts_per_tok": 0"#, "num_experts_per_tok"),
    ] {
        let message = network("llama4_text", keys).unwrap_err();
        assert!(message.starts_with(&format!("`config.json`, key `{key}`: found ")), "{keys}: {message}");
    }
}

/// Fixture, and per layer: `f` sees all, `s` slides, `c` is chunked; upper case where it does not rotate.
const FIXTURES: [(&str, &str); 15] = [
    ("llama-f32", "ffff"),
    ("llama3-rope-bf16", "ffff"),
    ("stories260K", "fffff"),
    ("idefics3", "fff"),
    ("smolvlm2", "fff"),
    ("mistral-swa", "ssss"),
    ("phi3", "ffff"),
    ("qwen2", "ffff"),
    ("qwen3", "ffff"),
    ("smollm3", "fffFfffF"),
    ("smollm3-yarn", "fffFfffF"),
    ("gemma3-text", "sssssf"),
    ("llama4-moe", "cccFcccF"),
    ("llama4-dense-interleaved", "cccFcccF"),
    ("llama4-vision", "cccF"),
];

#[test]
fn the_fixtures_have_the_layers_that_their_makers_describe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !root.exists() {
        return skipped::skipped("../shared/fixtures not found");
    }
    for (name, expected) in FIXTURES {
        let text = std::fs::read_to_string(root.join(name).join("config.json")).unwrap();
        let hp = Hyperparams::from_config_json("config.json", &text).unwrap();
        let network = plimsoll_models::from_hyperparams(&hp).unwrap();
        let letter = |(mask, rotary): (Mask, Option<usize>)| {
            let letter = match mask {
                Mask::Causal => "f",
                Mask::Sliding(_) => "s",
                Mask::Chunked(_) => "c",
            };
            if rotary.is_some() { letter.to_owned() } else { letter.to_uppercase() }
        };
        let found: String = layers(&network).into_iter().map(letter).collect();
        assert_eq!(found, expected, "{name}");
    }
}
