//! Gemma 4: as Gemma 3 with plain gains, heads of two sizes, keys and values that later layers share (E2B, E4B), an
//! embedding for each layer (E2B, E4B), values that are keys and experts beside the MLP (the larger ones). Source:
//! transformers modeling_gemma4.py, configuration_gemma4.py; llama.cpp convert_hf_to_gguf.py (`Gemma4Model`),
//! src/models/gemma4-iswa.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Ahead, Builder, CacheId, Moe, Network, RopeId, RopeLayout, Score, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, GateUp, Gguf, RopeDefaults, RotaryRows, TokenizerClass, Window, llama};
use crate::blocks::{self, Attention, QkNorm, Values};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers, MAX_HEADS, MAX_LAYERS, MAX_WIDTH};
use crate::mixture::Mixture;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "gemma4",
    classes: &[CLASS],
    unwritten: Some("sizes for each layer"),
    gguf: Gguf {
        tensors: &[
            ("per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight"),
            ("per_layer_model_proj.weight", "model.per_layer_model_projection.weight"),
            ("per_layer_proj_norm.weight", "model.per_layer_projection_norm.weight"),
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
            ("post_attention_norm", "post_attention_layernorm"),
            ("ffn_norm", "pre_feedforward_layernorm"),
            ("post_ffw_norm", "post_feedforward_layernorm"),
            ("inp_gate", "per_layer_input_gate"),
            ("proj", "per_layer_projection"),
            ("post_norm", "post_per_layer_input_norm"),
            ("layer_output_scale.weight", "layer_scalar"),
            ("post_ffw_norm_1", "post_feedforward_layernorm_1"),
            ("post_ffw_norm_2", "post_feedforward_layernorm_2"),
            ("pre_ffw_norm_2", "pre_feedforward_layernorm_2"),
            ("ffn_gate_inp", "router.proj"),
            ("ffn_gate_inp.scale", "router.scale"),
            ("ffn_down_exps.scale", "router.per_expert_scale"),
            ("ffn_gate_exps.weight", "experts.gate_proj"),
            ("ffn_up_exps.weight", "experts.up_proj"),
            ("ffn_down_exps.weight", "experts.down_proj"),
        ],
        rotary_rows: RotaryRows::Halves,
        activation: "gelu_pytorch_tanh",
        window: Window::Read,
        per_layer: &["feed_forward_length", "attention.head_count_kv"],
        facts,
        ..llama::ARCH.gguf
    },
    gate_up: GateUp::Halves,
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "gemma4_text",
    defaults: || {
        json!({
            "vocab_size": 262144, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 30,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true, "sliding_window": 512,
            "hidden_size_per_layer_input": 256, "attention_k_eq_v": false, "num_kv_shared_layers": 0,
            "enable_moe_block": false, "use_double_wide_mlp": false, "global_head_dim": 512,
            "rope_parameters": {
                "sliding_attention": { "rope_type": "default", "rope_theta": 10000.0 },
                "full_attention": { "rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6 },
            },
        })
    },
    spelled: &[("num_experts", "num_local_experts"), ("top_k_experts", "num_experts_per_tok")],
    settle,
    reads: &[
        "attention_bias",
        "final_logit_softcapping",
        "num_local_experts",
        BIDIRECTIONAL,
        "global_head_dim",
    ],
    layers,
    rope: RopeDefaults { theta: 1e6, local_theta: Some(10_000.0), ..llama::CLASS.rope },
    tokenizer: TokenizerClass::OrElse("GemmaTokenizer"),
    ..llama::CLASS
};

/// What sees what stands behind it: nothing, or on sliding layers pictures.
const BIDIRECTIONAL: &str = "use_bidirectional_attention";

/// Every sixth layer sees all where no kinds are listed, and the last always.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let by_number = || keys.sliding_where(|i| !(i + 1).is_multiple_of(6));
    let mut kinds = keys.listed.clone().unwrap_or_else(by_number);
    if let Some(last) = kinds.last_mut() {
        *last = LayerKind::Full;
    }
    Ok(Layers { kinds, window: keys.window()? })
}

/// Newer files tell the heads of single layers; all that see all are alike.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    if config.str(BIDIRECTIONAL)?.is_some_and(|kind| kind != "vision") {
        return Err(config.error(BIDIRECTIONAL, "causal attention, but of pictures (`vision`)"));
    }
    if let Some(of_layers) = config.object("per_layer_config")? {
        let Some((_, first)) = of_layers.keys().iter().next() else { return Ok(()) };
        if of_layers.keys().values().any(|other| other != first) {
            return Err(config.error("per_layer_config", "the same for every layer that it tells of"));
        }
        for (key, here) in [("head_dim", "global_head_dim"), ("num_key_value_heads", "num_global_key_value_heads")] {
            if let Some(value) = first.get(key) {
                config.insert_as(here, "per_layer_config", value.clone());
            }
        }
    }
    Ok(())
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let n_layers = config.keys.size("num_hidden_layers", MAX_LAYERS)?;
    let pattern = config.key("attention.sliding_window_pattern");
    let slides = config.gguf.bools(&pattern)?.unwrap_or_default();
    let kind = |slides: &bool| if *slides { "sliding_attention" } else { "full_attention" };
    config.keys.insert_as("layer_types", &pattern, json!(slides.iter().map(kind).collect::<Vec<&str>>()));
    let of_layer = |values: &[usize], full: bool| {
        slides.iter().zip(values).find(|(slides, _)| **slides != full).map(|(_, value)| *value)
    };
    let ff_key = config.key("feed_forward_length");
    let widths = config.of_layers(&ff_key, n_layers)?;
    let (first, last) = (widths.first().copied().unwrap_or(0), widths.last().copied().unwrap_or(0));
    config.keys.insert_as("intermediate_size", &ff_key, first);
    config.keys.insert_as("use_double_wide_mlp", &ff_key, last == 2 * first);
    let heads_key = config.key("attention.head_count_kv");
    let heads = config.of_layers(&heads_key, n_layers)?;
    let (sliding, full) = (of_layer(&heads, false), of_layer(&heads, true));
    config.keys.insert_as("num_key_value_heads", &heads_key, sliding.or(full).unwrap_or(0));
    config.keys.insert_as("num_global_key_value_heads", &heads_key, full.or(sliding).unwrap_or(0));
    for (key, here) in [
        ("attention.key_length", "global_head_dim"),
        ("attention.key_length_swa", "head_dim"),
        ("attention.shared_kv_layers", "num_kv_shared_layers"),
        ("embedding_length_per_layer_input", "hidden_size_per_layer_input"),
    ] {
        let key = config.key(key);
        let value = config.number(&key)?;
        config.keys.insert_as(here, &key, value.unwrap_or_default());
    }
    // Layers that see all have no values of their own where these are the keys.
    let has_values = |layer: usize| config.facts.value_layers.contains(&layer);
    let key_is_value = slides.iter().enumerate().any(|(layer, slides)| !slides && !has_values(layer));
    let shares = config.keys.usize("num_kv_shared_layers")?.unwrap_or(0);
    config.known("attention_k_eq_v", key_is_value && shares == 0);
    // The models without embeddings for each layer see all of a picture.
    let per_layer = config.keys.usize("hidden_size_per_layer_input")?.unwrap_or(0);
    if per_layer == 0 {
        config.keys.insert_as(BIDIRECTIONAL, "general.architecture", "vision");
    }
    let experts = config.keys.usize("num_local_experts")?.unwrap_or(0);
    config.known("enable_moe_block", experts > 0);
    config.known("pad_token_id", config.gguf.uint("tokenizer.ggml.padding_token_id")?.unwrap_or(0));
    Ok(())
}

/// What the layers are built with.
struct Layout {
    sliding: Attention,
    full: Attention,
    /// Layers that have keys and values.
    own: usize,
    wide: bool,
    /// Width of a layer's own embedding.
    of_layer: usize,
    mixture: Option<Mixture>,
}

impl Layout {
    fn read(hp: &Hyperparams, sliding: RopeId, full: RopeId) -> Result<Layout, ModelError> {
        let shared = hp.usize("num_kv_shared_layers")?.unwrap_or(0);
        let Some(own) = hp.n_layers.checked_sub(shared).filter(|own| *own > 0) else {
            return Err(hp.error("num_kv_shared_layers", format!("fewer than {} layers", hp.n_layers)).into());
        };
        let keys_are_values = hp.bool("attention_k_eq_v")?.unwrap_or(false);
        let n_kv_heads = match hp.usize("num_global_key_value_heads")? {
            Some(_) if keys_are_values => hp.size("num_global_key_value_heads", MAX_HEADS)?,
            _ => hp.n_kv_heads,
        };
        let of_layer = hp.usize("hidden_size_per_layer_input")?.unwrap_or(0);
        if of_layer > MAX_WIDTH {
            return Err(hp.error("hidden_size_per_layer_input", format!("at most {MAX_WIDTH}")).into());
        }
        let qk_norm = Some(QkNorm::Gain { offset: 0.0 });
        let values = Values { normed: true, are_keys: false };
        // `create_masks_for_vision_model`: within the window, and on layers that slide alone.
        let ahead = match hp.str(BIDIRECTIONAL)? {
            Some(_) => Ahead::Picture,
            None => Ahead::Nothing,
        };
        let plain = Attention { scale: 1.0, qk_norm, values, ..Attention::plain(hp, Some(sliding)) };
        let mixture = hp.bool("enable_moe_block")?.unwrap_or(false).then(|| Mixture::read(hp)).transpose()?;
        Ok(Layout {
            sliding: Attention { ahead, ..plain },
            full: Attention {
                rope: Some(full),
                head_dim: hp.size("global_head_dim", MAX_WIDTH)?,
                n_kv_heads,
                values: Values { are_keys: keys_are_values, ..values },
                ..plain
            },
            own,
            wide: hp.bool("use_double_wide_mlp")?.unwrap_or(false),
            of_layer,
            mixture,
        })
    }
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let full = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let sliding = net.rope_spec(rope::spec(hp.rope_local.as_ref().unwrap_or(&hp.rope), RopeLayout::Halves));
    let layout = Layout::read(hp, sliding, full)?;
    let mut x = net.embed_times(EMBEDDING, hp.d_model, (hp.d_model as f32).sqrt());
    let of_layers = (layout.of_layer > 0).then(|| layer_embeddings(&mut net, x, hp, layout.of_layer));
    let of_layers = of_layers.transpose()?;
    // The caches that later layers share: those of the last layers that slide and that see all.
    let mut given: [Option<CacheId>; 2] = [None, None];
    for (i, kind) in hp.layer_kinds.iter().enumerate() {
        let slides = *kind == LayerKind::Sliding;
        let attention = Attention { mask: llama::mask(hp, i), ..if slides { layout.sliding } else { layout.full } };
        let (shares, giver) = (i >= layout.own, &mut given[usize::from(slides)]);
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let (a, cache) = match (shares, *giver) {
            (true, Some(cache)) => (blocks::shared_attention(layer, h, hp, &attention, cache), cache),
            (true, None) => {
                return Err(hp.error("num_kv_shared_layers", "a layer of each kind with keys of its own").into());
            }
            (false, _) => blocks::self_attention_with(layer, h, hp, &attention),
        };
        *giver = Some(cache);
        let a = layer.rms_norm(a, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "pre_feedforward_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let width = if layout.wide && shares { 2 * hp.d_ff } else { hp.d_ff };
        let mut m = blocks::gated_mlp(layer, h, "mlp", width, hp);
        if let Some(mixture) = layout.mixture {
            m = with_experts(layer, x, m, hp, mixture);
        }
        let m = layer.rms_norm(m, "post_feedforward_layernorm", hp.d_model, hp.rms_eps, 0.0);
        x = layer.net().add(x, m);
        if let Some(all) = of_layers {
            let of_layer = layer.net().columns(all, hp.n_layers * layout.of_layer, i * layout.of_layer, layout.of_layer);
            x = with_embedding(layer, x, of_layer, hp);
        }
        x = layer.scale_heads(x, "layer_scalar", hp.d_model);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// The embeddings of all layers, `(n, n_layers * width)`: a table's rows and a projection of the token's embedding.
fn layer_embeddings(net: &mut Builder, x: ValueId, hp: &Hyperparams, width: usize) -> Result<ValueId, ModelError> {
    let pad = hp.usize("pad_token_id")?.unwrap_or(0);
    let all = hp.n_layers * width;
    let projected = net.linear(x, "model.per_layer_model_projection", all);
    let projected = net.scale(projected, (hp.d_model as f32).sqrt().recip());
    let projected =
        net.rms_norm_groups(projected, Some("model.per_layer_projection_norm.weight"), width, hp.rms_eps, 0.0);
    let table = net.embed_beside("model.embed_tokens_per_layer.weight", all, pad as u32);
    let table = net.scale(table, (width as f32).sqrt());
    let sum = net.add(projected, table);
    Ok(net.scale(sum, std::f32::consts::FRAC_1_SQRT_2))
}

fn with_embedding(layer: &mut Scope<'_>, x: ValueId, of_layer: ValueId, hp: &Hyperparams) -> ValueId {
    let width = layer.net().width(of_layer);
    let gate = layer.linear(x, "per_layer_input_gate", width, false);
    let gated = layer.net().gated(gate, of_layer, hp.activation);
    let h = layer.linear(gated, "per_layer_projection", hp.d_model, false);
    let h = layer.rms_norm(h, "post_per_layer_input_norm", hp.d_model, hp.rms_eps, 0.0);
    layer.net().add(x, h)
}

/// `m`, what the MLP makes of the residual `x`, and what experts make of it.
fn with_experts(layer: &mut Scope<'_>, x: ValueId, m: ValueId, hp: &Hyperparams, mixture: Mixture) -> ValueId {
    let dense = layer.rms_norm(m, "post_feedforward_layernorm_1", hp.d_model, hp.rms_eps, 0.0);
    let by = layer.net().rms_norm_groups(x, None, hp.d_model, hp.rms_eps, 0.0);
    let by = layer.scale_heads(by, "router.scale", 1);
    let by = layer.net().scale(by, (hp.d_model as f32).sqrt().recip());
    let h = layer.rms_norm(x, "pre_feedforward_layernorm_2", hp.d_model, hp.rms_eps, 0.0);
    let moe = Moe {
        expert_scale: Some("router.per_expert_scale"),
        ..mixture.gated(hp, "router.proj", "experts", Score::Softmax, Some(0.0))
    };
    let routed = layer.moe_routed_by(h, by, &moe);
    let routed = layer.rms_norm(routed, "post_feedforward_layernorm_2", hp.d_model, hp.rms_eps, 0.0);
    layer.net().add(dense, routed)
}
