//! Images in prompts: placeholders become image tokens, image tokens get the features of images.

use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::EmbeddingOverride;
use plimsoll_vision::{ImageStrings, Medium, Processor};

use super::image::ImageToken;
use super::{EncodedImage, Prompt, VisionEncoderError};
use crate::control_text::{ControlTexts, GuardedText};
use crate::template::{ChatTemplate, TemplateRequest};
use crate::tokenizer::{Special, Tokenizer};

/// How a model has images stand in its prompts.
pub struct ImagePrompts {
    strings: ImageStrings,
    /// Control tokens and placeholders: what a request may not bring into the prompt.
    controls: ControlTexts,
    image_token_id: u32,
    d_model: usize,
}

impl ImagePrompts {
    /// `processor` prepares the images, of whose tiles each becomes `features_per_tile` features.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        vision: &Vision,
        processor: &Processor,
        features_per_tile: usize,
        tokenizer: &Tokenizer,
    ) -> Result<ImagePrompts, VisionEncoderError> {
        let strings = ImageStrings::new(processor, features_per_tile);
        let image_token_id = image_token_id(checkpoint, vision, &strings, tokenizer)?;
        let controls = tokenizer.controls().with(strings.placeholders())?;
        Ok(ImagePrompts { strings, controls, image_token_id, d_model: checkpoint.hyperparams.d_model })
    }

    /// The texts that stand for images.
    pub fn strings(&self) -> &ImageStrings {
        &self.strings
    }

    /// The token in whose place features stand.
    pub fn image_token_id(&self) -> u32 {
        self.image_token_id
    }

    /// The prompt of a conversation with `images`, in the order of its messages: placeholders that the template writes become
    /// the strings of the images, those that messages spell stay text.
    ///
    /// # Errors
    /// The template refuses the conversation, or writes not as many placeholders as there are images.
    pub fn render(
        &self,
        template: &ChatTemplate,
        request: &TemplateRequest,
        images: &[EncodedImage],
    ) -> Result<GuardedText, VisionEncoderError> {
        self.expand(self.render_unexpanded(template, request, images)?, images)
    }

    /// Replaces the placeholders of a rendered prompt.
    ///
    /// # Errors
    /// There are not as many as there are images.
    pub fn expand(&self, rendered: GuardedText, images: &[EncodedImage]) -> Result<GuardedText, VisionEncoderError> {
        let media: Vec<Medium> = images.iter().map(|image| image.medium.clone()).collect();
        Ok(rendered.try_map(|text| self.strings.expand(text, &media))?)
    }

    /// [`ImagePrompts::render`] before placeholders are replaced.
    ///
    /// # Errors
    /// As [`ImagePrompts::render`].
    pub fn render_unexpanded(
        &self,
        template: &ChatTemplate,
        request: &TemplateRequest,
        images: &[EncodedImage],
    ) -> Result<GuardedText, VisionEncoderError> {
        // As soon as there is a video, the reference may take a template of the model's class instead of the checkpoint's.
        let for_videos;
        let has_video = images.iter().any(EncodedImage::is_video);
        let template = match self.strings.video_chat_template().filter(|_| has_video) {
            Some(source) => {
                for_videos = template.with_source(source)?;
                &for_videos
            }
            None => template,
        };
        Ok(template.render_guarded(&template.with_expected_content(request), &self.controls)?)
    }

    /// Holds the image tokens of a prompt against the features of its images.
    ///
    /// # Errors
    /// There are more of the one than of the other.
    pub fn check(&self, prompt: Prompt) -> Result<(), VisionEncoderError> {
        let tokens = self.image_tokens(prompt).count();
        let features = prompt.images.iter().map(|image| image.n_features(self.d_model)).sum();
        // A text may hold the token without an image, as a tokenizer's test does.
        if prompt.images.is_empty() || tokens == features {
            Ok(())
        } else {
            Err(VisionEncoderError::ImageTokens { tokens, features })
        }
    }

    /// The embeddings of a prompt's image tokens.
    pub fn embeddings<'a>(&self, prompt: Prompt<'a>) -> Vec<EmbeddingOverride<'a>> {
        let mut tokens = self.image_tokens(prompt);
        let given = |image: &'a EncodedImage| {
            EmbeddingOverride::at_positions(tokens.by_ref(), &image.embeddings.rows, self.d_model)
        };
        prompt.images.iter().flat_map(given).collect()
    }

    /// What tells tokens of a prompt with the same ids apart, for each of them.
    pub(crate) fn identify(&self, prompt: Prompt) -> Vec<Option<ImageToken>> {
        let mut features = prompt.images.iter().flat_map(|image| {
            let hash = image.embeddings.hash;
            (0..image.n_features(self.d_model)).map(move |feature| ImageToken { image: hash, feature })
        });
        prompt.ids.iter().map(|id| if *id == self.image_token_id { features.next() } else { None }).collect()
    }

    /// Indices of the image tokens.
    fn image_tokens<'a>(&self, prompt: Prompt<'a>) -> impl Iterator<Item = usize> + use<'a> {
        let image_token_id = self.image_token_id;
        prompt.ids.iter().enumerate().filter(move |(_, id)| **id == image_token_id).map(|(at, _)| at)
    }
}

/// The token of a model's config, or else the one with the family's text: GGUF files have no key for it.
fn image_token_id(
    checkpoint: &Checkpoint,
    vision: &Vision,
    strings: &ImageStrings,
    tokenizer: &Tokenizer,
) -> Result<u32, VisionEncoderError> {
    if let Some(id) = vision.params.image_token {
        return Ok(id);
    }
    let token = strings.feature_token();
    match tokenizer.encode(token, Special::Parse)?[..] {
        [id] => Ok(id),
        _ => Err(VisionEncoderError::NoImageToken { model: checkpoint.display(), token: token.to_owned() }),
    }
}
