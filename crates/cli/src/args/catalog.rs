//! `plimsoll catalog`

use clap::Args as ClapArgs;

/// `catalog`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll catalog smollm3\n  plimsoll catalog qwen apache\n  plimsoll catalog --devices\n  plimsoll catalog --devices pixel-10"
)]
pub struct CatalogArgs {
    /// Id, other name or name on the hub of one, or words to search for; without them, all are listed
    pub name: Vec<String>,
    /// The devices that are known, in place of models
    #[arg(long)]
    pub devices: bool,
}
