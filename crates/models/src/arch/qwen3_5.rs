//! Qwen3.5: three layers of gated delta nets, then one of gated attention. Source: transformers modeling_qwen3_5.py,
//! configuration_qwen3_5.py; llama.cpp convert_hf_to_gguf.py (`Qwen3_5TextModel`), src/models/qwen35.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_formats::gguf::MetaValue;
use plimsoll_graph::{Builder, LinearAttention, Network, RopeLayout, Scope, ValueId, Write};
use serde_json::json;

use super::{Arch, Class, Gguf, Name, RopeDefaults, RotaryRows, Sections, TokenizerClass, llama};
use crate::blocks::{self, Attention, Gate, QkNorm};
use crate::config::{Activation, GgufConfig, Hyperparams, LayerKind, MAX_HEADS, MAX_LAYERS, MAX_TAPS, MAX_WIDTH, layers};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "qwen35",
    classes: &[CLASS],
    unwritten: Some("value heads in another order"),
    gguf: Gguf {
        tensors: &TENSORS,
        rotary_rows: RotaryRows::Halves,
        norm_shift: GAIN,
        unshifted: &["linear_attn.norm"],
        ignores: &["nextn."],
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build: |hp| decoder(hp, |layer, h| blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp)),
    ..llama::ARCH
};

/// Its names in GGUF files.
pub(super) const TENSORS: [Name; 12] = [
    ("post_attention_norm", "post_attention_layernorm"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("attn_qkv", "linear_attn.in_proj_qkv"),
    ("attn_gate", "linear_attn.in_proj_z"),
    ("ssm_alpha", "linear_attn.in_proj_a"),
    ("ssm_beta", "linear_attn.in_proj_b"),
    ("ssm_conv1d", "linear_attn.conv1d"),
    ("ssm_dt.bias", "linear_attn.dt_bias"),
    ("ssm_a", "linear_attn.A_log"),
    ("ssm_norm", "linear_attn.norm"),
    ("ssm_out", "linear_attn.out_proj"),
];

pub(super) const CLASS: Class = Class {
    model_type: "qwen3_5_text",
    defaults: || {
        json!({
            "vocab_size": 248320, "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 32,
            "num_attention_heads": 16, "num_key_value_heads": 4, "hidden_act": "silu", "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "head_dim": 256, "linear_conv_kernel_dim": 4,
            "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
            "linear_num_value_heads": 32, "partial_rotary_factor": 0.25,
        })
    },
    settle,
    reads: &["attention_bias", "partial_rotary_factor", "linear_attention"],
    layers: layers::as_listed,
    rope: RopeDefaults { sections: SECTIONS, ..llama::CLASS.rope },
    tokenizer: TokenizerClass::OrElse("Qwen2Tokenizer"),
    ..llama::CLASS
};

/// `Qwen3_5TextRotaryEmbedding`.
pub(super) const SECTIONS: Option<Sections> = Some(Sections { interleaved: true, usual: [11, 11, 10] });

/// Gains are stored as their distance from one, but for the norm behind a delta net.
const GAIN: f32 = 1.0;

/// Where no kinds are listed, every so many layers one attends.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    if config.get("layer_types").is_none() {
        let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
        let interval = config.usize("full_attention_interval")?.unwrap_or(4).max(1);
        let kind = |i: usize| if (i + 1).is_multiple_of(interval) { "full_attention" } else { "linear_attention" };
        config.insert_as("layer_types", "full_attention_interval", json!((0..n_layers).map(kind).collect::<Vec<&str>>()));
    }
    Ok(())
}

/// Layers that draft tokens are counted behind the others. Value heads stand round and round over key heads, not
/// side by side, in every tensor that has them.
pub(super) fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let drafting = config.key("nextn_predict_layers");
    let drafting = config.gguf.uint(&drafting)?.unwrap_or(0) as usize;
    let blocks = config.key("block_count");
    let n_layers = config.keys.size("num_hidden_layers", MAX_LAYERS)?.saturating_sub(drafting);
    config.keys.insert_as("num_hidden_layers", &blocks, n_layers);
    let recurrent = config.key("attention.recurrent_layers");
    if let Some(MetaValue::Array(_)) = config.gguf.get(&recurrent) {
        let flags = config.gguf.bools(&recurrent)?.unwrap_or_default();
        let kinds = flags.iter().take(n_layers);
        let kinds = kinds.map(|recurrent| if *recurrent { "linear_attention" } else { "full_attention" });
        config.keys.insert_as("layer_types", &recurrent, json!(kinds.collect::<Vec<&str>>()));
    }
    config.numbers(&[
        ("full_attention_interval", "full_attention_interval"),
        ("ssm.conv_kernel", "linear_conv_kernel_dim"),
        ("ssm.state_size", "linear_key_head_dim"),
        ("ssm.group_count", "linear_num_key_heads"),
        ("ssm.time_step_rank", "linear_num_value_heads"),
    ])?;
    let inner = config.key("ssm.inner_size");
    let heads = config.keys.size("linear_num_value_heads", MAX_HEADS)?;
    let width = config.gguf.uint(&inner)?.unwrap_or(0) as usize / heads;
    config.keys.insert_as("linear_value_head_dim", &inner, width);
    config.known("linear_heads_tiled", true);
    config.sections()?;
    Ok(())
}

/// The layers, whose MLP is given the normed residual.
pub(super) fn decoder(
    hp: &Hyperparams,
    mlp: impl Fn(&mut Scope<'_>, ValueId) -> ValueId,
) -> Result<Network, ModelError> {
    let delta = DeltaNet::read(hp)?;
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let qk_norm = Some(QkNorm::Gain { offset: GAIN });
    let attention = Attention { qk_norm, gate: Gate::Values, ..Attention::plain(hp, Some(rope)) };
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, kind) in hp.layer_kinds.iter().enumerate() {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let a = match kind {
            LayerKind::Recurrent => delta.build(layer, h, hp),
            _ => blocks::self_attention(layer, h, hp, &attention),
        };
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let m = mlp(layer, h);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, GAIN);
    Ok(net.finish(logits)?)
}

struct DeltaNet {
    heads: LinearAttention,
    taps: usize,
}

impl DeltaNet {
    fn read(hp: &Hyperparams) -> Result<DeltaNet, ModelError> {
        let key_heads = hp.size("linear_num_key_heads", MAX_HEADS)?;
        let value_heads = hp.size("linear_num_value_heads", MAX_HEADS)?;
        if !value_heads.is_multiple_of(key_heads) {
            return Err(hp.error("linear_num_value_heads", format!("a multiple of {key_heads} key heads")).into());
        }
        let key_dim = hp.size("linear_key_head_dim", MAX_WIDTH)?;
        // Queries and keys come with a mean square of 1, where the reference has a sum of squares of 1.
        let unit = (key_dim as f32).sqrt().recip();
        let heads = LinearAttention {
            key_heads,
            value_heads,
            key_dim,
            value_dim: hp.size("linear_value_head_dim", MAX_WIDTH)?,
            tiled: hp.bool("linear_heads_tiled")?.unwrap_or(false),
            query_scale: unit * unit,
            key_scale: unit,
            write: Write::Delta,
        };
        blocks::check_state(hp, "linear_num_value_heads", &heads)?;
        Ok(DeltaNet { heads, taps: hp.size("linear_conv_kernel_dim", MAX_TAPS)? })
    }

    /// `h (n_tokens, d_model)` through the layer's `linear_attn`.
    fn build(&self, layer: &mut Scope<'_>, h: ValueId, hp: &Hyperparams) -> ValueId {
        let LinearAttention { key_heads, value_heads, key_dim, value_dim, .. } = self.heads;
        let (keys, values) = (key_heads * key_dim, value_heads * value_dim);
        let width = 2 * keys + values;
        let qkv = layer.linear(h, "linear_attn.in_proj_qkv", width, false);
        let z = layer.linear(h, "linear_attn.in_proj_z", values, false);
        let b = layer.linear(h, "linear_attn.in_proj_b", value_heads, false);
        let a = layer.linear(h, "linear_attn.in_proj_a", value_heads, false);
        let qkv = layer.convolution(qkv, "linear_attn.conv1d", self.taps, false);
        let a = layer.bias(a, "linear_attn.dt_bias");
        let net = layer.net();
        let qkv = net.activate(qkv, hp.activation);
        let v = net.columns(qkv, width, 2 * keys, values);
        let [q, k] = [0, keys].map(|from| {
            let heads = net.columns(qkv, width, from, keys);
            net.rms_norm_groups(heads, None, key_dim, L2_EPS / key_dim as f32, 0.0)
        });
        let step = net.activate(a, Activation::Softplus);
        let beta = net.activate(b, Activation::Sigmoid);
        let o = layer.linear_attention([q, k, v], step, beta, "linear_attn.A_log", self.heads);
        let o = layer.rms_norm(o, "linear_attn.norm", value_dim, hp.rms_eps, 0.0);
        let o = layer.net().gated(z, o, Activation::Silu);
        layer.linear(o, "linear_attn.out_proj", hp.d_model, false)
    }
}

/// Added to the sum of a head's squares (`l2norm`).
const L2_EPS: f32 = 1e-6;
