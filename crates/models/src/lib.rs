//! One file for each architecture: it names itself, reads its hyperparameters and writes its
//! [`Network`] down. Nothing outside `arch/` tells architectures apart.
//!
//! To add one: a file in `arch/` and a word in the list below.
#![forbid(unsafe_code)]

mod blocks;
mod rope;

use plimsoll_formats::{Checkpoint, HyperparamError, Hyperparams};
use plimsoll_graph::{Network, ShapeError};

/// How an architecture names itself in files, and how its network is built.
pub struct Arch {
    /// `model_type` values of config.json.
    pub hf: &'static [&'static str],
    /// `general.architecture` of GGUF.
    pub gguf: &'static str,
    /// Writes the text network down.
    pub build: fn(&Hyperparams) -> Result<Network, ModelError>,
}

macro_rules! architectures {
    ($($name:ident)*) => {
        mod arch { $(pub(crate) mod $name;)* }
        /// Every architecture that is understood.
        pub const ARCHITECTURES: &[Arch] = &[$(arch::$name::ARCH),*];
    };
}

architectures! { llama smollm3 qwen2 qwen3 phi3 gemma3 llama4 }

/// Why a checkpoint makes no network.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Nobody has written this architecture down yet.
    #[error("{checkpoint}: architecture `{found}` is not known; known are {}", known().join(", "))]
    UnknownArchitecture {
        /// The file or folder.
        checkpoint: String,
        /// `model_type` or `general.architecture` in it.
        found: String,
    },
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

/// The names that [`network`] knows, as config.json and GGUF spell them.
pub fn known() -> Vec<&'static str> {
    let mut names: Vec<_> = ARCHITECTURES.iter().flat_map(|arch| arch.hf.iter().copied().chain([arch.gguf])).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The text network of a checkpoint.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn network(checkpoint: &Checkpoint) -> Result<Network, ModelError> {
    let hp = &checkpoint.hyperparams;
    let n_tensors = checkpoint.tensors().count();
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
    let found = hp.arch.as_str();
    let is_it = |arch: &&Arch| arch.hf.contains(&found) || arch.gguf == found;
    let Some(arch) = ARCHITECTURES.iter().find(is_it) else {
        return Err(ModelError::UnknownArchitecture { checkpoint: hp.file().to_owned(), found: found.to_owned() });
    };
    (arch.build)(hp)
}
