//! Why a model is not written as ONNX.

use std::path::{Path, PathBuf};

use plimsoll_formats::FormatError;
use plimsoll_kernels::DType;
use plimsoll_models::ModelError;
use plimsoll_quantise::EncodeError;

/// Why a model is not written as ONNX.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// An operation of the network that has no rule here.
    #[error("node {node} of the network, {op}, has no rule for ONNX: {why}")]
    Unsupported {
        /// Which of the network's nodes, from 0.
        node: usize,
        /// The operation's name.
        op: &'static str,
        /// What stands against it.
        why: &'static str,
    },
    /// A model that sees, and whose text does not begin with an embedding.
    #[error("the network has no embedding that pictures could stand in for")]
    NoEmbedding,
    /// Nothing tells what the model is.
    #[error("`{folder}` has no config.json, which goes along with the graphs")]
    NoSettings {
        /// Where it was looked for.
        folder: String,
    },
    /// A weight that is missing or has another shape.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The files make no network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Quantised weights that the target has no blocks for.
    #[error("tensor `{tensor}` is stored as {dtype}, which cannot be written as {target}")]
    Blocks {
        /// It.
        tensor: String,
        /// How it is stored.
        dtype: DType,
        /// What was asked for.
        target: &'static str,
    },
    /// A value that the new type cannot hold.
    #[error("tensor `{tensor}`, row {row}: {error}")]
    Value {
        /// It.
        tensor: String,
        /// Which row, from 0.
        row: usize,
        /// Why.
        error: EncodeError,
    },
    /// It was told to stop.
    #[error("stopped; nothing was written")]
    Stopped,
    /// A file that cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// It.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl OnnxError {
    pub(crate) fn write(path: &Path) -> impl Fn(std::io::Error) -> OnnxError + '_ {
        move |error| OnnxError::Write { path: path.to_owned(), error }
    }
}
