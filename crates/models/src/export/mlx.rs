//! A model as a folder of MLX has it: Hugging Face's names with fused matrices as published, experts as stacks of matrices,
//! and of towers that MLX has with their text models the kernels with channels last.

use plimsoll_formats::FormatError;
use plimsoll_graph::{Network, WeightKind};

use super::{ExportError, Exported, exported};
use crate::spelling::{self, Stored};
use crate::{Checkpoint, Hyperparams, RopeScaling, Vision, Weights};

/// A tensor of a folder of MLX that is to be.
#[derive(Debug, Clone)]
pub struct MlxTensor {
    /// It.
    pub tensor: Exported,
    /// Whether it is the matrix of a module that MLX quantises: not a vector, and nothing of a tower.
    pub quantises: bool,
}

impl MlxTensor {
    /// The module that it is the weight of.
    pub fn module(&self) -> &str {
        let name = &self.tensor.name;
        name.strip_suffix(".weight").unwrap_or(name)
    }
}

/// The tensors of a checkpoint and of its tower, where MLX has that: see [`writes_tower`].
///
/// # Errors
/// The checkpoint makes no network, or lacks one of its weights.
pub fn tensors(checkpoint: &Checkpoint, vision: Option<&Vision>) -> Result<Vec<MlxTensor>, ExportError> {
    let hp = &checkpoint.hyperparams;
    if !hp.arch.writes_mlx {
        return Err(ExportError::NoMlx { file: hp.file().to_owned(), arch: hp.arch_name });
    }
    let network = crate::network(checkpoint)?;
    let stored = spelling::in_mlx(&network, &checkpoint.hyperparams);
    let mut tensors = gathered(stored, &network, checkpoint.weights(), |_| true)?;
    if let Some(vision) = vision.filter(|vision| writes_tower(vision)) {
        let network = crate::tower(vision)?.network;
        let stored = spelling::tower_in_mlx(&network, &vision.params);
        tensors.extend(gathered(stored, &network, &vision.weights, |part| !part.starts_with("vision_tower."))?);
    }
    Ok(tensors)
}

/// What a model asks for that mlx-lm leaves out or computes otherwise, if anything: its folder is right, and read by others.
pub fn lacks(hp: &Hyperparams) -> Option<&'static str> {
    if let RopeScaling::Yarn { factor, truncate, attention_factor, .. } = hp.rope.scaling {
        let own = 0.1 * factor.ln() + 1.0;
        if !truncate || (attention_factor - own).abs() > 1e-6 * own {
            return Some("how its rotary embedding is scaled");
        }
    }
    (hp.arch.mlx_lacks)(hp)
}

/// Whether folders of MLX hold this tower beside the text model.
pub fn writes_tower(vision: &Vision) -> bool {
    !vision.params.arch.mlx.is_empty()
}

fn gathered(
    stored: Vec<Stored>,
    network: &Network,
    weights: &Weights,
    quantises: impl Fn(&str) -> bool,
) -> Result<Vec<MlxTensor>, FormatError> {
    let is_matrix = |part: &str| {
        let decl = network.weights.iter().find(|weight| weight.name == part);
        decl.is_some_and(|decl| matches!(decl.kind, WeightKind::Matrix | WeightKind::Experts))
    };
    let tensor = |stored: Stored| {
        let quantises = stored.parts.first().is_some_and(|part| is_matrix(part) && quantises(part));
        Ok(MlxTensor { quantises, tensor: exported(stored, network, weights)? })
    };
    stored.into_iter().map(tensor).collect()
}
