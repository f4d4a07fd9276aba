//! OLMo 3 and 2: what attention and the MLP make is normed, not what they are given; queries and keys are normed over all
//! heads together. Source: transformers modeling_olmo3.py, configuration_olmo3.py, modeling_olmo2.py,
//! configuration_olmo2.py; llama.cpp convert_hf_to_gguf.py (`Olmo2Model`), src/models/olmo2.cpp.

use plimsoll_graph::{Builder, Network, RopeLayout};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, RotaryRows, Window, llama};
use crate::blocks::{self, Attention, QkNorm};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers, layers};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "olmo2",
    classes: &[CLASS, OLMO2],
    gguf: Gguf {
        tensors: &[
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
            ("post_attention_norm", "post_attention_layernorm"),
            ("post_ffw_norm", "post_feedforward_layernorm"),
        ],
        rotary_rows: RotaryRows::Halves,
        window: Window::Read,
        facts,
        ..llama::ARCH.gguf
    },
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "olmo3",
    defaults: || {
        json!({
            "vocab_size": 50304, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
            "eos_token_id": 50279, "tie_word_embeddings": false, "sliding_window": 4096,
        })
    },
    reads: &["attention_bias"],
    layers: three_of_four,
    rope: RopeDefaults { theta: 500_000.0, local_theta: Some(500_000.0), ..llama::CLASS.rope },
    ..llama::CLASS
};

const OLMO2: Class = Class {
    model_type: "olmo2",
    defaults: || {
        json!({
            "vocab_size": 50304, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
            "eos_token_id": 50279, "tie_word_embeddings": false,
        })
    },
    layers: layers::full,
    rope: llama::CLASS.rope,
    ..CLASS
};

/// Where no kinds are listed, every fourth layer sees all. A GGUF without a window has none.
fn three_of_four(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let window = keys.window()?;
    let by_number = || keys.sliding_where(|i| window.is_some() && !(i + 1).is_multiple_of(4));
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_number), window })
}

/// llama.cpp turns all layers by one base, and scales those alone that see all.
fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    if config.keys.get("rope_local_base_freq").is_none()
        && let Some(base) = config.keys.get("rope_theta").cloned()
    {
        let key = config.key("rope.freq_base");
        config.keys.insert_as("rope_local_base_freq", &key, base);
    }
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let full = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let sliding = match hp.layer_kinds.contains(&LayerKind::Sliding) {
        true => net.rope_spec(rope::spec(hp.rope_local.as_ref().unwrap_or(&hp.rope), RopeLayout::Halves)),
        false => full,
    };
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for i in 0..hp.n_layers {
        let rope = if hp.layer_kinds[i] == LayerKind::Sliding { sliding } else { full };
        let attention =
            Attention { mask: llama::mask(hp, i), qk_norm: Some(QkNorm::AllHeads), ..Attention::plain(hp, Some(rope)) };
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let a = blocks::self_attention(layer, x, hp, &attention);
        let a = layer.rms_norm(a, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        x = layer.net().add(x, a);
        let m = blocks::gated_mlp(layer, x, "mlp", hp.d_ff, hp);
        let m = layer.rms_norm(m, "post_feedforward_layernorm", hp.d_model, hp.rms_eps, 0.0);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}
