//! Idefics3 and SmolVLM: the picture is enlarged to whole tiles, which are followed by a view of all of it.
//!
//! Source: transformers' image_processing_pil_idefics3.py, image_processing_pil_smolvlm.py (the same arithmetic) and
//! video_processing_smolvlm.py. Divisions are made in f64 as Python makes them: a quotient one bit below a whole
//! number is cut off to the one before.

use super::{Grid, TileWriter};
use crate::Picture;
use crate::resize::{Arithmetic, Filter, resize};

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

/// The first resizing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
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

/// Sizes as `(height, width)`, in the order in which the picture takes them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// What the picture is resized to before it is enlarged to whole tiles.
    pub(super) first: (usize, usize),
    whole_tiles: (usize, usize),
    pub(super) grid: Grid,
}

impl Tiling {
    pub(super) fn plan(&self, width: usize, height: usize) -> Plan {
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

    /// Writes the tiles of `picture`, then its global view; a picture of one tile is its own global view.
    pub(super) fn cut(
        &self,
        picture: &Picture,
        filter: Filter,
        arithmetic: Arithmetic,
        tiles: &mut TileWriter,
    ) -> Grid {
        let plan = self.plan(picture.width(), picture.height());
        let (height, width) = plan.first;
        let first = resize(picture, width, height, filter, arithmetic);
        let (height, width) = plan.whole_tiles;
        let resized = resize(&first, width, height, filter, arithmetic);
        for row in 0..plan.grid.rows {
            for col in 0..plan.grid.cols {
                tiles.push(&resized, row * self.tile, col * self.tile);
            }
        }
        match plan.grid {
            Grid::WHOLE => tiles.push(&resized, 0, 0),
            _ => tiles.push(&resize(&resized, self.tile, self.tile, filter, arithmetic), 0, 0),
        }
        plan.grid
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
