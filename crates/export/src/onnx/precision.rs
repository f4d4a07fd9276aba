//! In what numbers a model is written.

use plimsoll_formats::{Tensor, onnx};
use plimsoll_kernels::DType;

use super::error::OnnxError;
use super::proto::ElementType;

/// In what numbers a model is written; the names are those by which transformers.js asks for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Singles.
    Fp32,
    /// Half precision, but for norms and the residual, which outgrow it.
    Fp16,
    /// Matrices of 8 bits under a scale for each 32.
    Q8,
    /// Matrices of 4 bits under a scale for each 32; embedding and output projection of 8.
    Q4,
    /// As [`Precision::Q4`], the rest in half precision.
    Q4F16,
    /// Matrices as a GGUF has them, to the last bit: the weights that were measured. Files are named like those of 4 bits.
    Exact,
}

impl Precision {
    /// All but [`Precision::Exact`].
    pub const FITTED: [Precision; 5] =
        [Precision::Fp32, Precision::Fp16, Precision::Q8, Precision::Q4, Precision::Q4F16];

    /// The name by which transformers.js knows it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::Q8 => "q8",
            Precision::Q4 | Precision::Exact => "q4",
            Precision::Q4F16 => "q4f16",
        }
    }

    /// What stands behind a file's name.
    pub fn suffix(self) -> &'static str {
        onnx::suffix(self.name()).expect("a name that transformers.js knows")
    }

    /// What products are computed in, and caches and floats kept.
    pub fn floats(self) -> DType {
        match self {
            Precision::Fp16 | Precision::Q4F16 => DType::F16,
            _ => DType::F32,
        }
    }

    /// The same as ONNX has it.
    pub(crate) fn float(self) -> ElementType {
        if self.floats() == DType::F16 { ElementType::F16 } else { ElementType::F32 }
    }

    /// The blocks that a matrix is written in, `own` if it has a type of its own; `keeps` that of an embedding or an output
    /// projection, which 4 bits harm.
    pub(crate) fn blocks(self, tensor: &Tensor, own: Option<DType>, keeps: bool) -> Result<Option<DType>, OnnxError> {
        let stored = tensor.dtype();
        let fitted = match (own, self) {
            (Some(own), _) if own.is_float() => return Ok(None),
            (Some(own), _) => own,
            (None, Precision::Fp32 | Precision::Fp16) => return Ok(None),
            (None, Precision::Exact) => return Ok((!stored.is_float()).then_some(stored)),
            (None, Precision::Q8) => DType::Q8_0,
            (None, Precision::Q4 | Precision::Q4F16) if keeps => DType::Q8_0,
            (None, Precision::Q4 | Precision::Q4F16) => DType::Q4_0,
        };
        if stored.is_float() || stored == fitted {
            return Ok(Some(fitted));
        }
        // Quantised once more would lose twice.
        Err(OnnxError::Blocks { tensor: tensor.name().to_owned(), dtype: stored, target: self.name() })
    }
}
