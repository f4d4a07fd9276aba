//! Whether a GGUF says all that a checkpoint does: what would be read of it makes the same network.

use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor, NewValue};
use plimsoll_graph::{Network, RopeSpec};
use plimsoll_kernels::DType;

use super::{ExportError, Exported};
use crate::config::{self, Hyperparams};
use crate::weights;

/// Refuses what would be read back as another network: `keys` are the metadata, `factors` the tensors that divide rotary
/// frequencies. Nothing of the weights is read.
///
/// # Errors
/// [`ExportError::Unsaid`] by what differs, or why nothing can be read back.
pub fn check(
    hp: &Hyperparams,
    keys: &[(String, NewValue)],
    factors: &[(&'static str, Vec<f32>)],
    tensors: &[Exported],
) -> Result<(), ExportError> {
    let (before, after) = (crate::from_hyperparams(hp)?, read_back(hp, keys, factors, tensors)?);
    match difference(&before, &after) {
        None => Ok(()),
        Some(what) => Err(ExportError::Unsaid { file: hp.file().to_owned(), arch: hp.arch.name, what }),
    }
}

/// What differs in two networks, if anything does.
pub fn difference(before: &Network, after: &Network) -> Option<&'static str> {
    Some(match () {
        () if before.ropes.len() != after.ropes.len() || !before.ropes.iter().zip(&after.ropes).all(same_rope) => {
            "this rotary embedding"
        }
        () if before.weights != after.weights => "these weights",
        () if before.caches != after.caches || before.vocab_size != after.vocab_size => "these sizes",
        () if before.nodes != after.nodes || before.outputs != after.outputs => {
            "these layers (which of them see a window, rotate or have experts, or what they add and multiply)"
        }
        () => return None,
    })
}

/// The network of a file with these keys and the names of these tensors, a value each.
fn read_back(
    hp: &Hyperparams,
    keys: &[(String, NewValue)],
    factors: &[(&'static str, Vec<f32>)],
    tensors: &[Exported],
) -> Result<Network, ExportError> {
    let single = |name: &str, len: usize| NewTensor { name: name.to_owned(), dtype: DType::F32, shape: vec![len] };
    let mut table: Vec<NewTensor> = factors.iter().map(|(name, values)| single(name, values.len())).collect();
    table.extend(tensors.iter().map(|tensor| single(&tensor.name, 1)));
    let mut writer = GgufWriter::new(Vec::new(), hp.file(), keys, &table)?;
    for value in factors.iter().flat_map(|(_, values)| values) {
        writer.write(&value.to_le_bytes())?;
    }
    for _ in tensors {
        writer.write(&0f32.to_le_bytes())?;
    }
    let file = GgufFile::parse(FileBytes::owned(hp.file(), writer.finish()?))?;
    let facts = weights::gguf_facts(std::slice::from_ref(&file), hp.arch)?;
    let read = config::from_gguf(&file, hp.arch, &facts).map_err(plimsoll_formats::FormatError::from)?;
    Ok(crate::from_hyperparams(&read)?)
}

/// Frequencies that are computed in another order differ in their last bits.
pub(super) fn same_rope((a, b): (&RopeSpec, &RopeSpec)) -> bool {
    let close = |a: &[f32], b: &[f32]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(b.abs()))
    };
    let extended = match (&a.extended, &b.extended) {
        (None, None) => true,
        (Some(a), Some(b)) => a.beyond == b.beyond && close(&a.inv_freq, &b.inv_freq),
        _ => false,
    };
    a.layout == b.layout
        && extended
        && close(&a.inv_freq, &b.inv_freq)
        && close(&[a.attention_factor], &[b.attention_factor])
}
