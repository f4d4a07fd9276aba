//! Whether a comparison still follows from what was seen: everything calculated is calculated again from the samples and
//! answers in it, and what comes out otherwise is named.

use std::collections::HashMap;

use serde_json::Value;

use super::assemble::stable_share;
use super::evidence::{Evidence, Prediction, Verified};
use super::fidelity::fidelity_again;
use super::{ComparisonSetup, Field, conclude, field};
use crate::bench::{Start, Timings};
use crate::predict::SpeedPrediction;
use crate::record::{Comparison, Measurement, ModelRecord, Side, SpeedAtDepth, VerifiedRecord};

/// Numbers may differ by so much of themselves: sums are taken in another order, limits are read off shares.
const ROUNDING: f64 = 1e-9;
/// Follows from the rest, and may change with the last bit of a value that a limit was read off: what comes from a
/// measurement is held against by what that measures.
const ID: &str = "id";
/// Faults that are told; a file in which more is wrong was not changed but made up.
const MOST: usize = 40;

/// What in a comparison is not what its samples and answers give, in words; empty where everything follows.
///
/// Shares of the machine's limits, predicted speeds and answers that were asked for again rest on what is not kept, and
/// are held only against themselves.
pub fn recomputed(comparison: &Comparison) -> Vec<String> {
    let mut faults = Vec::new();
    for (model, side) in comparison.models.iter().zip(Side::BOTH) {
        faults.extend(verification(model));
        faults.extend(stability(model, side));
    }
    match again(comparison) {
        Ok(again) => {
            let [found, expected] = [comparison, &again].map(with_names);
            differing(&found, &expected, "the comparison", &mut faults);
        }
        Err(about) => faults.push(about),
    }
    faults.dedup();
    faults.truncate(MOST);
    faults
}

/// The same comparison, calculated from what was seen.
fn again(comparison: &Comparison) -> Result<Comparison, String> {
    let models = comparison.models.clone();
    let setup = setup(comparison);
    let [a, b] = &comparison.models;
    let seen = [evidence(a)?, evidence(b)?];
    let mut again = conclude(setup, seen).map_err(|error| error.to_string())?;
    for (again, kept) in again.models.iter_mut().zip(models) {
        again.quality.stable = kept.quality.stable;
    }
    again.fidelity = comparison.fidelity.as_ref().map(|found| fidelity_again(found, &comparison.models));
    Ok(again)
}

/// What was compared under, read back from the record.
fn setup(comparison: &Comparison) -> ComparisonSetup {
    let Comparison { device, suite, settings, program, created, reproduce, load, among, .. } = comparison.clone();
    ComparisonSetup { device, suite, settings, program, created, reproduce, load, among }
}

/// Every pair of the models of a field, calculated again from the comparisons of its best with each of the others.
///
/// # Errors
/// What keeps them from being those of one field, in words.
pub fn field_again(against_the_best: &[&Comparison]) -> Result<Field, String> {
    let [first, ..] = against_the_best else { return Err("there is no comparison in it".to_owned()) };
    // As JSON, in which what was not measured is equal to itself. Whether a broken run or a broken model is likelier hangs
    // on the other model.
    let shared = |of: &Comparison| {
        let mut best = of.models[0].clone();
        best.canaries.iter_mut().for_each(|canaries| canaries.likelier_broken = None);
        serde_json::to_value((best, &of.device, &of.suite, &of.settings)).expect("records hold only plain values")
    };
    let of_first = shared(first);
    if against_the_best.iter().any(|other| shared(other) != of_first) {
        return Err("its comparisons are not all of one model with others in one run".to_owned());
    }
    let mut seen = vec![evidence(&first.models[0])?];
    for comparison in against_the_best {
        seen.push(evidence(&comparison.models[1])?);
    }
    field(&setup(first), seen).map_err(|error| error.to_string())
}

/// What was seen of a model, read back from its record.
fn evidence(model: &ModelRecord) -> Result<Evidence, String> {
    let (start, memory) = (&model.start, &model.memory);
    let samples = [&start.load.samples, &start.first_token_cold.samples, &memory.peak.samples];
    let [loads, firsts, peaks] = samples;
    if samples.iter().any(|samples| samples.len() != loads.len()) {
        return Err(format!("samples of cold starts of {}", start.load.subject));
    }
    let starts = loads.iter().zip(firsts).zip(peaks);
    Ok(Evidence {
        facts: model.facts.clone(),
        prediction: Prediction { memory: memory.parts, speed: model.speed.iter().map(predicted).collect() },
        starts: starts
            .map(|((&load, &first_token), &peak)| Start {
                load,
                first_token,
                process_bytes: memory.parts.process,
                peak_bytes: peak as u64,
                tokens: memory.parts.tokens,
            })
            .collect(),
        first_token_warm: start.first_token_warm.samples.clone(),
        timings: model.speed.iter().map(timed).collect(),
        prompting: model.quality.prompting.clone(),
        outcomes: model.quality.outcomes.clone(),
        again: Vec::new(),
        verified: model.verified.as_ref().map(verified),
        canaries: model.canaries.as_ref().map(|record| record.found.again()),
    })
}

fn timed(row: &SpeedAtDepth) -> Timings {
    Timings { depth: row.depth, prefill: row.prefill.samples.clone(), decode: row.decode.samples.clone() }
}

/// Limits are not kept, but the shares of them that were reached.
fn predicted(row: &SpeedAtDepth) -> SpeedPrediction {
    let limit = |seen: &Measurement, share: &Measurement| seen.value / share.value;
    SpeedPrediction {
        depth: row.depth,
        prefill: row.prefill_predicted.value,
        decode: row.decode_predicted.value,
        prefill_limit: limit(&row.prefill, &row.arithmetic_share),
        decode_limit: limit(&row.decode, &row.bandwidth_share),
    }
}

fn verified(record: &VerifiedRecord) -> Verified {
    Verified {
        passed: record.passed,
        reference: record.reference.clone(),
        tolerance: record.tolerance as f32,
        max_deltas: record.max_delta.samples.iter().map(|delta| *delta as f32).collect(),
    }
}

/// Logits that differ by more are not those of the reference, whatever was allowed. A verification allows 2e-3.
const MOST_TOLERANCE: f64 = 0.05;

/// A verification that passed with a difference beyond its tolerance, or within one that is none, did not pass.
fn verification(model: &ModelRecord) -> Option<String> {
    let found = model.verified.as_ref()?;
    let is_loose = !(0.0..=MOST_TOLERANCE).contains(&found.tolerance);
    let strays = found.passed
        && (is_loose || found.max_delta.samples.iter().any(|delta| delta.is_nan() || *delta > found.tolerance));
    strays.then(|| format!("the verification of {}", found.max_delta.subject))
}

/// Answers that were asked for again are not kept, but so many of so many have one share and one interval.
fn stability(model: &ModelRecord, side: Side) -> Option<String> {
    let found = model.quality.stable.as_ref()?;
    let same = (found.value * found.n as f64).round();
    let is_count = (0.0..=found.n as f64).contains(&same);
    let follows = is_count && stable_share(side.letter(), same as usize, found.n).as_ref() == Some(found);
    (!follows).then(|| named(&found.metric, &found.subject))
}

/// A comparison as JSON in which measurements that something came from are told by what they measure.
fn with_names(comparison: &Comparison) -> Value {
    let names: HashMap<&str, String> = comparison
        .measurements()
        .into_iter()
        .map(|found| (found.id.as_str(), named(&found.metric, &found.subject)))
        .collect();
    let mut value = serde_json::to_value(comparison).expect("records hold only plain values");
    name_sources(&mut value, &names);
    value
}

/// An id that is none of the comparison's stays as it is, and is that of nothing in another.
fn name_sources(value: &mut Value, names: &HashMap<&str, String>) {
    let name = |id: &mut Value| {
        if let Some(name) = id.as_str().and_then(|id| names.get(id)) {
            *id = Value::from(name.as_str());
        }
    };
    match value {
        Value::Object(object) => object.iter_mut().for_each(|(key, inner)| match inner {
            Value::Array(sources) if key == "from" => sources.iter_mut().for_each(name),
            Value::String(_) if key == "from" => name(inner),
            _ => name_sources(inner, names),
        }),
        Value::Array(array) => array.iter_mut().for_each(|inner| name_sources(inner, names)),
        _ => {}
    }
}

fn named(metric: &str, subject: &str) -> String {
    format!("{metric} of {subject}")
}

/// Names every place at which two records differ; of a measurement, once.
fn differing(found: &Value, expected: &Value, place: &str, faults: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(one), Value::Object(other)) => {
            let text = |key: &str| one.get(key).and_then(Value::as_str);
            let place = match (text("metric"), text("subject")) {
                (Some(metric), Some(subject)) => named(metric, subject),
                (Some(metric), None) => format!("what is said of the difference in {metric}"),
                _ => place.to_owned(),
            };
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            for key in keys.filter(|key| *key != ID) {
                let within = if key == "conclusion" { "the conclusion" } else { &place };
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                differing(&value(one), &value(other), within, faults);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).for_each(|(one, other)| differing(one, other, place, faults));
        }
        (one, other) if alike(one, other) => {}
        _ if faults.iter().any(|fault| fault == place) => {}
        _ => faults.push(place.to_owned()),
    }
}

fn alike(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(x), Some(y)) => x == y || (x - y).abs() <= ROUNDING * x.abs().max(y.abs()),
        _ => one == other,
    }
}
