//! PaliGemma: the picture is stretched to a square; text begins and ends behind the pictures.
//!
//! Source: transformers' image_processing_pil_siglip.py, processing_paligemma.py.

use super::{CENTRED, Family, Image};
use crate::VisionError;
use crate::processor::keys::Keys;
use crate::processor::settings::{Size, edge_or_both, filter, only};
use crate::processor::{Cut, Cutting, ReferencePixels};
use crate::resize::{Arithmetic, Filter};

pub(crate) const FAMILY: Family = Family {
    model_types: &["paligemma"],
    image_processor: "SiglipImageProcessor",
    mean_and_std: CENTRED,
    image: settings,
    tokens: &[("image_token", IMAGE)],
    video: None,
    mmproj: &[],
    placeholder: IMAGE,
    feature: IMAGE,
    write: |shown, out| out.push_str(&shown.features(IMAGE, 0)),
    complete,
};

const IMAGE: &str = "<image>";
const BEGIN_OF_TEXT: &str = "<bos>";

fn settings(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    only(keys, &["size"])?;
    let (height, width) = view(keys)?;
    let filter = filter(keys, Filter::Bicubic, Arithmetic::Pillow)?;
    Ok(Image::pillow(Stretched { height, width }, filter, ReferencePixels::Planes))
}

/// Height and width that a whole picture is stretched to, in pixels.
pub(super) fn view(keys: &Keys) -> Result<(usize, usize), VisionError> {
    match edge_or_both(keys, "size")? {
        None => Ok((224, 224)),
        Some(Size::Exactly { height, width }) => Ok((height, width)),
        Some(Size::LongestEdge(_)) => Err(keys.error("size", "height and width")),
    }
}

/// `prepare_inputs_layout`: the tokeniser adds nothing itself.
fn complete(prompt: &mut String, pictures_end: usize) {
    prompt.insert_str(pictures_end, BEGIN_OF_TEXT);
    prompt.push('\n');
}

/// Every picture gets this size.
#[derive(Debug)]
struct Stretched {
    height: usize,
    width: usize,
}

impl Cutting for Stretched {
    fn plan(&self, _: usize, _: usize) -> Result<Cut, VisionError> {
        Ok(Cut::whole((self.height, self.width)))
    }
}
