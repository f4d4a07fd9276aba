//! What a checkpoint says is done with a picture before its tower sees it, and doing it.
//!
//! The families differ in how a picture becomes tiles; `tiling.rs` (Idefics3, SmolVLM) and `canvas.rs` (Llama 4) hold
//! that, `settings.rs` reads the files.

mod canvas;
mod keys;
mod settings;
mod tiling;

pub use settings::{MmprojParameters, SourceFile, Sources};

use crate::levels::{Levels, Normalisation, Steps};
use crate::resize::{Arithmetic, Filter};
use crate::video::Sampling;
use crate::{Picture, VisionError};

/// How pictures become tiles and prompts name them: the class of the image processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `Idefics3ImageProcessor`: Idefics3 and the first SmolVLM.
    Idefics3,
    /// `SmolVLMImageProcessor`: the same tiles, and videos.
    SmolVlm,
    /// `Llama4ImageProcessor`.
    Llama4,
}

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

/// Preprocessing as a checkpoint describes it.
#[derive(Debug, Clone)]
pub struct Processor {
    family: Family,
    filter: Filter,
    levels: Levels,
    shape: Shape,
    video: Option<VideoSettings>,
    image_seq_len: Option<usize>,
}

#[derive(Debug, Clone)]
enum Shape {
    Tiling(tiling::Tiling),
    Canvas(canvas::Canvas),
}

/// How a video's frames are chosen and shaped. Frames are never cut into tiles.
#[derive(Debug, Clone)]
struct VideoSettings {
    sampling: Sampling,
    filter: Filter,
    levels: Levels,
    tiling: tiling::Tiling,
}

impl Processor {
    /// The family, which decides what the prompt says.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The features that one tile becomes according to the settings file; the tower's own number is what counts.
    pub fn image_seq_len(&self) -> Option<usize> {
        self.image_seq_len
    }

    /// How a video's frames are chosen; `None` if the model takes no videos.
    pub fn sampling(&self) -> Option<Sampling> {
        self.video.as_ref().map(|video| video.sampling)
    }

    /// Height and width of every tile.
    pub fn tile_size(&self) -> (usize, usize) {
        match &self.shape {
            Shape::Tiling(tiling) => (tiling.tile, tiling.tile),
            Shape::Canvas(canvas) => (canvas.tile, canvas.tile),
        }
    }

    /// How far apart two neighbouring levels of 255 are once they are normalised.
    pub fn level_step(&self) -> f32 {
        self.levels.step()
    }

    /// How a picture of `width` × `height` pixels will be cut, without its pixels.
    pub fn grid(&self, width: usize, height: usize) -> Grid {
        self.plan(width, height).0
    }

    /// The same, and the height and width that the picture is first resized to.
    pub fn plan(&self, width: usize, height: usize) -> (Grid, (usize, usize)) {
        match &self.shape {
            Shape::Tiling(tiling) => {
                let plan = tiling.plan(width, height);
                (plan.grid, plan.first)
            }
            Shape::Canvas(canvas) => {
                let plan = canvas.plan(width, height);
                (plan.grid, plan.resized)
            }
        }
    }

    /// The tiles of `picture`.
    pub fn picture(&self, picture: &Picture) -> Tiles {
        let mut tiles = TileWriter::new(&self.levels, self.tile_size());
        let grid = match &self.shape {
            Shape::Tiling(tiling) => tiling.cut(picture, self.filter, Arithmetic::Pillow, &mut tiles),
            Shape::Canvas(canvas) => canvas.cut(picture, self.filter, &mut tiles),
        };
        tiles.finish(grid)
    }

    /// The frames of a video, one tile each.
    ///
    /// # Errors
    /// The model takes no videos, or a frame cannot be read.
    pub fn video(&self, frames: impl IntoIterator<Item = Result<Picture, VisionError>>) -> Result<Tiles, VisionError> {
        let Some(video) = &self.video else {
            return Err(VisionError::NoVideo("its settings describe no video processor".to_owned()));
        };
        let mut tiles = TileWriter::new(&video.levels, (video.tiling.tile, video.tiling.tile));
        for frame in frames {
            video.tiling.cut(&frame?, video.filter, Arithmetic::Torchvision, &mut tiles);
        }
        Ok(tiles.finish(Grid::WHOLE))
    }
}

/// Collects tiles as planes of normalised levels.
struct TileWriter<'a> {
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
    fn push(&mut self, picture: &Picture, top: usize, left: usize) {
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
