//! Where tokens of a sequence stand that do not stand one behind the other, and which of them see each other.

use std::ops::Range;

use plimsoll_graph::{Ahead, Coordinate};

use crate::input::Input;

/// The pictures of a sequence whose tokens stand in a grid, and the tokens that see each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    grids: Vec<Grid>,
    blocks: Vec<Range<usize>>,
}

/// A picture's tokens.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Index of the first.
    at: usize,
    rows: usize,
    cols: usize,
}

impl Grid {
    fn end(&self) -> usize {
        self.at + self.rows * self.cols
    }

    /// By how much less than its tokens text goes on behind it: by its longer edge.
    fn saved(&self) -> usize {
        self.rows * self.cols - self.rows.max(self.cols)
    }
}

impl Places {
    /// Takes over what an input tells of its tokens, the first of which has index `first` in the sequence.
    pub fn learn(&mut self, input: Input, first: usize, ahead: Ahead) {
        self.truncate(first);
        let grids = input.overrides().iter().filter_map(|given| Some((first + given.at, given.grid?)));
        self.grids.extend(grids.map(|(at, (rows, cols))| Grid { at, rows, cols }));
        self.blocks.extend(input.blocks(ahead).into_iter().map(|block| first + block.start..first + block.end));
    }

    /// Forgets what is not whole among the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        self.grids.retain(|grid| grid.end() <= len);
        self.blocks.retain(|block| block.end <= len);
    }

    /// How many of the first `len` tokens do not see one behind them.
    pub fn reachable(&self, len: usize) -> usize {
        self.block(len).map_or(len, |block| block.start)
    }

    /// The tokens that the one of this index sees and that see it.
    pub fn block(&self, index: usize) -> Option<&Range<usize>> {
        self.blocks.iter().find(|block| block.contains(&index))
    }

    /// A coordinate of the token of this index. Source: transformers modeling_qwen3_vl.py, `get_rope_index`.
    pub fn coordinate(&self, index: usize, coordinate: Coordinate) -> usize {
        let before = self.grids.iter().take_while(|grid| grid.end() <= index);
        let saved: usize = before.map(Grid::saved).sum();
        match self.grids.iter().find(|grid| (grid.at..grid.end()).contains(&index)) {
            None => index - saved,
            Some(grid) => {
                let (start, within) = (grid.at - saved, index - grid.at);
                start
                    + match coordinate {
                        Coordinate::Time => 0,
                        Coordinate::Row => within / grid.cols,
                        Coordinate::Column => within % grid.cols,
                    }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::EmbeddingOverride;

    #[test]
    fn text_goes_on_behind_the_longer_edge_of_a_picture() {
        let ids = [0; 12];
        let rows = [0.0; 6];
        let given = [EmbeddingOverride { grid: Some((2, 3)), ..EmbeddingOverride::new(3, &rows, 1) }];
        let mut places = Places::default();
        places.learn(Input::with_embeddings(&ids, &given), 0, Ahead::Picture);
        let all = |coordinate| (0..12).map(|index| places.coordinate(index, coordinate)).collect::<Vec<_>>();
        assert_eq!(all(Coordinate::Time), [0, 1, 2, 3, 3, 3, 3, 3, 3, 6, 7, 8]);
        assert_eq!(all(Coordinate::Row)[3..9], [3, 3, 3, 4, 4, 4]);
        assert_eq!(all(Coordinate::Column)[3..9], [3, 4, 5, 3, 4, 5]);
        assert_eq!(places.block(8), Some(&(3..9)));
        assert_eq!((places.reachable(5), places.reachable(3), places.reachable(9)), (3, 3, 9));
    }
}
