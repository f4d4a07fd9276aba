//! `history`, `evidence`, `votes`: what is read from the evidence store and done to it.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::store::StoreArgs;

/// `history`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll history demo:small")]
pub struct History {
    /// Only of this model: what was compared, or a name of `plimsoll catalog`
    pub model: Option<String>,
    /// How many, the latest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub most: usize,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `evidence`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll evidence check")]
pub struct Evidence {
    /// What to do with it.
    #[command(subcommand)]
    pub command: EvidenceCommand,
}

/// What can be done with evidence.
#[derive(Subcommand, Debug)]
pub enum EvidenceCommand {
    /// Write comparisons with everything they rest on into one file
    Export(Export),
    /// Take such a file in: all of it, or nothing where a record is not what it should be
    Import(Import),
    /// Hold records against their hashes, lists and reviews against the evidence; exit status 1 where something does not
    /// hold, 2 where there is nothing to check, 3 error. That everything holds does not show who measured
    Check(Check),
    /// Mark a comparison or another record as withdrawn; it stays, and says so
    Withdraw(Withdraw),
}

/// `evidence export`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll evidence export evidence.tar --comparison 3f2a9c1b4d5e\n  plimsoll evidence export samples.csv"
)]
pub struct Export {
    /// What to write: a bundle (.tar), every raw sample (.csv), or what the panel said (.md)
    pub file: PathBuf,
    /// Only this comparison, its id or the beginning of it; may be given several times [default: all]
    #[arg(long = "comparison", value_name = "ID")]
    pub comparisons: Vec<String>,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `evidence import`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll evidence import evidence.tar")]
pub struct Import {
    /// The bundle
    pub file: PathBuf,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `evidence check`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll evidence check\n  plimsoll evidence check 3f2a9c1b4d5e\n  plimsoll evidence check plimsoll-demo-small-vs-demo-large.html"
)]
pub struct Check {
    /// A comparison, its id or the beginning of it, or a report's file, .json or .html [default: everything in the store]
    pub what: Option<String>,
    /// What the panel judged by, where that is neither inside nor kept in the store
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `evidence withdraw`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll evidence withdraw 3f2a9c1b4d5e --reason \"the machine was throttled\"")]
pub struct Withdraw {
    /// The record's id or the beginning of it
    pub id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `votes`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll votes audit")]
pub struct Votes {
    /// What to do with them.
    #[command(subcommand)]
    pub command: VotesCommand,
}

/// What can be done with votes.
#[derive(Subcommand, Debug)]
pub enum VotesCommand {
    /// Follow the log of votes from its first: is it whole, and do the counts follow; exit status 1 if not, 2 if there are
    /// none, 3 error
    Audit(Audit),
}

/// `votes audit`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  plimsoll votes audit --json")]
pub struct Audit {
    #[command(flatten)]
    pub store: StoreArgs,
}
