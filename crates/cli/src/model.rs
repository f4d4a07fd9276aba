//! What a MODEL argument stands for.

use std::path::Path;

use anyhow::bail;
use plimsoll_engine::{Session, SessionOptions, context_length};
use plimsoll_formats::{Checkpoint, FormatError};
use plimsoll_runtime::CacheType;

use crate::args::CacheArg;
use crate::demo;
use crate::settings::Settings;

/// Opens a folder, a GGUF file or an embedded model.
///
/// # Errors
/// What is wrong with the files, or that there are none of this name.
pub fn open(model: &str) -> anyhow::Result<Checkpoint> {
    if model.starts_with("demo:") && demo::files(model).is_none() {
        bail!("no embedded model `{model}`; there are {}", demo::NAMES.join(", "));
    }
    Ok(open_files(model)?)
}

/// As [`open`], for who times the opening alone.
///
/// # Errors
/// What is wrong with the files.
pub fn open_files(model: &str) -> Result<Checkpoint, FormatError> {
    match demo::files(model) {
        Some(files) => Checkpoint::from_embedded(model, files),
        None => Checkpoint::open(Path::new(model)),
    }
}

/// Tokens of context: what was asked for, else the engine's choice.
///
/// # Errors
/// If more is asked for than the model has, or nothing.
pub fn context(checkpoint: &Checkpoint, asked: Option<usize>) -> anyhow::Result<usize> {
    let network = plimsoll_models::network(checkpoint)?;
    Ok(context_length(&network, checkpoint.hyperparams.max_seq_len, asked)?)
}

/// A session with the engine's defaults.
///
/// # Errors
/// As [`Session::open`].
pub fn session(checkpoint: &Checkpoint, settings: Settings) -> anyhow::Result<Session> {
    Ok(Session::open(checkpoint, &session_options(settings, None, CacheType::default()))?)
}

/// How sessions are opened; what is not given is the engine's default.
pub fn session_options(settings: Settings, context: Option<usize>, cache: CacheType) -> SessionOptions {
    let Settings { isa, threads, pre } = settings;
    SessionOptions { isa, threads, context, cache, pre, ..SessionOptions::default() }
}

impl From<CacheArg> for CacheType {
    fn from(asked: CacheArg) -> CacheType {
        match asked {
            CacheArg::F16 => CacheType::F16,
            CacheArg::Q8_0 => CacheType::Q8_0,
            CacheArg::F32 => CacheType::F32,
        }
    }
}
