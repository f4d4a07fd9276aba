//! GLM-4.7-Flash: latent attention, whose keys and values are one vector for all heads, and experts chosen by sigmoids with a
//! bias. Source: transformers modeling_glm4_moe_lite.py, configuration_glm4_moe_lite.py; llama.cpp convert_hf_to_gguf.py
//! (`DeepseekV2Model`), src/models/deepseek2.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Ahead, AttentionOp, Builder, Mask, Moe, Network, RopeId, RopeLayout, Routing, Score, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, RotaryRows, TokenizerClass, llama};
use crate::blocks;
use crate::config::{GgufConfig, Hyperparams, MAX_LAYERS, MAX_WIDTH, layers};
use crate::mixture::Mixture;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "deepseek2",
    classes: &[CLASS],
    unwritten: Some("latent attention"),
    gguf: Gguf {
        tensors: &[
            ("attn_q_a", "self_attn.q_a_proj"),
            ("attn_q_a_norm", "self_attn.q_a_layernorm"),
            ("attn_q_b", "self_attn.q_b_proj"),
            ("attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"),
            ("attn_kv_a_norm", "self_attn.kv_a_layernorm"),
            ("attn_k_b.weight", "self_attn.k_b_proj"),
            ("attn_v_b.weight", "self_attn.v_b_proj"),
            ("ffn_gate_inp", "mlp.gate"),
            ("exp_probs_b.bias", "mlp.gate.e_score_correction_bias"),
            ("ffn_gate_exps.weight", "mlp.experts.gate_proj"),
            ("ffn_up_exps.weight", "mlp.experts.up_proj"),
            ("ffn_down_exps.weight", "mlp.experts.down_proj"),
            ("ffn_gate_shexp", "mlp.shared_experts.gate_proj"),
            ("ffn_up_shexp", "mlp.shared_experts.up_proj"),
            ("ffn_down_shexp", "mlp.shared_experts.down_proj"),
        ],
        rotary_rows: RotaryRows::Halves,
        reads: &["expert_shared_count", "expert_weights_scale", "attention.value_length"],
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "glm4_moe_lite",
    defaults: || {
        json!({
            "vocab_size": 154880, "hidden_size": 2048, "intermediate_size": 10240, "moe_intermediate_size": 1536,
            "num_hidden_layers": 47, "num_attention_heads": 20, "num_key_value_heads": 20, "n_shared_experts": 1,
            "num_local_experts": 64, "routed_scaling_factor": 1.8, "kv_lora_rank": 512, "q_lora_rank": 768,
            "qk_rope_head_dim": 64, "v_head_dim": 256, "qk_nope_head_dim": 192, "num_experts_per_tok": 4,
            "norm_topk_prob": true, "hidden_act": "silu", "max_position_embeddings": 202752, "rms_norm_eps": 1e-5,
            "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": false, "rope_interleave": true,
            "first_k_dense_replace": 1,
        })
    },
    spelled: &[("n_routed_experts", "num_local_experts")],
    settle,
    reads: &["num_local_experts"],
    layers: layers::full,
    rope: RopeDefaults { theta: 10_000.0, ..llama::CLASS.rope },
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};

/// What turns of a head is a part of its own.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let turned = config.size("qk_rope_head_dim", MAX_WIDTH)?;
    config.insert_as("head_dim", "qk_rope_head_dim", turned);
    if let Some(kinds) = config.strings("mlp_layer_types")? {
        let dense = kinds.iter().take_while(|kind| *kind == "dense").count();
        if kinds[dense..].iter().any(|kind| kind != "sparse") {
            return Err(config.error("mlp_layer_types", "dense layers, then sparse ones"));
        }
        config.insert_as("first_k_dense_replace", "mlp_layer_types", dense);
    }
    for (key, neutral) in [("n_group", 1), ("topk_group", 1)] {
        if config.usize(key)?.unwrap_or(neutral) != neutral {
            return Err(config.error(key, format!("{neutral}: experts in groups are not supported")));
        }
    }
    if config.bool("attention_bias")?.unwrap_or(false) {
        return Err(config.error("attention_bias", "no biases"));
    }
    Ok(())
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let gating = config.key("expert_gating_func");
    if config.gguf.uint(&gating)? != Some(2) {
        // Older files lack the key, and were read as softmax.
        config.keys.insert_as("scoring_func", &gating, config.gguf.uint(&gating)?.unwrap_or(0));
        return Err(config.keys.error("scoring_func", "2, the sigmoid"));
    }
    config.numbers(&[
        ("attention.q_lora_rank", "q_lora_rank"),
        ("attention.kv_lora_rank", "kv_lora_rank"),
        ("rope.dimension_count", "qk_rope_head_dim"),
        ("attention.value_length_mla", "v_head_dim"),
        ("leading_dense_block_count", "first_k_dense_replace"),
        ("expert_shared_count", "n_shared_experts"),
        ("expert_weights_scale", "routed_scaling_factor"),
    ])?;
    let whole = config.key("attention.key_length_mla");
    let turned = config.keys.size("qk_rope_head_dim", MAX_WIDTH)?;
    let unturned = (config.gguf.uint(&whole)?.unwrap_or(0) as usize).saturating_sub(turned);
    config.keys.insert_as("qk_nope_head_dim", &whole, unturned);
    let heads = config.keys.usize("num_attention_heads")?.unwrap_or(0);
    config.known("num_key_value_heads", heads);
    let norm = config.key("expert_weights_norm");
    let renormalised = config.gguf.bool(&norm)?.unwrap_or(false);
    config.keys.insert_as("norm_topk_prob", &norm, renormalised);
    config.known("rope_interleave", true);
    Ok(())
}

/// Sizes of latent attention.
struct Latent {
    /// Of queries, if they are projected in two steps.
    q_rank: Option<usize>,
    rank: usize,
    /// Values of a head's keys that do not turn, and that do.
    unturned: usize,
    turned: usize,
    value: usize,
    rope: RopeId,
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mixture = Mixture::read(hp)?;
    let dense = hp.usize("first_k_dense_replace")?.unwrap_or(0).min(MAX_LAYERS);
    let layout = match hp.bool("rope_interleave")?.unwrap_or(true) {
        true => RopeLayout::Interleaved,
        false => RopeLayout::Halves,
    };
    let mut net = Builder::new(hp.vocab_size);
    let latent = Latent {
        q_rank: hp.usize("q_lora_rank")?.map(|_| hp.size("q_lora_rank", MAX_WIDTH)).transpose()?,
        rank: hp.size("kv_lora_rank", MAX_WIDTH)?,
        unturned: hp.size("qk_nope_head_dim", MAX_WIDTH)?,
        turned: hp.size("qk_rope_head_dim", MAX_WIDTH)?,
        value: hp.size("v_head_dim", MAX_WIDTH)?,
        rope: net.rope_spec(rope::spec(&hp.rope, layout)),
    };
    let shared = hp.usize("n_shared_experts")?.unwrap_or(0).min(MAX_LAYERS);
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for i in 0..hp.n_layers {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = latent.attention(layer, h, hp);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = if i < dense {
            blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp)
        } else {
            let routed = layer.moe(h, &moe(hp, mixture)?);
            match shared {
                0 => routed,
                n => {
                    let shared = blocks::gated_mlp(layer, h, "mlp.shared_experts", n * mixture.d_ff, hp);
                    layer.net().add(routed, shared)
                }
            }
        };
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// The norms within attention have an epsilon of their own.
const LATENT_EPS: f32 = 1e-6;

impl Latent {
    /// Keys and values stay as one latent vector for all heads: what would make a head's keys of it is folded into its
    /// queries, and what would make its values of it into its result.
    fn attention(&self, layer: &mut Scope<'_>, h: ValueId, hp: &Hyperparams) -> ValueId {
        let Latent { rank, unturned, turned, value, rope, .. } = *self;
        let (heads, head) = (hp.n_heads, unturned + turned);
        let q = match self.q_rank {
            None => layer.linear(h, "self_attn.q_proj", heads * head, false),
            Some(q_rank) => {
                let q = layer.linear(h, "self_attn.q_a_proj", q_rank, false);
                let q = layer.rms_norm(q, "self_attn.q_a_layernorm", q_rank, LATENT_EPS, 0.0);
                layer.linear(q, "self_attn.q_b_proj", heads * head, false)
            }
        };
        let kv = layer.linear(h, "self_attn.kv_a_proj_with_mqa", rank + turned, false);
        let net = layer.net();
        let (plain, turning) = (net.columns(q, head, 0, unturned), net.columns(q, head, unturned, turned));
        let turning = net.rope(turning, rope, turned);
        let (latent, k_turning) = (net.columns(kv, rank + turned, 0, rank), net.columns(kv, rank + turned, rank, turned));
        let k_turning = net.rope(k_turning, rope, turned);
        let latent = layer.rms_norm(latent, "self_attn.kv_a_layernorm", rank, LATENT_EPS, 0.0);
        let plain = layer.head_linear(plain, "self_attn.k_b_proj", heads, rank);
        let net = layer.net();
        let (q, k) = (net.join(plain, turning, heads), net.join(latent, k_turning, 1));
        let op = AttentionOp {
            cache: net.latent_cache(rank + turned),
            n_heads: heads,
            n_kv_heads: 1,
            head_dim: rank + turned,
            scale: (head as f32).sqrt().recip(),
            softcap: None,
            mask: Mask::Causal,
            ahead: Ahead::Nothing,
            sinks: None,
        };
        let a = net.latent_attention(q, k, op);
        let a = net.columns(a, rank + turned, 0, rank);
        let a = layer.head_linear(a, "self_attn.v_b_proj", heads, value);
        layer.linear(a, "self_attn.o_proj", hp.d_model, false)
    }
}

fn moe(hp: &Hyperparams, mixture: Mixture) -> Result<Moe<'static>, HyperparamError> {
    let renormalised = hp.bool("norm_topk_prob")?.unwrap_or(true).then_some(1e-20);
    let moe = mixture.gated(hp, "mlp.gate", "mlp.experts", Score::Sigmoid, renormalised);
    Ok(Moe {
        choice_bias: Some("mlp.gate.e_score_correction_bias"),
        routing: Routing { factor: hp.f32("routed_scaling_factor")?.unwrap_or(1.0), ..moe.routing },
        ..moe
    })
}
