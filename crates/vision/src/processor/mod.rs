//! What a checkpoint says is done with a picture before its tower sees it, and doing it.
//!
//! How a picture becomes tiles differs between families, which say so in `families/`; `settings.rs` reads what files of all
//! of them have.

mod in_mmproj;
pub(crate) mod keys;
pub(crate) mod settings;

use std::fmt;
use std::sync::Arc;

pub use settings::{MmprojParameters, SourceFile, Sources};

use crate::families::{Family, Image};
use crate::levels::{Levels, Normalisation};
use crate::resize::{Arithmetic, Filter};
use crate::video::FrameSampling;
use crate::{Picture, VisionError};

/// Rows and columns of tiles that a picture was cut into; both 0 where it was not cut and there is one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Tiles down.
    pub rows: usize,
    /// Tiles across.
    pub cols: usize,
}

impl Grid {
    /// One tile that holds the whole picture.
    pub const WHOLE: Grid = Grid { rows: 0, cols: 0 };

    /// Tiles, with the view of the whole picture that follows the others.
    pub fn n_tiles(self) -> usize {
        self.rows * self.cols + 1
    }
}

/// What a tower is given of one picture: tiles row by row, then the view of the whole picture. Of a video: its frames.
///
/// Tiles are never padded with anything that the tower should not see, so there is no mask: the reference's
/// `pixel_attention_mask` is 1 everywhere but in the tiles that it appends to make the pictures of a batch equally
/// long, and its model drops those.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiles {
    /// How many.
    pub n: usize,
    /// Pixels down a tile.
    pub height: usize,
    /// Pixels across a tile.
    pub width: usize,
    /// Normalised levels, `(n, 3, height, width)`.
    pub pixels: Vec<f32>,
    /// How the picture was cut.
    pub grid: Grid,
}

/// Cutting pictures into square tiles.
pub(crate) trait Cutting: fmt::Debug + Send + Sync {
    /// Pixels of a tile's side.
    fn tile(&self) -> usize;

    /// Pixels of the longer side that a picture is resized to before it is cut, where one number says so.
    fn longest_edge(&self) -> Option<usize> {
        None
    }

    /// How a picture of `width` × `height` pixels will be cut, and the height and width that it is first resized to.
    fn plan(&self, width: usize, height: usize) -> (Grid, (usize, usize));

    /// Writes the tiles of `picture`, then its global view; a picture of one tile is its own global view.
    fn cut(&self, picture: &Picture, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) -> Grid;
}

/// Preprocessing as a checkpoint describes it.
#[derive(Debug, Clone)]
pub struct Processor {
    family: &'static Family,
    image: Arc<Prepared>,
    /// How a video's frames are chosen and shaped. Frames are never cut into tiles.
    video: Option<(FrameSampling, Arc<Prepared>)>,
    image_seq_len: Option<usize>,
}

/// How a picture is prepared, its levels tabulated.
#[derive(Debug)]
struct Prepared {
    image: Image,
    normalisation: Normalisation,
    levels: Levels,
}

impl Prepared {
    fn new(image: Image, normalisation: Normalisation) -> Arc<Prepared> {
        let levels = Levels::new(normalisation, image.steps);
        Arc::new(Prepared { image, normalisation, levels })
    }

    fn tiles(&self) -> TileWriter<'_> {
        let tile = self.image.cutting.tile();
        TileWriter::new(&self.levels, (tile, tile))
    }

    fn cut(&self, picture: &Picture, tiles: &mut TileWriter) -> Grid {
        self.image.cutting.cut(picture, self.image.filter, self.image.arithmetic, tiles)
    }
}

impl Processor {
    /// The family, which decides what the prompt says.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// The features that one tile becomes according to the settings file; the tower's own number is what counts.
    pub fn image_seq_len(&self) -> Option<usize> {
        self.image_seq_len
    }

    /// How a video's frames are chosen; `None` if the model takes no videos.
    pub fn sampling(&self) -> Option<FrameSampling> {
        self.video.as_ref().map(|(sampling, _)| *sampling)
    }

    /// Height and width of every tile.
    pub fn tile_size(&self) -> (usize, usize) {
        let tile = self.image.image.cutting.tile();
        (tile, tile)
    }

    /// How far apart two neighbouring levels of 255 are once they are normalised.
    pub fn level_step(&self) -> f32 {
        self.image.levels.step()
    }

    /// How a picture of `width` × `height` pixels will be cut, without its pixels.
    pub fn grid(&self, width: usize, height: usize) -> Grid {
        self.plan(width, height).0
    }

    /// The same, and the height and width that the picture is first resized to.
    pub fn plan(&self, width: usize, height: usize) -> (Grid, (usize, usize)) {
        self.image.image.cutting.plan(width, height)
    }

    /// The tiles of `picture`.
    pub fn picture(&self, picture: &Picture) -> Tiles {
        let mut tiles = self.image.tiles();
        let grid = self.image.cut(picture, &mut tiles);
        tiles.finish(grid)
    }

    /// The frames of a video, one tile each.
    ///
    /// # Errors
    /// The model takes no videos, or a frame cannot be read.
    pub fn video(&self, frames: impl IntoIterator<Item = Result<Picture, VisionError>>) -> Result<Tiles, VisionError> {
        let Some((_, video)) = &self.video else {
            return Err(VisionError::NoVideo("its settings describe no video processor".to_owned()));
        };
        let mut tiles = video.tiles();
        for frame in frames {
            video.cut(&frame?, &mut tiles);
        }
        Ok(tiles.finish(Grid::WHOLE))
    }
}

/// Collects tiles as planes of normalised levels.
pub(crate) struct TileWriter<'a> {
    levels: &'a Levels,
    height: usize,
    width: usize,
    pixels: Vec<f32>,
}

impl<'a> TileWriter<'a> {
    fn new(levels: &'a Levels, (height, width): (usize, usize)) -> Self {
        Self { levels, height, width, pixels: Vec::new() }
    }

    /// Appends the tile whose top left corner is pixel `(left, top)`. What lies beyond the picture is level 0.
    pub(crate) fn push(&mut self, picture: &Picture, top: usize, left: usize) {
        self.pixels.reserve(3 * self.height * self.width);
        for channel in 0..3 {
            let nothing = self.levels.value(channel, 0);
            for y in top..top + self.height {
                let row = if y < picture.height() { picture.row(y) } else { &[] };
                let inside = row.chunks_exact(3).skip(left).take(self.width);
                let missing = self.width - inside.len();
                self.pixels.extend(inside.map(|pixel| self.levels.value(channel, pixel[channel])));
                self.pixels.extend(std::iter::repeat_n(nothing, missing));
            }
        }
    }

    fn finish(self, grid: Grid) -> Tiles {
        let n = self.pixels.len() / (3 * self.height * self.width);
        Tiles { n, height: self.height, width: self.width, pixels: self.pixels, grid }
    }
}
