//! The metadata of GGUF files, from hyperparameters: what llama.cpp's converter writes.
//! Source: llama.cpp's gguf-py/gguf/constants.py, convert_hf_to_gguf.py.

use plimsoll_formats::HyperparamError;
use plimsoll_formats::gguf::NewValue;

use crate::config::{Hyperparams, Rope, RopeScaling};

/// The keys of a text model, `general.architecture` first.
///
/// # Errors
/// A key of the configuration holds what it may not.
pub fn hyperparameter_keys(hp: &Hyperparams) -> Result<Vec<(String, NewValue)>, HyperparamError> {
    let arch = hp.arch.name;
    let mut keys: Vec<(String, NewValue)> = vec![("general.architecture".to_owned(), arch.into())];
    let mut put = |key: &str, value: NewValue| keys.push((format!("{arch}.{key}"), value));
    put("block_count", whole(hp.n_layers));
    put("context_length", whole(hp.max_seq_len));
    put("embedding_length", whole(hp.d_model));
    // Of a model whose layers have experts or have none, the width of those without comes first.
    let dense = hp.usize("intermediate_size_mlp")?;
    put("feed_forward_length", whole(dense.unwrap_or(hp.d_ff)));
    put("vocab_size", whole(hp.vocab_size));
    put("attention.head_count", whole(hp.n_heads));
    put("attention.head_count_kv", whole(hp.n_kv_heads));
    put("attention.key_length", whole(hp.head_dim));
    put("attention.value_length", whole(hp.head_dim));
    put("attention.layer_norm_rms_epsilon", hp.rms_eps.into());
    put("rope.dimension_count", whole(hp.rope.rotary_dim));
    put("rope.freq_base", (hp.rope.theta as f32).into());
    if let Some(local) = &hp.rope_local {
        put("rope.freq_base_swa", (local.theta as f32).into());
    }
    let caps = [("attn_logit_softcapping", hp.attn_logit_softcap), ("final_logit_softcapping", hp.final_logit_softcap)];
    for (key, cap) in caps {
        if let Some(cap) = cap {
            put(key, cap.into());
        }
    }
    if let Some(window) = hp.sliding_window {
        put("attention.sliding_window", whole(window));
    }
    if let Some(experts) = hp.usize("num_local_experts")?.filter(|experts| *experts > 0) {
        put("expert_count", whole(experts));
        put("expert_used_count", whole(hp.usize("num_experts_per_tok")?.unwrap_or(1)));
        match hp.usize("moe_intermediate_size")? {
            Some(each) => put("expert_feed_forward_length", whole(each)),
            None if dense.is_some() => put("expert_feed_forward_length", whole(hp.d_ff)),
            None => {}
        }
        if let Some(step) = hp.usize("interleave_moe_layer_step")? {
            put("interleave_moe_layer_step", whole(step));
        }
    }
    for (key, there) in [
        ("llama_4_scaling_beta", "attention.temperature_scale"),
        ("mscale_all_dim", "rope.scaling.yarn_log_multiplier"),
    ] {
        if let Some(value) = hp.rotary_f32(key)?.filter(|value| *value != 0.0) {
            put(there, value.into());
        }
    }
    for (key, value) in scaling(&hp.rope.scaling) {
        put(&format!("rope.scaling.{key}"), value);
    }
    Ok(keys)
}

/// Far below 2^32, as it was read.
pub(super) fn whole(value: usize) -> NewValue {
    NewValue::U32(u32::try_from(value).unwrap_or(u32::MAX))
}

fn scaling(scaling: &RopeScaling) -> Vec<(&'static str, NewValue)> {
    match scaling {
        RopeScaling::Linear { factor } => vec![("type", "linear".into()), ("factor", (*factor as f32).into())],
        RopeScaling::Yarn { factor, original_max, beta_fast, beta_slow, attention_factor, .. } => vec![
            ("type", "yarn".into()),
            ("factor", (*factor as f32).into()),
            ("original_context_length", whole(*original_max)),
            ("yarn_beta_fast", (*beta_fast as f32).into()),
            ("yarn_beta_slow", (*beta_slow as f32).into()),
            ("yarn_attn_factor", (*attention_factor as f32).into()),
        ],
        RopeScaling::LongRope { original_max, attention_factor, .. } => {
            vec![("original_context_length", whole(*original_max)), ("attn_factor", (*attention_factor as f32).into())]
        }
        RopeScaling::None | RopeScaling::Llama3 { .. } | RopeScaling::Proportional { .. } | RopeScaling::Factors(_) => {
            vec![]
        }
    }
}

/// Divisors of the rotary frequencies, which a GGUF has as tensors of singles.
pub fn rope_factors(hp: &Hyperparams) -> Vec<(&'static str, Vec<f32>)> {
    match &hp.rope.scaling {
        RopeScaling::Llama3 { .. } => vec![("rope_freqs.weight", llama3_factors(&hp.rope))],
        RopeScaling::LongRope { short, long, .. } => {
            vec![("rope_factors_short.weight", short.clone()), ("rope_factors_long.weight", long.clone())]
        }
        RopeScaling::Factors(factors) => vec![("rope_freqs.weight", factors.clone())],
        RopeScaling::Proportional { pairs } => {
            let divisor = |pair: usize| if pair < *pairs { 1.0 } else { 1e30 };
            vec![("rope_freqs.weight", (0..hp.rope.rotary_dim / 2).map(divisor).collect())]
        }
        _ => vec![],
    }
}

/// As `LlamaModel.generate_extra_tensors` of convert_hf_to_gguf.py: low frequencies divided, high ones kept.
fn llama3_factors(rope: &Rope) -> Vec<f32> {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max } = rope.scaling else {
        return vec![];
    };
    let (dim, original) = (rope.rotary_dim, original_max as f64);
    let divisor = |i: usize| {
        let wavelength = std::f64::consts::TAU * rope.theta.powf(2.0 * i as f64 / dim as f64);
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
