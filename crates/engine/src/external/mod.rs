//! Models that another engine runs: ONNX Runtime, or mlx, each from Python where it is installed, in a process of its own that
//! is handed tokens and gives logits. Everything else, from tokenizer to sampler, is this program's.

mod worker;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_models::{Checkpoint, Format};
use plimsoll_runtime::DelegateError;

pub(crate) use worker::Worker;

/// An engine that runs what is exported for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Of ONNX graphs.
    OnnxRuntime,
    /// Of MLX folders.
    Mlx,
}

impl Engine {
    /// As messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::OnnxRuntime => "ONNX Runtime",
            Engine::Mlx => "mlx",
        }
    }

    /// The packages of Python that it is.
    pub fn packages(self) -> &'static str {
        match self {
            Engine::OnnxRuntime => "onnxruntime numpy",
            Engine::Mlx => "mlx-lm",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Engine::OnnxRuntime => "onnxruntime",
            Engine::Mlx => "mlx",
        }
    }
}

/// How other engines are run.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Python that has them; `python3` where none is named.
    pub python: Option<PathBuf>,
    /// Whether MLX folders are run by mlx; this program runs them too.
    pub mlx: bool,
}

impl EngineOptions {
    fn python(&self) -> &Path {
        self.python.as_deref().unwrap_or(Path::new("python3"))
    }
}

/// Why another engine does not run a model.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such Python.
    #[error("{} is run by Python, and `{python}` cannot be started: {source}", engine.name())]
    Python {
        /// Which engine.
        engine: Engine,
        /// What was to be started.
        python: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A package of Python is not installed.
    #[error("{} is not installed for `{python}`: there is no module `{module}`", engine.name())]
    Missing {
        /// Which engine.
        engine: Engine,
        /// The Python that was asked.
        python: String,
        /// The module.
        module: String,
    },
    /// It refuses the model, or ends.
    #[error(transparent)]
    Refused(#[from] DelegateError),
    /// A model inside this program has no files that another could read.
    #[error("`{model}` lies in no folder that {} could read", engine.name())]
    NoFolder {
        /// The model.
        model: String,
        /// Which engine.
        engine: Engine,
    },
}

/// The engine that runs a checkpoint in this program's place, if one does.
pub fn engine_of(checkpoint: &Checkpoint, options: &EngineOptions) -> Option<Engine> {
    match checkpoint.format {
        Format::Onnx => Some(Engine::OnnxRuntime),
        Format::Mlx if options.mlx => Some(Engine::Mlx),
        Format::Mlx | Format::Safetensors | Format::Gguf { .. } => None,
    }
}

/// Has an engine load a checkpoint.
pub(crate) fn start(
    engine: Engine,
    checkpoint: &Checkpoint,
    options: &EngineOptions,
    threads: NonZeroUsize,
) -> Result<Worker, EngineError> {
    let no_folder = || EngineError::NoFolder { model: checkpoint.display(), engine };
    let files: Vec<&Path> = match (engine, checkpoint.graphs()) {
        (Engine::OnnxRuntime, Some(graphs)) => {
            std::iter::once(&*graphs.decoder).chain(graphs.embedding.as_deref()).collect()
        }
        (Engine::Mlx, _) => vec![checkpoint.path.as_deref().ok_or_else(no_folder)?],
        (Engine::OnnxRuntime, None) => return Err(no_folder()),
    };
    Worker::start(engine, options.python(), threads, &files)
}

/// Says before anything else is done whether an engine is there.
///
/// # Errors
/// It is not.
pub fn require(engine: Engine, options: &EngineOptions) -> Result<(), EngineError> {
    Worker::start(engine, options.python(), NonZeroUsize::MIN, &[]).map(drop)
}
