//! SmolVLM2: the tiles of Idefics3, and videos, whose frames are one tile each.
//!
//! Source: transformers' image_processing_pil_smolvlm.py (the same arithmetic as Idefics3's), video_processing_smolvlm.py,
//! processing_smolvlm.py.

use std::fmt::Write;
use std::sync::Arc;

use super::idefics3::{
    self, DEFAULT_SIZE, LONGEST_EDGE_IN_TILES, MAX_IMAGE_SIZE, MAX_TILES_A_SIDE, READ, Tiling, tile,
};
use super::words::words;
use super::{Family, Frames, Image, Mmproj, VideoFamily};
use crate::VisionError;
use crate::levels::Steps;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_EDGE, MAX_FRAMES, Size, edge_or_both, filter, only};
use crate::processor::{Grid, MmprojParameters, ReferencePixels};
use crate::resize::{Arithmetic, Filter};
use crate::video::FrameSampling;

pub(crate) const FAMILY: Family = Family {
    model_types: &["smolvlm"],
    image_processor: "SmolVLMImageProcessor",
    mmproj: &[Mmproj {
        // The files of SmolVLM call themselves so too.
        projector: "idefics3",
        assumed: || {
            let FrameSampling { max_frames, fps } = PUBLISHED_SAMPLING;
            format!("videos: {fps} frame a second, at most {max_frames}; assumed, it does not say")
        },
        image: of_mmproj,
        video: Some(frames_of_mmproj),
    }],
    ..idefics3::FAMILY
};

pub(super) const VIDEO: VideoFamily = VideoFamily {
    processor: "SmolVLMVideoProcessor",
    frames,
    placeholder: "<video>",
    write,
    chat_template: CHAT_TEMPLATE,
};

/// What the published settings sample, for files that cannot say it.
const PUBLISHED_SAMPLING: FrameSampling = FrameSampling { max_frames: 64, fps: 1.0 };

/// The chat template that the reference uses instead of the checkpoint's own as soon as a conversation holds a video
/// (`DEFAULT_CHAT_TEMPLATE`): older ones write nothing for it.
const CHAT_TEMPLATE: &str = concat!(
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}",
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}",
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}",
    "{% elif line['type'] == 'image' %}{{ '<image>' }}",
    "{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}",
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
);

/// `None` where the settings do not say how frames are sampled: the model takes no videos.
fn frames(keys: &Keys) -> Result<Option<Frames>, VisionError> {
    let nested = keys.object("video_sampling")?;
    let (max_frames, fps) = match &nested {
        Some(nested) => (nested.whole("max_frames", MAX_FRAMES)?, nested.positive("fps")?),
        None => (keys.whole("num_frames", MAX_FRAMES)?, keys.positive("fps")?),
    };
    let (Some(max_frames), Some(fps)) = (max_frames, fps) else { return Ok(None) };
    only(keys, READ)?;
    // `size`, where it is given, replaces `video_sampling.video_size`.
    let size = match (edge_or_both(keys, "size")?, &nested) {
        (Some(size), _) => Some(size),
        (None, Some(nested)) => edge_or_both(nested, "video_size")?,
        (None, None) => None,
    };
    let size = match size.unwrap_or(DEFAULT_SIZE) {
        Size::LongestEdge(longest) => Size::LongestEdge(longest.min(MAX_IMAGE_SIZE)),
        both => both,
    };
    let filter = filter(keys, Filter::Lanczos, Arithmetic::Torchvision)?;
    Ok(Some(framed(FrameSampling { max_frames, fps }, Tiling { size, tile: tile(keys)?, split: false }, filter)))
}

fn framed(sampling: FrameSampling, tiling: Tiling, filter: Filter) -> Frames {
    let cutting = Arc::new(tiling);
    Frames {
        sampling,
        image: Image { cutting, filter, arithmetic: Arithmetic::Torchvision, steps: Steps::Torchvision, pixels: ReferencePixels::Planes },
    }
}

/// What an mmproj does not say is the class's default.
fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    let tile = parameters.image_size;
    let longest = parameters.preproc_image_size.unwrap_or(tile * LONGEST_EDGE_IN_TILES);
    if !(1..=MAX_EDGE).contains(&longest) || longest.min(MAX_IMAGE_SIZE).div_ceil(tile) > MAX_TILES_A_SIDE {
        let expected = format!("at most {MAX_TILES_A_SIDE} tiles of {tile} pixels");
        return Err(parameters.error("clip.vision.preproc_image_size", longest.to_string(), &expected));
    }
    let tiling = Tiling { size: Size::LongestEdge(longest), tile, split: true };
    Ok(Image::pillow(tiling, Filter::Lanczos, ReferencePixels::Planes))
}

fn frames_of_mmproj(parameters: &MmprojParameters) -> Frames {
    let tile = parameters.image_size;
    framed(PUBLISHED_SAMPLING, Tiling { size: Size::LongestEdge(tile), tile, split: false }, Filter::Lanczos)
}

/// `replace_video_token`.
fn write(timestamps: &[f64], duration: f64, features: &str, out: &mut String) {
    let frames = words(timestamps.len());
    let duration = hours(duration as u64);
    let _ =
        writeln!(out, "You are provided the following series of {frames} frames from a {duration} [H:MM:SS] video.");
    for &seconds in timestamps {
        let seconds = seconds as u64;
        let _ = write!(out, "\nFrame from {:02}:{:02}:", seconds / 60, seconds % 60);
        idefics3::write_tiles(Grid::WHOLE, features, out);
    }
    out.push_str("\n\n");
}

/// As Python writes a `timedelta`: `0:00:10`, `1 day, 0:00:00`.
fn hours(seconds: u64) -> String {
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn durations_read_as_timedelta_writes_them() {
        let expected = [(0, "0:00:00"), (10, "0:00:10"), (3725, "1:02:05"), (86_400, "1 day, 0:00:00")];
        for (seconds, text) in expected {
            assert_eq!(hours(seconds), text);
        }
        assert_eq!(hours(2 * 86_400 + 61), "2 days, 0:01:01");
    }
}
