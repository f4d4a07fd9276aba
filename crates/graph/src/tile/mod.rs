//! What a vision tower does beside the operations that it shares with text: its rows are the patches of rectangular tiles,
//! row by row from the top left, one tile behind the other, and no tile sees another.

mod position;

use crate::builder::Builder;
use crate::id::{RopeId, ValueId, WeightId};
use crate::network::{Network, ShapeError, WeightKind};
use crate::op::{Op, RopeLayout, Rows};

pub use position::{Coordinates, Resampling, Share, TilePosition, bucket_bounds, fractional_positions, resampled};

/// An operation on the patches of tiles. `p` stands for the patches of all tiles, `t` for the tiles.
#[derive(Clone, Debug, PartialEq)]
pub enum TileOp {
    /// The pixels of each patch, `() -> (p, channels * patch * patch)`.
    Patches(PixelOrder),
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
    /// Rotary position embedding in two dimensions. A class token stays as it is.
    Rope(TileRope),
    /// Every row attends to all rows of its tile, or of its window: `(q, k, v) -> (n, n_heads * head_dim)`.
    Attention(TileAttention),
    /// Squares of `side` by `side` patches become one row, their rows side by side: `(p, w) -> (p / side², w * side²)`
    /// (pixel shuffle).
    Merge {
        /// Patches along an edge of a square; divides those along an edge of a tile.
        side: usize,
        /// Which column stands where.
        order: MergeOrder,
    },
    /// The mean of every square of `side` by `side` patches: `(p, w) -> (p / side², w)`.
    Pool {
        /// Patches along an edge of a square; divides those along an edge of a tile.
        side: usize,
    },
    /// Each column convolved over the grid of patches by a kernel of its own, zeros beyond the tile's edges.
    Convolution {
        /// `(width, side * side)`, row by row.
        kernels: WeightId,
        /// Patches along an edge of a kernel, an odd number.
        side: usize,
    },
}

/// The order of the pixels of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelOrder {
    /// By channel, then by row and column: the order of a convolution's weight.
    ChannelsFirst,
    /// By row, then by column and channel.
    ChannelsLast,
}

/// The order of the columns of a merged row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MergeOrder {
    /// All columns of a patch, patch by patch, row by row.
    PatchByPatch,
    /// A column of all patches, column by column, as PyTorch's `unfold` has them.
    ColumnByColumn,
}

/// An edge of a tile along which patches are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileAxis {
    /// Down: the number of the patch's row.
    Row,
    /// Across: the number of its column.
    Column,
}

/// Rotary position embedding by row and column.
#[derive(Clone, Debug, PartialEq)]
pub struct TileRope {
    /// Frequencies of the pairs of a head, and which values make a pair.
    pub rope: RopeId,
    /// Width of one head.
    pub head_dim: usize,
    /// By what each pair of a head turns.
    pub axes: Vec<TileAxis>,
    /// The number of the first row and column.
    pub first: usize,
    /// Equal parts of a head whose pairs lie within them.
    pub parts: usize,
}

/// Attention within a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileAttention {
    /// Heads of queries.
    pub n_heads: usize,
    /// Heads of keys and values; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Multiplied onto `q · k`.
    pub scale: f32,
    /// Rows along the edge of the squares, counted from the top left, that attend to themselves alone.
    pub window: Option<usize>,
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

    /// The pixels of each patch.
    pub fn patches(&mut self, width: usize, order: PixelOrder) -> ValueId {
        self.push(Op::Tile(TileOp::Patches(order)), vec![], Rows::Tokens, width)
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

    /// Rotary embedding in two dimensions of each head of `x`.
    pub fn tile_rope(&mut self, x: ValueId, op: TileRope) -> ValueId {
        let (width, spec) = (self.width(x), self.rope_of(op.rope));
        let (pairs, turned) = (spec.inv_freq.len(), op.axes.len());
        let in_parts =
            op.parts > 0 && pairs.is_multiple_of(op.parts) && (op.parts == 1 || spec.layout == RopeLayout::Halves);
        let fits = op.head_dim > 0 && width.is_multiple_of(op.head_dim) && 2 * pairs == op.head_dim && pairs == turned;
        self.require("rope", fits && in_parts, || {
            format!("cannot turn heads of {} in {width} columns, {pairs} pairs of each by {turned} axes", op.head_dim)
        });
        self.push(Op::Tile(TileOp::Rope(op)), vec![x], self.rows(x), width)
    }

    /// Attention of the rows of each tile to one another.
    pub fn tile_attention(&mut self, q: ValueId, k: ValueId, v: ValueId, op: TileAttention) -> ValueId {
        let (widths, width) = ((self.width(q), self.width(k), self.width(v)), op.n_heads * op.head_dim);
        let kv_width = op.n_kv_heads * op.head_dim;
        let shares = op.n_kv_heads > 0 && op.n_heads.is_multiple_of(op.n_kv_heads);
        self.require("self_attn", widths == (width, kv_width, kv_width) && shares, || {
            format!("q, k and v are {widths:?} wide where heads ask for {width} and {kv_width}")
        });
        self.require("self_attn", op.window != Some(0), || "windows without rows".to_owned());
        self.push(Op::Tile(TileOp::Attention(op)), vec![q, k, v], self.rows(q), width)
    }

    /// Squares of `side` by `side` rows as one row each, patch by patch.
    pub fn merge_patches(&mut self, x: ValueId, side: usize) -> ValueId {
        self.merge_patches_in(x, side, MergeOrder::PatchByPatch)
    }

    /// Squares of `side` by `side` rows as one row each.
    pub fn merge_patches_in(&mut self, x: ValueId, side: usize, order: MergeOrder) -> ValueId {
        let (rows, width) = (self.merged("pixel shuffle", x, side), self.width(x) * side * side);
        self.push(Op::Tile(TileOp::Merge { side, order }), vec![x], rows, width)
    }

    /// The mean of every square of `side` by `side` rows.
    pub fn pool_patches(&mut self, x: ValueId, side: usize) -> ValueId {
        let rows = self.merged("pooling", x, side);
        self.push(Op::Tile(TileOp::Pool { side }), vec![x], rows, self.width(x))
    }

    /// Each column of `x` convolved over the grid of patches by its row of `name`, `(width, side * side)`.
    pub fn tile_convolution(&mut self, x: ValueId, name: &str, side: usize) -> ValueId {
        let width = self.width(x);
        self.require(name, side % 2 == 1, || format!("a kernel of {side} by {side} has no middle"));
        let kernels = self.weight(name.to_owned(), vec![width, side * side], WeightKind::Vector { offset: 0.0 });
        self.push(Op::Tile(TileOp::Convolution { kernels, side }), vec![x], self.rows(x), width)
    }

    /// The rows of what becomes of squares of `side` by `side` rows of `x`.
    fn merged(&mut self, place: &str, x: ValueId, side: usize) -> Rows {
        self.require(place, side > 0, || "squares without patches".to_owned());
        match self.rows(x) {
            Rows::Tokens => Rows::Merged(side.max(1)),
            Rows::Merged(already) => Rows::Merged(already * side.max(1)),
            found => {
                self.require(place, false, || format!("rows are {found:?} where those of patches are expected"));
                found
            }
        }
    }

    fn require_rows(&mut self, place: &str, x: ValueId, expected: Rows) {
        let found = self.rows(x);
        self.require(place, found == expected, || format!("rows are {found:?} where {expected:?} are expected"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tower_that_does_not_fit_together_is_refused_by_place() {
        let mut net = Builder::tower();
        let x = net.patches(12, PixelOrder::ChannelsFirst);
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
