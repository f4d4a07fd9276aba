//! Qwen3 with experts: its layers, in which some or all MLPs are mixtures. Source: transformers modeling_qwen3_moe.py,
//! configuration_qwen3_moe.py; llama.cpp convert_hf_to_gguf.py (`Qwen3MoeModel`), src/models/qwen3moe.cpp.

use plimsoll_graph::{Network, Scope, Score, ValueId};
use serde_json::json;

use super::{Arch, Class, Gguf, RotaryRows, TokenizerClass, llama};
use crate::{HyperparamError, ModelError};
use crate::blocks::{self, QkNorm};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, Layers, MAX_LAYERS, layers};
use crate::mixture::Mixture;

pub(crate) const ARCH: Arch = Arch {
    name: "qwen3moe",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &[
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
            ("ffn_gate_inp", "mlp.gate"),
            ("ffn_gate_exps.weight", "mlp.experts.gate_proj"),
            ("ffn_up_exps.weight", "mlp.experts.up_proj"),
            ("ffn_down_exps.weight", "mlp.experts.down_proj"),
        ],
        rotary_rows: RotaryRows::Halves,
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "qwen3_moe",
    defaults: || {
        json!({
            "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 24,
            "num_attention_heads": 32, "num_key_value_heads": 4, "hidden_act": "silu", "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "use_sliding_window": false, "sliding_window": 4096,
            "decoder_sparse_step": 1, "moe_intermediate_size": 768, "num_experts_per_tok": 8, "num_local_experts": 128,
            "norm_topk_prob": false,
        })
    },
    spelled: &[("num_experts", "num_local_experts")],
    reads: &["attention_bias", "num_local_experts"],
    layers: one_window,
    tokenizer: TokenizerClass::OrElse("Qwen2Tokenizer"),
    ..llama::CLASS
};

/// Every layer slides if the window is in use.
fn one_window(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    if keys.uses_window()? { layers::alike(keys) } else { layers::full(keys) }
}

/// llama.cpp has in its code that weights are renormalised, and converts no model with layers of another kind but by
/// what tensors they have.
pub(super) fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.known("norm_topk_prob", true);
    let layers = config.keys.usize("num_hidden_layers")?.unwrap_or(0);
    let dense: Vec<usize> = (0..layers.min(MAX_LAYERS)).filter(|layer| !config.facts.moe_layers.contains(layer)).collect();
    config.known("mlp_only_layers", json!(dense));
    config.known("decoder_sparse_step", 1);
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    llama::decoder_with(hp, |_, attention| attention.qk_norm = Some(QkNorm::Gain { offset: 0.0 }), mlp(hp)?)
}

/// A mixture in some layers or all, in the others Llama's MLP.
pub(super) fn mlp(hp: &Hyperparams) -> Result<impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId, ModelError> {
    let mixture = Mixture::read(hp)?;
    let dense = hp.usizes("mlp_only_layers")?.unwrap_or_default();
    let step = hp.usize("decoder_sparse_step")?.unwrap_or(1);
    if step == 0 {
        return Err(hp.error("decoder_sparse_step", "a number of layers from 1").into());
    }
    let renormalised = hp.bool("norm_topk_prob")?.unwrap_or(false).then_some(0.0);
    let moe = mixture.gated(hp, "mlp.gate", "mlp.experts", Score::Softmax, renormalised);
    let has_experts = move |i: usize| mixture.n_experts > 0 && !dense.contains(&i) && (i + 1).is_multiple_of(step);
    Ok(move |layer: &mut Scope<'_>, i: usize, h: ValueId| match has_experts(i) {
        true => layer.moe(h, &moe),
        false => blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp),
    })
}
