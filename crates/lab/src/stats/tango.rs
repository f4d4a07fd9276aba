//! The interval of a difference of two rates on the same items.

use super::{Interval, normal_quantile};

/// Halvings of the bracket around an end of the interval: from a width of 2 to one of 1e-15.
const HALVINGS: usize = 51;

/// Tango's score interval of the difference of two rates over `n` pairs, of which `only_a` were right for the first alone
/// and `only_b` for the second alone; `None` without pairs or with more discordant ones than there are. It holds exactly
/// the differences that the score test at 1 − `level` does not reject, so that it excludes 0 where
/// [`mcnemar`](super::mcnemar) does.
///
/// The test is corrected for continuity by the share of discordant pairs. Among so many of these `only_a` − `only_b` moves
/// in steps of two, for which Edwards' correction is one; where few pairs are discordant their number fills the gaps, and
/// without any there is nothing to correct. The chance that a model worse by the margin is held to be within it, which the
/// uncorrected test puts at up to 3.2 %, is then 2.5 % at most: summed over every table in the tests below and in
/// `examples/gate_size.rs`. Lloyd and Moldovan's exact test (Statistics in Medicine 27, 2008) keeps the level for every size
/// by such sums, which take too long for an interval of thousands of items.
/// Source: Tango, Statistics in Medicine 17 (1998); Edwards, Psychometrika 13 (1948).
///
/// ```
/// let found = plimsoll_lab::stats::tango(50, 0, 0, 0.95).unwrap();
/// assert_eq!((100.0 * found.low).round(), -7.0, "not one of 50 disagreeing does not make two models equal");
/// ```
pub fn tango(n: usize, only_a: usize, only_b: usize, level: f64) -> Option<Interval> {
    if n == 0 || only_a + only_b > n {
        return None;
    }
    let z = normal_quantile(0.5 + level / 2.0);
    let found = (only_a as f64 - only_b as f64) / n as f64;
    let score = |difference: f64| score(n, only_a, only_b, difference);
    Some(Interval {
        low: end([found, -1.0], |difference| score(difference) < z),
        high: end([found, 1.0], |difference| score(difference) > -z),
        level,
    })
}

/// The score statistic of "the true difference is `difference`", standard normal if it is; it falls as that rises.
fn score(n: usize, only_a: usize, only_b: usize, difference: f64) -> f64 {
    let (n, b, c) = (n as f64, only_a as f64, only_b as f64);
    // The rate of pairs right for the second alone, as likely as can be under that difference.
    let (half, product) = ((2.0 * n - b + c) * difference - b - c, -c * difference * (1.0 - difference));
    let root = (half * half - 8.0 * n * product).max(0.0).sqrt();
    let rate = match half > 0.0 {
        true => -2.0 * product / (root + half), // the same without cancelling
        false => (root - half) / (4.0 * n),
    };
    let variance = n * (2.0 * rate + difference * (1.0 - difference));
    let apart = b - c - n * difference;
    let distance = apart.signum() * (apart.abs() - correction(n, b + c)).max(0.0);
    match distance {
        0.0 => 0.0,
        _ if variance <= 0.0 => distance.signum() * f64::INFINITY,
        _ => distance / variance.sqrt(),
    }
}

/// By how much `only_a` − `only_b` is taken nearer to what is expected: see [`tango`].
pub(super) fn correction(n: f64, discordant: f64) -> f64 {
    discordant / n
}

/// How far from `inside` towards `limit` a difference still `belongs`.
fn end([mut inside, limit]: [f64; 2], belongs: impl Fn(f64) -> bool) -> f64 {
    if belongs(limit) {
        return limit;
    }
    let mut outside = limit;
    for _ in 0..HALVINGS {
        let middle = (inside + outside) / 2.0;
        if belongs(middle) { inside = middle } else { outside = middle }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::{score, tango};
    use crate::stats::{mcnemar, normal_quantile, wilson};

    #[test]
    fn intervals_match_a_likelihood_that_was_maximised_by_search() {
        // Golden-section search for the rate under each difference, bisection for the ends, in Python.
        for (n, a, b, level, low, high) in [
            (21, 1, 7, 0.95, -0.5341705, -0.0042838),
            (50, 12, 2, 0.95, 0.0547917, 0.3505736),
            (50, 5, 0, 0.95, 0.0178483, 0.2160789),
            (50, 0, 0, 0.90, -0.0513332, 0.0513332),
            (500, 40, 25, 0.95, -0.0019125, 0.0629192),
            (500, 60, 59, 0.90, -0.0345718, 0.0385841),
            (40, 20, 0, 0.95, 0.3406327, 0.6593673),
            (30, 1, 0, 0.95, -0.0859246, 0.1683345),
        ] {
            let found = tango(n, a, b, level).unwrap();
            assert!((found.low - low).abs() < 2e-7 && (found.high - high).abs() < 2e-7, "{a} {b} of {n}: {found:?}");
        }
    }

    #[test]
    fn exchanging_the_models_mirrors_the_interval_and_more_disagreement_never_makes_it_surer() {
        for n in [1, 7, 30, 100] {
            let mut widest_below = 0.0;
            for each in 0..=n / 2 {
                let found = tango(n, each, each, 0.95).unwrap();
                assert!((found.low + found.high).abs() < 1e-12, "{each} of {n}: {found:?}");
                assert!(found.high >= widest_below, "{each} of {n} is surer than fewer");
                widest_below = found.high;
            }
        }
        let (one, other) = (tango(80, 12, 3, 0.95).unwrap(), tango(80, 3, 12, 0.95).unwrap());
        assert!((one.low + other.high).abs() < 1e-12 && (one.high + other.low).abs() < 1e-12);
    }

    #[test]
    fn full_agreement_is_as_sure_as_none_of_so_many_and_full_disagreement_ends_at_one() {
        let (found, none) = (tango(50, 0, 0, 0.95).unwrap(), wilson(0, 50, 0.95).unwrap());
        assert!((found.high - none.high).abs() < 1e-12, "{found:?} {none:?}");
        assert_eq!(tango(9, 9, 0, 0.95).unwrap().high, 1.0);
        assert_eq!(tango(9, 0, 9, 0.95).unwrap().low, -1.0);
    }

    #[test]
    fn the_interval_excludes_nothing_exactly_where_the_test_rejects_it() {
        for n in [1, 5, 20, 60] {
            for a in 0..=n {
                for b in 0..=n - a {
                    for level in [0.90, 0.95, 0.99] {
                        let found = tango(n, a, b, level).unwrap();
                        let excludes = found.low > 0.0 || found.high < 0.0;
                        assert_eq!(excludes, mcnemar(n, a, b) < 1.0 - level, "{a} {b} of {n} at {level}: {found:?}");
                    }
                }
            }
        }
    }

    /// The greatest chance that the whole 95 % interval of a model lies above −`margin`, if it is truly worse by just that,
    /// over shares of items on which the models disagree besides: summed over every table, not drawn.
    fn false_passes(n: usize, margin: f64) -> f64 {
        let z = normal_quantile(0.975);
        let log_factorial: Vec<f64> = (0..=n)
            .scan(0.0, |sum, i| {
                *sum += if i > 1 { (i as f64).ln() } else { 0.0 };
                Some(*sum)
            })
            .collect();
        let tables = (0..=n).flat_map(|a| (0..=n - a).map(move |b| (a, b)));
        let passing: Vec<[f64; 4]> = tables
            .filter(|(a, b)| score(n, *a, *b, -margin) >= z)
            .map(|(a, b)| {
                let rest = n - a - b;
                let ways = log_factorial[n] - log_factorial[a] - log_factorial[b] - log_factorial[rest];
                [ways, a as f64, b as f64, rest as f64]
            })
            .collect();
        let term = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
        let chance = |alone: f64| -> f64 {
            let [p_a, p_b] = [alone, alone + margin];
            let log = |[ways, a, b, rest]: &[f64; 4]| {
                ways + term(*a, p_a) + term(*b, p_b) + term(*rest, (1.0 - p_a - p_b).max(0.0))
            };
            // What is rarer than this adds up to less than a millionth.
            passing.iter().map(log).filter(|log| *log > -30.0).map(f64::exp).sum()
        };
        let most = (1.0 - margin) / 2.0;
        (0..=40).map(|step| chance(most * (f64::from(step) / 40.0).powi(2))).fold(0.0, f64::max)
    }

    #[test]
    fn a_model_worse_by_the_margin_passes_no_worse_by_in_one_run_of_forty_at_most() {
        for n in [50, 100] {
            for margin in [0.0, 0.02, 0.05, 0.1] {
                let worst = false_passes(n, margin);
                assert!(worst <= 0.025, "n = {n}, margin {margin}: {worst}");
                assert!(worst > 0.018, "n = {n}, margin {margin}: {worst}, far more cautious than it has to be");
            }
        }
        // The whole table, at 500 items too, is what examples/gate_size.rs prints.
        assert!(false_passes(500, 0.02) <= 0.025);
    }

    #[test]
    fn what_cannot_be_has_no_interval() {
        assert_eq!(tango(0, 0, 0, 0.95), None);
        assert_eq!(tango(3, 2, 2, 0.95), None);
    }
}
