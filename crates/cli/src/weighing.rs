//! How much the columns of weights count, by an importance matrix.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use plimsoll_formats::gguf::NewValue;
use plimsoll_formats::{FormatError, Imatrix, Importance, Tensor};
use plimsoll_models::export::gguf_names;
use plimsoll_models::{Checkpoint, ModelError, Vision};
use plimsoll_panel::shown_text;
use plimsoll_quantise::Columns;

use crate::mistake::Mistake;

/// An importance matrix, and where it comes from.
pub struct Weighing {
    path: PathBuf,
    /// SHA-256 of its sums and counts, under the names of the weights.
    pub sha256: String,
    imatrix: Imatrix,
}

/// In the place of a file's name.
const BUILT_IN: &str = "built in";

impl Weighing {
    /// Reads one.
    ///
    /// # Errors
    /// The file is none.
    pub fn open(path: &Path) -> Result<Weighing, FormatError> {
        Ok(Weighing::new(path, Imatrix::open(path)?))
    }

    /// One that was measured on what this program brings.
    pub fn built_in(imatrix: Imatrix) -> Weighing {
        Weighing::new(Path::new(BUILT_IN), imatrix)
    }

    /// Whether it was measured on what this program brings.
    pub fn is_built_in(&self) -> bool {
        self.path == Path::new(BUILT_IN)
    }

    fn new(path: &Path, imatrix: Imatrix) -> Weighing {
        let bytes = imatrix.weights.iter().flat_map(|(name, importance)| {
            let numbers = importance.sums.iter().chain(&importance.counts).flat_map(|number| number.to_le_bytes());
            name.bytes().chain([0]).chain(numbers)
        });
        let sha256 = plimsoll_lab::hash::sha256_hex(&bytes.collect::<Vec<u8>>());
        Weighing { path: path.to_owned(), sha256, imatrix }
    }

    /// What a file that goes by it says so with, as llama.cpp's tool does.
    pub fn metadata(&self) -> Vec<(String, NewValue)> {
        let count = |n: u64| NewValue::I32(i32::try_from(n).unwrap_or(i32::MAX));
        let put = |key: &str, value: NewValue| (format!("quantize.imatrix.{key}"), value);
        vec![
            put("file", self.path.display().to_string().as_str().into()),
            put("dataset", self.imatrix.datasets.join(", ").as_str().into()),
            put("entries_count", count(self.imatrix.weights.len() as u64)),
            put("chunks_count", count(self.imatrix.chunks)),
        ]
    }

    /// What is known of the columns of the tensor that a GGUF calls `name`, of the shape (…, rows, cols); `None` where
    /// nothing is.
    ///
    /// # Errors
    /// The matrix is of a tensor of another shape.
    pub fn columns(&self, name: &str, shape: &[usize]) -> anyhow::Result<Option<Columns>> {
        let Some(importance) = self.imatrix.weights.get(name) else { return Ok(None) };
        let [stack @ .., rows, cols] = shape else { return Ok(None) };
        let n = stack.iter().product();
        // The older form does not tell the experts of a stack apart by their counts.
        let parted = Importance { counts: vec![importance.counts[0]; n], sums: importance.sums.clone() };
        let importance = if importance.counts.len() == 1 { &parted } else { importance };
        if importance.counts.len() != n || importance.sums.len() != n * cols {
            let (found, counts) = (importance.sums.len(), importance.counts.len());
            let what = format!("has {found} values for {counts} matrices, expected {n} of {cols}");
            let error = FormatError::tensor(&self.path.display().to_string(), name, what).to_string();
            return Err(Mistake::error(
                error,
                "the importance matrix is of another model: `plimsoll imatrix` makes one",
            ));
        }
        Ok(Some(Columns::of_matrices(*rows, (0..n).map(|at| importance.means(at)))))
    }
}

/// What an importance matrix does not say of weights that are fitted, by name with what it does say: weights that it lacks,
/// and experts that no text came to.
pub fn gaps<'a>(fitted: impl Iterator<Item = (&'a str, Option<&'a Columns>)> + Clone) -> Vec<String> {
    let missing: Vec<&str> = fitted.clone().filter(|(_, columns)| columns.is_none()).map(|(name, _)| name).collect();
    let mut gaps = Vec::new();
    if let Some(first) = missing.first() {
        let (n, name) = (missing.len(), shown_text(first, 60));
        let which = if n == 1 { format!("`{name}`") } else { format!("{n} weights, the first `{name}`,") };
        gaps.push(format!("the importance matrix has nothing of {which}: all columns count alike there"));
    }
    for (name, columns) in fitted {
        let (missed, of) = columns.map_or((0, 0), Columns::missed);
        if missed > 0 {
            let what = format!("{missed} of the {of} matrices of `{}` were reached by no text", shown_text(name, 60));
            gaps.push(format!("{what}: all columns count alike there"));
        }
    }
    gaps
}

/// An importance matrix asked by canonical names of weights, as other targets than GGUF go by them.
pub struct ByWeight<'a> {
    weighing: &'a Weighing,
    /// The GGUF's name of the tensor that a weight lies in.
    names: HashMap<String, String>,
}

impl<'a> ByWeight<'a> {
    /// Of the weights of a checkpoint and of its tower.
    ///
    /// # Errors
    /// One of the two makes no network.
    pub fn new(
        weighing: &'a Weighing,
        checkpoint: &Checkpoint,
        vision: Option<&Vision>,
    ) -> Result<ByWeight<'a>, ModelError> {
        let names = gguf_names(checkpoint, vision)?.into_iter();
        let names = names.flat_map(|stored| stored.parts.into_iter().map(move |part| (part, stored.name.clone())));
        Ok(ByWeight { weighing, names: names.collect() })
    }

    /// What is known of the columns of a tensor whose rows are those of these weights, one behind the other.
    ///
    /// # Errors
    /// As [`Weighing::columns`].
    pub fn columns(&self, parts: &[Tensor]) -> anyhow::Result<Option<Columns>> {
        let part = |part: &Tensor| {
            let rows = part.n_values() / part.shape().last().copied().unwrap_or(1).max(1);
            let name = self.names.get(part.name());
            let known = name.map(|name| self.weighing.columns(name, part.shape())).transpose()?.flatten();
            anyhow::Ok((rows, known))
        };
        Ok(Columns::joined(parts.iter().map(part).collect::<Result<Vec<_>, _>>()?))
    }
}
