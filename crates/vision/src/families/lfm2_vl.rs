//! LFM2-VL and LFM2.5-VL: a small picture keeps its shape, a large one becomes tiles of its nearest shape and a thumbnail.
//!
//! Source: transformers' image_processing_lfm2_vl.py, which exists for torchvision only, and processing_lfm2_vl.py.

use std::fmt::Write;
use std::sync::Arc;

use super::qwen2_vl::{Area, nearest, within};
use super::{CENTRED, Family, Image, Mmproj, Shown};
use crate::levels::Steps;
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_MERGE, MAX_PIXELS, MAX_TILE, only, resample};
use crate::processor::{Cut, Cutting, Grid, MmprojParameters, ReferencePixels, TileWriter};
use crate::resize::{Arithmetic, Filter, resize};
use crate::{Picture, VisionError};

pub(crate) const FAMILY: Family = Family {
    model_types: &["lfm2_vl"],
    image_processor: "Lfm2VlImageProcessor",
    mean_and_std: CENTRED,
    image: settings,
    tokens: &[
        ("image_token", IMAGE),
        ("image_start_token", START),
        ("image_end_token", END),
        ("image_thumbnail_token", THUMBNAIL),
    ],
    video: None,
    mmproj: &[Mmproj {
        projector: "lfm2",
        assumed: || {
            let Tiling { tokens, tiles, tile, .. } = PUBLISHED;
            format!(
                "pictures: {} to {} features, larger ones {} to {} tiles of {tile} pixels and a thumbnail; assumed, it \
                 does not say",
                tokens.0, tokens.1, tiles.0, tiles.1
            )
        },
        image: of_mmproj,
        video: None,
    }],
    placeholder: IMAGE,
    feature: IMAGE,
    write,
    complete: |_, _| {},
};

const IMAGE: &str = "<image>";
const START: &str = "<|image_start|>";
const END: &str = "<|image_end|>";
const THUMBNAIL: &str = "<|img_thumbnail|>";
/// The most tiles; published settings have 10.
const MAX_TILES: usize = 64;
/// What the class supplies, and published files say.
const PUBLISHED: Tiling =
    Tiling { patch: 16, merge: 2, tokens: (64, 256), tiles: (2, 10), tile: 512, tolerance: 2.0, split: true, thumbnail: true };

fn settings(keys: &Keys, outer: &Keys) -> Result<Image, VisionError> {
    const READ: &[&str] = &[
        "do_image_splitting",
        "downsample_factor",
        "encoder_patch_size",
        "max_image_tokens",
        "max_num_patches", // the class computes it itself
        "max_pixels_tolerance",
        "max_tiles",
        "min_image_tokens",
        "min_tiles",
        "patch_size", // not looked at, as `size`
        "size",
        "tile_size",
        "use_thumbnail",
    ];
    only(keys, READ)?;
    if outer.flag("use_image_special_tokens")? == Some(false) {
        return Err(outer.error("use_image_special_tokens", "true"));
    }
    let whole = |key, most, default| keys.whole(key, most).map(|number| number.unwrap_or(default));
    let tiling = Tiling {
        patch: whole("encoder_patch_size", MAX_TILE, PUBLISHED.patch)?,
        merge: whole("downsample_factor", MAX_MERGE, PUBLISHED.merge)?,
        tokens: (
            whole("min_image_tokens", MAX_PIXELS, PUBLISHED.tokens.0)?,
            whole("max_image_tokens", MAX_PIXELS, PUBLISHED.tokens.1)?,
        ),
        tiles: (whole("min_tiles", MAX_TILES, PUBLISHED.tiles.0)?, whole("max_tiles", MAX_TILES, PUBLISHED.tiles.1)?),
        tile: whole("tile_size", MAX_TILE, PUBLISHED.tile)?,
        tolerance: keys.positive("max_pixels_tolerance")?.unwrap_or(PUBLISHED.tolerance),
        split: keys.flag("do_image_splitting")?.unwrap_or(PUBLISHED.split),
        thumbnail: keys.flag("use_thumbnail")?.unwrap_or(PUBLISHED.thumbnail),
    };
    tiling.is_sound().map_err(|(key, expected)| keys.error(key, expected))?;
    Ok(image(tiling, resample(keys, Filter::Bilinear, Arithmetic::Torchvision)?))
}

/// What an mmproj does not say is as published.
fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    const SCALE: &str = "projector.scale_factor";
    let patch = parameters.patch_size()?;
    let merge = parameters.whole(SCALE, MAX_MERGE)?.unwrap_or(PUBLISHED.merge);
    let tiling = Tiling { patch, merge, ..PUBLISHED };
    tiling.is_sound().map_err(|(_, expected)| {
        parameters.error("clip.vision.patch_size", format!("{patch} ({SCALE} {merge})"), &expected)
    })?;
    Ok(image(tiling, Filter::Bilinear))
}

fn image(tiling: Tiling, filter: Filter) -> Image {
    let pixels = ReferencePixels::Rows { patch: tiling.patch };
    let cutting = Arc::new(tiling);
    Image { cutting, filter, arithmetic: Arithmetic::Torchvision, steps: Steps::Torchvision, pixels }
}

/// `_build_image_tokens`.
fn write(shown: &Shown, out: &mut String) {
    let Grid { rows, cols } = shown.grid;
    out.push_str(START);
    for tile in 0..shown.tiles.len() {
        if shown.grid != Grid::WHOLE && tile < rows * cols {
            let _ = write!(out, "<|img_row_{}_col_{}|>", tile / cols + 1, tile % cols + 1);
        } else if shown.grid != Grid::WHOLE {
            out.push_str(THUMBNAIL);
        }
        out.push_str(&shown.features(IMAGE, tile));
    }
    out.push_str(END);
}

/// The settings that decide the tiles.
#[derive(Debug)]
struct Tiling {
    /// Edge of a patch, in pixels.
    patch: usize,
    /// Patches along the edge of the square that becomes one feature.
    merge: usize,
    /// The fewest and the most features of a picture that stays whole, and of a thumbnail.
    tokens: (usize, usize),
    /// The fewest and the most tiles.
    tiles: (usize, usize),
    /// Pixels of a tile's side.
    tile: usize,
    /// So much larger than the most features a picture may be without being cut.
    tolerance: f64,
    split: bool,
    /// Whether tiles are followed by a view of the whole picture.
    thumbnail: bool,
}

impl Tiling {
    /// The key that cannot be honoured, and what was expected of it.
    fn is_sound(&self) -> Result<(), (&'static str, String)> {
        let square = self.square();
        if self.tokens.1.saturating_mul(square * square) > MAX_PIXELS {
            return Err(("max_image_tokens", format!("at most {MAX_PIXELS} pixels in squares of {square}")));
        }
        if self.tokens.0 > self.tokens.1 {
            return Err(("min_image_tokens", format!("at most max_image_tokens, {}", self.tokens.1)));
        }
        if !self.split {
            return Ok(());
        }
        if self.tiles.0 > self.tiles.1 {
            return Err(("min_tiles", format!("at most max_tiles, {}", self.tiles.1)));
        }
        if !self.tile.is_multiple_of(square) {
            return Err(("tile_size", format!("a multiple of {square}, the pixels of a feature")));
        }
        if self.tiles.1 * self.tile * self.tile > MAX_PIXELS {
            return Err(("max_tiles", format!("at most {MAX_PIXELS} pixels in all of them")));
        }
        Ok(())
    }

    /// Pixels along the edge of the square that becomes one feature.
    fn square(&self) -> usize {
        self.patch * self.merge
    }

    /// Pixels of so many features.
    fn pixels(&self, tokens: usize) -> usize {
        tokens * self.square() * self.square()
    }

    /// `_is_image_too_large`
    fn is_large(&self, width: usize, height: usize) -> bool {
        let side = |side: usize| nearest(side, self.square()).max(self.patch);
        (side(width) * side(height)) as f64 > self.pixels(self.tokens.1) as f64 * self.tolerance
    }

    /// `smart_resize`
    fn whole(&self, width: usize, height: usize) -> (usize, usize) {
        let square = self.square();
        let side = |side: usize| nearest(side, square).max(square);
        let area = Area { least: self.pixels(self.tokens.0), most: self.pixels(self.tokens.1) };
        within((height, width), (side(height), side(width)), square, area)
    }

    /// `find_closest_aspect_ratio`: of equally near grids the last whose tiles the picture fills by half. Those of as many
    /// tiles the reference takes in no particular order.
    fn grid(&self, width: usize, height: usize) -> Grid {
        let aspect = width as f64 / height as f64;
        let (least, most) = self.tiles;
        let mut best = (f64::INFINITY, Grid { rows: 1, cols: 1 });
        for tiles in least..=most {
            for cols in (1..=tiles).filter(|cols| tiles % cols == 0) {
                let grid = Grid { rows: tiles / cols, cols };
                let difference = (aspect - grid.cols as f64 / grid.rows as f64).abs();
                let fills = (width * height) as f64 > 0.5 * (self.tile * self.tile * tiles) as f64;
                if difference < best.0 || (difference == best.0 && fills) {
                    best = (difference, grid);
                }
            }
        }
        best.1
    }
}

impl Cutting for Tiling {
    fn feature(&self) -> Option<usize> {
        Some(self.patch * self.merge)
    }

    /// `resize_and_split`. Refused is what the class pads to fewer patches than it has, or whose features its processor
    /// counts wrong.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let shape = |what: String| VisionError::Shape { width, height, what };
        let whole = self.whole(width, height);
        let is_split = self.split && self.tiles != (1, 1) && self.is_large(width, height);
        let (cut, has_whole) = match is_split.then(|| self.grid(width, height)) {
            None => (Cut::whole(whole), true),
            Some(Grid { rows: 1, cols: 1 }) if whole == (self.tile, self.tile) => (Cut::whole(whole), true),
            Some(Grid { rows: 1, cols: 1 }) => {
                return Err(shape(format!("it is one tile that is not of {} x {} pixels", whole.1, whole.0)));
            }
            Some(grid) => {
                let mut tiles = vec![(self.tile, self.tile); grid.rows * grid.cols];
                tiles.extend(self.thumbnail.then_some(whole));
                (Cut { grid, resized: (grid.rows * self.tile, grid.cols * self.tile), tiles }, self.thumbnail)
            }
        };
        let tile = if self.split { (self.tile / self.patch).pow(2) } else { 0 };
        let most = tile.max(self.tokens.1 * self.merge * self.merge);
        let patches = whole.0 / self.patch * (whole.1 / self.patch);
        if has_whole && patches > most {
            return Err(shape(format!("its {patches} patches are more than {most}")));
        }
        Ok(cut)
    }

    /// Writes the tiles row by row, then the thumbnail.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let resized = resize(picture, cut.resized.1, cut.resized.0, filter, arithmetic);
        let n_tiles = cut.grid.rows * cut.grid.cols;
        tiles.push_grid(&resized, cut.grid, (self.tile, self.tile));
        match cut.tiles.get(n_tiles) {
            Some(&whole) if n_tiles == 0 => tiles.push(&resized, (0, 0), whole),
            Some(&whole) => tiles.push(&resize(picture, whole.1, whole.0, filter, arithmetic), (0, 0), whole),
            None => {}
        }
    }
}
