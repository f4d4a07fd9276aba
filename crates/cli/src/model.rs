//! What a MODEL argument stands for.

use std::path::Path;

use anyhow::bail;
use plimsoll_engine::{ChatTemplate, Session, SessionOptions, Tokenizer, TokenizerOptions};
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
        bail!("no embedded model `{model}`; there are {}", demo::NAMES.join(" and "));
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

/// The tokenizer of a checkpoint; `pre` replaces the pre-tokenizer that a GGUF names.
///
/// # Errors
/// If its files describe none that is understood.
pub fn tokenizer(checkpoint: &Checkpoint, pre: Option<&str>) -> anyhow::Result<Tokenizer> {
    let architecture = Some(checkpoint.hyperparams.arch.as_str().to_owned());
    let options = TokenizerOptions { pre: pre.map(str::to_owned), architecture };
    Ok(Tokenizer::from_source(&checkpoint.tokenizer, &options)?)
}

/// The chat template of a checkpoint, if it has one.
///
/// # Errors
/// If it does not compile.
pub fn template(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> anyhow::Result<Option<ChatTemplate>> {
    let source = checkpoint.chat_template.as_ref().and_then(|source| source.default.as_deref());
    let variables = tokenizer.template_variables().iter().cloned();
    Ok(source.map(|source| ChatTemplate::new(source, variables)).transpose()?)
}

/// Tokens of context: what was asked for, else the model's, at most [`DEFAULT_CONTEXT`] and no more
/// than keeps the rotary frequencies it was first trained with.
///
/// # Errors
/// If more is asked for than the model has.
pub fn context(checkpoint: &Checkpoint, asked: Option<usize>) -> anyhow::Result<usize> {
    let most = checkpoint.hyperparams.max_seq_len;
    match asked {
        Some(0) => bail!("--context 0: a context needs at least one token"),
        Some(asked) if asked > most => {
            bail!("--context {asked}: {} was made for {most} tokens", checkpoint.display())
        }
        Some(asked) => Ok(asked),
        None => {
            let native = plimsoll_models::network(checkpoint)?.native_context();
            Ok(most.min(DEFAULT_CONTEXT).min(native.unwrap_or(usize::MAX)))
        }
    }
}

/// Tokens of context unless asked otherwise: enough for a long chat, small enough for a laptop.
const DEFAULT_CONTEXT: usize = 8192;

/// A session with the engine's defaults.
///
/// # Errors
/// As [`Session::open`].
pub fn session(checkpoint: &Checkpoint, settings: Settings) -> anyhow::Result<Session> {
    Ok(Session::open(checkpoint, &session_options(settings, None, CacheType::default(), None))?)
}

/// How sessions are opened; what is not given is the engine's default.
pub fn session_options(
    settings: Settings,
    context: Option<usize>,
    cache: CacheType,
    pre: Option<String>,
) -> SessionOptions {
    SessionOptions { isa: settings.isa, threads: settings.threads, context, cache, pre }
}

impl From<CacheArg> for CacheType {
    fn from(asked: CacheArg) -> CacheType {
        match asked {
            CacheArg::F16 => CacheType::F16,
            CacheArg::F32 => CacheType::F32,
        }
    }
}
