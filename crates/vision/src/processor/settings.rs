//! `processor_config.json`, `preprocessor_config.json`, `video_preprocessor_config.json`, or an mmproj's metadata, as
//! a [`Processor`]. What a file leaves out is what the class of transformers 5.23 supplies.

use super::canvas::Canvas;
use super::keys::Keys;
use super::tiling::{MAX_IMAGE_SIZE, Size, Tiling};
use super::{Arithmetic, Family, Filter, Levels, Normalisation, Processor, Shape, Steps, VideoSettings};
use crate::VisionError;
use crate::video::Sampling;

/// The tile of the classes of Idefics3 and SmolVLM, whose `size` is four of it.
const DEFAULT_TILE: usize = 364;
const LONGEST_EDGE_IN_TILES: usize = 4;
/// What SmolVLM2's published settings sample, for files that cannot say it.
const PUBLISHED_SAMPLING: Sampling = Sampling { max_frames: 64, fps: 1.0 };
/// Tiles that the published Llama 4 models cut a picture into at most.
const PUBLISHED_MAX_PATCHES: usize = 16;

/// The largest sides and numbers of tiles that settings may ask for; published ones have 512, 2048 and 16.
const MAX_TILE: usize = 4096;
const MAX_EDGE: usize = 1 << 16;
const MAX_TILES_A_SIDE: usize = 64;
const MAX_PATCHES: usize = 256;
const MAX_CANVAS_PIXELS: usize = 1 << 26;
const MAX_FRAMES: usize = 4096;

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
        let image = nested("image_processor")?.or_else(|| preprocessor.clone()).ok_or_else(|| {
            let file = format!("{}/preprocessor_config.json", sources.checkpoint);
            Keys::none(&file).error("image_processor_type", "the settings of an image processor")
        })?;
        let video = match nested("video_processor")? {
            Some(video) => Some(video),
            None => parse(&sources.video_preprocessor)?.or(preprocessor),
        };
        let mut processor = image_processor(&image, &sources.model_type)?;
        if let Some(outer) = &outer {
            processor.image_seq_len = outer.whole("image_seq_len", MAX_EDGE)?;
            if processor.family == Family::Llama4 {
                for key in ["fake_image_token", "image_token"] {
                    if outer.text(key)?.is_some_and(|token| token != "<|image|>") {
                        return Err(outer.error(key, "`<|image|>`"));
                    }
                }
            }
        }
        if let (Some(video), true) = (&video, processor.family != Family::Llama4) {
            processor.video = video_processor(video)?;
        }
        Ok(processor)
    }

    /// What an mmproj with this projector has no key for and is taken as published, for who looks at one.
    pub fn assumed_of_mmproj(projector: &str) -> Option<String> {
        let Sampling { max_frames, fps } = PUBLISHED_SAMPLING;
        match projector {
            "idefics3" => Some(format!("videos: {fps} frame a second, at most {max_frames}; assumed, it does not say")),
            "llama4" => Some(format!("pictures: at most {PUBLISHED_MAX_PATCHES} tiles; assumed, it does not say")),
            _ => None,
        }
    }

    /// What an mmproj says, the rest being the class's defaults: Lanczos for Idefics3, which SmolVLM's files also call
    /// themselves, bilinear for Llama 4, and what [`Processor::assumed_of_mmproj`] names.
    ///
    /// # Errors
    /// The projector is not known, or a number is out of range.
    pub fn from_mmproj(parameters: &MmprojParameters) -> Result<Self, VisionError> {
        let setting = |key: &str, found: String, expected: &str| VisionError::Setting {
            file: parameters.file.clone(),
            key: key.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        let tile = parameters.image_size;
        if !(1..=MAX_TILE).contains(&tile) {
            let expected = format!("a whole number from 1 to {MAX_TILE}");
            return Err(setting("clip.vision.image_size", tile.to_string(), &expected));
        }
        let (mean, std) = (parameters.image_mean, parameters.image_std);
        if !mean.iter().all(|v| v.is_finite()) {
            return Err(setting("clip.vision.image_mean", format!("{mean:?}"), "three numbers"));
        }
        if !std.iter().all(|v| v.is_finite() && *v > 0.0) {
            return Err(setting("clip.vision.image_std", format!("{std:?}"), "three numbers greater than 0"));
        }
        let normalisation = Normalisation { rescale: Some(1.0 / 255.0), normalise: Some((mean, std)) };
        match parameters.projector.as_str() {
            "idefics3" => {
                let longest = parameters.preproc_image_size.unwrap_or(tile * LONGEST_EDGE_IN_TILES);
                if !(1..=MAX_EDGE).contains(&longest) || longest.min(MAX_IMAGE_SIZE).div_ceil(tile) > MAX_TILES_A_SIDE {
                    let expected = format!("at most {MAX_TILES_A_SIDE} tiles of {tile} pixels");
                    return Err(setting("clip.vision.preproc_image_size", longest.to_string(), &expected));
                }
                Ok(Self {
                    family: Family::SmolVlm,
                    filter: Filter::Lanczos,
                    levels: Levels::new(normalisation, Steps::Pillow),
                    shape: Shape::Tiling(Tiling { size: Size::LongestEdge(longest), tile, split: true }),
                    video: Some(VideoSettings {
                        sampling: PUBLISHED_SAMPLING,
                        filter: Filter::Lanczos,
                        levels: Levels::new(normalisation, Steps::Torchvision),
                        tiling: Tiling { size: Size::LongestEdge(tile), tile, split: false },
                    }),
                    image_seq_len: None,
                })
            }
            "llama4" => Ok(Self {
                family: Family::Llama4,
                filter: Filter::Bilinear,
                levels: Levels::new(normalisation, Steps::Bf16),
                shape: Shape::Canvas(Canvas { tile, max_patches: PUBLISHED_MAX_PATCHES, resize_to_max_canvas: false }),
                video: None,
                image_seq_len: None,
            }),
            other => {
                Err(setting("clip.projector_type", crate::error::one_line(&format!("`{other}`")), "idefics3 or llama4"))
            }
        }
    }
}

fn image_processor(keys: &Keys, model_type: &str) -> Result<Processor, VisionError> {
    let family = family(keys, model_type)?;
    let (shape, filter, steps) = match family {
        Family::Idefics3 | Family::SmolVlm => {
            let split = keys.flag("do_image_splitting")?.unwrap_or(true);
            only(keys, &["do_image_splitting", "max_image_size", "size", "video_sampling", "fps", "num_frames"])?;
            let tile = tile(keys)?;
            let size = longest_edge_or_both(keys)?.unwrap_or(Size::LongestEdge(LONGEST_EDGE_IN_TILES * DEFAULT_TILE));
            let longest = match size {
                Size::LongestEdge(longest) => longest.min(MAX_IMAGE_SIZE),
                Size::Exactly { height, width } => height.max(width),
            };
            if longest.div_ceil(tile) > MAX_TILES_A_SIDE {
                let expected = format!("at least a {MAX_TILES_A_SIDE}th of the size {longest}");
                return Err(keys.error("max_image_size", expected));
            }
            let filter = filter(keys, Filter::Lanczos, Arithmetic::Pillow)?;
            (Shape::Tiling(Tiling { size, tile, split }), filter, Steps::Pillow)
        }
        Family::Llama4 => {
            only(keys, &["max_patches", "resize_to_max_canvas", "size"])?;
            let filter = filter(keys, Filter::Bilinear, Arithmetic::Torchvision)?;
            (Shape::Canvas(canvas(keys)?), filter, Steps::Bf16)
        }
    };
    let levels = Levels::new(normalisation(keys)?, steps);
    Ok(Processor { family, filter, levels, shape, video: None, image_seq_len: None })
}

/// `None` where the settings do not say how frames are sampled: the model takes no videos.
fn video_processor(keys: &Keys) -> Result<Option<VideoSettings>, VisionError> {
    if let Some(class) = keys.text("video_processor_type")?
        && class != "SmolVLMVideoProcessor"
    {
        return Err(keys.error("video_processor_type", "SmolVLMVideoProcessor"));
    }
    let nested = keys.object("video_sampling")?;
    let (max_frames, fps) = match &nested {
        Some(nested) => (nested.whole("max_frames", MAX_FRAMES)?, nested.positive("fps")?),
        None => (keys.whole("num_frames", MAX_FRAMES)?, keys.positive("fps")?),
    };
    let (Some(max_frames), Some(fps)) = (max_frames, fps) else { return Ok(None) };
    only(keys, &["do_image_splitting", "max_image_size", "size", "video_sampling", "fps", "num_frames"])?;
    // `size`, where it is given, replaces `video_sampling.video_size`.
    let size = match (longest_edge_or_both(keys)?, &nested) {
        (Some(size), _) => Some(size),
        (None, Some(nested)) => edge_or_both(nested, "video_size")?,
        (None, None) => None,
    };
    let size = match size.unwrap_or(Size::LongestEdge(LONGEST_EDGE_IN_TILES * DEFAULT_TILE)) {
        Size::LongestEdge(longest) => Size::LongestEdge(longest.min(MAX_IMAGE_SIZE)),
        both => both,
    };
    Ok(Some(VideoSettings {
        sampling: Sampling { max_frames, fps },
        filter: filter(keys, Filter::Lanczos, Arithmetic::Torchvision)?,
        levels: Levels::new(normalisation(keys)?, Steps::Torchvision),
        tiling: Tiling { size, tile: tile(keys)?, split: false },
    }))
}

/// The class, under the names of its backends too; where none is named, the model's own.
fn family(keys: &Keys, model_type: &str) -> Result<Family, VisionError> {
    let key =
        if keys.get("image_processor_type").is_some() { "image_processor_type" } else { "feature_extractor_type" };
    let class = keys.text(key)?.map(|class| class.trim_end_matches("Fast").trim_end_matches("Pil"));
    Ok(match (class, model_type) {
        (Some("Idefics3ImageProcessor"), _) | (None, "idefics3") => Family::Idefics3,
        (Some("SmolVLMImageProcessor"), _) | (None, "smolvlm") => Family::SmolVlm,
        (Some("Llama4ImageProcessor"), _) | (None, "llama4") => Family::Llama4,
        _ => {
            let expected = "Idefics3ImageProcessor, SmolVLMImageProcessor or Llama4ImageProcessor";
            return Err(keys.error("image_processor_type", expected));
        }
    })
}

/// Refuses keys that are neither read for every class, nor in `read`, nor known to be without effect.
fn only(keys: &Keys, read: &[&str]) -> Result<(), VisionError> {
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

fn filter(keys: &Keys, default: Filter, arithmetic: Arithmetic) -> Result<Filter, VisionError> {
    if keys.flag("do_resize")? == Some(false) {
        return Err(keys.error("do_resize", "true: a tower takes tiles of one size"));
    }
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

fn normalisation(keys: &Keys) -> Result<Normalisation, VisionError> {
    let rescale = keys.positive("rescale_factor")?.unwrap_or(1.0 / 255.0);
    let mean = keys.channels("image_mean")?.unwrap_or([0.5; 3]);
    let std = keys.channels("image_std")?.unwrap_or([0.5; 3]);
    if !std.iter().all(|&std| std > 0.0) {
        return Err(keys.error("image_std", "three numbers greater than 0"));
    }
    Ok(Normalisation {
        rescale: keys.flag("do_rescale")?.unwrap_or(true).then_some(rescale),
        normalise: keys.flag("do_normalize")?.unwrap_or(true).then_some((mean, std)),
    })
}

/// `max_image_size`.
fn tile(keys: &Keys) -> Result<usize, VisionError> {
    let Some(size) = keys.object("max_image_size")? else { return Ok(DEFAULT_TILE) };
    match size.names().find(|&key| key != "longest_edge") {
        Some(key) => Err(size.error(key, "longest_edge alone: tiles are square")),
        None => size
            .whole("longest_edge", MAX_TILE)?
            .ok_or_else(|| size.error("longest_edge", format!("a whole number from 1 to {MAX_TILE}"))),
    }
}

fn longest_edge_or_both(keys: &Keys) -> Result<Option<Size>, VisionError> {
    edge_or_both(keys, "size")
}

/// The object under `key`: `longest_edge`, or `height` and `width`.
fn edge_or_both(keys: &Keys, key: &str) -> Result<Option<Size>, VisionError> {
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

fn canvas(keys: &Keys) -> Result<Canvas, VisionError> {
    let tile = match edge_or_both(keys, "size")? {
        None => 336,
        Some(Size::Exactly { height, width }) if height == width => height,
        Some(_) => return Err(keys.error("size", "height and width, the same: tiles are square")),
    };
    let max_patches = keys.whole("max_patches", MAX_PATCHES)?.unwrap_or(PUBLISHED_MAX_PATCHES);
    if max_patches * tile * tile > MAX_CANVAS_PIXELS {
        return Err(keys.error("max_patches", format!("at most {MAX_CANVAS_PIXELS} pixels in all of its tiles")));
    }
    Ok(Canvas { tile, max_patches, resize_to_max_canvas: keys.flag("resize_to_max_canvas")?.unwrap_or(false) })
}
