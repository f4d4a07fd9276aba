//! Intervals of what was seen at consecutive positions of texts, which are not independent of each other.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Interval;
use super::wilson::wilson_of;

/// Consecutive positions that are taken together: a sentence or several. Positions within them may hang on each other as
/// they like; blocks are taken to be independent.
const BLOCK: usize = 100;

/// Sum and number of positions of each block; the last takes what is left over.
struct Blocks(Vec<(f64, f64)>);

impl Blocks {
    /// `None` of fewer than two blocks, which do not show how far blocks differ.
    fn of(values: &[f64]) -> Option<Blocks> {
        let n_blocks = values.len() / BLOCK;
        let end = |i: usize| if i + 1 == n_blocks { values.len() } else { (i + 1) * BLOCK };
        let blocks = (0..n_blocks).map(|i| &values[i * BLOCK..end(i)]);
        let blocks: Vec<_> = blocks.map(|block| (block.iter().sum::<f64>(), block.len() as f64)).collect();
        (n_blocks >= 2).then_some(Blocks(blocks))
    }

    fn mean(&self) -> f64 {
        self.0.iter().map(|block| block.0).sum::<f64>() / self.0.iter().map(|block| block.1).sum::<f64>()
    }

    /// Standard error of the mean as a ratio of sums over blocks. Source: Cochran, Sampling Techniques, section 6.4.
    fn error(&self) -> f64 {
        let (n_blocks, mean) = (self.0.len() as f64, self.mean());
        let positions: f64 = self.0.iter().map(|block| block.1).sum();
        let squares: f64 = self.0.iter().map(|(sum, n)| (sum - mean * n).powi(2)).sum();
        (squares * n_blocks / (n_blocks - 1.0)).sqrt() / positions
    }
}

/// The interval of the mean of `values`, none of them negative, over consecutive positions: Student's t over blocks of a
/// hundred, on the logarithm of the mean, for such values are skewed. `None` of fewer than two blocks.
pub fn block_mean(values: &[f64], level: f64) -> Option<Interval> {
    let blocks = Blocks::of(values)?;
    let mean = blocks.mean();
    if mean == 0.0 {
        return Some(Interval { low: 0.0, high: 0.0, level });
    }
    let t = StudentsT::new(0.0, 1.0, blocks.0.len() as f64 - 1.0).ok()?;
    let factor = (t.inverse_cdf(0.5 + level / 2.0) * blocks.error() / mean).exp();
    Some(Interval { low: mean / factor, high: mean * factor, level })
}

/// The interval of the mean of `values` of either sign over consecutive positions: Student's t over blocks of a hundred.
/// `None` of fewer than two blocks.
pub fn block_difference(values: &[f64], level: f64) -> Option<Interval> {
    let blocks = Blocks::of(values)?;
    let t = StudentsT::new(0.0, 1.0, blocks.0.len() as f64 - 1.0).ok()?;
    let (mean, reach) = (blocks.mean(), t.inverse_cdf(0.5 + level / 2.0) * blocks.error());
    Some(Interval { low: mean - reach, high: mean + reach, level })
}

/// The interval of the share of `hits` over consecutive positions: Wilson's for as many independent positions as the
/// spread between blocks of a hundred makes these worth; where all are alike, as many as there are blocks. `None` of fewer
/// than two blocks. Source: the effective sample size of Kish, Survey Sampling, section 8.2.
pub fn block_share(hits: &[bool], level: f64) -> Option<Interval> {
    let values: Vec<f64> = hits.iter().map(|hit| f64::from(u8::from(*hit))).collect();
    let blocks = Blocks::of(&values)?;
    let (share, error, n) = (blocks.mean(), blocks.error(), values.len() as f64);
    let spread = share * (1.0 - share);
    let worth = if spread == 0.0 { blocks.0.len() as f64 } else { (spread / (error * error)).min(n) };
    Some(wilson_of(share, worth, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Rng;

    /// Positive values whose logarithms keep nine tenths of the one before.
    fn remembering(n: usize, rng: &mut Rng) -> Vec<f64> {
        let mut last = 0.0;
        let mut step = || {
            let noise = (0..12).map(|_| rng.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0;
            last = 0.9 * last + 0.3 * noise;
            f64::exp(last)
        };
        (0..n + 50).map(|_| step()).skip(50).collect()
    }

    #[test]
    fn blocks_hold_the_mean_of_positions_with_memory_where_positions_do_not() {
        // The mean of the exponential of a normal variable with variance 0.09 / (1 − 0.81).
        let truth = (0.09_f64 / 0.19 / 2.0).exp();
        let mut rng = Rng::new(3, 0);
        let (mut by_blocks, mut by_positions, runs) = (0, 0, 400);
        for _ in 0..runs {
            let values = remembering(2000, &mut rng);
            let holds = |low: f64, high: f64| usize::from(low <= truth && truth <= high);
            let interval = block_mean(&values, 0.95).unwrap();
            by_blocks += holds(interval.low, interval.high);
            let (n, mean) = (2000.0, values.iter().sum::<f64>() / 2000.0);
            let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
            by_positions += holds(mean - 1.96 * error, mean + 1.96 * error);
        }
        let [by_blocks, by_positions] = [by_blocks, by_positions].map(|count| count as f64 / runs as f64);
        assert!((0.91..=0.985).contains(&by_blocks), "{by_blocks}");
        assert!(by_positions < 0.75, "{by_positions}");
    }

    #[test]
    fn blocks_of_one_size_are_students_t_on_their_means() {
        // Block means 1, 2, 3: mean 2, standard error 1/√3; t(0.975, 2) = 4.302653.
        let values = [[1.0; 100], [2.0; 100], [3.0; 100]].concat();
        let found = block_mean(&values, 0.95).unwrap();
        let factor = (4.302653 / 3f64.sqrt() / 2.0).exp();
        assert!((found.high - 2.0 * factor).abs() < 1e-4 && (found.low - 2.0 / factor).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn hits_that_come_in_blocks_are_worth_fewer_positions() {
        let scattered: Vec<bool> = (0..1000).map(|i| i % 2 == 0).collect();
        let together: Vec<bool> = (0..1000).map(|i| i / 100 % 2 == 0).collect();
        let width = |hits: &[bool]| block_share(hits, 0.95).map(|found| found.high - found.low).unwrap();
        assert!(width(&together) > 5.0 * width(&scattered), "{} {}", width(&together), width(&scattered));
        let none = block_share(&[true; 1000], 0.95).unwrap();
        assert!(none.low < 0.75 && none.high == 1.0, "ten blocks: {none:?}");
    }

    #[test]
    fn one_block_shows_nothing_of_how_blocks_differ() {
        assert_eq!(block_mean(&[1.0; 199], 0.95), None);
        assert_eq!(block_share(&[true; 99], 0.95), None);
        assert_eq!(block_mean(&[0.0; 200], 0.95).map(|found| found.high), Some(0.0));
    }
}
