//! `config.json` in every spelling that is in use.

use plimsoll_formats::FormatError;
use plimsoll_models::{Activation, Hyperparams, LayerKind, RopeScaling};
use serde_json::{Value, json};

/// A small complete Llama configuration with `changes` laid over it; `null` stays as `null`.
fn config(changes: Value) -> Result<Hyperparams, FormatError> {
    let mut base = json!({
        "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160,
        "num_hidden_layers": 4, "num_attention_heads": 4, "rms_norm_eps": 1e-5, "max_position_embeddings": 2048,
    });
    base.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Hyperparams::from_config_json("config.json", &base.to_string())
}

fn refused(changes: Value) -> String {
    config(changes).unwrap_err().to_string()
}

#[test]
fn old_and_new_spelling_of_rope_mean_the_same() {
    let values = json!({ "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64 });
    let with = |extra: Value| {
        let mut all = values.as_object().unwrap().clone();
        all.extend(extra.as_object().unwrap().clone());
        Value::Object(all)
    };
    let older = config(json!({ "rope_theta": 5e5, "rope_scaling": with(json!({ "type": "llama3" })) })).unwrap();
    let old = config(json!({ "rope_theta": 5e5, "rope_scaling": with(json!({ "rope_type": "llama3" })) })).unwrap();
    let new = config(json!({ "rope_parameters": with(json!({ "rope_type": "llama3", "rope_theta": 5e5 })) })).unwrap();
    assert_eq!(old.rope, new.rope);
    assert_eq!(older.rope, new.rope);
    assert_eq!(new.rope.theta, 5e5);
    assert!(matches!(new.rope.scaling, RopeScaling::Llama3 { factor: 8.0, original_max: 64, .. }));
    // An empty old key does not hide a new one.
    let both = json!({ "rope_scaling": {}, "rope_parameters": { "rope_theta": 7.0, "rope_type": "default" } });
    assert_eq!(config(both).unwrap().rope.theta, 7.0);
}

#[test]
fn absent_and_null_sizes_are_derived() {
    let hp = config(json!({})).unwrap();
    assert_eq!((hp.n_kv_heads, hp.head_dim, hp.rope.theta, hp.tied_embeddings), (4, 16, 10_000.0, false));
    assert_eq!(config(json!({ "head_dim": null, "num_key_value_heads": null })).unwrap().head_dim, 16);
    assert_eq!(config(json!({ "head_dim": 32 })).unwrap().head_dim, 32);
    assert_eq!(config(json!({ "hidden_size": 64.0 })).unwrap().d_model, 64);
}

#[test]
fn yarn_resolves_its_attention_factor_as_the_reference_does() {
    let yarn = |extra: Value| {
        let mut scaling = json!({ "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128 });
        scaling.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        match config(json!({ "rope_scaling": scaling })).unwrap().rope.scaling {
            RopeScaling::Yarn { attention_factor, beta_fast, beta_slow, .. } => {
                (attention_factor, beta_fast, beta_slow)
            }
            other => panic!("{other:?}"),
        }
    };
    let natural = 0.1 * 4f64.ln() + 1.0;
    assert_eq!(yarn(json!({})), (natural, 32.0, 1.0));
    assert_eq!(yarn(json!({ "attention_factor": 1.5, "beta_fast": 16, "beta_slow": 0 })), (1.5, 16.0, 1.0));
    let (ratio, ..) = yarn(json!({ "mscale": 1.0, "mscale_all_dim": 0.5 }));
    assert!((ratio - natural / (0.05 * 4f64.ln() + 1.0)).abs() < 1e-12);
}

#[test]
fn phi3_scales_by_length_under_all_its_names() {
    for name in ["longrope", "su", "yarn"] {
        let hp = config(json!({ "model_type": "phi3", "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": { "type": name, "short_factor": vec![1.0; 8], "long_factor": vec![2.0; 8] } }))
        .unwrap();
        let RopeScaling::LongRope { long, original_max, attention_factor, .. } = hp.rope.scaling else {
            panic!("{name}")
        };
        assert_eq!((long, original_max), (vec![2.0; 8], 4096));
        assert!((attention_factor - (1.0 + 32f64.ln() / 4096f64.ln()).sqrt()).abs() < 1e-12);
    }
    let short = json!({ "model_type": "phi3", "rope_scaling":
        { "type": "longrope", "short_factor": [1.0], "long_factor": vec![2.0; 8] } });
    let message = refused(short);
    assert_eq!(
        message,
        "`config.json`, key `rope_scaling.short_factor`: found [1.0], expected 8 numbers greater than 0"
    );
}

#[test]
fn a_part_of_each_head_may_rotate() {
    let outer = config(json!({ "model_type": "phi3", "partial_rotary_factor": 0.75 })).unwrap();
    assert_eq!(outer.rope.rotary_dim, 12);
    let inner =
        json!({ "model_type": "phi3", "rope_parameters": { "rope_type": "default", "partial_rotary_factor": 0.5 } });
    assert_eq!(config(inner).unwrap().rope.rotary_dim, 8);
    let part = |factor: f64| json!({ "model_type": "phi3", "partial_rotary_factor": factor });
    assert!(refused(part(0.7)).contains("`partial_rotary_factor`: found 0.7"));
    assert!(refused(part(1.5)).contains("partial_rotary_factor"));
}

// modeling_llama.py of transformers 5.24 reads neither key; modeling_rope_utils.py reads the part for scaled frequencies.
#[test]
fn keys_that_a_class_does_not_read_are_left_over() {
    let left_over = config(json!({ "partial_rotary_factor": 0.5, "final_logit_softcapping": 30.0 })).unwrap();
    assert_eq!((left_over.rope.rotary_dim, left_over.final_logit_softcap), (16, None));
    let scaled = json!({ "rope_scaling": { "type": "linear", "factor": 2.0 }, "partial_rotary_factor": 0.5 });
    assert_eq!(config(scaled).unwrap().rope.rotary_dim, 8);
}

#[test]
fn dynamic_scaling_changes_nothing_within_the_context() {
    let hp = config(json!({ "rope_scaling": { "type": "dynamic", "factor": 2.0 } })).unwrap();
    assert_eq!(hp.rope.scaling, RopeScaling::None);
}

#[test]
fn gemma3_has_two_rotary_embeddings_in_either_spelling() {
    let old = config(json!({ "model_type": "gemma3_text", "rope_theta": 1e6, "rope_local_base_freq": 1e4,
        "head_dim": 16, "rope_scaling": { "rope_type": "linear", "factor": 8.0 }, "num_hidden_layers": 12 }))
    .unwrap();
    let new = config(json!({ "model_type": "gemma3_text", "head_dim": 16, "num_hidden_layers": 12,
        "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8.0, "rope_theta": 1e6 },
            "sliding_attention": { "rope_type": "default", "rope_theta": 1e4 } } }))
    .unwrap();
    assert_eq!((&old.rope, &old.rope_local), (&new.rope, &new.rope_local));
    assert_eq!(old.rope.scaling, RopeScaling::Linear { factor: 8.0 });
    assert_eq!(old.rope_local.as_ref().unwrap().scaling, RopeScaling::None);
    assert_eq!(old.activation, Activation::GeluTanh);
    assert_eq!(old.query_pre_attn_scalar, Some(256.0));
    let full: Vec<usize> = (0..12).filter(|&i| old.layer_kinds[i] == LayerKind::Full).collect();
    assert_eq!((full, old.sliding_window, old.tied_embeddings), (vec![5, 11], Some(4096), true));
}

#[test]
fn a_multimodal_file_gives_its_text_model() {
    let text = json!({ "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96 });
    let file =
        json!({ "model_type": "gemma3", "text_config": text, "vision_config": { "hidden_size": 7 } }).to_string();
    let hp = Hyperparams::from_config_json("config.json", &file).unwrap();
    assert_eq!((hp.arch_name, hp.wrapper.as_deref()), ("gemma3_text", Some("gemma3")));
    assert_eq!((hp.d_model, hp.head_dim, hp.vocab_size, hp.tied_embeddings), (64, 256, 262_208, true));
    let file = json!({ "model_type": "smolvlm", "text_config": text, "tie_word_embeddings": false }).to_string();
    assert_eq!(Hyperparams::from_config_json("config.json", &file).unwrap().arch_name, "llama");
    let file = json!({ "model_type": "smolvlm" }).to_string();
    let hp = Hyperparams::from_config_json("config.json", &file).unwrap();
    assert_eq!((hp.d_model, hp.rms_eps), (4096, 1e-5));
}

#[test]
fn windows_follow_each_class() {
    let kinds = |changes: Value| {
        let hp = config(changes).unwrap();
        (hp.layer_kinds.iter().filter(|&&k| k == LayerKind::Sliding).count(), hp.sliding_window)
    };
    assert_eq!(kinds(json!({ "model_type": "mistral", "num_key_value_heads": 2 })), (4, Some(4096)));
    let off = json!({ "model_type": "mistral", "num_key_value_heads": 2, "sliding_window": null });
    assert_eq!(kinds(off), (0, None));
    assert_eq!(kinds(json!({ "model_type": "phi3", "sliding_window": 2047 })), (4, Some(2047)));
    let qwen = json!({ "model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 64, "max_window_layers": 3 });
    assert_eq!(kinds(qwen.clone()), (0, None));
    let mut on = qwen;
    on["use_sliding_window"] = json!(true);
    assert_eq!(kinds(on), (1, Some(64)));
    let nope = json!({ "model_type": "smollm3", "num_key_value_heads": 2, "use_sliding_window": true,
        "sliding_window": 8, "no_rope_layers": [1, 0, 0, 1] });
    assert_eq!(kinds(nope), (2, Some(8)));
    assert_eq!(kinds(json!({ "sliding_window": 8 })), (0, None), "the llama class has no window");
    let lost = json!({ "model_type": "qwen2", "num_key_value_heads": 2,
        "layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"] });
    assert!(refused(lost).contains("`sliding_window`"));
}

#[test]
fn layer_flags_may_be_absent_or_empty_or_longer() {
    let rotary = |flags: Value| config(json!({ "no_rope_layers": flags })).unwrap().rotary_layers();
    assert_eq!(rotary(json!([])).unwrap(), [true, true, true, false]);
    assert_eq!(rotary(Value::Null).unwrap(), [true, true, true, false]);
    assert_eq!(rotary(json!([1, 0, true, 1, 0])).unwrap(), [true, false, true, true]);
    let short = rotary(json!([1, 0])).unwrap_err().to_string();
    assert_eq!(short, "`config.json`, key `no_rope_layers`: found [1,0], expected one flag for each of 4 layers");
    assert!(rotary(json!([1, 2, 1, 1])).is_err());
    let never = config(json!({ "no_rope_layer_interval": 0 })).unwrap().rotary_layers().unwrap_err().to_string();
    assert!(never.contains("`no_rope_layer_interval`: found 0"), "{never}");
}

#[test]
fn llama4_chunks_its_rotary_layers() {
    let hp = config(json!({ "model_type": "llama4_text", "num_key_value_heads": 2, "head_dim": 16,
        "no_rope_layers": [] }))
    .unwrap();
    use LayerKind::{Chunked, Full};
    assert_eq!(hp.layer_kinds, [Chunked, Chunked, Chunked, Full]);
    assert_eq!(hp.attention_chunk, Some(8192));
    assert_eq!(hp.f32("attn_scale").unwrap(), Some(0.1));
    assert_eq!(hp.rope.theta, 500_000.0);
}

#[test]
fn a_chunked_layer_needs_a_chunk_of_one_key_at_least() {
    let chunked = |model_type: &str, size: Value| {
        config(json!({ "model_type": model_type, "num_key_value_heads": 2, "head_dim": 16,
            "layer_types": vec!["chunked_attention"; 4], "attention_chunk_size": size }))
    };
    for model_type in ["llama4_text", "qwen2", "qwen3", "smollm3", "gemma3_text"] {
        assert_eq!(chunked(model_type, json!(8)).unwrap().attention_chunk, Some(8), "{model_type}");
        for none in [json!(0), Value::Null] {
            let message = chunked(model_type, none).unwrap_err().to_string();
            assert!(message.contains("key `attention_chunk_size`: found "), "{model_type}: {message}");
        }
    }
}

#[test]
fn what_would_change_the_arithmetic_is_refused_by_its_key() {
    for (changes, key, expected) in [
        (json!({ "rope_scaling": { "type": "spiral" } }), "rope_scaling.type", "default, linear"),
        (json!({ "rope_scaling": { "type": "default", "mrope_section": [1] } }), "rope_scaling.mrope_section", "none"),
        (json!({ "hidden_act": "relu2" }), "hidden_act", "silu"),
        (json!({ "quantization_config": { "quant_method": "gptq" } }), "quantization_config.quant_method", "GGUF"),
        (json!({ "num_local_experts": 8 }), "num_local_experts", "dense"),
        (json!({ "clip_qkv": 8.0 }), "clip_qkv", "no clipping"),
        (json!({ "embedding_multiplier": 12.0 }), "embedding_multiplier", "no scale"),
        (json!({ "use_bidirectional_attention": true }), "use_bidirectional_attention", "causal"),
        (json!({ "layer_types": ["linear_attention"] }), "layer_types", "full_"),
        (json!({ "num_key_value_heads": 3 }), "num_key_value_heads", "a divisor of 4 heads"),
        (json!({ "num_hidden_layers": 1u64 << 60 }), "num_hidden_layers", "1 to 10000"),
        (json!({ "num_hidden_layers": -1 }), "num_hidden_layers", "whole number"),
        (json!({ "hidden_size": "64" }), "hidden_size", "whole number"),
        (json!({ "rms_norm_eps": 0.0 }), "rms_norm_eps", "greater than 0"),
        (json!({ "rope_theta": -1.0 }), "rope_theta", "greater than 0"),
        (json!({ "head_dim": 15 }), "head_dim", "even"),
        // Found by fuzzing.
        (json!({ "model_type": "gemma3_text", "rope_local_base_freq": 0.0 }), "rope_local_base_freq", "greater than 0"),
    ] {
        let message = refused(changes);
        assert!(message.starts_with(&format!("`config.json`, key `{key}`: found ")), "{key}: {message}");
        assert!(message.contains(expected), "{key}: {message}");
    }
}

#[test]
fn an_unknown_architecture_without_the_usual_keys_is_called_unknown() {
    let file = r#"{ "model_type": "gpt2", "n_layer": 12 }"#;
    let error = Hyperparams::from_config_json("config.json", file).unwrap_err();
    assert!(matches!(error, FormatError::UnknownArchitecture { .. }));
    assert!(
        error
            .to_string()
            .contains("declares the architecture `gpt2`; known are `deepseek2`, `gemma`, `gemma2`, `gemma3`, "),
        "{error}"
    );
    let none = Hyperparams::from_config_json("config.json", "{}").unwrap_err().to_string();
    assert!(none.contains("key `model_type`: found nothing"), "{none}");
}
