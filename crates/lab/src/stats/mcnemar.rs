//! Differences between two models that answered the same items.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::normal_quantile;

/// The two-sided p-value of McNemar's exact test, where `only_a` items were right for the first model alone and
/// `only_b` for the second alone: the chance of a split at least as uneven if each such item fell to either with equal odds.
/// With no such item the p-value is 1. Source: McNemar 1947; exact form as R's `binom.test(only_a, only_a + only_b)`.
pub fn mcnemar_exact(only_a: usize, only_b: usize) -> f64 {
    let n = (only_a + only_b) as u64;
    if n == 0 {
        return 1.0;
    }
    let even = Binomial::new(0.5, n).expect("one half is a probability");
    (2.0 * even.cdf(only_a.min(only_b) as u64)).min(1.0)
}

/// The smallest true difference of two rates that McNemar's test at level `alpha` would have found with probability
/// `power`, given `n` pairs of which `discordant` were right for one model alone. A rate in 0 to 1; `None` where even
/// a difference of 1 would have gone unseen. Source: Connor, Biometrics 43 (1987), normal approximation, solved for
/// the difference; a true difference implies at least as many discordant pairs, which bounds small samples.
pub fn detectable_difference(n: usize, discordant: usize, alpha: f64, power: f64) -> Option<f64> {
    let (z_alpha, z_power) = (normal_quantile(1.0 - alpha / 2.0), normal_quantile(power));
    let observed = discordant as f64 / n.max(1) as f64;
    let seen = |difference: f64| {
        let share = observed.max(difference); // of discordant pairs
        let spread = (share - difference * difference).max(0.0).sqrt();
        (n as f64).sqrt() * difference >= z_alpha * share.sqrt() + z_power * spread
    };
    if !seen(1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if seen(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::{detectable_difference, mcnemar_exact};
    use crate::suite::Draws;

    #[test]
    fn p_values_match_exact_arithmetic() {
        // 2 Σ C(n, i) / 2^n over i up to the smaller count, in Python's integers.
        for (a, b, p) in [
            (1, 9, 0.021484375),
            (5, 5, 1.0),
            (0, 6, 0.03125),
            (10, 25, 0.01667384780012071),
            (59, 6, 4.964650327128617e-12),
        ] {
            let found = mcnemar_exact(a, b);
            assert!((found - p).abs() < p * 1e-9, "{a} {b}: {found}");
            assert_eq!(found, mcnemar_exact(b, a));
        }
    }

    #[test]
    fn models_that_never_disagree_do_not_differ() {
        assert_eq!(mcnemar_exact(0, 0), 1.0);
    }

    #[test]
    fn connors_formula_comes_back_from_the_difference_it_gives() {
        let (n, discordant) = (500, 150);
        let d = detectable_difference(n, discordant, 0.05, 0.8).unwrap();
        let share = discordant as f64 / n as f64;
        let pairs = (1.959964 * share.sqrt() + 0.841621 * (share - d * d).sqrt()).powi(2) / (d * d);
        assert!((pairs - n as f64).abs() < 0.01, "{pairs}");
    }

    #[test]
    fn the_detectable_difference_is_found_about_four_times_in_five() {
        let (n, share) = (300, 0.4);
        let d = detectable_difference(n, 120, 0.05, 0.8).unwrap();
        let mut draws = Draws::new(11, 0);
        let mut trial = || {
            let (mut only_a, mut only_b) = (0, 0);
            for _ in 0..n {
                let u = draws.below(1_000_000) as f64 / 1e6;
                only_a += usize::from(u < (share + d) / 2.0);
                only_b += usize::from(((share + d) / 2.0..share).contains(&u));
            }
            mcnemar_exact(only_a, only_b) < 0.05
        };
        let found = (0..400).filter(|_| trial()).count() as f64 / 400.0;
        assert!((0.70..0.87).contains(&found), "{found}");
    }

    #[test]
    fn too_few_pairs_show_nothing() {
        assert_eq!(detectable_difference(0, 0, 0.05, 0.8), None);
        assert_eq!(detectable_difference(3, 1, 0.05, 0.8), None);
        assert!(detectable_difference(50, 0, 0.05, 0.8).unwrap() > 0.1);
    }
}
