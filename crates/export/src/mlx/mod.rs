//! A folder that mlx-lm and mlx-vlm load: `model*.safetensors` with codes, scales and biases, config.json that tells their
//! widths, and the files beside them. Source: mlx-lm's mlx_lm/utils.py (`load_model`, `save_model`, `save_config`),
//! mlx-vlm's mlx_vlm/utils.py.

mod companions;
mod config;
mod error;
mod exact;
mod plan;
mod write;

use plimsoll_formats::JsonObject;
use plimsoll_formats::mlx::Affine;
use plimsoll_kernels::DType;
use plimsoll_models::{Checkpoint, Vision};

pub use companions::{companions, copy_companion};
pub use config::config;
pub use error::MlxError;
pub use plan::{Form, Plan, Planned};
pub use write::{LONGEST_FILE, write};

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Groups of an affine grid, fitted to the least squared error.
    Fitted {
        /// Bits of a code.
        bits: u32,
        /// Values that share a scale and an offset.
        group: usize,
    },
    /// All as floats.
    Floats,
    /// The very values of the block types that they are stored in.
    Exact,
}

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The text model.
    pub checkpoint: &'a Checkpoint,
    /// Its tower, if it has one.
    pub vision: Option<&'a Vision>,
    /// The keys of the config.json that goes along.
    pub config: &'a JsonObject,
}

/// How most weights of a plan are stored, and who loads the folder, in the words of its card.
pub fn about(plan: &Plan, is_exact: bool, is_mixed: bool, sees: bool) -> String {
    let how = match plan.usual {
        Some(Affine { bits, group }) if is_exact => {
            format!("The very values of a quantised GGUF, most in {bits} bits, groups of {group}.")
        }
        Some(Affine { bits, group }) if is_mixed => format!(
            "Each weight in a width of its own, most in {bits} bits, groups of {group}, chosen for what it loses\nand fitted to \
             the least squared error."
        ),
        Some(Affine { bits, group }) => {
            format!("Weights in {bits} bits, groups of {group}, fitted to the least squared error.")
        }
        None => "Weights as floats.".to_owned(),
    };
    let package = if sees { "mlx-vlm" } else { "mlx-lm" };
    format!("{how}\n\nWritten by `plimsoll export mlx`; `{package}` loads this folder.")
}

/// The float type that a folder has beside codes where nobody asks for another: that of the embedding, or of blocks f32.
pub(crate) fn own_floats(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { DType::F32 }
}
