//! The vision encoder of a model: pixels in, embeddings for its text model out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use plimsoll_kernels::Isa;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, TileBatch, Tower};
use plimsoll_vision::{FrameSampling, Medium, Picture, Processor, Tiles, Video, VisionError};
use sha2::{Digest, Sha256};

use super::cache::{EmbeddingCache, Embeddings};
use super::processor::processor;
use super::{EncodedImage, ImageInput, ImagePrompts, VisionEncoderError};
use crate::tokenizer::Tokenizer;

/// A model's tower with what its checkpoint says of preparing images and of prompts, and the embeddings of the last images.
pub struct VisionEncoder {
    model: String,
    tower: Tower,
    processor: Processor,
    prompts: ImagePrompts,
    d_model: usize,
    cache: EmbeddingCache,
}

impl VisionEncoder {
    /// Opens the vision encoder of a checkpoint: its own, or that of `mmproj`, else of the one mmproj file beside it.
    ///
    /// # Errors
    /// It has none, or something of it cannot be used.
    pub fn open(
        checkpoint: &Checkpoint,
        tokenizer: &Tokenizer,
        mmproj: Option<&Path>,
        isa: Isa,
        threads: NonZeroUsize,
        arithmetic: Arithmetic,
    ) -> Result<VisionEncoder, VisionEncoderError> {
        match Vision::of(checkpoint, mmproj)? {
            Some(vision) => VisionEncoder::load(checkpoint, &vision, tokenizer, isa, threads, arithmetic),
            None => Err(VisionEncoderError::TextOnly { model: checkpoint.display() }),
        }
    }

    /// Loads the vision encoder that was opened for a checkpoint.
    ///
    /// # Errors
    /// Something of it cannot be used.
    pub fn load(
        checkpoint: &Checkpoint,
        vision: &Vision,
        tokenizer: &Tokenizer,
        isa: Isa,
        threads: NonZeroUsize,
        arithmetic: Arithmetic,
    ) -> Result<VisionEncoder, VisionEncoderError> {
        let model = checkpoint.display();
        let processor = processor(checkpoint, vision)?;
        let tower = Tower::load(vision, isa, threads, arithmetic)?;
        let features = tower
            .features_per_tile(processor.tile_size().0)
            .map_err(|source| VisionEncoderError::Tiles { model: model.clone(), source })?;
        let prompts = ImagePrompts::new(checkpoint, vision, &processor, features, tokenizer)?;
        let d_model = checkpoint.hyperparams.d_model;
        Ok(VisionEncoder { model, tower, processor, prompts, d_model, cache: EmbeddingCache::default() })
    }

    /// How images are prepared.
    pub fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The network of the encoder.
    pub fn tower(&mut self) -> &mut Tower {
        &mut self.tower
    }

    /// What stands in prompts for images.
    pub fn prompts(&self) -> &ImagePrompts {
        &self.prompts
    }

    /// Values of the embeddings of so many tiles.
    pub fn embedding_values(&self, n_tiles: usize) -> usize {
        let features = self.tower.features_per_tile(self.processor.tile_size().0).unwrap_or(0); // checked when loaded
        n_tiles * features * self.d_model
    }

    /// The text that stands in a prompt for an image or a video, which is told from its size alone.
    ///
    /// # Errors
    /// The model takes no videos.
    pub fn prompt_text(&self, image: &ImageInput) -> Result<String, VisionEncoderError> {
        let medium = match image {
            ImageInput::Picture(picture) => Medium::Picture(self.processor.grid(picture.width(), picture.height())),
            ImageInput::Video { video, sampling, .. } => video.medium(&self.sampled(video, *sampling)?),
        };
        Ok(self.prompts.strings().medium(&medium))
    }

    /// Prepares and encodes an image or a video, unless its embeddings are in the cache.
    ///
    /// # Errors
    /// The frames of a video cannot be read, or the model takes no videos.
    pub fn encode(&mut self, image: &ImageInput) -> Result<EncodedImage, VisionEncoderError> {
        // A picture is cut otherwise than the one frame of a video that has its pixels.
        let mut hash = Sha256::new_with_prefix(match image {
            ImageInput::Picture(_) => b"picture",
            ImageInput::Video { .. } => b"video  ",
        });
        match image {
            ImageInput::Picture(picture) => {
                hash_picture(picture, &mut hash);
                let grid = self.processor.grid(picture.width(), picture.height());
                let (embeddings, cached) = self.embeddings(hash, |processor| processor.picture(picture))?;
                Ok(EncodedImage { medium: Medium::Picture(grid), n_tiles: grid.n_tiles(), embeddings, cached })
            }
            ImageInput::Video { video, sampling, max_pixels } => {
                let indices = self.sampled(video, *sampling)?;
                let frames = video.frames(&indices, *max_pixels)?;
                let frames = frames.inspect(|frame| {
                    if let Ok(frame) = frame {
                        hash_picture(frame, &mut hash);
                    }
                });
                let tiles = self.processor.video(frames)?;
                let n_tiles = tiles.n;
                let (embeddings, cached) = self.embeddings(hash, |_| tiles)?;
                Ok(EncodedImage { medium: video.medium(&indices), n_tiles, embeddings, cached })
            }
        }
    }

    /// The tiles of an image or a video, as the tower is given them.
    ///
    /// # Errors
    /// As [`VisionEncoder::encode`].
    pub fn tiles(&self, image: &ImageInput) -> Result<Tiles, VisionEncoderError> {
        match image {
            ImageInput::Picture(picture) => Ok(self.processor.picture(picture)),
            ImageInput::Video { video, sampling, max_pixels } => {
                let frames = video.frames(&self.sampled(video, *sampling)?, *max_pixels)?;
                Ok(self.processor.video(frames)?)
            }
        }
    }

    /// The frames of a video that are encoded.
    fn sampled(&self, video: &Video, sampling: Option<FrameSampling>) -> Result<Vec<usize>, VisionEncoderError> {
        let usual = self
            .processor
            .sampling()
            .ok_or_else(|| VisionError::NoVideo("its settings describe no video processor".to_owned()))?;
        Ok(video.sample(sampling.unwrap_or(usual)))
    }

    /// The embeddings of `tiles`, whose pixels have this hash, and whether they were in the cache.
    fn embeddings(
        &mut self,
        hash: Sha256,
        tiles: impl FnOnce(&Processor) -> Tiles,
    ) -> Result<(Arc<Embeddings>, bool), VisionEncoderError> {
        let hash = hash.finalize().into();
        if let Some(embeddings) = self.cache.get(&hash) {
            return Ok((embeddings, true));
        }
        let tiles = tiles(&self.processor);
        let batch = TileBatch { pixels: &tiles.pixels, edge: tiles.height };
        let refuse = |source| VisionEncoderError::Tiles { model: self.model.clone(), source };
        let embeddings = Arc::new(Embeddings { hash, rows: self.tower.encode(&batch).map_err(refuse)? });
        self.cache.insert(embeddings.clone());
        Ok((embeddings, false))
    }
}

fn hash_picture(picture: &Picture, hash: &mut Sha256) {
    hash.update((picture.width() as u64).to_le_bytes());
    hash.update((picture.height() as u64).to_le_bytes());
    hash.update(picture.pixels());
}
