//! Rows cut into the blocks of a type, and the blocks fitted: eight side by side, or one by one.

use std::marker::PhantomData;

use plimsoll_kernels::{Isa, Vectorised};

use crate::lanes::{LANES, Lanes, abreast};

/// A type whose blocks are fitted eight side by side.
pub trait Eight<const LEN: usize, const BYTES: usize> {
    /// Fits and writes eight blocks, which `lanes` has side by side; to be marked `#[inline(always)]`.
    fn encode(x: [&[f32; LEN]; LANES], lanes: &[Lanes; LEN], w: &[Lanes; LEN], blocks: &mut [[u8; BYTES]; LANES]);
}

/// A type whose blocks are fitted one by one: the runs in one of them stand side by side, or nothing does.
pub trait One<const LEN: usize, const BYTES: usize> {
    /// Fits and writes a block; to be marked `#[inline(always)]`.
    fn encode(x: &[f32; LEN], w: &[f32; LEN], block: &mut [u8; BYTES]);
}

/// Whole blocks, a weight for each value unless all count alike, and room for what is written of them.
pub struct Blocks<'a, T> {
    values: &'a [f32],
    weights: Option<&'a [f32]>,
    out: &'a mut [u8],
    of: PhantomData<T>,
}

impl<'a, T> Blocks<'a, T> {
    /// Writes the blocks eight at a time, compiled for `isa`.
    pub fn in_eights<const LEN: usize, const BYTES: usize>(
        isa: Isa,
        (values, weights): (&'a [f32], Option<&'a [f32]>),
        out: &'a mut [u8],
    ) where
        T: Eight<LEN, BYTES>,
    {
        isa.run(InEights(Blocks::<T> { values, weights, out, of: PhantomData }));
    }

    /// Writes the blocks one by one, compiled for `isa`.
    pub fn one_by_one<const LEN: usize, const BYTES: usize>(
        isa: Isa,
        (values, weights): (&'a [f32], Option<&'a [f32]>),
        out: &'a mut [u8],
    ) where
        T: One<LEN, BYTES>,
    {
        isa.run(OneByOne(Blocks::<T> { values, weights, out, of: PhantomData }));
    }
}

struct InEights<'a, T, const LEN: usize, const BYTES: usize>(Blocks<'a, T>);

impl<T: Eight<LEN, BYTES>, const LEN: usize, const BYTES: usize> Vectorised for InEights<'_, T, LEN, BYTES> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Blocks { values, weights, out, .. } = self.0;
        let (values, out) = (values.as_chunks::<LEN>().0, out.as_chunks_mut::<BYTES>().0);
        let mut w = [Lanes::ONE; LEN];
        for first in (0..values.len()).step_by(LANES) {
            let (n, x) = picked(values, first);
            if let Some(weights) = weights {
                w = abreast(picked(weights.as_chunks::<LEN>().0, first).1);
            }
            let mut blocks = [[0; BYTES]; LANES];
            T::encode(x, &abreast(x), &w, &mut blocks);
            out[first..first + n].copy_from_slice(&blocks[..n]);
        }
    }
}

/// How many there are from `first` on, at most eight, and which: where there are fewer, the last stands in the lanes left.
#[inline(always)]
pub fn picked<const LEN: usize>(all: &[[f32; LEN]], first: usize) -> (usize, [&[f32; LEN]; LANES]) {
    let n = LANES.min(all.len() - first);
    let mut picked = [&all[first]; LANES];
    for (lane, picked) in picked.iter_mut().enumerate() {
        *picked = &all[first + lane.min(n - 1)];
    }
    (n, picked)
}

struct OneByOne<'a, T, const LEN: usize, const BYTES: usize>(Blocks<'a, T>);

impl<T: One<LEN, BYTES>, const LEN: usize, const BYTES: usize> Vectorised for OneByOne<'_, T, LEN, BYTES> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Blocks { values, weights, out, .. } = self.0;
        let alike = [1.0; LEN];
        for (i, (values, out)) in values.as_chunks::<LEN>().0.iter().zip(out.as_chunks_mut::<BYTES>().0).enumerate() {
            let weights = match weights {
                Some(weights) => &weights.as_chunks::<LEN>().0[i],
                None => &alike,
            };
            T::encode(values, weights, out);
        }
    }
}
