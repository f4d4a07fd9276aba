//! `--device`: for what predictions are made.

use clap::Args as ClapArgs;

/// For what and where predictions are made.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct DeviceArgs {
    /// Predict for a device of `plimsoll catalog --devices`, or for the profile in a .toml file [default: this machine]
    #[arg(long, value_name = "NAME|FILE")]
    pub device: Option<String>,
}
