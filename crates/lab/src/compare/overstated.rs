//! What a record says of itself beyond what its own samples, answers and questions bear out: more repetitions than there
//! are samples, another suite's name over these questions, canaries that nobody put.

use plimsoll_kernels::DType;

use super::impossible::impossible;
use super::reproduce::reproduces;
use super::steps::n_asked_again;
use super::suite_facts;
use crate::moment;
use crate::record::{Comparison, Measurement, ModelRecord, Origin, SourceFacts, SuiteFacts};
use crate::runner::{ItemOutcome, chosen};
use crate::suite::{Item, Suite};

/// Hexadecimal digits of a SHA-256.
const WHOLE_ID: usize = 64;
/// Part by which the values of stored types may differ from the parameters: some types pad their last block.
const PADDING: f64 = 0.05;

/// The questions of a comparison, made again from their seed or read from the record; none where this version makes others,
/// or where the record holds others than its suite's id says.
pub fn questions(comparison: &Comparison) -> Option<Suite> {
    let facts = &comparison.suite;
    if let Some(content) = &facts.content {
        return Suite::recorded(content, &facts.id);
    }
    // A category that holds fewer than were asked for gives what it has. None holds more than was answered, whatever is said.
    let answered = comparison.models[0].quality.outcomes.len();
    let each = facts.categories.iter().map(|category| category.n).max().filter(|each| *each <= answered)?;
    Suite::builtin(&facts.name, facts.seed, each).ok().filter(|suite| suite.id() == facts.id)
}

/// Every such thing, as a sentence without its end; empty where there is none.
pub fn overstated(comparison: &Comparison) -> Vec<String> {
    let suite = questions(comparison);
    let mut faults = Vec::new();
    faults.extend(moment::doubt(&comparison.created).map(|doubt| format!("when it was finished: {doubt}")));
    faults.extend(impossible(comparison));
    let whole = |found: &&&Measurement| found.id.len() == WHOLE_ID;
    if let Some(found) = comparison.measurements().iter().find(|found| !whole(found)) {
        faults.push(format!("the id of {} of {} is not a whole hash", found.metric, found.subject));
    }
    faults.extend(samples(comparison));
    faults.extend(machine(comparison));
    faults.extend(load(comparison));
    faults.extend(asked(comparison, suite.as_ref()));
    for model in &comparison.models {
        faults.extend(canaries(model, suite.as_ref()));
        faults.extend(facts(model));
    }
    faults.extend(reproduces(comparison, suite.as_ref()));
    faults
}

/// Samples that are not as many as the settings say.
fn samples(comparison: &Comparison) -> Vec<String> {
    let settings = &comparison.settings;
    let mut faults = Vec::new();
    let mut hold = |found: &Measurement, expected: usize, what: &str| {
        if found.samples.len() != expected {
            let (metric, subject, n) = (&found.metric, &found.subject, found.samples.len());
            faults.push(format!("{metric} of {subject} has {n} samples, and the settings say {expected} {what}"));
        }
    };
    for model in &comparison.models {
        for found in [&model.start.load, &model.start.first_token_cold, &model.memory.peak] {
            hold(found, settings.starts, "starts");
        }
        let timed = model.speed.iter().flat_map(|row| [&row.prefill, &row.decode]);
        for found in timed.chain([&model.start.first_token_warm]) {
            hold(found, settings.repetitions, "repetitions");
        }
    }
    faults
}

/// What the machine was measured to do, and that it was looked at.
fn machine(comparison: &Comparison) -> Vec<String> {
    let device = &comparison.device;
    let is_seen = |found: &Measurement| {
        found.origin == Origin::Measured && found.samples.contains(&found.value) && found.interval.is_none()
    };
    let unseen = [&device.read_bandwidth, &device.arithmetic_rate].into_iter().filter(|found| !is_seen(found));
    let mut faults: Vec<String> =
        unseen.map(|found| format!("{} of the device is none of its samples", found.metric)).collect();
    faults.extend(device.machine.is_none().then(|| "what kind of machine it was is left out".to_owned()));
    faults
}

/// The log of what disturbed it: one stretch for each start and each round of timing.
fn load(comparison: &Comparison) -> Vec<String> {
    let Some(log) = &comparison.load else {
        return vec!["the log of what else the machine did is left out".to_owned()];
    };
    let models = comparison.among.as_ref().map_or(2, |among| among.models);
    let settings = &comparison.settings;
    let rounds = comparison.models[0].speed.len().saturating_mul(settings.repetitions);
    let stretches = |during: &str| log.stretches.iter().filter(|load| load.during == during).count();
    let mut faults = Vec::new();
    for (during, expected) in [("start", models.saturating_mul(settings.starts)), ("timing", rounds)] {
        let found = stretches(during);
        if found != expected {
            faults
                .push(format!("the log of what else the machine did has {found} of {expected} stretches of {during}"));
        }
    }
    if (log.cores, log.threads) != (comparison.device.cores, comparison.device.threads) {
        faults.push("the log of what else the machine did is of other processors".to_owned());
    }
    faults
}

/// Questions, and that it is these that were answered.
fn asked(comparison: &Comparison, suite: Option<&Suite>) -> Vec<String> {
    let facts = &comparison.suite;
    let mut faults = Vec::new();
    match suite {
        // Drawn questions are made again from their seed: under their name a record could bring any others.
        Some(_) if facts.content.is_some() && facts.sources.is_empty() => {
            faults.push(format!("the record brings questions of its own for suite {}, which are drawn", facts.name));
        }
        Some(suite) => {
            let again = suite_facts(suite);
            let sources = again.sources.iter().zip(&facts.sources).map(|(again, found)| SourceFacts {
                path: found.path.clone(),
                sha256: found.sha256.clone(),
                ..again.clone()
            });
            // Where a source lies, and its bytes, are no part of what was asked.
            let again = SuiteFacts { sources: sources.collect(), content: facts.content.clone(), ..again };
            if again != *facts {
                faults.push(format!("suite {} is not what its questions make it", facts.name));
            }
        }
        None if facts.content.is_some() => {
            faults.push(format!("the questions in the record are not those of suite {}", facts.id));
        }
        None if facts.sources.is_empty() && facts.n > 0 => {
            faults.push(format!("this version draws other questions as suite {} of seed {}", facts.name, facts.seed));
        }
        None => {}
    }
    for model in &comparison.models {
        let (subject, outcomes) = (&model.quality.overall.rate.subject, &model.quality.outcomes);
        let answered = outcomes.iter().map(|outcome| (outcome.item.as_str(), outcome.category.as_str()));
        let is_it = match suite {
            Some(suite) => answered.eq(suite.items.iter().map(|item| (item.id.as_str(), item.category.as_str()))),
            None => {
                let all = facts.categories.iter();
                answered
                    .map(|(_, category)| category)
                    .eq(all.flat_map(|one| std::iter::repeat_n(one.id.as_str(), one.n)))
            }
        };
        if !is_it || outcomes.len() != facts.n {
            faults.push(format!("the answers of {subject} are not to the questions of suite {}", facts.name));
        }
        if let Some(suite) = suite {
            let other = suite.items.iter().zip(outcomes).find(|(item, outcome)| !is_chosen(item, outcome));
            faults.extend(other.map(|(item, _)| {
                format!("the likelihoods that {subject} gave the options of `{}` choose another answer", item.id)
            }));
        }
        let again = model.quality.stable.as_ref().map_or(0, |stable| stable.n);
        let expected = n_asked_again(outcomes.len());
        if again != expected {
            faults.push(format!("{again} answers of {subject} were asked for again, of {expected}"));
        }
    }
    faults
}

/// Whether the answer is the option that the likelihoods beside it choose, where there are any.
fn is_chosen(item: &Item, outcome: &ItemOutcome) -> bool {
    let likelihoods = &outcome.log_likelihoods;
    match item.scoring.options() {
        None => likelihoods.is_empty(),
        Some((options, lengths)) => {
            likelihoods.len() == options.len() && outcome.answer == chosen(options, lengths, likelihoods)
        }
    }
}

/// Canaries are put to every model.
fn canaries(model: &ModelRecord, suite: Option<&Suite>) -> Option<String> {
    let subject = &model.quality.overall.rate.subject;
    let Some(found) = model.canaries.as_ref().map(|record| &record.found) else {
        return Some(format!("the canaries of {subject} are left out"));
    };
    let (text, pictures) = match suite {
        Some(suite) => (!suite.items.iter().all(Item::shows_pictures), suite.items.iter().any(Item::shows_pictures)),
        // Questions that are not at hand may show anything.
        None => (!found.all.is_empty(), found.looking.is_some()),
    };
    let are_all = (text || pictures) && found.are_all(text, pictures);
    (!are_all).then(|| format!("some of the canaries of {subject} are left out"))
}

/// What its files are said to hold, against the bytes of each stored type.
fn facts(model: &ModelRecord) -> Vec<String> {
    let (facts, subject) = (&model.facts, &model.quality.overall.rate.subject);
    let bytes = facts.types.iter().fold(0_u64, |all, stored| all.saturating_add(stored.bytes));
    let mut faults = Vec::new();
    if bytes > facts.file_bytes {
        faults.push(format!("the weights of {subject} take {bytes} bytes, and its files {}", facts.file_bytes));
    }
    let mut values = 0.0;
    for stored in &facts.types {
        let Some(dtype) = DType::ALL.iter().find(|dtype| dtype.name() == stored.dtype) else {
            faults.push(format!("`{}`, in which weights of {subject} are stored, is no type", stored.dtype));
            return faults;
        };
        values += stored.bytes as f64 / dtype.block_bytes() as f64 * dtype.block_len() as f64;
    }
    if (values - facts.parameters as f64).abs() > PADDING * values {
        let parameters = facts.parameters;
        faults.push(format!(
            "{subject} is said to have {parameters} parameters, and its weights hold {values:.0} values"
        ));
    }
    let hashes = [Some(&facts.sha256), facts.tokenizer_sha256.as_ref()];
    if !hashes.into_iter().all(|hash| hash.is_some_and(|hash| is_hash(hash))) {
        faults.push(format!("the hashes of the files of {subject} are not whole"));
    }
    faults
}

/// Whether it is a whole SHA-256 in hexadecimal.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == WHOLE_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
