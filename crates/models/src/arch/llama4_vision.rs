//! The vision half of Llama 4: a class token behind the patches, rotary embedding by row and column, pixel shuffle and an
//! adapter. Source: transformers modeling_llama4.py.

use plimsoll_formats::VisionParams;
use plimsoll_graph::{Builder, RopeLayout, RopeSpec, TileAttention, TilePosition};

use crate::blocks::{self, TowerLayer};
use crate::{ModelError, Tower, TowerArch};

pub const TOWER: TowerArch = TowerArch { name: "llama4", build };

const LAYER: TowerLayer = TowerLayer {
    attention_norm: "input_layernorm",
    mlp_norm: "post_attention_layernorm",
    output: "self_attn.o_proj",
};

fn build(vision: &VisionParams) -> Result<Tower, ModelError> {
    let mut net = Builder::tower();
    let rope = net.rope_spec(frequencies(vision)?);
    let x = net.patches(vision.patch_values());
    let x = net.linear(x, "vision_tower.patch_embedding.linear", vision.d_model);
    let x = net.append_class(x, "vision_tower.class_embedding");
    let n_positions = vision.patches_per_side().pow(2) + 1;
    let x = net.add_position(x, "vision_tower.positional_embedding_vlm", n_positions, TilePosition::InOrder);
    let mut x = net.layer_norm(x, "vision_tower.layernorm_pre", vision.norm_eps);
    for i in 0..vision.n_layers {
        let layer = &mut net.scope(format!("vision_tower.model.layers.{i}"));
        x = blocks::tower_layer(layer, x, vision, &LAYER, |net, [q, k, v], heads: TileAttention| {
            let (q, k) = (net.tile_rope(q, rope, heads.head_dim), net.tile_rope(k, rope, heads.head_dim));
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
    Ok(Tower {
        network: net.finish_tower(embeddings, features)?,
        patch_size: vision.patch_size,
        tile_size: vision.tile_size,
        any_tile_size: false,
        merge_side: vision.merge_side,
    })
}

/// Of half a head, for its columns and again for its rows (`Llama4VisionRotaryEmbedding`).
fn frequencies(vision: &VisionParams) -> Result<RopeSpec, ModelError> {
    let half = vision.head_dim() / 2;
    let theta = vision.rope_theta()?;
    let frequency = |i: usize| 1.0 / theta.powf((2 * i) as f32 / half as f32);
    let inv_freq = (0..half / 2).map(frequency).collect();
    Ok(RopeSpec { inv_freq, extended: None, attention_factor: 1.0, layout: RopeLayout::Interleaved })
}
