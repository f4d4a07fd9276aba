//! A vision tower as an mmproj GGUF has it. Source: llama.cpp's gguf-py/gguf/constants.py, conversion/base.py (`MmprojModel`),
//! conversion/smolvlm.py, conversion/llama4.py.

use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor, NewValue};
use plimsoll_formats::{FileBytes, FormatError};
use plimsoll_kernels::{Activation, DType};

use super::keys::whole;
use super::{ExportError, Exported, same_rope};
use crate::config::{self, VisionParams};
use crate::{Checkpoint, spelling, tower_from_params};

/// The keys of a tower, `general.architecture` first, but for those of what is done with pixels before it sees them.
pub fn tower_keys(vision: &VisionParams) -> Vec<(String, NewValue)> {
    let mut keys: Vec<(String, NewValue)> = vec![
        ("general.architecture".to_owned(), "clip".into()),
        ("general.type".to_owned(), "mmproj".into()),
        ("clip.has_vision_encoder".to_owned(), true.into()),
        ("clip.projector_type".to_owned(), vision.arch.name.into()),
    ];
    let sizes = [
        ("projection_dim", vision.text_width),
        ("image_size", vision.tile_size),
        ("patch_size", vision.patch_size),
        ("embedding_length", vision.d_model),
        ("feed_forward_length", vision.d_ff),
        ("block_count", vision.n_layers),
        ("attention.head_count", vision.n_heads),
        ("projector.scale_factor", vision.merge_side),
    ];
    keys.extend(sizes.map(|(key, size)| (format!("clip.vision.{key}"), whole(size))));
    keys.push(("clip.vision.attention.layer_norm_epsilon".to_owned(), vision.norm_eps.into()));
    let activation = if vision.activation == Activation::Silu { "clip.use_silu" } else { "clip.use_gelu" };
    keys.push((activation.to_owned(), true.into()));
    keys
}

/// Refuses a tower of which nothing is written here.
///
/// # Errors
/// [`ExportError::UnwrittenTower`].
pub fn require_written(vision: &VisionParams) -> Result<(), ExportError> {
    let refused = |what| ExportError::UnwrittenTower { file: vision.file().to_owned(), tower: vision.arch.name, what };
    vision.arch.unwritten().map_or(Ok(()), |what| Err(refused(what)))
}

/// The weights of a checkpoint's own tower, as its mmproj has them.
///
/// # Errors
/// It makes no network, the checkpoint lacks one of its weights, or [`ExportError::Unsaid`] by what would be read back as
/// another network from `keys`.
pub fn of_tower(
    checkpoint: &Checkpoint,
    vision: &VisionParams,
    keys: &[(String, NewValue)],
) -> Result<Vec<Exported>, ExportError> {
    require_written(vision)?;
    let network = tower_from_params(vision)?.network;
    let exported = spelling::tower_in_mmproj(&network, vision).into_iter().map(|stored| {
        let part = |name: &String| checkpoint.require_shape(name, &stored.shape).cloned();
        let parts = stored.parts.iter().map(part).collect::<Result<_, _>>()?;
        Ok(Exported { name: stored.name, shape: stored.shape, parts, layout: stored.layout })
    });
    let exported = exported.collect::<Result<Vec<_>, FormatError>>()?;
    check(vision, keys, &exported)?;
    Ok(exported)
}

fn check(vision: &VisionParams, keys: &[(String, NewValue)], tensors: &[Exported]) -> Result<(), ExportError> {
    let file = stub(vision.file(), keys, tensors)?;
    let read = config::from_mmproj(&file, vision.arch, vision.text_width).map_err(FormatError::from)?;
    let (before, after) = (tower_from_params(vision)?.network, tower_from_params(&read)?.network);
    let differs = match () {
        () if before.ropes.len() != after.ropes.len() || !before.ropes.iter().zip(&after.ropes).all(same_rope) => {
            "this rotary embedding"
        }
        () if before.weights != after.weights => "these weights",
        () if before.nodes != after.nodes || before.outputs != after.outputs => "these layers or their activation",
        () => return Ok(()),
    };
    Err(ExportError::Unsaid { file: vision.file().to_owned(), arch: vision.arch.name, what: differs })
}

/// A file with these keys, in which every tensor has its rows, of a value each.
fn stub(name: &str, keys: &[(String, NewValue)], tensors: &[Exported]) -> Result<GgufFile, FormatError> {
    let narrow = |tensor: &Exported| NewTensor {
        name: tensor.name.clone(),
        dtype: DType::F32,
        shape: vec![tensor.shape.first().copied().unwrap_or(1), 1],
    };
    let table: Vec<NewTensor> = tensors.iter().map(narrow).collect();
    let mut writer = GgufWriter::new(Vec::new(), name, keys, &table)?;
    for tensor in &table {
        writer.write(&vec![0; 4 * tensor.shape[0]])?;
    }
    GgufFile::parse(FileBytes::owned(name, writer.finish()?))
}
