//! How the reference hands pixels to its towers, for whoever compares with what it kept of them.

use super::{Processor, Tiles};
use crate::VisionError;

/// How the reference lays the pixels of all pictures out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferencePixels {
    /// Tiles, `(…, 3, height, width)`, filled up below and to the right where they have several sizes.
    Planes,
    /// Patches of all pictures, `(patches, 3 * frames * patch * patch)`, which hold a picture as several frames that are the
    /// same. Squares of `merge` by `merge` patches come one after the other, row by row, in each its patches, row by row.
    Squares {
        /// Edge of a patch, in pixels.
        patch: usize,
        /// Patches along the edge of a square.
        merge: usize,
        /// How many times a picture is given.
        frames: usize,
    },
    /// Patches of each tile, `(tiles, most patches, patch * patch * 3)`, row by row, of each its rows, columns and colours;
    /// filled up behind.
    Rows {
        /// Edge of a patch, in pixels.
        patch: usize,
    },
    /// Patches of all tiles side by side, `(1, 3, patch, patches * patch)`.
    Strip {
        /// Edge of a patch, in pixels.
        patch: usize,
    },
}

impl Processor {
    /// The reference's pixels of this shape as tiles of these heights and widths; `None` where they are whole planes.
    ///
    /// # Errors
    /// They are not as many, or laid out otherwise.
    pub fn reference_tiles(
        &self,
        values: &[f32],
        shape: &[usize],
        sizes: Option<Vec<(usize, usize)>>,
    ) -> Result<Tiles, VisionError> {
        let layout = self.image.image.pixels;
        let misfit = |expected: String| VisionError::Reference { found: shape.to_vec(), expected };
        let sizes = match (sizes, shape, layout) {
            (Some(sizes), ..) => sizes,
            (None, &[.., 3, height, width], ReferencePixels::Planes) if height * width > 0 => {
                vec![(height, width); values.len() / (3 * height * width)]
            }
            (None, ..) => return Err(misfit("the pictures themselves beside them, which tell their sizes".to_owned())),
        };
        let planes = Planes { layout, shape, values };
        let mut pixels = Vec::with_capacity(sizes.iter().map(|(height, width)| 3 * height * width).sum());
        let mut before = 0;
        for (tile, &(height, width)) in sizes.iter().enumerate() {
            for i in 0..3 * height * width {
                let (channel, y, x) = (i / (height * width), i / width % height, i % width);
                let at = planes.place(tile, before, (height, width), [channel, y, x]);
                let value = at.and_then(|at| values.get(at));
                pixels.push(*value.ok_or_else(|| misfit(format!("{sizes:?}")))?);
            }
            before += height * width;
        }
        match planes.is_all(&sizes) {
            true => Ok(Tiles { sizes, pixels }),
            false => Err(misfit(format!("{sizes:?}"))),
        }
    }
}

struct Planes<'a> {
    layout: ReferencePixels,
    shape: &'a [usize],
    values: &'a [f32],
}

impl Planes<'_> {
    /// Where a pixel of a tile stands, behind whose pixels `before` others do.
    fn place(
        &self,
        tile: usize,
        before: usize,
        (_, width): (usize, usize),
        [channel, y, x]: [usize; 3],
    ) -> Option<usize> {
        match (self.layout, self.shape) {
            (ReferencePixels::Planes, &[.., 3, most_rows, most_cols]) => {
                (x < most_cols && y < most_rows).then_some(((tile * 3 + channel) * most_rows + y) * most_cols + x)
            }
            (ReferencePixels::Squares { patch, merge, frames }, _) => {
                let (row, col, across) = (y / patch, x / patch, width / patch / merge);
                let square = row / merge * across + col / merge;
                let index = before / (patch * patch) + square * merge * merge + row % merge * merge + col % merge;
                let line = (index * 3 + channel) * frames * patch;
                Some((line + y % patch) * patch + x % patch)
            }
            (ReferencePixels::Rows { patch }, &[_, most, _]) => {
                let index = y / patch * (width / patch) + x / patch;
                (index < most)
                    .then_some((((tile * most + index) * patch + y % patch) * patch + x % patch) * 3 + channel)
            }
            (ReferencePixels::Strip { patch }, &[.., along]) => {
                let index = before / (patch * patch) + y / patch * (width / patch) + x / patch;
                Some((channel * patch + y % patch) * along + index * patch + x % patch)
            }
            _ => None,
        }
    }

    /// Whether there are no more pixels than those of these tiles.
    fn is_all(&self, sizes: &[(usize, usize)]) -> bool {
        let pixels: usize = sizes.iter().map(|(height, width)| height * width).sum();
        match (self.layout, self.shape) {
            (ReferencePixels::Planes, &[.., 3, most_rows, most_cols]) => {
                self.values.len() == sizes.len() * 3 * most_rows * most_cols
            }
            (ReferencePixels::Squares { frames, .. }, _) => self.values.len() == 3 * frames * pixels,
            (ReferencePixels::Rows { .. }, shape) => shape.first() == Some(&sizes.len()),
            (ReferencePixels::Strip { .. }, _) => self.values.len() == 3 * pixels,
            _ => false,
        }
    }
}
