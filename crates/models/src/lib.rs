//! One file for each architecture: it names itself, reads its hyperparameters and writes its
//! [`Network`] down. Nothing outside `arch/` tells architectures apart.
//!
//! To add one: a file in `arch/`, a word in the list below, and its names and tables in `plimsoll_formats`
//! (CONTRIBUTING.md lists them).
#![forbid(unsafe_code)]

mod blocks;
mod rope;

use plimsoll_formats::{Checkpoint, HyperparamError, Hyperparams};
use plimsoll_graph::{Network, ShapeError};

/// An architecture and how its network is built.
struct Arch {
    /// Its [`plimsoll_formats::ArchId::family`].
    name: &'static str,
    /// Writes the text network down.
    build: fn(&Hyperparams) -> Result<Network, ModelError>,
}

macro_rules! architectures {
    ($($name:ident)*) => {
        mod arch { $(pub(crate) mod $name;)* }
        /// Every architecture that is understood.
        const ARCHITECTURES: &[Arch] = &[$(arch::$name::ARCH),*];
    };
}

architectures! { llama smollm3 qwen2 qwen3 phi3 gemma3 llama4 }

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

#[cfg(test)]
mod tests {
    use plimsoll_formats::{ArchId, known_architectures};

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
}
