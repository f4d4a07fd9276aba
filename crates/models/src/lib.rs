//! What a model is, whichever files it comes in: a [`Checkpoint`] with its hyperparameters and its weights under canonical
//! names, and the [`Network`] that computes with them.
//!
//! A folder in Hugging Face's layout, a `.gguf` and files embedded in the binary all become the same. The differences
//! between formats end in this crate: names are mapped, fused matrices become row views, GGUF's rotary row order and
//! shifted norms are recorded on the tensor.
//!
//! An architecture is one file in `arch/`, which names it, says how its files spell it and writes its network down. To add
//! one: that file and a word in the list of `arch/mod.rs`. Nothing outside `arch/` tells architectures apart. How a network
//! is computed is not known here.
#![forbid(unsafe_code)]

mod arch;
mod blocks;
mod checkpoint;
pub mod config;
pub mod export;
mod mamba;
mod mixture;
mod mlx;
mod mxfp4;
mod names;
mod rope;
pub mod spelling;
mod vision;
mod weights;

pub use arch::Standing;
pub use arch::{Arch, TokenizerClass, TowerArch};
pub use checkpoint::{Checkpoint, Format};
pub use config::{Activation, Biases, Hyperparams, LayerKind, Rope, RopeScaling, VisionParams};
pub use vision::{Mmproj, Vision};
pub use weights::{EMBEDDING, Weights};

use plimsoll_formats::HyperparamError;
use plimsoll_graph::{Builder, Network, ShapeError, ValueId};

/// A vision tower with its connector: from the patches of tiles to embeddings as wide as the text model's.
#[derive(Debug)]
pub struct TowerNetwork {
    /// Its outputs are the embeddings `(features, d_model)` and what the reference calls the features.
    pub network: Network,
    /// Edge of a patch, in pixels.
    pub patch_size: usize,
    /// Which tiles are understood.
    pub tiles: TileSizes,
    /// Patches along the edge of the square that becomes one feature.
    pub merge_side: usize,
}

impl TowerNetwork {
    /// Ends in the embeddings and in what the reference calls the features.
    fn ending_in(
        net: Builder,
        [embeddings, features]: [ValueId; 2],
        vision: &VisionParams,
        tiles: TileSizes,
    ) -> Result<TowerNetwork, ModelError> {
        let VisionParams { patch_size, merge_side, .. } = *vision;
        Ok(TowerNetwork { network: net.finish_tower(embeddings, features)?, patch_size, tiles, merge_side })
    }
}

/// Sizes of tiles that a tower understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSizes {
    /// Squares of one size: its positions are for no others.
    Only {
        /// Their edge, in pixels.
        edge: usize,
    },
    /// Rectangles up to as many patches along an edge as there are positions for.
    UpTo {
        /// How many.
        patches: usize,
    },
    /// All.
    Any,
}

/// Why a checkpoint makes no network.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A hyperparameter is missing or has a value that is not understood.
    #[error(transparent)]
    Hyperparam(#[from] HyperparamError),
    /// Hyperparameters contradict each other.
    #[error("hyperparameters contradict each other at {0}")]
    Shape(#[from] ShapeError),
    /// The layer count of the configuration cannot be true.
    #[error("{checkpoint}: {n_layers} layers are declared, but the file holds {n_tensors} tensors in all")]
    TooManyLayers {
        /// The file or folder.
        checkpoint: String,
        /// Declared layers.
        n_layers: usize,
        /// Tensors present.
        n_tensors: usize,
    },
}

/// The text network of a checkpoint.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn network(checkpoint: &Checkpoint) -> Result<Network, ModelError> {
    let hp = &checkpoint.hyperparams;
    // Of graphs nothing is known but their length.
    let n_tensors = match checkpoint.format {
        Format::Onnx => checkpoint.file_bytes() as usize,
        _ => checkpoint.tensors().count(),
    };
    if hp.n_layers > n_tensors {
        // Refused before a network is built that a forged count would make gigabytes large.
        return Err(ModelError::TooManyLayers { checkpoint: checkpoint.display(), n_layers: hp.n_layers, n_tensors });
    }
    from_hyperparams(hp)
}

/// The text network that hyperparameters describe, whichever weights there are.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn from_hyperparams(hp: &Hyperparams) -> Result<Network, ModelError> {
    (hp.arch.build)(hp)
}

/// The vision tower of a checkpoint.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn tower(vision: &Vision) -> Result<TowerNetwork, ModelError> {
    let (n_layers, n_tensors) = (vision.params.n_layers, vision.weights.iter().count());
    if n_layers > n_tensors {
        return Err(ModelError::TooManyLayers { checkpoint: vision.params.file().to_owned(), n_layers, n_tensors });
    }
    tower_from_params(&vision.params)
}

/// The vision tower that hyperparameters describe, whichever weights there are.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn tower_from_params(params: &VisionParams) -> Result<TowerNetwork, ModelError> {
    (params.arch.build)(params)
}
