//! `plimsoll compare` of models whose files are not on this machine: what the panel says before anything is fetched.

use std::io::Write;
use std::path::Path;

use plimsoll_catalog::ModelCard;
use plimsoll_panel::judge::{Demand, Outlook, Question, Wish};
use plimsoll_panel::predicted::{CONTEXT, Costs};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Detail, Style as TextStyle, render_outlook};
use serde_json::json;

use crate::args::Compare;
use crate::catalogue;
use crate::device::Device;
use crate::mistake::Mistake;
use crate::model::{self, NoArtifact};
use crate::output;
use crate::predicted::require_context;
use crate::settings::Settings;
use crate::style::Style;

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

/// Refuses what only a measurement can honour.
fn refuse_measuring(names: &[&str], command: &Compare) -> anyhow::Result<()> {
    let mut flags = command.measure.measuring_flags();
    flags.extend((command.report != Path::new(".")).then_some("--report"));
    let listed = flags.join(", ");
    let (are, them) = if flags.len() == 1 { ("is", "it") } else { ("are", "them") };
    match (&flags[..], &command.on.device) {
        ([], _) => Ok(()),
        (_, Some(device)) => Err(Mistake::error(
            format!("{listed} {are} of a measurement, and with --device nothing is measured"),
            format!("leave {them} out to see what is predicted for {device}, or leave --device out to measure here"),
        )),
        (_, None) => {
            let missing = names.iter().find(|name| model::locate(name).is_err()).copied().unwrap_or_default();
            Err(Mistake::error(
                format!("{listed} {are} of a measurement, and the files of `{missing}` are not on this machine"),
                format!(
                    "leave {them} out to see what is predicted; `plimsoll info {missing}` says where its files are from"
                ),
            ))
        }
    }
}

/// Judges all of them by what is predicted, and prints which to try first.
pub fn run(
    names: &[&str],
    cards: &[&ModelCard],
    command: &Compare,
    settings: &Settings,
    as_json: bool,
) -> anyhow::Result<()> {
    refuse_measuring(names, command)?;
    for card in cards {
        if let Some(shape) = card.shapes.first() {
            require_context(card, shape, command.measure.filling.context)?;
        }
    }
    let rubric = command.measure.rubric.as_deref().map_or_else(|| Ok(Rubric::builtin()), Rubric::open)?;
    let device = Device::of(command.on.device.as_deref(), settings)?;
    let demand = command.measure.demand_or(device.target().workload());
    let context = command.measure.filling.context.unwrap_or(CONTEXT);
    let outlook = outlook(cards, &device, Wish { context, ..Wish::default() }, &demand, &rubric)?;
    if as_json {
        let mut value = serde_json::to_value(&outlook)?;
        value["measured"] = json!(false);
        value["on"] = device.as_value();
        return output::print_json(&value);
    }
    let style = if Style::stdout().coloured() { TextStyle::Ansi } else { TextStyle::Plain };
    let detail = if command.full { Detail::Full } else { Detail::Summary };
    write!(std::io::stdout().lock(), "{}", render_outlook(&outlook, &device.lines(), style, detail))?;
    Ok(())
}

/// What the panel says of the first checkpoint of each card.
pub fn outlook(
    cards: &[&ModelCard],
    device: &Device,
    wish: Wish,
    demand: &Demand,
    rubric: &Rubric,
) -> anyhow::Result<Outlook> {
    let catalog = catalogue::open()?;
    let costs = Costs::default();
    let question = Question { target: device.target(), wish, demand, rubric, costs: &costs };
    let models =
        cards.iter().map(|card| question.of(catalog, card, card.shapes.first())).collect::<Result<Vec<_>, _>>()?;
    Ok(Outlook::of(&question, models))
}
