//! Three models or more laid side by side, pair by pair, where what is said of all of them is corrected together.
//!
//! Which model is best is seen from the same answers that then tell it from the others, and the winner of many looks better
//! than it is. So every pair is tested, not those of the winner alone, and Holm's correction is over all tests of all pairs:
//! the chance that models which are all alike are marked anywhere is 5 %, whichever pairs are looked at afterwards.

use super::differences::p_values;
use super::{ComparisonSetup, Evidence, conclude};
use crate::paired::PairError;
use crate::record::{Among, Comparison};

/// Every pair of some models, the models in the order of their right answers: the most first, then the least peak memory,
/// then as they were named.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// How many models.
    n: usize,
    /// Models 0 and 1, 0 and 2, …, 1 and 2, ….
    pairs: Vec<Comparison>,
}

/// Lays every two of the models side by side.
///
/// # Errors
/// When they did not answer the same items.
pub fn field(setup: &ComparisonSetup, mut seen: Vec<Evidence>) -> Result<Field, PairError> {
    seen.sort_by_key(|model| {
        let right = model.outcomes.iter().filter(|outcome| outcome.correct).count();
        let mut peaks: Vec<u64> = model.starts.iter().map(|start| start.peak_bytes).collect();
        peaks.sort_unstable();
        (std::cmp::Reverse(right), peaks.get(peaks.len() / 2).copied())
    });
    let n = seen.len();
    let places = || (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let two = |(i, j): (usize, usize), among| {
        let setup = ComparisonSetup { among, ..setup.clone() };
        conclude(setup, [seen[i].clone(), seen[j].clone()])
    };
    let alone = places().map(|pair| two(pair, None)).collect::<Result<Vec<_>, _>>()?;
    let p_values: Vec<Vec<f64>> = alone.iter().map(p_values).collect();
    let others = |pair: usize| {
        let of_others = p_values.iter().enumerate().filter(|(other, _)| *other != pair);
        of_others.flat_map(|(_, p)| p.iter().copied()).collect()
    };
    let pairs = places().enumerate().map(|(pair, places)| two(places, Some(Among { models: n, p: others(pair) })));
    Ok(Field { n, pairs: pairs.collect::<Result<_, _>>()? })
}

impl Field {
    /// The best with each of the others, in the order of their right answers. A is the best in all of them.
    pub fn against_the_best(mut self) -> Vec<Comparison> {
        self.pairs.truncate(self.n.saturating_sub(1));
        self.pairs
    }

    /// Two models by their places; A is the one with the lower place.
    pub fn pair(&self, a: usize, b: usize) -> Option<&Comparison> {
        let (low, high) = (a.min(b), a.max(b));
        if low == high || high >= self.n {
            return None;
        }
        let before: usize = (0..low).map(|row| self.n - 1 - row).sum();
        self.pairs.get(before + high - low - 1)
    }
}
