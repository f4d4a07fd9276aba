//! LFM3: LFM2 with longer convolutions, norms on both sides of each half, windows on some layers, and a gate for each head.
//! llama.cpp has no such architecture. Source: transformers modeling_lfm3.py, configuration_lfm3.py.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Builder, Network, RopeLayout};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, lfm2, llama};
use crate::blocks::{self, Attention, Gate, QkNorm};
use crate::config::{Hyperparams, LayerKind, MAX_LAYERS, MAX_TAPS};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "lfm3",
    classes: &[CLASS],
    published: &[
        ("model.embedding_norm.weight", "model.norm.weight"),
        ("operator_norm", "input_layernorm"),
        ("self_attn.g_proj", "self_attn.gate_proj"),
        ("feed_forward.w1", "mlp.gate_proj"),
        ("feed_forward.w3", "mlp.up_proj"),
        ("feed_forward.w2", "mlp.down_proj"),
    ],
    unwritten: Some("an architecture that llama.cpp has not"),
    gguf: Gguf { exists: false, tensors: &[], ..llama::ARCH.gguf },
    build,
    ..lfm2::ARCH
};

const CLASS: Class = Class {
    model_type: "lfm3",
    defaults: || {
        json!({
            "vocab_size": 128000, "hidden_size": 2048, "intermediate_size": 7680, "num_hidden_layers": 24,
            "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 128, "hidden_act": "silu",
            "max_position_embeddings": 128000, "rms_norm_eps": 1e-5, "bos_token_id": 124894, "eos_token_id": 124900,
            "tie_word_embeddings": true, "conv_bias": false, "conv_L_cache": 7, "sliding_window": 256,
            "use_sandwich_norm": true, "use_attention_gate": true,
            "rope_parameters": {
                "sliding_attention": { "rope_type": "default", "rope_theta": 10000.0 },
                "full_attention": { "rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.5 },
            },
        })
    },
    spelled: &[("norm_eps", "rms_norm_eps")],
    settle,
    reads: &["conv", "attention_bias"],
    rope: RopeDefaults { theta: 1e6, local_theta: Some(10_000.0), ..llama::CLASS.rope },
    ..lfm2::CLASS
};

fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    if config.get("layer_types").is_none() {
        let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
        let kind = |i: usize| match i % 4 {
            2 => "full_attention",
            0 if i > 0 => "sliding_attention",
            _ => "conv",
        };
        config.insert_as("layer_types", "layer_types", json!((0..n_layers).map(kind).collect::<Vec<&str>>()));
    }
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let taps = hp.size("conv_L_cache", MAX_TAPS)?;
    let bias = hp.bool("conv_bias")?.unwrap_or(false);
    let sandwich = hp.bool("use_sandwich_norm")?.unwrap_or(true);
    let gate = if hp.bool("use_attention_gate")?.unwrap_or(true) { Gate::Heads } else { Gate::None };
    let mut net = Builder::new(hp.vocab_size);
    let full = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let sliding = net.rope_spec(rope::spec(hp.rope_local.as_ref().unwrap_or(&hp.rope), RopeLayout::Halves));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, kind) in hp.layer_kinds.iter().enumerate() {
        let rope = if *kind == LayerKind::Sliding { sliding } else { full };
        let qk_norm = Some(QkNorm::Gain { offset: 0.0 });
        let attention = Attention { mask: llama::mask(hp, i), qk_norm, gate, ..Attention::plain(hp, Some(rope)) };
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let mut a = match kind {
            LayerKind::Recurrent => lfm2::short_convolution(layer, h, taps, bias),
            _ => blocks::self_attention(layer, h, hp, &attention),
        };
        if sandwich {
            a = layer.rms_norm(a, "post_operator_norm", hp.d_model, hp.rms_eps, 0.0);
        }
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "ffn_norm", hp.d_model, hp.rms_eps, 0.0);
        let mut m = blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp);
        if sandwich {
            m = layer.rms_norm(m, "post_ffn_norm", hp.d_model, hp.rms_eps, 0.0);
        }
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}
