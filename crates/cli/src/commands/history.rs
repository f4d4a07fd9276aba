//! `plimsoll history`

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use plimsoll_panel::digest::asked_of;
use plimsoll_panel::store::{Judged, StoreError};
use plimsoll_panel::{model_id, shown_text, slug};
use serde_json::json;

use crate::args::History;
use crate::model::NoModel;
use crate::output;
use crate::style::Style;
use crate::{catalogue, demo, evidence, model};

/// Characters of a model's name and of a device.
const NAME: usize = 18;
const DEVICE: usize = 78;

/// Lists what the panel said, the latest first.
pub fn run(command: &History, as_json: bool) -> anyhow::Result<()> {
    let store = match evidence::open_to_read(&command.store) {
        // Before the first comparison there is none; one that was named is missed.
        Err(error) if command.store.store.is_none() && is_of_absence(&error) => None,
        opened => Some(opened?),
    };
    let found: Vec<Judged> = match (&store, &command.model) {
        (None, _) => Vec::new(),
        (Some(store), None) => store.history(None, command.most)?,
        (Some(store), Some(model)) => {
            let mut found = Vec::new();
            for id in ids(model)? {
                found.extend(store.history(Some(&id), command.most)?);
            }
            found.sort_by(|a, b| b.created.cmp(&a.created));
            found.truncate(command.most);
            found
        }
    };
    let asked = |judged: &Judged| -> anyhow::Result<Option<String>> {
        let Some(store) = &store else { return Ok(None) };
        Ok(store.questions_of(&judged.comparison)?.as_ref().map(asked_of))
    };
    if as_json {
        let with_questions = |judged: &Judged| -> anyhow::Result<serde_json::Value> {
            let mut value = serde_json::to_value(judged)?;
            value["questions"] = json!(asked(judged)?);
            Ok(value)
        };
        let verdicts = found.iter().map(with_questions).collect::<Result<Vec<_>, _>>()?;
        return output::print_json(&json!({ "verdicts": verdicts }));
    }
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    if found.is_empty() {
        if let Some(model) = &command.model {
            known_or_said(model)?;
        }
        let of = command.model.as_ref().map_or(String::new(), |model| format!(" of {}", shown_text(model, NAME)));
        writeln!(out, "no verdicts{of} in {}", evidence::path(&command.store)?.display())?;
        writeln!(out, "`plimsoll compare A B` measures two models and keeps the panel's verdict of both")?;
        return Ok(());
    }
    for judged in &found {
        let name = shown_text(catalogue::name_of(&judged.model)?, NAME);
        let when = judged.created.get(..16).unwrap_or(&judged.created).replace('T', " ");
        let line = shown_text(&format!("{name:<NAME$}  {}", judged.verdict), DEVICE - when.len());
        writeln!(out, "{when}  {}", style.bold(&line))?;
        let about = format!("{}, {}", judged.usage, judged.device);
        let id = judged.comparison.get(..12).unwrap_or(&judged.comparison);
        writeln!(out, "  {}", style.dim(&shown_text(&about, DEVICE)))?;
        let questions = asked(judged)?.map_or(String::new(), |asked| format!(", {asked}"));
        writeln!(out, "  {}", style.dim(&shown_text(&format!("comparison {id}{questions}"), DEVICE)))?;
        if let Some(reason) = &judged.withdrawn {
            writeln!(out, "  {}", style.dim(&shown_text(&format!("withdrawn: {reason}"), DEVICE)))?;
        }
    }
    Ok(())
}

fn is_of_absence(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Absent { .. }))
}

/// That there is nothing of a model is told only of one that there is.
fn known_or_said(name: &str) -> anyhow::Result<()> {
    let catalog = catalogue::open()?;
    let is_known = catalog.resolve(model::known_as(name)).is_some() || Path::new(name).exists();
    if is_known || demo::files(name).is_some() { Ok(()) } else { Err(NoModel::of(name, catalog).into()) }
}

/// Names by which verdicts of the model are found: its card's, its files', or what was given as an address has it.
fn ids(model: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::from([slug(model)]);
    ids.extend(catalogue::open()?.resolve(model).map(|card| slug(&card.id)));
    if Path::new(model).exists() {
        let checkpoint = model::open_files(model)?;
        ids.insert(model_id(catalogue::card_of(model, &checkpoint)?, model, &checkpoint.name));
    }
    Ok(ids)
}
