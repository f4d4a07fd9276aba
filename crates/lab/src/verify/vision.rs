//! Cases that show pictures or videos, from the reference's own pixels: the tower is compared apart from the resizing of
//! pictures.

use std::path::Path;

use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_formats::{FileBytes, FormatError};
use plimsoll_kernels::DType;
use plimsoll_runtime::{EmbeddingOverride, TileBatch};
use plimsoll_vision::Tiles;

use super::golden::{GoldenCase, Sampled};
use super::pictures::Files;
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

    /// The pixels of a case, `case3` or `video0`; `None` if there are none of this name.
    ///
    /// # Errors
    /// They are no f32.
    fn values(&self, name: &str) -> Result<Option<Kept<'_>>, VerifyError> {
        let Some(tensor) = self.0.tensors.iter().find(|tensor| tensor.name == name) else { return Ok(None) };
        if tensor.weight_type() != Some(DType::F32) {
            let problem = format!("`{name}` is {}, expected F32", tensor.dtype);
            return Err(VerifyError::Golden { file: self.0.bytes.name().to_owned(), problem });
        }
        let bytes = self.0.bytes[tensor.range.clone()].as_chunks::<4>().0;
        let values = bytes.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Ok(Some(Kept { values, shape: &tensor.shape }))
    }
}

/// A tensor of pixels, as the reference laid them out.
struct Kept<'a> {
    values: Vec<f32>,
    shape: &'a [usize],
}

/// A model's vision encoder, and the pixels that the reference gave its own.
pub struct GoldenVision {
    /// In [`plimsoll_runtime::Arithmetic::Exact`].
    pub encoder: plimsoll_engine::VisionEncoder,
    /// The reference's pixels, where it left them.
    pub pixels: Option<GoldenPixels>,
    /// Where the pictures of cases lie.
    pub files: Files,
}

/// The pictures of a case, encoded.
pub(super) struct EncodedCase {
    /// `(n_placeholders, width)`
    embeddings: Vec<f32>,
    width: usize,
    /// Largest difference of a feature from the reference's.
    pub features_delta: Option<f32>,
    /// Indices of the placeholders among the tokens.
    at: Vec<usize>,
    /// Rows and columns of each picture, where its tokens stand as these do.
    grids: Vec<(usize, usize)>,
}

impl GoldenVision {
    /// The reference's pixels of a case as tiles, which the pictures tell the sizes of where they are there.
    pub(super) fn tiles(&self, name: &str, case: &GoldenCase) -> Result<Option<Tiles>, VerifyError> {
        let Some(pixels) = &self.pixels else { return Ok(None) };
        let Some(Kept { values, shape }) = pixels.values(name)? else { return Ok(None) };
        let processor = self.encoder.processor();
        let mut sizes = Vec::new();
        for name in case.images.iter().filter(|name| self.files.hold(name)) {
            let picture = self.files.picture(name)?;
            sizes.extend(processor.cut(picture.width(), picture.height())?.tiles);
        }
        let are_all = !case.images.is_empty() && case.images.iter().all(|name| self.files.hold(name));
        Ok(Some(processor.reference_tiles(&values, shape, are_all.then_some(sizes))?))
    }

    /// Encodes the pixels of a case; `None` if the file has none of them.
    pub(super) fn encode(&mut self, name: &str, case: &GoldenCase) -> Result<Option<EncodedCase>, VerifyError> {
        self.encoder.set_options(case.processor_options.as_ref())?;
        let Some(tiles) = self.tiles(name, case)? else { return Ok(None) };
        let refuse = |problem: String| VerifyError::Pictures { case: name.to_owned(), problem };
        let image_token_id = self.encoder.prompts().image_token_id();
        let placeholders = case.input_ids.iter().enumerate().filter(|(_, id)| **id == image_token_id);
        let at: Vec<usize> = placeholders.map(|(at, _)| at).collect();
        let by_grid = self.encoder.prompts().stands_by_grid();
        let tower = self.encoder.tower();
        let batch = TileBatch { pixels: &tiles.pixels, sizes: &tiles.sizes };
        let (embeddings, features) = tower.encode_with_features(&batch).map_err(|error| refuse(error.to_string()))?;
        let grids = tiles.sizes.iter().map(|size| tower.features(*size)).collect::<Result<Vec<_>, _>>();
        let grids = grids.map_err(|error| refuse(error.to_string()))?;
        let n_rows: usize = grids.iter().map(|(rows, cols)| rows * cols).sum();
        if at.len() != n_rows {
            return Err(refuse(format!("{} tiles have {n_rows} embeddings for {} places", grids.len(), at.len())));
        }
        let width = tower.given_width();
        let parts = std::iter::once(features).chain(further_parts(&embeddings, width, case.given().count()));
        let deltas: Vec<f32> =
            parts.zip(case.given()).map(|(ours, reference)| sampled_delta(&ours, reference)).collect();
        let features_delta = deltas.into_iter().reduce(f32::max);
        let grids = if by_grid { grids } else { Vec::new() };
        Ok(Some(EncodedCase { embeddings, width, features_delta, at, grids }))
    }
}

/// What a network is given behind the embeddings: of rows of `width`, in `n` parts, all parts but the first.
fn further_parts(rows: &[f32], width: usize, n: usize) -> impl Iterator<Item = Vec<f32>> + '_ {
    let each = width / n.max(1);
    (1..n).map(move |part| rows.chunks_exact(width).flat_map(|row| &row[part * each..][..each]).copied().collect())
}

impl EncodedCase {
    /// Rows for the program, one for each placeholder.
    pub(super) fn given(&self) -> Vec<EmbeddingOverride<'_>> {
        if self.grids.is_empty() {
            return EmbeddingOverride::at_positions(self.at.iter().copied(), &self.embeddings, self.width);
        }
        EmbeddingOverride::of_pictures(&self.at, &self.embeddings, self.width, &self.grids)
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
