//! A vision tower with its connector, in the layout of transformers.js: pictures of a batch as tiles, some of them filling up.
//!
//! Tiles that fill up hold no pixel that counts and are taken out first. What of a tile counts decides where its patches stand
//! in the table of positions and which of them are attended to, so both are computed from the mask: transformers
//! modeling_idefics3.py, `Idefics3VisionEmbeddings` and `Idefics3Model.get_image_features`.

use plimsoll_graph::{MergeOrder, Node, Op, PixelOrder, Rows, TileAttention, TileAxis, TileOp, TileRope};
use plimsoll_models::{TileSizes, TowerNetwork};

use super::builder::{GraphBuilder, Value};
use super::error::OnnxError;
use super::proto::{Attribute, Dim, ElementType};
use super::rotary::turn;
use super::walk::{Numbers, Walk};

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// What nodes of a tower read beside their operands.
pub(crate) struct TileState {
    patch_size: usize,
    /// Patches along an edge, where only one size of tile is understood.
    side: Option<usize>,
    /// `(tiles, 3, height, width)`
    pixels: Value,
    /// Lists of one: tiles, patches along the height and the width, patches of a tile.
    tiles: Value,
    pub down: Value,
    pub across: Value,
    patches: Value,
    /// `(tiles, down, across)`, in singles: 1 for a patch that counts.
    pub counts: Value,
    /// `(tiles, 1, 1, rows)`, added to scores: without and with the class token.
    biases: [Option<Value>; 2],
}

/// The graph of a vision encoder: `pixel_values` to `image_features`.
pub(crate) fn encoder(tower: &TowerNetwork, numbers: Numbers) -> Result<GraphBuilder, OnnxError> {
    let mut walk = Walk::new(&tower.network, numbers);
    let mut state = TileState::declare(&mut walk.b, tower);
    let outputs = walk.run(|walk, index, node, inputs| match &node.op {
        Op::Tile(op) => state.tile_node(walk, index, op, node, inputs),
        op => Err(Walk::unsupported(index, op, "towers have none")),
    })?;
    let width = tower.network.nodes[tower.network.outputs[0].0].width;
    let features = walk.wide(&outputs[0]);
    let features = walk.b.reshape_behind(&features, &state.tiles, &[-1, width as i64]);
    let dims = vec![Dim::Named("num_images"), Dim::Named("image_sequence_length"), Dim::Size(width)];
    walk.b.output(&features, "image_features", dims);
    Ok(walk.b)
}

impl TileState {
    fn declare(b: &mut GraphBuilder, tower: &TowerNetwork) -> TileState {
        let patch_size = tower.patch_size;
        let edge = |name| match tower.tiles {
            TileSizes::Only { edge } => Dim::Size(edge),
            TileSizes::UpTo { .. } | TileSizes::Any => Dim::Named(name),
        };
        let (batch, images, height, width) =
            (Dim::Named("batch_size"), Dim::Named("num_images"), edge("height"), edge("width"));
        let dims = vec![batch, images, Dim::Size(CHANNELS), height, width];
        let pixels = b.input("pixel_values", ElementType::F32, dims);
        let mask = b.input("pixel_attention_mask", ElementType::Bool, vec![batch, images, height, width]);
        let attribute = |name, value| (name, Attribute::Int(value));
        let size = b.node_as("Shape", &[&mask], vec![attribute("start", 2)], ElementType::I64);

        let (every, colours) = (b.ints(&[-1]), b.ints(&[-1, CHANNELS as i64]));
        let (flat, coloured) = (b.concat(&[&every, &size], 0), b.concat(&[&colours, &size], 0));
        let (mask, pixels) = (b.node("Reshape", &[&mask, &flat]), b.node("Reshape", &[&pixels, &coloured]));
        let mask = b.cast(&mask, ElementType::F32);
        let counting = b.reduce("ReduceMax", &mask, &[1, 2], false);
        let counting = b.cast(&counting, ElementType::Bool);
        let [mask, pixels] =
            [mask, pixels].map(|x| b.node_with("Compress", &[&x, &counting], vec![attribute("axis", 0)]));

        let first = [attribute("start", 0), attribute("end", 1)].to_vec();
        let tiles = b.node_as("Shape", &[&mask], first, ElementType::I64);
        let patch = b.ints(&[patch_size as i64]);
        let sides = b.node("Div", &[&size, &patch]);
        let [down, across]: [Value; 2] = b.split(&sides, 0, &[1, 1]).try_into().expect("two parts");
        let patches = b.node("Mul", &[&down, &across]);
        let grid = b.concat(&[&every, &down, &patch, &across, &patch], 0);
        let in_patches = b.node("Reshape", &[&mask, &grid]);
        let counts = b.reduce("ReduceMax", &in_patches, &[2, 4], false);
        let side = match tower.tiles {
            TileSizes::Only { edge } => Some(edge / patch_size),
            TileSizes::UpTo { .. } | TileSizes::Any => None,
        };
        TileState { patch_size, side, pixels, tiles, down, across, patches, counts, biases: [None, None] }
    }

    fn tile_node(
        &mut self,
        walk: &mut Walk,
        index: usize,
        op: &TileOp,
        node: &Node,
        inputs: &[Value],
    ) -> Result<Value, OnnxError> {
        let width = node.width;
        match op {
            TileOp::Patches(PixelOrder::ChannelsFirst) => Ok(self.cut_patches(&mut walk.b, width)),
            TileOp::AddPosition { .. } => self.add_position(walk, index, node, &inputs[0]),
            TileOp::AppendClass { class } => {
                let class = walk.vector(*class)?;
                let x = walk.wide(&inputs[0]);
                Ok(self.append_class(&mut walk.b, &x, &class, width))
            }
            TileOp::DropClass => Ok(self.drop_class(&mut walk.b, &inputs[0], width)),
            TileOp::Rope(op) => match self.side {
                Some(side) if op.parts == 1 => Ok(self.rope(walk, &inputs[0], op, [width, side], node.rows)),
                _ => Err(Walk::unsupported(index, &node.op, "tiles of any size would need tables of their own")),
            },
            TileOp::Attention(op) if op.window.is_some() || op.n_kv_heads != op.n_heads => {
                Err(Walk::unsupported(index, &node.op, "windows and heads that share keys have no rule"))
            }
            TileOp::Attention(op) => Ok(self.attend(walk, op, node.rows, [&inputs[0], &inputs[1], &inputs[2]])),
            TileOp::Merge { side, order: MergeOrder::PatchByPatch } => {
                Ok(self.merge(&mut walk.b, &inputs[0], *side as i64, width as i64))
            }
            TileOp::Patches(_) | TileOp::Merge { .. } | TileOp::Pool { .. } | TileOp::Convolution { .. } => {
                Err(Walk::unsupported(index, &node.op, "it has no rule"))
            }
        }
    }

    /// By channel, then by row, then by column.
    fn cut_patches(&self, b: &mut GraphBuilder, width: usize) -> Value {
        let (colours, patch) = (b.ints(&[-1, CHANNELS as i64]), b.ints(&[self.patch_size as i64]));
        let grid = b.concat(&[&colours, &self.down, &patch, &self.across, &patch], 0);
        let cut = b.node("Reshape", &[&self.pixels, &grid]);
        let cut = b.transpose(&cut, &[0, 2, 4, 1, 3, 5]);
        b.reshape(&cut, &[-1, width as i64])
    }

    fn append_class(&self, b: &mut GraphBuilder, x: &Value, class: &Value, width: usize) -> Value {
        let x = self.by_tile(b, x, Rows::Tokens, &[width as i64]);
        let row = b.ints(&[1, width as i64]);
        let shape = b.concat(&[&self.tiles, &row], 0);
        let classes = b.node("Expand", &[class, &shape]);
        let both = b.concat(&[&x, &classes], 1);
        b.reshape(&both, &[-1, width as i64])
    }

    fn drop_class(&self, b: &mut GraphBuilder, x: &Value, width: usize) -> Value {
        let x = self.by_tile(b, x, Rows::WithClass, &[width as i64]);
        let (from, until, axis) = (b.ints(&[0]), b.ints(&[-1]), b.ints(&[1]));
        let kept = b.node("Slice", &[&x, &from, &until, &axis]);
        b.reshape(&kept, &[-1, width as i64])
    }

    /// Angles are products in singles, as the reference computes them; a class token stays as it is.
    fn rope(&self, walk: &mut Walk, x: &Value, op: &TileRope, [width, side]: [usize; 2], rows: Rows) -> Value {
        let (head_dim, spec) = (op.head_dim, &walk.network.ropes[op.rope.0]);
        let n_rows = side * side + usize::from(rows == Rows::WithClass);
        let place = |row: usize, axis: TileAxis| match axis {
            _ if row >= side * side => 0,
            TileAxis::Row => row / side + op.first,
            TileAxis::Column => row % side + op.first,
        };
        let pairs = || spec.inv_freq.iter().zip(&op.axes);
        let angles =
            (0..n_rows).flat_map(|row| pairs().map(move |(freq, axis)| f64::from(place(row, *axis) as f32 * freq)));
        let (sin, cos): (Vec<f32>, Vec<f32>) = angles
            .map(f64::sin_cos)
            .map(|(sin, cos)| (sin as f32 * spec.attention_factor, cos as f32 * spec.attention_factor))
            .unzip();
        let (layout, pairs) = (spec.layout, spec.inv_freq.len());
        let x = walk.wide(x);
        let b = &mut walk.b;
        let shape = b.ints(&[n_rows as i64, pairs as i64]);
        let shape = b.concat(&[&self.tiles, &shape], 0);
        let [cos, sin] = [("cos", cos), ("sin", sin)].map(|(name, values)| {
            let table = b.table(&format!("rope.{}.{name}.{n_rows}", op.rope.0), &values, vec![1, n_rows, pairs]);
            let of_all = b.node("Expand", &[&table, &shape]);
            b.reshape(&of_all, &[-1, 1, pairs as i64])
        });
        let heads = b.reshape(&x, &[-1, (width / head_dim) as i64, head_dim as i64]);
        let turned = turn(b, &heads, [&cos, &sin], layout, pairs, head_dim);
        let flat = b.reshape(&turned, &[-1, width as i64]);
        walk.narrow(&flat)
    }

    fn attend(&mut self, walk: &mut Walk, op: &TileAttention, rows: Rows, qkv: [&Value; 3]) -> Value {
        let bias = self.bias(&mut walk.b, rows);
        let [q, k, v] = qkv.map(|x| {
            let x = walk.narrow(x);
            self.by_tile(&mut walk.b, &x, rows, &[op.n_heads as i64, op.head_dim as i64])
        });
        let q = walk.times(&q, op.scale);
        let b = &mut walk.b;
        let (q, k, v) =
            (b.transpose(&q, &[0, 2, 1, 3]), b.transpose(&k, &[0, 2, 3, 1]), b.transpose(&v, &[0, 2, 1, 3]));
        let scores = b.node("MatMul", &[&q, &k]);
        let scores = walk.wide(&scores);
        let b = &mut walk.b;
        let scores = b.node("Add", &[&scores, &bias]);
        let shares = b.node_with("Softmax", &[&scores], vec![("axis", Attribute::Int(-1))]);
        let shares = walk.narrow(&shares);
        let b = &mut walk.b;
        let mixed = b.node("MatMul", &[&shares, &v]);
        let mixed = b.transpose(&mixed, &[0, 2, 1, 3]);
        b.reshape(&mixed, &[-1, (op.n_heads * op.head_dim) as i64])
    }

    /// Zero for patches that count and for the class token, the least number for others.
    fn bias(&mut self, b: &mut GraphBuilder, rows: Rows) -> Value {
        let with_class = rows == Rows::WithClass;
        if let Some(bias) = &self.biases[usize::from(with_class)] {
            return bias.clone();
        }
        let (open, shut) = (b.number(0.0, ElementType::F32), b.number(f32::MIN, ElementType::F32));
        let counts = b.cast(&self.counts, ElementType::Bool);
        let bias = b.node_as("Where", &[&counts, &open, &shut], vec![], ElementType::F32);
        let mut bias = b.reshape(&bias, &[0, 1, 1, -1]);
        if with_class {
            let (row, before) = (b.ints(&[0, 0, 0, 0]), b.ints(&[0, 0, 0, 1]));
            let pads = b.concat(&[&row, &before], 0);
            bias = b.node("Pad", &[&bias, &pads]);
        }
        self.biases[usize::from(with_class)] = Some(bias.clone());
        bias
    }

    /// Squares of patches as one row each, their rows by row, then by column.
    fn merge(&self, b: &mut GraphBuilder, x: &Value, side: i64, width: i64) -> Value {
        let (every, edge, narrow) = (b.ints(&[-1]), b.ints(&[side]), b.ints(&[side, width / (side * side)]));
        let (down, across) = (b.node("Div", &[&self.down, &edge]), b.node("Div", &[&self.across, &edge]));
        let grid = b.concat(&[&every, &down, &edge, &across, &narrow], 0);
        let squares = b.node("Reshape", &[x, &grid]);
        let squares = b.transpose(&squares, &[0, 1, 3, 2, 4, 5]);
        b.reshape(&squares, &[-1, width])
    }

    /// `(tiles, rows, …)`
    fn by_tile(&self, b: &mut GraphBuilder, x: &Value, rows: Rows, rest: &[i64]) -> Value {
        let (every, rest) = (b.ints(&[-1]), b.ints(rest));
        let mut n = self.patches.clone();
        if rows == Rows::WithClass {
            let one = b.ints(&[1]);
            n = b.node("Add", &[&n, &one]);
        }
        let shape = b.concat(&[&every, &n, &rest], 0);
        b.node("Reshape", &[x, &shape])
    }
}
