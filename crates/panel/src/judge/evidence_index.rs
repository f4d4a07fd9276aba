//! Everything measured of one model by the names that a rubric uses, and what is calculated from it.

use plimsoll_catalog::ClaimMetric;
use plimsoll_lab::record::{Measurement, Origin, Rate, Unit};
use plimsoll_lab::stats::Interval;

use super::expected::Expected;
use super::{MeasuredModel, Subject, Workload};
use crate::rubric::Assumptions;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Stands for never where something would pay for itself later, in s.
const CENTURY: f64 = 36_525.0 * DAY;
/// Memory below this is no use to anybody, in GB.
const LEAST_GB: f64 = 1.0;
/// Nobody reads along beyond this, in tokens/s.
const MOST_READ: f64 = 100.0;
/// What the index calls the weights of a model of which no more than its parameters is announced.
pub(super) const AT_LEAST: &str = "memory_at_least";
/// How the memory that is left free is calculated.
const HEADROOM: &str = "one less peak memory over installed memory";

/// Every measurement of one model by its name.
pub(super) struct EvidenceIndex {
    measured: Vec<Measurement>,
    /// Of other runs of these weights: what claims are held against, and nothing that this run measured or could have.
    further: Vec<Measurement>,
    /// Calculated here from the others.
    pub derived: Vec<Measurement>,
}

impl EvidenceIndex {
    /// Everything that is known of `subject`.
    pub fn of(subject: &Subject, assumptions: &Assumptions) -> EvidenceIndex {
        let (mut measured, mut further) = (Vec::new(), subject.further.to_vec());
        if subject.seen.is_none() {
            measured.append(&mut further);
        }
        measured.extend(subject.fidelity.into_iter().flat_map(|found| found.measurements()).cloned());
        let mut derived = Vec::new();
        if let Some(seen) = subject.seen {
            measured.extend(seen.model.measurements().into_iter().cloned());
            derived.extend(Deriver { name: subject.name, seen }.all(assumptions, subject.demand.workload));
        } else if let Some(expected) = subject.expected {
            let workload = subject.demand.workload;
            derived.extend(foreseen(subject.name, expected, &measured, assumptions, workload));
        }
        let mut index = EvidenceIndex { measured, further, derived };
        let shortfall = index.claims_shortfall(subject);
        index.derived.extend(shortfall);
        index
    }

    /// The measurement that a rubric calls `metric`.
    pub fn get(&self, metric: &str) -> Option<&Measurement> {
        let all = self.derived.iter().chain(&self.measured);
        all.into_iter().find(|measurement| measurement.metric == metric && measurement.value.is_finite())
    }

    /// The measurement with this id.
    pub fn of_id(&self, id: &str) -> Option<&Measurement> {
        let all = self.derived.iter().chain(&self.measured).chain(&self.further);
        all.into_iter().find(|measurement| measurement.id == id)
    }

    /// What a claim about `metric` is held against: this run, else another.
    fn of_claim(&self, metric: &str) -> Option<&Measurement> {
        let further = || self.further.iter().find(|found| found.metric == metric && found.value.is_finite());
        self.get(metric).or_else(further)
    }

    /// The claim that misses its measurement by most.
    fn claims_shortfall(&self, subject: &Subject) -> Option<Measurement> {
        let claims = subject.card.into_iter().flat_map(|card| &card.claims).filter_map(|claim| claim.metric.as_ref());
        let missed = claims.filter_map(|claim| Some((claim, self.of_claim(&claim.name)?)));
        let found = missed.filter_map(|(claim, measured)| Some((shortfall(claim, measured)?, measured)));
        let ((value, interval), measured) = found.max_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
        let all = Measurement::of(subject.name, "claims_shortfall", Unit::Share, origin(&[measured]), value)
            .within(interval)
            .n(measured.n)
            .by("the claim that misses its measurement by most: claimed less measured, of the claim; nothing where it holds")
            .from(&[measured]);
        Some(all.record())
    }
}

/// What is predicted, and what follows from it. What was measured is not predicted as well.
fn foreseen(
    name: &str,
    expected: &Expected,
    measured: &[Measurement],
    assumptions: &Assumptions,
    workload: Workload,
) -> Vec<Measurement> {
    let mut all = expected.measurements(name);
    all.retain(|predicted| measured.iter().all(|measured| measured.metric != predicted.metric));
    let get = |metric: &str| all.iter().chain(measured).find(|found| found.metric == metric);
    let headroom = get("peak_memory").zip(get("memory_installed")).map(|(peak, installed)| {
        let free = |at: &[f64]| (1.0 - at[0] / at[1]).max(0.0);
        derive(name, "memory_headroom", Unit::Share, &[peak, installed], HEADROOM, free)
    });
    let app = match workload {
        Workload::Phone => get("peak_memory").map(|peak| {
            let room = get("memory_room").filter(|_| expected.is_named);
            room_taken(name, peak, room, assumptions)
        }),
        Workload::Chat | Workload::Batch => get("decode@0").map(|decode| break_even(name, decode, assumptions)),
    };
    all.extend(headroom.into_iter().chain(app));
    all
}

/// The part of what an app may have that a model takes: of the device that was named, else of the rubric's phone.
fn room_taken(name: &str, peak: &Measurement, room: Option<&Measurement>, assumed: &Assumptions) -> Measurement {
    let whole = assumed.phone_app_bytes;
    match room {
        Some(room) => {
            let how = "peak memory over what an app may take of the device that was named";
            derive(name, "room_taken", Unit::Share, &[peak, room], how, |at| at[0] / at[1])
        }
        None => {
            let how =
                format!("peak memory over the {} that a phone gives one app, from the rubric", Unit::Bytes.text(whole));
            derive(name, "room_taken", Unit::Share, &[peak], &how, |at| at[0] / whole)
        }
    }
}

/// Right answers to one kind of question, on the scale from guessing to all.
pub(super) struct Kind<'a> {
    pub rate: &'a Rate,
    /// What guessing gets.
    pub chance: f64,
    pub above_chance: f64,
}

/// Every kind of question that was asked.
pub(super) fn by_category(seen: MeasuredModel<'_>) -> Vec<Kind<'_>> {
    let kinds = seen.model.quality.categories.iter().filter(|rate| rate.n > 0).filter_map(|rate| {
        let facts = seen.suite.categories.iter().find(|facts| facts.id == rate.category)?;
        let above_chance = (rate.rate.value - facts.chance) / (1.0 - facts.chance);
        Some(Kind { rate, chance: facts.chance, above_chance })
    });
    kinds.collect()
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
    seen: MeasuredModel<'a>,
}

impl Deriver<'_> {
    fn all(&self, assumptions: &Assumptions, workload: Workload) -> Vec<Measurement> {
        let mut all = vec![self.memory_headroom()];
        let chance = self.chance();
        all.extend(self.decode_kept());
        match workload {
            // What a phone's app takes no price of an API is held against: its users pay for the energy.
            Workload::Phone => all.push(room_taken(self.name, &self.seen.model.memory.peak, None, assumptions)),
            Workload::Chat | Workload::Batch => {
                let speed = self.seen.model.speed.first();
                all.extend(speed.map(|speed| break_even(self.name, &speed.decode, assumptions)));
            }
        }
        if let Some(chance) = &chance {
            let quality = self.above_chance("accuracy_above_chance", &self.seen.model.quality.overall, chance);
            all.extend([self.quality_per_gb(&quality)]);
            all.extend(self.quality_tokens_per_second(&quality));
            all.push(quality);
            all.extend(self.weakest_category());
        }
        all.extend(chance);
        all
    }

    fn memory_headroom(&self) -> Measurement {
        let (peak, installed) = (&self.seen.model.memory.peak, self.seen.device.memory_bytes as f64);
        self.derive("memory_headroom", Unit::Share, &[peak], HEADROOM, |at| 1.0 - at[0] / installed)
    }

    /// What guessing gets over all questions; none where nothing was asked.
    fn chance(&self) -> Option<Measurement> {
        let chance = self.seen.suite.chance().filter(|_| self.seen.model.quality.overall.n > 0)?;
        let how = "right answers that guessing gets, kind by kind: one of the options, names or orders, or always the \
                   commonest answer";
        let chance = Measurement::of(self.name, "chance", Unit::Share, Origin::Derived, chance)
            .n(self.seen.model.quality.overall.n)
            .by(how)
            .record();
        Some(chance)
    }

    /// Right answers on a scale from guessing, 0, to all, 1; worse than guessing is below 0.
    fn above_chance(&self, metric: &str, rate: &Rate, chance: &Measurement) -> Measurement {
        let how = "right answers less what guessing gets, over one less what guessing gets";
        self.derive(metric, Unit::Share, &[&rate.rate, chance], how, |at| (at[0] - at[1]) / (1.0 - at[1]))
    }

    /// The kind of question that is furthest down, above what guessing gets.
    fn weakest_category(&self) -> Option<Measurement> {
        let found = by_category(self.seen).into_iter().min_by(|a, b| a.above_chance.total_cmp(&b.above_chance))?;
        let how = format!(
            "right answers above what guessing gets in the kind where they are fewest: {}",
            found.rate.category
        );
        let of = |at: &[f64]| (at[0] - found.chance) / (1.0 - found.chance);
        Some(self.derive("weakest_category", Unit::Share, &[&found.rate.rate], &how, of))
    }

    fn quality_per_gb(&self, quality: &Measurement) -> Measurement {
        let from = [quality, &self.seen.model.memory.peak];
        let how = "right answers above chance over peak memory, less than a GB counted as one";
        let of = |at: &[f64]| at[0].max(0.0) / (at[1] / 1e9).max(LEAST_GB);
        self.derive("quality_per_gb", Unit::SharePerGigabyte, &from, how, of)
    }

    fn quality_tokens_per_second(&self, quality: &Measurement) -> Option<Measurement> {
        let from = [quality, &self.seen.model.speed.first()?.decode];
        let how = format!("right answers above chance times decode speed, at most {MOST_READ} tokens/s of it");
        let of = |at: &[f64]| at[0].max(0.0) * at[1].min(MOST_READ);
        Some(self.derive("quality_tokens_per_second", Unit::TokensPerSecond, &from, &how, of))
    }

    fn decode_kept(&self) -> Option<Measurement> {
        let [first, .., last] = &self.seen.model.speed[..] else { return None };
        let how = format!("decode speed after {} tokens over that after {}", last.depth, first.depth);
        Some(self.derive("decode_kept", Unit::Ratio, &[&last.decode, &first.decode], &how, |at| at[0] / at[1]))
    }

    fn derive(
        &self,
        metric: &str,
        unit: Unit,
        from: &[&Measurement],
        how: &str,
        of: impl Fn(&[f64]) -> f64,
    ) -> Measurement {
        derive(self.name, metric, unit, from, how, of)
    }
}

/// Time until a device of one's own has paid for itself against an API.
fn break_even(name: &str, decode: &Measurement, assumed: &Assumptions) -> Measurement {
    let price = assumed.api_usd_per_million_tokens;
    let Assumptions { device_usd, watts, usd_per_kwh, dated, tokens_a_day, duty, .. } = assumed;
    let how = format!(
        "a device of {device_usd} USD over what it saves in a day: {tokens_a_day} tokens or as many as it decodes in \
         {duty} of the day, at {price} USD for a million from an API, less electricity ({watts} W, {usd_per_kwh} \
         USD/kWh); prices of {dated}, from the rubric; a century stands for never"
    );
    let seconds = |at: &[f64]| {
        let tokens = tokens_a_day.min(at[0] * DAY * duty);
        let electricity = tokens / at[0] * watts / 3.6e6 * usd_per_kwh;
        let saved_a_day = tokens * price / 1e6 - electricity;
        if saved_a_day > 0.0 { (device_usd / saved_a_day * DAY).min(CENTURY) } else { CENTURY }
    };
    derive(name, "break_even", Unit::Seconds, &[decode], &how, seconds)
}

/// A value calculated from others; its interval is what `of` gives at their ends, which no chance could exceed if
/// theirs hold.
fn derive(
    name: &str,
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
    Measurement::of(name, metric, unit, origin(from), of(&values))
        .within(interval)
        .n(from.iter().map(|measurement| measurement.n).min().unwrap_or(0))
        .by(how)
        .from(from)
        .record()
}

/// What follows from a prediction is one.
fn origin(from: &[&Measurement]) -> Origin {
    let is_predicted = from.iter().any(|measurement| measurement.origin == Origin::Predicted);
    if is_predicted { Origin::Predicted } else { Origin::Derived }
}
