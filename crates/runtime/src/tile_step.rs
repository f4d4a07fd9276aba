//! A step of tiles: what a vision tower reads beside its values.

use std::ops::Range;

use plimsoll_graph::{MergeOrder, Node, Op, PixelOrder, Rows, StepSize, TileAttention, TileOp, TileRope, WeightId};
use plimsoll_kernels::{AttentionShape, KvRows, KvSequence, Phase, RopeShape};

use crate::execute::{Executor, Step};
use crate::tile_position::{for_each_head, positions, rotations};
use crate::tile_windows::Windows;

/// Colours of a pixel.
pub(crate) const CHANNELS: usize = 3;

/// Tiles that pass through a tower together.
pub(crate) struct TileStep<'a> {
    /// `(channels, height, width)` of each, one behind the other.
    pixels: &'a [f32],
    /// Height and width of each, in pixels.
    sizes: &'a [(usize, usize)],
    /// Edge of a patch, in pixels.
    patch: usize,
    turned: Option<Turned>,
}

/// How far the rows of tiles are turned: the same on every layer.
struct Turned {
    op: TileRope,
    rows: Rows,
    heads: usize,
    /// Of each tile, cosines and sines.
    tiles: Vec<[Vec<f32>; 2]>,
}

/// The rows of a value that belong to one tile.
struct TileRows {
    /// Where they stand among all.
    range: Range<usize>,
    /// Rows and columns of the grid that they are, a class token behind it apart.
    grid: (usize, usize),
}

impl<'a> TileStep<'a> {
    /// Of tiles of these heights and widths; `patch` is the edge of a patch.
    pub fn new(pixels: &'a [f32], sizes: &'a [(usize, usize)], patch: usize) -> TileStep<'a> {
        TileStep { pixels, sizes, patch, turned: None }
    }
}

impl TileStep<'_> {
    fn tiles(&self, rows: Rows) -> impl Iterator<Item = TileRows> {
        let (square, behind) = match rows {
            Rows::Merged(side) => (side, 0),
            Rows::WithClass => (1, 1),
            Rows::Tokens | Rows::Selected => (1, 0),
        };
        let mut end = 0;
        self.sizes.iter().map(move |(height, width)| {
            let grid = (height / self.patch / square, width / self.patch / square);
            let start = end;
            end += grid.0 * grid.1 + behind;
            TileRows { range: start..end, grid }
        })
    }

    fn cut_patches(&self, executor: &Executor, order: PixelOrder, width: usize, out: &mut [f32]) {
        let patch = self.patch;
        let mut before = 0;
        for (TileRows { range, grid: (_, cols) }, (height, across)) in self.tiles(Rows::Tokens).zip(self.sizes) {
            let tile = &self.pixels[before..][..CHANNELS * height * across];
            before += tile.len();
            let pixel = |channel: usize, y: usize, x: usize| tile[(channel * height + y) * across + x];
            let out = &mut out[range.start * width..range.end * width];
            executor.cpu.pool().chunks_mut(out, cols * width, |row, out| {
                for (column, out) in out.chunks_exact_mut(width).enumerate() {
                    let (top, left) = (row * patch, column * patch);
                    match order {
                        // `(channels, patch)` lines of `patch` pixels.
                        PixelOrder::ChannelsFirst => {
                            for (line, to) in out.chunks_exact_mut(patch).enumerate() {
                                let (channel, y) = (line / patch, top + line % patch);
                                to.copy_from_slice(&tile[(channel * height + y) * across + left..][..patch]);
                            }
                        }
                        PixelOrder::ChannelsLast => {
                            for (i, to) in out.iter_mut().enumerate() {
                                let at = i / CHANNELS;
                                *to = pixel(i % CHANNELS, top + at / patch % patch, left + at % patch);
                            }
                        }
                    }
                }
            });
        }
    }

    /// Turns each head by column and row; whatever stands behind the patches stays.
    fn rope(&mut self, executor: &Executor, op: &TileRope, node: &Node, x: &[f32], out: &mut [f32]) {
        let (spec, width) = (&executor.network.ropes[op.rope.0], node.width);
        let heads = width / op.head_dim;
        out.copy_from_slice(x);
        let each = op.head_dim / op.parts;
        let turned = match self.turned.take() {
            Some(turned) if turned.op == *op && turned.rows == node.rows && turned.heads == heads => turned,
            _ => {
                let tile = |TileRows { range, grid }: TileRows| {
                    let both = <[Vec<f32>; 2]>::from(rotations(spec, op, grid, range.len()));
                    // Every part of a head is a head of its own row.
                    both.map(|values| if op.parts == 1 { values } else { for_each_head(&values, range.len(), heads) })
                };
                Turned { op: op.clone(), rows: node.rows, heads, tiles: self.tiles(node.rows).map(tile).collect() }
            }
        };
        let turning = if op.parts == 1 { heads } else { 1 };
        let shape = RopeShape { heads: turning, head_dim: each, rotary_dim: each, layout: spec.layout };
        for (TileRows { range, .. }, [cos, sin]) in self.tiles(node.rows).zip(&turned.tiles) {
            executor.cpu.rope(&shape, &mut out[range.start * width..range.end * width], cos, sin);
        }
        self.turned = Some(turned);
    }

    fn attend(&self, executor: &Executor, op: &TileAttention, rows: Rows, [q, k, v]: [&[f32]; 3], out: &mut [f32]) {
        let TileAttention { n_heads, n_kv_heads, head_dim, scale, window } = *op;
        let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap: None, sinks: None };
        let widths = [n_heads * head_dim, n_kv_heads * head_dim];
        let tiles: Vec<TileRows> = self.tiles(rows).collect();
        let windows = window.map(|side| Windows::of(tiles.iter().map(|tile| tile.grid), side));
        let gathered = windows.as_ref().map(|windows| {
            [(q, widths[0]), (k, widths[1]), (v, widths[1])].map(|(x, width)| windows.gathered(x, width))
        });
        let [q, k, v] = gathered.as_ref().map_or([q, k, v], |[q, k, v]| [&q[..], &k[..], &v[..]]);
        let spans: Vec<Range<usize>> = match &windows {
            Some(windows) => windows.spans.clone(),
            None => tiles.iter().flat_map(|tile| vec![0..tile.range.len(); tile.range.len()]).collect(),
        };
        let sequences: Vec<KvSequence> = tiles
            .iter()
            .map(|tile| {
                let held = tile.range.start * widths[1]..tile.range.end * widths[1];
                KvSequence {
                    k: KvRows::F32(&k[held.clone()]),
                    v: KvRows::F32(&v[held]),
                    spans: &spans[tile.range.clone()],
                }
            })
            .collect();
        let activations = executor.arithmetic.attention(&executor.cpu, self.phase());
        executor.cpu.attention(self.phase(), activations, &shape, q, &sequences, out);
        if let Some(windows) = &windows {
            windows.scatter(out, widths[0]);
        }
    }

    /// Row `(Y, X)` of the result is rows `(Y s + y, X s + x)` side by side.
    fn merge(
        &self,
        executor: &Executor,
        [from, to]: [Rows; 2],
        order: MergeOrder,
        width: usize,
        x: &[f32],
        out: &mut [f32],
    ) {
        for (all, merged) in self.tiles(from).zip(self.tiles(to)) {
            let square = all.grid.1 / merged.grid.1.max(1);
            let narrow = width / (square * square);
            let out = &mut out[merged.range.start * width..merged.range.end * width];
            executor.cpu.pool().chunks_mut(out, merged.grid.1 * width, |row, out| {
                for (column, out) in out.chunks_exact_mut(width).enumerate() {
                    for place in 0..square * square {
                        let (y, across) = (row * square + place / square, column * square + place % square);
                        let from = &x[(all.range.start + y * all.grid.1 + across) * narrow..][..narrow];
                        match order {
                            MergeOrder::PatchByPatch => out[place * narrow..][..narrow].copy_from_slice(from),
                            MergeOrder::ColumnByColumn => {
                                let to = out[place..].iter_mut().step_by(square * square);
                                to.zip(from).for_each(|(to, from)| *to = *from);
                            }
                        }
                    }
                }
            });
        }
    }

    fn pool(&self, executor: &Executor, [from, to]: [Rows; 2], width: usize, x: &[f32], out: &mut [f32]) {
        for (all, merged) in self.tiles(from).zip(self.tiles(to)) {
            let square = all.grid.1 / merged.grid.1.max(1);
            let share = 1.0 / (square * square) as f32;
            let out = &mut out[merged.range.start * width..merged.range.end * width];
            executor.cpu.pool().chunks_mut(out, merged.grid.1 * width, |row, out| {
                for (column, out) in out.chunks_exact_mut(width).enumerate() {
                    out.fill(0.0);
                    for place in 0..square * square {
                        let (y, across) = (row * square + place / square, column * square + place % square);
                        let from = &x[(all.range.start + y * all.grid.1 + across) * width..][..width];
                        out.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                    out.iter_mut().for_each(|to| *to *= share);
                }
            });
        }
    }

    /// One task for each row of the grid; columns of values lie side by side, so a tap is one pass over them.
    fn convolve(&self, executor: &Executor, kernels: &[f32], side: usize, node: &Node, x: &[f32], out: &mut [f32]) {
        let (width, taps) = (node.width, side * side);
        let by_tap: Vec<f32> = (0..taps).flat_map(|tap| kernels.iter().skip(tap).step_by(taps)).copied().collect();
        for TileRows { range, grid: (rows, cols) } in self.tiles(node.rows) {
            let x = &x[range.start * width..range.end * width];
            let out = &mut out[range.start * width..range.end * width];
            executor.cpu.pool().chunks_mut(out, cols * width, |row, out| {
                for (column, out) in out.chunks_exact_mut(width).enumerate() {
                    out.fill(0.0);
                    for (tap, weights) in by_tap.chunks_exact(width).enumerate() {
                        // Counted from beyond the edge, so that nothing is below zero.
                        let (y, across) = (row + tap / side, column + tap % side);
                        let reach = side / 2;
                        if (reach..rows + reach).contains(&y) && (reach..cols + reach).contains(&across) {
                            let from = &x[((y - reach) * cols + across - reach) * width..][..width];
                            out.iter_mut().zip(from.iter().zip(weights)).for_each(|(to, (x, w))| *to += x * w);
                        }
                    }
                }
            });
        }
    }

    fn add_position(&self, executor: &Executor, table: WeightId, node: &Node, x: &[f32], out: &mut [f32]) {
        let Op::Tile(TileOp::AddPosition { by, .. }) = &node.op else { unreachable!("a node that adds positions") };
        let (table, width) = (executor.weights.matrix(table), node.width);
        for TileRows { range, grid } in self.tiles(node.rows) {
            let of_rows = positions(*by, grid, range.len());
            let x = &x[range.start * width..range.end * width];
            let out = &mut out[range.start * width..range.end * width];
            executor.cpu.pool().chunks_mut(out, width, |i, out| {
                let mut row = vec![0.0; width];
                out.fill(0.0);
                for (position, share) in &of_rows[i] {
                    executor.cpu.embed_row(&table, *position, &mut row);
                    out.iter_mut().zip(&row).for_each(|(to, row)| *to += row * share);
                }
                out.iter_mut().zip(&x[i * width..]).for_each(|(to, x)| *to += x);
            });
        }
    }
}

impl Step for TileStep<'_> {
    fn phase(&self) -> Phase {
        Phase::Prefill
    }

    fn size(&self) -> StepSize {
        let tokens = self.tiles(Rows::Tokens).map(|tile| tile.range.len()).sum();
        StepSize { tokens, selected: 0, tiles: self.sizes.len() }
    }

    fn run_node(&mut self, executor: &Executor, node: &Node, inputs: &[&[f32]], out: &mut [f32]) {
        let width = node.width;
        let Op::Tile(op) = &node.op else { unreachable!("no operation on tiles: {:?}", node.op) };
        let rows = || [executor.network.nodes[node.inputs[0].0].rows, node.rows];
        match op {
            TileOp::Patches(order) => self.cut_patches(executor, *order, width, out),
            TileOp::AddPosition { table, .. } => self.add_position(executor, *table, node, inputs[0], out),
            TileOp::AppendClass { class } => {
                for (patches, all) in self.tiles(Rows::Tokens).zip(self.tiles(Rows::WithClass)) {
                    let x = &inputs[0][patches.range.start * width..patches.range.end * width];
                    let out = &mut out[all.range.start * width..all.range.end * width];
                    out[..x.len()].copy_from_slice(x);
                    out[x.len()..].copy_from_slice(executor.weights.vector(*class));
                }
            }
            TileOp::DropClass => {
                for (patches, all) in self.tiles(Rows::Tokens).zip(self.tiles(Rows::WithClass)) {
                    let out = &mut out[patches.range.start * width..patches.range.end * width];
                    out.copy_from_slice(&inputs[0][all.range.start * width..][..out.len()]);
                }
            }
            TileOp::Rope(op) => self.rope(executor, op, node, inputs[0], out),
            TileOp::Attention(op) => self.attend(executor, op, node.rows, [inputs[0], inputs[1], inputs[2]], out),
            TileOp::Merge { order, .. } => self.merge(executor, rows(), *order, width, inputs[0], out),
            TileOp::Pool { .. } => self.pool(executor, rows(), width, inputs[0], out),
            TileOp::Convolution { kernels, side } => {
                self.convolve(executor, executor.weights.vector(*kernels), *side, node, inputs[0], out);
            }
        }
    }
}
