//! LFM2: layers of short convolutions with some of attention between. Source: transformers modeling_lfm2.py,
//! configuration_lfm2.py; llama.cpp convert_hf_to_gguf.py (`LFM2Model`), src/models/lfm2.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Builder, Network, RopeLayout, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, Gguf, Name, RopeDefaults, RotaryRows, TokenizerClass, llama};
use crate::blocks::{self, Attention, QkNorm};
use crate::config::{GgufConfig, Hyperparams, LayerKind, MAX_LAYERS, MAX_TAPS, MAX_WIDTH, layers};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "lfm2",
    classes: &[CLASS],
    published: &PUBLISHED,
    unwritten: Some("layers without heads"),
    gguf: Gguf {
        tensors: &TENSORS,
        rotary_rows: RotaryRows::Halves,
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build: |hp| decoder(hp, |layer, _, h| blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp)),
    ..llama::ARCH
};

/// Its names in safetensors files.
pub(super) const PUBLISHED: [Name; 9] = [
    ("model.embedding_norm.weight", "model.norm.weight"),
    ("operator_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("self_attn.q_layernorm", "self_attn.q_norm"),
    ("self_attn.k_layernorm", "self_attn.k_norm"),
    ("self_attn.out_proj", "self_attn.o_proj"),
    ("feed_forward.w1", "mlp.gate_proj"),
    ("feed_forward.w3", "mlp.up_proj"),
    ("feed_forward.w2", "mlp.down_proj"),
];

/// Its names in GGUF files.
pub(super) const TENSORS: [Name; 6] = [
    ("token_embd_norm.weight", "model.norm.weight"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("shortconv.conv", "conv.conv"),
    ("shortconv.in_proj", "conv.in_proj"),
    ("shortconv.out_proj", "conv.out_proj"),
];

pub(super) const CLASS: Class = Class {
    model_type: "lfm2",
    defaults: || {
        json!({
            "vocab_size": 65536, "hidden_size": 2560, "intermediate_size": 12288, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu", "max_position_embeddings": 128000,
            "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": true, "conv_bias": false,
            "conv_L_cache": 3, "block_multiple_of": 256, "block_ffn_dim_multiplier": 1.0, "block_auto_adjust_ff_dim": true,
        })
    },
    spelled: &[
        ("norm_eps", "rms_norm_eps"),
        ("tie_embedding", "tie_word_embeddings"),
        ("block_ff_dim", "intermediate_size"),
    ],
    settle,
    reads: &["conv"],
    layers: layers::as_listed,
    rope: RopeDefaults { theta: 1e6, ..llama::CLASS.rope },
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};

/// The width of the MLP follows from the one that is written; layers of attention may be listed by number.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    if config.get("layer_types").is_none() {
        let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
        let listed = config.usizes("full_attn_idxs")?;
        let attends = |layer: &usize| listed.as_ref().is_none_or(|listed| listed.contains(layer));
        let kinds: Vec<&str> =
            (0..n_layers).map(|layer| if attends(&layer) { "full_attention" } else { "conv" }).collect();
        config.insert_as("layer_types", "full_attn_idxs", json!(kinds));
    }
    if config.bool("block_auto_adjust_ff_dim")?.unwrap_or(false) {
        let mut width = 2 * config.size("intermediate_size", MAX_WIDTH)? / 3;
        if let Some(multiplier) = config.f64("block_ffn_dim_multiplier")? {
            let multiple = config.size("block_multiple_of", MAX_WIDTH)?;
            let multiplied = multiplier * width as f64;
            if !(0.0..=MAX_WIDTH as f64).contains(&multiplied) {
                return Err(config.error("block_ffn_dim_multiplier", format!("a width of the MLP up to {MAX_WIDTH}")));
            }
            width = (multiplied as usize).next_multiple_of(multiple);
        }
        config.insert_as("intermediate_size", "intermediate_size", width);
    }
    Ok(())
}

/// A GGUF has the width as it is.
fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.layers_without_heads("conv");
    let key = config.key("shortconv.l_cache");
    let taps = config.number(&key)?;
    config.keys.insert_as("conv_L_cache", &key, taps.unwrap_or_default());
    Ok(())
}

/// The layers, whose MLP is given the number of its layer and the normed residual.
pub(super) fn decoder(
    hp: &Hyperparams,
    mlp: impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId,
) -> Result<Network, ModelError> {
    let taps = hp.size("conv_L_cache", MAX_TAPS)?;
    let bias = hp.bool("conv_bias")?.unwrap_or(false);
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let attention =
        Attention { qk_norm: Some(QkNorm::Gain { offset: 0.0 }), ..Attention::plain(hp, Some(rope)) };
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, kind) in hp.layer_kinds.iter().enumerate() {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = match kind {
            LayerKind::Recurrent => short_convolution(layer, h, taps, bias),
            _ => blocks::self_attention(layer, h, hp, &attention),
        };
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = mlp(layer, i, h);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// `out_proj(C * convolved(B * x))`, the three being `in_proj` of the input.
pub(super) fn short_convolution(layer: &mut Scope<'_>, h: ValueId, taps: usize, bias: bool) -> ValueId {
    let d_model = layer.net().width(h);
    let parts = layer.linear(h, "conv.in_proj", 3 * d_model, bias);
    let [b, c, x] = [0, 1, 2].map(|part| layer.net().columns(parts, 3 * d_model, part * d_model, d_model));
    let gated = layer.net().multiply(b, x);
    let convolved = layer.convolution(gated, "conv.conv", taps, bias);
    let gated = layer.net().multiply(c, convolved);
    layer.linear(gated, "conv.out_proj", d_model, bias)
}
