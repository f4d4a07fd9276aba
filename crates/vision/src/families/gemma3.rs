//! Gemma 3: the picture is stretched to a square, and where it is long, crops of it follow ("pan and scan").
//!
//! Source: transformers' image_processing_pil_gemma3.py, processing_gemma3.py. What the files leave out of pan and scan, or
//! write `null` for, is what the processor supplies (`images_kwargs`).

use super::{CENTRED, Family, Image, Mmproj, Shown, siglip};
use crate::processor::keys::Keys;
use crate::processor::settings::{MAX_EDGE, MAX_PIXELS, filter, only};
use crate::processor::{Cut, Cutting, Grid, MmprojParameters, ReferencePixels, TileWriter};
use crate::resize::{Arithmetic, Filter, resize};
use crate::{Picture, VisionError};

pub(crate) const FAMILY: Family = Family {
    model_types: &["gemma3"],
    image_processor: "Gemma3ImageProcessor",
    mean_and_std: CENTRED,
    image: settings,
    tokens: &[("boi_token", BEGIN)],
    video: None,
    mmproj: &[Mmproj {
        projector: "gemma3",
        assumed: || "pictures: no pan and scan; assumed, it does not say".to_owned(),
        image: of_mmproj,
        video: None,
    }],
    placeholder: BEGIN,
    feature: FEATURE,
    write,
    complete: |_, _| {},
};

const BEGIN: &str = "<start_of_image>";
const FEATURE: &str = "<image_soft_token>";
/// The processor's number of crops, and the most that settings may ask for.
const DEFAULT_CROPS: usize = 4;
const MAX_CROPS: usize = 64;

fn settings(keys: &Keys, _: &Keys) -> Result<Image, VisionError> {
    const CROP_SIZE: &str = "pan_and_scan_min_crop_size";
    const CROPS: &str = "pan_and_scan_max_num_crops";
    const RATIO: &str = "pan_and_scan_min_ratio_to_activate";
    only(keys, &["do_pan_and_scan", CROPS, CROP_SIZE, RATIO, "size"])?;
    let view = siglip::view(keys)?;
    let scan = Scan {
        least_crop: keys.whole(CROP_SIZE, MAX_EDGE)?.unwrap_or(256),
        most_crops: keys.whole(CROPS, MAX_CROPS)?.unwrap_or(DEFAULT_CROPS),
        ratio: keys.positive(RATIO)?.unwrap_or(1.2),
    };
    // The processor asks for no pan and scan unless its caller does, whatever the file says; a file that does is that caller.
    let scan = keys.flag("do_pan_and_scan")?.unwrap_or(false).then_some(scan);
    let views = scan.as_ref().map_or(1, |scan| 1 + scan.most_crops);
    if views * view.0 * view.1 > MAX_PIXELS {
        return Err(keys.error("size", format!("at most {MAX_PIXELS} pixels in {views} views")));
    }
    let filter = filter(keys, Filter::Bilinear, Arithmetic::Pillow)?;
    Ok(Image::pillow(Views { view, scan }, filter, ReferencePixels::Planes))
}

fn of_mmproj(parameters: &MmprojParameters) -> Result<Image, VisionError> {
    let side = parameters.image_size;
    Ok(Image::pillow(Views { view: (side, side), scan: None }, Filter::Bilinear, ReferencePixels::Planes))
}

/// `replace_image_token`.
fn write(shown: &Shown, out: &mut String) {
    let view = |tile: usize| format!("\n\n{BEGIN}{}<end_of_image>\n\n", shown.features(FEATURE, tile));
    let crops: Vec<String> = (1..shown.tiles.len()).map(view).collect();
    if crops.is_empty() {
        return out.push_str(&view(0));
    }
    out.push_str("Here is the original image ");
    out.push_str(&view(0));
    out.push_str(" and here are some crops to help you see better ");
    out.push_str(&crops.join(" "));
}

/// The settings that decide the views.
#[derive(Debug)]
struct Views {
    /// Height and width of each, in pixels.
    view: (usize, usize),
    scan: Option<Scan>,
}

/// When and into what a picture is cropped.
#[derive(Debug)]
struct Scan {
    /// Pixels of the shorter side of a crop.
    least_crop: usize,
    most_crops: usize,
    /// The longer side of the picture over the shorter, from which on it is cropped.
    ratio: f64,
}

impl Scan {
    /// How many crops the longer side becomes, if it is cropped, and pixels of each.
    fn crops(&self, longer: usize, shorter: usize) -> Option<(usize, usize)> {
        let aspect = longer as f64 / shorter as f64;
        if aspect < self.ratio {
            return None;
        }
        let crops = (aspect + 0.5) as usize;
        let crops = crops.min(longer / self.least_crop).max(2).min(self.most_crops);
        let crop = longer.div_ceil(crops);
        (crop.min(shorter) >= self.least_crop).then_some((crops, crop))
    }
}

impl Views {
    /// `pan_and_scan`: the crops, and height and width of one; the last may be smaller.
    fn crops(&self, width: usize, height: usize) -> Option<(Grid, (usize, usize))> {
        let scan = self.scan.as_ref()?;
        if width >= height {
            let (cols, across) = scan.crops(width, height)?;
            Some((Grid { rows: 1, cols }, (height, across)))
        } else {
            let (rows, down) = scan.crops(height, width)?;
            Some((Grid { rows, cols: 1 }, (down, width)))
        }
    }
}

impl Cutting for Views {
    fn plan(&self, width: usize, height: usize) -> Result<Cut, VisionError> {
        let (grid, (down, across)) = self.crops(width, height).unwrap_or((Grid::WHOLE, (height, width)));
        // Crops are rounded up, so that many small ones may leave nothing for the last.
        if grid.rows.saturating_sub(1) * down >= height || grid.cols.saturating_sub(1) * across >= width {
            let what = format!("the last of {} crops is empty", grid.rows * grid.cols);
            return Err(VisionError::Shape { width, height, what });
        }
        Ok(Cut { grid, resized: self.view, tiles: vec![self.view; grid.rows * grid.cols + 1] })
    }

    /// Writes the whole picture, then its crops.
    fn cut(&self, picture: &Picture, cut: &Cut, filter: Filter, arithmetic: Arithmetic, tiles: &mut TileWriter) {
        let (height, width) = self.view;
        let mut push =
            |view: &Picture| tiles.push(&resize(view, width, height, filter, arithmetic), (0, 0), self.view);
        push(picture);
        let Some((_, (down, across))) = self.crops(picture.width(), picture.height()) else { return };
        for top in (0..cut.grid.rows).map(|row| row * down) {
            for left in (0..cut.grid.cols).map(|col| col * across) {
                let size = (down.min(picture.height() - top), across.min(picture.width() - left));
                push(&picture.part((top, left), size));
            }
        }
    }
}
