//! Intervals and tests. Numbers carry the level they hold at; nothing here says "better" without one.

mod blocks;
mod bootstrap;
mod holm;
mod mcnemar;
mod median;
mod pass_at_k;
mod quantile;
mod tango;
mod wilson;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

pub use blocks::{block_difference, block_mean, block_share};
pub use bootstrap::bootstrap;
pub use holm::holm;
pub use mcnemar::{detectable_difference, mcnemar};
pub use median::{Median, median};
pub use pass_at_k::pass_at_k;
pub use quantile::quantile_ends;
pub use tango::tango;
pub use wilson::wilson;

/// The level of every interval in a report.
pub const LEVEL: f64 = 0.95;
/// The power at which a detectable difference is stated.
pub const POWER: f64 = 0.8;

/// A range that covers the true value in `level` of repeated samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Coverage, such as 0.95.
    pub level: f64,
}

/// The point below which a standard normal variable stays with probability `p` in (0, 1).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}
