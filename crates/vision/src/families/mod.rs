//! Families of vision models: what their image processors do to pictures and videos, and the strings that stand for them in a
//! prompt. One file each; what files of all families have in common is read by `processor/`.

mod words;

use std::fmt;
use std::sync::Arc;

use crate::VisionError;
use crate::levels::Steps;
use crate::processor::keys::Keys;
use crate::processor::{Cutting, Grid, MmprojParameters, ReferencePixels};
use crate::resize::{Arithmetic, Filter};
use crate::video::FrameSampling;

macro_rules! families {
    ($($name:ident)*) => {
        $(mod $name;)*
        /// Every family that is understood.
        pub(crate) static FAMILIES: &[Family] = &[$($name::FAMILY),*];
    };
}

families! { idefics3 smolvlm llama4 qwen2_vl gemma3 gemma4 siglip pixtral lfm2_vl minicpmv }

/// Mean and deviation of the colours that CLIP was trained with, which towers descended from it keep (`OPENAI_CLIP_MEAN`).
const CLIP: ([f64; 3], [f64; 3]) = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]);
/// Mean and deviation that bring levels between -1 and 1 (`IMAGENET_STANDARD_MEAN`).
const CENTRED: ([f64; 3], [f64; 3]) = ([0.5; 3], [0.5; 3]);

/// How pictures become tiles and prompts name them.
pub struct Family {
    /// `model_type` of the models that it is meant for where files name no class of image processor.
    pub model_types: &'static [&'static str],
    /// The class of its image processor, without the names of backends.
    pub(crate) image_processor: &'static str,
    /// Mean and deviation of the colours where the settings name none.
    pub(crate) mean_and_std: ([f64; 3], [f64; 3]),
    /// Reads the settings of its image processor, and those of the processor around it where they decide pixels too.
    pub(crate) image: fn(&Keys, &Keys) -> Result<Image, VisionError>,
    /// Keys by which a `processor_config.json` may name tokens otherwise, and the tokens of published models.
    pub(crate) tokens: &'static [(&'static str, &'static str)],
    /// What it does with videos.
    pub(crate) video: Option<VideoFamily>,
    /// How mmproj files name it.
    pub(crate) mmproj: &'static [Mmproj],
    /// What a template writes for a picture.
    pub(crate) placeholder: &'static str,
    /// The token in whose place one feature stands.
    pub(crate) feature: &'static str,
    /// Writes what stands in a prompt for a picture.
    pub(crate) write: fn(&Shown, &mut String),
    /// Completes a prompt that holds pictures, the last of which ends at this byte.
    pub(crate) complete: fn(&mut String, usize),
}

/// A picture as a prompt tells of it.
pub(crate) struct Shown<'a> {
    /// Rows and columns of tiles.
    pub grid: Grid,
    /// Rows and columns of features of each tile, in the order in which the tower is given them.
    pub tiles: &'a [(usize, usize)],
    /// How many pictures stand before it in the prompt.
    pub index: usize,
}

impl Shown<'_> {
    /// `token` for each feature of a tile.
    pub fn features(&self, token: &str, tile: usize) -> String {
        let (rows, cols) = self.tiles[tile];
        token.repeat(rows * cols)
    }
}

/// What a family does with videos.
pub(crate) struct VideoFamily {
    /// The class of its video processor.
    pub processor: &'static str,
    /// Reads the settings of its video processor; `None` where they describe none.
    pub frames: fn(&Keys) -> Result<Option<Frames>, VisionError>,
    /// What a template writes for a video.
    pub placeholder: &'static str,
    /// Writes what stands in a prompt for frames at these times of a video so long, in seconds, given the features of one.
    pub write: fn(&[f64], f64, &str, &mut String),
    /// Replaces the checkpoint's own template as soon as a conversation holds a video.
    pub chat_template: &'static str,
}

/// How mmproj files name a family, and what they leave open.
pub(crate) struct Mmproj {
    /// `clip.projector_type`
    pub projector: &'static str,
    /// What is taken as published, for who looks at one.
    pub assumed: fn() -> String,
    /// What is done with pictures.
    pub image: fn(&MmprojParameters) -> Result<Image, VisionError>,
    /// What is done with videos.
    pub video: Option<fn(&MmprojParameters) -> Frames>,
}

/// How a picture becomes tiles.
#[derive(Debug)]
pub(crate) struct Image {
    pub cutting: Arc<dyn Cutting>,
    pub filter: Filter,
    /// Whose steps resizing takes.
    pub arithmetic: Arithmetic,
    /// Whose steps normalisation takes.
    pub steps: Steps,
    /// How the reference lays the pixels out.
    pub pixels: ReferencePixels,
}

impl Image {
    /// Resized as Pillow does and normalised as NumPy does, which most families take.
    fn pillow(cutting: impl Cutting + 'static, filter: Filter, pixels: ReferencePixels) -> Image {
        let cutting = Arc::new(cutting);
        Image { cutting, filter, arithmetic: Arithmetic::Pillow, steps: Steps::Pillow, pixels }
    }
}

/// How the frames of a video are chosen and become tiles.
#[derive(Debug)]
pub(crate) struct Frames {
    pub sampling: FrameSampling,
    pub image: Image,
}

impl Family {
    /// The family of an mmproj's projector.
    pub(crate) fn of_projector(projector: &str) -> Option<(&'static Family, &'static Mmproj)> {
        let named = |family: &'static Family| family.mmproj.iter().map(move |mmproj| (family, mmproj));
        FAMILIES.iter().flat_map(named).find(|(_, mmproj)| mmproj.projector == projector)
    }

    /// Refuses a `processor_config.json` that writes other tokens.
    pub(crate) fn agrees(&self, outer: &Keys) -> Result<(), VisionError> {
        for (key, token) in self.tokens {
            if outer.text(key)?.is_some_and(|found| found != *token) {
                return Err(outer.error(key, format!("`{token}`")));
            }
        }
        Ok(())
    }
}

/// Two families are the same if their image processors are.
impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        self.image_processor == other.image_processor
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({})", self.image_processor)
    }
}
