//! Why a model makes no folder of MLX.

use plimsoll_formats::{FormatError, HyperparamError};
use plimsoll_models::ModelError;
use plimsoll_models::export::ExportError;

/// Why a model makes no folder of MLX.
#[derive(Debug, thiserror::Error)]
pub enum MlxError {
    /// It makes no network, or lacks weights.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// It makes no network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A key cannot be honoured.
    #[error(transparent)]
    Key(#[from] HyperparamError),
    /// Weights that were quantised before, and would be once more.
    #[error("{0}")]
    Quantised(FormatError),
    /// Weights whose values no group of MLX can have.
    #[error("{0}")]
    Inexact(FormatError),
    /// The settings that are to go along are another model's.
    #[error("`{config}` describes another model than `{model}`: they differ in {what}")]
    OtherConfig {
        /// The config.json.
        config: String,
        /// The weights.
        model: String,
        /// What is not the same.
        what: &'static str,
    },
    /// Whoever asked wants no more of it.
    #[error("stopped; nothing was written")]
    Stopped,
}
