//! From what was seen to records: medians, intervals, shares of the machine's limits.

use super::evidence::{Evidence, Prediction, Verified};
use crate::bench::{Start, Timings};
use crate::paired::{OVERALL, rates};
use crate::predict::SpeedPrediction;
use crate::record::{
    CanaryRecord, Device, Filled, Measurement, MemoryRecord, ModelRecord, Origin, Quality, Rate, Side, SpeedAtDepth,
    StartRecord, Unit, VerifiedRecord,
};
use crate::runner::ItemOutcome;
use crate::stats::{LEVEL, median, wilson};

/// The records of one model of a comparison.
pub fn model_record(side: Side, evidence: Evidence, device: &Device, filled: Option<&Filled>) -> ModelRecord {
    let subject = side.letter();
    let Evidence {
        facts,
        prediction,
        starts,
        first_token_warm,
        timings,
        prompting,
        outcomes,
        again,
        verified,
        canaries,
    } = evidence;
    ModelRecord {
        facts,
        memory: memory(subject, &prediction, &starts, filled),
        start: start(subject, &starts, &first_token_warm),
        speed: speed(subject, &prediction, &timings, device),
        quality: quality(subject, prompting, outcomes, &again),
        verified: verified.map(|found| self::verified(subject, found)),
        canaries: canaries.map(|found| CanaryRecord { found, likelier_broken: None }),
    }
}

/// The stable name of a category's accuracy.
pub(super) fn accuracy_metric(category: &str) -> String {
    match category {
        OVERALL => "accuracy".to_owned(),
        _ => format!("accuracy.{category}"),
    }
}

/// A median of samples with its order-statistic interval.
fn sampled(subject: &str, metric: &str, unit: Unit, samples: &[f64], method: &str) -> Measurement {
    let found = median(samples, LEVEL);
    Measurement::of(subject, metric, unit, Origin::Measured, found.map_or(f64::NAN, |median| median.value))
        .within(found.map(|median| median.interval))
        .samples(samples)
        .by(method)
        .record()
}

fn memory(subject: &str, prediction: &Prediction, starts: &[Start], filled: Option<&Filled>) -> MemoryRecord {
    let peaks: Vec<f64> = starts.iter().map(|start| start.peak_bytes as f64).collect();
    let does = filled.map_or("answers once".to_owned(), |filled| format!("answers once, then again {filled}"));
    let method = format!(
        "peak resident size (VmHWM) of a fresh process that loads the model and {does}; \
         median over processes, interval between their order statistics"
    );
    let peak = sampled(subject, "peak_memory", Unit::Bytes, &peaks, &method);
    let total = prediction.memory.total() as f64;
    let predicted = Measurement::of(subject, "peak_memory.predicted", Unit::Bytes, Origin::Predicted, total)
        .by("weights, key-value cache and buffers from the network's description, and the program before it loads")
        .record();
    let error = error(subject, "peak_memory", &predicted, &peak);
    MemoryRecord { parts: prediction.memory, predicted, peak, error }
}

fn start(subject: &str, starts: &[Start], warm: &[f64]) -> StartRecord {
    let loads: Vec<f64> = starts.iter().map(|start| start.load).collect();
    let cold: Vec<f64> = starts.iter().map(|start| start.first_token).collect();
    StartRecord {
        load: sampled(
            subject,
            "load",
            Unit::Seconds,
            &loads,
            "opening the files until ready, in a fresh process; median",
        ),
        first_token_cold: sampled(
            subject,
            "first_token_cold",
            Unit::Seconds,
            &cold,
            "first prompt after loading, in a fresh process; template, tokenising and sampling included; median",
        ),
        first_token_warm: sampled(
            subject,
            "first_token_warm",
            Unit::Seconds,
            warm,
            "the same prompt again, nothing of it cached; template, tokenising and sampling included; median",
        ),
    }
}

/// How far a prediction was off.
fn error(subject: &str, metric: &str, predicted: &Measurement, measured: &Measurement) -> Measurement {
    let ratio = predicted.value / measured.value;
    Measurement::of(subject, &format!("{metric}.error"), Unit::Ratio, Origin::Derived, ratio)
        .n(measured.n)
        .by("predicted divided by measured")
        .from(&[predicted, measured])
        .record()
}

fn speed(subject: &str, prediction: &Prediction, timings: &[Timings], device: &Device) -> Vec<SpeedAtDepth> {
    let rows = timings.iter().filter_map(|row| {
        let predicted = prediction.speed.iter().find(|predicted| predicted.depth == row.depth)?;
        Some(speed_at_depth(subject, predicted, row, device))
    });
    rows.collect()
}

fn speed_at_depth(subject: &str, predicted: &SpeedPrediction, row: &Timings, device: &Device) -> SpeedAtDepth {
    let depth = row.depth;
    let phase = |name: &'static str| Phase { subject, metric: format!("{name}@{depth}"), device };
    let (prefill, decode) = (phase("prefill"), phase("decode"));
    let prefill_seen = prefill.timed(
        &row.prefill,
        "a prompt after warm-up, over and over for a tenth of a second at least, models in turn; tokenising excluded; \
         median",
    );
    let decode_seen = decode.timed(
        &row.decode,
        "one token after another after warm-up, for a tenth of a second at least, models in turn; greedy sampling \
         included, tokenising excluded; median",
    );
    let (prefill_predicted, decode_predicted) =
        (prefill.expected(predicted.prefill), decode.expected(predicted.decode));
    SpeedAtDepth {
        depth,
        arithmetic_share: prefill.share(
            &prefill_seen,
            predicted.prefill_limit,
            &device.arithmetic_rate,
            "speed over that of the measured arithmetic rate with nothing else taking time",
        ),
        bandwidth_share: decode.share(
            &decode_seen,
            predicted.decode_limit,
            &device.read_bandwidth,
            "speed over that of reading weights and cache at measured bandwidth with nothing else taking time",
        ),
        prefill_error: error(subject, &prefill.metric, &prefill_predicted, &prefill_seen),
        decode_error: error(subject, &decode.metric, &decode_predicted, &decode_seen),
        prefill_predicted,
        prefill: prefill_seen,
        decode_predicted,
        decode: decode_seen,
    }
}

/// Prefill or decode at one depth.
struct Phase<'a> {
    subject: &'a str,
    metric: String,
    device: &'a Device,
}

impl Phase<'_> {
    fn timed(&self, samples: &[f64], how: &str) -> Measurement {
        sampled(self.subject, &self.metric, Unit::TokensPerSecond, samples, how)
    }

    fn expected(&self, value: f64) -> Measurement {
        let metric = format!("{}.predicted", self.metric);
        Measurement::of(self.subject, &metric, Unit::TokensPerSecond, Origin::Predicted, value)
            .by("bytes and operations of the network's description over what this machine was measured to do")
            .from(&[&self.device.read_bandwidth, &self.device.arithmetic_rate])
            .record()
    }

    fn share(&self, seen: &Measurement, limit: f64, limited_by: &Measurement, how: &str) -> Measurement {
        let metric = format!("{}.share", self.metric);
        Measurement::of(self.subject, &metric, Unit::Share, Origin::Derived, seen.value / limit)
            .n(seen.n)
            .by(how)
            .from(&[seen, limited_by])
            .record()
    }
}

/// Share of `again` that says the same as the first time.
fn stable(subject: &str, outcomes: &[ItemOutcome], again: &[ItemOutcome]) -> Option<Measurement> {
    let is_same =
        |second: &&ItemOutcome| outcomes.iter().any(|first| first.item == second.item && first.answer == second.answer);
    stable_share(subject, again.iter().filter(is_same).count(), again.len())
}

/// Share of `n` answers asked for again of which `same` were the same.
pub(super) fn stable_share(subject: &str, same: usize, n: usize) -> Option<Measurement> {
    let interval = wilson(same, n, LEVEL)?;
    let share = Measurement::of(subject, "answers_stable", Unit::Share, Origin::Measured, same as f64 / n as f64)
        .within(Some(interval))
        .n(n)
        .by(
            "answers equal letter by letter when the same questions were asked again after all others; Wilson interval",
        );
    Some(share.record())
}

fn verified(subject: &str, found: Verified) -> VerifiedRecord {
    let deltas: Vec<f64> = found.max_deltas.iter().map(|delta| f64::from(*delta)).collect();
    let largest = deltas.iter().copied().fold(0.0, f64::max);
    VerifiedRecord {
        passed: found.passed,
        reference: found.reference,
        tolerance: f64::from(found.tolerance),
        max_delta: Measurement::of(subject, "verify.max_delta", Unit::Logits, Origin::Measured, largest)
            .samples(&deltas)
            .by("largest difference of a logit from golden outputs, f32 arithmetic; one sample for each case")
            .record(),
    }
}

/// Share of answers in which what was asked for stands in whatever form.
fn known(subject: &str, overall: &Rate) -> Option<Measurement> {
    let (known, n) = (overall.known?, overall.n);
    let share =
        Measurement::of(subject, "accuracy_in_any_form", Unit::Share, Origin::Measured, known as f64 / n as f64)
            .within(wilson(known, n, LEVEL))
            .n(n)
            .by("answers that hold what was asked for, in whatever form, over items, greedy; Wilson interval");
    Some(share.record())
}

fn quality(subject: &str, prompting: String, outcomes: Vec<ItemOutcome>, again: &[ItemOutcome]) -> Quality {
    let mut all = rates(&outcomes).into_iter().map(|found| {
        let value = found.correct as f64 / found.n as f64;
        let rate = Measurement::of(subject, &accuracy_metric(&found.category), Unit::Share, Origin::Measured, value)
            .within(Some(found.interval))
            .n(found.n)
            .by("right answers over items, greedy; Wilson interval; every outcome kept with the model")
            .record();
        Rate { category: found.category, correct: found.correct, n: found.n, rate, known: found.known }
    });
    let none = || Rate {
        category: OVERALL.to_owned(),
        correct: 0,
        n: 0,
        known: None,
        rate: Measurement::of(subject, "accuracy", Unit::Share, Origin::Measured, f64::NAN).by("no items").record(),
    };
    let overall = all.next().unwrap_or_else(none);
    let categories = all.collect();
    let stable = stable(subject, &outcomes, again);
    let known = known(subject, &overall);
    Quality { prompting, overall, known, categories, outcomes, stable }
}
