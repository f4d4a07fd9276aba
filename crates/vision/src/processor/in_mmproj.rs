//! What an mmproj says of preprocessing that a checkpoint's settings describe. Source: llama.cpp's conversion/base.py
//! (`MmprojModel`), conversion/smolvlm.py.

use std::collections::BTreeMap;

use super::Processor;
use super::settings::MmprojParameters;
use crate::VisionError;

impl Processor {
    /// The numbers of an mmproj of the projector `projector`, whose tower takes tiles of `image_size` pixels a side.
    ///
    /// # Errors
    /// The settings ask for another normalisation than an mmproj can say, for which `file` is blamed.
    pub fn in_mmproj(&self, file: &str, projector: &str, image_size: usize) -> Result<MmprojParameters, VisionError> {
        let error = |key: &str, found: String, expected: &str| VisionError::Setting {
            file: file.to_owned(),
            key: key.to_owned(),
            found,
            expected: format!("{expected}: an mmproj has no word for another"),
        };
        let normalisation = self.image.normalisation;
        let rescale = normalisation.rescale.unwrap_or(1.0);
        if (rescale * 255.0 - 1.0).abs() > 1e-6 {
            return Err(error("rescale_factor", rescale.to_string(), "1 / 255"));
        }
        // A mean of 0 and a deviation of 1 change nothing.
        let (image_mean, image_std) = normalisation.normalise.unwrap_or(([0.0; 3], [1.0; 3]));
        let preproc_image_size = self.image.image.cutting.longest_edge();
        let file = file.to_owned();
        Ok(MmprojParameters {
            file,
            projector: projector.to_owned(),
            image_size,
            preproc_image_size,
            image_mean,
            image_std,
            numbers: BTreeMap::new(),
        })
    }

    /// Whether pictures are cut as they are by an mmproj with these numbers.
    pub fn cuts_as(&self, mmproj: &MmprojParameters) -> bool {
        let shown = |processor: &Processor| format!("{:?}", processor.image.image);
        Processor::from_mmproj(mmproj).is_ok_and(|there| shown(&there) == shown(self))
    }
}
