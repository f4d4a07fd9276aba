//! In what a tensor may be stored, whichever engine is to read it.

use std::fmt;

use plimsoll_kernels::{DType, dequantise, put_affine8};

use crate::choice::is_coarse;
use crate::{AffineGroups, EncodeError, TYPES, encode};

/// In what a tensor may be stored.
///
/// ```
/// use plimsoll_kernels::DType;
/// use plimsoll_quantise::{AffineGroups, Encoding};
/// let groups = Encoding::from(AffineGroups::new(4, 64, DType::BF16).expect("a grid that MLX has"));
/// assert_eq!((groups.to_string(), groups.row_bytes(128)), ("4 bits by 64".to_owned(), Some(72)));
/// assert_eq!(Encoding::from(DType::Q4_0).row_bytes(100), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Floats, or ggml's blocks.
    Type(DType),
    /// Codes with scales and offsets beside them, as MLX has them.
    Groups(AffineGroups),
}

impl From<DType> for Encoding {
    fn from(dtype: DType) -> Encoding {
        Encoding::Type(dtype)
    }
}

impl From<AffineGroups> for Encoding {
    fn from(groups: AffineGroups) -> Encoding {
        Encoding::Groups(groups)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encoding::Type(dtype) => f.write_str(dtype.name()),
            Encoding::Groups(groups) => write!(f, "{} bits by {}", groups.bits(), groups.group()),
        }
    }
}

impl Encoding {
    /// Bytes of a row, of all that it is kept in; `None` if it does not divide the row.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        match self {
            Encoding::Type(dtype) => dtype.row_bytes(cols),
            Encoding::Groups(groups) if cols.is_multiple_of(groups.group()) => {
                let beside = 2 * cols / groups.group() * groups.stored().block_bytes();
                Some(cols * groups.bits() as usize / 8 + beside)
            }
            Encoding::Groups(_) => None,
        }
    }

    /// The type that holds its values in memory, where products read them.
    pub fn in_memory(self) -> DType {
        match self {
            Encoding::Type(dtype) => dtype,
            Encoding::Groups(_) => DType::AFFINE8,
        }
    }

    /// Writes `values` over `out` as the type that holds them in memory, with the least squared error under `weights`.
    ///
    /// # Errors
    /// As [`encode`] and [`AffineGroups::fit`].
    ///
    /// # Panics
    /// As they, and if `out` has not exactly the bytes of [`Encoding::in_memory`].
    pub fn encode(self, values: &[f32], weights: Option<&[f32]>, out: &mut [u8]) -> Result<(), EncodeError> {
        let groups = match self {
            Encoding::Type(dtype) => return encode(dtype, values, weights, out),
            Encoding::Groups(groups) => groups,
        };
        let n = values.len() / groups.group();
        let (mut codes, mut scales, mut offsets) = (vec![0; values.len()], vec![0.0; n], vec![0.0; n]);
        groups.fit(values, weights, &mut codes, &mut scales, &mut offsets)?;
        let (codes, out) = (codes.as_chunks::<32>().0, out.as_chunks_mut::<40>().0);
        assert_eq!(codes.len(), out.len(), "bytes of {} values in memory", values.len());
        for (i, (codes, out)) in codes.iter().zip(out).enumerate() {
            let at = i * 32 / groups.group();
            put_affine8(groups.bits(), scales[at], offsets[at], codes, out);
        }
        Ok(())
    }

    /// What rows of `cols` values lose: the squared error under the weights that `weights` has for each, summed in f64.
    ///
    /// # Errors
    /// The first row that is refused.
    ///
    /// # Panics
    /// `rows` are no whole rows, or it does not divide them.
    pub fn squared_error<'w>(
        self,
        cols: usize,
        rows: &[f32],
        weights: impl Fn(usize) -> Option<&'w [f32]>,
    ) -> Result<f64, EncodeError> {
        let held = self.in_memory();
        let mut bytes = vec![0; held.row_bytes(cols).expect("whole blocks")];
        let (mut back, mut error) = (vec![0.0; cols], 0.0);
        for (row, values) in rows.chunks_exact(cols).enumerate() {
            let weights = weights(row);
            self.encode(values, weights, &mut bytes)?;
            dequantise(held, &bytes, &mut back);
            let off = values.iter().zip(&back).map(|(value, back)| f64::from(value - back).powi(2));
            error += match weights {
                Some(weights) => off.zip(weights).map(|(off, weight)| off * f64::from(*weight)).sum::<f64>(),
                None => off.sum(),
            };
        }
        Ok(error)
    }

    /// The block types that hold weights of any model well enough, the most precise first: none whose values only weights
    /// lie on that were trained for them, and none that keeps little without an importance matrix.
    pub fn blocks() -> impl Iterator<Item = DType> {
        let of_their_own = [DType::MXFP4, DType::TQ2_0, DType::TQ1_0];
        TYPES.into_iter().filter(move |dtype| !dtype.is_float() && !is_coarse(*dtype) && !of_their_own.contains(dtype))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as the type in memory stands for just what codes, scales and offsets stand for.
    #[test]
    fn groups_have_the_same_values_in_memory() {
        let values: Vec<f32> = (0..256).map(|i| ((i * 37 % 101) as f32 - 40.0) / 70.0).collect();
        for (bits, group) in [(2, 32), (4, 64), (6, 128), (8, 64)] {
            let groups = AffineGroups::new(bits, group, DType::F16).unwrap();
            let n = values.len() / group;
            let (mut codes, mut scales, mut offsets) = (vec![0; 256], vec![0.0; n], vec![0.0; n]);
            groups.fit(&values, None, &mut codes, &mut scales, &mut offsets).unwrap();
            let (mut bytes, mut back) = (vec![0; 8 * 40], vec![0.0; 256]);
            Encoding::from(groups).encode(&values, None, &mut bytes).unwrap();
            dequantise(DType::AFFINE8, &bytes, &mut back);
            for (i, code) in codes.iter().enumerate() {
                let value = scales[i / group] * f32::from(*code) + offsets[i / group];
                assert!((back[i] - value).abs() <= 1e-6, "{bits} bits, value {i}: {} for {value}", back[i]);
            }
        }
    }

    #[test]
    fn more_bits_and_shorter_groups_lose_less() {
        let rows: Vec<f32> = (0..512).map(|i| ((i * 7919 % 997) as f32 / 500.0 - 1.0).powi(3)).collect();
        let lost = |bits, group| {
            let groups = AffineGroups::new(bits, group, DType::F32).unwrap();
            Encoding::from(groups).squared_error(256, &rows, |_| None).unwrap()
        };
        assert!(lost(4, 32) < lost(4, 128) && lost(4, 128) < lost(3, 32) && lost(8, 128) < lost(6, 32));
    }

    #[test]
    fn blocks_that_are_tried_of_any_model_come_from_the_most_precise_on() {
        let names: Vec<&str> = Encoding::blocks().map(DType::name).collect();
        assert_eq!(names[..4], ["Q8_0", "Q6_K", "Q5_1", "Q5_K"]);
        assert_eq!((names.len(), names.last()), (13, Some(&"Q2_K")));
    }
}
