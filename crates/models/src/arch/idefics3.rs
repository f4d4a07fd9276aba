//! The vision half of Idefics3, SmolVLM and SmolVLM2: a SigLIP tower whose positions are fractional, pixel shuffle, and one
//! linear map. Source: transformers modeling_idefics3.py, modeling_smolvlm.py, configuration_idefics3.py,
//! configuration_smolvlm.py; llama.cpp's gguf-py/gguf/tensor_mapping.py.

use plimsoll_graph::{Builder, Coordinates, PixelOrder, TileAttention, TilePosition};
use serde_json::json;

use super::{Standing, StoredAs, TowerArch, Wrapper};
use crate::blocks::{self, TowerLayer};
use crate::config::VisionParams;
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "idefics3",
    has_mmproj: true,
    wrappers: &[WRAPPER, Wrapper { model_type: "smolvlm", ..WRAPPER }],
    spelled: &[],
    outer: &["scale_factor"],
    settle: |_| Ok(()),
    defaults: || {
        json!({
            "hidden_size": 1152, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 16,
            "num_channels": 3, "image_size": 224, "patch_size": 32, "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6, "scale_factor": 2, "image_token_id": 128257,
        })
    },
    parts: &[
        ("model.vision_model.", "vision_tower."),
        ("model.connector.", "connector."),
        ("vision_model.", "vision_tower."),
        ("connector.", "connector."),
    ],
    text: &[("model.text_model.", "model."), ("language_model.", "model.")],
    // mlx-vlm's mlx_vlm/models/idefics3/idefics3.py, `sanitize`.
    mlx: &[
        ("language_model.lm_head.", "lm_head."),
        ("language_model.", "model."),
        ("vision_model.", "vision_tower."),
        ("connector.", "connector."),
    ],
    stored: &[("vision_tower.embeddings.patch_embedding.weight", StoredAs::Kernel)],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: None,
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.embeddings.patch_embedding.weight"),
        ("v.patch_embd.bias", "vision_tower.embeddings.patch_embedding.bias"),
        ("v.position_embd.weight", "vision_tower.embeddings.position_embedding.weight"),
        ("v.post_ln.weight", "vision_tower.post_layernorm.weight"),
        ("v.post_ln.bias", "vision_tower.post_layernorm.bias"),
        ("mm.model.fc.weight", "connector.modality_projection.proj.weight"),
        ("attn_out", "self_attn.out_proj"),
        ("ln1", "layer_norm1"),
        ("ln2", "layer_norm2"),
    ],
    layers: "vision_tower.encoder.layers",
    fixed: None,
    facts: |_, _| Ok(()),
    build,
};

const WRAPPER: Wrapper =
    Wrapper { text_keys: || json!({ "rms_norm_eps": 1e-5 }), ..Wrapper::around("idefics3", "llama") };

const LAYER: TowerLayer =
    TowerLayer { attention_norm: "layer_norm1", mlp_norm: "layer_norm2", output: "self_attn.out_proj" };

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let mut net = Builder::tower();
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.linear_bias(x, "vision_tower.embeddings.patch_embedding", vision.d_model);
    let side = vision.patches_per_side();
    let table = "vision_tower.embeddings.position_embedding.weight";
    let mut x = net.add_position(x, table, side * side, TilePosition::Fractional { side, by: Coordinates::Stepped });
    for i in 0..vision.n_layers {
        let layer = &mut net.scope(format!("{}.{i}", TOWER.layers));
        x = blocks::tower_layer(layer, x, vision, &LAYER, |net, [q, k, v], heads: TileAttention| {
            net.tile_attention(q, k, v, heads)
        });
    }
    let x = net.layer_norm(x, "vision_tower.post_layernorm", vision.norm_eps);
    let x = net.merge_patches(x, vision.merge_side);
    let embeddings = net.linear(x, "connector.modality_projection.proj", vision.text_width);
    Ok(TowerNetwork {
        network: net.finish_tower(embeddings, embeddings)?,
        patch_size: vision.patch_size,
        tiles: TileSizes::Any,
        merge_side: vision.merge_side,
    })
}
