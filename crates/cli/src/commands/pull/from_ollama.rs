//! From Ollama's registry into its store.

use plimsoll_fetch::{LayerKind, OLLAMA, OllamaPlan, OllamaReference, OllamaRegistry};
use serde_json::json;

use super::shown::{Bars, disk_words, fetch_words, state_words};
use super::{ask, cancel_at_interrupt, tell_done};
use crate::args::Pull;
use crate::device::bytes;
use crate::hub;
use crate::mistake::Mistake;
use crate::rows::Rows;
use crate::style::Style;

/// Tells, asks, fetches.
pub fn pull(command: &Pull, reference: &OllamaReference, as_json: bool) -> anyhow::Result<()> {
    let store = hub::ollama_store()
        .ok_or_else(|| Mistake::error("there is no folder for Ollama's store", "OLLAMA_MODELS names the folder"))?;
    let endpoint = command.from.as_deref().unwrap_or(OLLAMA);
    let registry = OllamaRegistry::new(endpoint, hub::options(command.token_from.as_deref())?)?;
    let cancel = cancel_at_interrupt()?;
    let plan = registry.plan(reference, &store, &cancel)?;
    if !as_json {
        print(&plan)?;
    }
    if command.dry_run {
        return if as_json { crate::output::print_json(&json!({ "name": plan.name, "plan": plan })) } else { Ok(()) };
    }
    plan.disk.require()?;
    if !plan.is_here() {
        ask(&format!("fetch {}?", bytes(plan.to_fetch() as f64)), command.yes)?;
    }
    let mut bars = Bars::new();
    let model = registry.pull(&plan, &store, &mut |event| bars.hear(&event), &cancel);
    bars.done();
    let model = model?;
    let value = json!({ "name": plan.name, "plan": plan, "path": model.weights, "mmproj": model.projector });
    tell_done(command, &model.weights, value, as_json)
}

fn print(plan: &OllamaPlan) -> anyhow::Result<()> {
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    rows.many("model", std::slice::from_ref(&plan.name))?;
    let layers: Vec<String> = plan
        .layers
        .iter()
        .filter(|planned| planned.layer.kind != LayerKind::Config)
        .map(|planned| {
            let (kind, size) = (planned.layer.kind.name(), bytes(planned.layer.bytes as f64));
            format!("{kind}, {size}{}", state_words(&planned.state))
        })
        .collect();
    rows.many("layers", &layers)?;
    rows.many("to fetch", &[fetch_words(plan.is_here(), plan.to_fetch())])?;
    rows.many("disk", &[disk_words(&plan.disk)])?;
    let note = "what it takes and what its licence allows is told by `plimsoll info` once it is here";
    Ok(rows.many("", &[note.to_owned()])?)
}
