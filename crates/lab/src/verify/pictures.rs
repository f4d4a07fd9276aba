//! Cases that show pictures or videos, from their files: what is done to a picture, the prompt and the ids are ours too.

use std::path::PathBuf;

use plimsoll_engine::{ChatTemplate, GuardedText, ImageInput, Prompt, TemplateRequest, Tokenizer};
use plimsoll_runtime::{CacheType, Input, Program};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, FrameSampling, Picture, Video, VisionError};
use serde::Serialize;

use super::golden::GoldenCase;
use super::vision::{GoldenVision, VISION_TOLERANCE};
use super::{VerifyError, case_name, max_delta, shorten};
use crate::standing::Standing;

/// Levels of 255 by which a pixel may differ from the reference's: as far as its own two backends stray from each other.
pub const LEVELS: f32 = 2.0;
/// Rounding of a normalised value, in levels.
const ROUNDING: f32 = 1e-3;

/// What a case showed when it was run from its files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PicturesReport {
    /// The beginning of its text.
    pub name: String,
    /// Whether the template renders the conversation as the reference does.
    pub rendered_equal: Option<bool>,
    /// Whether the ids are the reference's, places for features included.
    pub ids_equal: Option<bool>,
    /// Largest difference of a pixel from the reference's, in levels of 255; infinite if there are not as many.
    pub pixels_delta: Option<f32>,
    /// Largest difference of a logit after the last token.
    pub max_delta: Option<f32>,
    /// Why it was not run.
    pub skipped: Option<String>,
}

impl PicturesReport {
    /// Whether it agrees, or was not compared.
    pub fn standing(&self) -> Standing {
        Standing::of(self.skipped.is_none(), self.passed())
    }

    /// Whether everything agrees. Logits count where the pixels are not told apart: pixels that differ a little, as they
    /// may, make others.
    pub fn passed(&self) -> bool {
        self.rendered_equal != Some(false)
            && self.ids_equal != Some(false)
            && self.pixels_delta.is_none_or(|delta| delta <= LEVELS + ROUNDING)
            && (self.pixels_delta.is_some_and(|delta| delta > ROUNDING)
                || self.max_delta.is_none_or(|delta| delta <= VISION_TOLERANCE))
    }
}

/// Where the pictures of cases lie.
#[derive(Clone, Debug)]
pub enum Files {
    /// Below this folder.
    Below(PathBuf),
    /// Inside the program, by the names that the cases give them.
    Inside(fn(&str) -> Option<&'static [u8]>),
}

impl Files {
    pub(super) fn hold(&self, name: &str) -> bool {
        match self {
            Files::Below(folder) => folder.join(name).exists(),
            Files::Inside(find) => find(name).is_some(),
        }
    }

    pub(super) fn picture(&self, name: &str) -> Result<Picture, VisionError> {
        match self {
            Files::Below(folder) => Picture::open(&folder.join(name), DEFAULT_MAX_PIXELS),
            Files::Inside(find) => Picture::decode(name, find(name).unwrap_or_default(), DEFAULT_MAX_PIXELS),
        }
    }
}

/// Runs case `name` from its files to the logits.
///
/// # Errors
/// A file is there but cannot be read, or the case cannot be run at all.
pub fn verify_pictures(
    program: &mut Program,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    vision: &mut GoldenVision,
    name: &str,
    case: &GoldenCase,
) -> Result<PicturesReport, VerifyError> {
    let mut report = PicturesReport { name: shorten(&format!("{name} {}", case_name(case))), ..Default::default() };
    vision.encoder.set_options(case.processor_options.as_ref())?;
    let files: Vec<&String> = case.images.iter().chain(&case.frames_dir).collect();
    if let Some(absent) = files.iter().find(|file| !vision.files.hold(file)) {
        report.skipped = Some(format!("`{absent}` is not there"));
        return Ok(report);
    }
    let inputs = inputs(&vision.files, case)?;
    report.pixels_delta = match vision.tiles(name, case)? {
        Some(reference) => Some(pixels_delta(&vision.encoder, &inputs, &reference.pixels)?),
        None => None,
    };
    let images = inputs.iter().map(|image| vision.encoder.encode(image)).collect::<Result<Vec<_>, _>>()?;
    let rendered = match (&case.messages, template, &case.rendered) {
        (Some(messages), Some(template), _) => {
            let request =
                TemplateRequest { messages: messages.clone(), add_generation_prompt: true, ..Default::default() };
            vision.encoder.prompts().render_unexpanded(template, &request, &images)?
        }
        (_, _, Some(rendered)) => GuardedText::plain(rendered.clone()),
        _ => {
            report.skipped = Some("it has neither messages nor a rendered prompt".to_owned());
            return Ok(report);
        }
    };
    report.rendered_equal = case.rendered.as_ref().map(|reference| rendered.text() == *reference);
    let ids = tokenizer.encode_chat(&vision.encoder.prompts().expand(rendered, &images)?)?;
    report.ids_equal = Some(ids == case.input_ids);
    if !case.last_logits.is_empty() {
        let given = vision.encoder.prompts().embeddings(Prompt { ids: &ids, images: &images });
        let mut cache = program.new_cache(ids.len(), CacheType::F32)?;
        let logits = program.step(&mut cache, Input::with_embeddings(&ids, &given));
        let logits =
            logits.map_err(|source| VerifyError::Pictures { case: name.to_owned(), problem: source.to_string() })?;
        report.max_delta = Some(max_delta(logits, &case.last_logits));
    }
    Ok(report)
}

/// The pictures of a case, or its video.
fn inputs(held: &Files, case: &GoldenCase) -> Result<Vec<ImageInput>, VerifyError> {
    let pictures = case.images.iter().map(|image| held.picture(image));
    let mut inputs = pictures.map(|picture| picture.map(ImageInput::Picture)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(frames), Some(video), Files::Below(folder)) = (&case.frames_dir, &case.metadata, held) {
        let sampling = case.max_frames.zip(case.fps).map(|(max_frames, fps)| FrameSampling { max_frames, fps });
        let video = Video::open_folder(&folder.join(frames), video.fps)?;
        inputs.push(ImageInput::Video { video, sampling, max_pixels: DEFAULT_MAX_PIXELS });
    }
    Ok(inputs)
}

/// The largest difference of a pixel, in levels.
fn pixels_delta(
    encoder: &plimsoll_engine::VisionEncoder,
    inputs: &[ImageInput],
    reference: &[f32],
) -> Result<f32, VerifyError> {
    let mut ours = Vec::with_capacity(reference.len());
    for input in inputs {
        ours.extend(encoder.tiles(input)?.pixels);
    }
    if ours.len() != reference.len() {
        return Ok(f32::INFINITY);
    }
    Ok(max_delta(&ours, reference) / encoder.processor().level_step())
}
