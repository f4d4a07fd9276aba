//! `plimsoll verify`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::cache::CacheArg;
use super::defaults::with_defaults;
use super::model_help::MODEL_HELP;

/// `verify`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Example:\n  plimsoll verify demo:large\n  plimsoll verify demo:large --fast --cache q8_0\n  plimsoll verify mine-Q4_K_M.gguf --base models/mine\n\nMake goldens for any checkpoint with tools/make_golden.py."
)]
pub struct Verify {
    #[arg(help = MODEL_HELP)]
    pub model: String,
    /// Golden outputs [default: golden.json beside the weights]
    #[arg(long, value_name = "FILE")]
    pub golden: Option<PathBuf>,
    /// Vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Measure instead what MODEL lost against the model that it was made from, and hold that beside what its file says
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["golden", "fast", "mmproj"])]
    pub base: Option<String>,
    /// Largest difference of a logit that still agrees
    #[arg(long, value_name = "X", default_value_t = 2e-3, allow_negative_numbers = true, value_parser = parse_tolerance)]
    pub tolerance: f32,
    /// Also measure how far the fast arithmetic that every other command uses lies from f32, on the same cases or, where
    /// there is no golden file, on a built-in text
    #[arg(long)]
    pub fast: bool,
    /// How keys and values are stored for the fast arithmetic
    #[arg(long, value_enum, default_value = "f16", requires = "fast")]
    pub cache: CacheArg,
}

impl Verify {
    /// `plimsoll verify MODEL` with every default.
    pub fn of(model: &str) -> Verify {
        with_defaults(&["--", model])
    }
}

fn parse_tolerance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(tolerance) if tolerance >= 0.0 && tolerance.is_finite() => Ok(tolerance),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}
