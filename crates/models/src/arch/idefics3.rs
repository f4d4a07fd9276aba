//! The vision half of Idefics3, SmolVLM and SmolVLM2: a SigLIP tower whose positions are fractional, pixel shuffle, and one
//! linear map. Source: transformers modeling_idefics3.py, modeling_smolvlm.py.

use plimsoll_formats::VisionParams;
use plimsoll_graph::{Builder, TileAttention, TilePosition};

use crate::blocks::{self, TowerLayer};
use crate::{ModelError, Tower, TowerArch};

pub const TOWER: TowerArch = TowerArch { name: "idefics3", build };

const LAYER: TowerLayer =
    TowerLayer { attention_norm: "layer_norm1", mlp_norm: "layer_norm2", output: "self_attn.out_proj" };

fn build(vision: &VisionParams) -> Result<Tower, ModelError> {
    let mut net = Builder::tower();
    let x = net.patches(vision.patch_values());
    let x = net.linear_bias(x, "vision_tower.embeddings.patch_embedding", vision.d_model);
    let side = vision.patches_per_side();
    let table = "vision_tower.embeddings.position_embedding.weight";
    let mut x = net.add_position(x, table, side * side, TilePosition::Fractional { side });
    for i in 0..vision.n_layers {
        let layer = &mut net.scope(format!("vision_tower.encoder.layers.{i}"));
        x = blocks::tower_layer(layer, x, vision, &LAYER, |net, [q, k, v], heads: TileAttention| {
            net.tile_attention(q, k, v, heads)
        });
    }
    let x = net.layer_norm(x, "vision_tower.post_layernorm", vision.norm_eps);
    let x = net.merge_patches(x, vision.merge_side);
    let embeddings = net.linear(x, "connector.modality_projection.proj", vision.text_width);
    Ok(Tower {
        network: net.finish_tower(embeddings, embeddings)?,
        patch_size: vision.patch_size,
        tile_size: vision.tile_size,
        any_tile_size: true,
        merge_side: vision.merge_side,
    })
}
