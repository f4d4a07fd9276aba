//! Ratios of positive quantities measured in turn, A B A B.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::stats::{Interval, LEVEL, POWER, median, normal_quantile};

/// How the ratio of one to the other is estimated; stands in every such record.
pub(super) const METHOD: &str = "ratio of the medians shown; interval and p-value by Student's t on the logarithms of the \
     ratios of interleaved pairs, the interval widened where it does not hold the ratio of the medians; nothing is \
     concluded where the two disagree on which is larger";

/// The ratio of two quantities with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PairedRatio {
    /// Median of the first divided by that of the second.
    pub ratio: f64,
    /// Its interval; none from a single pair. It excludes 1 exactly where `p` is below 1 − [`LEVEL`].
    pub interval: Option<Interval>,
    /// Two-sided p-value of "the ratio is 1".
    pub p: f64,
    /// Standard error of the mean logarithm, and its degrees of freedom; none from a single pair.
    error: Option<(f64, f64)>,
}

impl PairedRatio {
    /// The smallest ratio above 1 that so many pairs, as noisy as these, show at level `alpha` with the usual power.
    /// Source: the normal approximation of the non-central t distribution, Abramowitz and Stegun 26.7.10.
    pub fn detectable(&self, alpha: f64) -> Option<f64> {
        let (error, freedom) = self.error?;
        let quantile = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(1.0 - alpha / 2.0);
        let spread = (1.0 + quantile * quantile / (2.0 * freedom)).sqrt();
        let shift = quantile * (1.0 - 1.0 / (4.0 * freedom)) + normal_quantile(POWER) * spread;
        Some((shift * error).exp()).filter(|ratio| ratio.is_finite())
    }
}

/// Compares `a` and `b` pair by pair; `None` without a pair of positive numbers.
///
/// Logarithms make "twice as fast" and "half as fast" equally far from "equal", and the pairs take off whatever slowed both
/// members alike. Tests without an assumption on the noise, such as Wilcoxon's, cannot reject among many comparisons with
/// as few pairs as can be afforded: seven have no p-value below 0.016. Source: Student's one-sample t test on
/// ln(a) − ln(b).
pub(super) fn paired_ratio(a: &[f64], b: &[f64]) -> Option<PairedRatio> {
    let logs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a.ln() - b.ln()).collect();
    if logs.is_empty() || logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let ratio = median(a, LEVEL)?.value / median(b, LEVEL)?.value;
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let Ok(t) = StudentsT::new(0.0, 1.0, n - 1.0) else {
        return Some(PairedRatio { ratio, interval: None, p: 1.0, error: None });
    };
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    let half = t.inverse_cdf(0.5 + LEVEL / 2.0) * error;
    let p = match error {
        _ if mean == 0.0 || mean * ratio.ln() <= 0.0 => 1.0,
        0.0 => 0.0,
        _ => (2.0 * t.cdf(-(mean / error).abs())).min(1.0),
    };
    let (low, high) = ((mean - half).exp().min(ratio), (mean + half).exp().max(ratio));
    Some(PairedRatio { ratio, interval: Some(Interval { low, high, level: LEVEL }), p, error: Some((error, n - 1.0)) })
}

#[cfg(test)]
mod tests {
    use super::paired_ratio;
    use crate::suite::Rng;

    #[test]
    fn interval_and_p_match_students_t() {
        // Logs 0.1, 0.2, 0.3, 0.4, 0.5: mean 0.3, standard error sqrt(0.025/5) = 0.0707107; t = 4.242641 with 4
        // degrees of freedom; scipy.stats.ttest_1samp gives p = 0.013236; t(0.975, 4) = 2.776445.
        let a: Vec<f64> = [0.1f64, 0.2, 0.3, 0.4, 0.5].iter().map(|log| log.exp()).collect();
        let found = paired_ratio(&a, &[1.0; 5]).unwrap();
        assert!((found.p - 0.013236).abs() < 1e-5, "{}", found.p);
        assert!((found.ratio.ln() - 0.3).abs() < 1e-12, "the median of the logs is their mean here");
        assert!((found.interval.unwrap().low.ln() - (0.3 - 2.776445 * 0.0707107)).abs() < 1e-5);
    }

    #[test]
    fn what_slows_both_members_of_a_pair_does_not_blur_their_ratio() {
        let b = [100.0, 50.0, 75.0, 20.0, 90.0];
        let noise = [1.01, 0.99, 1.0, 1.01, 0.99];
        let a: Vec<f64> = b.iter().zip(noise).map(|(b, noise)| 1.5 * b * noise).collect();
        let found = paired_ratio(&a, &b).unwrap();
        assert!(found.p < 1e-4 && (found.ratio - 1.5).abs() < 0.03, "{found:?}");
        let mut shuffled = b;
        shuffled.rotate_left(2);
        assert!(paired_ratio(&a, &shuffled).unwrap().p > 0.05, "the pairing was lost and should be missed");
    }

    #[test]
    fn one_pair_shows_a_ratio_and_proves_nothing() {
        let found = paired_ratio(&[2.0], &[1.0]).unwrap();
        assert_eq!((found.interval, found.p), (None, 1.0));
        assert!((found.ratio - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_ratio_is_that_of_the_medians_shown_and_its_interval_holds_it() {
        // One start out of seven took twenty times as long, in one model alone.
        let (a, b) = ([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 20.0], [4.0, 4.1, 3.9, 4.0, 4.2, 4.1, 4.0]);
        let found = paired_ratio(&a, &b).unwrap();
        let interval = found.interval.unwrap();
        assert_eq!(found.ratio, 0.25);
        assert!(interval.low < 0.25 && interval.high > 0.25, "{interval:?}");
    }

    #[test]
    fn where_the_medians_and_the_pairs_disagree_nothing_is_concluded() {
        // Six pairs a little above 1 and the medians a little below.
        let (a, b) = ([1.0, 2.1, 3.1, 4.1, 5.1, 6.1, 7.1], [4.4, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let found = paired_ratio(&a, &b).unwrap();
        assert!(found.ratio < 1.0, "{found:?}");
        let pairs: f64 = a.iter().zip(b).skip(1).map(|(a, b)| (a / b).ln()).sum();
        assert!(pairs > 0.0 && found.p >= 0.05 && found.interval.unwrap().high > 1.0, "{found:?}");
    }

    #[test]
    fn the_interval_excludes_one_exactly_where_the_test_rejects_it() {
        let mut rng = Rng::new(5, 0);
        let mut uniform = || rng.below(1_000_000) as f64 / 1e6;
        for _ in 0..2000 {
            let shift = 0.4 * uniform();
            let a: Vec<f64> = (0..5).map(|_| (shift + uniform()).exp()).collect();
            let b: Vec<f64> = (0..5).map(|_| uniform().exp()).collect();
            let found = paired_ratio(&a, &b).unwrap();
            let interval = found.interval.unwrap();
            assert_eq!(interval.low > 1.0 || interval.high < 1.0, found.p < 0.05, "{found:?}");
            assert!((interval.low..=interval.high).contains(&found.ratio), "{found:?}");
        }
    }

    #[test]
    fn what_could_have_been_shown_is_that_of_the_non_central_t() {
        // scipy 1.17: the shift at which 1 − nct.cdf(t.ppf(1 − alpha / 2, 6), 6, shift) is 0.8.
        let a: Vec<f64> = [-0.03f64, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03].iter().map(|log| log.exp()).collect();
        let found = paired_ratio(&a, &[1.0; 7]).unwrap();
        let error = (0.0028_f64 / 6.0 / 7.0).sqrt();
        for (alpha, shift) in [(0.05, 3.36690), (0.05 / 21.0, 6.27497)] {
            let detectable = found.detectable(alpha).unwrap().ln() / error;
            assert!((detectable / shift - 1.0).abs() < 0.01, "{alpha}: {detectable} for {shift}");
        }
    }

    #[test]
    fn equal_samples_do_not_differ_and_impossible_ones_have_no_ratio() {
        assert_eq!(paired_ratio(&[3.0; 4], &[3.0; 4]).unwrap().p, 1.0);
        assert_eq!(paired_ratio(&[], &[]), None);
        assert_eq!(paired_ratio(&[0.0], &[1.0]), None);
    }
}
