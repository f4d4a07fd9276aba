//! The vision half of Qwen3-VL and Qwen3.5: patches of pictures of any shape, positions resampled from a square and turned by
//! row and column, and squares of patches joined by an MLP; after some layers more of these (DeepStack). Source: transformers
//! modeling_qwen3_vl.py, modeling_qwen3_5.py, configuration_qwen3_vl.py; llama.cpp's conversion/qwen3vl.py, clip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, PixelOrder, Resampling, RopeLayout, TileAxis, TilePosition, TileRope, ValueId};
use serde_json::json;

use super::{BehindLayers, Name, Standing, StoredAs, TowerArch, Wrapper};
use crate::blocks;
use crate::config::{Activation, VisionParams, side_of, two_frames};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "qwen3vl_merger",
    has_mmproj: true,
    wrappers: &[
        Wrapper { settle: deep_layers, ..Wrapper::around("qwen3_vl", "qwen3_vl_text") },
        Wrapper { settle: deep_layers, ..Wrapper::around("qwen3_vl_moe", "qwen3_vl_moe_text") },
        Wrapper::around("qwen3_5", "qwen3_5_text"),
        Wrapper::around("qwen3_5_moe", "qwen3_5_moe_text"),
    ],
    spelled: SPELLED,
    outer: &[],
    settle,
    defaults: || {
        json!({
            "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
            "num_channels": 3, "patch_size": 16, "scale_factor": 2, "temporal_patch_size": 2,
            "num_position_embeddings": 2304, "hidden_act": "gelu_pytorch_tanh", "rope_theta": 10000.0,
            "image_token_id": 151655,
        })
    },
    parts: &[("model.visual.", "vision_tower."), ("visual.", "vision_tower.")],
    text: &[("model.language_model.", "model.")],
    mlx: &[],
    stored: &[("patch_embed.proj.weight", StoredAs::Frames)],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::ByGrid,
    unwritten: Some("pictures of any shape"),
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.patch_embed.proj.weight"),
        ("v.patch_embd.bias", "vision_tower.patch_embed.proj.bias"),
        ("v.position_embd.weight", "vision_tower.pos_embed.weight"),
        ("v.post_ln.weight", "vision_tower.merger.norm.weight"),
        ("v.post_ln.bias", "vision_tower.merger.norm.bias"),
        ("mm.0.weight", "vision_tower.merger.linear_fc1.weight"),
        ("mm.0.bias", "vision_tower.merger.linear_fc1.bias"),
        ("mm.2.weight", "vision_tower.merger.linear_fc2.weight"),
        ("mm.2.bias", "vision_tower.merger.linear_fc2.bias"),
        ("attn_qkv", "attn.qkv"),
        ("attn_out", "attn.proj"),
        ("ffn_up", "mlp.linear_fc1"),
        ("ffn_down", "mlp.linear_fc2"),
        ("ln1", "norm1"),
        ("ln2", "norm2"),
    ],
    layers: "vision_tower.blocks",
    behind_layers: Some(BEHIND),
    fixed: None,
    facts,
    build,
};

/// How its configuration spells what others have too.
pub(super) const SPELLED: &[Name] = &[
    ("depth", "num_hidden_layers"),
    ("num_heads", "num_attention_heads"),
    ("in_channels", "num_channels"),
    ("spatial_merge_size", "scale_factor"),
];

/// The mergers after whose layers the text model is given more of a picture.
const DEEP: &str = "deepstack_visual_indexes";

/// As many layers of the text model are given something as there are mergers.
fn deep_layers(outer: &ConfigMap, text: &mut ConfigMap) -> Result<(), HyperparamError> {
    let of_tower = match outer.object("vision_config")? {
        Some(vision) => vision.usizes(DEEP)?,
        None => None,
    };
    text.insert_as("num_deepstack_layers", DEEP, of_tower.map_or(USUAL_DEEP.len(), |layers| layers.len()));
    Ok(())
}

/// A merger for each of the layers that the text model is given more of.
const BEHIND: BehindLayers = BehindLayers {
    key: DEEP,
    modules: &[
        ("v.deepstack.N.norm", "vision_tower.deepstack_merger_list.N.norm"),
        ("v.deepstack.N.fc1", "vision_tower.deepstack_merger_list.N.linear_fc1"),
        ("v.deepstack.N.fc2", "vision_tower.deepstack_merger_list.N.linear_fc2"),
    ],
};

/// What `Qwen3VLVisionConfig` supplies.
const USUAL_DEEP: [usize; 3] = [8, 16, 24];

/// Added to the variance in its norms, whatever the keys say.
const NORM_EPS: f64 = 1e-6;

/// The edge of the square of positions, and of a picture that has as many patches.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let edge = side_of(config, "num_position_embeddings")? * config.size("patch_size", 1 << 10)?;
    config.insert_as("image_size", "num_position_embeddings", edge);
    // No key changes it.
    config.insert_as("layer_norm_eps", "layer_norm_eps", NORM_EPS);
    two_frames(config)
}

/// The frequencies llama.cpp has in its code.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let deep = file.bools("clip.vision.is_deepstack_layers")?.unwrap_or_default();
    let deep: Vec<usize> = deep.iter().enumerate().filter(|(_, deep)| **deep).map(|(layer, _)| layer).collect();
    keys.insert_as(DEEP, "clip.vision.is_deepstack_layers", json!(deep));
    keys.insert_as("scale_factor", "clip.vision.spatial_merge_size", json!(file.uint("clip.vision.spatial_merge_size")?));
    let (edge, patch) = (file.uint("clip.vision.image_size")?, file.uint("clip.vision.patch_size")?);
    if let (Some(edge), Some(patch @ 1..)) = (edge, patch) {
        keys.insert_as("num_position_embeddings", "clip.vision.image_size", (edge / patch).saturating_pow(2));
    }
    keys.insert_as("rope_theta", "general.architecture", 10_000.0);
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    if vision.usize("out_hidden_size")?.is_some_and(|width| width != vision.text_width) {
        let expected = format!("the width of the text model, {}", vision.text_width);
        return Err(vision.error("out_hidden_size", expected).into());
    }
    let mut net = Builder::tower();
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear_bias(x, "vision_tower.patch_embed.proj", vision.d_model);
    let side = vision.patches_per_side();
    let by = TilePosition::Resampled { side, how: Resampling::Corners };
    let mut x = net.add_position(x, "vision_tower.pos_embed.weight", side * side, by);
    let turn = blocks::axial_rope(&mut net, vision, [TileAxis::Row, TileAxis::Column], RopeLayout::Halves)?;
    let deep = vision.usizes(DEEP)?;
    if deep.iter().any(|layer| *layer >= vision.n_layers) || !deep.is_sorted() {
        return Err(vision.error(DEEP, format!("layers of {}, in order", vision.n_layers)).into());
    }
    let mut given = Vec::new();
    for i in 0..vision.n_layers {
        x = layer(&mut net, i, x, vision, &turn);
        for (at, _) in deep.iter().enumerate().filter(|(_, layer)| **layer == i) {
            given.push(merger(&mut net, &format!("vision_tower.deepstack_merger_list.{at}"), x, vision, true));
        }
    }
    let features = merger(&mut net, "vision_tower.merger", x, vision, false);
    let embeddings = given.into_iter().fold(features, |all, more| net.join(all, more, 1));
    TowerNetwork::ending_in(net, [embeddings, features], vision, TileSizes::Any)
}

fn layer(net: &mut Builder, i: usize, x: ValueId, vision: &VisionParams, turn: &TileRope) -> ValueId {
    let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
    let width = vision.n_heads * vision.head_dim;
    let h = layer.layer_norm(x, "norm1", vision.norm_eps);
    let qkv = layer.linear(h, "attn.qkv", 3 * width, true);
    let [q, k, v] = [0, 1, 2].map(|part| layer.net().columns(qkv, 3 * width, part * width, width));
    let [q, k] = [q, k].map(|x| layer.net().tile_rope(x, turn.clone()));
    let a = layer.net().tile_attention(q, k, v, vision.heads());
    let a = layer.linear(a, "attn.proj", vision.d_model, true);
    let x = layer.net().add(x, a);
    let h = layer.layer_norm(x, "norm2", vision.norm_eps);
    let h = layer.linear(h, "mlp.linear_fc1", vision.d_ff, true);
    let h = layer.net().activate(h, vision.activation);
    let h = layer.linear(h, "mlp.linear_fc2", vision.d_model, true);
    layer.net().add(x, h)
}

/// Squares of patches, normed before or after they are joined, through an MLP to the width of the text model.
fn merger(net: &mut Builder, name: &str, x: ValueId, vision: &VisionParams, norm_joined: bool) -> ValueId {
    let norm = format!("{name}.norm");
    let x = if norm_joined { x } else { net.layer_norm(x, &norm, vision.norm_eps) };
    let x = net.merge_patches(x, vision.merge_side);
    let x = if norm_joined { net.layer_norm(x, &norm, vision.norm_eps) } else { x };
    let width = net.width(x);
    let h = net.linear_bias(x, &format!("{name}.linear_fc1"), width);
    let h = net.activate(h, Activation::Gelu);
    net.linear_bias(h, &format!("{name}.linear_fc2"), vision.text_width)
}
