//! What a model sees: pictures and videos as places in its prompt, and the embeddings that stand there.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use plimsoll_formats::FormatError;
use plimsoll_formats::gguf::GgufFile;
use plimsoll_kernels::Isa;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, Given, LoadError, Tiles as Pixels, TilesError, Tower};
use plimsoll_vision::{
    ImageStrings, Medium, MmprojParameters, Picture, Processor, Sampling, SourceFile, Sources, Tiles, Video,
    VisionError,
};
use sha2::{Digest, Sha256};

use crate::control_text::{ControlTextError, ControlTexts, GuardedText};
use crate::template::{ChatTemplate, TemplateError, TemplateRequest};
use crate::tokenizer::{Special, Tokenizer, TokenizerError};

/// Pictures whose embeddings are kept, so that a second question about one does not pass it through the tower again.
const REMEMBERED: usize = 16;

/// Why a model cannot be shown something.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// The model has no vision tower.
    #[error("`{model}` reads text only: it has no vision tower, and no mmproj file lies beside it")]
    Blind {
        /// The model.
        model: String,
    },
    /// The tower's files cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The tower cannot be made executable.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A picture or video, or the settings of how it is cut.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The settings cut pictures into tiles that the tower does not understand.
    #[error("`{model}`: {source}")]
    Tiles {
        /// The model.
        model: String,
        /// What does not fit.
        source: TilesError,
    },
    /// The tokenizer does not know the token in whose place features stand.
    #[error("`{model}`: `{token}`, in whose place image features stand, is no token of its tokenizer")]
    NoToken {
        /// The model.
        model: String,
        /// The token's text.
        token: String,
    },
    /// A prompt has not as many places as its pictures have features.
    #[error("the prompt has {places} places for image features, and what it shows has {features} of them")]
    Places {
        /// Tokens in whose place features stand.
        places: usize,
        /// Features of what is shown.
        features: usize,
    },
    /// The token cannot be looked for.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The placeholders cannot be guarded.
    #[error(transparent)]
    ControlTexts(#[from] ControlTextError),
    /// The template refuses the conversation, or that for videos cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Something to be looked at.
#[derive(Debug, Clone)]
pub enum Shown {
    /// A picture.
    Picture(Picture),
    /// A video.
    Video {
        /// Where its frames come from.
        video: Video,
        /// Which of them are looked at, if not those that the model's settings choose.
        sampling: Option<Sampling>,
        /// Pixels that a frame may have.
        max_pixels: u64,
    },
}

/// Something that was looked at.
#[derive(Debug, Clone)]
pub struct Seen {
    medium: Medium,
    embeddings: Arc<Embeddings>,
    /// Tiles that the tower was given.
    pub n_tiles: usize,
    /// Whether its embeddings were still remembered.
    pub remembered: bool,
}

#[derive(Debug)]
struct Embeddings {
    /// Of the pixels.
    hash: [u8; 32],
    /// `(n_tiles * features_per_tile, d_model)`
    rows: Vec<f32>,
}

impl Seen {
    /// What the message that shows it holds of it, for the chat template.
    pub fn part(&self) -> serde_json::Value {
        let kind = if self.is_video() { "video" } else { "image" };
        serde_json::json!({ "type": kind })
    }

    fn is_video(&self) -> bool {
        matches!(self.medium, Medium::Video { .. })
    }
}

/// What of a prompt's token is not told by its id: of which pixels it is the embedding, and the how-manyth.
pub(crate) type Look = Option<([u8; 32], usize)>;

/// Tokens to continue, and what is shown in them.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// Token ids.
    pub ids: &'a [u32],
    /// What stands at the places for image features, in order.
    pub seen: &'a [Seen],
}

impl<'a> From<&'a [u32]> for Prompt<'a> {
    fn from(ids: &'a [u32]) -> Self {
        Prompt { ids, seen: &[] }
    }
}

impl<'a> From<&'a Vec<u32>> for Prompt<'a> {
    fn from(ids: &'a Vec<u32>) -> Self {
        Prompt { ids, seen: &[] }
    }
}

/// A model's tower with what its checkpoint says of preparing pictures and of prompts.
pub struct Sight {
    model: String,
    tower: Tower,
    processor: Processor,
    strings: ImageStrings,
    /// Control tokens and placeholders: what a request may not bring into the prompt.
    controls: ControlTexts,
    /// The token in whose place features stand.
    place: u32,
    d_model: usize,
    /// Least recently used first.
    remembered: Vec<Arc<Embeddings>>,
}

impl Sight {
    /// Opens what the checkpoint sees with: its own tower, or that of `mmproj`, else of the one mmproj file beside it.
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
    ) -> Result<Sight, SightError> {
        let model = checkpoint.display();
        let Some(vision) = Vision::of(checkpoint, mmproj)? else { return Err(SightError::Blind { model }) };
        let processor = processor(checkpoint, &vision)?;
        let tower = Tower::load(&vision, isa, threads, arithmetic)?;
        let features = tower
            .features_per_tile(processor.tile_size().0)
            .map_err(|source| SightError::Tiles { model: model.clone(), source })?;
        let strings = ImageStrings::new(&processor, features);
        let place = place(&model, &vision, &strings, tokenizer)?;
        let controls = tokenizer.controls().with(strings.placeholders())?;
        let d_model = checkpoint.hyperparams.d_model;
        Ok(Sight { model, tower, processor, strings, controls, place, d_model, remembered: Vec::new() })
    }

    /// How pictures are prepared.
    pub fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The tower.
    pub fn tower(&mut self) -> &mut Tower {
        &mut self.tower
    }

    /// Values of the embeddings of so many tiles.
    pub fn embedding_values(&self, n_tiles: usize) -> usize {
        let features = self.tower.features_per_tile(self.processor.tile_size().0).unwrap_or(0); // checked when opened
        n_tiles * features * self.d_model
    }

    /// What stands in a prompt for a picture.
    pub fn strings(&self) -> &ImageStrings {
        &self.strings
    }

    /// The token in whose place features stand.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// What stands in a prompt for it, which is told from its size alone.
    ///
    /// # Errors
    /// The model takes no videos.
    pub fn written(&self, shown: &Shown) -> Result<String, SightError> {
        let medium = match shown {
            Shown::Picture(picture) => Medium::Picture(self.processor.grid(picture.width(), picture.height())),
            Shown::Video { video, sampling, .. } => video.medium(&self.sampled(video, *sampling)?),
        };
        Ok(self.strings.medium(&medium))
    }

    /// Prepares and encodes a picture or a video, unless its embeddings are remembered.
    ///
    /// # Errors
    /// The frames of a video cannot be read, or the model takes no videos.
    pub fn look(&mut self, shown: &Shown) -> Result<Seen, SightError> {
        // A picture is cut otherwise than the one frame of a video that has its pixels.
        let mut hash = Sha256::new_with_prefix(match shown {
            Shown::Picture(_) => b"picture",
            Shown::Video { .. } => b"video  ",
        });
        match shown {
            Shown::Picture(picture) => {
                hash_picture(picture, &mut hash);
                let grid = self.processor.grid(picture.width(), picture.height());
                let (embeddings, remembered) = self.embeddings(hash, |processor| processor.picture(picture))?;
                Ok(Seen { medium: Medium::Picture(grid), n_tiles: grid.n_tiles(), embeddings, remembered })
            }
            Shown::Video { video, sampling, max_pixels } => {
                let indices = self.sampled(video, *sampling)?;
                let frames = video.frames(&indices, *max_pixels)?;
                let frames = frames.inspect(|frame| {
                    if let Ok(frame) = frame {
                        hash_picture(frame, &mut hash);
                    }
                });
                let tiles = self.processor.video(frames)?;
                let n_tiles = tiles.n;
                let (embeddings, remembered) = self.embeddings(hash, |_| tiles)?;
                Ok(Seen { medium: video.medium(&indices), n_tiles, embeddings, remembered })
            }
        }
    }

    /// What the tower is given of a picture or a video.
    ///
    /// # Errors
    /// As [`Sight::look`].
    pub fn tiles(&self, shown: &Shown) -> Result<Tiles, SightError> {
        match shown {
            Shown::Picture(picture) => Ok(self.processor.picture(picture)),
            Shown::Video { video, sampling, max_pixels } => {
                let frames = video.frames(&self.sampled(video, *sampling)?, *max_pixels)?;
                Ok(self.processor.video(frames)?)
            }
        }
    }

    /// The frames of a video that are looked at.
    fn sampled(&self, video: &Video, sampling: Option<Sampling>) -> Result<Vec<usize>, SightError> {
        let usual = self
            .processor
            .sampling()
            .ok_or_else(|| VisionError::NoVideo("its settings describe no video processor".to_owned()))?;
        Ok(video.sample(sampling.unwrap_or(usual)))
    }

    /// What the tower makes of `tiles`, whose pixels have this hash, and whether it was still remembered; it is now the most
    /// recently used.
    fn embeddings(
        &mut self,
        hash: Sha256,
        tiles: impl FnOnce(&Processor) -> Tiles,
    ) -> Result<(Arc<Embeddings>, bool), SightError> {
        let hash: [u8; 32] = hash.finalize().into();
        let kept = self.remembered.iter().position(|embeddings| embeddings.hash == hash);
        let embeddings = match kept {
            Some(at) => self.remembered.remove(at),
            None => {
                let tiles = tiles(&self.processor);
                let pixels = Pixels { pixels: &tiles.pixels, edge: tiles.height };
                let refuse = |source| SightError::Tiles { model: self.model.clone(), source };
                Arc::new(Embeddings { hash, rows: self.tower.encode(&pixels).map_err(refuse)? })
            }
        };
        if self.remembered.len() == REMEMBERED {
            self.remembered.remove(0);
        }
        self.remembered.push(embeddings.clone());
        Ok((embeddings, kept.is_some()))
    }

    /// The prompt of a conversation that shows `seen`, in the order of its messages: placeholders that the template
    /// writes become the strings of what is shown, those that messages spell stay text.
    ///
    /// # Errors
    /// The template refuses the conversation, or writes not as many placeholders as there is to show.
    pub fn render(
        &self,
        template: &ChatTemplate,
        request: &TemplateRequest,
        seen: &[Seen],
    ) -> Result<GuardedText, SightError> {
        self.expand(self.render_unexpanded(template, request, seen)?, seen)
    }

    /// Replaces the placeholders of a rendered prompt.
    ///
    /// # Errors
    /// There are not as many as there is to show.
    pub fn expand(&self, rendered: GuardedText, seen: &[Seen]) -> Result<GuardedText, SightError> {
        let media: Vec<Medium> = seen.iter().map(|seen| seen.medium.clone()).collect();
        Ok(rendered.try_map(|text| self.strings.expand(text, &media))?)
    }

    /// [`Sight::render`] before placeholders are replaced.
    ///
    /// # Errors
    /// As [`Sight::render`].
    pub fn render_unexpanded(
        &self,
        template: &ChatTemplate,
        request: &TemplateRequest,
        seen: &[Seen],
    ) -> Result<GuardedText, SightError> {
        // As soon as there is a video, the reference may take a template of the model's class instead of the checkpoint's.
        let for_videos;
        let template = match self.strings.video_chat_template().filter(|_| seen.iter().any(Seen::is_video)) {
            Some(source) => {
                for_videos = template.with_source(source)?;
                &for_videos
            }
            None => template,
        };
        Ok(template.render_guarded(&template.with_expected_content(request), &self.controls)?)
    }

    /// Holds a prompt's places against the features of what it shows.
    ///
    /// # Errors
    /// There are more of the one than of the other.
    pub fn check_places(&self, prompt: Prompt) -> Result<(), SightError> {
        let places = prompt.ids.iter().filter(|id| **id == self.place).count();
        let features = prompt.seen.iter().map(|seen| seen.embeddings.rows.len() / self.d_model).sum();
        // A text may hold the token without a picture, as a tokenizer's test does.
        if prompt.seen.is_empty() || places == features { Ok(()) } else { Err(SightError::Places { places, features }) }
    }

    /// The rows for the places of a prompt.
    pub fn given<'a>(&self, prompt: Prompt<'a>) -> Vec<Given<'a>> {
        let mut places = prompt.ids.iter().enumerate().filter(|(_, id)| **id == self.place).map(|(at, _)| at);
        let given = |seen: &'a Seen| Given::at_places(places.by_ref(), &seen.embeddings.rows, self.d_model);
        prompt.seen.iter().flat_map(given).collect()
    }

    /// What tells tokens with the same ids apart.
    pub(crate) fn looks(&self, prompt: Prompt) -> Vec<Look> {
        let mut rows = prompt.seen.iter().flat_map(|seen| {
            let n = seen.embeddings.rows.len() / self.d_model;
            (0..n).map(|row| (seen.embeddings.hash, row))
        });
        prompt.ids.iter().map(|id| if *id == self.place { rows.next() } else { None }).collect()
    }
}

/// The token of a model's config, or else the one with the family's text: GGUF files have no key for it.
fn place(model: &str, vision: &Vision, strings: &ImageStrings, tokenizer: &Tokenizer) -> Result<u32, SightError> {
    if let Some(place) = vision.params.image_token {
        return Ok(place);
    }
    let token = strings.feature_token();
    match tokenizer.encode(token, Special::Parse)?[..] {
        [place] => Ok(place),
        _ => Err(SightError::NoToken { model: model.to_owned(), token: token.to_owned() }),
    }
}

/// How the checkpoint has pictures prepared: by the metadata of an mmproj, else by its settings files.
fn processor(checkpoint: &Checkpoint, vision: &Vision) -> Result<Processor, SightError> {
    let Some(path) = &vision.mmproj else {
        let read = |name: &str| -> Result<Option<SourceFile>, FormatError> {
            Ok(checkpoint.settings_file(name)?.map(|(file, text)| SourceFile { file, text }))
        };
        let sources = Sources {
            checkpoint: checkpoint.display(),
            model_type: checkpoint.hyperparams.wrapper.clone().unwrap_or_default(),
            processor: read("processor_config.json")?,
            preprocessor: read("preprocessor_config.json")?,
            video_preprocessor: read("video_preprocessor_config.json")?,
        };
        return Ok(Processor::from_sources(&sources)?);
    };
    let file = GgufFile::open(path)?;
    let channels = |key: &str| -> Result<[f64; 3], SightError> {
        match file.f32s(key).map_err(FormatError::from)?.as_deref() {
            Some(&[red, green, blue]) => Ok([red, green, blue].map(f64::from)),
            found => {
                let n = found.map_or(0, <[f32]>::len);
                Err(SightError::Vision(VisionError::Setting {
                    file: file.name().to_owned(),
                    key: key.to_owned(),
                    found: format!("{n} values"),
                    expected: "one for each of 3 colours".to_owned(),
                }))
            }
        }
    };
    let uint = |key: &str| file.uint(key).map(|n| n.map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
    Ok(Processor::from_mmproj(&MmprojParameters {
        file: file.name().to_owned(),
        projector: vision.params.arch.name.to_owned(),
        image_size: vision.params.tile_size,
        preproc_image_size: uint("clip.vision.preproc_image_size").map_err(FormatError::from)?,
        image_mean: channels("clip.vision.image_mean")?,
        image_std: channels("clip.vision.image_std")?,
    })?)
}

fn hash_picture(picture: &Picture, hash: &mut Sha256) {
    hash.update((picture.width() as u64).to_le_bytes());
    hash.update((picture.height() as u64).to_le_bytes());
    hash.update(picture.pixels());
}
