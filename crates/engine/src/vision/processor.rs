//! How a checkpoint has images prepared: by the metadata of its mmproj, else by its settings files.

use plimsoll_formats::FormatError;
use plimsoll_models::{Checkpoint, Mmproj, Vision};
use plimsoll_vision::{MmprojParameters, Processor, SourceFile, Sources, VisionError};

use super::VisionEncoderError;

pub(super) fn processor(checkpoint: &Checkpoint, vision: &Vision) -> Result<Processor, VisionEncoderError> {
    match &vision.mmproj {
        Some(mmproj) => from_mmproj(vision, mmproj),
        None => from_settings(checkpoint),
    }
}

/// What an mmproj of a checkpoint's own tower says of how its pictures are prepared, and whether that is all there is to say.
///
/// # Errors
/// The checkpoint does not say how, or in a way that an mmproj cannot.
pub fn mmproj_parameters(
    checkpoint: &Checkpoint,
    vision: &Vision,
) -> Result<(MmprojParameters, bool), VisionEncoderError> {
    let (processor, params) = (from_settings(checkpoint)?, &vision.params);
    let parameters = processor.in_mmproj(&checkpoint.display(), params.arch.name, params.tile_size)?;
    let is_all = processor.cuts_as(&parameters);
    Ok((parameters, is_all))
}

fn from_settings(checkpoint: &Checkpoint) -> Result<Processor, VisionEncoderError> {
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
    Ok(Processor::from_sources(&sources)?)
}

fn from_mmproj(vision: &Vision, mmproj: &Mmproj) -> Result<Processor, VisionEncoderError> {
    let channels = |key: &str, values: &[f32]| -> Result<[f64; 3], VisionError> {
        match values {
            &[red, green, blue] => Ok([red, green, blue].map(f64::from)),
            _ => Err(VisionError::Setting {
                file: mmproj.file.clone(),
                key: key.to_owned(),
                found: format!("{} values", values.len()),
                expected: "one for each of 3 colours".to_owned(),
            }),
        }
    };
    Ok(Processor::from_mmproj(&MmprojParameters {
        file: mmproj.file.clone(),
        projector: vision.params.arch.name.to_owned(),
        image_size: vision.params.tile_size,
        preproc_image_size: mmproj.preproc_image_size,
        image_mean: channels("clip.vision.image_mean", &mmproj.image_mean)?,
        image_std: channels("clip.vision.image_std", &mmproj.image_std)?,
    })?)
}
