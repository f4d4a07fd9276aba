//! What a checkpoint says of itself, for APIs that tell it.

use plimsoll_models::{Checkpoint, Format, Vision};

/// What there is to know of a model before it answers.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The architecture as its files spell it.
    pub family: String,
    /// What kind of files it comes in.
    pub format: &'static str,
    /// Values in its tensors.
    pub parameters: u64,
    /// The stored type of most of its bytes.
    pub stored: &'static str,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether it sees pictures.
    pub sees: bool,
    /// Tokens that it was made for.
    pub context: usize,
    /// Width of its embedding.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Its licence, where its files declare one that SPDX has.
    pub licence: Option<String>,
}

impl Facts {
    /// Of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Facts {
        let hyperparams = &checkpoint.hyperparams;
        Facts {
            family: hyperparams.arch_name.to_owned(),
            format: match checkpoint.format {
                Format::Safetensors => "safetensors",
                Format::Mlx => "mlx",
                Format::Onnx => "onnx",
                Format::Gguf { .. } => "gguf",
            },
            parameters: checkpoint.n_params(),
            stored: checkpoint.bytes_by_type().first().map_or("", |(dtype, _)| dtype.name()),
            bytes: checkpoint.file_bytes(),
            sees: Vision::of(checkpoint, None).is_ok_and(|vision| vision.is_some()),
            context: hyperparams.max_seq_len,
            width: hyperparams.d_model,
            layers: hyperparams.n_layers,
            licence: checkpoint.licence.spdx.clone(),
        }
    }
}
