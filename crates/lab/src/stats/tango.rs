//! The interval of a difference of two rates on the same items.

use super::{Interval, normal_quantile};

/// Halvings of the bracket around an end of the interval: from a width of 2 to one of 1e-15.
const HALVINGS: usize = 51;

/// Tango's score interval of the difference of two rates over `n` pairs, of which `only_a` were right for the first alone
/// and `only_b` for the second alone; `None` without pairs or with more discordant ones than there are. It holds exactly
/// the differences that the score test at 1 − `level` does not reject, so that it excludes 0 where
/// [`mcnemar`](super::mcnemar) does.
/// Source: Tango, Statistics in Medicine 17 (1998); recommended by Fagerland, Lydersen and Laake, ibid. 33 (2014).
///
/// ```
/// // Airway hyper-responsiveness before and after a transplantation, the example of Fagerland et al.
/// let found = plimsoll_lab::stats::tango(21, 1, 7, 0.95).unwrap();
/// assert!((found.low + 0.517).abs() < 5e-4 && (found.high + 0.026).abs() < 5e-4);
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
    let distance = b - c - n * difference;
    match distance {
        0.0 => 0.0,
        _ if variance <= 0.0 => distance.signum() * f64::INFINITY,
        _ => distance / variance.sqrt(),
    }
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
        // scipy 1.17: minimize_scalar over the rate under each difference, brentq for the ends.
        for (n, a, b, level, low, high) in [
            (21, 1, 7, 0.95, -0.5172322, -0.0260030),
            (50, 12, 2, 0.95, 0.0611124, 0.3447087),
            (50, 5, 0, 0.95, 0.0215176, 0.2136023),
            (50, 0, 0, 0.90, -0.0513332, 0.0513332),
            (500, 40, 25, 0.95, -0.0016453, 0.0626457),
            (500, 60, 59, 0.90, -0.0340904, 0.0381026),
            (40, 20, 0, 0.95, 0.3519953, 0.6480047),
            (30, 1, 0, 0.95, -0.0839638, 0.1667039),
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
                        assert_eq!(excludes, mcnemar(a, b) < 1.0 - level, "{a} {b} of {n} at {level}: {found:?}");
                    }
                }
            }
        }
    }

    /// The chance that the whole 95 % interval of a model lies above −`margin`, if it is truly worse by `worse` and the
    /// models disagree in a share `agreed_otherwise` of the items besides: summed over every table, not drawn.
    fn passes(n: usize, margin: f64, worse: f64, besides: f64) -> f64 {
        let (p_a, p_b) = (besides / 2.0, besides / 2.0 + worse);
        let z = normal_quantile(0.975);
        let factorial: Vec<f64> = (0..=n)
            .scan(0.0, |sum, i| {
                *sum += if i > 1 { (i as f64).ln() } else { 0.0 };
                Some(*sum)
            })
            .collect();
        let term = |count: usize, p: f64| if count == 0 { 0.0 } else { count as f64 * p.ln() };
        let mut sum = 0.0;
        for a in 0..=n {
            for b in 0..=n - a {
                let rest = n - a - b;
                let log = factorial[n] - factorial[a] - factorial[b] - factorial[rest]
                    + term(a, p_a)
                    + term(b, p_b)
                    + term(rest, 1.0 - p_a - p_b);
                // What is rarer than this adds up to less than a millionth.
                if log > -30.0 && score(n, a, b, -margin) >= z {
                    sum += log.exp();
                }
            }
        }
        sum
    }

    #[test]
    fn a_model_worse_by_the_margin_passes_no_worse_by_in_one_run_of_forty() {
        for n in [50, 100, 500] {
            let (mut sum, mut worst, mut count) = (0.0, 0.0_f64, 0.0);
            for margin in [0.02, 0.05, 0.1] {
                for besides in [0.02, 0.1, 0.3] {
                    let chance = passes(n, margin, margin, besides);
                    (sum, worst, count) = (sum + chance, worst.max(chance), count + 1.0);
                }
            }
            // The score test is asymptotic: 2.5 % on average, and with the unluckiest share of disagreement a tenth of a
            // point above (a percentile bootstrap passes up to 11.8 %).
            assert!(sum / count <= 0.025 && worst <= 0.0265, "n = {n}: mean {}, worst {worst}", sum / count);
        }
    }

    #[test]
    fn a_model_worse_at_all_hardly_ever_passes_no_worse_by_nothing() {
        for n in [50, 100, 500] {
            for (worse, besides) in [(0.005, 0.02), (0.01, 0.1), (0.02, 0.3)] {
                let chance = passes(n, 0.0, worse, besides);
                assert!(chance <= 0.025, "n = {n}, worse by {worse}: {chance}");
            }
        }
    }

    #[test]
    fn what_cannot_be_has_no_interval() {
        assert_eq!(tango(0, 0, 0, 0.95), None);
        assert_eq!(tango(3, 2, 2, 0.95), None);
    }
}
