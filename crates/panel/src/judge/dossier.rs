//! Everything measured of one model by the names that a rubric uses, and what is calculated from it.

use plimsoll_catalog::ClaimMetric;
use plimsoll_lab::record::{Device, Measurement, ModelRecord, Origin, Unit};
use plimsoll_lab::stats::Interval;

use super::Subject;
use crate::rubric::Assumptions;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Measurements of one model.
pub(super) struct Dossier {
    measured: Vec<Measurement>,
    /// Calculated here from the others.
    pub derived: Vec<Measurement>,
}

impl Dossier {
    /// Everything that is known of `subject`.
    pub fn of(subject: &Subject, assumptions: &Assumptions) -> Dossier {
        let mut measured: Vec<Measurement> = subject.further.to_vec();
        measured.extend(subject.fidelity.into_iter().flat_map(|found| found.measurements()).cloned());
        let mut derived = Vec::new();
        if let Some((model, device)) = subject.seen {
            measured.extend(model.measurements().into_iter().cloned());
            let deriver = Deriver { name: subject.name, model, device };
            derived.push(deriver.memory_headroom());
            derived.push(deriver.accuracy_per_gb());
            derived.extend(deriver.right_tokens_per_second());
            derived.extend(deriver.decode_kept());
            derived.extend(deriver.break_even(assumptions));
        }
        let mut dossier = Dossier { measured, derived };
        let shortfall = dossier.claims_shortfall(subject);
        dossier.derived.extend(shortfall);
        dossier
    }

    /// The measurement that a rubric calls `metric`.
    pub fn get(&self, metric: &str) -> Option<&Measurement> {
        let all = self.derived.iter().chain(&self.measured);
        all.into_iter().find(|measurement| measurement.metric == metric && measurement.value.is_finite())
    }

    /// The claim that misses its measurement by most.
    fn claims_shortfall(&self, subject: &Subject) -> Option<Measurement> {
        let claims = subject.card.into_iter().flat_map(|card| &card.claims).filter_map(|claim| claim.metric.as_ref());
        let missed = claims.filter_map(|claim| Some((claim, self.get(&claim.name)?)));
        let found = missed.filter_map(|(claim, measured)| Some((shortfall(claim, measured)?, measured)));
        let ((value, interval), measured) = found.max_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
        let all = Measurement::of(subject.name, "claims_shortfall", Unit::Share, Origin::Derived, value)
            .within(interval)
            .n(measured.n)
            .by("the claim that misses its measurement by most: claimed less measured, of the claim; nothing where it holds")
            .from(&[measured]);
        Some(all.record())
    }
}

/// By what part of itself a claim misses the measurement; 0 where it holds.
fn shortfall(claim: &ClaimMetric, measured: &Measurement) -> Option<(f64, Option<Interval>)> {
    // Claims of shares are announced in per cent.
    let scale = if measured.unit == Unit::Share && claim.unit.as_deref() == Some("%") { 0.01 } else { 1.0 };
    let miss: Box<dyn Fn(f64) -> f64> = match (claim.at_least, claim.at_most) {
        (Some(least), _) if least > 0.0 => Box::new(move |value| ((least * scale - value) / (least * scale)).max(0.0)),
        (None, Some(most)) if most > 0.0 => Box::new(move |value| ((value - most * scale) / (most * scale)).max(0.0)),
        _ => return None,
    };
    let interval = measured.interval.map(|interval| {
        let (low, high) = (miss(interval.low), miss(interval.high));
        Interval { low: low.min(high), high: low.max(high), level: interval.level }
    });
    Some((miss(measured.value), interval))
}

/// Calculates from what was seen of one model.
struct Deriver<'a> {
    name: &'a str,
    model: &'a ModelRecord,
    device: &'a Device,
}

impl Deriver<'_> {
    fn memory_headroom(&self) -> Measurement {
        let (peak, installed) = (&self.model.memory.peak, self.device.memory_bytes as f64);
        self.derive("memory_headroom", Unit::Share, &[peak], "one less peak memory over installed memory", |at| {
            1.0 - at[0] / installed
        })
    }

    fn accuracy_per_gb(&self) -> Measurement {
        let from = [&self.model.quality.overall.rate, &self.model.memory.peak];
        self.derive("accuracy_per_gb", Unit::SharePerGigabyte, &from, "right answers over peak memory", |at| {
            at[0] / (at[1] / 1e9)
        })
    }

    fn right_tokens_per_second(&self) -> Option<Measurement> {
        let from = [&self.model.quality.overall.rate, &self.model.speed.first()?.decode];
        let how = "decode speed at the least depth times right answers";
        Some(self.derive("right_tokens_per_second", Unit::TokensPerSecond, &from, how, |at| at[0] * at[1]))
    }

    fn decode_kept(&self) -> Option<Measurement> {
        let [first, .., last] = &self.model.speed[..] else { return None };
        let how = format!("decode speed after {} tokens over that after {}", last.depth, first.depth);
        Some(self.derive("decode_kept", Unit::Ratio, &[&last.decode, &first.decode], &how, |at| at[0] / at[1]))
    }

    fn break_even(&self, assumed: &Assumptions) -> Option<Measurement> {
        let decode = &self.model.speed.first()?.decode;
        let Assumptions { api_usd_per_million_tokens: price, device_usd, dated, duty } = assumed;
        let how = format!(
            "a device of {device_usd} USD over the tokens it decodes in {duty} of the day, at {price} USD for a million \
             from an API (prices of {dated}, from the rubric)"
        );
        let saved_a_day = |speed: f64| speed * DAY * duty * price / 1e6;
        let seconds = |at: &[f64]| device_usd / saved_a_day(at[0]) * DAY;
        Some(self.derive("break_even", Unit::Seconds, &[decode], &how, seconds))
    }

    /// A value calculated from others; its interval is what `of` gives at their ends, which no chance could exceed if
    /// theirs hold.
    fn derive(
        &self,
        metric: &str,
        unit: Unit,
        from: &[&Measurement],
        how: &str,
        of: impl Fn(&[f64]) -> f64,
    ) -> Measurement {
        let values: Vec<f64> = from.iter().map(|measurement| measurement.value).collect();
        let ends = from.iter().map(|m| m.interval.map_or([m.value; 2], |interval| [interval.low, interval.high]));
        let ends: Vec<[f64; 2]> = ends.collect();
        let corners = (0..1usize << ends.len()).map(|corner| {
            let at: Vec<f64> = ends.iter().enumerate().map(|(i, pair)| pair[corner >> i & 1]).collect();
            of(&at)
        });
        let (low, high) =
            corners.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        // No surer than the least sure of what it was calculated from.
        let levels = from.iter().filter_map(|measurement| Some(measurement.interval?.level));
        let interval = levels.min_by(f64::total_cmp).map(|level| Interval { low, high, level });
        Measurement::of(self.name, metric, unit, Origin::Derived, of(&values))
            .within(interval)
            .n(from.iter().map(|measurement| measurement.n).min().unwrap_or(0))
            .by(how)
            .from(from)
            .record()
    }
}
