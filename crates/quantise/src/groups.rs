//! Groups of 32, 64 or 128 values under a scale and an offset of their own: `x ≈ scale · q + offset` with codes of 2 to 8
//! bits, as MLX has them. Scales and offsets are floats of the model's own type beside the codes, not in a block.
//! Source: MLX's mlx/backend/cpu/quantized.cpp, `quantize`.

use half::{bf16, f16};
use plimsoll_kernels::DType;

use crate::affine::{self, Affine, best_affine};
use crate::encode::{EncodeError, check_within};
use crate::sums::{half, nearest, within};

/// A grid of groups: the width of codes, the length of a group, and what scales and offsets are stored as.
///
/// ```
/// use plimsoll_kernels::DType;
/// let grid = plimsoll_quantise::AffineGroups::new(4, 32, DType::F16).expect("a grid that MLX has");
/// let values: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
/// let (mut codes, mut scales, mut offsets) = ([0; 32], [0.0], [0.0]);
/// grid.fit(&values, None, &mut codes, &mut scales, &mut offsets)?;
/// let back = |i: usize| scales[0] * f32::from(codes[i]) + offsets[0];
/// assert!((0..32).all(|i| (values[i] - back(i)).abs() < 0.08));
/// # Ok::<(), plimsoll_quantise::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AffineGroups {
    bits: u32,
    group: usize,
    stored: DType,
}

/// Steps of the stored type that scale and offset move by, once they are settled as real numbers.
const NEIGHBOURS: [i32; 3] = [-1, 0, 1];
/// Times that they move at most.
const MOVES: usize = 6;
/// MLX takes no scale below this.
const LEAST_SCALE: f32 = 1e-7;

impl AffineGroups {
    /// Widths of codes.
    pub const BITS: [u32; 6] = [2, 3, 4, 5, 6, 8];
    /// Lengths of groups.
    pub const LENGTHS: [usize; 3] = [32, 64, 128];

    /// Codes of `bits` in groups of `group` values, with scales and offsets as `stored`: F32, F16 or BF16. `None` if there
    /// is no such grid.
    pub fn new(bits: u32, group: usize, stored: DType) -> Option<AffineGroups> {
        let exists = Self::BITS.contains(&bits) && Self::LENGTHS.contains(&group) && stored.is_float();
        exists.then_some(AffineGroups { bits, group, stored })
    }

    /// Bits of a code.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Values in a group.
    pub fn group(self) -> usize {
        self.group
    }

    /// What scales and offsets are stored as.
    pub fn stored(self) -> DType {
        self.stored
    }

    /// Codes, scales and offsets of `values` with the least squared error of what is read back, under `weights`, one for
    /// each value; none count alike. Codes are taken at the scales and offsets as they are stored, which `scales` and
    /// `offsets`, one for each group, hold widened. No group has a greater error than MLX's own rule gives it.
    ///
    /// # Errors
    /// The first value that is not finite, or beyond what half precision holds.
    ///
    /// # Panics
    /// `values` are no whole groups, or a slice has another length than what belongs to them.
    pub fn fit(
        self,
        values: &[f32],
        weights: Option<&[f32]>,
        codes: &mut [u8],
        scales: &mut [f32],
        offsets: &mut [f32],
    ) -> Result<(), EncodeError> {
        assert!(values.len().is_multiple_of(self.group), "{} values in groups of {}", values.len(), self.group);
        assert!(weights.is_none_or(|weights| weights.len() == values.len()), "a weight for each value");
        let groups = values.len() / self.group;
        assert_eq!((codes.len(), scales.len(), offsets.len()), (values.len(), groups, groups), "room for the groups");
        check_within(65504.0, self.stored, values)?;
        let fitted = scales.iter_mut().zip(offsets);
        match self.group {
            32 => self.fit_all::<32>(values, weights, codes, fitted),
            64 => self.fit_all::<64>(values, weights, codes, fitted),
            _ => self.fit_all::<128>(values, weights, codes, fitted),
        }
        Ok(())
    }

    fn fit_all<'a, const N: usize>(
        self,
        values: &[f32],
        weights: Option<&[f32]>,
        codes: &mut [u8],
        fitted: impl Iterator<Item = (&'a mut f32, &'a mut f32)>,
    ) {
        let (alike, high) = ([1.0; N], ((1u32 << self.bits) - 1) as f32);
        let groups = values.as_chunks::<N>().0.iter().zip(codes.as_chunks_mut::<N>().0);
        for (i, ((values, codes), (scale, offset))) in groups.zip(fitted).enumerate() {
            let weights = weights.map_or(&alike, |weights| &weights.as_chunks().0[i]);
            let best = self.best(values, weights, high);
            *codes = affine::codes(values, best, high);
            (*scale, *offset) = (best.scale, best.offset);
        }
    }

    /// The better of what the search finds and of MLX's rule, moved among the numbers that can be stored.
    fn best<const N: usize>(self, x: &[f32; N], w: &[f32; N], high: f32) -> Affine {
        let [found, mlx] = [best_affine(x, w, high, false), by_edge(x, high)].map(|at| {
            let stored = Affine { scale: self.rounded(at.scale), offset: self.rounded(at.offset) };
            (affine::error_at(x, w, stored, high), stored)
        });
        self.settled(x, w, if mlx.0 < found.0 { mlx } else { found }, high)
    }

    /// Moves to stored neighbours as long as the error, which comes first, falls. A scale of 8 bits of mantissa is a part in
    /// 512 off, which the last of 255 codes feels as half of a step.
    fn settled<const N: usize>(self, x: &[f32; N], w: &[f32; N], start: (f32, Affine), high: f32) -> Affine {
        let mut best = start;
        if self.stored == DType::F32 {
            return best.1;
        }
        for _ in 0..MOVES {
            let from = best.1;
            for (scale, offset) in NEIGHBOURS.iter().flat_map(|scale| NEIGHBOURS.map(|offset| (*scale, offset))) {
                let to = Affine { scale: self.moved(from.scale, scale), offset: self.moved(from.offset, offset) };
                let error = affine::error_at(x, w, to, high);
                if error < best.0 {
                    best = (error, to);
                }
            }
            if best.1 == from {
                break;
            }
        }
        best.1
    }

    /// What is read of the number as it is stored.
    fn rounded(self, value: f32) -> f32 {
        match self.stored {
            DType::F16 => half(value).to_f32(),
            DType::BF16 => bf16::from_f32(value).to_f32(),
            _ => value,
        }
    }

    /// The stored number `steps` further from zero; where that leads to none or across zero, the number itself.
    fn moved(self, value: f32, steps: i32) -> f32 {
        let near = |bits: u16| u16::try_from(i32::from(bits) + steps).unwrap_or(bits);
        let moved = match self.stored {
            DType::F16 => f16::from_bits(near(f16::from_f32(value).to_bits())).to_f32(),
            DType::BF16 => bf16::from_bits(near(bf16::from_f32(value).to_bits())).to_f32(),
            _ => value,
        };
        let stays = moved.is_finite() && moved.is_sign_negative() == value.is_sign_negative();
        if stays { moved } else { value }
    }
}

/// MLX's rule: the range in equal steps, of such a size that the end further from zero has a whole number of them.
fn by_edge<const N: usize>(x: &[f32; N], high: f32) -> Affine {
    let least = x.iter().copied().fold(f32::INFINITY, f32::min);
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let step = within((most - least) / high, LEAST_SCALE, f32::MAX);
    let (step, edge) = if least.abs() > most.abs() { (step, least) } else { (-step, most) };
    let whole = nearest(within(edge / step, -4e6, 4e6));
    match whole == 0.0 {
        true => Affine { scale: step, offset: 0.0 },
        false => Affine { scale: edge / whole, offset: edge },
    }
}
