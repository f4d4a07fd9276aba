//! A tensor, and the ways in which it may be stored.

use plimsoll_kernels::{DType, Pool};
use plimsoll_quantise::{Columns, Cost, EncodeError, Encoding};

use super::damage;

/// A tensor of the files that are to be, the ways in which it may be stored there, and what each takes and loses.
pub struct Choice {
    /// Canonical names of the weights whose rows it has, one behind the other; none of what is kept whatever is asked.
    pub weights: Vec<String>,
    /// In what its values are.
    pub from: DType,
    /// Values of a row.
    pub cols: usize,
    /// Rows of all its matrices.
    pub rows: usize,
    /// How much its columns count.
    pub columns: Option<Columns>,
    /// Of which one is taken.
    pub ways: Vec<Way>,
}

/// One way of storing a tensor.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// It.
    pub to: Encoding,
    /// What a row takes, of all that it is kept in.
    pub row_bytes: usize,
    /// The share of what the tensor computes that is lost.
    pub share: f64,
}

impl Way {
    /// Before it is known what is lost.
    pub fn new(to: impl Into<Encoding>, row_bytes: usize) -> Way {
        Way { to: to.into(), row_bytes, share: 0.0 }
    }
}

impl Choice {
    /// Of a tensor that is stored in one way, whatever is asked.
    pub fn kept(from: DType, [rows, cols]: [usize; 2], to: DType) -> Choice {
        let ways = vec![Way::new(to, to.row_bytes(cols).unwrap_or(0))];
        Choice { weights: Vec::new(), from, cols, rows, columns: None, ways }
    }

    /// Finds out what each way loses, on a sample of the rows that `read` gives.
    ///
    /// # Errors
    /// A value that cannot be stored.
    pub fn try_ways(&mut self, pool: &Pool, read: impl Fn(usize, &mut [f32])) -> Result<(), EncodeError> {
        let shares = damage::shares(pool, self, read)?;
        self.ways.iter_mut().zip(shares).for_each(|(way, share)| way.share = share);
        Ok(())
    }

    /// The place among its ways of one that is stored so.
    pub fn way(&self, to: impl Into<Encoding>) -> Option<usize> {
        let to = to.into();
        self.ways.iter().position(|way| way.to == to)
    }

    /// The place among its ways of the one that takes least.
    pub(super) fn smallest(&self) -> usize {
        (0..self.ways.len()).min_by_key(|way| self.ways[*way].row_bytes).unwrap_or(0)
    }

    /// What a way takes and does, where a whole share of this tensor does so much damage.
    pub(super) fn cost(&self, way: usize, counts: f64) -> Cost {
        let Way { row_bytes, share, .. } = self.ways[way];
        Cost { bytes: (row_bytes * self.rows) as u64, damage: counts * share }
    }
}
