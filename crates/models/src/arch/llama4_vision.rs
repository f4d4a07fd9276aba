//! The vision half of Llama 4: a class token behind the patches, rotary embedding by row and column, pixel shuffle and an
//! adapter. Source: transformers modeling_llama4.py, configuration_llama4.py; llama.cpp's
//! gguf-py/gguf/tensor_mapping.py, clip.cpp.

use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_formats::gguf::GgufFile;
use plimsoll_graph::{Builder, PixelOrder, RopeLayout, TileAttention, TileAxis, TilePosition, TileRope};
use plimsoll_kernels::Activation;
use serde_json::json;

use super::{Standing, TowerArch, Wrapper};
use crate::blocks::{self, TowerLayer};
use crate::config::VisionParams;
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "llama4",
    has_mmproj: true,
    wrappers: &[Wrapper::around("llama4", "llama4_text")],
    spelled: &[],
    outer: &[],
    settle: |_| Ok(()),
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 5632, "num_hidden_layers": 34, "num_attention_heads": 16,
            "num_channels": 3, "image_size": 448, "patch_size": 14, "pixel_shuffle_ratio": 0.5,
            "projector_input_dim": 4096, "projector_output_dim": 4096, "rope_theta": 10000.0,
            "image_token_id": 200092,
        })
    },
    parts: &[
        ("vision_model.", "vision_tower."),
        ("multi_modal_projector.", "multi_modal_projector."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("language_model.model.", "model."), ("language_model.lm_head.", "lm_head.")],
    mlx: &[],
    stored: &[],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: None,
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.patch_embedding.linear.weight"),
        ("v.class_embd", "vision_tower.class_embedding"),
        ("v.position_embd.weight", "vision_tower.positional_embedding_vlm"),
        ("v.pre_ln.weight", "vision_tower.layernorm_pre.weight"),
        ("v.pre_ln.bias", "vision_tower.layernorm_pre.bias"),
        ("v.post_ln.weight", "vision_tower.layernorm_post.weight"),
        ("v.post_ln.bias", "vision_tower.layernorm_post.bias"),
        ("mm.model.mlp.1.weight", "vision_tower.vision_adapter.mlp.fc1.weight"),
        ("mm.model.mlp.2.weight", "vision_tower.vision_adapter.mlp.fc2.weight"),
        ("mm.model.fc.weight", "multi_modal_projector.linear_1.weight"),
        ("attn_out", "self_attn.o_proj"),
        ("ln1", "input_layernorm"),
        ("attn_post_norm", "post_attention_layernorm"),
        ("ln2", "post_attention_layernorm"),
    ],
    layers: "vision_tower.model.layers",
    behind_layers: None,
    // The classes read neither `norm_eps` nor `hidden_act`: theirs are PyTorch's `LayerNorm` and `GELU`.
    fixed: Some((1e-5, Activation::Gelu)),
    facts,
    build,
};

/// The adapter's widths before and behind its second layer only the tensors tell; the rotary base llama.cpp has in its code.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let rows = |name: &str| file.tensors().iter().find(|tensor| tensor.name == name)?.shape.first().copied();
    let [first, second] = ["mm.model.mlp.1.weight", "mm.model.mlp.2.weight"];
    if let (Some(input), Some(output)) = (rows(first), rows(second)) {
        keys.insert_as("projector_input_dim", first, input);
        keys.insert_as("projector_output_dim", second, output);
    }
    keys.insert_as("rope_theta", "general.architecture", 10_000.0);
    Ok(())
}

const LAYER: TowerLayer = TowerLayer {
    attention_norm: "input_layernorm",
    mlp_norm: "post_attention_layernorm",
    output: "self_attn.o_proj",
};

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let mut net = Builder::tower();
    // `Llama4VisionRotaryEmbedding`
    let turn = blocks::axial_rope(&mut net, vision, [TileAxis::Column, TileAxis::Row], RopeLayout::Interleaved)?;
    let turn = TileRope { first: 1, ..turn };
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear(x, "vision_tower.patch_embedding.linear", vision.d_model);
    let x = net.append_class(x, "vision_tower.class_embedding");
    let n_positions = vision.patches_per_side().pow(2) + 1;
    let x = net.add_position(x, "vision_tower.positional_embedding_vlm", n_positions, TilePosition::InOrder);
    let mut x = net.layer_norm(x, "vision_tower.layernorm_pre", vision.norm_eps);
    for i in 0..vision.n_layers {
        let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
        x = blocks::tower_layer(layer, x, vision, &LAYER, |net, [q, k, v], heads: TileAttention| {
            let [q, k] = [q, k].map(|x| net.tile_rope(x, turn.clone()));
            net.tile_attention(q, k, v, heads)
        });
    }
    let x = net.layer_norm(x, "vision_tower.layernorm_post", vision.norm_eps);
    let x = net.drop_class(x);
    let x = net.merge_patches(x, vision.merge_side);
    let x = net.linear(x, "vision_tower.vision_adapter.mlp.fc1", vision.size("projector_input_dim")?);
    let x = net.activate(x, vision.activation);
    let x = net.linear(x, "vision_tower.vision_adapter.mlp.fc2", vision.size("projector_output_dim")?);
    let features = net.activate(x, vision.activation);
    let embeddings = net.linear(features, "multi_modal_projector.linear_1", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, features], vision, TileSizes::Only { edge: vision.tile_size })
}
