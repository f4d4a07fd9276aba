//! A model as a GGUF has it, from whichever files there are: the tensors under GGUF's names with their rows read as they are
//! asked for, and the metadata that its hyperparameters are read back from. And as a folder of MLX has it: `mlx.rs`.

mod keys;
pub mod mlx;
mod read_back;
mod tower;

use plimsoll_formats::gguf::{Element, GgufFile};
use plimsoll_formats::{FormatError, Tensor};
use plimsoll_graph::Network;
use plimsoll_kernels::DType;

use crate::spelling::{self, Stored, StoredLayout};
use crate::{Checkpoint, ModelError, Vision, Weights};

pub use keys::{hyperparameter_keys, rope_factors};
use read_back::same_rope;
pub use read_back::{check, difference};
pub use tower::{of_tower, require_written, tower_keys};

/// A tensor of a file that is to be: what it is made of, and how.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Its name in the file.
    pub name: String,
    /// Its shape there, outermost first.
    pub shape: Vec<usize>,
    parts: Vec<Tensor>,
    layout: StoredLayout,
}

impl Exported {
    /// Values in a row; of a vector all of it.
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Rows of all its matrices; 1 of a vector.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }

    /// The type that the files have it in, of several the first part's.
    pub fn dtype(&self) -> DType {
        self.parts[0].dtype()
    }

    /// The weights that its rows are of, one behind the other, under their canonical names.
    pub fn parts(&self) -> &[Tensor] {
        &self.parts
    }

    /// Its bytes, where the files have them as the GGUF would: in one piece, in the same order and meaning.
    pub fn stored(&self) -> Option<&[u8]> {
        let [only] = &self.parts[..] else { return None };
        if self.layout == StoredLayout::Rows { only.bytes_as_shown() } else { None }
    }

    /// Rows from `first` on, as many as `out` holds.
    ///
    /// # Panics
    /// `out` is no whole rows, or there are fewer.
    pub fn read_rows(&self, first: usize, out: &mut [f32]) {
        if self.shape.len() == 1 {
            out.copy_from_slice(&self.vector());
            return;
        }
        let cols = self.cols();
        match self.layout {
            StoredLayout::RotaryPairs { head_dim } => {
                for (i, out) in out.chunks_exact_mut(cols).enumerate() {
                    self.parts[0].read_rows(paired(first + i, head_dim), out);
                }
            }
            StoredLayout::ChannelsLast => self.read_pixels(first, out),
            _ => self.read_parts(first, out),
        }
    }

    /// Rows of a kernel (out, height, width, channels): what its one part has for a pixel, a row of that for each channel.
    fn read_pixels(&self, first: usize, out: &mut [f32]) {
        let channels = self.cols();
        let pixels: usize = self.shape[1..self.shape.len() - 1].iter().product();
        let mut kernel = vec![0.0; pixels * channels];
        let mut held = None;
        for (i, out) in out.chunks_exact_mut(channels).enumerate() {
            let (row, pixel) = ((first + i) / pixels, (first + i) % pixels);
            if held != Some(row) {
                self.parts[0].read_rows(row, &mut kernel);
                held = Some(row);
            }
            out.iter_mut().enumerate().for_each(|(channel, out)| *out = kernel[channel * pixels + pixel]);
        }
    }

    /// The blocks of a row as the files have them; `None` of floats, and where blocks do not lie together.
    pub fn stored_row(&self, row: usize) -> Option<(DType, &[u8])> {
        if self.layout != StoredLayout::Rows || self.parts.iter().any(|part| part.dtype().is_float()) {
            return None;
        }
        let mut row = row;
        for part in &self.parts {
            let rows = part.n_values() / self.cols();
            if row < rows {
                return Some((part.dtype(), part.row_bytes(row)));
            }
            row -= rows;
        }
        None
    }

    /// Rows of parts that lie one behind the other.
    fn read_parts(&self, first: usize, out: &mut [f32]) {
        let (cols, mut row, mut out) = (self.cols(), first, out);
        for part in &self.parts {
            let rows = part.n_values() / cols;
            if row >= rows {
                row -= rows;
                continue;
            }
            let n = (rows - row).min(out.len() / cols);
            let (now, rest) = out.split_at_mut(n * cols);
            part.read_rows(row, now);
            (row, out) = (0, rest);
            if out.is_empty() {
                return;
            }
        }
        assert!(out.is_empty(), "rows beyond the end of `{}`", self.name);
    }

    /// A vector is a gain or a bias: it is read whole.
    fn vector(&self) -> Vec<f32> {
        let values: Vec<f32> = self.parts.iter().flat_map(Tensor::to_f32).collect();
        match self.layout {
            StoredLayout::Shifted(shift) => values.iter().map(|value| value + shift).collect(),
            StoredLayout::RotaryPairs { head_dim } => (0..values.len()).map(|i| values[paired(i, head_dim)]).collect(),
            StoredLayout::MinusExponential => values.iter().map(|value| -value.exp()).collect(),
            _ => values,
        }
    }

    /// An error about what it is made of.
    pub fn error(&self, what: impl Into<String>) -> FormatError {
        self.parts[0].error(what)
    }
}

/// The row that comes at `row` where the two rows of a head that rotate together lie side by side.
fn paired(row: usize, head_dim: usize) -> usize {
    let (head, within) = (row / head_dim * head_dim, row % head_dim);
    head + within / 2 + within % 2 * (head_dim / 2)
}

/// The tensors of a GGUF's parts, as they are.
///
/// # Errors
/// One is of a type that no weight may have.
pub fn of_gguf(parts: &[GgufFile]) -> Result<Vec<Exported>, FormatError> {
    let mut exported = Vec::new();
    for part in parts {
        for tensor in part.tensors() {
            let Element::Weight(dtype) = tensor.element else {
                let what = format!("is stored as {}, which is no type of weights", tensor.element.name());
                return Err(FormatError::tensor(part.name(), &tensor.name, what));
            };
            let (range, shape) = (tensor.range.clone(), tensor.shape.clone());
            let view = Tensor::new(&tensor.name, part.bytes().clone(), range, dtype, shape.clone());
            let layout = StoredLayout::Rows;
            exported.push(Exported { name: tensor.name.clone(), shape, parts: vec![view], layout });
        }
    }
    Ok(exported)
}

/// The text weights of a checkpoint of safetensors, as its GGUF has them.
///
/// # Errors
/// The checkpoint makes no network, or lacks one of its weights.
pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Vec<Exported>, ExportError> {
    let network = crate::network(checkpoint)?;
    if let Some(what) = checkpoint.hyperparams.arch.unwritten {
        let hp = &checkpoint.hyperparams;
        return Err(ExportError::Unwritten { file: hp.file().to_owned(), arch: hp.arch.name, what });
    }
    let stored = spelling::in_gguf(&network, &checkpoint.hyperparams);
    Ok(stored.into_iter().map(|stored| exported(stored, &network, checkpoint.weights())).collect::<Result<_, _>>()?)
}

/// A tensor with the weights that it is made of.
fn exported(stored: Stored, network: &Network, weights: &Weights) -> Result<Exported, FormatError> {
    let shape = |name: &str| network.weights.iter().find(|weight| weight.name == name).map(|w| &w.shape[..]);
    let part = |name: &String| weights.require_shape(name, shape(name).unwrap_or_default()).cloned();
    let parts = stored.parts.iter().map(part).collect::<Result<_, _>>()?;
    Ok(Exported { name: stored.name, shape: stored.shape, parts, layout: stored.layout })
}

/// What a GGUF calls a tensor, and which weights it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufName {
    /// Its name there.
    pub name: String,
    /// Canonical names of the weights in it.
    pub parts: Vec<String>,
}

/// What GGUFs call the weights of a checkpoint, and those of its tower if there is one.
///
/// # Errors
/// One of them makes no network.
pub fn gguf_names(checkpoint: &Checkpoint, tower: Option<&Vision>) -> Result<Vec<GgufName>, ModelError> {
    let network = crate::network(checkpoint)?;
    let mut stored = match checkpoint.hyperparams.arch.has_gguf() {
        true => spelling::in_gguf(&network, &checkpoint.hyperparams),
        false => vec![],
    };
    if let Some(tower) = tower {
        stored.extend(spelling::tower_in_mmproj(&crate::tower(tower)?.network, &tower.params));
    }
    Ok(stored.into_iter().map(|stored| GgufName { name: stored.name, parts: stored.parts }).collect())
}

/// Why a checkpoint makes no GGUF.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It makes no network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A tensor or key is not as it has to be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Folders of MLX are not written of this architecture.
    #[error("`{file}` is of the architecture `{arch}`, of which no folders of MLX are written here")]
    NoMlx {
        /// The file of its hyperparameters.
        file: String,
        /// As the file spells it.
        arch: &'static str,
    },
    /// No GGUF is written of its architecture.
    #[error("`{file}`: no GGUF of the architecture `{arch}` is written here, because of {what}")]
    Unwritten {
        /// The file of its hyperparameters.
        file: String,
        /// `general.architecture`.
        arch: &'static str,
        /// What stands against it.
        what: &'static str,
    },
    /// Nothing is written of its vision tower.
    #[error("`{file}` has the vision tower `{tower}`, of which nothing is written here, because of {what}")]
    UnwrittenTower {
        /// The file of its hyperparameters.
        file: String,
        /// The tower.
        tower: &'static str,
        /// What stands against it.
        what: &'static str,
    },
    /// A GGUF has no words for something that it asks for.
    #[error("`{file}` asks for {what}, which a GGUF of `{arch}` cannot say")]
    Unsaid {
        /// The file of its hyperparameters.
        file: String,
        /// `general.architecture`.
        arch: &'static str,
        /// What would be lost.
        what: &'static str,
    },
}
