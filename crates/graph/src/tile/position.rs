//! Where a patch finds its position in a table that was learned for tiles of another size.

/// Where a row of a tile finds its position in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TilePosition {
    /// Row `i` of the tile has position `i`: the table fits one size of tile.
    InOrder,
    /// The tile is laid over the table's square of positions, whatever number of patches it has (NaViT's fractional
    /// coordinates).
    Fractional {
        /// Positions along an edge of that square.
        side: usize,
        /// How a patch's coordinate is computed.
        by: Coordinates,
    },
    /// The table's square of positions is resampled to the tile's patches.
    Resampled {
        /// Positions along an edge of that square.
        side: usize,
        /// How.
        how: Resampling,
    },
    /// The sum of a position of the patch's column and one of its row, which stand behind those of columns.
    ByAxis {
        /// Positions of each.
        positions: usize,
    },
}

/// How the coordinate of patch `i` of `n` is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coordinates {
    /// `i * (1 / n)`. Source: transformers modeling_idefics3.py, `Idefics3VisionEmbeddings`.
    Stepped,
    /// `i / n`. Source: transformers vision_utils.py, `get_vision_nearest_position_ids`.
    Divided,
}

/// How a square of positions is resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// Between the two nearest along each edge, corners upon corners. Source: transformers vision_utils.py,
    /// `get_vision_interpolation_indices_and_weights`.
    Corners,
    /// By a triangle as wide as the steps of the result, edges upon edges (antialiased). Source: transformers
    /// modeling_siglip2.py, `resize_positional_embeddings`.
    Antialiased,
}

/// A position of the table's square along one edge, and its weight.
pub type Share = (usize, f32);

/// Along one edge, the positions of `side` that each of `n` patches is made of, with weights in f32 that add up to one.
pub fn resampled(side: usize, how: Resampling, n: usize) -> Vec<Vec<Share>> {
    let scale = side as f32 / n as f32;
    let shares = |i: usize| match how {
        Resampling::Corners => {
            let at = if n > 1 { i as f32 * ((side - 1) as f32 / (n - 1) as f32) } else { 0.0 };
            let first = (at as usize).min(side - 1);
            let beyond = at - first as f32;
            vec![(first, 1.0 - beyond), ((first + 1).min(side - 1), beyond)]
        }
        Resampling::Antialiased => {
            let (centre, support) = ((i as f32 + 0.5) * scale - 0.5, scale.max(1.0));
            let weights = (0..side).map(|at| (at, 1.0 - (at as f32 - centre).abs() / support));
            let weights: Vec<Share> = weights.filter(|(_, weight)| *weight > 0.0).collect();
            let sum: f32 = weights.iter().map(|(_, weight)| weight).sum();
            weights.into_iter().map(|(at, weight)| (at, weight / sum)).collect()
        }
    };
    (0..n).map(shares).collect()
}

/// The row of the table that each patch of a tile of so many rows and columns of patches finds, by fractional coordinates in
/// f32: those of the reference to the last bit, which rounds some patches into the bucket before their own.
///
/// Source: that of [`Coordinates`]; the bounds of its buckets are those of PyTorch's `arange` in f32,
/// RangeFactoriesKernel.cpp with vectors of eight, two at a time.
pub fn fractional_positions(side: usize, by: Coordinates, (rows, cols): (usize, usize)) -> Vec<usize> {
    let bounds = bucket_bounds(side);
    let bucket = |i: usize, n: usize| {
        let coordinate = match by {
            Coordinates::Stepped => (i as f32 * (1.0 / n as f32)).min((1.0 - 1e-6) as f32),
            Coordinates::Divided => i as f32 / n as f32,
        };
        bounds.iter().take_while(|bound| **bound <= coordinate).count()
    };
    let columns: Vec<usize> = (0..cols).map(|i| bucket(i, cols)).collect();
    (0..rows).map(|i| bucket(i, rows)).flat_map(|row| columns.iter().map(move |column| row * side + column)).collect()
}

/// Where the buckets of [`TilePosition::Fractional`] begin but for the first, `torch.arange(1 / side, 1.0, 1 / side)`: the
/// bucket of a coordinate is the number of bounds that do not exceed it.
pub fn bucket_bounds(side: usize) -> Vec<f32> {
    const LANES: usize = 8;
    let step = 1.0 / side as f64;
    let len = ((1.0 - step) / step).ceil() as usize;
    let in_vectors = len / (2 * LANES) * (2 * LANES);
    let bound = |i: usize| {
        if i < in_vectors {
            let first = (step + step * (i / LANES * LANES) as f64) as f32;
            (f64::from(first) + (i % LANES) as f64 * step) as f32
        } else {
            (step + step * i as f64) as f32
        }
    };
    (0..len).map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the reference's own lines in PyTorch 2.15.
    #[test]
    fn fractional_positions_are_those_of_the_reference() {
        let first_row = |side: usize, n: usize| fractional_positions(side, Coordinates::Stepped, (n, n))[..n].to_vec();
        for (side, n) in [(8, 8), (27, 27), (32, 32)] {
            assert_eq!(first_row(side, n), (0..n).collect::<Vec<_>>());
        }
        let rounded = [0, 1, 2, 3, 4, 4, 6, 7, 8, 8, 9, 10, 11, 12, 14, 14, 16, 17, 17, 19, 19, 21, 22, 22, 24];
        assert_eq!(first_row(25, 25), rounded);
        assert_eq!(first_row(19, 19), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 13, 14, 15, 16, 17, 18]);
        assert_eq!(first_row(27, 9), [0, 3, 6, 9, 12, 15, 18, 21, 24]);
        assert_eq!(first_row(26, 37)[..12], [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7]);
        assert_eq!(fractional_positions(8, Coordinates::Stepped, (2, 2)), [0, 4, 32, 36]);
    }
}
