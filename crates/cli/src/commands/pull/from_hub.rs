//! From a repository of the hub into the cache.

use std::io::Write;

use plimsoll_catalog::ModelCard;
use plimsoll_fetch::{Cancel, Hub, HubReference, Plan, Pulled, Want};
use plimsoll_lab::predict::here;
use serde_json::{Value, json};

use super::preview::{self, Preview};
use super::shown::{Bars, disk_words, fetch_words, left_words, room_words, state_words};
use super::{ask, cancel_at_interrupt, tell_done};
use crate::args::Pull;
use crate::device::bytes;
use crate::hub;
use crate::licence::Licensing;
use crate::mistake::Mistake;
use crate::rows::Rows;
use crate::style::Style;

/// All that is told before a weight is fetched.
struct Told<'a> {
    reference: &'a HubReference,
    card: Option<&'static ModelCard>,
    plan: Plan,
    /// The model as its headers tell it, or why they cannot.
    preview: Result<Preview, String>,
    licensing: Licensing,
}

/// Tells, asks, fetches.
pub fn pull(
    command: &Pull,
    reference: &HubReference,
    card: Option<&'static ModelCard>,
    as_json: bool,
) -> anyhow::Result<()> {
    let hub = Hub::new(&hub::endpoint(command.from.as_deref()), hub::options(command.token_from.as_deref())?)?;
    let (cache, store, cancel) = (hub::cache()?, hub::ollama_store(), cancel_at_interrupt()?);
    let listing = hub.listing(reference, &cancel)?;
    let want = Want { quantisation: reference.quantisation.clone(), mmproj: command.mmproj };
    let elsewhere = |digest: &_| store.as_ref().and_then(|store| store.blob_of(digest));
    let plan = hub.plan(&listing, &want, &cache, &elsewhere, &cancel)?;
    let told = told(command, &hub, reference, card, plan, &cancel)?;
    if !as_json {
        told.print()?;
    }
    if command.dry_run {
        return if as_json { crate::output::print_json(&told.as_value(None)) } else { Ok(()) };
    }
    if !told.licensing.allows() {
        let hint = "without --use it is fetched, and the licence stays what it is";
        return Err(Mistake::error("the licence does not allow the use that was declared", hint));
    }
    told.plan.disk.require()?;
    if !told.plan.is_here() {
        ask(&format!("fetch {}?", bytes(told.plan.to_fetch() as f64)), command.yes)?;
    }
    let mut bars = Bars::new();
    let pulled = hub.pull(&told.plan, &cache, &mut |event| bars.hear(&event), &cancel);
    bars.done();
    let pulled = pulled?;
    tell_done(command, pulled.model(), told.as_value(Some(&pulled)), as_json)
}

fn told<'a>(
    command: &Pull,
    hub: &Hub,
    reference: &'a HubReference,
    card: Option<&'static ModelCard>,
    plan: Plan,
    cancel: &Cancel,
) -> anyhow::Result<Told<'a>> {
    let preview = preview::look(hub, &plan, command.context, cancel).map_err(|error| error.to_string());
    let facts = preview.as_ref().ok().map(|preview| &preview.checkpoint.licence);
    let licensing = Licensing::of(facts, card, command.usage.declared())?;
    Ok(Told { reference, card, plan, preview, licensing })
}

impl Told<'_> {
    fn print(&self) -> anyhow::Result<()> {
        let plan = &self.plan;
        let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
        let name = match self.card {
            Some(card) => format!("{}, by {} (`plimsoll catalog {}`)", card.name, card.maker, card.id),
            None => plan.repository.clone(),
        };
        rows.many("model", &[name])?;
        rows.many(
            "from",
            &[format!("{}, commit {}", self.reference, plan.commit.chars().take(12).collect::<String>())],
        )?;
        self.files(&mut rows)?;
        rows.many("disk", &[disk_words(&plan.disk)])?;
        self.memory(&mut rows)?;
        self.licence(&mut rows)
    }

    fn files(&self, rows: &mut Rows<impl Write>) -> anyhow::Result<()> {
        let plan = &self.plan;
        let label = plan.quantisation.as_ref().map_or(String::new(), |label| format!(", {label}"));
        let files = format!("{} in {} files{label}", bytes(plan.bytes() as f64), plan.files.len());
        rows.many("files", &[files])?;
        let weights: Vec<String> = plan
            .weights()
            .map(|file| format!("{}, {}{}", file.name, bytes(file.bytes as f64), state_words(&file.state)))
            .collect();
        rows.many("", &shortened(weights))?;
        rows.many("", &left_words(plan.left_out).into_iter().collect::<Vec<_>>())?;
        if plan.has_other_projector {
            rows.many("", &["--mmproj fetches a projector too, with which it sees".to_owned()])?;
        }
        Ok(rows.many("to fetch", &[fetch_words(plan.is_here(), plan.to_fetch())])?)
    }

    fn memory(&self, rows: &mut Rows<impl Write>) -> anyhow::Result<()> {
        let memory = match &self.preview {
            Ok(preview) => &preview.memory,
            Err(problem) => return Ok(rows.many("memory here", &[format!("not predicted: {problem}")])?),
        };
        let total = memory.total();
        rows.many("memory here", &[format!("{} for {} tokens, predicted", bytes(total as f64), memory.tokens)])?;
        Ok(rows.many("", &[room_words(total as f64, here::memory())])?)
    }

    fn licence(&self, rows: &mut Rows<impl Write>) -> anyhow::Result<()> {
        let declared = self.plan.licence.as_deref().unwrap_or("nothing is declared");
        rows.many("licence", &[format!("{declared}; taken for {}", self.licensing.taken_for())])?;
        if self.plan.gated {
            rows.many("", &["its maker asks for a login and for its terms to be accepted first".to_owned()])?;
        }
        rows.many("terms", &self.licensing.term_lines())?;
        Ok(rows.many("gate", &self.licensing.gate_lines())?)
    }

    fn as_value(&self, pulled: Option<&Pulled>) -> Value {
        let predicted = match &self.preview {
            Ok(preview) => json!({ "memory": preview.memory, "memory_bytes": preview.memory.total() }),
            Err(problem) => json!({ "error": problem }),
        };
        let mut value = json!({
            "name": self.reference.to_string(), "plan": self.plan, "bytes": self.plan.bytes(),
            "to_fetch": self.plan.to_fetch(), "predicted": predicted, "card": self.card.map(|card| &card.id),
            "path": pulled.map(Pulled::model), "fetched": pulled.map(|pulled| pulled.fetched),
            "mmproj": pulled.and_then(|pulled| pulled.mmproj.as_ref()),
        });
        self.licensing.add_to(&mut value);
        value
    }
}

/// The first few of many.
fn shortened(mut lines: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 4;
    if lines.len() > SHOWN + 1 {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}
