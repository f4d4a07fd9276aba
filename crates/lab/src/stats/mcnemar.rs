//! Differences between two models that answered the same items.

use statrs::distribution::{Binomial, ContinuousCDF, Discrete, DiscreteCDF, Normal};

use super::normal_quantile;
use super::tango::correction;

/// Standard deviations beyond which a number of discordant pairs is not looked at: less than 1e-8 of them lie there.
const REACH: f64 = 6.0;

/// The two-sided p-value of McNemar's score test over `n` items, where `only_a` were right for the first model alone and
/// `only_b` for the second alone. With no such item it is 1. It is Tango's test of a difference of nothing, with the same
/// correction, so that it and [`tango`](super::tango)'s interval never contradict each other. Source: McNemar 1947.
pub fn mcnemar(n: usize, only_a: usize, only_b: usize) -> f64 {
    let discordant = (only_a + only_b) as f64;
    if discordant == 0.0 {
        return 1.0;
    }
    let apart = only_a.abs_diff(only_b) as f64 - correction(n as f64, discordant);
    let z = apart.max(0.0) / discordant.sqrt();
    (2.0 * Normal::standard().cdf(-z)).min(1.0)
}

/// The smallest true difference of two rates that [`mcnemar`] at level `alpha` finds with probability `power`, given `n`
/// pairs of which `discordant` were right for one model alone. A rate in 0 to 1; `None` where even a difference of 1
/// would go unseen. The probability is that of the test itself, summed over the numbers of discordant pairs; a true
/// difference implies at least as many of them, which bounds small samples.
pub fn detectable_difference(n: usize, discordant: usize, alpha: f64, power: f64) -> Option<f64> {
    let z = normal_quantile(1.0 - alpha / 2.0);
    let observed = discordant as f64 / n.max(1) as f64;
    let seen = |difference: f64| found_with(n, observed.max(difference), difference, z) >= power;
    if n == 0 || !seen(1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..20 {
        let middle = (low + high) / 2.0;
        if seen(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The chance that the statistic of a sample of `n` pairs is at least `z`, if a share `discordant` of all pairs are right
/// for one model alone and the rates differ by `difference`.
fn found_with(n: usize, discordant: f64, difference: f64, z: f64) -> f64 {
    let Ok(pairs) = Binomial::new(discordant.min(1.0), n as u64) else { return 0.0 };
    let (middle, spread) =
        (n as f64 * discordant, REACH * (n as f64 * discordant * (1.0 - discordant)).max(0.0).sqrt());
    let (first, last) = ((middle - spread).max(1.0) as u64, ((middle + spread).ceil() as u64).min(n as u64));
    let share = if discordant > 0.0 { (1.0 + difference / discordant) / 2.0 } else { 0.5 };
    (first..=last)
        .map(|among| {
            let better = Binomial::new(share.min(1.0), among).expect("a share");
            // From so many on the split is uneven enough.
            let apart = z * (among as f64).sqrt() + correction(n as f64, among as f64);
            let enough = ((among as f64 + apart) / 2.0 - 1e-9).ceil() as u64;
            if enough > among {
                return 0.0;
            }
            pairs.pmf(among) * (better.cdf(among - enough) + 1.0 - better.cdf(enough - 1))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{detectable_difference, mcnemar};
    use crate::suite::Rng;

    #[test]
    fn p_values_are_those_of_the_normal_distribution() {
        // Python's math.erfc((|a − b| − (a + b) / n) / sqrt(2 (a + b))).
        for (n, a, b, p) in [
            (50, 1, 9, 0.013641155794968527),
            (100, 10, 25, 0.013275124747008316),
            (50, 0, 6, 0.016372693080655292),
            (20, 5, 5, 1.0),
            (500, 59, 6, 5.463798421787221e-11),
        ] {
            let found = mcnemar(n, a, b);
            assert!((found - p).abs() < p * 1e-6, "{a} {b} of {n}: {found}");
            assert_eq!(found, mcnemar(n, b, a));
        }
    }

    #[test]
    fn where_all_items_are_discordant_it_is_the_corrected_test_of_statsmodels() {
        // statsmodels 0.15: mcnemar(table, exact=False, correction=True), for which only these items exist.
        for (a, b, p) in [(1, 9, 0.026856695507524425), (10, 25, 0.01796047752607878), (0, 6, 0.04122683333716371)] {
            let found = mcnemar(a + b, a, b);
            assert!((found - p).abs() < p * 1e-6, "{a} {b}: {found}");
        }
    }

    #[test]
    fn models_that_never_disagree_do_not_differ() {
        assert_eq!(mcnemar(40, 0, 0), 1.0);
    }

    /// How often samples of `n` pairs are found to differ at `alpha`, drawn with a share of discordant pairs and a
    /// difference.
    fn found(n: usize, share: f64, difference: f64, alpha: f64) -> f64 {
        let mut rng = Rng::new(11, 0);
        let mut trial = || {
            let (mut only_a, mut only_b) = (0, 0);
            for _ in 0..n {
                let u = rng.below(1_000_000) as f64 / 1e6;
                only_a += usize::from(u < (share + difference) / 2.0);
                only_b += usize::from(((share + difference) / 2.0..share).contains(&u));
            }
            mcnemar(n, only_a, only_b) < alpha
        };
        (0..1000).filter(|_| trial()).count() as f64 / 1000.0
    }

    #[test]
    fn the_detectable_difference_is_found_four_times_in_five_alone_and_in_a_family() {
        // Drawn 1000 times: the standard error of the share is 1.3 points.
        for (n, discordant) in [(50, 15), (50, 3), (300, 120), (500, 60)] {
            for alpha in [0.05, 0.05 / 21.0] {
                let d = detectable_difference(n, discordant, alpha, 0.8).unwrap();
                let share = (discordant as f64 / n as f64).max(d);
                let found = found(n, share, d, alpha);
                assert!((0.76..0.84).contains(&found), "{discordant} of {n} at {alpha}: {d} found {found}");
            }
        }
    }

    #[test]
    fn a_family_asks_for_more_than_a_test_alone() {
        let [alone, among] = [0.05, 0.05 / 21.0].map(|alpha| detectable_difference(50, 15, alpha, 0.8).unwrap());
        assert!(among > 1.2 * alone, "{alone} {among}");
    }

    #[test]
    fn too_few_pairs_show_nothing() {
        assert_eq!(detectable_difference(0, 0, 0.05, 0.8), None);
        assert_eq!(detectable_difference(3, 1, 0.05, 0.8), None);
        assert!(detectable_difference(50, 0, 0.05, 0.8).unwrap() > 0.05);
    }
}
