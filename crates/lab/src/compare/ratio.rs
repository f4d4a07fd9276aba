//! Ratios of positive quantities measured in turn, A B A B.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::stats::{Interval, LEVEL, POWER};

/// How the ratio of one pair to the other is estimated; stands in every such record.
pub(super) const METHOD: &str = "geometric mean of the ratios of interleaved pairs; interval and p-value by Student's t \
     on their logarithms, which stays honest with few pairs where a bootstrap is too sure";

/// The ratio of two quantities with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PairedRatio {
    /// First divided by second.
    pub ratio: f64,
    /// Its interval; none from a single pair.
    pub interval: Option<Interval>,
    /// Two-sided p-value of "the ratio is 1".
    pub p: f64,
    /// The smallest ratio above 1 that so many pairs, as noisy as these, show with the usual power.
    pub detectable: Option<f64>,
}

/// Compares `a` and `b` pair by pair; `None` without a pair of positive numbers.
///
/// Logarithms make "twice as fast" and "half as fast" equally far from "equal", and take off whatever slowed both
/// members of a pair alike. Source: Student's one-sample t test on ln(a) − ln(b).
pub(super) fn paired_ratio(a: &[f64], b: &[f64]) -> Option<PairedRatio> {
    let logs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a.ln() - b.ln()).collect();
    if logs.is_empty() || logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let Ok(t) = StudentsT::new(0.0, 1.0, n - 1.0) else {
        return Some(PairedRatio { ratio: mean.exp(), interval: None, p: 1.0, detectable: None });
    };
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    let quantile = t.inverse_cdf(0.5 + LEVEL / 2.0);
    let p = match error {
        _ if mean == 0.0 => 1.0,
        0.0 => 0.0,
        _ => (2.0 * t.cdf(-(mean / error).abs())).min(1.0),
    };
    let (low, high) = ((mean - quantile * error).exp(), (mean + quantile * error).exp());
    Some(PairedRatio {
        ratio: mean.exp(),
        interval: Some(Interval { low, high, level: LEVEL }),
        p,
        detectable: Some(((quantile + t.inverse_cdf(POWER)) * error).exp()),
    })
}

#[cfg(test)]
mod tests {
    use super::paired_ratio;

    #[test]
    fn interval_and_p_match_students_t() {
        // Logs 0.1, 0.2, 0.3, 0.4, 0.5: mean 0.3, standard error sqrt(0.025/5) = 0.0707107; t = 4.242641 with 4
        // degrees of freedom; scipy.stats.ttest_1samp gives p = 0.013236; t(0.975, 4) = 2.776445.
        let a: Vec<f64> = [0.1f64, 0.2, 0.3, 0.4, 0.5].iter().map(|log| log.exp()).collect();
        let found = paired_ratio(&a, &[1.0; 5]).unwrap();
        assert!((found.p - 0.013236).abs() < 1e-5, "{}", found.p);
        assert!((found.ratio.ln() - 0.3).abs() < 1e-12);
        assert!((found.interval.unwrap().low.ln() - (0.3 - 2.776445 * 0.0707107)).abs() < 1e-5);
    }

    #[test]
    fn what_slows_both_members_of_a_pair_does_not_blur_their_ratio() {
        let b = [100.0, 50.0, 75.0, 20.0, 90.0];
        let noise = [1.01, 0.99, 1.0, 1.01, 0.99];
        let a: Vec<f64> = b.iter().zip(noise).map(|(b, noise)| 1.5 * b * noise).collect();
        let found = paired_ratio(&a, &b).unwrap();
        assert!(found.p < 1e-4 && (found.ratio - 1.5).abs() < 0.02, "{found:?}");
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
    fn equal_samples_do_not_differ_and_impossible_ones_have_no_ratio() {
        assert_eq!(paired_ratio(&[3.0; 4], &[3.0; 4]).unwrap().p, 1.0);
        assert_eq!(paired_ratio(&[], &[]), None);
        assert_eq!(paired_ratio(&[0.0], &[1.0]), None);
    }
}
