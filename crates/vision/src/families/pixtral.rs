//! Mistral Small 3 and Ministral 3: the picture shrinks below its longest edge, its edges whole squares of patches; every row
//! of features ends with a token of its own.
//!
//! Source: transformers' image_processing_pil_pixtral.py, processing_pixtral.py. Divisions are f64 as Python's.

use super::{CLIP, Family, Image, Mmproj, Shown};
use crate::VisionError;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_MERGE, MAX_TILE, Size, edge_or_both, filter, only};
use crate::processor::{Cut, Cutting, MmprojParameters, ReferencePixels};
use crate::resize::{Arithmetic, Filter};

pub(crate) const FAMILY: Family = Family {
    model_types: &["mistral3"],
    image_processor: "PixtralImageProcessor",
    mean_and_std: CLIP,
    image: settings,
    tokens: &[("image_token", IMAGE), ("image_break_token", BREAK), ("image_end_token", END)],
    video: None,
    mmproj: &[Mmproj {
        projector: "pixtral",
        assumed: || "pictures: shrunk below the tower's largest size; assumed, it does not say".to_owned(),
        image: of_mmproj,
        video: None,
    }],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "[IMG]";
const BREAK: &str = "[IMG_BREAK]";
const END: &str = "[IMG_END]";

/// The squares are those of the processor: what its image processor's own `patch_size` says it replaces
/// (`PixtralProcessor._process_images`).
fn settings(keys: &Keys, outer: &Keys) -> Result<Image, VisionError> {
    only(keys, &["patch_size", "size"])?;
    let most = match edge_or_both(keys, "size")?.unwrap_or(Size::LongestEdge(1024)) {
        Size::LongestEdge(longest) => (longest, longest),
        Size::Exactly { height, width } => (height, width),
    };
    if most.0.max(most.1) > MAX_TILE {
        return Err(keys.error("size", format!("at most {MAX_TILE} pixels an edge")));
    }
    let patch = outer.whole("patch_size", MAX_TILE)?.unwrap_or(16);
    let merge = outer.whole("spatial_merge_size", MAX_MERGE)?.unwrap_or(1);
    if patch * merge > MAX_TILE {
        return Err(outer.error("patch_size", format!("at most {MAX_TILE} pixels along {merge} patches")));
    }
    let filter = filter(keys, Filter::Bicubic, Arithmetic::Pillow)?;
    Ok(Image::pillow(Bounded { most, square: patch * merge }, filter, ReferencePixels::Planes))
}

fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    let longest = parameters.preproc_image_size.unwrap_or(parameters.image_size);
    if !(1..=MAX_TILE).contains(&longest) {
        let expected = format!("a whole number from 1 to {MAX_TILE}");
        return Err(parameters.error("clip.vision.preproc_image_size", longest.to_string(), &expected));
    }
    let merge = parameters.whole("spatial_merge_size", MAX_MERGE)?.unwrap_or(1);
    let square = parameters.patch_size()? * merge;
    Ok(Image::pillow(Bounded { most: (longest, longest), square }, Filter::Bicubic, ReferencePixels::Planes))
}

/// `replace_image_token`.
fn write(shown: &Shown, out: &mut String) {
    let (rows, cols) = shown.tiles[0];
    let row = IMAGE.repeat(cols);
    let rows = vec![row.as_str(); rows];
    out.push_str(&rows.join(BREAK));
    out.push_str(END);
}

/// The settings that decide the size.
#[derive(Debug)]
struct Bounded {
    /// The greatest height and width, in pixels, before they are made whole squares.
    most: (usize, usize),
    /// Pixels along the edge of the square of patches that becomes one feature.
    square: usize,
}

impl Cutting for Bounded {
    fn feature(&self) -> Option<usize> {
        Some(self.square)
    }

    fn longest_edge(&self) -> Option<usize> {
        (self.most.0 == self.most.1).then_some(self.most.0)
    }

    /// `get_resize_output_image_size`. A side that shrinks to nothing the reference makes 0 squares of, and then fails.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let shrink = (height as f64 / self.most.0 as f64).max(width as f64 / self.most.1 as f64);
        let side = |side: usize| if shrink > 1.0 { (side as f64 / shrink).floor() as usize } else { side };
        let (rows, cols) = (side(height).div_ceil(self.square), side(width).div_ceil(self.square));
        if rows == 0 || cols == 0 {
            let what = format!("a side vanishes when the other has {} pixels", self.most.0.max(self.most.1));
            return Err(VisionError::Shape { width, height, what });
        }
        Ok(Cut::whole((rows * self.square, cols * self.square)))
    }
}
