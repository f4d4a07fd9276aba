//! How a checkpoint has images prepared: by its settings files, else by the metadata of its mmproj, which leaves much open.

use std::path::Path;

use plimsoll_formats::{Folder, FormatError, parent};
use plimsoll_models::{Checkpoint, Mmproj, Vision};
use plimsoll_vision::{MmprojParameters, Processor, SourceFile, Sources, VisionError};

use super::VisionEncoderError;

/// And the settings files that it was read from, if it was.
pub(super) fn processor(
    checkpoint: &Checkpoint,
    vision: &Vision,
) -> Result<(Processor, Option<Sources>), VisionEncoderError> {
    match &vision.mmproj {
        Some(mmproj) => {
            let said = from_mmproj(vision, mmproj)?;
            match in_settings(checkpoint, mmproj)? {
                Some((processor, sources)) if processor.family() == said.family() => Ok((processor, Some(sources))),
                _ => Ok((said, None)),
            }
        }
        None => {
            let sources = own_settings(checkpoint)?;
            Ok((Processor::from_sources(&sources)?, Some(sources)))
        }
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
    let (processor, params) = (Processor::from_sources(&own_settings(checkpoint)?)?, &vision.params);
    let parameters = processor.in_mmproj(&checkpoint.display(), params.arch.name, params.tile_size)?;
    let is_all = processor.cuts_as(&parameters);
    Ok((parameters, is_all))
}

/// What settings files say, where there are some: those beside an mmproj, else those of its checkpoint.
fn in_settings(checkpoint: &Checkpoint, mmproj: &Mmproj) -> Result<Option<(Processor, Sources)>, VisionEncoderError> {
    let folder = Folder::Disk(parent(Path::new(&mmproj.file)));
    let beside = settings(&mmproj.file, String::new(), |name| {
        Ok(folder.text(name)?.map(|text| (folder.display_file(name), text)))
    })?;
    let is_there = |sources: &Sources| sources.processor.is_some() || sources.preprocessor.is_some();
    let sources = if is_there(&beside) { beside } else { own_settings(checkpoint)? };
    if !is_there(&sources) {
        return Ok(None);
    }
    Ok(Some((Processor::from_sources(&sources)?, sources)))
}

/// The settings files of a checkpoint.
fn own_settings(checkpoint: &Checkpoint) -> Result<Sources, FormatError> {
    let model_type = checkpoint.hyperparams.wrapper.clone().unwrap_or_default();
    settings(&checkpoint.display(), model_type, |name| checkpoint.settings_file(name))
}

/// Settings files of a model, which `read` finds by their names: their paths and texts.
pub(super) fn settings(
    model: &str,
    model_type: String,
    read: impl Fn(&str) -> Result<Option<(String, String)>, FormatError>,
) -> Result<Sources, FormatError> {
    let read = |name: &str| -> Result<Option<SourceFile>, FormatError> {
        Ok(read(name)?.map(|(file, text)| SourceFile { file, text }))
    };
    Ok(Sources {
        checkpoint: model.to_owned(),
        model_type,
        processor: read("processor_config.json")?,
        preprocessor: read("preprocessor_config.json")?,
        video_preprocessor: read("video_preprocessor_config.json")?,
        options: None,
    })
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
        numbers: mmproj.numbers.clone(),
    })?)
}
