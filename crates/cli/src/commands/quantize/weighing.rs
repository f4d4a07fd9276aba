//! How much the columns of weights count, by an importance matrix.

use std::path::{Path, PathBuf};

use plimsoll_formats::gguf::NewValue;
use plimsoll_formats::{FormatError, Imatrix, Importance};
use plimsoll_kernels::DType;
use plimsoll_models::export::Exported;
use plimsoll_panel::shown_text;

use super::plan::Planned;

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

    /// What it does not say of what is planned: weights that it lacks, and experts that no text came to.
    pub fn gaps(&self, plan: &[Planned]) -> Vec<String> {
        let blocks = || plan.iter().filter(|planned| !planned.to.is_float());
        let missing: Vec<&Planned> = blocks().filter(|planned| planned.columns.is_none()).collect();
        let mut gaps = Vec::new();
        if let Some(first) = missing.first() {
            let (n, name) = (missing.len(), shown_text(&first.tensor.name, 60));
            let which = if n == 1 { format!("`{name}`") } else { format!("{n} weights, the first `{name}`,") };
            gaps.push(format!("the importance matrix has nothing of {which}: all columns count alike there"));
        }
        for planned in blocks() {
            let (missed, of) = planned.columns.as_ref().map_or((0, 0), Columns::missed);
            if missed > 0 {
                let name = shown_text(&planned.tensor.name, 60);
                let what = format!("{missed} of the {of} matrices of `{name}` were reached by no text");
                gaps.push(format!("{what}: all columns count alike there"));
            }
        }
        gaps
    }
}

/// The columns of one tensor, by matrix.
pub struct Columns {
    /// Of each matrix how much its columns count; nothing of one that no text came to.
    matrices: Vec<Option<Vec<f32>>>,
    /// Rows of a matrix.
    rows: usize,
}

/// The share of the mean that every column counts at least: another text may use what this one did not.
const LEAST: f32 = 1e-3;

impl Columns {
    /// What is known of the columns of `tensor`; `None` where nothing is.
    ///
    /// # Errors
    /// The matrix is of a tensor of another shape.
    pub fn of(tensor: &Exported, weighing: &Weighing) -> anyhow::Result<Option<Columns>> {
        let Some(importance) = weighing.imatrix.weights.get(&tensor.name) else { return Ok(None) };
        let (rows, cols) = (tensor.shape[tensor.shape.len() - 2], tensor.cols());
        let n = tensor.rows() / rows;
        // The older form does not tell the experts of a stack apart by their counts.
        let parted = Importance { counts: vec![importance.counts[0]; n], sums: importance.sums.clone() };
        let importance = if importance.counts.len() == 1 { &parted } else { importance };
        if importance.counts.len() != n || importance.sums.len() != n * cols {
            let (found, counts) = (importance.sums.len(), importance.counts.len());
            let what = format!("has {found} values for {counts} matrices, expected {n} of {cols}");
            let error = FormatError::tensor(&weighing.path.display().to_string(), &tensor.name, what).to_string();
            return Err(Mistake::error(
                error,
                "the importance matrix is of another model: `plimsoll imatrix` makes one",
            ));
        }
        Ok(Some(Columns { matrices: (0..n).map(|at| importance.means(at).map(raised)).collect(), rows }))
    }

    /// The same for who may have no importance matrix, of a tensor that is to be `to`: only blocks weigh their columns.
    ///
    /// # Errors
    /// As [`Columns::of`].
    pub fn of_blocks(tensor: &Exported, to: DType, weighing: Option<&Weighing>) -> anyhow::Result<Option<Columns>> {
        match weighing.filter(|_| !to.is_float() && tensor.dtype() != to) {
            Some(weighing) => Columns::of(tensor, weighing),
            None => Ok(None),
        }
    }

    /// How much the columns of a row count.
    pub fn of_row(&self, row: usize) -> Option<&[f32]> {
        self.matrices[row / self.rows].as_deref()
    }

    /// Matrices that no text came to, and of how many.
    pub fn missed(&self) -> (usize, usize) {
        (self.matrices.iter().filter(|matrix| matrix.is_none()).count(), self.matrices.len())
    }
}

/// In units of their mean, so that what is summed stays far from the ends of what a single holds.
fn raised(means: Vec<f32>) -> Vec<f32> {
    let mean = means.iter().map(|mean| f64::from(*mean)).sum::<f64>() / means.len() as f64;
    means.iter().map(|own| ((f64::from(*own) / mean) as f32).max(LEAST)).collect()
}
