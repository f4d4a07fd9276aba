//! The vision half of MiniCPM-V 4.6: a SigLIP tower for pictures of any shape, whose positions are fractional; behind one of
//! its layers squares of patches attend to themselves and become one row, behind the last they are joined once more. Tokens of
//! a picture stand as text does. Source: transformers modeling_minicpmv4_6.py, configuration_minicpmv4_6.py.

use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, Coordinates, PixelOrder, TileAttention, TilePosition, ValueId};
use serde_json::json;

use super::{Standing, StoredAs, TowerArch, Wrapper, siglip};
use crate::blocks;
use crate::config::{Activation, VisionParams};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "minicpmv4_6",
    has_mmproj: false,
    wrappers: &[Wrapper::around("minicpmv4_6", "qwen3_5_text")],
    spelled: &[],
    outer: &[MODE, INSERTED, "merge_kernel_size", TIMES],
    settle,
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "num_channels": 3, "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6, "insert_layer_id": 6, "window_kernel_size": [2, 2], "merge_kernel_size": [2, 2],
            "merger_times": 1, "downsample_mode": "16x",
        })
    },
    parts: &[("model.vision_tower.", "vision_tower."), ("model.merger.", "merger.")],
    text: &[("model.language_model.", "model.")],
    mlx: &[],
    stored: &[(siglip::PATCHES, StoredAs::Kernel), ("vision_tower.vit_merger.", StoredAs::Spare)],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: Some("pictures of any shape"),
    tensors: &[],
    layers: siglip::LAYERS,
    behind_layers: None,
    fixed: None,
    facts: |_, _| Ok(()),
    build,
};

/// Whether patches are joined within the tower.
const MODE: &str = "downsample_mode";
/// Behind which layer.
const INSERTED: &str = "insert_layer_id";
/// How often they are joined behind the tower.
const TIMES: &str = "merger_times";
/// Patches along the edge of a square, wherever some are joined: so it is in the reference's code.
const SIDE: usize = 2;
/// Epsilon of the norms behind the tower, which no key changes.
const MERGER_EPS: f32 = 1e-6;

/// Patches along the edge of what becomes one feature.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    for key in ["window_kernel_size", "merge_kernel_size"] {
        if config.usizes(key)?.is_some_and(|edges| edges != [SIDE; 2]) {
            return Err(config.error(key, "squares of 2 by 2"));
        }
    }
    let times = config.size(TIMES, 4)? as u32;
    let within = match config.str(MODE)? {
        Some("4x") => 0,
        Some("16x") => 1,
        _ => return Err(config.error(MODE, "4x or 16x")),
    };
    let n_layers = config.usize("num_hidden_layers")?.unwrap_or(0);
    if within > 0 && config.usize(INSERTED)?.is_none_or(|layer| layer >= n_layers) {
        return Err(config.error(INSERTED, format!("one of {n_layers} layers")));
    }
    config.insert_as("scale_factor", TIMES, SIDE.pow(times + within));
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let within = vision.str(MODE)? == Some("16x");
    let inserted = vision.usize(INSERTED)?.filter(|_| within);
    let times = vision.size(TIMES)?;
    let mut net = Builder::tower();
    let by = TilePosition::Fractional { side: vision.patches_per_side(), by: Coordinates::Divided };
    let mut x = siglip::encoded_with(&mut net, vision, by, |net, layer, x| match inserted {
        Some(inserted) if layer == inserted => joined_windows(net, x, vision),
        _ => x,
    });
    for i in 0..times {
        let width = if i + 1 == times { vision.text_width } else { vision.d_model };
        x = net.merge_patches(x, SIDE);
        let all = net.width(x);
        let merger = &mut net.scope(format!("merger.mlp.{i}"));
        let h = merger.layer_norm(x, "pre_norm", MERGER_EPS);
        let h = merger.linear(h, "linear_1", all, true);
        let h = merger.net().activate(h, Activation::Gelu);
        x = merger.linear(h, "linear_2", width, true);
    }
    TowerNetwork::ending_in(net, [x, x], vision, TileSizes::Any)
}

/// Squares of patches that attend to themselves, each as one row: their mean, and what an MLP makes of them side by side.
/// `MiniCPMV4_6ViTWindowAttentionMerger`, whose activation no key changes.
fn joined_windows(net: &mut Builder, x: ValueId, vision: &VisionParams) -> ValueId {
    let merger = &mut net.scope("vision_tower.vit_merger");
    let x = blocks::tower_attention(merger, x, vision, &siglip::LAYER, |net, [q, k, v], heads| {
        net.tile_attention(q, k, v, TileAttention { window: Some(SIDE), ..heads })
    });
    let mean = merger.net().pool_patches(x, SIDE);
    let all = merger.net().merge_patches(x, SIDE);
    let h = merger.layer_norm(all, "pre_norm", vision.norm_eps);
    let h = merger.linear(h, "linear_1", vision.d_ff * SIDE * SIDE, true);
    let h = merger.net().activate(h, Activation::GeluTanh);
    let h = merger.linear(h, "linear_2", vision.d_model, true);
    merger.net().add(h, mean)
}
