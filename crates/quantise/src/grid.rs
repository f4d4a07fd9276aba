//! The codebooks of the `IQ` types: short runs of magnitudes, of which a block names one for each run. What a name stands
//! for is read off the decoder.

use plimsoll_kernels::{DType, dequantise};

/// The entries of a codebook, eight at a time: the same place of eight runs side by side.
pub struct Grid<const RUN: usize> {
    chunks: Vec<[[f32; LANES]; RUN]>,
    /// The magnitudes that occur, from the least on.
    pub levels: Vec<f32>,
}

/// Entries that are compared side by side; every codebook has a multiple of them.
const LANES: usize = 8;

impl<const RUN: usize> Grid<RUN> {
    /// The runs that stand first in the blocks that `block` makes of the numbers below `entries`, in units of `unit`.
    pub fn read(dtype: DType, entries: usize, unit: f32, block: impl Fn(usize) -> Vec<u8>) -> Grid<RUN> {
        let mut chunks = vec![[[0.0; LANES]; RUN]; entries / LANES];
        let mut values = vec![0.0; dtype.block_len()];
        for entry in 0..entries {
            dequantise(dtype, &block(entry), &mut values);
            for (place, value) in values[..RUN].iter().enumerate() {
                chunks[entry / LANES][place][entry % LANES] = value / unit;
            }
        }
        let mut levels: Vec<f32> = chunks.as_flattened().as_flattened().to_vec();
        levels.sort_by(f32::total_cmp);
        levels.dedup();
        Grid { chunks, levels }
    }

    /// A magnitude of an entry.
    #[inline(always)]
    pub fn at(&self, entry: usize, place: usize) -> f32 {
        self.chunks[entry / LANES][place][entry % LANES]
    }

    /// The entry that comes closest to `x` at a scale, the first of several; and the squared error less what zeros have.
    #[inline(always)]
    pub fn nearest(&self, x: &[f32; RUN], w: &[f32; RUN], scale: f32) -> (usize, f32) {
        // Σ w (x − s g)² = Σ w x² + Σ g (g · s² w − 2 s w x)
        let (mut squared, mut linear) = ([0.0; RUN], [0.0; RUN]);
        for i in 0..RUN {
            squared[i] = scale * scale * w[i];
            linear[i] = -2.0 * scale * w[i] * x[i];
        }
        let (mut best, mut found) = ([f32::INFINITY; LANES], [0u32; LANES]);
        for (chunk, values) in self.chunks.iter().enumerate() {
            let mut cost = [0.0f32; LANES];
            for place in 0..RUN {
                for lane in 0..LANES {
                    let g = values[place][lane];
                    cost[lane] += g * (g * squared[place] + linear[place]);
                }
            }
            // Bits in place of branches, which keep a compiler from vectors.
            for lane in 0..LANES {
                let less = 0u32.wrapping_sub(u32::from(cost[lane] < best[lane]));
                best[lane] = f32::from_bits(cost[lane].to_bits() & less | best[lane].to_bits() & !less);
                found[lane] = chunk as u32 & less | found[lane] & !less;
            }
        }
        let mut least = (f32::INFINITY, usize::MAX);
        for lane in 0..LANES {
            let entry = found[lane] as usize * LANES + lane;
            if best[lane] < least.0 || best[lane] == least.0 && entry < least.1 {
                least = (best[lane], entry);
            }
        }
        (least.1.min(self.chunks.len() * LANES - 1), least.0)
    }
}
