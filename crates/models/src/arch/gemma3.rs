//! Gemma 3 text: norms on both sides of each half, gains stored less one, queries and keys normed, local layers with a
//! window and frequencies of their own. Source: transformers modeling_gemma3.py, configuration_gemma3.py; llama.cpp
//! convert_hf_to_gguf.py, llama-model.cpp.

use plimsoll_formats::gguf::MetaValue;
use plimsoll_graph::{Builder, Network, RopeLayout};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, RotaryRows, TokenizerClass, Window, Wrapper, llama};
use crate::blocks::{self, Attention, QkNorm};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "gemma3",
    classes: &[CLASS],
    wrappers: &[Wrapper { tied: true, ..Wrapper::around("gemma3", "gemma3_text") }],
    gguf: Gguf {
        tensors: &[
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
            ("post_attention_norm", "post_attention_layernorm"),
            ("ffn_norm", "pre_feedforward_layernorm"),
            ("post_ffw_norm", "post_feedforward_layernorm"),
        ],
        rotary_rows: RotaryRows::Halves,
        norm_shift: GAIN,
        activation: "gelu_pytorch_tanh",
        window: Window::Read,
        facts,
        ..llama::ARCH.gguf
    },
    mlx_lacks,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "gemma3_text",
    defaults: || {
        json!({
            "vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true,
            "query_pre_attn_scalar": 256, "sliding_window": 4096,
        })
    },
    // `attn_logit_softcapping` is left over: the class has the key, and its attention is never given it.
    reads: &["attention_bias", "query_pre_attn_scalar", "final_logit_softcapping"],
    layers,
    rope: RopeDefaults { theta: 1_000_000.0, local_theta: Some(10_000.0), ..llama::CLASS.rope },
    tokenizer: TokenizerClass::OrElse("GemmaTokenizer"),
    ..llama::CLASS
};

/// Its class caps no logits, and every sixth layer sees all unless the key tells another number.
fn mlx_lacks(hp: &Hyperparams) -> Option<&'static str> {
    let every = hp.usize("sliding_window_pattern").ok().flatten().unwrap_or(6);
    let kind = |layer: usize| if (layer + 1).is_multiple_of(every) { LayerKind::Full } else { LayerKind::Sliding };
    if hp.final_logit_softcap.is_some() {
        return Some("the cap of its logits");
    }
    let regular = hp.n_layers >= every && hp.layer_kinds.iter().enumerate().all(|(layer, found)| *found == kind(layer));
    (!regular).then_some("which of its layers see all")
}

/// Gains are stored as their distance from one.
const GAIN: f32 = 1.0;

/// Where no kinds are listed, every so many layers one sees all.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let pattern = match keys.interval("sliding_window_pattern")? {
        Some(pattern) => Some(pattern),
        None => keys.interval("_sliding_window_pattern")?,
    };
    let pattern = pattern.unwrap_or(6);
    let by_pattern = || keys.sliding_where(|i| !(i + 1).is_multiple_of(pattern));
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_pattern), window: keys.window()? })
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let pattern_key = config.key("attention.sliding_window_pattern");
    match config.gguf.get(&pattern_key) {
        Some(MetaValue::Array(_)) => {
            let words = config.gguf.bools(&pattern_key)?.unwrap_or_default();
            let word = |&sliding: &bool| if sliding { "sliding_attention" } else { "full_attention" };
            let words: Vec<&str> = words.iter().map(word).collect();
            config.keys.insert_as("layer_types", &pattern_key, json!(words));
        }
        _ => {
            let pattern = config.gguf.uint(&pattern_key)?.unwrap_or(6);
            config.keys.insert_as("sliding_window_pattern", &pattern_key, pattern);
        }
    }
    // The 27B (62 layers) divides scores by the root of d_model / n_heads, all others by that of head_dim.
    let width = match (config.keys.usize("num_hidden_layers")?, config.keys.usize("head_dim")?) {
        (Some(62), _) | (_, None) => {
            let heads = config.keys.usize("num_attention_heads")?.unwrap_or(1).max(1);
            config.keys.usize("hidden_size")?.unwrap_or(0) / heads
        }
        (_, Some(head_dim)) => head_dim,
    };
    let key = config.key("attention.key_length");
    config.keys.insert_as("query_pre_attn_scalar", &key, width);
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let global = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let local = net.rope_spec(rope::spec(hp.rope_local.as_ref().unwrap_or(&hp.rope), RopeLayout::Halves));
    let mut x = net.embed_times(EMBEDDING, hp.d_model, (hp.d_model as f32).sqrt());
    for i in 0..hp.n_layers {
        let rope = if hp.layer_kinds[i] == LayerKind::Sliding { local } else { global };
        let qk_norm = Some(QkNorm::Gain { offset: GAIN });
        let attention = Attention { mask: llama::mask(hp, i), qk_norm, ..Attention::plain(hp, Some(rope)) };
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let a = blocks::self_attention(layer, h, hp, &attention);
        let a = layer.rms_norm(a, "post_attention_layernorm", hp.d_model, hp.rms_eps, GAIN);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "pre_feedforward_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let m = blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp);
        let m = layer.rms_norm(m, "post_feedforward_layernorm", hp.d_model, hp.rms_eps, GAIN);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, GAIN);
    Ok(net.finish(logits)?)
}
