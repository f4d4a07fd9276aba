//! MiniCPM-V 4.6: a view of the whole picture, and where it is large, slices of it enlarged.
//!
//! Source: transformers' image_processing_pil_minicpmv4_6.py, processing_minicpmv4_6.py. Divisions, roots and logarithms are
//! f64 as Python's.

use std::fmt::Write;

use super::qwen2_vl::nearest;
use super::{CENTRED, Family, Image, Shown};
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_PIXELS, MAX_TILE, filter, only};
use crate::processor::{Cut, Cutting, Grid, ReferencePixels, TileWriter};
use crate::resize::{Arithmetic, Filter, resize};
use crate::{Picture, VisionError};

pub(crate) const FAMILY: Family = Family {
    model_types: &["minicpmv4_6"],
    image_processor: "MiniCPMV4_6ImageProcessor",
    mean_and_std: CENTRED,
    image: settings,
    tokens: &[("image_token", IMAGE)],
    video: None,
    mmproj: &[],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "<|image_pad|>";
/// The most slices; published settings have 9.
const MAX_SLICES: usize = 64;

fn settings(keys: &Keys, outer: &Keys) -> Result<Image, VisionError> {
    const READ: &[&str] =
        &["downsample_mode", "max_slice_nums", "patch_size", "scale_resolution", "slice_mode", "use_image_id"];
    only(keys, READ)?;
    for keys in [outer, keys] {
        if keys.flag("use_image_id")? == Some(false) {
            return Err(keys.error("use_image_id", "true: pictures are numbered"));
        }
    }
    let merge = match keys.text("downsample_mode")?.unwrap_or("16x") {
        "4x" => 2,
        "16x" => 4,
        _ => return Err(keys.error("downsample_mode", "\"4x\" or \"16x\"")),
    };
    let patch = keys.whole("patch_size", MAX_TILE)?.unwrap_or(14);
    let slicing = Slicing {
        square: patch * merge,
        scale: keys.whole("scale_resolution", MAX_TILE)?.unwrap_or(448),
        slices: keys.whole("max_slice_nums", MAX_SLICES)?.unwrap_or(9),
        split: keys.flag("slice_mode")?.unwrap_or(true),
    };
    if slicing.scale.max(slicing.square).pow(2) * (slicing.slices + 1) > MAX_PIXELS {
        return Err(keys.error("scale_resolution", format!("at most {MAX_PIXELS} pixels in all slices")));
    }
    let filter = filter(keys, Filter::Bicubic, Arithmetic::Pillow)?;
    Ok(Image::pillow(slicing, filter, ReferencePixels::Strip { patch }))
}

/// `replace_image_token`, `_prepend_local_ids`.
fn write(shown: &Shown, out: &mut String) {
    let view = shown.features(IMAGE, 0);
    let _ = write!(out, "<image_id>{}</image_id><image>{view}</image>", shown.index);
    for slice in 1..shown.tiles.len() {
        if slice > 1 && (slice - 1) % shown.grid.cols == 0 {
            out.push('\n');
        }
        let _ = write!(out, "<slice>{}</slice>", shown.features(IMAGE, slice));
    }
}

/// The settings that decide the slices.
#[derive(Debug)]
struct Slicing {
    /// Pixels along the edge of the square of patches that becomes one feature.
    square: usize,
    /// Edge of a square as large as the view and each slice are made.
    scale: usize,
    /// The most slices.
    slices: usize,
    split: bool,
}

impl Slicing {
    /// `find_best_resize` of a height and width that need not be whole.
    fn best(&self, (height, width): (f64, f64), may_enlarge: bool) -> (usize, usize) {
        let scale = self.scale as f64;
        let (height, width) = if height * width > scale * scale || may_enlarge {
            let aspect = width / height;
            let height = (scale / aspect.sqrt()).trunc();
            (height, (height * aspect).trunc())
        } else {
            (height, width)
        };
        let whole = |side: f64| nearest(side as usize, self.square).max(self.square);
        (whole(height), whole(width))
    }

    /// `get_refine_size`: height and width of a slice.
    fn slice(&self, height: usize, width: usize, grid: Grid) -> (usize, usize) {
        let part = |side: usize, parts: usize| nearest(side, parts).max(parts) as f64 / parts as f64;
        self.best((part(height, grid.rows), part(width, grid.cols)), true)
    }

    /// `get_sliced_grid`: about as many slices as the picture is larger than a view, in the shape nearest to its own.
    fn grid(&self, width: usize, height: usize) -> Option<Grid> {
        let shape = (width as f64 / height as f64).ln();
        let views = (width * height) as f64 / (self.scale * self.scale) as f64;
        let views = (views.ceil() as usize).min(self.slices);
        if !self.split || views <= 1 {
            return None;
        }
        let mut best = (f64::INFINITY, Grid { rows: 1, cols: 1 });
        for slices in (views - 1..=views + 1).filter(|&slices| slices > 1 && slices <= self.slices) {
            for rows in (1..=slices).filter(|rows| slices % rows == 0) {
                let grid = Grid { rows, cols: slices / rows };
                let error = (shape - (grid.cols as f64 / rows as f64).ln()).abs();
                if error < best.0 || (error == best.0 && rows > best.1.rows) {
                    best = (error, grid);
                }
            }
        }
        Some(best.1)
    }
}

impl Cutting for Slicing {
    fn feature(&self) -> Option<usize> {
        Some(self.square)
    }

    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let grid = self.grid(width, height);
        let view = self.best((height as f64, width as f64), grid.is_none());
        let mut tiles = vec![view];
        if let Some(grid) = grid {
            tiles.extend(vec![self.slice(height, width, grid); grid.rows * grid.cols]);
        }
        Ok(Cut { grid: grid.unwrap_or(Grid::WHOLE), resized: view, tiles })
    }

    /// Writes the view of the whole picture, then its slices row by row.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let (height, width) = cut.resized;
        tiles.push(&resize(picture, width, height, filter, arithmetic), (0, 0), cut.resized);
        let Some(&slice) = cut.tiles.get(1) else { return };
        let Grid { rows, cols } = cut.grid;
        let enlarged = resize(picture, slice.1 * cols, slice.0 * rows, filter, arithmetic);
        tiles.push_grid(&enlarged, cut.grid, slice);
    }
}
