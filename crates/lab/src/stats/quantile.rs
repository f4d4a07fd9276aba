//! Where a quantile of what was sampled lies, whatever its distribution.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The ends of the interval of the quantile `p` of what `values` were drawn from: the ranks that a binomial count of values
/// below it leaves out at `level`. `None` for an end that so few values do not show. Source: Conover, Practical
/// Nonparametric Statistics, section 3.2.
pub fn quantile_ends(values: &[f64], p: f64, level: f64) -> (Option<f64>, Option<f64>) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Ok(below) = Binomial::new(p, values.len() as u64) else { return (None, None) };
    let tail = (1.0 - level) / 2.0;
    let rank = |q: f64| below.inverse_cdf(q) as usize;
    let low = rank(tail).checked_sub(1).and_then(|at| sorted.get(at));
    (low.copied(), sorted.get(rank(1.0 - tail)).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Rng;

    #[test]
    fn the_median_of_uniform_numbers_is_covered_about_as_often_as_said() {
        let mut rng = Rng::new(5, 9);
        let covered = (0..400).filter(|_| {
            let values: Vec<f64> = (0..60).map(|_| rng.below(1_000_000) as f64 / 1e6).collect();
            let (low, high) = quantile_ends(&values, 0.5, 0.95);
            low.unwrap() <= 0.5 && 0.5 <= high.unwrap()
        });
        let covered = covered.count();
        assert!((372..=396).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn a_thousand_values_do_not_show_how_high_their_thousandth_reaches() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let (low, high) = quantile_ends(&values, 0.999, 0.95);
        assert!(low.is_some_and(|low| low >= 994.0) && high.is_none());
        assert_eq!(quantile_ends(&[], 0.999, 0.95), (None, None));
    }
}
