//! `plimsoll catalog`

use std::io::Write;

use anyhow::bail;
use plimsoll_catalog::{Catalog, Category, ModelCard};
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::args::CatalogArgs;
use crate::card::write_card;
use crate::catalogue;
use crate::licence::Licensing;
use crate::model;
use crate::rows::Rows;
use crate::style::Style;

/// Lists the cards, or shows one.
pub fn run(command: &CatalogArgs, as_json: bool) -> anyhow::Result<()> {
    let catalog = catalogue::open()?;
    let Some(name) = &command.name else { return list(catalog, as_json) };
    match catalog.resolve(name) {
        Some(card) => {
            let artifact = model::locate(&card.id).ok();
            show(card, artifact.as_deref(), &Licensing::of(None, Some(card), None)?, as_json)
        }
        None => bail!("no card of the catalogue is called `{name}`"),
    }
}

fn list(catalog: &Catalog, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return super::print_json(&json!({ "cards": catalog.cards().collect::<Vec<_>>() }));
    }
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    writeln!(out, "{}", style.dim(&line("id", "maker", "sees", "licence")))?;
    for card in catalog.cards() {
        let licence = card.licence.as_deref().or(card.licence_as_announced.as_deref()).unwrap_or("unknown");
        let sees = match card.category {
            Category::Text => "",
            Category::VisionLanguage => "yes",
        };
        let licence = licence.strip_prefix("LicenseRef-").unwrap_or(licence);
        writeln!(
            out,
            "{}",
            line(&shown_text(&card.id, 26), &shown_text(&card.maker, 14), sees, &shown_text(licence, 32))
        )?;
    }
    Ok(())
}

fn line(id: &str, maker: &str, sees: &str, licence: &str) -> String {
    format!("{id:<26} {maker:<14} {sees:<5} {licence}")
}

/// One card with the terms of its licence; where no files of it are known it is said to be unmeasured.
pub fn show(card: &ModelCard, artifact: Option<&str>, licensing: &Licensing, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut value = json!({ "card": card, "artifact": artifact });
        licensing.add_to(&mut value);
        return super::print_json(&value);
    }
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    write_card(&mut rows, card)?;
    let announced = card.licence_as_announced.iter().map(|words| format!("announced: {words}"));
    let licence: Vec<String> = announced.chain([format!("taken for {}", licensing.taken_for())]).collect();
    rows.many("licence", &licence)?;
    rows.many("terms", &licensing.term_lines())?;
    rows.many("gate", &licensing.gate_lines())?;
    let here = artifact.unwrap_or("unmeasured: no artifact known here");
    rows.many("here", &[here.to_owned()])?;
    Ok(())
}
