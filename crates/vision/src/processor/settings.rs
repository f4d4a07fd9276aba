//! `processor_config.json`, `preprocessor_config.json`, `video_preprocessor_config.json`, or an mmproj's metadata, as
//! a [`Processor`]. What a file leaves out is what the class of transformers 5.23 supplies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::keys::Keys;
use super::{Arithmetic, Filter, Normalisation, Prepared, Processor};
use crate::VisionError;
use crate::families::{FAMILIES, Family};

/// The largest sides and numbers of frames that settings may ask for; published ones have 512, 2048 and 64.
pub(crate) const MAX_TILE: usize = 4096;
pub(crate) const MAX_EDGE: usize = 1 << 16;
pub(crate) const MAX_FRAMES: usize = 4096;
/// Pixels of all tiles of a picture; published settings ask for 16 million at most.
pub(crate) const MAX_PIXELS: usize = 1 << 26;
/// Patches along the edge of the square that becomes one feature; published models have 1 to 4.
pub(crate) const MAX_MERGE: usize = 64;

/// The first resizing of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// The longer side gets this many pixels, the other keeps the shape.
    LongestEdge(usize),
    /// Both sides are given.
    Exactly {
        /// Pixels down.
        height: usize,
        /// Pixels across.
        width: usize,
    },
}

/// Keys that change no number of a single picture: what the reference's classes are called, what they return, and
/// padding a batch to its longest.
const WITHOUT_EFFECT: &[&str] = &[
    "auto_map",
    "crop_size",
    "data_format",
    "default_to_square",
    "device",
    "disable_grouping",
    "do_convert_rgb",
    "do_pad",
    "do_sample_frames",
    "feature_extractor_type",
    "image_processor_type",
    "image_seq_len",
    "image_seq_length",
    "input_data_format",
    "processor_class",
    "return_metadata",
    "return_row_col_info",
    "return_tensors",
    "use_fast",
    "video_processor_type",
];

/// One settings file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path, for messages.
    pub file: String,
    /// What it holds.
    pub text: String,
}

/// The settings files of a checkpoint, as far as it has them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The checkpoint, for messages.
    pub checkpoint: String,
    /// `model_type` of its config.json, which decides where the files name no class.
    pub model_type: String,
    /// `processor_config.json`.
    pub processor: Option<SourceFile>,
    /// `preprocessor_config.json`.
    pub preprocessor: Option<SourceFile>,
    /// `video_preprocessor_config.json`.
    pub video_preprocessor: Option<SourceFile>,
    /// Settings of the image processor that come before those of its file.
    pub options: Option<Map<String, Value>>,
}

/// What an mmproj's metadata says of preprocessing.
#[derive(Debug, Clone, PartialEq)]
pub struct MmprojParameters {
    /// The file, for messages.
    pub file: String,
    /// `clip.projector_type`.
    pub projector: String,
    /// `clip.vision.image_size`: pixels of a tile's side.
    pub image_size: usize,
    /// `clip.vision.preproc_image_size`: the longest edge before tiling; older files lack it.
    pub preproc_image_size: Option<usize>,
    /// `clip.vision.image_mean`.
    pub image_mean: [f64; 3],
    /// `clip.vision.image_std`.
    pub image_std: [f64; 3],
    /// Every other number of a key that begins with `clip.vision.`, by what follows.
    pub numbers: BTreeMap<String, f64>,
}

impl Processor {
    /// Reads a checkpoint's settings. As in transformers, `image_processor` and `video_processor` inside
    /// processor_config.json come before the files of their own.
    ///
    /// # Errors
    /// There are no settings; or one of them changes the arithmetic and is not understood.
    pub fn from_sources(sources: &Sources) -> Result<Self, VisionError> {
        let parse = |source: &Option<SourceFile>| {
            source.as_ref().map(|source| Keys::parse(&source.file, &source.text)).transpose()
        };
        let outer = parse(&sources.processor)?;
        let preprocessor = parse(&sources.preprocessor)?;
        let nested = |key: &str| outer.as_ref().map(|outer| outer.object(key)).transpose().map(Option::flatten);
        let mut image = nested("image_processor")?.or_else(|| preprocessor.clone()).ok_or_else(|| {
            let file = format!("{}/preprocessor_config.json", sources.checkpoint);
            Keys::none(&file).error("image_processor_type", "the settings of an image processor")
        })?;
        if let Some(options) = &sources.options {
            image.replace(options);
        }
        let video = match nested("video_processor")? {
            Some(video) => Some(video),
            None => parse(&sources.video_preprocessor)?.or(preprocessor),
        };
        let family = family(&image, &sources.model_type)?;
        let outer = outer.unwrap_or_else(|| Keys::none(&format!("{}/processor_config.json", sources.checkpoint)));
        family.agrees(&outer)?;
        let mut processor = Processor {
            family,
            image: Prepared::new((family.image)(&image, &outer)?, normalisation(&image, family)?),
            video: None,
            image_seq_len: outer.whole("image_seq_len", MAX_EDGE)?,
        };
        if let (Some(keys), Some(video)) = (&video, &family.video) {
            if keys.text("video_processor_type")?.is_some_and(|class| class != video.processor) {
                return Err(keys.error("video_processor_type", video.processor));
            }
            if let Some(frames) = (video.frames)(keys)? {
                processor.video = Some((frames.sampling, Prepared::new(frames.image, normalisation(keys, family)?)));
            }
        }
        Ok(processor)
    }

    /// What an mmproj with this projector has no key for and is taken as published, for who looks at one.
    pub fn assumed_of_mmproj(projector: &str) -> Option<String> {
        Family::of_projector(projector).map(|(_, mmproj)| (mmproj.assumed)())
    }

    /// What an mmproj says, the rest being the class's defaults and what [`Processor::assumed_of_mmproj`] names.
    ///
    /// # Errors
    /// The projector is not known, or a number is out of range.
    pub fn from_mmproj(parameters: &MmprojParameters) -> Result<Self, VisionError> {
        let tile = parameters.image_size;
        if !(1..=MAX_TILE).contains(&tile) {
            let expected = format!("a whole number from 1 to {MAX_TILE}");
            return Err(parameters.error("clip.vision.image_size", tile.to_string(), &expected));
        }
        let (mean, std) = (parameters.image_mean, parameters.image_std);
        if !mean.iter().all(|v| v.is_finite()) {
            return Err(parameters.error("clip.vision.image_mean", format!("{mean:?}"), "three numbers"));
        }
        if !std.iter().all(|v| v.is_finite() && *v > 0.0) {
            return Err(parameters.error("clip.vision.image_std", format!("{std:?}"), "three numbers greater than 0"));
        }
        let normalisation = Normalisation { rescale: Some(1.0 / 255.0), normalise: Some((mean, std)) };
        let Some((family, mmproj)) = Family::of_projector(&parameters.projector) else {
            let known = FAMILIES.iter().flat_map(|family| family.mmproj).map(|mmproj| mmproj.projector);
            let found = crate::error::one_line(&format!("`{}`", parameters.projector));
            return Err(parameters.error("clip.projector_type", found, &one_of(known)));
        };
        let video = mmproj.video.map(|frames| frames(parameters));
        Ok(Self {
            family,
            image: Prepared::new((mmproj.image)(parameters)?, normalisation),
            video: video.map(|frames| (frames.sampling, Prepared::new(frames.image, normalisation))),
            image_seq_len: None,
        })
    }
}

impl MmprojParameters {
    /// A whole number in `1..=most` under a key behind `clip.vision.`, if there is one.
    pub(crate) fn whole(&self, key: &str, most: usize) -> Result<Option<usize>, VisionError> {
        let Some(&number) = self.numbers.get(key) else { return Ok(None) };
        if number.fract() == 0.0 && number >= 1.0 && number <= most as f64 {
            return Ok(Some(number as usize));
        }
        let expected = format!("a whole number from 1 to {most}");
        Err(self.error(&format!("clip.vision.{key}"), number.to_string(), &expected))
    }

    /// Edge of a patch, in pixels.
    pub(crate) fn patch_size(&self) -> Result<usize, VisionError> {
        let expected = format!("a whole number from 1 to {MAX_TILE}");
        let missing = || self.error("clip.vision.patch_size", "nothing".to_owned(), &expected);
        self.whole("patch_size", MAX_TILE)?.ok_or_else(missing)
    }

    pub(crate) fn error(&self, key: &str, found: String, expected: &str) -> VisionError {
        VisionError::Setting { file: self.file.clone(), key: key.to_owned(), found, expected: expected.to_owned() }
    }
}

/// The class, under the names of its backends too; where none is named, the model's own.
fn family(keys: &Keys, model_type: &str) -> Result<&'static Family, VisionError> {
    let key =
        if keys.get("image_processor_type").is_some() { "image_processor_type" } else { "feature_extractor_type" };
    let class = keys.text(key)?.map(|class| class.trim_end_matches("Fast").trim_end_matches("Pil"));
    let is_meant = |family: &&Family| match class {
        Some(class) => family.image_processor == class,
        None => family.model_types.contains(&model_type),
    };
    FAMILIES
        .iter()
        .find(is_meant)
        .ok_or_else(|| keys.error("image_processor_type", one_of(FAMILIES.iter().map(|family| family.image_processor))))
}

/// `a, b or c`
fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Refuses keys that are neither read for every class, nor in `read`, nor known to be without effect.
pub(crate) fn only(keys: &Keys, read: &[&str]) -> Result<(), VisionError> {
    const READ_FOR_ALL: &[&str] = &[
        "do_center_crop",
        "do_normalize",
        "do_rescale",
        "do_resize",
        "image_mean",
        "image_std",
        "resample",
        "rescale_factor",
    ];
    // What begins with an underscore a class keeps for itself (`_valid_processor_keys`): argument names, which it wrote.
    let known =
        |key: &str| key.starts_with('_') || [READ_FOR_ALL, WITHOUT_EFFECT, read].iter().any(|keys| keys.contains(&key));
    match keys.names().find(|key| !known(key)) {
        Some(key) => Err(keys.error(key, "no such key: it is not known what it does to the pixels")),
        None => Ok(()),
    }
}

pub(crate) fn filter(keys: &Keys, default: Filter, arithmetic: Arithmetic) -> Result<Filter, VisionError> {
    if keys.flag("do_resize")? == Some(false) {
        return Err(keys.error("do_resize", "true: a tower does not take tiles of every size"));
    }
    resample(keys, default, arithmetic)
}

/// The filter of a class that resizes whatever `do_resize` says.
pub(crate) fn resample(keys: &Keys, default: Filter, arithmetic: Arithmetic) -> Result<Filter, VisionError> {
    if keys.flag("do_center_crop")? == Some(true) {
        return Err(keys.error("do_center_crop", "false: the class does not crop"));
    }
    let Some(number) = keys.get("resample") else { return Ok(default) };
    let filter = number.as_u64().and_then(Filter::from_number).filter(|filter| match arithmetic {
        Arithmetic::Pillow => true,
        // torchvision has no others for tensors.
        Arithmetic::Torchvision => matches!(filter, Filter::Lanczos | Filter::Bilinear | Filter::Bicubic),
    });
    filter.ok_or_else(|| keys.error("resample", "the number of a filter: 1 Lanczos, 2 bilinear, 3 bicubic"))
}

fn normalisation(keys: &Keys, family: &Family) -> Result<Normalisation, VisionError> {
    let rescale = keys.positive("rescale_factor")?.unwrap_or(1.0 / 255.0);
    let mean = keys.channels("image_mean")?.unwrap_or(family.mean_and_std.0);
    let std = keys.channels("image_std")?.unwrap_or(family.mean_and_std.1);
    // The numbers that are computed with are singles.
    if !std.iter().all(|&std| std as f32 > 0.0 && (std as f32).is_finite()) {
        return Err(keys.error("image_std", "three numbers greater than 0"));
    }
    if !mean.iter().all(|&mean| (mean as f32).is_finite()) {
        return Err(keys.error("image_mean", "three numbers"));
    }
    if !(rescale as f32 > 0.0 && (255.0 * rescale as f32).is_finite()) {
        return Err(keys.error("rescale_factor", "a number greater than 0"));
    }
    Ok(Normalisation {
        rescale: keys.flag("do_rescale")?.unwrap_or(true).then_some(rescale),
        normalise: keys.flag("do_normalize")?.unwrap_or(true).then_some((mean, std)),
    })
}

/// The object under `key`: `longest_edge`, or `height` and `width`.
pub(crate) fn edge_or_both(keys: &Keys, key: &str) -> Result<Option<Size>, VisionError> {
    let Some(size) = keys.object(key)? else { return Ok(None) };
    if let Some(other) = size.names().find(|key| !["longest_edge", "height", "width"].contains(key)) {
        return Err(size.error(other, "longest_edge, or height and width"));
    }
    if let Some(longest) = size.whole("longest_edge", MAX_EDGE)? {
        return Ok(Some(Size::LongestEdge(longest)));
    }
    match (size.whole("height", MAX_TILE)?, size.whole("width", MAX_TILE)?) {
        (Some(height), Some(width)) => Ok(Some(Size::Exactly { height, width })),
        _ => Err(keys.error(key, "longest_edge, or height and width")),
    }
}
