//! The vision half of Qwen2.5-VL: patches of pictures of any shape, turned by row and column, that attend within windows but in
//! some layers, and squares of patches joined by an MLP. Source: transformers modeling_qwen2_5_vl.py,
//! configuration_qwen2_5_vl.py, vision_utils.py; llama.cpp's conversion/qwenvl.py, clip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, PixelOrder, RopeLayout, TileAttention, TileAxis, TileRope, ValueId};
use serde_json::{Value, json};

use super::{Standing, StoredAs, TowerArch, Wrapper, qwen3_vl_vision};
use crate::blocks;
use crate::config::{Activation, MAX_LAYERS, VisionParams, tiles_of_any_size, two_frames};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "qwen2.5vl_merger",
    has_mmproj: true,
    wrappers: &[Wrapper { flat: true, ..Wrapper::around("qwen2_5_vl", "qwen2_5_vl_text") }],
    spelled: qwen3_vl_vision::SPELLED,
    outer: &[],
    settle,
    defaults: || {
        json!({
            "hidden_size": 3584, "intermediate_size": 3420, "num_hidden_layers": 32, "num_attention_heads": 16,
            "num_channels": 3, "patch_size": 14, "scale_factor": 2, "temporal_patch_size": 2, "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31], "hidden_act": "silu", "rope_theta": 10000.0,
            "layer_norm_eps": 1e-6, "image_token_id": 151655,
        })
    },
    parts: &[("visual.", "vision_tower."), ("model.visual.", "vision_tower.")],
    text: &[],
    mlx: &[],
    stored: &[
        ("patch_embed.proj.weight", StoredAs::Frames),
        ("attn.qkv.weight", StoredAs::Rows(&["attn.q", "attn.k", "attn.v"])),
        ("attn.qkv.bias", StoredAs::Rows(&["attn.q", "attn.k", "attn.v"])),
    ],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::ByGrid,
    unwritten: Some("pictures of any shape"),
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.patch_embed.proj.weight"),
        ("v.patch_embd.weight.1", "vision_tower.patch_embed.proj.weight.1"),
        ("v.post_ln.weight", "vision_tower.merger.ln_q.weight"),
        ("mm.0.weight", "vision_tower.merger.mlp.0.weight"),
        ("mm.0.bias", "vision_tower.merger.mlp.0.bias"),
        ("mm.2.weight", "vision_tower.merger.mlp.2.weight"),
        ("mm.2.bias", "vision_tower.merger.mlp.2.bias"),
        ("attn_q", "attn.q"),
        ("attn_k", "attn.k"),
        ("attn_v", "attn.v"),
        ("attn_out", "attn.proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("ln1", "norm1"),
        ("ln2", "norm2"),
    ],
    layers: "vision_tower.blocks",
    behind_layers: None,
    fixed: None,
    facts,
    build,
};

/// The layers without windows.
const FULL: &str = "fullatt_block_indexes";

fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    two_frames(config)?;
    tiles_of_any_size(config)
}

/// Every so many layers see all of a picture; what else llama.cpp has in its code.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let (pattern, n_layers) = ("clip.vision.n_wa_pattern", file.uint("clip.vision.block_count")?.unwrap_or(0));
    let Some(each @ 1..) = file.uint(pattern)? else {
        keys.insert_as(FULL, pattern, Value::Null);
        return Err(keys.error(FULL, "after how many layers there is one without windows"));
    };
    let full: Vec<u64> = (1..=n_layers.min(MAX_LAYERS as u64)).filter(|n| n.is_multiple_of(each)).map(|n| n - 1).collect();
    keys.insert_as(FULL, pattern, json!(full));
    for (key, there, usual) in [("scale_factor", "spatial_merge_size", 2), ("window_size", "window_size", 112)] {
        let there = format!("clip.vision.{there}");
        keys.insert_as(key, &there, file.uint(&there)?.unwrap_or(usual));
    }
    keys.insert_as("rope_theta", "general.architecture", 10_000.0);
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let window = vision.size("window_size")? / vision.merge_side / vision.patch_size * vision.merge_side;
    if window == 0 {
        return Err(vision.error("window_size", "the pixels of a feature's edge or more").into());
    }
    let full = vision.usizes(FULL)?;
    let mut net = Builder::tower();
    let turn = blocks::axial_rope(&mut net, vision, [TileAxis::Row, TileAxis::Column], RopeLayout::Halves)?;
    let x = net.patches(vision.patch_values(), vision.pixels);
    let mut x = net.linear(x, "vision_tower.patch_embed.proj", vision.d_model);
    for i in 0..vision.n_layers {
        let window = (!full.contains(&i)).then_some(window);
        x = layer(&mut net, i, x, vision, &turn, TileAttention { window, ..vision.heads() });
    }
    let x = net.rms_norm(x, "vision_tower.merger.ln_q.weight", vision.norm_eps);
    let x = net.merge_patches(x, vision.merge_side);
    let width = net.width(x);
    let x = net.linear_bias(x, "vision_tower.merger.mlp.0", width);
    let x = net.activate(x, Activation::Gelu);
    let embeddings = net.linear_bias(x, "vision_tower.merger.mlp.2", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Any)
}

fn layer(
    net: &mut Builder,
    i: usize,
    x: ValueId,
    vision: &VisionParams,
    turn: &TileRope,
    heads: TileAttention,
) -> ValueId {
    let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
    let VisionParams { d_model, d_ff, norm_eps, .. } = *vision;
    let width = vision.n_heads * vision.head_dim;
    let h = layer.rms_norm(x, "norm1", d_model, norm_eps, 0.0);
    let [q, k, v] = ["attn.q", "attn.k", "attn.v"].map(|part| layer.linear(h, part, width, true));
    let [q, k] = [q, k].map(|x| layer.net().tile_rope(x, turn.clone()));
    let a = layer.net().tile_attention(q, k, v, heads);
    let a = layer.linear(a, "attn.proj", d_model, true);
    let x = layer.net().add(x, a);
    let h = layer.rms_norm(x, "norm2", d_model, norm_eps, 0.0);
    let [gate, up] = ["gate", "up"].map(|part| layer.linear(h, &format!("mlp.{part}_proj"), d_ff, true));
    let h = layer.net().gated(gate, up, vision.activation);
    let h = layer.linear(h, "mlp.down_proj", d_model, true);
    layer.net().add(x, h)
}
