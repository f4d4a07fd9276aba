//! What a model is, in rows: the same for `info` and for a chat.

use std::io::Write;

use plimsoll_models::{Checkpoint, Format};
use plimsoll_panel::shown_text;

use crate::device::bytes;
use crate::rows::{Rows, WIDTH};
use crate::style::Style;

/// Name, architecture, size and stored types of a checkpoint.
///
/// # Errors
/// As the writer's.
pub fn print(rows: &mut Rows<impl Write>, style: Style, checkpoint: &Checkpoint) -> std::io::Result<()> {
    let architecture = checkpoint.hyperparams.arch_name;
    rows.one("model", &style.bold(&shown_text(&checkpoint.display(), WIDTH)))?;
    rows.one("architecture", &format!("{architecture} ({})", checkpoint.format))?;
    rows.one("parameters", &count(checkpoint.n_params()))?;
    rows.one("file", &bytes(checkpoint.file_bytes() as f64))?;
    let types = checkpoint.bytes_by_type();
    let types: Vec<_> = types.iter().map(|(t, n)| format!("{} {}", t.name(), bytes(*n as f64))).collect();
    match checkpoint.format {
        // Nothing is read of them but their length.
        Format::Onnx => rows.one("run by", "ONNX Runtime; predicted is what the same bytes take in this program"),
        _ => rows.one("types", &types.join(", ")),
    }
}

/// Three figures and a unit.
fn count(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} thousand", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} million", n as f64 / 1e6),
        _ => format!("{:.2} billion", n as f64 / 1e9),
    }
}
