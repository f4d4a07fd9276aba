//! Images in prompts: placeholders become image tokens, image tokens get the features of images.

use plimsoll_models::{Checkpoint, Standing, Vision};
use plimsoll_runtime::{EmbeddingOverride, Tower};
use plimsoll_vision::{FeatureGrid, ImageStrings, Medium, Processor};

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
    /// Values that stand for a feature.
    width: usize,
    /// Where tokens of a picture stand.
    standing: Standing,
}

impl ImagePrompts {
    /// `processor` prepares the images, whose tiles become features by way of `tower`.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        vision: &Vision,
        processor: &Processor,
        tower: &Tower,
        tokenizer: &Tokenizer,
    ) -> Result<ImagePrompts, VisionEncoderError> {
        let strings =
            ImageStrings::new(processor, FeatureGrid { patch: tower.patch_size(), merge: tower.merge_side() });
        let image_token_id = image_token_id(checkpoint, vision, &strings, tokenizer)?;
        let controls = tokenizer.controls().with(strings.placeholders())?;
        let standing = vision.params.arch.standing();
        Ok(ImagePrompts { strings, controls, image_token_id, width: tower.given_width(), standing })
    }

    /// The texts that stand for images.
    pub fn strings(&self) -> &ImageStrings {
        &self.strings
    }

    /// Whether tokens of a picture stand as its rows and columns do.
    pub fn stands_by_grid(&self) -> bool {
        self.standing == Standing::ByGrid
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

    /// Images, then `text` as it stands; whatever it spells stays text.
    ///
    /// # Errors
    /// As [`ImagePrompts::render`].
    pub(crate) fn before(
        &self,
        text: &str,
        variables: &[(String, String)],
        images: &[EncodedImage],
    ) -> Result<GuardedText, VisionEncoderError> {
        let placeholder = |image: &EncodedImage| match (image.is_video(), self.strings.video_placeholder()) {
            (true, Some(video)) => video,
            _ => self.strings.image_placeholder(),
        };
        let placeholders: Vec<&str> = images.iter().map(placeholder).collect();
        let source = format!("{{{{ {} }}}}{{{{ messages[0].content }}}}", serde_json::json!(placeholders.concat()));
        let template = ChatTemplate::new(&source, variables.iter().cloned())?;
        let messages = serde_json::json!([{ "role": "user", "content": text }]);
        let rendered = template.render_guarded(&TemplateRequest { messages, ..Default::default() }, &self.controls)?;
        self.expand(rendered, images)
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
        let features = prompt.images.iter().map(|image| image.n_features(self.width)).sum();
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
            let runs = EmbeddingOverride::at_positions(tokens.by_ref(), &image.embeddings.rows, self.width);
            let grid = self.grid(&image.medium);
            runs.into_iter().map(move |run| EmbeddingOverride {
                grid: grid.filter(|(rows, cols)| rows * cols == run.n_tokens()),
                ..run
            })
        };
        prompt.images.iter().flat_map(given).collect()
    }

    /// Rows and columns that a picture's tokens have in the text, where they stand in a grid.
    fn grid(&self, medium: &Medium) -> Option<(usize, usize)> {
        match (self.standing, medium) {
            (Standing::ByGrid, Medium::Picture(cut)) => self.strings.features(cut).first().copied(),
            _ => None,
        }
    }

    /// What tells tokens of a prompt with the same ids apart, for each of them.
    pub(crate) fn identify(&self, prompt: Prompt) -> Vec<Option<ImageToken>> {
        let mut features = prompt.images.iter().flat_map(|image| {
            let hash = image.embeddings.hash;
            (0..image.n_features(self.width)).map(move |feature| ImageToken { image: hash, feature })
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
