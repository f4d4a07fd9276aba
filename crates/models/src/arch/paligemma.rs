//! The vision half of PaliGemma 1 and 2: a SigLIP tower for tiles of one size and one linear map. The tokens of its text model's
//! prompt see each other, pictures or not. Source: transformers modeling_paligemma.py, configuration_paligemma.py,
//! configuration_siglip.py.

use plimsoll_graph::{Builder, PixelOrder, TilePosition};
use serde_json::json;

use super::{Standing, StoredAs, TowerArch, Wrapper, gemma, siglip};
use crate::config::VisionParams;
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "paligemma",
    has_mmproj: false,
    wrappers: &[Wrapper {
        tied: true,
        text_keys: || {
            json!({
                "hidden_size": 2048, "num_hidden_layers": 18, "intermediate_size": 16384, "num_attention_heads": 8,
                "num_key_value_heads": 1, "vocab_size": 257152,
            })
        },
        settle: |_, text| {
            gemma::see_prompt(text);
            Ok(())
        },
        ..Wrapper::around("paligemma", "gemma")
    }],
    spelled: &[],
    outer: &[],
    settle: |config| {
        // A picture's features are those of its patches.
        config.insert_as("scale_factor", "scale_factor", 1);
        Ok(())
    },
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "num_channels": 3, "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6, "image_token_id": 256000,
        })
    },
    parts: &[
        ("vision_tower.vision_model.", "vision_tower."),
        ("multi_modal_projector.", "multi_modal_projector."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("language_model.model.", "model."), ("language_model.lm_head.", "lm_head.")],
    mlx: &[],
    stored: &[siglip::HEAD, (siglip::PATCHES, StoredAs::Kernel)],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: Some("prompts whose tokens see each other"),
    tensors: &[],
    layers: siglip::LAYERS,
    behind_layers: None,
    fixed: None,
    facts: |_, _| Ok(()),
    build,
};

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let mut net = Builder::tower();
    let x = siglip::encoded(&mut net, vision, TilePosition::InOrder);
    let embeddings = net.linear_bias(x, "multi_modal_projector.linear", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Only { edge: vision.tile_size })
}
