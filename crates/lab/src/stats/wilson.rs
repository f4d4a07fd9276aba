//! The interval of a single rate.

use super::{Interval, normal_quantile};

/// Wilson's score interval for `successes` of `n`; `None` for `n` = 0. Unlike the textbook interval it stays inside
/// 0 to 1 and keeps its coverage near the ends. Source: Wilson 1927; Newcombe, Statistics in Medicine 17 (1998), method 3.
///
/// ```
/// let interval = plimsoll_lab::stats::wilson(0, 20, 0.95).unwrap();
/// assert!(interval.low == 0.0 && (interval.high - 0.1611).abs() < 5e-5);
/// ```
pub fn wilson(successes: usize, n: usize, level: f64) -> Option<Interval> {
    if n == 0 || successes > n {
        return None;
    }
    let found = wilson_of(successes as f64 / n as f64, n as f64, level);
    // At 0 and n the ends are exactly 0 and 1; rounding would leave a speck.
    let low = if successes == 0 { 0.0 } else { found.low };
    let high = if successes == n { 1.0 } else { found.high };
    Some(Interval { low, high, level })
}

/// The same of a `share` that is worth `n` independent observations, a whole number or not.
pub(super) fn wilson_of(share: f64, n: f64, level: f64) -> Interval {
    let z = normal_quantile(0.5 + level / 2.0);
    let centre = (share * n + z * z / 2.0) / (n + z * z);
    let half = z / (n + z * z) * (n * share * (1.0 - share) + z * z / 4.0).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0), level }
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn intervals_match_the_published_table() {
        // Newcombe 1998, table I, method 3 (score), 95 %.
        for (k, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let found = wilson(k, n, 0.95).unwrap();
            assert!((found.low - low).abs() < 5.1e-5 && (found.high - high).abs() < 5.1e-5, "{k}/{n}: {found:?}");
        }
    }

    #[test]
    fn the_interval_of_all_right_is_the_mirror_of_all_wrong() {
        let (none, all) = (wilson(0, 50, 0.95).unwrap(), wilson(50, 50, 0.95).unwrap());
        assert_eq!(all.high, 1.0);
        assert!((none.high - (1.0 - all.low)).abs() < 1e-12);
    }

    #[test]
    fn no_items_give_no_interval() {
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(wilson(3, 2, 0.95), None);
    }
}
