//! Images and videos: as they are handed in, as they are encoded, and as tokens of a prompt.

use std::sync::Arc;

use plimsoll_vision::{FrameSampling, Medium, Picture, Video};

use super::cache::{Embeddings, ImageHash};

/// An image or a video to be encoded.
#[derive(Debug, Clone)]
pub enum ImageInput {
    /// A picture.
    Picture(Picture),
    /// A video.
    Video {
        /// Where its frames come from.
        video: Video,
        /// Which of them are encoded, if not those that the model's settings choose.
        sampling: Option<FrameSampling>,
        /// Pixels that a frame may have.
        max_pixels: u64,
    },
}

/// An image or a video as the text model gets it: embeddings for its image tokens.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    pub(super) medium: Medium,
    pub(super) embeddings: Arc<Embeddings>,
    /// Tiles that the encoder was given.
    pub n_tiles: usize,
    /// Whether its embeddings were in the cache.
    pub cached: bool,
}

impl EncodedImage {
    /// The part that stands for it in the content of a message, for the chat template.
    pub fn part(&self) -> serde_json::Value {
        let kind = if self.is_video() { "video" } else { "image" };
        serde_json::json!({ "type": kind })
    }

    pub(super) fn is_video(&self) -> bool {
        matches!(self.medium, Medium::Video { .. })
    }

    /// Features that it has, each `width` wide.
    pub(super) fn n_features(&self, width: usize) -> usize {
        self.embeddings.rows.len() / width
    }
}

/// Identifies an image token beyond its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageToken {
    pub(super) image: ImageHash,
    /// Index of its feature among those of the image.
    pub(super) feature: usize,
}

/// The id of a prompt's token, and which feature it stands for if it is an image token. The key-value cache is reused only
/// where both are the same.
pub(crate) type PromptToken = (u32, Option<ImageToken>);

/// Tokens to continue, and the images in them.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// Token ids.
    pub ids: &'a [u32],
    /// What the image tokens stand for, in order.
    pub images: &'a [EncodedImage],
}

impl<'a> From<&'a [u32]> for Prompt<'a> {
    fn from(ids: &'a [u32]) -> Self {
        Prompt { ids, images: &[] }
    }
}

impl<'a> From<&'a Vec<u32>> for Prompt<'a> {
    fn from(ids: &'a Vec<u32>) -> Self {
        Prompt { ids, images: &[] }
    }
}
