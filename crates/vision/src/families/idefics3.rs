//! Idefics3 and the first SmolVLM: the picture is enlarged to whole tiles, which are followed by a view of all of it.
//!
//! Source: transformers' image_processing_pil_idefics3.py, processing_idefics3.py. Divisions are made in f64 as Python makes
//! them: a quotient one bit below a whole number is cut off to the one before.

use std::fmt::Write;

use super::{CENTRED, Family, Image, Shown, smolvlm};
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_TILE, Size, edge_or_both, filter, only};
use crate::processor::{Cut, Cutting, Grid, ReferencePixels, TileWriter};
use crate::resize::{Arithmetic, Filter, resize};
use crate::{Picture, VisionError};

pub(crate) const FAMILY: Family = Family {
    model_types: &["idefics3"],
    image_processor: "Idefics3ImageProcessor",
    mean_and_std: CENTRED,
    image,
    tokens: &[],
    video: Some(smolvlm::VIDEO),
    mmproj: &[],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "<image>";
/// The class's tile, of which its `size` is four.
const DEFAULT_TILE: usize = 364;
pub(super) const LONGEST_EDGE_IN_TILES: usize = 4;
pub(super) const DEFAULT_SIZE: Size = Size::LongestEdge(LONGEST_EDGE_IN_TILES * DEFAULT_TILE);
pub(super) const MAX_TILES_A_SIDE: usize = 64;
/// Keys that are read of pictures or of videos; a file may serve both.
pub(super) const READ: &[&str] =
    &["do_image_splitting", "max_image_size", "size", "video_sampling", "fps", "num_frames"];

fn image(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    let split = keys.flag("do_image_splitting")?.unwrap_or(true);
    only(keys, READ)?;
    let tile = tile(keys)?;
    let size = edge_or_both(keys, "size")?.unwrap_or(DEFAULT_SIZE);
    let longest = match size {
        Size::LongestEdge(longest) => longest.min(MAX_IMAGE_SIZE),
        Size::Exactly { height, width } => height.max(width),
    };
    if longest.div_ceil(tile) > MAX_TILES_A_SIDE {
        let expected = format!("at least a {MAX_TILES_A_SIDE}th of the size {longest}");
        return Err(keys.error("max_image_size", expected));
    }
    let filter = filter(keys, Filter::Lanczos, Arithmetic::Pillow)?;
    Ok(Image::pillow(Tiling { size, tile, split }, filter, ReferencePixels::Planes))
}

/// `max_image_size`.
pub(super) fn tile(keys: &Keys) -> Result<usize, VisionError> {
    let Some(size) = keys.object("max_image_size")? else { return Ok(DEFAULT_TILE) };
    match size.names().find(|&key| key != "longest_edge") {
        Some(key) => Err(size.error(key, "longest_edge alone: tiles are square")),
        None => size
            .whole("longest_edge", MAX_TILE)?
            .ok_or_else(|| size.error("longest_edge", format!("a whole number from 1 to {MAX_TILE}"))),
    }
}

/// `replace_image_token`.
fn write(shown: &Shown, out: &mut String) {
    write_tiles(shown.grid, &shown.features(IMAGE, 0), out);
}

/// A newline ends every row, and another precedes the whole view.
pub(super) fn write_tiles(grid: Grid, features: &str, out: &mut String) {
    for row in 1..=grid.rows {
        for col in 1..=grid.cols {
            let _ = write!(out, "<fake_token_around_image><row_{row}_col_{col}>{features}");
        }
        out.push('\n');
    }
    if grid != Grid::WHOLE {
        out.push('\n');
    }
    let _ = write!(out, "<fake_token_around_image><global-img>{features}<fake_token_around_image>");
}

/// No side is resized to more, whatever the settings say (`MAX_IMAGE_SIZE`).
pub(super) const MAX_IMAGE_SIZE: usize = 4096;

/// The settings that decide the tiles.
#[derive(Debug, Clone)]
pub(super) struct Tiling {
    /// What the picture is resized to first.
    pub(super) size: Size,
    /// Pixels of a tile's side.
    pub(super) tile: usize,
    /// Whether it is cut into tiles at all.
    pub(super) split: bool,
}

/// Sizes as `(height, width)`, in the order in which the picture takes them.
struct Plan {
    /// What the picture is resized to before it is enlarged to whole tiles.
    first: (usize, usize),
    whole_tiles: (usize, usize),
    grid: Grid,
}

impl Tiling {
    fn sizes(&self, width: usize, height: usize) -> Plan {
        let first = match self.size {
            Size::LongestEdge(longest) => below_upper_bound(to_longest_edge(height, width, longest)),
            Size::Exactly { height, width } => (height, width),
        };
        if !self.split {
            return Plan { first, whole_tiles: (self.tile, self.tile), grid: Grid::WHOLE };
        }
        let whole_tiles = self.whole_tiles(first);
        let (rows, cols) = (whole_tiles.0 / self.tile, whole_tiles.1 / self.tile);
        let grid = if rows > 1 || cols > 1 { Grid { rows, cols } } else { Grid::WHOLE };
        Plan { first, whole_tiles, grid }
    }

    /// `resize_for_vision_encoder`: each side up to a multiple of the tile, the longer one first.
    fn whole_tiles(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let up = |side: usize| side.div_ceil(self.tile) * self.tile;
        let aspect = width as f64 / height as f64;
        if width >= height {
            let width = up(width);
            (up((width as f64 / aspect) as usize).max(self.tile), width)
        } else {
            let height = up(height);
            (height, up((height as f64 * aspect) as usize).max(self.tile))
        }
    }
}

impl Cutting for Tiling {
    fn longest_edge(&self) -> Option<usize> {
        match self.size {
            Size::LongestEdge(longest) => Some(longest),
            Size::Exactly { .. } => None,
        }
    }

    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let Plan { first, grid, .. } = self.sizes(width, height);
        Ok(Cut { grid, resized: first, tiles: vec![(self.tile, self.tile); grid.rows * grid.cols + 1] })
    }

    /// Writes the tiles of `picture`, then its global view; a picture of one tile is its own global view.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let size = (self.tile, self.tile);
        let plan = self.sizes(picture.width(), picture.height());
        let (height, width) = plan.first;
        let first = resize(picture, width, height, filter, arithmetic);
        let (height, width) = plan.whole_tiles;
        let resized = resize(&first, width, height, filter, arithmetic);
        tiles.push_grid(&resized, cut.grid, size);
        match cut.grid {
            Grid::WHOLE => tiles.push(&resized, (0, 0), size),
            _ => tiles.push(&resize(&resized, self.tile, self.tile, filter, arithmetic), (0, 0), size),
        }
    }
}

/// `_resize_output_size_rescale_to_max_len`: the other side is cut off to a whole number, then made even.
fn to_longest_edge(height: usize, width: usize, longest: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    let even = |side: usize| (side + side % 2).max(1);
    if width >= height {
        (even((longest as f64 / aspect) as usize), longest)
    } else {
        (longest, even((longest as f64 * aspect) as usize))
    }
}

/// `_resize_output_size_scale_below_upper_bound`.
fn below_upper_bound((height, width): (usize, usize)) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    let most = MAX_IMAGE_SIZE as f64;
    if width >= height && width > MAX_IMAGE_SIZE {
        (((most / aspect) as usize).max(1), MAX_IMAGE_SIZE)
    } else if height > width && height > MAX_IMAGE_SIZE {
        (MAX_IMAGE_SIZE, ((most * aspect) as usize).max(1))
    } else {
        (height, width)
    }
}
