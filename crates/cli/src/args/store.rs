//! `--store`: where evidence is kept.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// Where evidence is kept.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct StoreArgs {
    /// The evidence store [default: plimsoll/evidence.db in the data folder]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}
