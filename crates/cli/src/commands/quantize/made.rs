//! What was made, for a person and for a machine.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use plimsoll_kernels::DType;
use plimsoll_lab::loss::Stored;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use super::plan::Planned;
use crate::allocation::Told;
use crate::args::Quantize;
use crate::device::bytes;
use crate::loss;

/// A file, or what it would be.
pub struct Made<'a> {
    pub command: &'a Quantize,
    pub path: &'a Path,
    pub plan: &'a [Planned<'a>],
    /// What was found where types were chosen.
    pub fitted: Option<&'a Told>,
    /// What was measured.
    pub stored: Option<&'a Stored>,
}

impl Made<'_> {
    /// For a machine.
    pub fn document(&self) -> Value {
        let tensors = self.plan.iter().map(|planned| {
            json!({
                "name": planned.tensor.name, "shape": planned.tensor.shape, "from": planned.tensor.dtype().name(),
                "to": planned.to.name(), "asked": planned.asked.map(DType::name), "bytes": planned.bytes(),
            })
        });
        let file = (!self.command.dry_run).then(|| self.path.display().to_string());
        json!({
            "model": self.command.model, "mix": self.command.mix().map(|mix| mix.name()), "file": file,
            "tensors": tensors.collect::<Vec<_>>(), "bytes": self.plan.iter().map(Planned::bytes).sum::<u64>(),
            "fit": self.fitted, "loss": self.stored.map(|stored| &stored.loss),
        })
    }

    /// For a person.
    pub fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.command.dry_run {
            for planned in self.plan {
                let (tensor, name) = (&planned.tensor, shown_text(&planned.tensor.name, 60));
                let shape = format!("{:?}", tensor.shape);
                writeln!(out, "{name:40} {shape:>18} {:>6} to {}", tensor.dtype(), planned.to)?;
            }
        }
        let total: u64 = self.plan.iter().map(Planned::bytes).sum();
        let values: u64 = self.plan.iter().map(|planned| (planned.tensor.rows() * planned.tensor.cols()) as u64).sum();
        let width = total as f64 * 8.0 / values.max(1) as f64;
        for (dtype, tensors, size) in by_type(self.plan) {
            writeln!(out, "{:8} {tensors:5} tensors  {:>10}", dtype.name(), bytes(size as f64))?;
        }
        let fallen: Vec<&Planned> = self.plan.iter().filter(|planned| planned.has_fallen_back()).collect();
        if let (false, Some(mix)) = (fallen.is_empty(), self.command.mix()) {
            let share = 100.0 * fallen.iter().map(|planned| planned.bytes()).sum::<u64>() as f64 / total.max(1) as f64;
            let what = format!("are wider than {mix} gives: blocks do not divide their rows");
            writeln!(out, "{} of them, {share:.0} % of the bytes, {what}", fallen.len())?;
        }
        if let Some(told) = self.fitted {
            writeln!(out, "{told}")?;
        }
        let size = format!("{}, {width:.2} bits a weight", bytes(total as f64));
        if self.command.dry_run {
            return writeln!(out, "{size}; nothing was written");
        }
        if let Some(stored) = self.stored {
            writeln!(out, "lost against {}, and stored in the file:", shown_text(&stored.base, 60))?;
            loss::lines(&stored.loss).iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        }
        writeln!(out, "{}  {size}", shown_text(&self.path.display().to_string(), 200))
    }
}

/// Bytes by type, the most first.
pub fn by_type(plan: &[Planned]) -> Vec<(DType, usize, u64)> {
    let mut found: BTreeMap<&str, (DType, usize, u64)> = BTreeMap::new();
    for planned in plan {
        let entry = found.entry(planned.to.name()).or_insert((planned.to, 0, 0));
        (entry.1, entry.2) = (entry.1 + 1, entry.2 + planned.bytes());
    }
    let mut found: Vec<(DType, usize, u64)> = found.into_values().collect();
    found.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    found
}
