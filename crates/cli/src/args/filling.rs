//! Of how much in the context memory is measured: flags of whatever measures it.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// What the context holds when memory is at its peak.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct FillingArgs {
    /// Measure memory with so many tokens in the context, and speed behind as many too [default: memory of one short
    /// answer]
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    /// A picture to show when memory is measured (PNG, JPEG, WebP, GIF or BMP); may be given several times
    #[arg(long = "image", value_name = "FILE", requires = "context")]
    pub images: Vec<PathBuf>,
}

impl FillingArgs {
    /// The same flags for another process.
    pub fn flags(&self) -> impl Iterator<Item = String> {
        let context = self.context.iter().flat_map(|context| ["--context".to_owned(), context.to_string()]);
        let images = self.images.iter().flat_map(|path| ["--image".to_owned(), path.to_string_lossy().into_owned()]);
        context.chain(images)
    }
}

/// `measure-memory`
#[derive(ClapArgs, Debug)]
pub struct MeasureMemory {
    /// The model.
    pub model: String,
    #[command(flatten)]
    pub filling: FillingArgs,
}
