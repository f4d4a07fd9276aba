//! `plimsoll export onnx`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use plimsoll_export::onnx::Precision;

use super::fitting::Fitting;
use super::model_help::MODEL_HELP;

/// `export onnx`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll export onnx models/mine -o mine-onnx\n  plimsoll export onnx models/mine --to q4,fp16 -o mine-onnx\n  plimsoll export onnx models/mine --fit 2GB --context 4096 -o mine-onnx\n  plimsoll export onnx mine-Q4_K_M.gguf --exact --files models/mine -o mine-onnx\n\nThe layout is that of transformers.js: onnx/model.onnx for text; embed_tokens, vision_encoder and decoder_model_merged for a\nmodel that sees; config.json and the tokenizer beside them."
)]
pub struct ExportOnnx {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// The folder to write
    #[arg(long, short = 'o', value_name = "DIR")]
    pub output: PathBuf,
    /// In what numbers, a list: fp32, fp16, q8, q4, q4f16; the first is what is loaded where nobody asks for another
    /// [default: fp32; with --fit q4, or q4f16]
    #[arg(long, value_name = "TYPE,TYPE", value_delimiter = ',', conflicts_with = "recipe", value_parser = precisions())]
    pub to: Vec<Precision>,
    /// The weights of a GGUF as they are quantised there, to the last bit
    #[arg(long, conflicts_with_all = ["to", "imatrix", "fit", "recipe"])]
    pub exact: bool,
    /// What weights are fitted by.
    #[command(flatten)]
    pub fitting: Fitting,
    /// The published folder whose config.json and tokenizer go along, for a GGUF
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// Vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// The text model alone, of a model that sees
    #[arg(long, conflicts_with = "mmproj")]
    pub text_only: bool,
    /// Measure what each graph lost, through ONNX Runtime from the Python of PLIMSOLL_PYTHON, and keep it beside them
    #[arg(long)]
    pub measure: bool,
    /// Take the place of an earlier export
    #[arg(long)]
    pub force: bool,
}

impl ExportOnnx {
    /// What is asked for, each once.
    pub fn precisions(&self) -> Vec<Precision> {
        if self.exact {
            return vec![Precision::Exact];
        }
        if self.to.is_empty() {
            return vec![if self.fitting.is_mixed() { Precision::Q4 } else { Precision::Fp32 }];
        }
        let mut asked = Vec::new();
        for precision in &self.to {
            if !asked.contains(precision) {
                asked.push(*precision);
            }
        }
        asked
    }
}

fn precisions() -> impl TypedValueParser<Value = Precision> {
    let named = |name: String| Precision::FITTED.into_iter().find(|known| known.name() == name).expect("one of them");
    PossibleValuesParser::new(Precision::FITTED.map(Precision::name)).map(named)
}
