//! What a vision tower does beside the operations that it shares with text: its rows are the patches of square tiles,
//! row by row from the top left, one tile behind the other, and no tile sees another.

use crate::builder::Builder;
use crate::id::{RopeId, ValueId, WeightId};
use crate::network::{Network, ShapeError, WeightKind};
use crate::op::{Op, RopeLayout, Rows};

/// An operation on the patches of tiles. `p` stands for the patches of all tiles, `t` for the tiles.
#[derive(Clone, Debug, PartialEq)]
pub enum TileOp {
    /// The pixels of each patch, `() -> (p, channels * patch * patch)`: by channel, then by row, then by column, the order
    /// of a convolution's weight.
    Patches,
    /// Adds a row of a table to each row, chosen by where it stands in its tile.
    AddPosition {
        /// `(positions, d_model)`
        table: WeightId,
        /// Which row of the table.
        by: TilePosition,
    },
    /// A class token behind the patches of each tile: `(p, d_model) -> (p + t, d_model)`.
    AppendClass {
        /// `(d_model)`
        class: WeightId,
    },
    /// Takes the class tokens away again: `(p + t, d_model) -> (p, d_model)`.
    DropClass,
    /// Rotary position embedding in two dimensions: of the pairs of a head, `(2 i, 2 i + 1)`, the first half turns by the
    /// patch's column, counted from 1, the second by its row. A class token stays as it is.
    Rope {
        /// Frequencies, one for each four values of a head.
        rope: RopeId,
        /// Width of one head.
        head_dim: usize,
    },
    /// Every row attends to all rows of its tile: `(q, k, v) -> (n, n_heads * head_dim)`.
    Attention(TileAttention),
    /// Squares of `side` by `side` patches become one row, their rows side by side: `(p, w) -> (p / side², w * side²)`
    /// (pixel shuffle).
    Merge {
        /// Patches along an edge of a square; divides those along an edge of a tile.
        side: usize,
    },
}

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
    },
}

/// Attention within a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileAttention {
    /// Heads of queries, keys and values.
    pub n_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Multiplied onto `q · k`.
    pub scale: f32,
}

impl Builder {
    /// An empty vision tower.
    pub fn tower() -> Builder {
        Builder::new(0)
    }

    /// Ends the description of a tower: `embeddings`, as wide as the text model, stand in for the embeddings of tokens;
    /// `features` are what the reference implementation calls a picture's features.
    ///
    /// # Errors
    /// The first shape rule that was broken.
    pub fn finish_tower(self, embeddings: ValueId, features: ValueId) -> Result<Network, ShapeError> {
        self.finish_with(vec![embeddings, features])
    }

    /// The pixels of each patch, see [`TileOp::Patches`].
    pub fn patches(&mut self, width: usize) -> ValueId {
        self.push(Op::Tile(TileOp::Patches), vec![], Rows::Tokens, width)
    }

    /// Adds to each row of `x` its row of the table `name`, `(n_positions, width)`.
    pub fn add_position(&mut self, x: ValueId, name: &str, n_positions: usize, by: TilePosition) -> ValueId {
        let width = self.width(x);
        let table = self.weight(name.to_owned(), vec![n_positions, width], WeightKind::Matrix);
        self.push(Op::Tile(TileOp::AddPosition { table, by }), vec![x], self.rows(x), width)
    }

    /// The vector `name`, `(width)`, as a row behind those of each tile of `x`.
    pub fn append_class(&mut self, x: ValueId, name: &str) -> ValueId {
        let width = self.width(x);
        self.require_rows(name, x, Rows::Tokens);
        let class = self.weight(name.to_owned(), vec![width], WeightKind::Vector { offset: 0.0 });
        self.push(Op::Tile(TileOp::AppendClass { class }), vec![x], Rows::WithClass, width)
    }

    /// The rows of the patches alone.
    pub fn drop_class(&mut self, x: ValueId) -> ValueId {
        self.require_rows("class token", x, Rows::WithClass);
        self.push(Op::Tile(TileOp::DropClass), vec![x], Rows::Tokens, self.width(x))
    }

    /// Rotary embedding in two dimensions of each head of `x`, see [`TileOp::Rope`].
    pub fn tile_rope(&mut self, x: ValueId, rope: RopeId, head_dim: usize) -> ValueId {
        let (width, spec) = (self.width(x), self.rope_of(rope));
        let (turned, layout) = (4 * spec.inv_freq.len(), spec.layout);
        let fits = head_dim > 0 && width.is_multiple_of(head_dim) && turned == head_dim;
        self.require("rope", fits && layout == RopeLayout::Interleaved, || {
            format!("cannot turn heads of {head_dim} in {width} columns by rows and columns, {turned} values of each")
        });
        self.push(Op::Tile(TileOp::Rope { rope, head_dim }), vec![x], self.rows(x), width)
    }

    /// Attention of the rows of each tile to one another.
    pub fn tile_attention(&mut self, q: ValueId, k: ValueId, v: ValueId, op: TileAttention) -> ValueId {
        let (widths, width) = ((self.width(q), self.width(k), self.width(v)), op.n_heads * op.head_dim);
        self.require("self_attn", widths == (width, width, width), || {
            format!("q, k and v are {widths:?} wide where heads ask for {width}")
        });
        self.push(Op::Tile(TileOp::Attention(op)), vec![q, k, v], self.rows(q), width)
    }

    /// Squares of `side` by `side` patches as one row each.
    pub fn merge_patches(&mut self, x: ValueId, side: usize) -> ValueId {
        self.require_rows("pixel shuffle", x, Rows::Tokens);
        self.require("pixel shuffle", side > 0, || "squares without patches".to_owned());
        let width = self.width(x) * side * side;
        self.push(Op::Tile(TileOp::Merge { side }), vec![x], Rows::Merged(side.max(1)), width)
    }

    fn require_rows(&mut self, place: &str, x: ValueId, expected: Rows) {
        let found = self.rows(x);
        self.require(place, found == expected, || format!("rows are {found:?} where {expected:?} are expected"));
    }
}

/// The row of the table that each patch of a tile of `n` by `n` patches finds, by fractional coordinates in f32: those of
/// the reference to the last bit, which rounds some patches into the bucket before their own.
///
/// Source: transformers modeling_idefics3.py, `Idefics3VisionEmbeddings`; the bounds of its buckets are those of PyTorch's
/// `arange` in f32, RangeFactoriesKernel.cpp with vectors of eight, two at a time.
pub fn fractional_positions(side: usize, n: usize) -> Vec<usize> {
    let bounds = bucket_bounds(side);
    let step = 1.0 / n as f32;
    let bucket = |i: usize| {
        let coordinate = (i as f32 * step).min((1.0 - 1e-6) as f32);
        bounds.iter().take_while(|bound| **bound <= coordinate).count()
    };
    let buckets: Vec<usize> = (0..n).map(bucket).collect();
    buckets.iter().flat_map(|row| buckets.iter().map(move |column| row * side + column)).collect()
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
        let first_row = |side: usize, n: usize| fractional_positions(side, n)[..n].to_vec();
        for (side, n) in [(8, 8), (27, 27), (32, 32)] {
            assert_eq!(first_row(side, n), (0..n).collect::<Vec<_>>());
        }
        let rounded = [0, 1, 2, 3, 4, 4, 6, 7, 8, 8, 9, 10, 11, 12, 14, 14, 16, 17, 17, 19, 19, 21, 22, 22, 24];
        assert_eq!(first_row(25, 25), rounded);
        assert_eq!(first_row(19, 19), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 13, 14, 15, 16, 17, 18]);
        assert_eq!(first_row(27, 9), [0, 3, 6, 9, 12, 15, 18, 21, 24]);
        assert_eq!(first_row(26, 37)[..12], [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7]);
        assert_eq!(fractional_positions(8, 2), [0, 4, 32, 36]);
    }

    #[test]
    fn a_tower_that_does_not_fit_together_is_refused_by_place() {
        let mut net = Builder::tower();
        let x = net.patches(12);
        let merged = net.merge_patches(x, 2);
        let dropped = net.drop_class(merged);
        let error = net.finish_tower(dropped, merged).unwrap_err();
        assert_eq!(error.to_string(), "class token: rows are Merged(2) where WithClass are expected");
    }

    #[test]
    fn rows_follow_the_tiles() {
        let size = crate::StepSize { tokens: 3 * 36, selected: 0, tiles: 3 };
        assert_eq!([Rows::Tokens, Rows::WithClass, Rows::Merged(3)].map(|rows| size.rows(rows)), [108, 111, 12]);
    }
}
