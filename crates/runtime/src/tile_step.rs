//! A step of tiles: what a vision tower reads beside its values.

use std::ops::Range;

use plimsoll_graph::{
    Node, Op, RopeSpec, StepSize, TileAttention, TileOp, TilePosition, WeightId, fractional_positions,
};
use plimsoll_kernels::{AttentionShape, KvRows, KvSequence, Phase, RopeShape};

use crate::execute::{Executor, Step};

/// Some tiles, all of one size.
pub(crate) struct TileStep<'a> {
    /// `(n_tiles, channels, edge, edge)`
    pub pixels: &'a [f32],
    /// Edge of a tile, in pixels.
    pub edge: usize,
    /// Edge of a patch, in pixels.
    pub patch: usize,
    pub n_tiles: usize,
}

impl TileStep<'_> {
    /// Patches along an edge.
    fn side(&self) -> usize {
        self.edge / self.patch
    }

    fn patches(&self) -> usize {
        self.side() * self.side()
    }

    /// Of a value with `width` columns: rows of a tile.
    fn rows_of_tile(&self, len: usize, width: usize) -> usize {
        len / width / self.n_tiles
    }

    /// One task for each row of patches of each tile.
    fn cut_patches(&self, executor: &Executor, width: usize, out: &mut [f32]) {
        let (side, edge, patch) = (self.side(), self.edge, self.patch);
        let tile_len = self.pixels.len() / self.n_tiles;
        executor.cpu.pool().chunks_mut(out, side * width, |i, out| {
            let (tile, top) = (&self.pixels[i / side * tile_len..][..tile_len], i % side * patch);
            for (column, row) in out.chunks_exact_mut(width).enumerate() {
                // `(channels, patch)` lines of `patch` pixels.
                for (line, to) in row.chunks_exact_mut(patch).enumerate() {
                    let (channel, y) = (line / patch, top + line % patch);
                    to.copy_from_slice(&tile[(channel * edge + y) * edge + column * patch..][..patch]);
                }
            }
        });
    }

    fn add_position(&self, executor: &Executor, table: WeightId, by: TilePosition, x: &[f32], out: &mut [f32]) {
        let table = executor.weights.matrix(table);
        let width = table.cols();
        let rows = self.rows_of_tile(out.len(), width);
        let positions = match by {
            TilePosition::InOrder => (0..rows).collect(),
            TilePosition::Fractional { side } => fractional_positions(side, self.side()),
        };
        executor.cpu.pool().chunks_mut(out, rows * width, |tile, out| {
            let x = &x[tile * rows * width..][..rows * width];
            for ((position, out), x) in positions.iter().zip(out.chunks_exact_mut(width)).zip(x.chunks_exact(width)) {
                executor.cpu.embed_row(&table, *position, out);
                out.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            }
        });
    }

    /// Turns each head by column and row; whatever stands behind the patches stays.
    fn rope(&self, executor: &Executor, spec: &RopeSpec, head_dim: usize, width: usize, x: &[f32], out: &mut [f32]) {
        let rows = self.rows_of_tile(x.len(), width);
        let (cos, sin) = rotations(spec, self.side(), rows);
        let shape = RopeShape { heads: width / head_dim, head_dim, rotary_dim: head_dim, layout: spec.layout };
        for (x, out) in x.chunks_exact(rows * width).zip(out.chunks_exact_mut(rows * width)) {
            out.copy_from_slice(x);
            executor.cpu.rope(&shape, out, &cos, &sin);
        }
    }

    fn attend(&self, executor: &Executor, op: &TileAttention, [q, k, v]: [&[f32]; 3], out: &mut [f32]) {
        let TileAttention { n_heads, head_dim, scale } = *op;
        let shape = AttentionShape { n_heads, n_kv_heads: n_heads, head_dim, scale, softcap: None, sinks: None };
        let rows = self.rows_of_tile(q.len(), n_heads * head_dim);
        let spans: Vec<Range<usize>> = vec![0..rows; rows];
        let len = rows * n_heads * head_dim;
        let tiles = k.chunks_exact(len).zip(v.chunks_exact(len));
        let tiles: Vec<KvSequence> =
            tiles.map(|(k, v)| KvSequence { k: KvRows::F32(k), v: KvRows::F32(v), spans: &spans }).collect();
        let activations = executor.arithmetic.attention(&executor.cpu, self.phase());
        executor.cpu.attention(self.phase(), activations, &shape, q, &tiles, out);
    }

    /// Row `(Y, X)` of the result is rows `(Y s + y, X s + x)` side by side, by `y`, then by `x`.
    fn merge(&self, executor: &Executor, square: usize, width: usize, x: &[f32], out: &mut [f32]) {
        let (side, merged) = (self.side(), self.side() / square);
        let narrow = width / (square * square);
        executor.cpu.pool().chunks_mut(out, merged * width, |i, out| {
            let (tile, top) = (i / merged, i % merged * square);
            for (column, row) in out.chunks_exact_mut(width).enumerate() {
                for (y, to) in row.chunks_exact_mut(square * narrow).enumerate() {
                    let first = tile * side * side + (top + y) * side + column * square;
                    to.copy_from_slice(&x[first * narrow..][..square * narrow]);
                }
            }
        });
    }
}

impl Step for TileStep<'_> {
    fn phase(&self) -> Phase {
        Phase::Prefill
    }

    fn size(&self) -> StepSize {
        StepSize { tokens: self.n_tiles * self.patches(), selected: 0, tiles: self.n_tiles }
    }

    fn run_node(&mut self, executor: &Executor, node: &Node, inputs: &[&[f32]], out: &mut [f32]) {
        let width = node.width;
        let Op::Tile(op) = &node.op else { unreachable!("no operation on tiles: {:?}", node.op) };
        match op {
            TileOp::Patches => self.cut_patches(executor, width, out),
            TileOp::AddPosition { table, by } => self.add_position(executor, *table, *by, inputs[0], out),
            TileOp::AppendClass { class } => {
                let patches = self.patches() * width;
                let tiles = inputs[0].chunks_exact(patches).zip(out.chunks_exact_mut(patches + width));
                for (x, out) in tiles {
                    out[..patches].copy_from_slice(x);
                    out[patches..].copy_from_slice(executor.weights.vector(*class));
                }
            }
            TileOp::DropClass => {
                let patches = self.patches() * width;
                let tiles = inputs[0].chunks_exact(patches + width).zip(out.chunks_exact_mut(patches));
                tiles.for_each(|(x, out)| out.copy_from_slice(&x[..patches]));
            }
            TileOp::Rope { rope, head_dim } => {
                self.rope(executor, &executor.network.ropes[rope.0], *head_dim, width, inputs[0], out);
            }
            TileOp::Attention(op) => self.attend(executor, op, [inputs[0], inputs[1], inputs[2]], out),
            TileOp::Merge { side } => self.merge(executor, *side, width, inputs[0], out),
        }
    }
}

/// Cosines and sines of a tile's rows, `(rows, 2 * inv_freq)`: those of the column, then those of the row. Angles are
/// products in f32, as the reference computes them.
fn rotations(spec: &RopeSpec, side: usize, rows: usize) -> (Vec<f32>, Vec<f32>) {
    let turned = |position: usize| {
        let places = if position < side * side { [position % side + 1, position / side + 1] } else { [0, 0] };
        places.into_iter().flat_map(|place| spec.inv_freq.iter().map(move |freq| place as f32 * freq))
    };
    (0..rows)
        .flat_map(turned)
        .map(|angle| {
            let (s, c) = f64::from(angle).sin_cos();
            (c as f32 * spec.attention_factor, s as f32 * spec.attention_factor)
        })
        .unzip()
}
