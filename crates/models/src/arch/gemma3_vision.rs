//! The vision half of Gemma 3: a SigLIP tower for tiles of one size, the mean of every square of patches, a norm whose gain is
//! stored less one, and one linear map. Source: transformers modeling_gemma3.py, configuration_gemma3.py; llama.cpp's
//! conversion/gemma.py (`Gemma3VisionModel`), tools/mtmd/models/siglip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{Builder, PixelOrder, TilePosition};
use serde_json::json;

use super::{Name, Standing, StoredAs, TowerArch, Wrapper, joined, siglip};
use crate::config::{VisionParams, edge};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "gemma3",
    has_mmproj: true,
    wrappers: &[Wrapper { tied: true, ..Wrapper::around("gemma3", "gemma3_text") }],
    spelled: &[],
    outer: &[TOKENS],
    settle,
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "num_channels": 3, "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6, "mm_tokens_per_image": 256, "image_token_id": 262144,
        })
    },
    parts: &[
        ("vision_tower.vision_model.", "vision_tower."),
        ("multi_modal_projector.mm_input_projection_weight", "multi_modal_projector.mm_input_projection.weight"),
        ("multi_modal_projector.", "multi_modal_projector."),
        ("model.multi_modal_projector.mm_input_projection_weight", "multi_modal_projector.mm_input_projection.weight"),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    text: &[("language_model.model.", "model."), ("language_model.lm_head.", "lm_head.")],
    mlx: &[],
    stored: &[
        siglip::HEAD,
        (siglip::PATCHES, StoredAs::Kernel),
        ("multi_modal_projector.mm_input_projection.weight", StoredAs::Turned),
        ("multi_modal_projector.mm_soft_emb_norm.weight", StoredAs::Shifted(GAIN)),
    ],
    pixels: PixelOrder::ChannelsFirst,
    standing: Standing::InOrder,
    unwritten: Some("means of patches"),
    tensors: &TENSORS,
    layers: siglip::LAYERS,
    behind_layers: None,
    fixed: None,
    facts,
    build,
};

const TENSORS: [Name; 10] = joined(
    siglip::TENSORS,
    [
        ("mm.input_projection.weight", "multi_modal_projector.mm_input_projection.weight"),
        ("mm.soft_emb_norm.weight", "multi_modal_projector.mm_soft_emb_norm.weight"),
    ],
);

/// The gain is stored as its distance from one.
const GAIN: f32 = 1.0;

/// How many tokens a picture becomes.
const TOKENS: &str = "mm_tokens_per_image";

/// The edge of the squares that a mean is taken of. An mmproj says that itself.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let Some(tokens) = config.usize(TOKENS)? else { return Ok(()) };
    let patches = edge(config, "image_size")? / edge(config, "patch_size")?;
    let side = tokens.isqrt();
    if tokens == 0 || side * side != tokens || !patches.is_multiple_of(side) || patches == 0 {
        let expected = format!("the square of a divisor of the {patches} patches along an edge");
        return Err(config.error(TOKENS, expected));
    }
    config.insert_as("scale_factor", TOKENS, patches / side);
    Ok(())
}

/// Squares of 4 by 4 the converter leaves out.
fn facts(_: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    if keys.get("scale_factor").is_none() {
        keys.insert_as("scale_factor", "clip.vision.projector.scale_factor", 4);
    }
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let mut net = Builder::tower();
    let x = siglip::encoded(&mut net, vision, TilePosition::InOrder);
    let x = net.pool_patches(x, vision.merge_side);
    let norm = Some("multi_modal_projector.mm_soft_emb_norm.weight");
    let x = net.rms_norm_groups(x, norm, vision.d_model, vision.norm_eps, GAIN);
    let embeddings = net.linear(x, "multi_modal_projector.mm_input_projection", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::Only { edge: vision.tile_size })
}
