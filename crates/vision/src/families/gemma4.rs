//! Gemma 4: the picture is scaled until its patches are as many as are allowed, its edges whole squares of patches.
//!
//! Source: transformers' image_processing_pil_gemma4.py, processing_gemma4.py. Divisions and roots are f64 as Python's.

use super::{Family, Image, Mmproj, Shown};
use crate::VisionError;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_MERGE, MAX_PIXELS, MAX_TILE, filter, only};
use crate::processor::{Cut, Cutting, MmprojParameters, ReferencePixels};
use crate::resize::{Arithmetic, Filter};

pub(crate) const FAMILY: Family = Family {
    model_types: &["gemma4"],
    image_processor: "Gemma4ImageProcessor",
    // Levels stay between 0 and 1.
    mean_and_std: ([0.0; 3], [1.0; 3]),
    image: settings,
    tokens: &[("image_token", IMAGE), ("boi_token", BEGIN), ("eoi_token", END)],
    video: None,
    mmproj: &[Mmproj {
        projector: "gemma4v",
        assumed: || format!("pictures: at most {DEFAULT_TOKENS} features; assumed, it does not say"),
        image: of_mmproj,
        video: None,
    }],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "<|image|>";
const BEGIN: &str = "<|image>";
const END: &str = "<image|>";
const DEFAULT_TOKENS: usize = 280;
const DEFAULT_POOLING: usize = 3;
/// `_SUPPORTED_SOFT_TOKENS`
const TOKENS: [usize; 5] = [70, 140, 280, 560, 1120];

fn settings(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    // `size` is the base class's and not looked at.
    only(keys, &["max_soft_tokens", "patch_size", "pooling_kernel_size", "size"])?;
    let tokens = keys.whole("max_soft_tokens", MAX_PIXELS)?.unwrap_or(DEFAULT_TOKENS);
    if !TOKENS.contains(&tokens) {
        return Err(keys.error("max_soft_tokens", "70, 140, 280, 560 or 1120"));
    }
    let patch = keys.whole("patch_size", MAX_TILE)?.unwrap_or(16);
    let pooling = keys.whole("pooling_kernel_size", MAX_MERGE)?.unwrap_or(DEFAULT_POOLING);
    if tokens * (patch * pooling).pow(2) > MAX_PIXELS {
        let expected = format!("at most {MAX_PIXELS} pixels in {tokens} squares of {pooling} x {pooling} patches");
        return Err(keys.error("patch_size", expected));
    }
    let filter = filter(keys, Filter::Bicubic, Arithmetic::Pillow)?;
    Ok(Image::pillow(Squares { patch, pooling, tokens }, filter, ReferencePixels::Rows { patch }))
}

fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    let patch = parameters.patch_size()?;
    let pooling = parameters.whole("projector.scale_factor", MAX_MERGE)?.unwrap_or(DEFAULT_POOLING);
    let squares = Squares { patch, pooling, tokens: DEFAULT_TOKENS };
    Ok(Image::pillow(squares, Filter::Bicubic, ReferencePixels::Rows { patch }))
}

/// `replace_image_token`.
fn write(shown: &Shown, out: &mut String) {
    out.push_str(BEGIN);
    out.push_str(&shown.features(IMAGE, 0));
    out.push_str(END);
}

/// The settings that decide the size.
#[derive(Debug)]
struct Squares {
    /// Edge of a patch, in pixels.
    patch: usize,
    /// Patches along the edge of the square that becomes one feature.
    pooling: usize,
    /// The most features.
    tokens: usize,
}

impl Cutting for Squares {
    fn feature(&self) -> Option<usize> {
        Some(self.patch * self.pooling)
    }

    /// `get_aspect_ratio_preserving_size`. A side that would vanish keeps one square, the other at most all of them.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let square = self.patch * self.pooling;
        let pixels = self.tokens * square * square;
        let scale = (pixels as f64 / (height * width) as f64).sqrt();
        let squares = |side: usize| (scale * side as f64 / square as f64).floor() as usize;
        let (rows, cols) = match (squares(height), squares(width)) {
            (0, _) => (1, (width / height).min(self.tokens)),
            (_, 0) => ((height / width).min(self.tokens), 1),
            both => both,
        };
        if rows * cols > self.tokens {
            let what = format!("{rows} x {cols} squares of patches are more than {}", self.tokens);
            return Err(VisionError::Shape { width, height, what });
        }
        Ok(Cut::whole((rows * square, cols * square)))
    }
}
