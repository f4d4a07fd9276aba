//! `plimsoll export`

mod card;
mod fitting;
mod mlx;
mod onnx;
mod room;

use std::process::ExitCode;

use super::quantize;
use crate::args::{ExportModel, ExportTarget};
use crate::settings::Settings;

/// Writes a model for another engine.
///
/// # Errors
/// The model cannot be read, the target cannot run it, or its files cannot be written.
pub fn run(command: &ExportModel, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    match &command.target {
        ExportTarget::Gguf(command) => quantize::run(command, settings, as_json),
        ExportTarget::Mlx(command) => mlx::run(command, settings, as_json),
        ExportTarget::Onnx(command) => onnx::run(command, settings, as_json),
    }
}
