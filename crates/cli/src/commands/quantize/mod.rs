//! `plimsoll quantize`

mod plan;
mod source;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use plimsoll_kernels::{DType, Pool};
use plimsoll_panel::shown_text;
use plimsoll_quantise::Mix;
use serde_json::{Value, json};

use crate::args::Quantize;
use crate::device::bytes;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::settings::Settings;
use crate::{interrupt, output};

use plan::Planned;
use source::Source;
use write::Stopped;

/// Plans, tells and writes the file.
///
/// # Errors
/// The model cannot be read, is not to be written so, or the file cannot be written.
pub fn run(command: &Quantize, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(mix) = command.mix() else { return no_mix(&command.to).map(|()| ExitCode::SUCCESS) };
    let source = Source::open(&command.model, settings.pre.as_deref())?;
    let plan = plan::plan(command, mix, &source)?;
    let path = command.output.clone().unwrap_or_else(|| default_path(&source.name, mix));
    if !command.dry_run {
        if path.exists() && !command.force {
            let hint = "-o FILE writes another file, --force takes its place";
            return Err(Mistake::error(format!("`{}` is already there", path.display()), hint));
        }
        let (pool, began) = (Pool::new(settings.threads)?, Instant::now());
        if let Err(error) = write::write(&path, mix, &source, &plan, &pool) {
            // Whoever pressed Ctrl-C made no mistake.
            let Some(stopped) = error.downcast_ref::<Stopped>() else { return Err(error) };
            say(format_args!("\n{stopped}"));
            return Ok(ExitCode::from(interrupt::EXIT));
        }
        let values: usize = plan.iter().map(|planned| planned.tensor.rows() * planned.tensor.cols()).sum();
        let seconds = began.elapsed().as_secs_f64();
        say(format_args!("{:.0} million values in {seconds:.1} s", values as f64 / 1e6));
    }
    source.notes.iter().for_each(|note| say(format_args!("note: {note}")));
    if as_json {
        output::print_json(&document(command, mix, &path, &plan))?;
    } else {
        print(command, mix, &path, &plan)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the mixes, which is an answer where that was asked for.
fn no_mix(asked: &str) -> anyhow::Result<()> {
    if asked != "help" {
        let names: Vec<&str> = Mix::ALL.iter().map(|mix| mix.name()).collect();
        let hint = format!("there are {}; `--to help` tells what they are", names.join(", "));
        return Err(Mistake::error(format!("no type and no mix is called `{}`", shown_text(asked, 40)), hint));
    }
    let mut out = std::io::stdout().lock();
    for mix in Mix::ALL {
        writeln!(out, "{:8} {}", mix.name(), mix.description())?;
    }
    Ok(())
}

/// `MODEL-TYPE.gguf` here; what stands for an embedded model has no `:`.
fn default_path(name: &str, mix: Mix) -> PathBuf {
    let name: String = name.chars().map(|c| if matches!(c, ':' | '/' | '\\') { '-' } else { c }).collect();
    Path::new(&format!("{name}-{mix}.gguf")).to_owned()
}

/// Bytes by type, the most first.
fn by_type(plan: &[Planned]) -> Vec<(DType, usize, u64)> {
    let mut found: BTreeMap<&str, (DType, usize, u64)> = BTreeMap::new();
    for planned in plan {
        let entry = found.entry(planned.to.name()).or_insert((planned.to, 0, 0));
        (entry.1, entry.2) = (entry.1 + 1, entry.2 + planned.bytes());
    }
    let mut found: Vec<(DType, usize, u64)> = found.into_values().collect();
    found.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    found
}

fn document(command: &Quantize, mix: Mix, path: &Path, plan: &[Planned]) -> Value {
    let tensors = plan.iter().map(|planned| {
        json!({
            "name": planned.tensor.name, "shape": planned.tensor.shape, "from": planned.tensor.dtype().name(),
            "to": planned.to.name(), "asked": planned.asked.map(DType::name), "bytes": planned.bytes(),
        })
    });
    let file = (!command.dry_run).then(|| path.display().to_string());
    json!({
        "model": command.model, "mix": mix.name(), "file": file, "tensors": tensors.collect::<Vec<_>>(),
        "bytes": plan.iter().map(Planned::bytes).sum::<u64>(),
    })
}

fn print(command: &Quantize, mix: Mix, path: &Path, plan: &[Planned]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if command.dry_run {
        for planned in plan {
            let (tensor, name) = (&planned.tensor, shown_text(&planned.tensor.name, 60));
            writeln!(out, "{name:40} {:>18} {:>6} to {}", format!("{:?}", tensor.shape), tensor.dtype(), planned.to)?;
        }
    }
    let total: u64 = plan.iter().map(Planned::bytes).sum();
    let values: u64 = plan.iter().map(|planned| (planned.tensor.rows() * planned.tensor.cols()) as u64).sum();
    let width = total as f64 * 8.0 / values.max(1) as f64;
    for (dtype, tensors, size) in by_type(plan) {
        writeln!(out, "{:8} {tensors:5} tensors  {:>10}", dtype.name(), bytes(size as f64))?;
    }
    let fallen: Vec<&Planned> = plan.iter().filter(|planned| planned.has_fallen_back()).collect();
    if !fallen.is_empty() {
        let share = 100.0 * fallen.iter().map(|planned| planned.bytes()).sum::<u64>() as f64 / total.max(1) as f64;
        let what = format!("are wider than {mix} gives: blocks do not divide their rows");
        writeln!(out, "{} of them, {share:.0} % of the bytes, {what}", fallen.len())?;
    }
    let size = format!("{}, {width:.2} bits a weight", bytes(total as f64));
    match command.dry_run {
        true => writeln!(out, "{size}; nothing was written"),
        false => writeln!(out, "{}  {size}", shown_text(&path.display().to_string(), 200)),
    }
}
