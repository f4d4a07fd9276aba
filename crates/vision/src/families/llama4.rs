//! Llama 4: the picture is fitted onto the canvas of whole tiles that suits it best, and the rest stays black.
//!
//! Source: transformers' image_processing_llama4.py, which exists for torchvision only, and processing_llama4.py. Part of its
//! arithmetic runs on tensors, that is in f32, and part on Python's numbers, in f64; both are kept, because sizes are rounded
//! down.

use std::sync::Arc;

use super::{CENTRED, Family, Image, Mmproj, Shown};
use crate::levels::Steps;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_PIXELS, Size, edge_or_both, filter, only};
use crate::processor::{Cut, Cutting, Grid, MmprojParameters, ReferencePixels, TileWriter};
use crate::resize::{Arithmetic, Filter, resize};
use crate::{Picture, VisionError};

pub(crate) const FAMILY: Family = Family {
    model_types: &["llama4"],
    image_processor: "Llama4ImageProcessor",
    mean_and_std: CENTRED,
    image: settings,
    tokens: &[("fake_image_token", PLACEHOLDER), ("image_token", PLACEHOLDER)],
    video: None,
    mmproj: &[Mmproj {
        projector: "llama4",
        assumed: || format!("pictures: at most {PUBLISHED_MAX_PATCHES} tiles; assumed, it does not say"),
        image: of_mmproj,
        video: None,
    }],
    placeholder: PLACEHOLDER,
    feature: PATCH,
    write,
    complete: |_, _| {},
};

const PLACEHOLDER: &str = "<|image|>";
const PATCH: &str = "<|patch|>";
/// Tiles that the published models cut a picture into at most.
const PUBLISHED_MAX_PATCHES: usize = 16;
const MAX_PATCHES: usize = 256;

fn settings(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    only(keys, &["max_patches", "resize_to_max_canvas", "size"])?;
    let filter = filter(keys, Filter::Bilinear, Arithmetic::Torchvision)?;
    Ok(image(canvas(keys)?, filter))
}

/// What an mmproj does not say is as published.
fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    let tile = parameters.image_size;
    Ok(image(Canvas { tile, max_patches: PUBLISHED_MAX_PATCHES, resize_to_max_canvas: false }, Filter::Bilinear))
}

fn image(canvas: Canvas, filter: Filter) -> Image {
    Image { cutting: Arc::new(canvas), filter, arithmetic: Arithmetic::Torchvision, steps: Steps::Bf16, pixels: ReferencePixels::Planes }
}

fn canvas(keys: &Keys) -> Result<Canvas, VisionError> {
    let tile = match edge_or_both(keys, "size")? {
        None => 336,
        Some(Size::Exactly { height, width }) if height == width => height,
        Some(_) => return Err(keys.error("size", "height and width, the same: tiles are square")),
    };
    let max_patches = keys.whole("max_patches", MAX_PATCHES)?.unwrap_or(PUBLISHED_MAX_PATCHES);
    if max_patches * tile * tile > MAX_PIXELS {
        return Err(keys.error("max_patches", format!("at most {MAX_PIXELS} pixels in all of its tiles")));
    }
    Ok(Canvas { tile, max_patches, resize_to_max_canvas: keys.flag("resize_to_max_canvas")?.unwrap_or(false) })
}

/// `_prompt_split_image`.
fn write(shown: &Shown, out: &mut String) {
    let features = &shown.features(PATCH, 0);
    out.push_str("<|image_start|>");
    for _ in 0..shown.grid.rows {
        for col in 0..shown.grid.cols {
            if col > 0 {
                out.push_str("<|tile_x_separator|>");
            }
            out.push_str(features);
        }
        out.push_str("<|tile_y_separator|>");
    }
    out.push_str(PLACEHOLDER);
    out.push_str(features);
    out.push_str("<|image_end|>");
}

/// The settings that decide the canvas.
#[derive(Debug)]
struct Canvas {
    /// Pixels of a tile's side.
    tile: usize,
    /// The most tiles, not counting the view of the whole picture.
    max_patches: usize,
    /// Whether small pictures are enlarged as far as a canvas allows.
    resize_to_max_canvas: bool,
}

/// What happens to a picture.
struct Plan {
    /// Height and width that the picture is resized to; the canvas may be larger.
    resized: (usize, usize),
    /// Tiles down and across, also if it is one.
    tiles: (usize, usize),
    grid: Grid,
}

impl Canvas {
    fn sizes(&self, width: usize, height: usize) -> Plan {
        let tiles = self.best_fit(height, width);
        let target = (tiles.0 * self.tile, tiles.1 * self.tile);
        let bound = |side: usize, target: usize| match side.max(self.tile) {
            most if self.resize_to_max_canvas || target < most => Bound::Tensor(target),
            most => Bound::Number(most),
        };
        let (h, w) = without_distortion((height, width), bound(height, target.0), bound(width, target.1));
        let grid = if tiles == (1, 1) { Grid::WHOLE } else { Grid { rows: tiles.0, cols: tiles.1 } };
        Plan { resized: (h.max(1), w.max(1)), tiles, grid }
    }

    /// `get_best_fit` over `find_supported_resolutions`: rows and columns of the canvas that shrinks the picture least,
    /// of those the smallest. Scales are f32, as the reference's tensors are.
    fn best_fit(&self, height: usize, width: usize) -> (usize, usize) {
        let canvases: Vec<(usize, usize)> = self.canvases();
        let scale = |&(rows, cols): &(usize, usize)| {
            let down = (rows * self.tile) as f32 / height as f32;
            let across = (cols * self.tile) as f32 / width as f32;
            if down > across { across } else { down }
        };
        let scales: Vec<f32> = canvases.iter().map(scale).collect();
        let enlarging = scales.iter().copied().filter(|&s| s >= 1.0);
        let chosen = if self.resize_to_max_canvas { enlarging.reduce(f32::max) } else { enlarging.reduce(f32::min) };
        let chosen = chosen.unwrap_or_else(|| scales.iter().copied().fold(0.0, f32::max));
        let fitting = canvases.iter().zip(&scales).filter(|(_, s)| **s == chosen).map(|(canvas, _)| *canvas);
        fitting.min_by_key(|(rows, cols)| rows * cols).unwrap_or((1, 1))
    }

    /// Rows and columns of every canvas, in the order of the reference: those of one shape together, shapes in the
    /// order in which they are met from the largest number of tiles down. The first of equals is taken.
    fn canvases(&self) -> Vec<(usize, usize)> {
        let mut shapes: Vec<(f64, Vec<(usize, usize)>)> = Vec::new();
        for n in (1..=self.max_patches).rev() {
            for rows in (1..=n).filter(|rows| n % rows == 0) {
                let (canvas, shape) = ((rows, n / rows), rows as f64 / (n / rows) as f64);
                match shapes.iter_mut().find(|(known, _)| *known == shape) {
                    Some((_, canvases)) => canvases.push(canvas),
                    None => shapes.push((shape, vec![canvas])),
                }
            }
        }
        shapes.into_iter().flat_map(|(_, canvases)| canvases).collect()
    }
}

impl Cutting for Canvas {
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let Plan { resized, grid, .. } = self.sizes(width, height);
        Ok(Cut { grid, resized, tiles: vec![(self.tile, self.tile); grid.rows * grid.cols + 1] })
    }

    /// Writes the tiles of `picture`, then its global view if there is more than one.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let size = (self.tile, self.tile);
        let plan = self.sizes(picture.width(), picture.height());
        let (height, width) = cut.resized;
        let resized = resize(picture, width, height, filter, arithmetic);
        tiles.push_grid(&resized, Grid { rows: plan.tiles.0, cols: plan.tiles.1 }, size);
        if cut.grid != Grid::WHOLE {
            tiles.push(&resize(picture, self.tile, self.tile, filter, arithmetic), (0, 0), size);
        }
    }
}

/// A side's bound: an element of a tensor, or a number of Python's.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Tensor(usize),
    Number(usize),
}

impl Bound {
    fn get(self) -> usize {
        match self {
            Bound::Tensor(side) | Bound::Number(side) => side,
        }
    }

    /// Bound / side.
    fn scale(self, side: usize) -> Scale {
        match self {
            Bound::Tensor(bound) => Scale::Tensor(bound as f32 / side as f32),
            Bound::Number(bound) => Scale::Number(bound as f64 / side as f64),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    Tensor(f32),
    Number(f64),
}

impl Scale {
    fn less_than(self, other: Scale) -> bool {
        let single = |scale: Scale| match scale {
            Scale::Tensor(scale) => scale,
            Scale::Number(scale) => scale as f32,
        };
        match (self, other) {
            (Scale::Number(a), Scale::Number(b)) => a < b,
            // A number compared with a tensor becomes a single.
            (a, b) => single(a) < single(b),
        }
    }

    fn of(self, side: usize) -> usize {
        match self {
            Scale::Tensor(scale) => (side as f32 * scale) as usize,
            Scale::Number(scale) => (side as f64 * scale) as usize,
        }
    }
}

/// `get_max_res_without_distortion`: the largest height and width of the picture's shape within the bounds.
fn without_distortion((height, width): (usize, usize), down: Bound, across: Bound) -> (usize, usize) {
    let (scale_down, scale_across) = (down.scale(height), across.scale(width));
    if scale_across.less_than(scale_down) {
        (scale_across.of(height).min(down.get()), across.get())
    } else {
        (down.get(), scale_down.of(width).min(across.get()))
    }
}
