//! The vision encoder of a model: pixels in, embeddings for its text model out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use plimsoll_kernels::Isa;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, TileBatch, Tower};
use plimsoll_vision::{Cut, FrameSampling, Medium, Picture, Processor, Sources, Tiles, Video, VisionError};
use sha2::{Digest, Sha256};

use super::cache::{EmbeddingCache, Embeddings};
use super::processor::processor;
use super::{EncodedImage, ImageInput, ImagePrompts, VisionEncoderError};
use crate::tokenizer::Tokenizer;

/// Edge of the picture that is tried when a tower is loaded, in pixels.
const SQUARE: usize = 512;

/// A model's tower with what its checkpoint says of preparing images and of prompts, and the embeddings of the last images.
pub struct VisionEncoder {
    model: String,
    tower: Tower,
    processor: Processor,
    /// What it was read from, where that is settings files.
    sources: Option<Sources>,
    prompts: ImagePrompts,
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
        let (processor, sources) = processor(checkpoint, vision)?;
        let tower = Tower::load(vision, isa, threads, arithmetic)?;
        let (patch, feature) = (tower.patch_size(), tower.patch_size() * tower.merge_side());
        for (what, said, seen) in [("patches", processor.patch(), patch), ("features", processor.feature(), feature)] {
            if let Some(said) = said.filter(|said| *said != seen) {
                return Err(VisionEncoderError::Processor { model, what, said, seen });
            }
        }
        let prompts = ImagePrompts::new(checkpoint, vision, &processor, &tower, tokenizer)?;
        let encoder = VisionEncoder { model, tower, processor, sources, prompts, cache: EmbeddingCache::default() };
        // What does not fit together is told before there is a picture; a square fits every processor.
        encoder.check(&encoder.processor.cut(SQUARE, SQUARE)?)?;
        Ok(encoder)
    }

    /// How images are prepared.
    pub fn processor(&self) -> &Processor {
        &self.processor
    }

    /// Has pictures prepared by these settings beside those of the checkpoint's files, or by those alone.
    ///
    /// # Errors
    /// They cannot be honoured, or an mmproj says how pictures are prepared.
    pub fn set_options(
        &mut self,
        options: Option<&serde_json::Map<String, serde_json::Value>>,
    ) -> Result<(), VisionError> {
        match &mut self.sources {
            Some(sources) if sources.options.as_ref() != options => {
                sources.options = options.cloned();
                self.processor = Processor::from_sources(sources)?;
                self.cache = EmbeddingCache::default();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The network of the encoder.
    pub fn tower(&mut self) -> &mut Tower {
        &mut self.tower
    }

    /// What stands in prompts for images.
    pub fn prompts(&self) -> &ImagePrompts {
        &self.prompts
    }

    /// Whether the tower understands the tiles of a picture that is cut so.
    fn check(&self, cut: &Cut) -> Result<(), VisionEncoderError> {
        let understood = cut.tiles.iter().try_for_each(|size| self.tower.features(*size).map(drop));
        understood.map_err(|source| VisionEncoderError::Tiles { model: self.model.clone(), source })
    }

    /// Values of the embeddings of a picture that is cut so.
    pub fn embedding_values(&self, cut: &Cut) -> usize {
        let features = self.prompts.strings().features(cut);
        features.iter().map(|(rows, cols)| rows * cols).sum::<usize>() * self.tower.given_width()
    }

    /// The text that stands in a prompt for an image or a video, which is told from its size alone.
    ///
    /// # Errors
    /// The model takes no videos.
    pub fn prompt_text(&self, image: &ImageInput) -> Result<String, VisionEncoderError> {
        let medium = match image {
            ImageInput::Picture(picture) => Medium::Picture(self.processor.cut(picture.width(), picture.height())?),
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
                let cut = self.processor.cut(picture.width(), picture.height())?;
                let (embeddings, cached) = self.embeddings(hash, |processor| processor.picture(picture))?;
                let n_tiles = cut.tiles.len();
                Ok(EncodedImage { medium: Medium::Picture(cut), n_tiles, embeddings, cached })
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
                let n_tiles = tiles.sizes.len();
                let (embeddings, cached) = self.embeddings(hash, |_| Ok(tiles))?;
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
            ImageInput::Picture(picture) => Ok(self.processor.picture(picture)?),
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
            .ok_or_else(|| VisionError::NoVideo("its pictures are read here, its videos are not".to_owned()))?;
        Ok(video.sample(sampling.unwrap_or(usual)))
    }

    /// The embeddings of `tiles`, whose pixels have this hash, and whether they were in the cache.
    fn embeddings(
        &mut self,
        hash: Sha256,
        tiles: impl FnOnce(&Processor) -> Result<Tiles, VisionError>,
    ) -> Result<(Arc<Embeddings>, bool), VisionEncoderError> {
        let hash = hash.finalize().into();
        if let Some(embeddings) = self.cache.get(&hash) {
            return Ok((embeddings, true));
        }
        let tiles = tiles(&self.processor)?;
        let batch = TileBatch { pixels: &tiles.pixels, sizes: &tiles.sizes };
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
