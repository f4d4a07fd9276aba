//! `plimsoll export`

use clap::{Args as ClapArgs, Subcommand};

use super::export_mlx::ExportMlx;
use super::export_onnx::ExportOnnx;
use super::quantize::Quantize;

/// `export`
#[derive(ClapArgs, Debug)]
pub struct ExportModel {
    /// For what.
    #[command(subcommand)]
    pub target: ExportTarget,
}

/// What reads the files that are written.
#[derive(Subcommand, Debug)]
pub enum ExportTarget {
    /// One GGUF file, for llama.cpp and what is built on it: the same as `quantize`
    Gguf(Box<Quantize>),
    /// A folder that mlx-lm and mlx-vlm load, for Macs
    Mlx(Box<ExportMlx>),
    /// A folder of ONNX graphs, for ONNX Runtime and transformers.js
    Onnx(Box<ExportOnnx>),
}
