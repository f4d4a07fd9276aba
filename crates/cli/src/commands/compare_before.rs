//! `plimsoll compare` of models whose files are not on this machine: what can be said before anything is fetched.

use plimsoll_catalog::{DeclaredUse, Gate, ModelCard, Shape, gate};
use plimsoll_lab::predict::before::{Floats, Prediction, Range};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::args::Compare;
use crate::device::{Device, bytes};
use crate::model::{self, NoArtifact};
use crate::predicted::{self, CONTEXT, licence_words};
use crate::rows::Rows;
use crate::settings::Settings;
use crate::style::Style;
use crate::{catalogue, measured};

/// The cards of all models, if there is nothing to be measured: a device was named, or files are missing. Nothing where
/// all are here.
///
/// # Errors
/// One of them is known by no card.
pub fn cards(names: &[&str], device: Option<&str>) -> anyhow::Result<Option<Vec<&'static ModelCard>>> {
    let missing: Vec<_> =
        names.iter().map(|name| model::locate(name).err().filter(|error| error.is::<NoArtifact>())).collect();
    if device.is_none() && missing.iter().all(Option::is_none) {
        return Ok(None);
    }
    let catalog = catalogue::open()?;
    let mut cards = Vec::new();
    for name in names.iter().copied() {
        match catalog.resolve(model::known_as(name)) {
            Some(card) => cards.push(card),
            // A name that nobody knows is told before what the other lacks.
            None => {
                model::locate(name)?;
                match missing.into_iter().flatten().next() {
                    Some(error) => return Err(error),
                    None => anyhow::bail!("no card of the catalogue is called `{name}`, so nothing is predicted of it"),
                }
            }
        }
    }
    Ok(Some(cards))
}

/// Predictions of one model.
struct Known<'a> {
    card: &'a ModelCard,
    shape: Option<&'a Shape>,
    prediction: Option<Prediction>,
    gate: Gate,
}

/// Prints both side by side.
pub fn run(cards: &[&ModelCard], command: &Compare, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let device = Device::of(command.on.device.as_deref(), settings)?;
    let usage = command.measure.usage.declared().unwrap_or(measured::DEFAULT_USE);
    let known = cards.iter().map(|card| known(card, &device, &usage)).collect::<anyhow::Result<Vec<_>>>()?;
    if as_json {
        let model =
            |known: &Known<'_>| json!({ "card": known.card, "predicted": known.prediction, "gate": known.gate });
        return super::print_json(&json!({
            "predicted": true, "measured": false, "device": device.as_value(), "use": usage,
            "models": known.iter().map(model).collect::<Vec<_>>(),
        }));
    }
    match <[Known<'_>; 2]>::try_from(known) {
        Ok(known) => print(&known, &device, &usage),
        Err(_) => anyhow::bail!("predictions are laid side by side of two models, or of any number with --json"),
    }
}

fn known<'a>(card: &'a ModelCard, device: &Device, usage: &DeclaredUse) -> anyhow::Result<Known<'a>> {
    let gate = gate(&catalogue::open()?.terms(&[], &[], Some(card)), usage);
    let shape = card.shapes.first();
    let prediction = match shape {
        None => None,
        Some(shape) => {
            let asked = predicted::asked(shape, CONTEXT, 0);
            let all = predicted::of_shape(card, shape, device, device.room(None), asked)?;
            all.into_iter().find(|prediction| prediction.quantisation == Quantisation::Q4_K_M)
        }
    };
    Ok(Known { card, shape, prediction, gate })
}

fn print(known: &[Known<'_>; 2], device: &Device, usage: &DeclaredUse) -> anyhow::Result<()> {
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    rows.many("", &["Nothing was measured: memory and speed are predicted.".to_owned()])?;
    rows.many("device", &device.lines())?;
    rows.many("for", &[format!("{CONTEXT} tokens of context, weights as Q4_K_M")])?;
    pair(&mut rows, "", known, |known| known.card.name.clone())?;
    let of = |known: &Known<'_>, words: fn(&Prediction) -> String| match &known.prediction {
        Some(prediction) => words(prediction),
        None => "not predicted: no shape is published".to_owned(),
    };
    pair(&mut rows, "parameters", known, |known| match known.shape {
        Some(shape) => format!("{:.2} billion", shape.parameters as f64 / 1e9),
        None => known.card.size.clone().unwrap_or_else(|| "not stated".to_owned()),
    })?;
    pair(&mut rows, "file", known, |known| of(known, |p| bytes(p.file_bytes as f64)))?;
    pair(&mut rows, "memory", known, |known| of(known, |p| format!("{} at most", bytes(p.memory.total.high))))?;
    pair(&mut rows, "fits", known, |known| of(known, |p| predicted::fits_words(p.fits).to_owned()))?;
    pair(&mut rows, "decode", known, |known| of(known, |p| format!("{} tokens/s", predicted::speed(p.decode))))?;
    pair(&mut rows, "licence", known, |known| format!("{usage}: {}", licence_words(&known.gate)))?;
    pair(&mut rows, "price", known, |known| match known.card.prices.first() {
        Some(price) => format!("{}: {} ({})", price.what, price.text, price.date),
        None => "not known".to_owned(),
    })?;
    pair(&mut rows, "published", known, |known| match &known.card.published {
        Some(panel) => format!("{}, {} % (not measured here)", panel.verdict, panel.share),
        None => "no reviews are known".to_owned(),
    })?;
    for known in known {
        let claims = known.card.claims.iter().map(|claim| format!("{}: {} (not verified)", known.card.id, claim.text));
        rows.many("claimed", &claims.collect::<Vec<_>>())?;
        let runner = known.prediction.as_ref().and_then(|p| predicted::runner_words(known.card, p, device));
        rows.many("", &runner.map(|words| format!("{}: {words}", known.card.id)).into_iter().collect::<Vec<_>>())?;
    }
    rows.many("so far", &[so_far(known)])?;
    rows.many("a measurement", &[ADDS.to_owned()])?;
    rows.many("next", &next(known))?;
    Ok(())
}

/// What measuring would tell that nothing here does.
const ADDS: &str = "would tell how often each answers rightly, in which kinds of question, whether a quantisation changes \
                    its answers, and speed and memory as they are: none of that can be read off a card";

/// The same of both, one below the other where they do not fit side by side.
fn pair(
    rows: &mut Rows<impl std::io::Write>,
    name: &str,
    known: &[Known<'_>; 2],
    words: impl Fn(&Known<'_>) -> String,
) -> std::io::Result<()> {
    let [a, b] = [&known[0], &known[1]].map(|known| shown_text(&words(known), 300));
    let narrow = |text: &str| text.chars().count() <= 31;
    if narrow(&a) && narrow(&b) { rows.one(name, format!("{a:<32} {b}").trim_end()) } else { rows.many(name, &[a, b]) }
}

/// What the predictions tell apart.
fn so_far(known: &[Known<'_>; 2]) -> String {
    let (Some(a), Some(b)) = (&known[0].prediction, &known[1].prediction) else {
        return "the shape of one is not published, so the two cannot be told apart by memory or speed".to_owned();
    };
    let name = |first: bool| known[usize::from(!first)].card.id.as_str();
    let mut said = Vec::new();
    let memory = b.memory.total.value / a.memory.total.value;
    if !(0.9..1.1).contains(&memory) {
        let (smaller, by) = if memory > 1.0 { (true, memory) } else { (false, 1.0 / memory) };
        said.push(format!("{} takes {by:.1} times less memory", name(smaller)));
    }
    match (a.decode, b.decode) {
        (Some(a), Some(b)) if !apart(a, b) => said.push("which decodes faster is within what is not known".to_owned()),
        (Some(a), Some(b)) => {
            let (faster, by) = if a.value > b.value { (true, a.value / b.value) } else { (false, b.value / a.value) };
            said.push(format!("{} decodes about {by:.1} times as fast", name(faster)));
        }
        _ => {}
    }
    match (a.fits, b.fits) {
        (Floats::No, Floats::No) => said.push("neither fits".to_owned()),
        (Floats::No, _) => said.push(format!("{} does not fit", name(true))),
        (_, Floats::No) => said.push(format!("{} does not fit", name(false))),
        _ => {}
    }
    if said.is_empty() {
        said.push("the predictions do not tell the two apart".to_owned());
    }
    format!("{}; which answers better is not known", said.join("; "))
}

/// On one device what is not known of it bears on both alike: their ratio is surer than either, and a tenth is what counts of
/// bytes may be off.
fn apart(a: Range, b: Range) -> bool {
    (a.value / b.value).ln().abs() > 0.1
}

fn next(known: &[Known<'_>; 2]) -> Vec<String> {
    let fetch =
        |known: &Known<'_>| known.shape.and_then(|shape| shape.hub.as_ref()).map(|hub| format!("hf download {hub}"));
    let mut lines: Vec<String> = known.iter().filter_map(fetch).collect();
    if lines.len() == 2 {
        lines.push(format!("plimsoll compare {} {}", known[0].card.id, known[1].card.id));
    }
    if lines.is_empty() { vec!["no files of either are known".to_owned()] } else { lines }
}
