//! The processor settings that every command shares. `PLIMSOLL_ISA` is the one environment
//! variable that changes arithmetic, `PLIMSOLL_PYTHON` the Python that has other engines; `NO_COLOR` is read in `style`,
//! folders in `places`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use plimsoll_engine::EngineOptions;
use plimsoll_kernels::Isa;

use crate::args::{Common, EngineArg};

/// Level and threads to compute with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub isa: Isa,
    /// Threads, this one included.
    pub threads: NonZeroUsize,
    /// Pre-tokenizer asked for, where the file names one that is not known.
    pub pre: Option<String>,
    /// How models are run that are exported for other engines.
    pub engines: EngineOptions,
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
        let python = std::env::var_os("PLIMSOLL_PYTHON").filter(|path| !path.is_empty()).map(PathBuf::from);
        let engines = EngineOptions { python, mlx: common.engine == Some(EngineArg::Mlx) };
        Ok(Settings { isa, threads, pre: common.pre.clone(), engines })
    }

    /// The flags by which a process of its own gets the same, but for what it has of the environment.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--threads".to_owned(), self.threads.to_string()];
        if let Some(pre) = &self.pre {
            flags.extend(["--pre".to_owned(), pre.clone()]);
        }
        if self.engines.mlx {
            flags.extend(["--engine", "mlx"].map(str::to_owned));
        }
        flags
    }
}
