//! `--use`, `--users`, `--region`: what a model is wanted for.

use clap::{Args as ClapArgs, ValueEnum};
use plimsoll_catalog::{DeclaredUse, Purpose, region_code};

/// What a model is wanted for where nobody says: the use with the most conditions.
pub const DEFAULT_USE: DeclaredUse = DeclaredUse { purpose: Purpose::Commercial, users: None, region: None };
/// What a model is wanted for, to be held against its licence.
#[derive(ClapArgs, Debug, Clone, Default)]
#[command(next_help_heading = "What it is wanted for")]
pub struct UseArgs {
    /// Say whether the licence allows this use
    #[arg(long = "use", value_name = "PURPOSE", value_enum)]
    pub purpose: Option<PurposeArg>,
    /// Monthly users of everything that you offer
    #[arg(long, value_name = "N")]
    pub users: Option<u64>,
    /// Where you are established: a country's two letters, or EU
    #[arg(long, value_name = "CODE", value_parser = parse_region)]
    pub region: Option<String>,
}

/// A purpose as the command line spells it.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurposeArg {
    /// Research that is not commercial
    Research,
    /// Inside an organisation that offers it to nobody else
    Internal,
    /// In products or services that earn money
    Commercial,
}

impl UseArgs {
    /// The use, if one was declared: who tells of users or a region offers something, which is the use with the most
    /// conditions where no other is named.
    pub fn declared(&self) -> Option<DeclaredUse> {
        let purpose = match self.purpose {
            Some(PurposeArg::Research) => Purpose::Research,
            Some(PurposeArg::Internal) => Purpose::Internal,
            Some(PurposeArg::Commercial) => Purpose::Commercial,
            None if self.users.is_some() || self.region.is_some() => DEFAULT_USE.purpose,
            None => return None,
        };
        Some(DeclaredUse { purpose, users: self.users, region: self.region.clone() })
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    region_code(text).ok_or_else(|| "expected two letters, such as DE or US, or EU".to_owned())
}
