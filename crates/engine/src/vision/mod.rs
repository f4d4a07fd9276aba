//! The vision side of a session: images and videos encoded as embeddings, and the tokens of a prompt that they stand for.

mod cache;
mod encoder;
mod image;
mod processor;
mod prompt;

use plimsoll_formats::FormatError;
use plimsoll_runtime::{LoadError, TileBatchError};
use plimsoll_vision::VisionError;

use crate::control_text::ControlTextError;
use crate::template::TemplateError;
use crate::tokenizer::TokenizerError;

pub use encoder::VisionEncoder;
pub(crate) use image::PromptToken;
pub use image::{EncodedImage, ImageInput, Prompt};
pub use processor::mmproj_parameters;
pub use prompt::ImagePrompts;

/// Why a model cannot be shown something.
#[derive(Debug, thiserror::Error)]
pub enum VisionEncoderError {
    /// The model has no vision encoder.
    #[error("`{model}` reads text only: it has no vision tower, and no mmproj file lies beside it")]
    TextOnly {
        /// The model.
        model: String,
    },
    /// The encoder's files cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The encoder cannot be made executable.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An image or video, or the settings of how it is cut.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The settings cut images into tiles that the encoder does not understand.
    #[error("`{model}`: {source}")]
    Tiles {
        /// The model.
        model: String,
        /// What does not fit.
        source: TileBatchError,
    },
    /// The settings of the image processor are those of another tower.
    #[error(
        "`{model}`: the settings of its image processor are for {what} of {said} x {said} pixels, its tower has {what} of {seen} x {seen}"
    )]
    Processor {
        /// The model.
        model: String,
        /// Patches, or what becomes a feature.
        what: &'static str,
        /// Their edge by the settings, in pixels.
        said: usize,
        /// Their edge in the tower, in pixels.
        seen: usize,
    },
    /// The tokenizer does not know the image token.
    #[error("`{model}`: `{token}`, in whose place image features stand, is no token of its tokenizer")]
    NoImageToken {
        /// The model.
        model: String,
        /// The token's text.
        token: String,
    },
    /// A prompt has not as many image tokens as its images have features.
    #[error("the prompt has {tokens} places for image features, and what it shows has {features} of them")]
    ImageTokens {
        /// Image tokens of the prompt.
        tokens: usize,
        /// Features of its images.
        features: usize,
    },
    /// The image token cannot be looked for.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The placeholders cannot be guarded.
    #[error(transparent)]
    ControlTexts(#[from] ControlTextError),
    /// The template refuses the conversation, or that for videos cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
}
