//! Granite 4: layers of Mamba-2 or of attention, an MLP that all tokens share, experts beside it in the larger ones, four
//! multipliers. Source: transformers modeling_granitemoehybrid.py, configuration_granitemoehybrid.py; llama.cpp
//! convert_hf_to_gguf.py (`GraniteHybridModel`), src/models/granite-hybrid.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Builder, Moe, Network, RopeLayout, Score};
use serde_json::json;

use super::{Arch, Class, Fused, Gguf, Rows, TokenizerClass, llama};
use crate::blocks::{self, Attention};
use crate::config::{GgufConfig, Hyperparams, LayerKind, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, layers};
use crate::mamba::{Mamba2, MambaKeys};
use crate::mixture::Mixture;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "granitehybrid",
    classes: &[CLASS],
    published: &[
        ("block_sparse_moe.router.layer", "block_sparse_moe.router"),
        ("block_sparse_moe.input_linear", "block_sparse_moe.experts.gate_up_proj"),
        ("block_sparse_moe.output_linear", "block_sparse_moe.experts.down_proj"),
        ("shared_mlp.output_linear", "shared_mlp.down_proj"),
    ],
    fused: &[Fused {
        stored: "shared_mlp.input_linear",
        parts: &[
            ("shared_mlp.gate_proj", Rows::Key("shared_intermediate_size")),
            ("shared_mlp.up_proj", Rows::Key("shared_intermediate_size")),
        ],
        in_gguf: false,
    }],
    unwritten: Some("Mamba layers"),
    gguf: Gguf {
        tensors: &[
            ("ffn_gate_inp", "block_sparse_moe.router"),
            ("ffn_gate_exps.weight", "block_sparse_moe.experts.gate_proj"),
            ("ffn_up_exps.weight", "block_sparse_moe.experts.up_proj"),
            ("ffn_down_exps.weight", "block_sparse_moe.experts.down_proj"),
            ("ffn_gate_shexp", "shared_mlp.gate_proj"),
            ("ffn_up_shexp", "shared_mlp.up_proj"),
            ("ffn_down_shexp", "shared_mlp.down_proj"),
            // Of models without experts.
            ("ffn_gate", "shared_mlp.gate_proj"),
            ("ffn_up", "shared_mlp.up_proj"),
            ("ffn_down", "shared_mlp.down_proj"),
            ("ssm_in", "mamba.in_proj"),
            ("ssm_conv1d", "mamba.conv1d"),
            ("ssm_dt.bias", "mamba.dt_bias"),
            ("ssm_a", "mamba.A_log"),
            ("ssm_d", "mamba.D"),
            ("ssm_norm", "mamba.norm"),
            ("ssm_out", "mamba.out_proj"),
        ],
        reads: &["attention.scale", "embedding_scale", "residual_scale", "logit_scale"],
        facts,
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "granitemoehybrid",
    defaults: || {
        json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6,
            "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": false, "embedding_multiplier": 1.0,
            "logits_scaling": 1.0, "residual_multiplier": 1.0, "attention_multiplier": 1.0, "num_local_experts": 8,
            "num_experts_per_tok": 2, "shared_intermediate_size": 1024, "mamba_n_heads": 128, "mamba_n_groups": 1,
            "mamba_d_state": 256, "mamba_d_head": "auto", "mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true,
            "mamba_proj_bias": false,
        })
    },
    spelled: &[("layers_block_type", "layer_types")],
    settle,
    reads: &[
        "attention_bias", "num_local_experts", "embedding_multiplier", "logits_scaling", "residual_multiplier",
        "attention_multiplier", "mamba", "linear_attention",
    ],
    layers: layers::as_listed,
    tokenizer: TokenizerClass::Named,
    ..llama::CLASS
};

const KEYS: MambaKeys = MambaKeys {
    heads: "mamba_n_heads",
    head_dim: "mamba_d_head",
    groups: "mamba_n_groups",
    state: "mamba_d_state",
    taps: "mamba_d_conv",
    conv_bias: "mamba_conv_bias",
    proj_bias: "mamba_proj_bias",
};

fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    if config.get("layer_types").is_none() {
        let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
        config.insert_as("layer_types", "layer_types", json!(vec!["linear_attention"; n_layers]));
    }
    if config.get("mamba_d_head").is_some_and(|value| value == "auto") {
        let inner = config.size("mamba_expand", MAX_HEADS)? * config.size("hidden_size", MAX_WIDTH)?;
        let heads = config.size("mamba_n_heads", MAX_HEADS)?;
        config.insert_as("mamba_d_head", "mamba_d_head", inner / heads);
    }
    if let Some(limits) = config.f64s("time_step_limit").ok().flatten()
        && limits.first().is_some_and(|least| *least > 0.0)
    {
        return Err(config.error("time_step_limit", "no limit"));
    }
    Ok(())
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.layers_without_heads("mamba");
    config.numbers(&[
        ("attention.scale", "attention_multiplier"),
        ("embedding_scale", "embedding_multiplier"),
        ("residual_scale", "residual_multiplier"),
        ("logit_scale", "logits_scaling"),
        ("expert_shared_feed_forward_length", "shared_intermediate_size"),
        ("ssm.conv_kernel", "mamba_d_conv"),
        ("ssm.state_size", "mamba_d_state"),
        ("ssm.group_count", "mamba_n_groups"),
        ("ssm.time_step_rank", "mamba_n_heads"),
    ])?;
    // Without experts the MLP that all share is the only one.
    if config.keys.get("shared_intermediate_size").is_none() {
        let key = config.key("feed_forward_length");
        let width = config.number(&key)?;
        config.keys.insert_as("shared_intermediate_size", &key, width.unwrap_or_default());
    }
    let inner = config.key("ssm.inner_size");
    if let (Some(heads), Some(width)) = (config.keys.usize("mamba_n_heads")?, config.gguf.uint(&inner)?) {
        config.keys.insert_as("mamba_d_head", &inner, width as usize / heads.max(1));
    }
    let rotates = config.gguf.bool(&config.key("rope.scaling.finetuned"))?.unwrap_or(true);
    config.known("position_embedding_type", if rotates { "rope" } else { "nope" });
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mixture = Mixture::read(hp)?;
    let shared_width = hp.size("shared_intermediate_size", MAX_WIDTH)?;
    let number = |key: &str| Ok::<f32, HyperparamError>(hp.f32(key)?.unwrap_or(1.0));
    let (residual, scaling) = (number("residual_multiplier")?, number("logits_scaling")?);
    if scaling == 0.0 {
        return Err(hp.error("logits_scaling", "a number other than 0").into());
    }
    let recurs = hp.layer_kinds.contains(&LayerKind::Recurrent);
    let mamba = recurs.then(|| Mamba2::read(hp, &KEYS)).transpose()?;
    let rotates = hp.str("position_embedding_type")?.is_some_and(|kind| kind == "rope");
    let mut net = Builder::new(hp.vocab_size);
    let rope = rotates.then(|| net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves)));
    let attention = Attention { scale: number("attention_multiplier")?, ..Attention::plain(hp, rope) };
    let moe = moe(hp, mixture);
    let x = net.embed(EMBEDDING, hp.d_model);
    let mut x = net.scale(x, number("embedding_multiplier")?);
    for i in 0..hp.n_layers {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = match (hp.layer_kinds[i], &mamba) {
            (LayerKind::Recurrent, Some(mamba)) => mamba.build(layer, h, "mamba", hp),
            _ => blocks::self_attention(layer, h, hp, &attention),
        };
        let a = layer.net().scale(a, residual);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let mut m = blocks::gated_mlp(layer, h, "shared_mlp", shared_width, hp);
        if mixture.n_experts > 0 {
            let routed = layer.moe(h, &moe);
            m = layer.net().add(routed, m);
        }
        let m = layer.net().scale(m, residual);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    let logits = net.scale(logits, 1.0 / scaling);
    Ok(net.finish(logits)?)
}

fn moe(hp: &Hyperparams, mixture: Mixture) -> Moe<'static> {
    mixture.gated(hp, "block_sparse_moe.router", "block_sparse_moe.experts", Score::SoftmaxOfChosen, None)
}
