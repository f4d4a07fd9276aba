//! The metadata of GGUF files, from hyperparameters: what llama.cpp's converter writes of every architecture. What it writes
//! of one alone stands in `gguf.json` of a case. Source: llama.cpp's gguf-py/gguf/constants.py, convert_hf_to_gguf.py.

use plimsoll_models::{Activation, Hyperparams, RopeScaling, VisionParams};
use serde_json::{Map, Value, json};

use crate::files::{FileTensor, Width};

/// The keys of a text model.
pub(crate) fn text(hp: &Hyperparams) -> Map<String, Value> {
    let arch = hp.arch.name;
    let mut keys = Map::new();
    keys.insert("general.architecture".to_owned(), json!(arch));
    let mut put = |key: &str, value: Value| keys.insert(format!("{arch}.{key}"), value);
    put("block_count", json!(hp.n_layers));
    put("context_length", json!(hp.max_seq_len));
    put("embedding_length", json!(hp.d_model));
    put("feed_forward_length", json!(hp.d_ff));
    put("vocab_size", json!(hp.vocab_size));
    put("attention.head_count", json!(hp.n_heads));
    put("attention.head_count_kv", json!(hp.n_kv_heads));
    put("attention.key_length", json!(hp.head_dim));
    put("attention.value_length", json!(hp.head_dim));
    put("attention.layer_norm_rms_epsilon", json!(hp.rms_eps));
    put("rope.dimension_count", json!(hp.rope.rotary_dim));
    put("rope.freq_base", json!(hp.rope.theta));
    if let Some(local) = &hp.rope_local {
        put("rope.freq_base_swa", json!(local.theta));
    }
    for (key, cap) in
        [("attn_logit_softcapping", hp.attn_logit_softcap), ("final_logit_softcapping", hp.final_logit_softcap)]
    {
        cap.map(|cap| put(key, json!(cap)));
    }
    for (key, value) in scaling(&hp.rope.scaling) {
        put(&format!("rope.scaling.{key}"), value);
    }
    keys
}

fn scaling(scaling: &RopeScaling) -> Vec<(&'static str, Value)> {
    match scaling {
        RopeScaling::Linear { factor } => vec![("type", json!("linear")), ("factor", json!(factor))],
        RopeScaling::Yarn { factor, original_max, beta_fast, beta_slow, attention_factor, .. } => vec![
            ("type", json!("yarn")),
            ("factor", json!(factor)),
            ("original_context_length", json!(original_max)),
            ("yarn_beta_fast", json!(beta_fast)),
            ("yarn_beta_slow", json!(beta_slow)),
            ("yarn_attn_factor", json!(attention_factor)),
        ],
        RopeScaling::LongRope { original_max, attention_factor, .. } => {
            vec![("original_context_length", json!(original_max)), ("attn_factor", json!(attention_factor))]
        }
        RopeScaling::None | RopeScaling::Llama3 { .. } | RopeScaling::Factors(_) => vec![],
    }
}

/// Divisors of the rotary frequencies, which a GGUF has as tensors.
pub(crate) fn rope_factors(hp: &Hyperparams) -> Vec<FileTensor> {
    let tensor = |name: &str, values: Vec<f32>| FileTensor {
        name: name.to_owned(),
        shape: vec![values.len()],
        width: Width::F32,
        values,
    };
    match &hp.rope.scaling {
        RopeScaling::Llama3 { .. } => vec![tensor("rope_freqs.weight", llama3_factors(hp))],
        RopeScaling::LongRope { short, long, .. } => {
            vec![tensor("rope_factors_short.weight", short.clone()), tensor("rope_factors_long.weight", long.clone())]
        }
        _ => vec![],
    }
}

/// As `LlamaModel.generate_extra_tensors` of convert_hf_to_gguf.py: low frequencies divided, high ones kept.
fn llama3_factors(hp: &Hyperparams) -> Vec<f32> {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max } = hp.rope.scaling else {
        return vec![];
    };
    let (dim, original) = (hp.rope.rotary_dim, original_max as f64);
    let divisor = |i: usize| {
        let wavelength = std::f64::consts::TAU * hp.rope.theta.powf(2.0 * i as f64 / dim as f64);
        if wavelength < original / high_freq_factor {
            1.0
        } else if wavelength > original / low_freq_factor {
            factor
        } else {
            let smooth = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..dim / 2).map(|i| divisor(i) as f32).collect()
}

/// The keys of an mmproj.
pub(crate) fn tower(vision: &VisionParams) -> Map<String, Value> {
    let keys = json!({
        "general.architecture": "clip",
        "clip.has_vision_encoder": true,
        "clip.projector_type": vision.arch.name,
        "clip.vision.projection_dim": vision.text_width,
        "clip.vision.image_size": vision.tile_size,
        "clip.vision.patch_size": vision.patch_size,
        "clip.vision.embedding_length": vision.d_model,
        "clip.vision.feed_forward_length": vision.d_ff,
        "clip.vision.block_count": vision.n_layers,
        "clip.vision.attention.head_count": vision.n_heads,
        "clip.vision.attention.layer_norm_epsilon": vision.norm_eps,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
        "clip.vision.projector.scale_factor": vision.merge_side,
        "clip.use_gelu": vision.activation != Activation::Silu,
    });
    let Value::Object(keys) = keys else { unreachable!("it is one") };
    keys
}
