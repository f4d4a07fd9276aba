//! Models of which nothing was measured, side by side on a terminal of 80 columns: the verdict, what it rests on, and the
//! verdict again.

use plimsoll_catalog::Outcome;

use super::{Detail, Style, WIDTH, wrapped};
use crate::columns::{fitted, padded};
use crate::foreign::shown_text;
use crate::judge::{Foreseen, Opinion, Outlook, Part, VerdictKind, predicted_text};

/// Widths of the columns with one blank between each; together no more than [`WIDTH`].
const COLUMNS: [usize; 6] = [24, 10, 6, 12, 12, 11];
/// Widths of the reviewers' table, for no more than three models.
const CALLS: [usize; 4] = [10, 22, 22, 22];
/// Models beside each other in the reviewers' table.
const ABREAST: usize = 3;
/// Characters of a label at the left.
const LABEL: usize = 11;
/// Models whose verdicts stand at the top; the table has them all.
const ATOP: usize = 3;

/// The verdict, what is predicted of each model, what was published of it, what a measurement would add, and the verdict
/// again; each line at most 80 columns. `device` says what is known of the device.
pub fn render_outlook(outlook: &Outlook, device: &[String], style: Style, detail: Detail) -> String {
    let mut out = head(outlook, style);
    out += &format!("\n{}", table(outlook, style));
    out += &format!("\n{}", calls(outlook, style));
    let device = if detail == Detail::Full { device } else { &device[..device.len().min(1)] };
    out += &labelled("device", device);
    let stored = outlook.ranked().filter_map(|model| {
        let (prediction, chosen) = (model.expected.prediction.as_ref()?, model.chosen?);
        Some(format!("{} as {}: {}", model.card.name, prediction.quantisation, chosen.words()))
    });
    out += &labelled("stored", &alike(outlook, stored.collect()));
    out += &labelled("licence", &bounds(outlook));
    out += &labelled("price", &prices(outlook));
    out += &labelled("published", &outlook.ranked().filter_map(published).collect::<Vec<_>>());
    if detail == Detail::Full {
        out += &full(outlook, style);
    } else {
        out += &labelled("claimed", &claims(outlook));
    }
    out += &labelled("to measure", &[format!("would tell {}", outlook.advice.adds_text())]);
    out += &labelled("next", &next(outlook));
    out + &format!("\n{}\n", style.bold(&wrapped(&shown(&outlook.advice.text()))))
}

/// Commands that lead on, and what they bring; or that there is nothing to fetch that would run.
fn next(outlook: &Outlook) -> Vec<String> {
    let mut lines = outlook.next();
    if lines.is_empty() {
        let is_out = outlook.models.iter().all(|model| model.review.verdict.word == VerdictKind::Skip);
        let why = if is_out {
            "nothing: none is worth a try for this"
        } else {
            "none that is worth a try has published files that run here"
        };
        return vec![why.to_owned()];
    }
    lines.extend(outlook.fetched());
    lines
}

/// What is foreign, for a terminal.
fn shown(text: &str) -> String {
    shown_text(text, 4000)
}

fn head(outlook: &Outlook, style: Style) -> String {
    let title = format!("{} ({})", outlook.advice.title, outlook.wanted());
    let mut out = format!("{}\n", style.bold(&wrapped(&shown(&title))));
    for model in outlook.ranked().take(ATOP) {
        let verdict = &model.review.verdict;
        let name = shown_text(&model.card.name, 30);
        let said = format!("{name}: {} ({})", verdict.marked(), verdict.counts());
        out += &format!("{}\n", shown_text(&said, WIDTH));
    }
    out + "No figure here was measured: memory and speed are predicted, answers are not.\n"
}

/// A row for each model, in their order.
fn table(outlook: &Outlook, style: Style) -> String {
    let pictures = match outlook.pictures {
        0 => String::new(),
        1 => ", one picture where a model sees".to_owned(),
        n => format!(", {n} pictures where a model sees"),
    };
    let mut about = format!("Predicted for {}: {} tokens of context{pictures}", outlook.device, outlook.context);
    for (model, tokens) in outlook.shorter() {
        about += &format!("; {tokens} of {}, where its context ends", model.card.name);
    }
    let mut out = format!("{}\n", wrapped(&shown(&about)));
    let heads = ["", "verdict", "stored", "memory", "decode/s", "licence"].map(str::to_owned);
    out += &format!("{}\n", style.bold(&row(&heads)));
    for model in outlook.ranked() {
        let figure = |metric: &str| {
            let found = model.figure(metric).map(predicted_text);
            found.map_or("not known".to_owned(), |text| text.trim_end_matches(" tokens/s").to_owned())
        };
        let stored = model.quantisation().map_or("–".to_owned(), |stored| stored.to_string());
        let word = model.review.verdict.word.to_string();
        let name = shown_text(&model.card.name, COLUMNS[0]);
        let memory = model.figure("memory_at_least").map(|bound| format!("≥ {}", predicted_text(bound)));
        let memory = memory.unwrap_or_else(|| figure("peak_memory"));
        out += &format!("{}\n", row(&[name, word, stored, memory, figure("decode@0"), licence(model)]));
    }
    out
}

fn row(cells: &[String; 6]) -> String {
    padded(cells.each_ref().map(String::as_str), COLUMNS)
}

fn licence(model: &Foreseen) -> String {
    let gate = &model.review.licence;
    match gate.outcome {
        Outcome::Passed => "allowed",
        Outcome::Failed => "not allowed",
        Outcome::Unknown if gate.allowed_within().is_some() => "bounded",
        Outcome::Unknown => "not known",
    }
    .to_owned()
}

/// The call and the score of each reviewer, where so many models stand side by side.
fn calls(outlook: &Outlook, style: Style) -> String {
    let models: Vec<&Foreseen> = outlook.ranked().collect();
    if models.len() > ABREAST {
        return String::new();
    }
    let cells = |first: &str, of: &dyn Fn(&Foreseen) -> String| {
        let mut cells = [const { String::new() }; 4];
        first.clone_into(&mut cells[0]);
        for (cell, model) in cells[1..].iter_mut().zip(&models) {
            *cell = of(model);
        }
        padded(cells.each_ref().map(String::as_str), CALLS)
    };
    let mut out = format!("{}\n", style.bold(&cells("Panel", &|model| shown_text(&model.card.name, CALLS[1]))));
    let reviewers = models.first().map_or(&[][..], |model| &model.review.opinions);
    for (at, reviewer) in reviewers.iter().enumerate() {
        out += &format!("{}\n", cells(&reviewer.name, &|model| call(&model.review.opinions[at])));
    }
    out
}

fn call(opinion: &Opinion) -> String {
    match opinion.range() {
        Some(range) => format!("{} ({range})", opinion.call.words()),
        None => opinion.call.words().to_owned(),
    }
}

/// One line where the same holds of all.
fn alike(outlook: &Outlook, lines: Vec<String>) -> Vec<String> {
    let stored = |model: &Foreseen| model.quantisation().zip(model.chosen);
    let first = outlook.ranked().find_map(stored);
    match first {
        Some((stored_as, chosen)) if outlook.ranked().filter_map(stored).all(|other| other == (stored_as, chosen)) => {
            vec![format!("as {stored_as}: {}", chosen.words())]
        }
        _ => lines,
    }
}

/// Within what a licence allows the use, or why that cannot be told; duties stand in the reviewers' words.
fn bounds(outlook: &Outlook) -> Vec<String> {
    let told = outlook.ranked().filter(|model| model.review.licence.outcome != Outcome::Passed);
    let line = |model: &Foreseen| {
        let gate = &model.review.licence;
        let why = || gate.decisive().map(|reason| reason.words.clone()).collect::<Vec<_>>().join("; ");
        format!("{}: {}", model.card.name, gate.allowed_within().unwrap_or_else(why))
    };
    told.map(line).collect()
}

fn prices(outlook: &Outlook) -> Vec<String> {
    let of = |model: &Foreseen| match model.card.prices.first() {
        Some(price) => format!("{} {} ({})", price.what, price.text, price.date),
        None => "not known".to_owned(),
    };
    let mut all: Vec<String> = outlook.ranked().map(of).collect();
    all.dedup();
    match &all[..] {
        [one] => vec![format!("{one}, of each")],
        _ => outlook.ranked().map(|model| format!("{}: {}", model.card.name, of(model))).collect(),
    }
}

/// What others published, with its split, as it was published.
fn published(model: &Foreseen) -> Option<String> {
    let panel = model.card.published.as_ref()?;
    let said = format!("{}, {} %, {}", panel.verdict, panel.share, panel.split());
    Some(format!("{}: {said}", model.card.name))
}

/// One claim of each model, and how many there are besides.
fn claims(outlook: &Outlook) -> Vec<String> {
    let line = |model: &Foreseen| {
        let [claim, rest @ ..] = &model.card.claims[..] else { return None };
        let more = if rest.is_empty() { String::new() } else { format!("; {} more with --full", rest.len()) };
        let how = if claim.verified { "confirmed" } else { "not verified" };
        Some(format!("{}: {} ({how}{more})", model.card.name, claim.text.trim_end_matches('.')))
    };
    outlook.ranked().filter_map(line).take(ABREAST).collect()
}

/// What each reviewer says of each model, and how its figures came about.
fn full(outlook: &Outlook, style: Style) -> String {
    let mut out = String::new();
    for model in outlook.ranked() {
        out += &format!("\n{}\n", style.bold(&shown_text(&model.card.name, WIDTH)));
        for veto in &model.review.vetoes {
            out += &format!("{}\n", wrapped(&shown(&format!("Veto: {}", veto.text()))));
        }
        for opinion in &model.review.opinions {
            let said: String = opinion.paragraph.iter().map(Part::text).collect();
            out += &format!("{}\n", wrapped(&shown(&format!("{}, {}: {said}", opinion.name, call(opinion)))));
        }
        let derived = model.expected.prediction.iter().flat_map(|prediction| &prediction.derived);
        for line in derived.chain(&model.figures.as_ref().map(|figures| format!("its shape: {figures}"))) {
            out += &format!("{}\n", style.dim(&wrapped(&shown(line))));
        }
    }
    if out.is_empty() { out } else { format!("{out}\n") }
}

/// Lines behind a label, broken within the terminal's width; nothing where there are none.
fn labelled(label: &str, lines: &[String]) -> String {
    let mut out = String::new();
    let mut label = label;
    for line in lines {
        for line in fitted(&shown(line), WIDTH - LABEL - 1, 2) {
            out += &format!("{label:<LABEL$} {line}\n");
            label = "";
        }
    }
    out
}
