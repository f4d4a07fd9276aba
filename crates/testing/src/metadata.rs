//! The metadata of GGUF files that are written for tests alone. Source: llama.cpp's gguf-py/gguf/constants.py,
//! convert_hf_to_gguf.py.

use plimsoll_formats::gguf::{MetaType, NewValue};
use plimsoll_models::{Activation, VisionParams};
use serde_json::{Value, json};

/// A value that JSON spells: whole numbers become 32-bit unsigned ones, others 32-bit floats.
///
/// # Panics
/// It is null, an object, or an array of anything but such numbers.
pub(crate) fn value(value: &Value) -> NewValue {
    match value {
        Value::Number(number) if number.is_f64() => NewValue::F32(number.as_f64().expect("a float") as f32),
        Value::Number(number) => NewValue::U32(number.as_u64().expect("no number below 0") as u32),
        Value::Bool(yes) => NewValue::Bool(*yes),
        Value::String(text) => NewValue::Text(text.clone().into_bytes()),
        Value::Array(values) if values[0].is_f64() => {
            NewValue::Array(MetaType::F32, values.iter().map(self::value).collect())
        }
        Value::Array(values) if values[0].is_boolean() => {
            NewValue::Array(MetaType::Bool, values.iter().map(self::value).collect())
        }
        Value::Array(values) => NewValue::Array(MetaType::U32, values.iter().map(self::value).collect()),
        Value::Null | Value::Object(_) => panic!("GGUF has no {value}"),
    }
}

/// The keys of an mmproj.
pub(crate) fn tower(vision: &VisionParams) -> Vec<(String, NewValue)> {
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
    keys.iter().map(|(key, found)| (key.clone(), value(found))).collect()
}
