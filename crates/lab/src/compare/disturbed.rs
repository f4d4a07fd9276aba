//! Signs in the measurements themselves that something disturbed them.

use crate::load::Disturbance;
use crate::record::{Measurement, ModelRecord};

/// Fewest repetitions that have a middle half.
const LEAST_SAMPLES: usize = 5;
/// Quiet machines keep the middle half of repetitions within a few per cent.
const UNSTEADY: f64 = 1.3;
/// In the quiet the best of all predictions was off by 1.3 at most, on busy machines all were by 2 to 12.
const SLOWER: f64 = 1.5;

/// What of the speeds of both models tells of a disturbance.
pub(super) fn disturbances(models: &[ModelRecord; 2]) -> Vec<Disturbance> {
    let rows = || models.iter().flat_map(|model| &model.speed);
    let mut found = Vec::new();
    let speeds = rows().flat_map(|row| [&row.prefill, &row.decode]);
    let spread = speeds.filter_map(|speed| Some((spread(&speed.samples)?, speed)));
    if let Some((ratio, speed)) = spread.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(ratio, _)| *ratio > UNSTEADY) {
        found.push(Disturbance::Unsteady { metric: named(speed), ratio });
    }
    let slowness = rows().flat_map(|row| [row.prefill_error.value, row.decode_error.value]);
    if let Some(ratio) = slowness.min_by(f64::total_cmp).filter(|ratio| *ratio > SLOWER && ratio.is_finite()) {
        found.push(Disturbance::SlowerThanPredicted { ratio });
    }
    found
}

fn named(speed: &Measurement) -> String {
    format!("{} of {}", speed.metric, speed.subject)
}

/// The upper end of the middle half of the samples divided by the lower.
fn spread(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let ratio = || sorted[sorted.len() - 1 - quarter] / sorted[quarter];
    (sorted.len() >= LEAST_SAMPLES).then(ratio).filter(|ratio| ratio.is_finite())
}
