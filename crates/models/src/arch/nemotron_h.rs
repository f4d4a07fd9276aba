//! Nemotron-H and Nemotron 3 Nano: one operator a layer, Mamba-2, attention without rotation, experts or an MLP, both of two
//! matrices. Source: transformers modeling_nemotron_h.py, configuration_nemotron_h.py; llama.cpp convert_hf_to_gguf.py
//! (`NemotronHModel`), src/models/nemotron-h.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Builder, Gating, Moe, Network, Routing, Score, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, Gguf, RotaryRows, TokenizerClass, llama};
use crate::blocks::{self, Attention};
use crate::config::{Activation, GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers, MAX_HEADS, MAX_LAYERS, MAX_WIDTH};
use crate::mamba::{Mamba2, MambaKeys};
use crate::mixture::Mixture;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "nemotron_h_moe",
    classes: &[CLASS],
    published: &[
        ("model.embeddings.weight", "model.embed_tokens.weight"),
        ("model.norm_f.weight", "model.norm.weight"),
        ("norm", "input_layernorm"),
        ("mixer.q_proj", "self_attn.q_proj"),
        ("mixer.k_proj", "self_attn.k_proj"),
        ("mixer.v_proj", "self_attn.v_proj"),
        ("mixer.o_proj", "self_attn.o_proj"),
    ],
    unwritten: Some("layers of one operator"),
    gguf: Gguf {
        also: &["nemotron_h"],
        tensors: &[
            ("ffn_gate_inp", "mixer.gate"),
            ("exp_probs_b.bias", "mixer.gate.e_score_correction_bias"),
            ("ffn_up_exps.weight", "mixer.experts.up_proj"),
            ("ffn_down_exps.weight", "mixer.experts.down_proj"),
            ("ffn_up_shexp", "mixer.shared_experts.up_proj"),
            ("ffn_down_shexp", "mixer.shared_experts.down_proj"),
            ("ffn_up", "mixer.up_proj"),
            ("ffn_down", "mixer.down_proj"),
            ("ssm_in", "mixer.in_proj"),
            ("ssm_conv1d", "mixer.conv1d"),
            ("ssm_dt.bias", "mixer.dt_bias"),
            ("ssm_a", "mixer.A_log"),
            ("ssm_d", "mixer.D"),
            ("ssm_norm", "mixer.norm"),
            ("ssm_out", "mixer.out_proj"),
        ],
        rotary_rows: RotaryRows::Halves,
        per_layer: &["feed_forward_length"],
        reads: &["expert_shared_count", "expert_weights_scale"],
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "nemotron_h",
    defaults: || {
        json!({
            "vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 21504, "num_attention_heads": 32,
            "num_key_value_heads": 8, "head_dim": 128, "hidden_act": "silu", "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": false, "use_bias": false,
            "ssm_state_size": 128, "mamba_num_heads": 128, "n_groups": 8, "mamba_head_dim": 64, "conv_kernel": 4,
            "use_conv_bias": true, "mamba_proj_bias": false, "time_step_min": 0.001, "num_local_experts": 8,
            "n_shared_experts": 1, "moe_intermediate_size": 7688, "moe_shared_expert_intermediate_size": 7688,
            "num_experts_per_tok": 2, "routed_scaling_factor": 1.0, "norm_topk_prob": true,
        })
    },
    spelled: &[("layer_norm_epsilon", "rms_norm_eps"), ("n_routed_experts", "num_local_experts")],
    settle,
    reads: &["attention_bias", "mlp_bias", "num_local_experts"],
    layers,
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};

const KEYS: MambaKeys = MambaKeys {
    heads: "mamba_num_heads",
    head_dim: "mamba_head_dim",
    groups: "n_groups",
    state: "ssm_state_size",
    taps: "conv_kernel",
    conv_bias: "use_conv_bias",
    proj_bias: "mamba_proj_bias",
};

/// A letter for each layer: `M` Mamba, `*` attention, `E` experts, `-` an MLP.
const PATTERN: &str = "hybrid_override_pattern";

/// Newer files spell letters as words.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let words = match config.get("layers_block_type") {
        Some(_) => config.strings("layers_block_type")?,
        None => None,
    };
    if let (Some(words), None) = (words, config.get(PATTERN)) {
        let letter = |word: &String| match word.as_str() {
            "mamba" => Some('M'),
            "attention" => Some('*'),
            "moe" => Some('E'),
            "mlp" => Some('-'),
            _ => None,
        };
        let pattern: Option<String> = words.iter().map(letter).collect();
        let pattern = pattern
            .ok_or_else(|| config.error("layers_block_type", "mamba, attention, moe or mlp for each layer"))?;
        config.insert_as(PATTERN, "layers_block_type", pattern);
    }
    let pattern = config.str(PATTERN)?.unwrap_or_default().to_owned();
    if pattern.is_empty() || pattern.len() > MAX_LAYERS || !pattern.chars().all(|letter| "M*E-".contains(letter)) {
        return Err(config.error(PATTERN, "a letter of M, *, E and - for each layer"));
    }
    config.insert_as("num_hidden_layers", PATTERN, pattern.len());
    for (key, neutral) in [("n_group", 1), ("topk_group", 1), ("moe_latent_size", 0)] {
        if config.usize(key)?.unwrap_or(neutral) != neutral {
            return Err(config.error(key, format!("{neutral}: anything else is not supported")));
        }
    }
    Ok(())
}

fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let pattern = keys.config.str(PATTERN)?.unwrap_or_default();
    let kind = |letter| if letter == 'M' { LayerKind::Recurrent } else { LayerKind::Full };
    Ok(Layers { kinds: pattern.chars().map(kind).collect(), window: None })
}

/// Which operator a layer has follows from what it has heads or a width for.
fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let n_layers = config.keys.size("num_hidden_layers", MAX_LAYERS)?;
    let width_key = config.key("feed_forward_length");
    let widths = config.of_layers(&width_key, n_layers)?;
    let attends = |layer: usize| !config.headless.get(layer).copied().unwrap_or(false);
    let letter = |layer: usize| match (attends(layer), widths[layer] > 0) {
        (true, _) => '*',
        (false, true) if config.facts.moe_layers.contains(&layer) => 'E',
        (false, true) => '-',
        (false, false) => 'M',
    };
    let pattern: String = (0..n_layers).map(letter).collect();
    config.keys.insert_as(PATTERN, &width_key, pattern);
    config.keys.insert_as("layer_types", &width_key, json!(null));
    let width = widths.iter().copied().max().unwrap_or(0);
    config.keys.insert_as("intermediate_size", &width_key, width);
    config.numbers(&[
        ("attention.layer_norm_epsilon", "rms_norm_eps"),
        ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
        ("expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size"),
        ("expert_shared_count", "n_shared_experts"),
        ("expert_weights_scale", "routed_scaling_factor"),
        ("ssm.conv_kernel", "conv_kernel"),
        ("ssm.state_size", "ssm_state_size"),
        ("ssm.group_count", "n_groups"),
        ("ssm.time_step_rank", "mamba_num_heads"),
    ])?;
    let heads = config.keys.size("mamba_num_heads", MAX_HEADS)?;
    let inner = config.key("ssm.inner_size");
    let inner_width = config.gguf.uint(&inner)?.unwrap_or(0) as usize;
    config.keys.insert_as("mamba_head_dim", &inner, inner_width / heads);
    let norm = config.key("expert_weights_norm");
    let renormalised = config.gguf.bool(&norm)?.unwrap_or(true);
    config.keys.insert_as("norm_topk_prob", &norm, renormalised);
    // As transformers, which llama.cpp does not bound.
    config.known("time_step_min", 0.001);
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let pattern = hp.str(PATTERN)?.unwrap_or_default().to_owned();
    let mamba = match pattern.contains('M') {
        true => {
            let least_step = hp.f32("time_step_min")?.unwrap_or(0.001);
            Some(Mamba2::read(hp, &KEYS)?.with_least_step(least_step))
        }
        false => None,
    };
    let mixture = Mixture::read(hp)?;
    let mut net = Builder::new(hp.vocab_size);
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, letter) in pattern.chars().enumerate() {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let y = match (letter, &mamba) {
            ('M', Some(mamba)) => mamba.build(layer, h, "mixer", hp),
            ('*', _) => blocks::self_attention(layer, h, hp, &Attention::plain(hp, None)),
            ('E', _) => experts(layer, h, hp, mixture)?,
            _ => mlp(layer, h, "mixer", hp.d_ff, hp),
        };
        x = layer.net().add(x, y);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// `down_proj(relu(up_proj(x))²)` under `name`.
fn mlp(layer: &mut Scope<'_>, x: ValueId, name: &str, width: usize, hp: &Hyperparams) -> ValueId {
    let h = layer.linear(x, &format!("{name}.up_proj"), width, hp.biases.mlp);
    let h = layer.net().activate(h, Activation::SquaredRelu);
    layer.linear(h, &format!("{name}.down_proj"), hp.d_model, hp.biases.mlp)
}

fn experts(layer: &mut Scope<'_>, h: ValueId, hp: &Hyperparams, mixture: Mixture) -> Result<ValueId, ModelError> {
    let renormalised = hp.bool("norm_topk_prob")?.unwrap_or(true).then_some(1e-20);
    let moe = mixture.gated(hp, "mixer.gate", "mixer.experts", Score::Sigmoid, renormalised);
    let moe = Moe {
        choice_bias: Some("mixer.gate.e_score_correction_bias"),
        gating: Gating::Alone(Activation::SquaredRelu),
        routing: Routing { factor: hp.f32("routed_scaling_factor")?.unwrap_or(1.0), ..moe.routing },
        ..moe
    };
    let routed = layer.moe(h, &moe);
    if hp.usize("n_shared_experts")?.unwrap_or(0) == 0 {
        return Ok(routed);
    }
    let width = hp.size("moe_shared_expert_intermediate_size", MAX_WIDTH)?;
    let shared = mlp(layer, h, "mixer.shared_experts", width, hp);
    Ok(layer.net().add(routed, shared))
}
