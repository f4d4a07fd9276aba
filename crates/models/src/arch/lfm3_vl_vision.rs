//! The vision half of LFM3-VL: patches of pictures of any shape through layers that convolve their neighbourhood, gated before
//! and behind, and others that attend, and squares of patches joined by an MLP. llama.cpp has no such tower. Source:
//! transformers modeling_lfm3_vl.py, configuration_lfm3_vl.py.

use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, PixelOrder, RopeLayout, Scope, TileAxis, TileRope, ValueId};
use serde_json::json;

use super::{Standing, StoredAs, TowerArch, Wrapper};
use crate::blocks;
use crate::config::{VisionParams, tiles_of_any_size, two_frames};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "lfm3_vl",
    has_mmproj: false,
    wrappers: &[Wrapper { tied: true, ..Wrapper::around("lfm3_vl", "lfm3") }],
    spelled: &[("in_channels", "num_channels"), ("spatial_merge_size", "scale_factor"), ("norm_eps", "layer_norm_eps")],
    outer: &["projector_hidden_size", BIAS, ACTIVATION],
    settle,
    defaults: || {
        json!({
            "hidden_size": 1024, "intermediate_size": 2560, "num_hidden_layers": 14, "num_attention_heads": 16,
            "num_key_value_heads": 8, "num_channels": 3, "patch_size": 16, "scale_factor": 2, "temporal_patch_size": 2,
            "conv_kernel_size": 3, "layer_norm_eps": 1e-5, "rope_theta": 1e6, "projector_hidden_act": "gelu",
            "projector_hidden_size": 4096, "projector_bias": true, "image_token_id": 125030,
        })
    },
    parts: &[
        ("model.vision_tower.", "vision_tower."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("model.language_model.", "model.")],
    mlx: &[],
    stored: &[
        ("vision_tower.patchifier.weight", StoredAs::FlatFrames),
        ("conv.spatial_conv.weight", StoredAs::Depthwise),
    ],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: Some("a tower that llama.cpp has not"),
    tensors: &[],
    layers: "vision_tower.layers",
    behind_layers: None,
    fixed: None,
    facts: |_, _| Ok(()),
    build,
};

const BIAS: &str = "projector_bias";
const ACTIVATION: &str = "projector_hidden_act";
const KINDS: &str = "layer_types";
const CONVOLUTION: &str = "conv";
/// Of the projector's norm; other norms have their key.
const PROJECTOR_EPS: f32 = 1e-6;

/// The class reads no activation: its MLP has one.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    two_frames(config)?;
    config.insert_as("hidden_act", "hidden_act", "silu");
    tiles_of_any_size(config)
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let (kinds, bias) = (kinds(vision)?, vision.flag(BIAS)?);
    let side = vision.size("conv_kernel_size")?;
    if side.is_multiple_of(2) || side > 63 {
        return Err(vision.error("conv_kernel_size", "an odd number up to 63").into());
    }
    let mut net = Builder::tower();
    let turn = blocks::axial_rope(&mut net, vision, [TileAxis::Row, TileAxis::Column], RopeLayout::Halves)?;
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear(x, "vision_tower.patchifier", vision.d_model);
    let mut x = net.rms_norm(x, "vision_tower.embedding_norm.weight", vision.norm_eps);
    for (i, kind) in kinds.iter().enumerate() {
        let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
        let h = layer.rms_norm(x, "operator_norm", vision.d_model, vision.norm_eps, 0.0);
        let h = match kind {
            Kind::Convolution => convolution(layer, &format!("{}.{i}", TOWER.layers), h, vision.d_model, side),
            Kind::Attention => attention(layer, h, vision, &turn),
        };
        x = layer.net().add(x, h);
        let h = layer.rms_norm(x, "ffn_norm", vision.d_model, vision.norm_eps, 0.0);
        let [gate, up] = ["w1", "w3"].map(|part| layer.linear(h, &format!("feed_forward.{part}"), vision.d_ff, false));
        let h = layer.net().gated(gate, up, vision.activation);
        let h = layer.linear(h, "feed_forward.w2", vision.d_model, false);
        x = layer.net().add(x, h);
    }
    let x = net.layer_norm(x, "multi_modal_projector.layer_norm", PROJECTOR_EPS);
    let x = net.merge_patches(x, vision.merge_side);
    let projector = &mut net.scope("multi_modal_projector");
    let x = projector.linear(x, "linear_1", vision.size("projector_hidden_size")?, bias);
    let x = projector.net().activate(x, vision.activation_of(ACTIVATION)?);
    let embeddings = projector.linear(x, "linear_2", vision.text_width, bias);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Any)
}

/// What a layer does before its MLP.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Convolution,
    Attention,
}

/// Those that are listed; else the first two convolve, then every other.
fn kinds(vision: &VisionParams) -> Result<Vec<Kind>, ModelError> {
    let Some(words) = vision.strings(KINDS)? else {
        let kind = |i: usize| if i < 2 || i % 2 == 1 { Kind::Convolution } else { Kind::Attention };
        return Ok((0..vision.n_layers).map(kind).collect());
    };
    let kind = |word: &String| match &word[..] {
        CONVOLUTION => Some(Kind::Convolution),
        "full_attention" => Some(Kind::Attention),
        _ => None,
    };
    let kinds: Option<Vec<Kind>> = words.iter().map(kind).collect();
    let expected = || format!("`{CONVOLUTION}` or `full_attention` for each of {} layers", vision.n_layers);
    let kinds = kinds.filter(|kinds| kinds.len() == vision.n_layers);
    kinds.ok_or_else(|| vision.error(KINDS, expected()).into())
}

/// Of each column the neighbourhood of every patch, between two gates; `in_proj` yields the gate before, the gate behind and
/// what is convolved.
fn convolution(layer: &mut Scope<'_>, at: &str, x: ValueId, width: usize, side: usize) -> ValueId {
    let parts = layer.linear(x, "conv.in_proj", 3 * width, false);
    let net = layer.net();
    let [before, behind, x] = [0, 1, 2].map(|part| net.columns(parts, 3 * width, part * width, width));
    let x = net.multiply(before, x);
    let x = net.tile_convolution(x, &format!("{at}.conv.spatial_conv.weight"), side);
    let x = net.multiply(behind, x);
    layer.linear(x, "conv.out_proj", width, false)
}

fn attention(layer: &mut Scope<'_>, x: ValueId, vision: &VisionParams, turn: &TileRope) -> ValueId {
    let VisionParams { n_heads, n_kv_heads, head_dim, norm_eps, .. } = *vision;
    let [q, k] = [("q", n_heads), ("k", n_kv_heads)].map(|(part, heads)| {
        let x = layer.linear(x, &format!("self_attn.{part}_proj"), heads * head_dim, false);
        let x = layer.rms_norm(x, &format!("self_attn.{part}_layernorm"), head_dim, norm_eps, 0.0);
        layer.net().tile_rope(x, turn.clone())
    });
    let v = layer.linear(x, "self_attn.v_proj", n_kv_heads * head_dim, false);
    let a = layer.net().tile_attention(q, k, v, vision.heads());
    layer.linear(a, "self_attn.out_proj", vision.d_model, false)
}
