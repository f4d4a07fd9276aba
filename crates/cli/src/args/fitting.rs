//! What the weights of an export are fitted by.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::fit::parse_memory;

/// What the weights of an export are fitted by.
#[derive(ClapArgs, Debug)]
pub struct Fitting {
    /// How much the columns of weights count, as `plimsoll imatrix` and llama.cpp measure it
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// Choose a width for each weight, so that weights, cache and buffers take no more memory than this, such as 2GB, and
    /// least is lost
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub fit: Option<f64>,
    /// Tokens of context that --fit leaves room for [default: the model's, at most 8192]
    #[arg(long, value_name = "N", requires = "fit")]
    pub context: Option<usize>,
    /// Write the weights that a recipe describes, to the last byte
    #[arg(long, value_name = "FILE", conflicts_with = "fit")]
    pub recipe: Option<PathBuf>,
    /// Write beside the folder a recipe, which makes the same weights of the same model
    #[arg(long, value_name = "FILE", requires = "fit", conflicts_with = "recipe")]
    pub save_recipe: Option<PathBuf>,
}

impl Fitting {
    /// Whether each weight has a width of its own.
    pub fn is_mixed(&self) -> bool {
        self.fit.is_some() || self.recipe.is_some()
    }
}
