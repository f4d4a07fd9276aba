//! The vision half of Idefics3, SmolVLM and SmolVLM2: a SigLIP tower whose positions are fractional, pixel shuffle, and one
//! linear map. Source: transformers modeling_idefics3.py, modeling_smolvlm.py, configuration_idefics3.py,
//! configuration_smolvlm.py; llama.cpp's gguf-py/gguf/tensor_mapping.py.

use plimsoll_graph::{Builder, Coordinates, PixelOrder, TilePosition};
use serde_json::json;

use super::{Name, Standing, StoredAs, TowerArch, Wrapper, joined, siglip};
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
    stored: &[(siglip::PATCHES, StoredAs::Kernel)],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: None,
    tensors: &TENSORS,
    layers: siglip::LAYERS,
    behind_layers: None,
    fixed: None,
    facts: |_, _| Ok(()),
    build,
};

const WRAPPER: Wrapper =
    Wrapper { text_keys: || json!({ "rms_norm_eps": 1e-5 }), ..Wrapper::around("idefics3", "llama") };

const TENSORS: [Name; 9] =
    joined(siglip::TENSORS, [("mm.model.fc.weight", "connector.modality_projection.proj.weight")]);

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let mut net = Builder::tower();
    let by = TilePosition::Fractional { side: vision.patches_per_side(), by: Coordinates::Stepped };
    let x = siglip::encoded(&mut net, vision, by);
    let x = net.merge_patches(x, vision.merge_side);
    let embeddings = net.linear(x, "connector.modality_projection.proj", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Any)
}
