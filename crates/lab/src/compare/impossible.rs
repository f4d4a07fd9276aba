//! What a record says that no machine, no model and no run of this program can have been: it was made up.

use plimsoll_formats::{Declaration, LicenceFacts, STATEMENT_KINDS};
use plimsoll_kernels::{DType, Isa, MAX_THREADS};
use plimsoll_runtime::CacheType;

use super::overstated::is_hash;
use crate::load::LoadLog;
use crate::questions::CHECKS_VERSION;
use crate::record::{Comparison, Device, LicenceRecord, Measurement, ModelRecord, Settings, SuiteFacts, Unit};
use crate::score::SCORER_VERSION;

/// Clocks of processors, in MHz; a system that does not know says 0.
const CLOCKS: std::ops::RangeInclusive<f64> = 0.0..=100_000.0;

/// Every such thing, as a sentence without its end; empty where there is none.
pub(super) fn impossible(comparison: &Comparison) -> Vec<String> {
    let mut faults = device(&comparison.device);
    faults.extend(settings(&comparison.settings));
    faults.extend(suite(&comparison.suite));
    faults.extend(comparison.load.iter().flat_map(load));
    if let Some(among) = &comparison.among {
        let is_field = among.models > 2 && among.p.iter().all(|p| (0.0..=1.0).contains(p));
        faults.extend((!is_field).then(|| "what is corrected together with it is of no three models".to_owned()));
    }
    let is_ours = comparison.program.split(' ').next() == Some("plimsoll");
    faults.extend((!is_ours).then(|| format!("`{}` is no version of this program", comparison.program)));
    for model in &comparison.models {
        let subject = &model.quality.overall.rate.subject;
        faults.extend(facts(model).into_iter().map(|about| format!("{subject} is said to have {about}")));
        let wrong = licence(&model.facts.licence);
        faults.extend(wrong.map(|what| format!("{what} of the licence of {subject} is not what its files declare")));
        faults.extend(seen(model));
        faults.extend(beyond(model, comparison).into_iter().map(|about| format!("{subject} is said to {about}")));
    }
    faults
}

/// What a machine cannot be, or have been measured to do.
fn device(device: &Device) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold =
        |holds: bool, about: String| faults.extend((!holds).then(|| format!("the machine is said to {about}")));
    hold(device.isa.parse::<Isa>().is_ok(), format!("compute at level `{}`, which is none", device.isa));
    hold(device.cores > 0, "have no processor".to_owned());
    let threads = device.threads;
    hold((1..=MAX_THREADS).contains(&threads), format!("compute with {threads} threads, expected 1 to {MAX_THREADS}"));
    for (found, metric, unit) in [
        (&device.read_bandwidth, "read_bandwidth", Unit::BytesPerSecond),
        (&device.arithmetic_rate, "arithmetic_rate", Unit::FlopsPerSecond),
    ] {
        let is_it = (found.subject.as_str(), found.metric.as_str(), found.unit) == ("device", metric, unit);
        hold(is_it && found.samples.iter().all(|rate| *rate > 0.0), format!("have a {metric} that is none"));
    }
    let rates = &device.rates;
    let others = [rates.cache_bytes, rates.attention, rates.node_seconds];
    hold(others.iter().all(|rate| *rate >= 0.0), "do less than nothing in a second".to_owned());
    for rate in &rates.products {
        let are_rates = [rate.decode, rate.prefill].into_iter().chain(rate.streamed).all(|rate| rate > 0.0);
        let is_product = is_type(&rate.dtype) && rate.values > 0 && are_rates;
        hold(is_product, format!("multiply `{}` as nothing can be multiplied", rate.dtype));
    }
    if let Some(machine) = &device.machine {
        let power = machine.power.as_deref().is_none_or(|power| matches!(power, "mains" | "battery"));
        hold(power, "have power from neither mains nor battery".to_owned());
        let moments = [&machine.before, &machine.after].into_iter().flatten();
        hold(
            moments.filter_map(|moment| moment.clock_mhz).all(|mhz| CLOCKS.contains(&mhz)),
            "have no such clock".to_owned(),
        );
        hold(
            machine.program_sha256.as_deref().is_none_or(is_hash),
            "have run a program without a whole hash".to_owned(),
        );
    }
    faults
}

/// What nothing can be measured by.
fn settings(settings: &Settings) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |holds: bool, about: String| faults.extend((!holds).then(|| format!("the settings say {about}")));
    for (what, n) in [
        ("tokens of a prompt", settings.prefill_tokens),
        ("tokens of an answer", settings.decode_tokens),
        ("repetitions", settings.repetitions),
        ("starts", settings.starts),
    ] {
        hold(n > 0, format!("0 {what}"));
    }
    let cache = &settings.cache_type;
    hold(
        CacheType::ALL.iter().any(|known| known.name() == cache),
        format!("that keys and values are kept as `{cache}`, which is no type of them"),
    );
    let margin = settings.margin.is_none_or(|margin| margin > 0.0 && margin < 1.0);
    hold(margin, "a margin that is no share".to_owned());
    if let Some(filled) = &settings.filled {
        hold(filled.tokens > 0, "a context of 0 tokens".to_owned());
        hold(filled.pictures.iter().all(|hash| is_hash(hash)), "pictures without a whole hash".to_owned());
    }
    faults
}

/// What no questions can be, whether or not they can be made again.
fn suite(suite: &SuiteFacts) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |holds: bool, about: String| faults.extend((!holds).then_some(about));
    let of_categories = suite.categories.iter().fold(0_usize, |all, one| all.saturating_add(one.n));
    hold(
        suite.n == of_categories,
        format!("suite {} has {} questions, and its kinds {of_categories}", suite.name, suite.n),
    );
    let chances = suite.categories.iter().all(|one| (0.0..=1.0).contains(&one.chance));
    hold(chances, format!("what guessing gets of suite {} is no share", suite.name));
    let hashes = suite.sources.iter().map(|source| &source.sha256).chain([&suite.id]);
    hold(hashes.into_iter().all(|hash| is_hash(hash)), format!("the hashes of suite {} are not whole", suite.name));
    let version = suite.scorer_version;
    let known = if suite.sources.is_empty() { SCORER_VERSION } else { CHECKS_VERSION };
    hold(
        version <= known,
        format!("suite {} is marked by version {version} of the rules, which is not yet", suite.name),
    );
    faults
}

/// What no machine can have done meanwhile.
fn load(log: &LoadLog) -> Option<String> {
    let is_possible = |of: Option<f64>, most: f64| of.is_none_or(|value| (0.0..=most).contains(&value));
    let possible = log.stretches.iter().all(|load| {
        load.seconds >= 0.0
            && is_possible(load.average, f64::MAX)
            && is_possible(load.others, f64::MAX)
            && is_possible(load.steal, 1.0)
    });
    (!possible).then(|| "the log of what else the machine did tells of less than nothing".to_owned())
}

/// What no model's files can hold, as what is said to be had.
fn facts(model: &ModelRecord) -> Vec<String> {
    let facts = &model.facts;
    let mut faults = Vec::new();
    let mut hold = |holds: bool, about: String| faults.extend((!holds).then_some(about));
    for (what, n) in
        [("parameters", facts.parameters), ("bytes", facts.file_bytes), ("tokens of context", facts.context as u64)]
    {
        hold(n > 0, format!("0 {what}"));
    }
    let is_format = ["safetensors", "MLX", "ONNX"].contains(&&*facts.format) || facts.format.starts_with("GGUF v");
    hold(is_format, format!("files of format `{}`, which is not read", facts.format));
    let needs = facts.format == "ONNX";
    hold(!needs || facts.engine.is_some(), "ONNX graphs that no engine ran".to_owned());
    hold(!facts.architecture.is_empty(), "no architecture".to_owned());
    let texts = &facts.licence.texts;
    let hashes = facts.template_sha256.iter().chain(texts.iter().map(|text| &text.words_sha256));
    hold(hashes.into_iter().all(|hash| is_hash(hash)), "a template or a licence without a whole hash".to_owned());
    faults
}

/// What is said to follow from what a model's files declare of its licence, and does not.
fn licence(found: &LicenceRecord) -> Option<&'static str> {
    let kind = |name: &str| STATEMENT_KINDS.into_iter().find(|kind| *kind == name);
    let declared = found.declared.iter().map(|said| {
        Some(Declaration { source: said.source.clone(), kind: kind(&said.kind)?, value: said.value.clone() })
    });
    let Some(declared) = declared.collect::<Option<Vec<_>>>() else { return Some("a kind of statement") };
    let again = LicenceFacts::of(declared);
    if found.spdx != again.spdx {
        return Some("the id");
    }
    let told = found.conflicts.iter().filter(|conflict| !LicenceFacts::is_of_unread(conflict));
    (!told.eq(&again.conflicts)).then_some("a contradiction")
}

/// Measurements of less than nothing.
fn seen(model: &ModelRecord) -> Vec<String> {
    let start = &model.start;
    let mut positive = vec![&model.memory.peak, &start.load, &start.first_token_cold, &start.first_token_warm];
    positive.extend(
        model.speed.iter().flat_map(|row| [&row.prefill, &row.decode, &row.prefill_predicted, &row.decode_predicted]),
    );
    let is_none = |found: &&Measurement| !(found.value > 0.0 && found.samples.iter().all(|sample| *sample > 0.0));
    let mut faults: Vec<String> = positive.into_iter().filter(is_none).map(less).collect();
    let deltas = model.verified.iter().map(|verified| &verified.max_delta);
    faults.extend(deltas.filter(|found| found.samples.iter().any(|delta| *delta < 0.0)).map(less));
    faults
}

fn less(found: &Measurement) -> String {
    format!("{} of {} is nothing or less", found.metric, found.subject)
}

/// What goes beyond the context that the model reads, or the memory that the machine has, as what is said to be done.
fn beyond(model: &ModelRecord, comparison: &Comparison) -> Vec<String> {
    let Comparison { settings, device, .. } = comparison;
    let mut faults = Vec::new();
    let context = model.facts.context;
    let timed = settings.prefill_tokens.max(settings.decode_tokens);
    let longest = model.speed.iter().map(|row| row.depth.saturating_add(timed)).max().unwrap_or(0);
    let filled = settings.filled.as_ref().map_or(0, |filled| filled.tokens);
    for tokens in [longest, filled].into_iter().filter(|tokens| *tokens > context) {
        faults.push(format!("have read {tokens} tokens, and reads {context}"));
    }
    // Of a system that does not tell how much there is, 0 stands there.
    let peak = model.memory.peak.samples.iter().copied().fold(0.0, f64::max);
    if device.memory_bytes > 0 && peak > device.memory_bytes as f64 {
        faults.push(format!("have taken {peak:.0} bytes of a memory of {}", device.memory_bytes));
    }
    faults
}

fn is_type(name: &str) -> bool {
    DType::ALL.iter().any(|dtype| dtype.name() == name)
}
