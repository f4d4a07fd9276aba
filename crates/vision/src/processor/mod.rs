//! What a checkpoint says is done with a picture before its tower sees it, and doing it.
//!
//! How a picture becomes tiles differs between families, which say so in `families/`; `settings.rs` reads what files of all
//! of them have.

mod in_mmproj;
pub(crate) mod keys;
mod reference;
pub(crate) mod settings;

use std::fmt;
use std::sync::Arc;

pub use reference::ReferencePixels;
pub use settings::{MmprojParameters, SourceFile, Sources};

use settings::MAX_PIXELS;

use crate::families::{Family, Image};
use crate::levels::{Levels, Normalisation};
use crate::resize::{Arithmetic, Filter, resize};
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
}

/// How a picture is cut, told from its size alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Rows and columns of tiles.
    pub grid: Grid,
    /// Height and width that the picture is first resized to, in pixels.
    pub resized: (usize, usize),
    /// Height and width of each tile in pixels, in the order in which the tower is given them.
    pub tiles: Vec<(usize, usize)>,
}

impl Cut {
    /// A picture that is resized and stays whole.
    pub(crate) fn whole(resized: (usize, usize)) -> Cut {
        Cut { grid: Grid::WHOLE, resized, tiles: vec![resized] }
    }
}

/// What a tower is given of one picture, or of a video: its frames.
///
/// Tiles are never padded with anything that the tower should not see, so there is no mask: the reference pads the pictures of
/// a batch to one size, and its models drop what was added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tiles {
    /// Height and width of each, in pixels.
    pub sizes: Vec<(usize, usize)>,
    /// Normalised levels, `(3, height, width)` of each, one tile behind the other.
    pub pixels: Vec<f32>,
}

/// Cutting pictures into tiles.
pub(crate) trait Cutting: fmt::Debug + Send + Sync {
    /// Pixels of the longer side that a picture is resized to before it is cut, where one number says so.
    fn longest_edge(&self) -> Option<usize> {
        None
    }

    /// Edge of the square of pixels that becomes one feature, where its settings say so.
    fn feature(&self) -> Option<usize> {
        None
    }

    /// How a picture of `width` × `height` pixels will be cut.
    ///
    /// # Errors
    /// The reference refuses pictures of this shape.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError>;

    /// Writes the tiles of `picture`, which is `cut` as it was planned.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let (height, width) = cut.resized;
        tiles.push(&resize(picture, width, height, filter, arithmetic), (0, 0), cut.resized);
    }
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

    /// How a picture is cut, unless that takes more memory than any published settings do: a side grows without end where
    /// the other cannot shrink.
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let cut = self.image.cutting.plan(width, height)?;
        let area = |(height, width): &(usize, usize)| height.saturating_mul(*width);
        let tiles = cut.tiles.iter().map(area).fold(0, usize::saturating_add);
        if tiles.max(area(&cut.resized)) > MAX_PIXELS {
            let what = format!("it becomes more than {MAX_PIXELS} pixels");
            return Err(VisionError::Shape { width, height, what });
        }
        Ok(cut)
    }

    fn cut(&self, picture: &Picture, tiles: &mut TileWriter) -> Result<(), VisionError> {
        let Image { cutting, filter, arithmetic, .. } = &self.image;
        let cut = self.plan(picture.width(), picture.height())?;
        cutting.cut(picture, &cut, *filter, *arithmetic, tiles);
        Ok(())
    }
}

impl Processor {
    /// The family, which decides what the prompt says.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// Edge of the square of pixels that becomes one feature, where the settings say so: the tower's own is what counts.
    pub fn feature(&self) -> Option<usize> {
        self.image.image.cutting.feature()
    }

    /// Edge of a patch, where the settings say so.
    pub fn patch(&self) -> Option<usize> {
        match self.image.image.pixels {
            ReferencePixels::Planes => None,
            ReferencePixels::Squares { patch, .. }
            | ReferencePixels::Rows { patch }
            | ReferencePixels::Strip { patch } => Some(patch),
        }
    }

    /// The features that one tile becomes according to the settings file; the tower's own number is what counts.
    pub fn image_seq_len(&self) -> Option<usize> {
        self.image_seq_len
    }

    /// How a video's frames are chosen; `None` if the model takes no videos.
    pub fn sampling(&self) -> Option<FrameSampling> {
        self.video.as_ref().map(|(sampling, _)| *sampling)
    }

    /// How far apart two neighbouring levels of 255 are once they are normalised.
    pub fn level_step(&self) -> f32 {
        self.image.levels.step()
    }

    /// How a picture of `width` × `height` pixels will be cut, without its pixels.
    ///
    /// # Errors
    /// The reference refuses pictures of this shape, or it would take more pixels than are worked with.
    pub fn cut(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        self.image.plan(width, height)
    }

    /// Height and width that a frame of a video has, in pixels; `None` if the model takes no videos.
    pub(crate) fn frame_size(&self) -> Option<(usize, usize)> {
        let (_, frames) = self.video.as_ref()?;
        frames.plan(1, 1).ok()?.tiles.first().copied()
    }

    /// The tiles of `picture`.
    ///
    /// # Errors
    /// As [`Processor::cut`].
    pub fn picture(&self, picture: &Picture) -> Result<Tiles, VisionError> {
        let mut tiles = TileWriter::new(&self.image.levels);
        self.image.cut(picture, &mut tiles)?;
        Ok(tiles.tiles)
    }

    /// The frames of a video, one tile each.
    ///
    /// # Errors
    /// The model takes no videos, or a frame cannot be read.
    pub fn video(&self, frames: impl IntoIterator<Item = Result<Picture, VisionError>>) -> Result<Tiles, VisionError> {
        let Some((_, video)) = &self.video else {
            return Err(VisionError::NoVideo("its pictures are read here, its videos are not".to_owned()));
        };
        let mut tiles = TileWriter::new(&video.levels);
        for frame in frames {
            video.cut(&frame?, &mut tiles)?;
        }
        Ok(tiles.tiles)
    }
}

/// Collects tiles as planes of normalised levels.
pub(crate) struct TileWriter<'a> {
    levels: &'a Levels,
    tiles: Tiles,
}

impl<'a> TileWriter<'a> {
    fn new(levels: &'a Levels) -> Self {
        Self { levels, tiles: Tiles::default() }
    }

    /// Appends tiles of `height` × `width` pixels that lie side by side, row by row.
    pub(crate) fn push_grid(&mut self, picture: &Picture, grid: Grid, (height, width): (usize, usize)) {
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                self.push(picture, (row * height, col * width), (height, width));
            }
        }
    }

    /// Appends the tile of `height` × `width` pixels whose top left corner is pixel `(top, left)`. What lies beyond the picture
    /// is level 0.
    pub(crate) fn push(&mut self, picture: &Picture, (top, left): (usize, usize), (height, width): (usize, usize)) {
        self.tiles.sizes.push((height, width));
        self.tiles.pixels.reserve(3 * height * width);
        for channel in 0..3 {
            let nothing = self.levels.value(channel, 0);
            for y in top..top + height {
                let row = if y < picture.height() { picture.row(y) } else { &[] };
                let inside = row.chunks_exact(3).skip(left).take(width);
                let missing = width - inside.len();
                self.tiles.pixels.extend(inside.map(|pixel| self.levels.value(channel, pixel[channel])));
                self.tiles.pixels.extend(std::iter::repeat_n(nothing, missing));
            }
        }
    }
}
