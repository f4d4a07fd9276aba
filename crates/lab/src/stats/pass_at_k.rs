//! The chance that one of k samples is right.

/// The unbiased estimate of the probability that at least one of `k` samples is right, from `n` samples of which
/// `c` are: 1 − C(n−c, k) / C(n, k), as a product that neither overflows nor cancels. `None` where there are fewer
/// samples than `k` or nothing is asked. Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code",
/// section 2.1.
///
/// ```
/// assert_eq!(plimsoll_lab::stats::pass_at_k(2, 1, 1), Some(0.5));
/// ```
pub fn pass_at_k(n: usize, c: usize, k: usize) -> Option<f64> {
    if k == 0 || k > n || c > n {
        return None;
    }
    if n - c < k {
        return Some(1.0);
    }
    let none_right: f64 = (n - c + 1..=n).map(|i| 1.0 - k as f64 / i as f64).product();
    Some(1.0 - none_right)
}

#[cfg(test)]
mod tests {
    use super::pass_at_k;

    /// C(n, k) in whole numbers.
    fn choose(n: u128, k: u128) -> u128 {
        (0..k).fold(1, |product, i| product * (n - i) / (i + 1))
    }

    #[test]
    fn the_product_is_the_quotient_of_binomials() {
        for n in 1..=20_usize {
            for c in 0..=n {
                for k in 1..=n {
                    let chosen = |of: usize| choose(of as u128, k as u128) as f64;
                    let none = if n - c < k { 0.0 } else { chosen(n - c) / chosen(n) };
                    let found = pass_at_k(n, c, k).unwrap();
                    assert!((found - (1.0 - none)).abs() < 1e-12, "{n} {c} {k}: {found}");
                }
            }
        }
    }

    #[test]
    fn many_samples_do_not_overflow() {
        let found = pass_at_k(100_000, 1, 100).unwrap();
        assert!((found - 0.001).abs() < 1e-9, "{found}");
        assert_eq!(pass_at_k(100_000, 100_000, 1), Some(1.0));
    }

    #[test]
    fn what_cannot_be_estimated_is_not() {
        assert_eq!(pass_at_k(5, 1, 6), None);
        assert_eq!(pass_at_k(5, 1, 0), None);
        assert_eq!(pass_at_k(5, 6, 1), None);
    }
}
