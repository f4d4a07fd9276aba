//! What was written for MLX, for a person and for a machine.

use std::io::Write as _;
use std::path::Path;

use plimsoll_export::mlx::{Plan, Planned};
use plimsoll_lab::loss::beside::Losses;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use super::widths::Widths;
use crate::args::ExportMlx;
use crate::device::bytes;

/// For a machine.
pub fn document(command: &ExportMlx, plan: &Plan, widths: &Widths, losses: &Losses, path: &Path) -> Value {
    let tensors = plan.tensors.iter().map(|planned| {
        let (tensor, grid) = (&planned.source.tensor, planned.form.grid());
        json!({
            "name": tensor.name, "shape": tensor.shape, "from": tensor.dtype().name(), "bytes": planned.bytes(),
            "bits": grid.map(|grid| grid.bits()), "group": grid.map(|grid| grid.group()),
        })
    });
    let folder = (!command.dry_run).then(|| path.display().to_string());
    json!({
        "model": command.model, "folder": folder, "exact": command.exact, "floats": plan.floats.name(),
        "bits": plan.usual.map(|usual| usual.bits), "group": plan.usual.map(|usual| usual.group),
        "tensors": tensors.collect::<Vec<_>>(), "bytes": plan.bytes(), "notes": plan.notes,
        "fit": widths.told, "losses": losses,
    })
}

/// For a person.
pub fn print(command: &ExportMlx, plan: &Plan, widths: &Widths, path: &Path) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let how = |planned: &Planned| match planned.form.grid() {
        Some(grid) => format!("{} bits by {}", grid.bits(), grid.group()),
        None => plan.floats.name().to_owned(),
    };
    if command.dry_run {
        for planned in &plan.tensors {
            let (tensor, name) = (&planned.source.tensor, shown_text(&planned.source.tensor.name, 60));
            writeln!(out, "{name:48} {:>18} {:>6} to {}", format!("{:?}", tensor.shape), tensor.dtype(), how(planned))?;
        }
    }
    let mut kinds: Vec<(String, usize, u64)> = Vec::new();
    for planned in &plan.tensors {
        let (how, size) = (how(planned), planned.bytes());
        match kinds.iter_mut().find(|(found, ..)| *found == how) {
            Some(found) => (found.1, found.2) = (found.1 + 1, found.2 + size),
            None => kinds.push((how, 1, size)),
        }
    }
    for (how, tensors, size) in kinds {
        writeln!(out, "{how:12} {tensors:5} tensors  {:>10}", bytes(size as f64))?;
    }
    widths.told.iter().try_for_each(|told| writeln!(out, "{told}"))?;
    let width = plan.bytes() as f64 * 8.0 / plan.parameters().max(1) as f64;
    let size = format!("{}, {width:.2} bits a weight", bytes(plan.bytes() as f64));
    match command.dry_run {
        true => writeln!(out, "{size}; nothing was written"),
        false => writeln!(out, "{}  {size}", shown_text(&path.display().to_string(), 200)),
    }
}
