//! Where the rows of a tile stand: their positions in a table, and how far they are turned.

use plimsoll_graph::{RopeSpec, Share, TileAxis, TilePosition, TileRope, fractional_positions, resampled};

/// For each of `rows` rows of a tile, a grid of patches with perhaps a class token behind, the rows of the table that are
/// added to it, each with its share.
pub(crate) fn positions(by: TilePosition, (down, across): (usize, usize), rows: usize) -> Vec<Vec<Share>> {
    let patches = || (0..down).flat_map(|row| (0..across).map(move |column| (row, column)));
    match by {
        TilePosition::InOrder => (0..rows).map(|row| vec![(row, 1.0)]).collect(),
        TilePosition::Fractional { side, by } => {
            fractional_positions(side, by, (down, across)).into_iter().map(|at| vec![(at, 1.0)]).collect()
        }
        TilePosition::ByAxis { positions } => {
            patches().map(|(row, column)| vec![(column, 1.0), (positions + row, 1.0)]).collect()
        }
        TilePosition::Resampled { side, how } => {
            let (of_rows, of_columns) = (resampled(side, how, down), resampled(side, how, across));
            let shares = |(row, column): (usize, usize)| {
                let pairs = of_rows[row].iter().flat_map(|y| of_columns[column].iter().map(move |x| (y, x)));
                pairs.map(|(y, x)| (y.0 * side + x.0, y.1 * x.1)).filter(|(_, share)| *share != 0.0).collect()
            };
            patches().map(shares).collect()
        }
    }
}

/// Cosines and sines of a tile's rows, `(rows, pairs of a head)`. Angles are products in f32, as the reference computes them;
/// what stands behind the patches does not turn.
pub(crate) fn rotations(
    spec: &RopeSpec,
    op: &TileRope,
    (down, across): (usize, usize),
    rows: usize,
) -> (Vec<f32>, Vec<f32>) {
    let place = |row: usize, axis: TileAxis| match axis {
        _ if row >= down * across => 0,
        TileAxis::Row => row / across + op.first,
        TileAxis::Column => row % across + op.first,
    };
    let turned =
        |row: usize| spec.inv_freq.iter().zip(&op.axes).map(move |(freq, axis)| place(row, *axis) as f32 * freq);
    (0..rows)
        .flat_map(turned)
        .map(|angle| {
            let (s, c) = f64::from(angle).sin_cos();
            (c as f32 * spec.attention_factor, s as f32 * spec.attention_factor)
        })
        .unzip()
}

/// The values of each of `rows` rows once for every head.
pub(crate) fn for_each_head(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    values.chunks_exact(values.len() / rows.max(1)).flat_map(|row| row.repeat(heads)).collect()
}
