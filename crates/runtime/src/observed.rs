//! What the weights of a network are multiplied with: how much each of a matrix's columns counts for what it computes.

use plimsoll_graph::{Network, WeightId};

/// The inputs that one weight was multiplied with, squared and summed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputSquares {
    /// Of each matrix the sum over its inputs of the square of each column, `(n_matrices, cols)`.
    pub sums: Vec<f64>,
    /// Inputs of each matrix: one, or as many as there are experts.
    pub counts: Vec<u64>,
}

/// [`InputSquares`] of all weights of a network.
#[derive(Debug)]
pub(crate) struct Observed(Vec<InputSquares>);

impl Observed {
    /// Of nothing yet.
    pub fn new(network: &Network) -> Observed {
        Observed(vec![InputSquares::default(); network.weights.len()])
    }

    /// Adds the inputs `x (n, cols)` of matrix `at` of the `n_matrices` that a weight has. Sums are in f64 and in the order
    /// of the rows, so that they do not depend on how a text was cut into steps.
    pub fn add(&mut self, weight: WeightId, [at, n_matrices]: [usize; 2], x: &[f32], cols: usize) {
        let seen = &mut self.0[weight.0];
        seen.sums.resize(n_matrices * cols, 0.0);
        seen.counts.resize(n_matrices, 0);
        let sums = &mut seen.sums[at * cols..][..cols];
        for row in x.chunks_exact(cols) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x) * f64::from(*x));
        }
        seen.counts[at] += (x.len() / cols) as u64;
    }

    /// By weight.
    pub fn of(&self, weight: WeightId) -> &InputSquares {
        &self.0[weight.0]
    }
}
