//! The vision half of LFM2-VL and LFM2.5-VL: SigLIP2 for pictures of any shape, whose positions are resampled, then squares of
//! patches through an MLP. Source: transformers modeling_lfm2_vl.py, configuration_lfm2_vl.py, modeling_siglip2.py,
//! configuration_siglip2.py; llama.cpp's conversion/lfm2.py (`LFM2VLModel`), tools/mtmd/models/siglip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, PixelOrder, Resampling, TilePosition};
use serde_json::json;

use super::{Name, Standing, TowerArch, Wrapper, joined, siglip};
use crate::config::{VisionParams, edge, side_of};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "lfm2",
    has_mmproj: true,
    wrappers: &[Wrapper { tied: true, settle: older_tie, ..Wrapper::around("lfm2_vl", "lfm2") }],
    spelled: &[],
    outer: &["downsample_factor", ACTIVATION, "projector_hidden_size", "projector_bias", "projector_use_layernorm"],
    settle,
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "num_channels": 3, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
            "num_patches": 256, "downsample_factor": 2, "projector_hidden_act": "gelu", "projector_hidden_size": 2560,
            "projector_bias": true, "projector_use_layernorm": true, "image_token_id": 396,
        })
    },
    parts: &[
        ("model.vision_tower.vision_model.", "vision_tower."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
        ("multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("model.language_model.", "model.")],
    mlx: &[],
    stored: &[siglip::HEAD],
    pixels: PixelOrder::ChannelsLast,
    standing: Standing::InOrder,
    unwritten: Some("pictures of any shape"),
    tensors: &TENSORS,
    layers: siglip::LAYERS,
    behind_layers: None,
    fixed: None,
    facts,
    build,
};

const TENSORS: [Name; 14] = joined(
    siglip::TENSORS,
    [
        ("mm.input_norm.weight", "multi_modal_projector.layer_norm.weight"),
        ("mm.input_norm.bias", "multi_modal_projector.layer_norm.bias"),
        ("mm.1.weight", "multi_modal_projector.linear_1.weight"),
        ("mm.1.bias", "multi_modal_projector.linear_1.bias"),
        ("mm.2.weight", "multi_modal_projector.linear_2.weight"),
        ("mm.2.bias", "multi_modal_projector.linear_2.bias"),
    ],
);

/// The activation between the two matrices behind the tower.
const ACTIVATION: &str = "projector_hidden_act";

/// What PyTorch's `LayerNorm` adds, which no key changes.
const NORM_EPS: f32 = 1e-5;

/// Older files have another name for whether embeddings are tied.
fn older_tie(outer: &ConfigMap, text: &mut ConfigMap) -> Result<(), HyperparamError> {
    if let Some(tied) = outer.bool("tie_embedding")? {
        text.insert_as("tie_word_embeddings", "tie_embedding", tied);
    }
    Ok(())
}

/// The edge of the square of positions, and of a picture that has as many patches.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let edge = side_of(config, "num_patches")? * edge(config, "patch_size")?;
    config.insert_as("image_size", "num_patches", edge);
    if let Some(side) = config.usize("downsample_factor")? {
        config.insert_as("scale_factor", "downsample_factor", side);
    }
    Ok(())
}

/// Sizes that the tensors tell; the size of a picture that is written means nothing. The activation is that of the reference:
/// llama.cpp has an approximation of it.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let rows = |name: &str| file.tensors().iter().find(|tensor| tensor.name == name)?.shape.first().copied();
    for (tensor, key) in [("v.position_embd.weight", "num_patches"), ("mm.1.weight", "projector_hidden_size")] {
        keys.insert_as(key, tensor, json!(rows(tensor)));
    }
    keys.insert_as("projector_bias", "mm.1.bias", rows("mm.1.bias").is_some());
    keys.insert_as("projector_use_layernorm", "mm.input_norm.weight", rows("mm.input_norm.weight").is_some());
    keys.insert_as(ACTIVATION, "general.architecture", "gelu");
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let activation = vision.activation_of(ACTIVATION)?;
    let (width, bias) = (vision.size("projector_hidden_size")?, vision.flag("projector_bias")?);
    let mut net = Builder::tower();
    let by = TilePosition::Resampled { side: vision.patches_per_side(), how: Resampling::Antialiased };
    let x = siglip::encoded(&mut net, vision, by);
    let x = net.merge_patches(x, vision.merge_side);
    let projector = &mut net.scope("multi_modal_projector");
    let x = match vision.flag("projector_use_layernorm")? {
        true => projector.layer_norm(x, "layer_norm", NORM_EPS),
        false => x,
    };
    let h = projector.linear(x, "linear_1", width, bias);
    let h = projector.net().activate(h, activation);
    let embeddings = projector.linear(h, "linear_2", vision.text_width, bias);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Any)
}
