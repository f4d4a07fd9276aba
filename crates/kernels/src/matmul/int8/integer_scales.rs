//! Types whose groups have integers for scales, under one scale of their block: `Q4_K` and `Q6_K`.
//!
//! The products of 32 values with the activations that share a scale are one integer, the sum of each group's scale `k`
//! times its dot product `I`, below 2^24: exact in f32, wherever a level multiplies by `k`. Of a block, with offsets'
//! integers `m`, each (row, token) is
//!
//! ```text
//! scaled = fma(sum of k I, dx, scaled)    for every 32 values
//! offset = fma(m, dx * S, offset)
//! sum = fma(d, scaled, sum)
//! sum = fma(-dmin, offset, sum)           for types with offsets
//! ```

use super::bytes::Bytes;
use super::gemm::{STRIPS, Tile};
use super::gemv::{self, Step};
use super::inputs::{GROUP, Group, Tokens};
use super::stored::{Affine, MOST_RUNS, Stored, UnpackedStep};
use crate::blocks::STEP;
use crate::vector::Vector;

/// Most groups of 32 values in a part.
pub(super) const MOST_PAIRS: usize = MOST_RUNS / 2;

/// Where a level multiplies by `k`.
pub(crate) trait Scales<B: Bytes<Scales = Self>>: Sized {
    /// How it keeps the scales of a step, beside [`UnpackedStep::groups`].
    type Unpacked;

    /// Keeps the scales of a step: `codes` has 16 bytes of each row, which begin with them.
    unsafe fn unpack<S: Stored<B>>(codes: [B; 4], to: &mut UnpackedStep<B>);

    /// What [`Scales::tile`] wants beside that.
    #[inline(always)]
    unsafe fn broadcast<S: Stored<B>>(unpacked: &mut UnpackedStep<B>) {
        let _ = unpacked;
    }

    /// The sums of `k I` of a part, those of each 32 values for each token.
    unsafe fn dots<S: Stored<B>, const T: usize>(
        step: &Step<B>,
        stored: S,
        part: usize,
        tokens: &Tokens,
    ) -> [[B::Floats; T]; MOST_PAIRS];

    /// The same of the `pair`th 32 values in a tile's panels.
    unsafe fn tile<S: Stored<B>, const T: usize>(
        tile: &Tile<B>,
        tokens: &Tokens,
        pair: usize,
    ) -> [[B::Floats; STRIPS]; T];
}

/// Onto floats: where sums of four products are 32 bits wide at once.
pub(crate) struct ScaleInFloats;

impl<B: Bytes<Scales = Self>> Scales<B> for ScaleInFloats {
    type Unpacked = ();

    #[inline(always)]
    unsafe fn unpack<S: Stored<B>>(codes: [B; 4], to: &mut UnpackedStep<B>) {
        let codes = B::transpose_bytes(codes);
        let mut g = 0;
        while g < STEP / S::GROUP {
            let scales = codes[g / 4];
            let scales = if S::SIGNED_SCALES { scales.widen_signed(g % 4) } else { scales.widen(g % 4) };
            to.groups[g].scale = scales.to_floats();
            g += 1;
        }
    }

    #[inline(always)]
    unsafe fn dots<S: Stored<B>, const T: usize>(
        step: &Step<B>,
        stored: S,
        part: usize,
        tokens: &Tokens,
    ) -> [[B::Floats; T]; MOST_PAIRS] {
        let (groups, of_pair) = (16 * S::RUNS / S::GROUP, GROUP / S::GROUP);
        let codes = step.part(stored, part);
        let mut products = [[B::Floats::zero(); T]; MOST_PAIRS];
        let mut i = 0;
        while i < groups {
            let g = part * groups + i;
            let x = tokens.codes::<T>(g * S::GROUP);
            let mut t = 0;
            while t < T {
                let product = B::sum_rows(gemv::products::<B, S>(&codes, i, x[t]));
                let product = centred::<B, S>(product, tokens.group(t, g));
                let of_pair = &mut products[i / of_pair][t];
                *of_pair = product.mul_add(step.unpacked.groups[g].scale, *of_pair);
                t += 1;
            }
            i += 1;
        }
        products
    }

    #[inline(always)]
    unsafe fn tile<S: Stored<B>, const T: usize>(
        tile: &Tile<B>,
        tokens: &Tokens,
        pair: usize,
    ) -> [[B::Floats; STRIPS]; T] {
        let mut products = [[B::Floats::zero(); STRIPS]; T];
        let mut g = pair * GROUP / S::GROUP;
        while g < (pair + 1) * GROUP / S::GROUP {
            let sums = B::group::<S, T>(tile.codes(g * S::GROUP), tokens.codes(g * S::GROUP));
            let scales = [tile.panels[0].unpacked.groups[g].scale, tile.panels[1].unpacked.groups[g].scale];
            let mut t = 0;
            while t < T {
                let input = tokens.group(t, g);
                products[t][0] = centred::<B, S>(sums[t][0], input).mul_add(scales[0], products[t][0]);
                products[t][1] = centred::<B, S>(sums[t][1], input).mul_add(scales[1], products[t][1]);
                t += 1;
            }
            g += 1;
        }
        products
    }
}

/// The dot product of a group whose codes are stored with [`Stored::ZERO_POINT`] added.
#[inline(always)]
pub(super) unsafe fn centred<B: Bytes, S: Stored<B>>(product: B, input: &Group) -> B::Floats {
    let product = product.to_floats();
    match S::ZERO_POINT {
        0 => product,
        // Integers far below 2^24: nothing is rounded.
        _ => B::Floats::splat(-S::ZERO_POINT as f32).mul_add(B::Floats::splat(input.sum), product),
    }
}

/// `sum` and a block, of whose chains these are the ends.
#[inline(always)]
pub(super) unsafe fn finish_block<B: Bytes, S: Stored<B>>(
    sum: B::Floats,
    scaled: B::Floats,
    offset: B::Floats,
    block: &Affine<B::Floats>,
) -> B::Floats {
    let sum = block.scale.mul_add(scaled, sum);
    match S::OFFSETS {
        true => block.offset.mul_add(offset, sum),
        false => sum,
    }
}
