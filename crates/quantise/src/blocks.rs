//! Rows cut into the blocks of a type: eight side by side, or one by one.

use crate::lanes::LANES;

/// Eight blocks of a row, and how much their values count, unless all count alike. Where fewer are left, the last stands in
/// the places that are.
pub struct Eight<'a, const LEN: usize> {
    pub x: [&'a [f32; LEN]; LANES],
    pub w: Option<[&'a [f32; LEN]; LANES]>,
}

/// Has `fit` write blocks eight at a time.
pub fn in_eights<const LEN: usize, const BYTES: usize>(
    (values, weights): (&[f32], Option<&[f32]>),
    out: &mut [u8],
    fit: impl Fn(Eight<LEN>, &mut [[u8; BYTES]; LANES]),
) {
    let (values, weights) = (values.as_chunks().0, weights.map(|weights| weights.as_chunks().0));
    let mut blocks = [[0; BYTES]; LANES];
    for (i, out) in out.as_chunks_mut().0.chunks_mut(LANES).enumerate() {
        let first = i * LANES;
        let eight = Eight { x: picked(values, first), w: weights.map(|weights| picked(weights, first)) };
        fit(eight, &mut blocks);
        out.copy_from_slice(&blocks[..out.len()]);
    }
}

/// Has `fit` write block by block, of values, weights and room.
pub fn one_by_one<const LEN: usize, const BYTES: usize>(
    (values, weights): (&[f32], Option<&[f32]>),
    out: &mut [u8],
    fit: impl Fn(&[f32; LEN], &[f32; LEN], &mut [u8; BYTES]),
) {
    let alike = [1.0; LEN];
    for (i, (values, out)) in values.as_chunks().0.iter().zip(out.as_chunks_mut().0).enumerate() {
        let weights = weights.map_or(&alike, |weights| &weights.as_chunks().0[i]);
        fit(values, weights, out);
    }
}

/// The runs from `first` on, the last again where there are fewer than eight.
#[inline(always)]
pub fn picked<const LEN: usize>(all: &[[f32; LEN]], first: usize) -> [&[f32; LEN]; LANES] {
    let mut picked = [&all[first]; LANES];
    for (lane, picked) in picked.iter_mut().enumerate() {
        *picked = &all[(first + lane).min(all.len() - 1)];
    }
    picked
}
