//! The vision half of Ministral 3 and Mistral Small 3.x: Llama's layers over the patches of pictures of any shape, turned by
//! row and column by turns of the frequencies, and squares of patches joined column by column. Source: transformers
//! modeling_pixtral.py, modeling_mistral3.py, configuration_mistral3.py; llama.cpp's conversion/llava.py, clip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, MergeOrder, PixelOrder, RopeLayout, RopeSpec, TileAxis, TileRope, ValueId};
use serde_json::{Value, json};

use super::{Standing, StoredAs, TowerArch, Wrapper};
use crate::config::VisionParams;
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "pixtral",
    has_mmproj: true,
    wrappers: &[WRAPPER],
    spelled: &[],
    outer: &["spatial_merge_size", FEATURE_LAYER, BIAS, ACTIVATION],
    settle,
    defaults: || {
        json!({
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
            "num_channels": 3, "image_size": 1540, "patch_size": 14, "hidden_act": "gelu", "rope_theta": 10000.0,
            "layer_norm_eps": 1e-5, "spatial_merge_size": 2, "multimodal_projector_bias": false,
            "projector_hidden_act": "gelu", "image_token_id": 10,
        })
    },
    parts: &[
        ("vision_tower.", "vision_tower."),
        ("multi_modal_projector.", "multi_modal_projector."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("language_model.model.", "model."), ("language_model.lm_head.", "lm_head.")],
    mlx: &[],
    stored: &[
        ("vision_tower.patch_conv.weight", StoredAs::Kernel),
        ("attention.q_proj.weight", StoredAs::RotaryPairs),
        ("attention.k_proj.weight", StoredAs::RotaryPairs),
    ],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: Some("pictures of any shape"),
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.patch_conv.weight"),
        ("v.pre_ln.weight", "vision_tower.ln_pre.weight"),
        ("mm.input_norm.weight", "multi_modal_projector.norm.weight"),
        ("mm.patch_merger.weight", "multi_modal_projector.patch_merger.merging_layer.weight"),
        ("mm.1.weight", "multi_modal_projector.linear_1.weight"),
        ("mm.1.bias", "multi_modal_projector.linear_1.bias"),
        ("mm.2.weight", "multi_modal_projector.linear_2.weight"),
        ("mm.2.bias", "multi_modal_projector.linear_2.bias"),
        ("attn_q", "attention.q_proj"),
        ("attn_k", "attention.k_proj"),
        ("attn_v", "attention.v_proj"),
        ("attn_out", "attention.o_proj"),
        ("ffn_gate", "feed_forward.gate_proj"),
        ("ffn_up", "feed_forward.up_proj"),
        ("ffn_down", "feed_forward.down_proj"),
        ("ln1", "attention_norm"),
        ("ln2", "ffn_norm"),
    ],
    layers: "vision_tower.transformer.layers",
    behind_layers: None,
    fixed: None,
    facts,
    build,
};

const WRAPPER: Wrapper = Wrapper {
    tied: true,
    also: &["ministral3"],
    text_keys: || {
        json!({
            "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 32768,
            "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 40,
            "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e9, "sliding_window": null,
            "vocab_size": 131072,
        })
    },
    ..Wrapper::around("mistral3", "mistral")
};

const FEATURE_LAYER: &str = "vision_feature_layer";
const BIAS: &str = "multimodal_projector_bias";
const ACTIVATION: &str = "projector_hidden_act";

/// Features are the last layer's.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let last = [Value::Null, json!(-1), json!([-1])];
    if config.get(FEATURE_LAYER).is_some_and(|layer| !last.contains(layer)) {
        return Err(config.error(FEATURE_LAYER, "-1, the last"));
    }
    if let Some(side) = config.get("spatial_merge_size").cloned() {
        config.insert_as("scale_factor", "spatial_merge_size", side);
    }
    Ok(())
}

/// What llama.cpp has in its code or tells by the tensors that there are; its `use_gelu` is here the exact one.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let side = "clip.vision.spatial_merge_size";
    keys.insert_as("scale_factor", side, json!(file.uint(side)?));
    keys.insert_as(BIAS, "mm.1.bias", file.tensors().iter().any(|tensor| tensor.name == "mm.1.bias"));
    let eps = "clip.vision.attention.layer_norm_epsilon";
    keys.insert_as("text_norm_eps", eps, json!(file.float(eps)?));
    if file.bool("clip.use_gelu")? == Some(true) {
        keys.insert_as("hidden_act", "clip.use_gelu", "gelu");
    }
    keys.insert_as(ACTIVATION, "general.architecture", "gelu");
    keys.insert_as("rope_theta", "general.architecture", 10_000.0);
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let bias = vision.flag(BIAS)?;
    let mut net = Builder::tower();
    let turn = turned(&mut net, vision)?;
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear(x, "vision_tower.patch_conv", vision.d_model);
    let mut x = net.rms_norm(x, "vision_tower.ln_pre.weight", vision.norm_eps);
    for i in 0..vision.n_layers {
        x = layer(&mut net, i, x, vision, &turn);
    }
    let x = net.rms_norm(x, "multi_modal_projector.norm.weight", vision.positive("text_norm_eps")?);
    let x = net.merge_patches_in(x, vision.merge_side, MergeOrder::ColumnByColumn);
    let projector = &mut net.scope("multi_modal_projector");
    let x = projector.linear(x, "patch_merger.merging_layer", vision.d_model, false);
    let x = projector.linear(x, "linear_1", vision.text_width, bias);
    let x = projector.net().activate(x, vision.activation_of(ACTIVATION)?);
    let embeddings = projector.linear(x, "linear_2", vision.text_width, bias);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Any)
}

/// Every other frequency of a whole head turns by rows, those between them by columns.
fn turned(net: &mut Builder, vision: &VisionParams) -> Result<TileRope, ModelError> {
    let (head_dim, theta) = (vision.head_dim, vision.rope_theta()?);
    let frequency = |i: usize| 1.0 / theta.powf((2 * i) as f32 / head_dim as f32);
    let of_axis = |first: usize| (first..head_dim / 2).step_by(2).map(frequency);
    let frequencies: Vec<f32> = of_axis(0).chain(of_axis(1)).collect();
    let by_row = of_axis(0).map(|_| TileAxis::Row);
    let axes = by_row.chain(of_axis(1).map(|_| TileAxis::Column)).collect();
    let rope = net.rope_spec(RopeSpec::plain(frequencies, RopeLayout::Halves));
    Ok(TileRope { rope, head_dim, axes, first: 0, parts: 1 })
}

fn layer(net: &mut Builder, i: usize, x: ValueId, vision: &VisionParams, turn: &TileRope) -> ValueId {
    let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
    let VisionParams { d_model, d_ff, norm_eps, .. } = *vision;
    let width = vision.n_heads * vision.head_dim;
    let h = layer.rms_norm(x, "attention_norm", d_model, norm_eps, 0.0);
    let [q, k, v] = ["q", "k", "v"].map(|part| layer.linear(h, &format!("attention.{part}_proj"), width, false));
    let [q, k] = [q, k].map(|x| layer.net().tile_rope(x, turn.clone()));
    let a = layer.net().tile_attention(q, k, v, vision.heads());
    let a = layer.linear(a, "attention.o_proj", d_model, false);
    let x = layer.net().add(x, a);
    let h = layer.rms_norm(x, "ffn_norm", d_model, norm_eps, 0.0);
    let [gate, up] = ["gate", "up"].map(|part| layer.linear(h, &format!("feed_forward.{part}_proj"), d_ff, false));
    let h = layer.net().gated(gate, up, vision.activation);
    let h = layer.linear(h, "feed_forward.down_proj", d_model, false);
    layer.net().add(x, h)
}
