//! The vision half of Gemma 4: patches that find their positions by column and by row, in a table for each, turned by both,
//! norms on both sides of each half as in the text, and squares of patches averaged. Source: transformers
//! modeling_gemma4.py, configuration_gemma4.py; llama.cpp's conversion/gemma.py (`Gemma4VisionAudioModel`), clip.cpp.

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, HyperparamError};
use plimsoll_graph::{
    Builder, PixelOrder, RopeLayout, TileAttention, TileAxis, TilePosition, TileRope, ValueId,
};
use serde_json::json;

use super::{Standing, StoredAs, TowerArch, Wrapper};
use crate::blocks;
use crate::config::{VisionParams, tiles_of_any_size};
use crate::{ModelError, TileSizes, TowerNetwork};

pub(crate) const TOWER: TowerArch = TowerArch {
    name: "gemma4v",
    has_mmproj: true,
    wrappers: &[Wrapper { tied: true, ..Wrapper::around("gemma4", "gemma4_text") }],
    spelled: &[("pooling_kernel_size", "scale_factor"), ("rms_norm_eps", "layer_norm_eps")],
    outer: &[],
    settle: tiles_of_any_size,
    defaults: || {
        json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 16, "num_attention_heads": 12,
            "num_key_value_heads": 12, "head_dim": 64, "num_channels": 3, "patch_size": 16, "scale_factor": 3,
            "hidden_activation": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "rope_theta": 100.0,
            "position_embedding_size": 10240, "use_clipped_linears": false, "standardize": false,
            "image_token_id": 258880,
        })
    },
    parts: &[("model.vision_tower.", "vision_tower."), ("model.embed_vision.", "embed_vision.")],
    text: &[("model.language_model.", "model.")],
    mlx: &[],
    stored: &[(TABLES, StoredAs::Tables(2))],
    pixels: PixelOrder::ChannelsLast,
    standing: Standing::InOrder,
    unwritten: Some("pictures of any shape"),
    tensors: &[
        ("v.patch_embd.weight", "vision_tower.patch_embedder.input_proj.weight"),
        ("v.position_embd.weight", TABLES),
        ("v.std_bias", "vision_tower.std_bias"),
        ("v.std_scale", "vision_tower.std_scale"),
        ("mm.input_projection.weight", "embed_vision.embedding_projection.weight"),
        ("attn_q.weight", "self_attn.q_proj.linear.weight"),
        ("attn_k.weight", "self_attn.k_proj.linear.weight"),
        ("attn_v.weight", "self_attn.v_proj.linear.weight"),
        ("attn_out.weight", "self_attn.o_proj.linear.weight"),
        ("ffn_gate.weight", "mlp.gate_proj.linear.weight"),
        ("ffn_up.weight", "mlp.up_proj.linear.weight"),
        ("ffn_down.weight", "mlp.down_proj.linear.weight"),
        // With their bounds, whose kinds stand behind.
        ("attn_out", "self_attn.o_proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("ln1", "input_layernorm"),
        ("attn_post_norm", "post_attention_layernorm"),
        ("ln2", "pre_feedforward_layernorm"),
        ("ffn_post_norm", "post_feedforward_layernorm"),
    ],
    layers: "vision_tower.encoder.layers",
    behind_layers: None,
    fixed: None,
    facts,
    build,
};

const TABLES: &str = "vision_tower.patch_embedder.position_embedding_table";
/// Whether linear maps have bounds, and whether features are set off and scaled.
const CLIPPED: &str = "use_clipped_linears";
const STANDARDIZED: &str = "standardize";

/// What llama.cpp has in its code, or tells by the tensors that there are.
fn facts(file: &GgufFile, keys: &mut ConfigMap) -> Result<(), HyperparamError> {
    let tensor = |name: &str| file.tensors().iter().find(|tensor| tensor.name == name);
    for (key, name) in [(CLIPPED, "v.blk.0.attn_q.input_max"), (STANDARDIZED, "v.std_scale")] {
        keys.insert_as(key, name, tensor(name).is_some());
    }
    let table = "v.position_embd.weight";
    let positions = tensor(table).and_then(|tensor| tensor.shape.iter().rev().nth(1).copied());
    keys.insert_as("position_embedding_size", table, positions);
    let square = file.uint("clip.vision.projector.scale_factor")?.unwrap_or(3);
    keys.insert_as("scale_factor", "clip.vision.projector.scale_factor", square);
    keys.insert_as("hidden_act", "general.architecture", "gelu_pytorch_tanh");
    keys.insert_as("rope_theta", "general.architecture", 100.0);
    Ok(())
}

fn build(vision: &VisionParams) -> Result<TowerNetwork, ModelError> {
    let positions = vision.size("position_embedding_size")?;
    let clipped = vision.flag(CLIPPED)?;
    let mut net = Builder::tower();
    let turn = blocks::axial_rope(&mut net, vision, [TileAxis::Column, TileAxis::Row], RopeLayout::Halves)?;
    let turn = TileRope { parts: 2, ..turn };
    let x = net.patches(vision.patch_values(), vision.pixels);
    let x = net.scale(x, 2.0);
    let x = net.shift(x, -1.0);
    let x = net.linear(x, "vision_tower.patch_embedder.input_proj", vision.d_model);
    let mut x = net.add_position(x, TABLES, 2 * positions, TilePosition::ByAxis { positions });
    for i in 0..vision.n_layers {
        x = layer(&mut net, i, x, vision, &turn, clipped);
    }
    let x = net.pool_patches(x, vision.merge_side);
    let mut x = net.scale(x, (vision.d_model as f32).sqrt());
    if vision.flag(STANDARDIZED)? {
        x = net.unbias(x, "vision_tower.std_bias");
        x = net.scope("vision_tower").scale_heads(x, "std_scale", 1);
    }
    let x = net.rms_norm_groups(x, None, vision.d_model, vision.norm_eps, 0.0);
    let embeddings = net.linear(x, "embed_vision.embedding_projection", vision.text_width);
    TowerNetwork::ending_in(net, [embeddings, embeddings], vision, TileSizes::UpTo { patches: positions })
}

fn layer(net: &mut Builder, i: usize, x: ValueId, vision: &VisionParams, turn: &TileRope, clipped: bool) -> ValueId {
    let at = format!("{}.{i}", TOWER.layers);
    let VisionParams { n_heads, n_kv_heads, head_dim, d_model, d_ff, norm_eps, .. } = *vision;
    let norm = |net: &mut Builder, x, name: &str, group| {
        net.rms_norm_groups(x, Some(&format!("{at}.{name}.weight")), group, norm_eps, 0.0)
    };
    let linear =
        |net: &mut Builder, x, name: &str, out| clipped_linear(net, x, &format!("{at}.{name}"), out, clipped);
    let h = norm(net, x, "input_layernorm", d_model);
    let [q, k] = [("q", n_heads), ("k", n_kv_heads)].map(|(part, heads)| {
        let x = linear(net, h, &format!("self_attn.{part}_proj"), heads * head_dim);
        let x = norm(net, x, &format!("self_attn.{part}_norm"), head_dim);
        net.tile_rope(x, turn.clone())
    });
    let v = linear(net, h, "self_attn.v_proj", n_kv_heads * head_dim);
    let v = net.rms_norm_groups(v, None, head_dim, norm_eps, 0.0);
    let a = net.tile_attention(q, k, v, TileAttention { scale: 1.0, ..vision.heads() });
    let a = linear(net, a, "self_attn.o_proj", d_model);
    let a = norm(net, a, "post_attention_layernorm", d_model);
    let x = net.add(x, a);
    let h = norm(net, x, "pre_feedforward_layernorm", d_model);
    let [gate, up] = ["gate", "up"].map(|part| linear(net, h, &format!("mlp.{part}_proj"), d_ff));
    let h = net.gated(gate, up, vision.activation);
    let h = linear(net, h, "mlp.down_proj", d_model);
    let h = norm(net, h, "post_feedforward_layernorm", d_model);
    net.add(x, h)
}

/// A linear map whose operand and result are kept within bounds that are stored with it, if they are.
fn clipped_linear(net: &mut Builder, x: ValueId, name: &str, out: usize, clipped: bool) -> ValueId {
    let within = |net: &mut Builder, x, side: &str| match clipped {
        true => net.clamp_to(x, &format!("{name}.{side}_min"), &format!("{name}.{side}_max")),
        false => x,
    };
    let x = within(net, x, "input");
    let x = net.linear(x, &format!("{name}.linear"), out);
    within(net, x, "output")
}
