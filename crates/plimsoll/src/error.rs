use plimsoll_engine::SessionError;
use plimsoll_formats::{FormatError, Unusable};
use plimsoll_models::ModelError;
use plimsoll_runtime::LoadError;
use plimsoll_vision::VisionError;

/// Why a model could not be used. Messages name the file, tensor or key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files are damaged, incomplete, or not those of a model.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The network is not understood.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Weights are missing or do not fit the network.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model cannot be loaded, or not do what it was asked.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] VisionError),
    /// The maker draws tokens in a way that cannot be honoured. Give a sampling of your own: [`Chat::new`].
    ///
    /// [`Chat::new`]: crate::Chat::new
    #[error("{}", .0.what)]
    Sampling(Unusable),
}
