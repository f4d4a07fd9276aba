//! The processor settings that every command shares. `PLIMSOLL_ISA` is the one environment
//! variable that changes arithmetic; `NO_COLOR` is read in `style`, folders in `places`.

use std::num::NonZeroUsize;

use anyhow::Context;
use plimsoll_kernels::Isa;

use crate::args::Common;

/// Level and threads to compute with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub isa: Isa,
    /// Threads, this one included.
    pub threads: NonZeroUsize,
    /// Pre-tokenizer asked for, where the file names one that is not known.
    pub pre: Option<String>,
}

impl Settings {
    /// From flags and environment.
    ///
    /// # Errors
    /// If `PLIMSOLL_ISA` names no level.
    pub fn new(common: &Common) -> anyhow::Result<Settings> {
        let isa = match std::env::var("PLIMSOLL_ISA") {
            Ok(name) if !name.is_empty() => name.parse().context("PLIMSOLL_ISA")?,
            _ => Isa::best(),
        };
        let all_cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = common.threads.unwrap_or_else(all_cores);
        Ok(Settings { isa, threads, pre: common.pre.clone() })
    }
}
