//! `plimsoll fit`

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;

use plimsoll_catalog::{Catalog, ModelCard, Outcome, Shape, gate};
use plimsoll_lab::predict::before::{Floats, Prediction};
use plimsoll_panel::judge::{
    Demand, Foreseen, Need, OtherEngine, Outlook, Part, Question, RANKED_BY, Recommendation, VerdictKind, Wish,
    Workload,
};
use plimsoll_panel::predicted::{Costs, afloat, stands};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use crate::args::{DEFAULT_USE, Fit};
use crate::catalogue;
use crate::device::{Device, bytes};
use crate::output;
use crate::predicted::{self, CONTEXT, licence_words};
use crate::rows::Rows;
use crate::settings::Settings;
use crate::style::Style;

/// Models that are listed where nobody asks for all.
const LISTED: usize = 15;
/// Characters of a name in the table.
const NAME: usize = 31;

/// What is said of models that the device holds and a need rules out.
const UNMET: &str = "miss a need";

/// A model that may float.
struct Floating<'a> {
    shape: &'a Shape,
    found: Foreseen,
    prediction: Prediction,
    /// How memory and needs stand.
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

/// Lists the models of the catalogue that float on a device, by the panel's word on what is predicted of them.
pub fn run(command: &Fit, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let device = Device::of(command.on.device.as_deref(), settings)?;
    let target = device.target().within(command.memory);
    let (rubric, demand, costs) = (Rubric::builtin(), command.demand(target.workload()), Costs::default());
    let pictures = command.pictures.unwrap_or(Wish::default().pictures);
    let wish = Wish { context: command.tokens(), pictures, quantisation: command.quant };
    let question = Question { target, wish, demand: &demand, rubric: &rubric, costs: &costs };
    let (mut floating, sunk) = sorted(command, &question, catalogue::open()?)?;
    let outlook = Outlook::of(&question, floating.iter().map(|floating| floating.found.clone()).collect());
    let place = |floating: &Floating<'_>| {
        let at = |at: &usize| {
            outlook.models[*at].hub == floating.found.hub && outlook.models[*at].card.id == floating.found.card.id
        };
        outlook.ranking.iter().position(at)
    };
    floating.sort_by_cached_key(place);
    if as_json {
        return output::print_json(&as_value(command, &question, &device, &floating, &sunk));
    }
    print(command, &device, &floating, &sunk)
}

impl Fit {
    /// What the models are wanted for: the use with the most conditions where nobody says.
    fn demand(&self, workload: Workload) -> Demand {
        let usage = self.usage.declared().unwrap_or(DEFAULT_USE);
        let needs = self.needs.iter().flat_map(|needs| needs.0.clone()).collect();
        Demand { usage, workload, needs }
    }

    /// For how much is predicted, in words.
    fn counted(&self) -> Vec<String> {
        let least = if self.context.is_none() { ", or as many as a model takes" } else { "" };
        let pictures = match self.pictures {
            None => Some("one picture of each model that sees (--pictures 0: none)".to_owned()),
            Some(0) => None,
            Some(n) => Some(pictures(n)),
        };
        let context = format!("{} tokens of context{least}", self.tokens());
        [Some(context), pictures, Some("every figure below is predicted, memory at its most".to_owned())]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Tokens of context of a model that takes so many.
    fn tokens(&self) -> usize {
        self.context.map_or(CONTEXT, NonZeroUsize::get)
    }
}

fn sorted<'a>(
    command: &Fit,
    question: &Question<'_>,
    catalog: &'a Catalog,
) -> anyhow::Result<(Vec<Floating<'a>>, Vec<Sunk>)> {
    let (mut floating, mut sunk) = (Vec::new(), Vec::new());
    for card in catalog.cards() {
        let gate = gate(&catalog.terms(&[], &[], Some(card)), &question.demand.usage);
        if gate.outcome == Outcome::Failed {
            let reasons: Vec<&str> = gate.decisive().map(|reason| reason.words.as_str()).collect();
            let (name, why) = (card.id.clone(), reasons.join("; "));
            sunk.push(Sunk { name, kind: "forbidden by the licence", why });
            continue;
        }
        if card.shapes.is_empty() {
            sunk.push(announced(question, catalog, card)?);
        }
        for shape in &card.shapes {
            match judged(command, question, catalog, (card, shape))? {
                Ok(found) => floating.push(found),
                Err(found) => sunk.push(found),
            }
        }
    }
    Ok((floating, sunk))
}

/// What can be said of a model whose shape is not published.
fn announced(question: &Question<'_>, catalog: &Catalog, card: &ModelCard) -> anyhow::Result<Sunk> {
    let found = question.of(catalog, card, None)?;
    let name = card.id.clone();
    let Some(least) = found.expected.at_least else {
        return Ok(Sunk { name, kind: "shape not known", why: "its shape is not published".to_owned() });
    };
    let takes = format!("its weights alone take at least {} as {}", bytes(least.bytes as f64), least.quantisation);
    Ok(match (found.expected.fits(), least.room) {
        (Floats::No, Some(room)) => {
            Sunk { name, kind: "too large", why: format!("{takes}, of at most {}", bytes(room.high)) }
        }
        _ => Sunk { name, kind: "shape not known", why: format!("its shape is not published; {takes}") },
    })
}

/// A checkpoint as it floats best, or why it does not.
fn judged<'a>(
    command: &Fit,
    question: &Question<'_>,
    catalog: &Catalog,
    (card, shape): (&ModelCard, &'a Shape),
) -> anyhow::Result<Result<Floating<'a>, Sunk>> {
    let no = |kind, why: String| Ok(Err(Sunk { name: predicted::name(card, shape), kind, why }));
    if command.context.is_some_and(|context| context.get() > shape.max_seq_len) {
        return no("too short a context", format!("its context ends at {} tokens", shape.max_seq_len));
    }
    // One that nobody asked for leaves no model out.
    let pictures = command.pictures.unwrap_or(0);
    let tokens = shape.vision.as_ref().map(|vision| vision.picture_tokens);
    match tokens {
        None if pictures > 0 => return no("cannot see", "it reads text only".to_owned()),
        Some(Some(tokens)) if pictures.saturating_mul(tokens) > command.tokens().min(shape.max_seq_len) => {
            let take = if pictures == 1 { "takes" } else { "take" };
            let most = pictures.saturating_mul(tokens);
            let why = format!("{} {take} up to {most} tokens", self::pictures(pictures));
            return no("too short a context", why);
        }
        _ => {}
    }
    let found = question.of(catalog, card, Some(shape))?;
    let Some(prediction) = found.expected.prediction.clone() else {
        return no("shape not known", "nothing is predicted of it".to_owned());
    };
    let floats = afloat(&prediction, &question.demand.needs);
    if floats == Floats::No {
        let (kind, why) = why_not(&question.demand.needs, &prediction);
        return no(kind, why);
    }
    if found.review.verdict.word == VerdictKind::Skip {
        return no("not worth a try by the panel", skipped(&found));
    }
    let needs_another_engine = !matches!(found.expected.engine, None | Some(OtherEngine::Device));
    Ok(Ok(Floating { shape, found, prediction, floats, needs_another_engine }))
}

/// Who would not try a model, and for what.
fn skipped(found: &Foreseen) -> String {
    let said = found.review.opinions.iter().filter(|opinion| opinion.call == Recommendation::Skip);
    said.map(|opinion| format!("{}: {}", opinion.name, opinion.paragraph.iter().map(Part::text).collect::<String>()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn why_not(needs: &[Need], prediction: &Prediction) -> (&'static str, String) {
    let stored = prediction.quantisation;
    if prediction.fits == Floats::No {
        let takes = bytes(prediction.memory.total.low);
        let room = prediction.room.map_or(String::new(), |room| format!(" of at most {}", bytes(room.high)));
        return ("too large", format!("takes {takes}{room} as {stored}"));
    }
    let unmet = needs.iter().find(|need| stands(need, prediction) == Floats::No);
    let why = match unmet.map(|need| (need.metric.as_str(), &need.text)) {
        Some(("peak_memory", need)) => format!("{need}: takes {} as {stored}", bytes(prediction.memory.total.low)),
        Some(("decode@0", need)) => {
            format!("{need}: decodes {} tokens/s as {stored}", predicted::speed(prediction.decode))
        }
        Some((_, need)) => format!("{need}: not as {stored}"),
        None => return ("too large", String::new()),
    };
    (UNMET, why)
}

fn print(command: &Fit, device: &Device, floating: &[Floating<'_>], sunk: &[Sunk]) -> anyhow::Result<()> {
    let style = Style::stdout();
    let mut rows = Rows::new(std::io::stdout().lock(), style);
    rows.many("device", &device.lines())?;
    rows.many("for", &command.counted())?;
    if let Some(memory) = command.memory {
        rows.many("memory", &[format!("{} at most, as asked", bytes(memory))])?;
    }
    let needs: Vec<String> = command.needs.iter().flat_map(|needs| &needs.0).map(|need| need.text.clone()).collect();
    rows.many("need", &needs)?;
    let usage = match command.usage.declared() {
        Some(usage) => usage.to_string(),
        None => format!("{DEFAULT_USE}; --use, --users and --region say otherwise"),
    };
    rows.many("use", &[usage])?;
    drop(rows);
    let mut out = std::io::stdout().lock();
    let shown = if command.all { floating.len() } else { floating.len().min(LISTED) };
    if !floating.is_empty() {
        writeln!(out, "\n{}", style.dim(&line("model", "stored", "memory", "decode/s", "verdict", "licence")))?;
    }
    for found in &floating[..shown] {
        writeln!(out, "{}", floating_line(found).trim_end())?;
    }
    writeln!(out)?;
    let mut rows = Rows::new(out, style);
    rows.many("panel", &[summary(floating, shown)])?;
    rows.many("bounded", &bounds(floating))?;
    rows.many("others", &[others(sunk, command.all)])?;
    if command.all {
        let excluded: Vec<String> = sunk.iter().map(|found| format!("{}: {}", found.name, found.why)).collect();
        rows.many("excluded", &excluded)?;
    }
    if floating[..shown].iter().any(|found| found.needs_another_engine) {
        rows.many("*", &["another engine would be needed: Plimsoll does not read its architecture".to_owned()])?;
    }
    if !floating.is_empty() {
        rows.many("ranked", &[RANKED_BY.to_owned()])?;
    }
    rows.many("next", &[next(device, floating)])?;
    Ok(())
}

/// `1 picture`, `2 pictures`.
fn pictures(n: usize) -> String {
    format!("{n} picture{}", if n == 1 { "" } else { "s" })
}

fn floating_line(found: &Floating<'_>) -> String {
    let p = &found.prediction;
    let gate = &found.found.review.licence;
    // The bounds themselves stand below the table.
    let licence = if gate.allowed_within().is_some() { "bounded".to_owned() } else { licence_words(gate) };
    let mark = if found.needs_another_engine { " *" } else { "" };
    line(
        &format!("{}{mark}", shown_text(&predicted::name(&found.found.card, found.shape), NAME - mark.len())),
        &p.quantisation.to_string(),
        &bytes(p.memory.total.high),
        &predicted::speed(p.decode),
        &found.found.review.verdict.word.to_string(),
        &shown_text(&licence, 12),
    )
}

fn line(name: &str, stored: &str, memory: &str, decode: &str, floats: &str, licence: &str) -> String {
    format!("{name:<NAME$} {stored:<6} {memory:>7}  {decode:<11} {floats:<7} {licence}")
}

/// Within what licences allow the use that bound it, each bound with the models that it holds for.
fn bounds(floating: &[Floating<'_>]) -> Vec<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for within in floating.iter().filter_map(|found| found.found.review.licence.allowed_within()) {
        *found.entry(within).or_default() += 1;
    }
    found.into_iter().map(|(within, n)| format!("{within} ({n} of them): declare --users and --region")).collect()
}

fn summary(floating: &[Floating<'_>], shown: usize) -> String {
    let tried = floating.iter().filter(|found| found.found.review.verdict.word == VerdictKind::Try).count();
    let perhaps = floating.len() - tried;
    let hidden = floating.len() - shown;
    let all = if hidden > 0 { format!("; {hidden} more with --all") } else { String::new() };
    match (tried, perhaps) {
        (0, 0) => "none of the catalogue's models".to_owned(),
        (_, 0) => format!("{} to try{all}", checkpoints(tried)),
        _ => format!("{} to try, {perhaps} perhaps{all}", checkpoints(tried)),
    }
}

/// `1 checkpoint`, `2 checkpoints`: of one model there may be several.
fn checkpoints(n: usize) -> String {
    format!("{n} checkpoint{}", if n == 1 { "" } else { "s" })
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
    let words = |kind, n| if kind == UNMET && n == 1 { "misses a need" } else { kind };
    let counts: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {}", words(*kind, *n))).collect();
    format!("{}{}", counts.join(", "), if all_told { "" } else { "; --all says why" })
}

/// A command that leads on.
fn next(device: &Device, floating: &[Floating<'_>]) -> String {
    // One that this program runs, where there is one: the others cannot be measured with it.
    match floating.iter().find(|found| !found.needs_another_engine).or(floating.first()) {
        Some(first) => format!(
            "`plimsoll info {}{}` predicts every quantisation; how good its answers are only a measurement tells: fetch \
             two that float and `plimsoll compare` them",
            first.found.card.id,
            device.flag()
        ),
        None => "ask for less: fewer needs, a shorter --context, or another --device".to_owned(),
    }
}

fn as_value(
    command: &Fit,
    question: &Question<'_>,
    device: &Device,
    floating: &[Floating<'_>],
    sunk: &[Sunk],
) -> Value {
    let model = |found: &Floating<'_>| {
        json!({
            "id": found.found.card.id, "hub": found.shape.hub, "parameters": found.shape.parameters,
            "licence": found.found.card.licence.as_ref().or(found.found.card.licence_as_announced.as_ref()),
            "gate": found.found.review.licence, "floats": found.floats, "predicted": found.prediction,
            "verdict": found.found.review.verdict, "chosen": found.found.chosen, "review": found.found.review,
            "standing": found.shape.provenance.worst(),
        })
    };
    json!({
        "device": device.as_value(), "context": question.wish.context, "pictures": question.wish.pictures,
        "needs": command.needs.iter().flat_map(|needs| &needs.0).collect::<Vec<_>>(),
        "use": question.demand.usage, "workload": question.demand.workload, "ranked_by": RANKED_BY,
        "models": floating.iter().map(model).collect::<Vec<_>>(),
        "others": sunk.iter().map(|s| json!({ "name": s.name, "kind": s.kind, "why": s.why })).collect::<Vec<_>>(),
    })
}
