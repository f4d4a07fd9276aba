//! Where the patches of a tile stand in a table of positions.

use plimsoll_graph::{Coordinates, Node, Op, TileOp, TilePosition, bucket_bounds};

use super::builder::{GraphBuilder, Value};
use super::error::OnnxError;
use super::proto::ElementType;
use super::tower::TileState;
use super::walk::Walk;

impl TileState {
    /// `x` with a row of the table added to each of its rows.
    pub fn add_position(&self, walk: &mut Walk, index: usize, node: &Node, x: &Value) -> Result<Value, OnnxError> {
        let op @ Op::Tile(TileOp::AddPosition { table, by }) = &node.op else {
            unreachable!("a node that adds positions")
        };
        let (values, width) = (walk.floats(*table, ElementType::F32)?, node.width);
        let x = walk.wide(x);
        match *by {
            TilePosition::InOrder => {
                // The rows of a tile are those of the table, with the class token's if that is there.
                let rows = walk.network.weight(*table).shape[0];
                let tiles = walk.b.reshape(&x, &[-1, rows as i64, width as i64]);
                let added = walk.b.node("Add", &[&tiles, &values]);
                Ok(walk.b.reshape(&added, &[-1, width as i64]))
            }
            TilePosition::Fractional { side, by: Coordinates::Stepped } => {
                let b = &mut walk.b;
                let positions = self.positions(b, side);
                let found = b.node("Gather", &[&values, &positions]);
                Ok(b.node("Add", &[&x, &found]))
            }
            _ => Err(Walk::unsupported(index, op, "positions found so have no rule")),
        }
    }

    /// `(tiles * patches)`: the row of the table of each patch; 0 of one that does not count.
    fn positions(&self, b: &mut GraphBuilder, side: usize) -> Value {
        let bounds = bucket_bounds(side);
        let bounds = b.table(&format!("positions.{side}"), &bounds, vec![bounds.len()]);
        let rows = self.buckets(b, &self.down, 2, &bounds);
        let columns = self.buckets(b, &self.across, 1, &bounds);
        let side = b.number(side as f32, ElementType::F32);
        let (rows, columns) = (b.unsqueeze(&rows, &[2]), b.unsqueeze(&columns, &[1]));
        let rows = b.node("Mul", &[&rows, &side]);
        let positions = b.node("Add", &[&rows, &columns]);
        let positions = b.node("Mul", &[&positions, &self.counts]);
        let positions = b.cast(&positions, ElementType::I64);
        b.reshape(&positions, &[-1])
    }

    /// `(tiles, patches along an edge)`: buckets of fractional coordinates, of which those patches share the whole that count.
    fn buckets(&self, b: &mut GraphBuilder, patches: &Value, other_axis: i64, bounds: &Value) -> Value {
        let lines = b.reduce("ReduceMax", &self.counts, &[other_axis], false);
        let counting = b.reduce("ReduceSum", &lines, &[1], true);
        let one = b.number(1.0, ElementType::F32);
        let step = b.node("Div", &[&one, &counting]);
        let (from, by) = (b.int(0), b.int(1));
        let no_axes = b.ints(&[0]);
        let until = b.node("Squeeze", &[patches, &no_axes]);
        let indices = b.node("Range", &[&from, &until, &by]);
        let indices = b.cast(&indices, ElementType::F32);
        let coordinates = b.node("Mul", &[&indices, &step]);
        let most = b.number((1.0 - 1e-6) as f32, ElementType::F32);
        let coordinates = b.node("Min", &[&coordinates, &most]);
        let coordinates = b.unsqueeze(&coordinates, &[2]);
        let is_beyond = b.compare("GreaterOrEqual", &coordinates, bounds);
        let is_beyond = b.cast(&is_beyond, ElementType::F32);
        b.reduce("ReduceSum", &is_beyond, &[2], false)
    }
}
