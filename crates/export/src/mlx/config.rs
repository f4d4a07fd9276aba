//! config.json of a folder of MLX: the published one, sorted, with `quantization` and what mlx-lm reads elsewhere than
//! transformers does. Source: mlx-lm's `save_config`, `ModelArgs` in mlx_lm/models/*.py.
//!
//! mlx-lm's classes have defaults of their own for keys that a file leaves out, and most read the rotary embedding from the
//! keys that transformers had before its version 5. So every key that is understood here is stated, in the old spelling too.

use plimsoll_formats::mlx::{Affine, QUANTIZATION};
use plimsoll_formats::{HyperparamError, JsonObject};
use plimsoll_models::{Hyperparams, LayerKind, RopeScaling, VisionParams};
use serde_json::{Value, json};

use super::{Plan, Source};

/// The keys of config.json, in the order in which they are written.
///
/// # Errors
/// A key holds what it may not.
pub fn config(source: &Source, plan: &Plan) -> Result<JsonObject, HyperparamError> {
    let hp = &source.checkpoint.hyperparams;
    let mut keys = source.config.clone();
    for of_another in ["_name_or_path", QUANTIZATION, "quantization_config"] {
        keys.shift_remove(of_another);
    }
    keys.insert("tie_word_embeddings".to_owned(), hp.tied_embeddings.into());
    if hp.wrapper.is_some() {
        let mut text = object(&keys, "text_config");
        state_text(&mut text, hp)?;
        keys.insert("text_config".to_owned(), Value::Object(text));
        keys.shift_remove("vision_config");
        if let Some(vision) = source.vision.filter(|vision| plimsoll_models::export::mlx::writes_tower(vision)) {
            let mut tower = object(source.config, "vision_config");
            state_tower(&mut tower, &vision.params);
            keys.insert("vision_config".to_owned(), Value::Object(tower));
        }
    } else {
        state_text(&mut keys, hp)?;
    }
    if let Some(usual) = plan.usual {
        let quantization = quantization(usual, plan);
        keys.insert(QUANTIZATION.to_owned(), quantization.clone());
        keys.insert("quantization_config".to_owned(), quantization);
    }
    keys.sort_keys();
    Ok(keys)
}

fn object(keys: &JsonObject, key: &str) -> JsonObject {
    keys.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn quantization(usual: Affine, plan: &Plan) -> Value {
    let settings = |affine: Affine| json!({ "group_size": affine.group, "bits": affine.bits, "mode": "affine" });
    let mut all = settings(usual);
    for (module, own) in plan.overrides() {
        all[module] = settings(own);
    }
    all
}

/// Sets a key that is absent or null.
fn state(keys: &mut JsonObject, key: &str, value: impl Into<Value>) {
    if keys.get(key).is_none_or(Value::is_null) {
        keys.insert(key.to_owned(), value.into());
    }
}

/// What the class supplies, and what mlx-lm looks for under other names.
fn state_text(keys: &mut JsonObject, hp: &Hyperparams) -> Result<(), HyperparamError> {
    for (key, value) in hp.keys() {
        state(keys, key, value.clone());
    }
    keys.insert("tie_word_embeddings".to_owned(), hp.tied_embeddings.into());
    state(keys, "head_dim", hp.head_dim);
    state(keys, "num_key_value_heads", hp.n_kv_heads);
    // Classes that have the key let it speak of all four projections.
    state(keys, "attention_bias", hp.biases.o);
    if hp.usize("no_rope_layer_interval")?.is_some() {
        let flags: Vec<u8> = hp.rotary_layers()?.into_iter().map(u8::from).collect();
        state(keys, "no_rope_layers", flags);
    }
    // Where all layers are alike the classes go by other keys, and one fails on a list without `full_attention`.
    let is_mixed = hp.layer_kinds.windows(2).any(|pair| pair[0] != pair[1]);
    if is_mixed {
        let kinds: Vec<&str> = hp.layer_kinds.iter().map(|kind| kind_name(*kind)).collect();
        state(keys, "layer_types", kinds);
    }
    state_rope(keys, hp);
    Ok(())
}

fn kind_name(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Full => "full_attention",
        LayerKind::Sliding => "sliding_attention",
        LayerKind::Chunked => "chunked_attention",
        LayerKind::Recurrent => "linear_attention",
    }
}

/// The rotary embedding in the keys that transformers had before its version 5.
fn state_rope(keys: &mut JsonObject, hp: &Hyperparams) {
    state(keys, "rope_theta", hp.rope.theta);
    if let Some(local) = &hp.rope_local {
        state(keys, "rope_local_base_freq", local.theta);
    }
    if hp.rope.rotary_dim != hp.head_dim {
        state(keys, "partial_rotary_factor", hp.rope.rotary_dim as f64 / hp.head_dim as f64);
    }
    if hp.rope.scaling == RopeScaling::None {
        // Some of its classes have no default for the key.
        keys.entry("rope_scaling").or_insert(Value::Null);
        return;
    }
    let parameters = object(keys, "rope_parameters");
    let full = object(&parameters, "full_attention");
    state(keys, "rope_scaling", if full.is_empty() { parameters } else { full });
    let mut scaling = object(keys, "rope_scaling");
    for (one, other) in [("type", "rope_type"), ("rope_type", "type")] {
        if let Some(name) = scaling.get(one).cloned() {
            state(&mut scaling, other, name);
        }
    }
    if let RopeScaling::Yarn { original_max, .. } | RopeScaling::LongRope { original_max, .. } = hp.rope.scaling {
        state(&mut scaling, "original_max_position_embeddings", original_max);
    }
    keys.insert("rope_scaling".to_owned(), Value::Object(scaling));
}

fn state_tower(keys: &mut JsonObject, tower: &VisionParams) {
    for (key, value) in [
        ("hidden_size", tower.d_model),
        ("intermediate_size", tower.d_ff),
        ("num_hidden_layers", tower.n_layers),
        ("num_attention_heads", tower.n_heads),
        ("num_channels", tower.n_channels),
        ("image_size", tower.tile_size),
        ("patch_size", tower.patch_size),
    ] {
        state(keys, key, value);
    }
    state(keys, "layer_norm_eps", f64::from(tower.norm_eps));
}
