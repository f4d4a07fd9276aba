//! How far the distributions that one program predicts lie from those of another: of fast arithmetic from exact, of a
//! quantised model from its base.

use plimsoll_runtime::likeliest;
use serde::Serialize;

/// How far one sequence of distributions lies from another. Infinite wherever a logit is no number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Divergence {
    /// Positions compared.
    pub positions: usize,
    /// Mean Kullback-Leibler divergence from the distribution measured from, in nats.
    pub kl_mean: f64,
    /// The divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest, in nats.
    pub kl_high: f64,
    /// Share of positions at which the likeliest token is the same.
    pub same_top: f64,
    /// Largest difference of a logit.
    pub max_delta: f32,
}

/// The samples of a divergence, taken position by position.
#[derive(Debug, Clone, Default)]
pub struct DivergenceSamples {
    /// Of each position, in nats.
    kl: Vec<f64>,
    same_top: Vec<bool>,
    max_delta: f32,
}

impl DivergenceSamples {
    /// Samples taken before: the divergence at each position, and whether the likeliest token is the same there.
    pub(crate) fn of(kl: Vec<f64>, same_top: Vec<bool>) -> DivergenceSamples {
        DivergenceSamples { kl, same_top, max_delta: 0.0 }
    }

    /// Adds a position: the logits of the distribution measured from, and of the other.
    pub fn take(&mut self, base: &[f32], other: &[f32]) {
        self.kl.push(kl_divergence(base, other));
        self.same_top.push(likeliest(base) == likeliest(other));
        self.max_delta = self.max_delta.max(max_delta(other, base));
    }

    /// The divergence at each position, in the order in which they were taken, in nats.
    pub fn kl(&self) -> &[f64] {
        &self.kl
    }

    /// Whether the likeliest token is the same at each position.
    pub fn same_top(&self) -> &[bool] {
        &self.same_top
    }

    /// What the positions amount to; of none, no numbers.
    pub fn divergence(&self) -> Divergence {
        let positions = self.kl.len();
        let mut sorted = self.kl.clone();
        sorted.sort_by(f64::total_cmp);
        let high = (0.999 * positions as f64).ceil() as usize;
        Divergence {
            positions,
            kl_mean: sorted.iter().sum::<f64>() / positions as f64,
            kl_high: high.checked_sub(1).map_or(f64::NAN, |at| sorted[at]),
            same_top: self.same_top.iter().filter(|same| **same).count() as f64 / positions as f64,
            max_delta: self.max_delta,
        }
    }
}

/// The Kullback-Leibler divergence of softmax(`other`) from softmax(`base`), summed in f64; infinite if a logit is no
/// number, in nats.
fn kl_divergence(base: &[f32], other: &[f32]) -> f64 {
    let (p, q) = (log_sum(base), log_sum(other));
    let terms = base.iter().zip(other).map(|(base, other)| {
        let (p, q) = (f64::from(*base) - p, f64::from(*other) - q);
        p.exp() * (p - q)
    });
    let sum: f64 = terms.sum();
    // Rounding may leave a divergence of nothing a little below it.
    if sum.is_nan() { f64::INFINITY } else { sum.max(0.0) }
}

/// The logarithm of the sum of the exponentials.
fn log_sum(logits: &[f32]) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    highest + logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum::<f64>().ln()
}

/// Largest difference of two values; infinite where there are not as many or one is no number.
pub(crate) fn max_delta(ours: &[f32], reference: &[f32]) -> f32 {
    if ours.len() != reference.len() {
        return f32::INFINITY;
    }
    let worst = |worst: f32, (a, b): (&f32, &f32)| {
        let delta = (a - b).abs();
        if delta.is_nan() { f32::INFINITY } else { worst.max(delta) }
    };
    ours.iter().zip(reference).fold(0.0, worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_that_of_the_textbook() {
        // (1/2, 1/2) against (1/4, 3/4).
        let found = kl_divergence(&[7.0, 7.0], &[0.0, 3f32.ln()]);
        assert!((found - 0.5 * (4.0f64 / 3.0).ln()).abs() < 1e-7, "{found}");
        assert_eq!(kl_divergence(&[1.0, -2.0, 0.5], &[1.0, -2.0, 0.5]), 0.0);
    }

    #[test]
    fn what_is_no_number_diverges_beyond_every_bound() {
        for broken in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            assert_eq!(kl_divergence(&[0.0, 0.0], &broken), f64::INFINITY);
            assert_eq!(kl_divergence(&broken, &[0.0, 0.0]), f64::INFINITY);
        }
        let mut found = DivergenceSamples::default();
        found.take(&[0.0, 1.0], &[0.0, f32::NAN]);
        let divergence = found.divergence();
        assert_eq!((divergence.kl_mean, divergence.max_delta), (f64::INFINITY, f32::INFINITY));
    }

    #[test]
    fn the_high_divergence_is_exceeded_by_one_position_in_a_thousand() {
        let many = DivergenceSamples { kl: (0..2000).map(f64::from).collect(), ..DivergenceSamples::default() };
        assert_eq!(many.divergence().kl_high, 1997.0);
        let few = DivergenceSamples { kl: vec![1.0, 3.0, 2.0], ..DivergenceSamples::default() };
        let divergence = few.divergence();
        assert_eq!((divergence.kl_high, divergence.kl_mean, divergence.positions), (3.0, 2.0, 3));
    }
}
