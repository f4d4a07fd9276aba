//! What towers have in common that are SigLIP's: patches, learned positions, layers with biases and a norm behind them.
//! Source: transformers modeling_siglip.py, modeling_siglip2.py, configuration_siglip.py; llama.cpp's
//! gguf-py/gguf/tensor_mapping.py.

use plimsoll_graph::{Builder, TilePosition, ValueId};

use super::{Name, StoredAs};
use crate::blocks::{self, TowerLayer};
use crate::config::VisionParams;

/// What the numbers of its layers stand behind.
pub(super) const LAYERS: &str = "vision_tower.encoder.layers";

/// The weight that cuts patches.
pub(super) const PATCHES: &str = "vision_tower.embeddings.patch_embedding.weight";

/// Its pooling head, which some files have and no connector reads.
pub(super) const HEAD: (&str, StoredAs) = ("vision_tower.head.", StoredAs::Spare);

/// Its names in mmproj files.
pub(super) const TENSORS: [Name; 8] = [
    ("v.patch_embd.weight", PATCHES),
    ("v.patch_embd.bias", "vision_tower.embeddings.patch_embedding.bias"),
    ("v.position_embd.weight", "vision_tower.embeddings.position_embedding.weight"),
    ("v.post_ln.weight", "vision_tower.post_layernorm.weight"),
    ("v.post_ln.bias", "vision_tower.post_layernorm.bias"),
    ("attn_out", "self_attn.out_proj"),
    ("ln1", "layer_norm1"),
    ("ln2", "layer_norm2"),
];

/// The parts of a layer.
pub(super) const LAYER: TowerLayer =
    TowerLayer { attention_norm: "layer_norm1", mlp_norm: "layer_norm2", output: "self_attn.out_proj" };

/// Patches through all of it, `(patches, d_model)`; the table has a square of positions.
pub(super) fn encoded(net: &mut Builder, vision: &VisionParams, by: TilePosition) -> ValueId {
    encoded_with(net, vision, by, |_, _, x| x)
}

/// The same where something is done with the rows behind a layer.
pub(super) fn encoded_with(
    net: &mut Builder,
    vision: &VisionParams,
    by: TilePosition,
    after: impl Fn(&mut Builder, usize, ValueId) -> ValueId,
) -> ValueId {
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear_bias(x, "vision_tower.embeddings.patch_embedding", vision.d_model);
    let n_positions = vision.patches_per_side().pow(2);
    let mut x = net.add_position(x, "vision_tower.embeddings.position_embedding.weight", n_positions, by);
    for i in 0..vision.n_layers {
        let layer = &mut net.scope(format!("{LAYERS}.{i}"));
        x = blocks::tower_layer(layer, x, vision, &LAYER, |net, [q, k, v], heads| net.tile_attention(q, k, v, heads));
        x = after(net, i, x);
    }
    net.layer_norm(x, "vision_tower.post_layernorm", vision.norm_eps)
}
