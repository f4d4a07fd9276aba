//! The codebooks of the `IQ` types: short runs of levels, of which a block names one for each run. What a name stands for is
//! read off the decoder.

use plimsoll_kernels::{DType, dequantise};

use crate::changes::Changes;
use crate::lanes::{LANES, Lanes};

/// The entries of a codebook, eight at a time: the same place of eight runs side by side.
pub struct Grid<const RUN: usize> {
    chunks: Vec<[Lanes; RUN]>,
    changes: Option<Changes<RUN>>,
    /// The levels that occur, from the least on.
    pub levels: Vec<f32>,
}

/// A scale, and what every level is moved by before it is multiplied.
#[derive(Clone, Copy)]
pub struct Tried {
    pub scale: f32,
    pub shift: f32,
}

impl<const RUN: usize> Grid<RUN> {
    /// The runs that stand first in the blocks that `block` makes of the numbers below `entries`, a multiple of eight: what
    /// is read there in units of `unit`, less `shift`.
    pub fn read(dtype: DType, entries: usize, unit: f32, shift: f32, block: impl Fn(usize) -> Vec<u8>) -> Grid<RUN> {
        let mut chunks = vec![[Lanes::ZERO; RUN]; entries / LANES];
        let mut values = vec![0.0; dtype.block_len()];
        for entry in 0..entries {
            dequantise(dtype, &block(entry), &mut values);
            for (place, value) in values[..RUN].iter().enumerate() {
                chunks[entry / LANES][place].0[entry % LANES] = value / unit - shift;
            }
        }
        let mut levels: Vec<f32> = chunks.as_flattened().iter().flat_map(|lanes| lanes.0).collect();
        levels.sort_by(f32::total_cmp);
        levels.dedup();
        let entry = |entry: usize| std::array::from_fn(|place| chunks[entry / LANES][place].0[entry % LANES]);
        let changes = Changes::of(&(0..entries).map(entry).collect::<Vec<[f32; RUN]>>(), &levels);
        Grid { chunks, changes, levels }
    }

    /// A level of an entry.
    #[inline(always)]
    pub fn at(&self, entry: usize, place: usize) -> f32 {
        self.chunks[entry / LANES][place].0[entry % LANES]
    }

    /// For each that is tried, six at most, the entry that comes closest to `x`, and the squared error less what zeros have.
    #[inline(always)]
    pub fn nearest(&self, x: &[f32; RUN], w: &[f32; RUN], tried: &[Tried], found: &mut [(usize, f32)]) {
        let Some(changes) = &self.changes else { return self.of_all(x, w, tried, found) };
        for (found, tried) in found.iter_mut().zip(tried) {
            *found = changes.nearest(x, w, *tried);
        }
    }

    /// The nearest, of several the first, by looking at every entry.
    #[inline(always)]
    fn of_all(&self, x: &[f32; RUN], w: &[f32; RUN], tried: &[Tried], found: &mut [(usize, f32)]) {
        // Σ w (x − s (g + t))² = Σ w x² + s² (Σ w g² + 2 t Σ w g + t² Σ w) − 2 s (Σ w g x + t Σ w x), whose sums over the
        // levels g are the same whatever is tried.
        let (mut wx, mut sum_w, mut sum_wx) = ([0.0; RUN], 0.0, 0.0);
        for i in 0..RUN {
            wx[i] = w[i] * x[i];
            (sum_w, sum_wx) = (sum_w + w[i], sum_wx + wx[i]);
        }
        let (mut best, mut chunks) = ([Lanes::all(f32::INFINITY); 6], [Lanes::ZERO; 6]);
        for (chunk, levels) in self.chunks.iter().enumerate() {
            let (mut squared, mut linear, mut with_x) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
            for place in 0..RUN {
                let g = levels[place];
                let weighed = g * Lanes::all(w[place]);
                squared = squared + g * weighed;
                linear = linear + weighed;
                with_x = with_x + g * Lanes::all(wx[place]);
            }
            let chunk = Lanes::all(chunk as f32);
            for (i, Tried { scale, shift }) in tried.iter().enumerate() {
                let moved = squared + Lanes::all(2.0 * shift) * linear;
                let cost = Lanes::all(scale * scale) * moved - Lanes::all(2.0 * scale) * with_x;
                let is_less = best[i].above(cost);
                best[i] = is_less.pick(cost, best[i]);
                chunks[i] = is_less.pick(chunk, chunks[i]);
            }
        }
        for (i, Tried { scale, shift }) in tried.iter().enumerate() {
            let (entry, cost) = first_least(best[i], chunks[i]);
            found[i] = (entry, cost + scale * shift * (scale * shift * sum_w - 2.0 * sum_wx));
        }
    }
}

/// The first entry of those with the least cost; `found` is the chunk that each lane has it of.
#[inline(always)]
fn first_least(best: Lanes, found: Lanes) -> (usize, f32) {
    let mut least = (f32::INFINITY, usize::MAX);
    for lane in 0..LANES {
        let entry = found.0[lane] as usize * LANES + lane;
        if best.0[lane] < least.0 || best.0[lane] == least.0 && entry < least.1 {
            least = (best.0[lane], entry);
        }
    }
    (if least.1 == usize::MAX { 0 } else { least.1 }, least.0)
}
