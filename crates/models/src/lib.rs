//! One file for each architecture: it names itself, reads its hyperparameters and writes its
//! [`Network`] down. Nothing outside `arch/` tells architectures apart.
//!
//! To add one: a file in `arch/`, a word in the list below, and its names and tables in `plimsoll_formats`
//! (CONTRIBUTING.md lists them).
#![forbid(unsafe_code)]

mod blocks;
mod rope;

use plimsoll_formats::{Checkpoint, HyperparamError, Hyperparams, Vision, VisionParams};
use plimsoll_graph::{Network, ShapeError};

/// An architecture and how its network is built.
struct Arch {
    /// Its [`plimsoll_formats::ArchId::family`].
    name: &'static str,
    /// Writes the text network down.
    build: fn(&Hyperparams) -> Result<Network, ModelError>,
}

/// An architecture of vision towers.
struct TowerArch {
    /// Its [`VisionParams::family`].
    name: &'static str,
    /// Writes the tower down.
    build: fn(&VisionParams) -> Result<Tower, ModelError>,
}

macro_rules! architectures {
    ($($name:ident)*; towers $($tower:ident)*) => {
        mod arch { $(pub(crate) mod $name;)* $(pub(crate) mod $tower;)* }
        /// Every architecture that is understood.
        const ARCHITECTURES: &[Arch] = &[$(arch::$name::ARCH),*];
        /// Every architecture of vision towers that is understood.
        const TOWERS: &[TowerArch] = &[$(arch::$tower::TOWER),*];
    };
}

architectures! { llama smollm3 qwen2 qwen3 phi3 gemma3 llama4; towers idefics3 llama4_vision }

/// A vision tower with its connector: from the patches of tiles to embeddings as wide as the text model's.
#[derive(Debug)]
pub struct Tower {
    /// Its outputs are the embeddings `(features, d_model)` and what the reference calls the features.
    pub network: Network,
    /// Edge of a patch. [pixels]
    pub patch_size: usize,
    /// Edge of the tiles it was trained on. [pixels]
    pub tile_size: usize,
    /// Whether tiles of other sizes are understood too.
    pub any_tile_size: bool,
    /// Patches along the edge of the square that becomes one feature.
    pub merge_side: usize,
}

/// Why a checkpoint makes no network.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Files of this architecture are read, but nobody has written its network down yet.
    #[error("`{checkpoint}` declares the architecture `{found}`; known are {}", written_down())]
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

/// The architectures whose networks are written down, for messages.
fn written_down() -> String {
    let mut names: Vec<String> = ARCHITECTURES.iter().map(|arch| format!("`{}`", arch.name)).collect();
    names.sort_unstable();
    names.join(", ")
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
    let Some(arch) = ARCHITECTURES.iter().find(|arch| hp.arch.family() == Some(arch.name)) else {
        return Err(ModelError::UnknownArchitecture { checkpoint: hp.file().to_owned(), found: hp.arch.to_string() });
    };
    (arch.build)(hp)
}

/// The vision tower of a checkpoint.
///
/// # Errors
/// [`ModelError`], which names what is not understood.
pub fn tower(vision: &Vision) -> Result<Tower, ModelError> {
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
pub fn tower_from_params(params: &VisionParams) -> Result<Tower, ModelError> {
    let Some(arch) = TOWERS.iter().find(|arch| arch.name == params.family) else {
        let (checkpoint, found) = (params.file().to_owned(), params.family.to_owned());
        return Err(ModelError::UnknownArchitecture { checkpoint, found });
    };
    (arch.build)(params)
}

#[cfg(test)]
mod tests {
    use plimsoll_formats::{ArchId, known_architectures, known_towers};

    use super::*;

    #[test]
    fn every_architecture_whose_files_are_read_has_a_network_and_the_other_way_round() {
        let mut read: Vec<&str> =
            known_architectures().iter().map(|name| ArchId((*name).to_owned()).family().unwrap()).collect();
        let mut written: Vec<&str> = ARCHITECTURES.iter().map(|arch| arch.name).collect();
        read.sort_unstable();
        read.dedup();
        written.sort_unstable();
        assert_eq!(read, written);
    }

    #[test]
    fn every_tower_whose_files_are_read_is_written_down_and_the_other_way_round() {
        assert_eq!(known_towers(), TOWERS.iter().map(|arch| arch.name).collect::<Vec<_>>());
    }
}
