//! What is to be written of a model's vision tower.

use plimsoll_engine::mmproj_parameters;
use plimsoll_formats::gguf::{MetaType, NewValue};
use plimsoll_models::{Format, Vision, export};
use plimsoll_quantise::Model;

use super::source::{Source, files};
use crate::mistake::Mistake;
use crate::model;

/// Opens the tower of a model in safetensors.
///
/// # Errors
/// It is not here, has none, or one that an mmproj cannot say.
pub fn open(model: &str) -> anyhow::Result<Source> {
    let (checkpoint, files) = (model::open_weights(model)?, files(&model::locate(model)?));
    if let Format::Gguf { .. } = checkpoint.format {
        let message = format!("`{}` is a GGUF, whose vision tower is a file of its own", checkpoint.display());
        return Err(Mistake::error(message, "give the mmproj file itself, without --tower"));
    }
    let vision = Vision::of(&checkpoint, None)?.filter(|vision| vision.mmproj.is_none());
    let Some(vision) = vision else {
        let message = format!("`{}` has no vision tower of its own", checkpoint.display());
        return Err(Mistake::error(
            message,
            "`plimsoll info` tells what a model has; without --tower its text model is written",
        ));
    };
    let (pixels, is_all) = mmproj_parameters(&checkpoint, &vision)?;
    let mut metadata = export::tower_keys(&vision.params);
    let colours = |values: [f64; 3]| NewValue::array(MetaType::F32, values.map(|value| value as f32));
    metadata.push(("clip.vision.image_mean".to_owned(), colours(pixels.image_mean)));
    metadata.push(("clip.vision.image_std".to_owned(), colours(pixels.image_std)));
    if let Some(edge) = pixels.preproc_image_size.and_then(|edge| u32::try_from(edge).ok()) {
        metadata.push(("clip.vision.preproc_image_size".to_owned(), edge.into()));
    }
    let tensors = export::of_tower(&checkpoint, &vision.params, &metadata)?;
    metadata.push(("general.name".to_owned(), checkpoint.name.as_str().into()));
    metadata.extend(checkpoint.licence.metadata());
    let mut notes = Vec::new();
    if !is_all {
        notes.push(
            "the mmproj does not say all of how pictures are cut: what reads it takes the published way".to_owned(),
        );
    }
    // As of an mmproj: no mix tells its layers apart.
    let model = Model { n_layers: 0, tied: true, group: 1, n_experts: 0, is_70b: false, is_weighed: false };
    let name = format!("mmproj-{}", checkpoint.name);
    Ok(Source { name, metadata, factors: Vec::new(), tensors, model, widens: true, notes, files })
}
