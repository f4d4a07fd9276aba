//! Rows of tiles in the order of squares that attend to themselves alone.

use std::ops::Range;

/// The rows of all tiles, window by window; the windows at the right and the lower edge may be smaller.
pub(crate) struct Windows {
    /// Which row of all stands at each place.
    order: Vec<usize>,
    /// Of each place, the places of its window, counted from the first of its tile.
    pub spans: Vec<Range<usize>>,
}

impl Windows {
    /// Of tiles of so many rows and columns, in squares of `side`.
    pub fn of(tiles: impl Iterator<Item = (usize, usize)>, side: usize) -> Windows {
        let mut windows = Windows { order: Vec::new(), spans: Vec::new() };
        for (rows, cols) in tiles {
            let first = windows.order.len();
            for (top, left) in
                (0..rows).step_by(side).flat_map(|top| (0..cols).step_by(side).map(move |left| (top, left)))
            {
                let start = windows.order.len();
                for y in top..rows.min(top + side) {
                    windows.order.extend((left..cols.min(left + side)).map(|x| first + y * cols + x));
                }
                let end = windows.order.len();
                windows.spans.extend(vec![start - first..end - first; end - start]);
            }
        }
        windows
    }

    /// Rows of `width` values in the order of windows.
    pub fn gathered(&self, x: &[f32], width: usize) -> Vec<f32> {
        self.order.iter().flat_map(|row| &x[row * width..][..width]).copied().collect()
    }

    /// Puts rows that stand in the order of windows back.
    pub fn scatter(&self, x: &mut [f32], width: usize) {
        let gathered = x.to_vec();
        for (row, from) in self.order.iter().zip(gathered.chunks_exact(width)) {
            x[row * width..][..width].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_squares_but_at_the_edges_and_rows_come_back() {
        let windows = Windows::of([(3, 4), (2, 2)].into_iter(), 2);
        assert_eq!(windows.order, [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(windows.spans[8..], [8..10, 8..10, 10..12, 10..12, 0..4, 0..4, 0..4, 0..4]);
        let rows: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let mut moved = windows.gathered(&rows, 2);
        windows.scatter(&mut moved, 2);
        assert_eq!(moved, rows);
    }
}
