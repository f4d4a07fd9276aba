//! The median of repeated measurements, with an interval that assumes nothing of their distribution.

use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

use super::Interval;

/// A median and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Median {
    /// The middle sample, or the mean of the two in the middle.
    pub value: f64,
    /// Between two samples. Its `level` is what those two truly cover: above the level asked for, or below it where
    /// the samples are too few (five cover 93.75 % at most).
    pub interval: Interval,
    /// How many samples.
    pub n: usize,
}

/// The median of `samples` and the narrowest symmetric interval between two order statistics that covers at least
/// `level`, else the whole range; `None` without samples or where one is not a number.
/// Source: Hahn and Meeker, Statistical Intervals, section 5.2.
pub fn median(samples: &[f64], level: f64) -> Option<Median> {
    let n = samples.len();
    if n == 0 || samples.iter().any(|sample| sample.is_nan()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let value = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
    let below = Binomial::new(0.5, n as u64).expect("one half is a probability");
    // The median lies outside the (k+1)-th smallest to (k+1)-th largest when k samples or fewer fall on one side.
    let coverage = |k: usize| 1.0 - 2.0 * below.cdf(k as u64);
    let k = (0..n.div_ceil(2)).take_while(|&k| k == 0 || coverage(k) >= level).last().unwrap_or(0);
    let interval = Interval { low: sorted[k], high: sorted[n - 1 - k], level: coverage(k).max(0.0) };
    Some(Median { value, interval, n })
}

#[cfg(test)]
mod tests {
    use super::median;

    /// The samples 1, 2, …, n, so that an end of the interval is its rank.
    fn ranks(n: usize) -> Vec<f64> {
        (1..=n).rev().map(|rank| rank as f64).collect()
    }

    #[test]
    fn ranks_match_the_published_table() {
        // Conover, Practical Nonparametric Statistics: ranks and exact coverage of 95 % intervals of the median.
        for (n, low, high, level) in [(6, 1.0, 6.0, 0.96875), (10, 2.0, 9.0, 0.978516), (20, 6.0, 15.0, 0.958611)] {
            let found = median(&ranks(n), 0.95).unwrap().interval;
            assert_eq!((found.low, found.high), (low, high), "n = {n}");
            assert!((found.level - level).abs() < 1e-6, "n = {n}: {found:?}");
        }
    }

    #[test]
    fn too_few_samples_admit_what_they_cover() {
        let five = median(&ranks(5), 0.95).unwrap();
        assert_eq!((five.value, five.interval.low, five.interval.high), (3.0, 1.0, 5.0));
        assert!((five.interval.level - 0.9375).abs() < 1e-9);
        assert!(median(&[7.0], 0.95).unwrap().interval.level < 1e-9);
    }

    #[test]
    fn an_even_number_of_samples_has_its_median_between_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0], 0.95).unwrap().value, 2.5);
    }

    #[test]
    fn nothing_and_not_a_number_have_no_median() {
        assert_eq!(median(&[], 0.95), None);
        assert_eq!(median(&[1.0, f64::NAN], 0.95), None);
    }
}
