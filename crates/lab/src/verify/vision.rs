//! Cases that show pictures or videos, from the reference's own pixels: the tower is compared apart from the resizing of
//! pictures.

use std::path::Path;

use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_formats::{FileBytes, FormatError};
use plimsoll_kernels::DType;
use plimsoll_runtime::{EmbeddingOverride, TileBatch};

use super::golden::{GoldenCase, Sampled};
use super::{VerifyError, max_delta};

/// Differences of an image feature and of a logit behind it within which a case agrees.
pub const FEATURE_TOLERANCE: f32 = 2e-3;
/// See [`FEATURE_TOLERANCE`]: logits gather what the tower and the text model round.
pub const VISION_TOLERANCE: f32 = 5e-3;

/// The pixel tensors of the reference, `golden_pixels.safetensors` beside a golden file.
#[derive(Debug)]
pub struct GoldenPixels(SafetensorsFile);

impl GoldenPixels {
    /// Opens the file.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn open(path: &Path) -> Result<GoldenPixels, FormatError> {
        SafetensorsFile::parse(FileBytes::map(path)?).map(GoldenPixels)
    }

    /// Those of an embedded model.
    ///
    /// # Errors
    /// They are damaged.
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<GoldenPixels, FormatError> {
        SafetensorsFile::parse(FileBytes::embedded(name, bytes)).map(GoldenPixels)
    }

    /// The pixels of a case, `case3` or `video0`, and the edge of its tiles; `None` if there are none of this name.
    ///
    /// # Errors
    /// They are no f32 tiles, `(…, 3, edge, edge)`.
    fn tiles(&self, name: &str) -> Result<Option<(Vec<f32>, usize)>, VerifyError> {
        let Some(tensor) = self.0.tensors.iter().find(|tensor| tensor.name == name) else { return Ok(None) };
        let refuse = |problem: String| VerifyError::Golden { file: self.0.bytes.name().to_owned(), problem };
        let &[.., 3, height, width] = &tensor.shape[..] else {
            return Err(refuse(format!("`{name}` has the shape {:?}, expected tiles of 3 colours", tensor.shape)));
        };
        if height != width || tensor.weight_type() != Some(DType::F32) {
            let (dtype, shape) = (&tensor.dtype, &tensor.shape);
            return Err(refuse(format!("`{name}` is {dtype} of {shape:?}, expected square tiles of F32")));
        }
        let bytes = self.0.bytes[tensor.range.clone()].as_chunks::<4>().0;
        Ok(Some((bytes.iter().map(|value| f32::from_le_bytes(*value)).collect(), height)))
    }
}

/// A model's vision encoder, and the pixels that the reference gave its own.
pub struct GoldenVision {
    /// In [`plimsoll_runtime::Arithmetic::Exact`].
    pub encoder: plimsoll_engine::VisionEncoder,
    /// The reference's pixels, where it left them.
    pub pixels: Option<GoldenPixels>,
}

/// The pictures of a case, encoded.
pub(super) struct EncodedCase {
    /// `(n_placeholders, d_model)`
    embeddings: Vec<f32>,
    /// Largest difference of a feature from the reference's.
    pub features_delta: Option<f32>,
    /// Indices of the placeholders among the tokens.
    at: Vec<usize>,
}

impl GoldenVision {
    /// The reference's pixels of a case.
    pub(super) fn tiles(&self, name: &str) -> Result<Option<(Vec<f32>, usize)>, VerifyError> {
        self.pixels.as_ref().map_or(Ok(None), |pixels| pixels.tiles(name))
    }

    /// Encodes the pixels of a case; `None` if the file has none of them.
    pub(super) fn encode(&mut self, name: &str, case: &GoldenCase) -> Result<Option<EncodedCase>, VerifyError> {
        let Some((pixels, edge)) = self.tiles(name)? else { return Ok(None) };
        let refuse = |problem: String| VerifyError::Pictures { case: name.to_owned(), problem };
        let tiles = TileBatch { pixels: &pixels, edge };
        let (embeddings, features) =
            self.encoder.tower().encode_with_features(&tiles).map_err(|error| refuse(error.to_string()))?;
        let image_token_id = self.encoder.prompts().image_token_id();
        let placeholders = case.input_ids.iter().enumerate().filter(|(_, id)| **id == image_token_id);
        let at: Vec<usize> = placeholders.map(|(at, _)| at).collect();
        let n_tiles = pixels.len() / (3 * edge * edge);
        let n_rows =
            n_tiles * self.encoder.tower().features_per_tile(edge).map_err(|error| refuse(error.to_string()))?;
        if at.len() != n_rows {
            return Err(refuse(format!("{n_tiles} tiles have {n_rows} embeddings for {} places", at.len())));
        }
        let features_delta = case.image_features.as_ref().map(|reference| sampled_delta(&features, reference));
        Ok(Some(EncodedCase { embeddings, features_delta, at }))
    }
}

impl EncodedCase {
    /// Rows for the program, one for each placeholder.
    pub(super) fn given(&self) -> Vec<EmbeddingOverride<'_>> {
        let width = self.embeddings.len() / self.at.len().max(1);
        EmbeddingOverride::at_positions(self.at.iter().copied(), &self.embeddings, width.max(1))
    }
}

/// The largest difference from the values that the reference left; infinite if there are not as many values.
fn sampled_delta(ours: &[f32], reference: &Sampled) -> f32 {
    let sampled: Option<Vec<f32>> = reference.at.iter().map(|at| ours.get(*at).copied()).collect();
    match sampled {
        Some(sampled) if ours.len() == reference.shape.iter().product::<usize>() => {
            max_delta(&sampled, &reference.values)
        }
        _ => f32::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_another_shape_never_agree() {
        let reference = Sampled { shape: vec![2, 3], at: vec![0, 5], values: vec![1.0, 2.0] };
        assert_eq!(sampled_delta(&[1.0, 0.0, 0.0, 0.0, 0.0, 2.5], &reference), 0.5);
        assert_eq!(sampled_delta(&[1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 9.0], &reference), f32::INFINITY);
        assert_eq!(sampled_delta(&[1.0], &reference), f32::INFINITY);
    }
}
