//! `plimsoll fit`

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args as ClapArgs;
use plimsoll_catalog::{Catalog, DeclaredUse, EngineThere, Gate, ModelCard, Outcome, Shape, gate};
use plimsoll_lab::predict::before::{Floats, Prediction, Range, Runner};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::judge::{Need, NeedError};
use plimsoll_panel::predicted::stands;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use crate::catalogue;
use crate::device::{Device, bytes};
use crate::predicted::{self, CONTEXT, DeviceArgs, licence_words};
use crate::rows::Rows;
use crate::settings::Settings;
use crate::style::Style;
use crate::use_args::UseArgs;

/// Models that are listed where nobody asks for all.
const LISTED: usize = 15;

/// What ranks models, as it is told.
const RANKED_BY: &str = "what surely floats stands before what may; then what the licence is known to allow; then the \
                         model with more parameters, because how good the answers are is not known before they are \
                         measured";

/// `fit`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll fit\n  plimsoll fit --device pixel-10 --need \"memory<2GB, decode>10\" --use commercial\n  plimsoll fit --device rtx-4090 --memory 20GB --context 32768\n\nEvery figure is predicted: nothing is fetched, and nothing is measured but this machine.\nNeeds are names, < or >, and a limit: memory (bytes), decode and prefill (tokens/s)."
)]
pub struct Fit {
    #[command(flatten)]
    pub on: DeviceArgs,
    /// What a model may take of the device's memory, such as 24GB [default: what is known of the device]
    #[arg(long, value_name = "SIZE", value_parser = predicted::parse_memory)]
    pub memory: Option<f64>,
    /// What must hold, such as "memory<2GB, decode>10"; may be given several times
    #[arg(long = "need", value_name = "NEEDS", value_parser = read_needs)]
    pub needs: Vec<Needs>,
    #[command(flatten)]
    pub usage: UseArgs,
    /// Tokens of context
    #[arg(long, value_name = "N", default_value_t = CONTEXT)]
    pub context: usize,
    /// Pictures in the context; models that do not see are left out
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub pictures: usize,
    /// How the weights are stored [default: Q4_K_M, or Q4_0 where only that fits]
    #[arg(long, value_name = "NAME", value_parser = read_quantisation)]
    pub quant: Option<Quantisation>,
    /// List every model, and why the others do not float
    #[arg(long)]
    pub all: bool,
}

/// The needs of one `--need`.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs(Vec<Need>);

fn read_needs(text: &str) -> Result<Needs, NeedError> {
    let needs = Need::read(text)?;
    for need in &needs {
        if !["peak_memory", "decode@0", "prefill@0"].contains(&need.metric.as_str()) {
            let about =
                "only memory, decode and prefill are predicted; `plimsoll compare` measures the rest".to_owned();
            return Err(NeedError { need: need.text.clone(), about });
        }
    }
    Ok(Needs(needs))
}

fn read_quantisation(text: &str) -> Result<Quantisation, String> {
    let found = Quantisation::ALL.into_iter().find(|known| known.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let known: Vec<String> = Quantisation::ALL.iter().map(ToString::to_string).collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// A model that may float.
struct Floating<'a> {
    card: &'a ModelCard,
    shape: &'a Shape,
    prediction: Prediction,
    gate: Option<Gate>,
    floats: Floats,
    /// Whether this program does not read it, on a device where it computes.
    needs_another_engine: bool,
}

/// A model that does not float, or of which that cannot be said.
struct Sunk {
    name: String,
    /// In a few words that are alike for alike models.
    kind: &'static str,
    why: String,
}

/// Lists the models of the catalogue that float on a device.
pub fn run(command: &Fit, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let device = Device::of(command.on.device.as_deref(), settings)?;
    let catalog = catalogue::open()?;
    let (mut floating, sunk) = sorted(command, &device, catalog)?;
    floating.sort_by(|a, b| {
        let of = |f: &Floating<'_>| (f.floats, f.gate.as_ref().is_some_and(|gate| gate.outcome != Outcome::Passed));
        of(a).cmp(&of(b)).then(b.shape.parameters.cmp(&a.shape.parameters)).then(a.card.id.cmp(&b.card.id))
    });
    if as_json {
        return super::print_json(&as_value(command, &device, &floating, &sunk));
    }
    print(command, &device, &floating, &sunk)
}

fn sorted<'a>(command: &Fit, device: &Device, catalog: &'a Catalog) -> anyhow::Result<(Vec<Floating<'a>>, Vec<Sunk>)> {
    let (room, usage) = (device.room(command.memory), command.usage.declared());
    let (mut floating, mut sunk) = (Vec::new(), Vec::new());
    for card in catalog.cards() {
        let gate = usage.as_ref().map(|usage| gate(&catalog.terms(&[], &[], Some(card)), usage));
        if let Some(gate) = gate.as_ref().filter(|gate| gate.outcome == Outcome::Failed) {
            let reasons: Vec<&str> = gate.decisive().map(|reason| reason.words.as_str()).collect();
            let (name, why) = (card.id.clone(), reasons.join("; "));
            sunk.push(Sunk { name, kind: "forbidden by the licence", why });
            continue;
        }
        if card.shapes.is_empty() {
            let (name, why) = (card.id.clone(), "its shape is not published".to_owned());
            sunk.push(Sunk { name, kind: "shape not known", why });
        }
        for shape in &card.shapes {
            match judged(command, card, shape, device, room, gate.clone())? {
                Ok(found) => floating.push(found),
                Err(found) => sunk.push(found),
            }
        }
    }
    Ok((floating, sunk))
}

/// The quantisation of a shape that floats best, or why none does.
fn judged<'a>(
    command: &Fit,
    card: &'a ModelCard,
    shape: &'a Shape,
    device: &Device,
    room: Option<Range>,
    gate: Option<Gate>,
) -> anyhow::Result<Result<Floating<'a>, Sunk>> {
    let no = |kind, why: String| Ok(Err(Sunk { name: predicted::name(card, shape), kind, why }));
    if command.context > shape.max_seq_len {
        return no("too short a context", format!("its context ends at {} tokens", shape.max_seq_len));
    }
    let pictures = command.pictures;
    let tokens = shape.vision.as_ref().map(|vision| vision.picture_tokens);
    match tokens {
        None if pictures > 0 => return no("cannot see", "it reads text only".to_owned()),
        Some(Some(tokens)) if pictures * tokens > command.context => {
            let why = format!("{pictures} pictures take up to {} tokens", pictures * tokens);
            return no("too short a context", why);
        }
        _ => {}
    }
    let asked = predicted::asked(shape, command.context, pictures);
    let all = predicted::of_shape(card, shape, device, room, asked)?;
    let usual = [Quantisation::Q4_K_M, Quantisation::Q4_0];
    let wanted = |p: &Prediction| command.quant.map_or(usual.contains(&p.quantisation), |one| one == p.quantisation);
    let stands =
        |p: &Prediction| command.needs.iter().flat_map(|n| &n.0).map(|n| stands(n, p)).fold(p.fits, Floats::max);
    // The first of those that stand best: the more precise.
    let best = all.into_iter().filter(wanted).map(|p| (stands(&p), p)).min_by_key(|(floats, _)| *floats);
    let (floats, prediction) = best.expect("one of them is wanted");
    if floats == Floats::No {
        let (kind, why) = why_not(command, &prediction);
        return no(kind, why);
    }
    let computes_there = !matches!(device, Device::There(profile) if profile.engine == EngineThere::Other);
    let needs_another_engine = computes_there && prediction.runner == Runner::Another;
    Ok(Ok(Floating { card, shape, prediction, gate, floats, needs_another_engine }))
}

fn why_not(command: &Fit, prediction: &Prediction) -> (&'static str, String) {
    let stored = prediction.quantisation;
    if prediction.fits == Floats::No {
        let takes = bytes(prediction.memory.total.low);
        let room = prediction.room.map_or(String::new(), |room| format!(" of at most {}", bytes(room.high)));
        return ("too large", format!("takes {takes}{room} as {stored}"));
    }
    let unmet = command.needs.iter().flat_map(|needs| &needs.0).find(|need| stands(need, prediction) == Floats::No);
    match unmet.map(|need| (need.metric.as_str(), &need.text)) {
        Some(("peak_memory", need)) => {
            ("too large", format!("{need}: takes {} as {stored}", bytes(prediction.memory.total.low)))
        }
        Some(("decode@0", need)) => {
            ("too slow", format!("{need}: decodes {} tokens/s as {stored}", predicted::speed(prediction.decode)))
        }
        Some((_, need)) => ("too slow", format!("{need}: not as {stored}")),
        None => ("too large", String::new()),
    }
}

fn print(command: &Fit, device: &Device, floating: &[Floating<'_>], sunk: &[Sunk]) -> anyhow::Result<()> {
    let style = Style::stdout();
    let mut rows = Rows::new(std::io::stdout().lock(), style);
    rows.many("device", &device.lines())?;
    let pictures = if command.pictures > 0 { format!(", {} pictures", command.pictures) } else { String::new() };
    rows.many("for", &[format!("{} tokens of context{pictures}; every figure below is predicted", command.context)])?;
    if let Some(memory) = command.memory {
        rows.many("memory", &[format!("{} at most, as asked", bytes(memory))])?;
    }
    let needs: Vec<String> = command.needs.iter().flat_map(|needs| &needs.0).map(|need| need.text.clone()).collect();
    rows.many("need", &needs)?;
    rows.many("use", &command.usage.declared().iter().map(DeclaredUse::to_string).collect::<Vec<_>>())?;
    drop(rows);
    let mut out = std::io::stdout().lock();
    let shown = if command.all { floating.len() } else { floating.len().min(LISTED) };
    if !floating.is_empty() {
        writeln!(out, "\n{}", style.dim(&line("model", "stored", "memory", "decode/s", "floats", "licence")))?;
    }
    for found in &floating[..shown] {
        writeln!(out, "{}", floating_line(found).trim_end())?;
    }
    writeln!(out)?;
    let mut rows = Rows::new(out, style);
    rows.many("floats", &[summary(floating, shown)])?;
    rows.many("bounded", &bounds(floating))?;
    if command.all {
        for found in sunk {
            rows.many("", &[format!("{}: {}", found.name, found.why)])?;
        }
    }
    rows.many("others", &[others(sunk, command.all)])?;
    if floating[..shown].iter().any(|found| found.needs_another_engine) {
        rows.many("*", &["another engine would be needed: Plimsoll does not read its architecture".to_owned()])?;
    }
    if !floating.is_empty() {
        rows.many("ranked", &[RANKED_BY.to_owned()])?;
    }
    rows.many("next", &[next(device, floating)])?;
    Ok(())
}

fn floating_line(found: &Floating<'_>) -> String {
    let p = &found.prediction;
    let licence = match &found.gate {
        // The bounds themselves stand below the table.
        Some(gate) if gate.allowed_within().is_some() => "allowed, bounded".to_owned(),
        Some(gate) => licence_words(gate),
        None => {
            let licence = found.card.licence.as_deref().or(found.card.licence_as_announced.as_deref());
            licence.map_or("unknown", |id| id.strip_prefix("LicenseRef-").unwrap_or(id)).to_owned()
        }
    };
    let mark = if found.needs_another_engine { " *" } else { "" };
    line(
        &format!("{}{mark}", shown_text(&predicted::name(found.card, found.shape), 24 - mark.len())),
        &p.quantisation.to_string(),
        &bytes(p.memory.total.high),
        &predicted::speed(p.decode),
        if found.floats == Floats::Yes { "yes" } else { "perhaps" },
        &shown_text(&licence, 19),
    )
}

fn line(name: &str, stored: &str, memory: &str, decode: &str, floats: &str, licence: &str) -> String {
    format!("{name:<24} {stored:<6} {memory:>7}  {decode:<11} {floats:<7} {licence}")
}

/// Within what licences allow the use that bound it, each bound with the models that it holds for.
fn bounds(floating: &[Floating<'_>]) -> Vec<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for within in floating.iter().filter_map(|found| found.gate.as_ref()?.allowed_within()) {
        *found.entry(within).or_default() += 1;
    }
    found.into_iter().map(|(within, n)| format!("{within} ({n} of them): declare --users and --region")).collect()
}

fn summary(floating: &[Floating<'_>], shown: usize) -> String {
    let surely = floating.iter().filter(|found| found.floats == Floats::Yes).count();
    let perhaps = floating.len() - surely;
    let hidden = floating.len() - shown;
    let all = if hidden > 0 { format!("; {hidden} more with --all") } else { String::new() };
    match (surely, perhaps) {
        (0, 0) => "none of the catalogue's models".to_owned(),
        (_, 0) => format!("{surely} surely{all}"),
        _ => format!("{surely} surely, {perhaps} perhaps: a figure of the device or of the model decides{all}"),
    }
}

/// Why others do not float, counted.
fn others(sunk: &[Sunk], all_told: bool) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for found in sunk {
        *kinds.entry(found.kind).or_default() += 1;
    }
    if kinds.is_empty() {
        return "none: all float".to_owned();
    }
    let counts: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    format!("{}{}", counts.join(", "), if all_told { "" } else { "; --all says why" })
}

/// A command that leads on.
fn next(device: &Device, floating: &[Floating<'_>]) -> String {
    // One that this program runs, where there is one: the others cannot be measured with it.
    match floating.iter().find(|found| !found.needs_another_engine).or(floating.first()) {
        Some(first) => format!(
            "`plimsoll info {}{}` predicts every quantisation; how good its answers are only a measurement tells: fetch \
             two that float and `plimsoll compare` them",
            first.card.id,
            device.flag()
        ),
        None => "ask for less: fewer needs, a shorter --context, or another --device".to_owned(),
    }
}

fn as_value(command: &Fit, device: &Device, floating: &[Floating<'_>], sunk: &[Sunk]) -> Value {
    let model = |found: &Floating<'_>| {
        json!({
            "id": found.card.id, "hub": found.shape.hub, "parameters": found.shape.parameters,
            "licence": found.card.licence.as_ref().or(found.card.licence_as_announced.as_ref()),
            "gate": found.gate, "floats": found.floats, "predicted": found.prediction,
            "standing": found.shape.provenance.worst(),
        })
    };
    json!({
        "device": device.as_value(), "context": command.context, "pictures": command.pictures,
        "needs": command.needs.iter().flat_map(|needs| &needs.0).collect::<Vec<_>>(),
        "use": command.usage.declared(), "ranked_by": RANKED_BY,
        "models": floating.iter().map(model).collect::<Vec<_>>(),
        "others": sunk.iter().map(|s| json!({ "name": s.name, "kind": s.kind, "why": s.why })).collect::<Vec<_>>(),
    })
}
