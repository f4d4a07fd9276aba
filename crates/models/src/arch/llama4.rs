//! Llama 4 text, dense and mixture of experts: interleaved rotary and chunked attention on most layers, temperature
//! instead of position on the others. Source: transformers modeling_llama4.py, configuration_llama4.py; llama.cpp
//! convert_hf_to_gguf.py, llama-model.cpp.

use plimsoll_graph::{Builder, Moe, Network, RopeId, RopeLayout, Routing, Score, Temperature, Weighed};
use serde_json::{Value, json};

use super::{Arch, Class, Gguf, RopeDefaults, RotaryRows, Window, llama};
use crate::blocks::{self, Attention, QkNorm};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers, MAX_LAYERS};
use crate::mixture::Mixture;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "llama4",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &[
            ("ffn_gate", "feed_forward.gate_proj"),
            ("ffn_up", "feed_forward.up_proj"),
            ("ffn_down", "feed_forward.down_proj"),
            ("ffn_gate_inp", "feed_forward.router"),
            ("ffn_gate_shexp", "feed_forward.shared_expert.gate_proj"),
            ("ffn_up_shexp", "feed_forward.shared_expert.up_proj"),
            ("ffn_down_shexp", "feed_forward.shared_expert.down_proj"),
            ("ffn_gate_exps.weight", "feed_forward.experts.gate_proj"),
            ("ffn_up_exps.weight", "feed_forward.experts.up_proj"),
            ("ffn_down_exps.weight", "feed_forward.experts.down_proj"),
        ],
        rotary_rows: RotaryRows::Halves,
        window: Window::Own,
        reads: &["expert_shared_count"],
        facts,
        ..llama::ARCH.gguf
    },
    transposed: &[
        ("feed_forward.experts.gate_up_proj", &["feed_forward.experts.gate_proj", "feed_forward.experts.up_proj"]),
        ("feed_forward.experts.down_proj", &["feed_forward.experts.down_proj"]),
    ],
    // The class of the text model alone is another model's.
    mlx_lacks: |hp| if hp.wrapper.is_none() { Some("its experts, its chunks and its output projection") } else { None },
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "llama4_text",
    defaults: || {
        json!({
            "vocab_size": 202048, "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
            "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
            "hidden_act": "silu", "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "bos_token_id": 1,
            "eos_token_id": 2, "tie_word_embeddings": false, "num_experts_per_tok": 1, "num_local_experts": 16,
            "interleave_moe_layer_step": 1, "use_qk_norm": true, "no_rope_layer_interval": 4,
            "attention_chunk_size": 8192, "attn_temperature_tuning": true, "floor_scale": 8192, "attn_scale": 0.1,
        })
    },
    reads: &["attention_bias", "num_local_experts"],
    layers,
    rope: RopeDefaults { theta: 500_000.0, ..llama::CLASS.rope },
    ..llama::CLASS
};

/// Where no kinds are listed, the layers with rotary embedding are chunked.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let chunked = |rotary| if rotary { LayerKind::Chunked } else { LayerKind::Full };
    let kinds = match &keys.listed {
        Some(listed) => listed.clone(),
        None => keys.rotary()?.into_iter().map(chunked).collect(),
    };
    Ok(Layers { kinds, window: None })
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.only("expert_shared_count", 1.0)?;
    let (dense_key, expert_key) = (config.key("feed_forward_length"), config.key("expert_feed_forward_length"));
    let dense = config.number(&dense_key)?.unwrap_or(Value::Null);
    let expert = config.number(&expert_key)?;
    config.keys.insert_as("intermediate_size_mlp", &dense_key, dense.clone());
    config.keys.insert_as("intermediate_size", &expert_key, expert.unwrap_or(dense));
    let experts_key = config.key("expert_count");
    let experts = config.keys.usize("num_local_experts")?.unwrap_or(0);
    config.keys.insert_as("num_local_experts", &experts_key, experts);
    let step_key = config.key("interleave_moe_layer_step");
    config.keys.insert_as("moe_layers", &step_key, json!(config.facts.moe_layers));
    // llama.cpp leaves out the norm of Q and K for Maverick alone, which it knows by its 128 experts.
    config.keys.insert_as("use_qk_norm", &experts_key, experts != 128);
    config.known("attention_chunk_size", 8192);
    config.known("attn_temperature_tuning", true);
    config.known("floor_scale", 8192);
    config.known("attn_scale", 0.1);
    let window_key = config.key("attention.sliding_window");
    if config.gguf.uint(&window_key)? == Some(0) {
        // A window of 0 says: no chunks, and every layer rotates.
        let layers = config.keys.size("num_hidden_layers", MAX_LAYERS)?;
        config.keys.insert_as("no_rope_layers", &window_key, json!(vec![1; layers]));
        config.keys.insert_as("layer_types", &window_key, json!(vec!["full_attention"; layers]));
    } else {
        config.known("no_rope_layer_interval", 4);
    }
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = hp.rotary_layers()?;
    let experts = Experts::read(hp)?;
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Interleaved));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, rotary) in rotary.into_iter().enumerate() {
        let attention = if rotary { rotary_attention(hp, rope)? } else { temperate_attention(hp)? };
        let attention = Attention { mask: llama::mask(hp, i), ..attention };
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = blocks::self_attention(layer, h, hp, &attention);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = if experts.layers[i] {
            let shared = blocks::gated_mlp(layer, h, "feed_forward.shared_expert", hp.d_ff, hp);
            let routed = layer.moe(h, &experts.mixture(hp));
            layer.net().add(shared, routed)
        } else {
            blocks::gated_mlp(layer, h, "feed_forward", experts.dense_d_ff, hp)
        };
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// Rotary layers: queries and keys normed after the rotation.
fn rotary_attention(hp: &Hyperparams, rope: RopeId) -> Result<Attention, ModelError> {
    let qk_norm = hp.bool("use_qk_norm")?.unwrap_or(true).then_some(QkNorm::Plain);
    Ok(Attention { qk_norm, ..Attention::plain(hp, Some(rope)) })
}

/// Layers without rotary: a temperature that grows with the position.
fn temperate_attention(hp: &Hyperparams) -> Result<Attention, ModelError> {
    let floor = hp.f32("floor_scale")?.unwrap_or(8192.0);
    if floor < f32::MIN_POSITIVE {
        return Err(hp.error("floor_scale", "a number of tokens greater than 0").into());
    }
    let scale = hp.f32("attn_scale")?.unwrap_or(0.1);
    let temperature = hp.bool("attn_temperature_tuning")?.unwrap_or(true).then_some(Temperature { ahead: 1.0, floor, scale });
    Ok(Attention { temperature, ..Attention::plain(hp, None) })
}

/// Where experts stand, and how many.
struct Experts {
    mixture: Mixture,
    /// Width of the layers without experts.
    dense_d_ff: usize,
    /// Which layers have experts.
    layers: Vec<bool>,
}

impl Experts {
    fn read(hp: &Hyperparams) -> Result<Experts, ModelError> {
        let mixture = Mixture::read(hp)?;
        let step = hp.usize("interleave_moe_layer_step")?.unwrap_or(1);
        let listed = hp.usizes("moe_layers")?;
        let has_experts = |layer: usize| match &listed {
            Some(listed) => listed.contains(&layer),
            None => step > 0 && (layer + 1).is_multiple_of(step),
        };
        Ok(Experts {
            mixture,
            dense_d_ff: hp.usize("intermediate_size_mlp")?.unwrap_or(hp.d_ff),
            layers: (0..hp.n_layers).map(|layer| mixture.n_experts > 0 && has_experts(layer)).collect(),
        })
    }

    /// The sigmoid of a router's logit scales the input of its expert.
    fn mixture(&self, hp: &Hyperparams) -> Moe<'static> {
        let moe = self.mixture.gated(hp, "feed_forward.router", "feed_forward.experts", Score::Sigmoid, None);
        Moe { routing: Routing { weighs: Weighed::Input, ..moe.routing }, ..moe }
    }
}
