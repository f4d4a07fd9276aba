//! Qwen2-VL and those after it, up to Qwen3.5, and LFM3-VL: the picture keeps its shape, its edges whole squares of patches.
//!
//! Source: transformers' image_processing_pil_qwen2_vl.py, processing_qwen3_vl.py. Divisions and roots are f64 as Python's.

use super::{CLIP, Family, Image, Mmproj, Shown};
use crate::VisionError;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_MERGE, MAX_PIXELS, MAX_TILE, filter, only};
use crate::processor::{Cut, Cutting, MmprojParameters, ReferencePixels};
use crate::resize::{Arithmetic, Filter};

pub(crate) const FAMILY: Family = Family {
    model_types: &["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "lfm3_vl"],
    image_processor: "Qwen2VLImageProcessor",
    mean_and_std: CLIP,
    image: settings,
    tokens: &[("image_token", IMAGE)],
    video: None,
    mmproj: &[
        Mmproj { projector: "qwen2vl_merger", assumed: || assumed(QWEN2), image: |of| published(of, QWEN2), video: None },
        Mmproj { projector: "qwen2.5vl_merger", assumed: || assumed(QWEN2), image: |of| published(of, QWEN2), video: None },
        Mmproj { projector: "qwen3vl_merger", assumed: || assumed(QWEN3), image: |of| published(of, QWEN3), video: None },
    ],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "<|image_pad|>";
/// The longer edge over the shorter may be this much (`smart_resize`).
const MAX_ASPECT: f64 = 200.0;
/// The same picture is given as so many frames.
const MAX_FRAMES_A_PATCH: usize = 16;

/// Pixels of a resized picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub least: usize,
    pub most: usize,
}

/// What the class takes.
const DEFAULT: Area = Area { least: 56 * 56, most: 28 * 28 * 1280 };
/// What the published files of Qwen2-VL and Qwen2.5-VL say, and those of Qwen3-VL and Qwen3.5.
const QWEN2: Area = Area { least: 3136, most: 12_845_056 };
const QWEN3: Area = Area { least: 65_536, most: 16_777_216 };

fn settings(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    only(keys, &["max_pixels", "merge_size", "min_pixels", "patch_size", "size", "temporal_patch_size"])?;
    let patch = keys.whole("patch_size", MAX_TILE)?.unwrap_or(14);
    let merge = keys.whole("merge_size", MAX_MERGE)?.unwrap_or(2);
    let frames = keys.whole("temporal_patch_size", MAX_FRAMES_A_PATCH)?.unwrap_or(2);
    if (patch * merge).pow(2) > MAX_PIXELS {
        return Err(keys.error("patch_size", format!("at most {MAX_PIXELS} pixels in {merge} x {merge} patches")));
    }
    let filter = filter(keys, Filter::Bicubic, Arithmetic::Pillow)?;
    let squares = Squares { factor: patch * merge, area: area(keys)? };
    Ok(Image::pillow(squares, filter, ReferencePixels::Squares { patch, merge, frames }))
}

/// `size`, whose edges are areas in spite of their names, or what older files say in its stead.
fn area(keys: &Keys) -> Result<Area, VisionError> {
    let older = (keys.whole("min_pixels", MAX_PIXELS)?, keys.whole("max_pixels", MAX_PIXELS)?);
    let Some(size) = keys.object("size")? else {
        return Ok(Area { least: older.0.unwrap_or(DEFAULT.least), most: older.1.unwrap_or(DEFAULT.most) });
    };
    const EDGES: [&str; 4] = ["shortest_edge", "longest_edge", "min_pixels", "max_pixels"];
    if let Some(other) = size.names().find(|key| !EDGES.contains(key)) {
        return Err(size.error(other, "shortest_edge and longest_edge"));
    }
    let edge = |key, older: Option<usize>| match older {
        Some(pixels) => Ok(pixels),
        None => size
            .whole(key, MAX_PIXELS)?
            .ok_or_else(|| size.error(key, format!("a whole number from 1 to {MAX_PIXELS}"))),
    };
    Ok(Area { least: edge("shortest_edge", older.0)?, most: edge("longest_edge", older.1)? })
}

fn assumed(Area { least, most }: Area) -> String {
    format!("pictures: from {least} to {most} pixels; assumed, it does not say")
}

/// What an mmproj does not say is as published.
fn published(parameters: &MmprojParameters, area: Area) -> Result<Image, VisionError> {
    let patch = parameters.patch_size()?;
    let merge = parameters.whole("spatial_merge_size", MAX_MERGE)?.unwrap_or(2);
    let least = parameters.whole("image_min_pixels", MAX_PIXELS)?.unwrap_or(area.least);
    let most = parameters.whole("image_max_pixels", MAX_PIXELS)?.unwrap_or(area.most);
    let squares = Squares { factor: patch * merge, area: Area { least, most } };
    Ok(Image::pillow(squares, Filter::Bicubic, ReferencePixels::Squares { patch, merge, frames: 2 }))
}

/// `replace_image_token`; the template writes what stands around it.
fn write(shown: &Shown, out: &mut String) {
    out.push_str(&shown.features(IMAGE, 0));
}

/// The settings that decide the size.
#[derive(Debug)]
struct Squares {
    /// Pixels along the edge of the square of patches that becomes one feature.
    factor: usize,
    area: Area,
}

impl Cutting for Squares {
    fn feature(&self) -> Option<usize> {
        Some(self.factor)
    }

    /// `smart_resize`.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let aspect = width.max(height) as f64 / width.min(height) as f64;
        if aspect > MAX_ASPECT {
            let what = format!("one side is {aspect} times the other, of at most {MAX_ASPECT}");
            return Err(VisionError::Shape { width, height, what });
        }
        let rounded = (nearest(height, self.factor), nearest(width, self.factor));
        Ok(Cut::whole(within((height, width), rounded, self.factor, self.area)))
    }
}

/// The multiple of `factor` that is nearest to `side`, of two the even one, as Python's `round` has it.
pub(super) fn nearest(side: usize, factor: usize) -> usize {
    (side as f64 / factor as f64).round_ties_even() as usize * factor
}

/// `rounded`, unless its area is outside `area`: then `(height, width)` scaled to it, edges multiples of `factor`.
pub(super) fn within(
    (height, width): (usize, usize),
    rounded: (usize, usize),
    factor: usize,
    area: Area,
) -> (usize, usize) {
    let picture = (height * width) as f64;
    let pixels = rounded.0.saturating_mul(rounded.1);
    if pixels > area.most {
        let shrink = (picture / area.most as f64).sqrt();
        let down = |side: usize| ((side as f64 / shrink / factor as f64).floor() as usize * factor).max(factor);
        (down(height), down(width))
    } else if pixels < area.least {
        let enlarge = (area.least as f64 / picture).sqrt();
        let up = |side: usize| (side as f64 * enlarge / factor as f64).ceil() as usize * factor;
        (up(height), up(width))
    } else {
        rounded
    }
}
