//! Groups of 32, 64 or 128 values under a scale and an offset of their own: `x ≈ scale · q + offset` with codes of 2 to 8
//! bits, as MLX has them. Scales and offsets are floats of the model's own type beside the codes, not in a block.
//! Source: MLX's mlx/backend/cpu/quantized.cpp, `quantize`.

use half::{bf16, f16};
use plimsoll_kernels::{DType, Isa, Vectorised};

use crate::affine::{self, Affine, Affines, best_affine};
use crate::blocks::picked;
use crate::encode::{EncodeError, check_within};
use crate::lanes::{LANES, Lanes, abreast};
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
        let isa = Isa::best();
        match self.group {
            32 => isa.run(Groups::<32> { grid: self, values, weights, codes, scales, offsets }),
            64 => isa.run(Groups::<64> { grid: self, values, weights, codes, scales, offsets }),
            _ => isa.run(Groups::<128> { grid: self, values, weights, codes, scales, offsets }),
        }
        Ok(())
    }

    /// The better of what the search finds and of MLX's rule, moved among the numbers that can be stored.
    #[inline(always)]
    fn best<const N: usize>(self, x: &[Lanes; N], w: &[Lanes; N], high: f32) -> Affines {
        let found = self.stored_of(best_affine(x, w, high, false));
        let mlx = self.stored_of(by_edge(x, high));
        let (error, of_mlx) = (affine::error_at(x, w, found, high), affine::error_at(x, w, mlx, high));
        let start = error.above(of_mlx);
        let at = Affines { scale: start.pick(mlx.scale, found.scale), offset: start.pick(mlx.offset, found.offset) };
        self.settled(x, w, (start.pick(of_mlx, error), at), high)
    }

    /// Moves to stored neighbours as long as the error, which comes first, falls. A scale of 8 bits of mantissa is a part in
    /// 512 off, which the last of 255 codes feels as half of a step.
    #[inline(always)]
    fn settled<const N: usize>(
        self,
        x: &[Lanes; N],
        w: &[Lanes; N],
        (mut least, mut best): (Lanes, Affines),
        high: f32,
    ) -> Affines {
        if self.stored == DType::F32 {
            return best;
        }
        for _ in 0..MOVES {
            let (from, mut moves) = (best, false);
            for scale in NEIGHBOURS {
                for offset in NEIGHBOURS {
                    let mut to = from;
                    for lane in 0..LANES {
                        to.scale.0[lane] = self.moved(from.scale.0[lane], scale);
                        to.offset.0[lane] = self.moved(from.offset.0[lane], offset);
                    }
                    let error = affine::error_at(x, w, to, high);
                    let is_better = least.above(error);
                    moves |= is_better.any();
                    least = is_better.pick(error, least);
                    best.scale = is_better.pick(to.scale, best.scale);
                    best.offset = is_better.pick(to.offset, best.offset);
                }
            }
            if !moves {
                break;
            }
        }
        best
    }

    #[inline(always)]
    fn stored_of(self, mut at: Affines) -> Affines {
        for lane in 0..LANES {
            at.scale.0[lane] = self.rounded(at.scale.0[lane]);
            at.offset.0[lane] = self.rounded(at.offset.0[lane]);
        }
        at
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

/// Values to be fitted, and room for what is found.
struct Groups<'a, const N: usize> {
    grid: AffineGroups,
    values: &'a [f32],
    weights: Option<&'a [f32]>,
    codes: &'a mut [u8],
    scales: &'a mut [f32],
    offsets: &'a mut [f32],
}

impl<const N: usize> Vectorised for Groups<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let high = ((1u32 << self.grid.bits) - 1) as f32;
        let (values, codes) = (self.values.as_chunks::<N>().0, self.codes.as_chunks_mut::<N>().0);
        let mut w = [Lanes::ONE; N];
        for first in (0..values.len()).step_by(LANES) {
            let x = picked(values, first);
            if let Some(weights) = self.weights {
                w = abreast(picked(weights.as_chunks().0, first));
            }
            let best = self.grid.best(&abreast(x), &w, high);
            for lane in 0..LANES.min(values.len() - first) {
                let at: Affine = best.of(lane);
                codes[first + lane] = affine::codes(x[lane], at, high);
                (self.scales[first + lane], self.offsets[first + lane]) = (at.scale, at.offset);
            }
        }
    }
}

/// MLX's rule: the range in equal steps, of such a size that the end further from zero has a whole number of them.
#[inline(always)]
fn by_edge<const N: usize>(x: &[Lanes; N], high: f32) -> Affines {
    let (mut least, mut most) = (x[0], x[0]);
    for &v in x {
        least = v.min(least);
        most = v.max(most);
    }
    let mut all = Affines::NONE;
    for lane in 0..LANES {
        let (least, most) = (least.0[lane], most.0[lane]);
        let step = within((most - least) / high, LEAST_SCALE, f32::MAX);
        let (step, edge) = if least.abs() > most.abs() { (step, least) } else { (-step, most) };
        let whole = nearest(within(edge / step, -4e6, 4e6));
        (all.scale.0[lane], all.offset.0[lane]) = match whole == 0.0 {
            true => (step, 0.0),
            false => (edge / whole, edge),
        };
    }
    all
}
