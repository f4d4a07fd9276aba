//! The interval of a mean, by resampling.

use super::Interval;
use crate::suite::Rng;

/// Resamples behind an interval: the error of a 2.5 % point is then about a twentieth of the interval's width.
const RESAMPLES: usize = 10_000;

/// The percentile interval of the mean of `values`, one per item, resampled by item with `seed`; `None` without items.
/// Of differences between models it is too sure, and [`tango`](super::tango) is to be asked.
/// Source: Efron and Tibshirani 1993, chapter 13.
pub fn bootstrap(values: &[f64], level: f64, seed: u64) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mut rng = Rng::new(seed, 0);
    let mut mean = || (0..n).map(|_| values[rng.below(n)]).sum::<f64>() / n as f64;
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| mean()).collect();
    means.sort_by(f64::total_cmp);
    let at = |p: f64| means[(p * (RESAMPLES - 1) as f64).round() as usize];
    Some(Interval { low: at((1.0 - level) / 2.0), high: at((1.0 + level) / 2.0), level })
}

#[cfg(test)]
mod tests {
    use super::bootstrap;

    #[test]
    fn the_interval_agrees_with_the_normal_one_on_many_items() {
        // 60 items for the first alone, 30 for the second alone, 110 for both or neither.
        let differences = [vec![1.0; 60], vec![-1.0; 30], vec![0.0; 110]].concat();
        let (mean, n) = (0.15, 200.0_f64);
        let error = ((0.45 - mean * mean) / n).sqrt();
        let found = bootstrap(&differences, 0.95, 1).unwrap();
        assert!((found.low - (mean - 1.96 * error)).abs() < 0.01, "{found:?}");
        assert!((found.high - (mean + 1.96 * error)).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_seed_fixes_the_interval() {
        let differences = [1.0, 0.0, 0.0, -1.0, 1.0, 1.0, 0.0];
        assert_eq!(bootstrap(&differences, 0.95, 4), bootstrap(&differences, 0.95, 4));
    }

    #[test]
    fn equal_differences_leave_no_doubt_and_none_leave_no_interval() {
        let found = bootstrap(&[0.5; 9], 0.95, 1).unwrap();
        assert_eq!((found.low, found.high), (0.5, 0.5));
        assert_eq!(bootstrap(&[], 0.95, 1), None);
    }
}
