//! `plimsoll export mlx`

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};
use plimsoll_export::mlx::Weights;
use plimsoll_kernels::DType;

use super::fitting::Fitting;
use super::model_help::MODEL_HELP;

/// `export mlx`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll export mlx models/mine\n  plimsoll export mlx models/mine --bits 6 --group 32 -o mine-6bit\n  plimsoll export mlx models/mine --fit 2GB --context 4096 -o mine-2gb\n  plimsoll export mlx mine-q4_0.gguf --exact --files models/mine\n\nScales and offsets of each group are fitted to the least squared error, where mlx-lm's own converter rounds. --exact\ncarries the values of a GGUF over as they are, so that what was measured of it holds of the folder."
)]
pub struct ExportMlx {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// The folder to write [default: MODEL-mlx-BITSbit in this folder]
    #[arg(long, short = 'o', value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Bits of a weight: 2, 3, 4, 5, 6 or 8 under scales, or 16: floats as they are
    #[arg(long, value_name = "N", default_value = "4", conflicts_with_all = ["fit", "recipe"], value_parser = one_of(["2", "3", "4", "5", "6", "8", "16"]))]
    pub bits: usize,
    /// Weights that share a scale and an offset
    #[arg(long, value_name = "N", default_value = "64", conflicts_with_all = ["fit", "recipe"], value_parser = one_of(["32", "64", "128"]))]
    pub group: usize,
    /// The type of scales and of what is not quantised [default: the model's own]
    #[arg(long, value_enum, value_name = "TYPE", conflicts_with = "recipe")]
    pub dtype: Option<FloatType>,
    /// Carry the blocks of a GGUF over as they are: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K
    #[arg(long, conflicts_with_all = ["bits", "group", "dtype", "imatrix", "fit", "recipe"])]
    pub exact: bool,
    /// What weights are fitted by.
    #[command(flatten)]
    pub fitting: Fitting,
    /// The published folder whose settings and tokenizer go along with a GGUF
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// The name on the hub of the model that this one is made of, for its card [default: that of the cache it lies in]
    #[arg(long, value_name = "ORG/NAME")]
    pub base_model: Option<String>,
    /// Measure what was lost, and keep it beside the weights; --engine mlx has mlx itself compute
    #[arg(long, conflicts_with = "dry_run")]
    pub measure: bool,
    /// Take the place of a folder of that name, if it holds a model
    #[arg(long)]
    pub force: bool,
    /// Tell how each weight would be stored, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A type of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FloatType {
    /// Single precision
    F32,
    /// Half precision
    F16,
    /// The upper half of a single
    Bf16,
}

impl From<FloatType> for DType {
    fn from(asked: FloatType) -> DType {
        match asked {
            FloatType::F32 => DType::F32,
            FloatType::F16 => DType::F16,
            FloatType::Bf16 => DType::BF16,
        }
    }
}

impl ExportMlx {
    /// How weights are stored.
    pub fn weights(&self) -> Weights {
        match self.bits {
            _ if self.exact => Weights::Exact,
            // What nothing is chosen for, the matrices between a tower and the text model, is as wide as there is.
            _ if self.fitting.is_mixed() => Weights::Fitted { bits: 8, group: 64 },
            16 => Weights::Floats,
            bits => Weights::Fitted { bits: bits as u32, group: self.group },
        }
    }
}

fn one_of<const N: usize>(values: [&'static str; N]) -> impl TypedValueParser<Value = usize> {
    PossibleValuesParser::new(values).map(|value| value.parse().expect("one of the numbers"))
}
