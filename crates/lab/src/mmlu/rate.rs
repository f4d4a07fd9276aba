//! The mean over subjects, each counted alike.

use serde::Serialize;

use crate::paired::{OVERALL, Rate};
use crate::stats::{Interval, LEVEL};
use crate::suite::Rng;

/// Resamples behind the interval.
const RESAMPLES: usize = 1_000;
/// Fixed, so that an interval can be made again.
const SEED: u64 = 1;

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean, 0 to 1.
    pub value: f64,
    /// A bootstrap's, questions being drawn again within each subject.
    pub interval: Interval,
}

/// The mean of the subjects' rates; `None` where there is no subject.
pub fn macro_average(rates: &[Rate]) -> Option<Mean> {
    let subjects: Vec<&Rate> = rates.iter().filter(|rate| rate.category != OVERALL && rate.n > 0).collect();
    if subjects.is_empty() {
        return None;
    }
    let mean = |rights: &mut dyn Iterator<Item = f64>| rights.sum::<f64>() / subjects.len() as f64;
    let value = mean(&mut subjects.iter().map(|rate| rate.correct as f64 / rate.n as f64));
    let mut rng = Rng::new(SEED, 0);
    let mut again = |rate: &Rate| (0..rate.n).filter(|_| rng.below(rate.n) < rate.correct).count() as f64;
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| mean(&mut subjects.iter().map(|rate| again(rate) / rate.n as f64))).collect();
    means.sort_by(f64::total_cmp);
    let at = |p: f64| means[(p * (RESAMPLES - 1) as f64).round() as usize];
    let interval = Interval { low: at((1.0 - LEVEL) / 2.0), high: at((1.0 + LEVEL) / 2.0), level: LEVEL };
    Some(Mean { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::wilson;

    fn rate(category: &str, correct: usize, n: usize) -> Rate {
        Rate { category: category.to_owned(), correct, n, interval: wilson(correct, n, LEVEL).unwrap(), known: None }
    }

    #[test]
    fn a_small_subject_counts_as_much_as_a_large_one() {
        let rates = [rate("a", 900, 1000), rate("b", 50, 100), rate(OVERALL, 950, 1100)];
        let found = macro_average(&rates).unwrap();
        assert!((found.value - 0.7).abs() < 1e-12);
        // The standard error by hand: half of sqrt(0.9 · 0.1 / 1000 + 0.5 · 0.5 / 100).
        let error = 0.5 * (0.09_f64 / 1000.0 + 0.25 / 100.0).sqrt();
        assert!((found.interval.low - (0.7 - 1.96 * error)).abs() < 0.01, "{found:?}");
        assert!((found.interval.high - (0.7 + 1.96 * error)).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn no_subjects_have_no_mean() {
        assert_eq!(macro_average(&[rate(OVERALL, 1, 2)]), None);
    }
}
