//! What a MODEL argument stands for.

use std::path::{Path, PathBuf};

use anyhow::bail;
use plimsoll_catalog::ModelCard;
use plimsoll_engine::{Session, SessionOptions, context_length};
use plimsoll_formats::{Checkpoint, FormatError};
use plimsoll_runtime::CacheType;

use crate::args::CacheArg;
use crate::settings::Settings;
use crate::{catalogue, demo, hub_cache, places};

/// A model of the catalogue whose files are not on this machine.
#[derive(Debug, thiserror::Error)]
#[error("no artifact known of `{}` by {}: {}", card.id, card.maker, card.availability.words())]
pub struct NoArtifact {
    /// What is known of it.
    pub card: ModelCard,
    /// Where files would have been found.
    pub looked: Vec<PathBuf>,
}

/// Opens a folder, a GGUF file, an embedded model, or the files of a model that the catalogue knows.
///
/// # Errors
/// What is wrong with the files, or that there are none of this name: [`NoArtifact`] where the catalogue has a card.
pub fn open(model: &str) -> anyhow::Result<Checkpoint> {
    Ok(open_files(&locate(model)?)?)
}

/// What [`open_files`] opens for a MODEL argument: an embedded model and a path that is there stand for themselves, and
/// a name of the catalogue for the files of its card on this machine.
///
/// # Errors
/// There is no such embedded model, the catalogue cannot be read, or it knows the model and no files of it.
pub fn locate(model: &str) -> anyhow::Result<String> {
    if model.starts_with("demo:") && demo::files(model).is_none() {
        bail!("no embedded model `{model}`; there are {}", demo::NAMES.join(", "));
    }
    if demo::files(model).is_some() || Path::new(model).exists() {
        return Ok(model.to_owned());
    }
    // What nobody knows is told as a path that is not there.
    let Some(card) = catalogue::open()?.resolve(model) else { return Ok(model.to_owned()) };
    let cache = places::hub_cache();
    let in_cache = || cache.iter().flat_map(|cache| asked_of_hub(card, model).map(move |hub| (cache, hub)));
    let looked: Vec<PathBuf> =
        card.artifact.iter().cloned().chain(in_cache().map(|(cache, hub)| hub_cache::folder(cache, hub))).collect();
    let artifact = card.artifact.clone().filter(|path| path.exists());
    let found = artifact.or_else(|| in_cache().find_map(|(cache, hub)| hub_cache::snapshot(cache, hub)));
    match found.map(|path| path.into_os_string().into_string()) {
        Some(Ok(path)) => Ok(path),
        Some(Err(path)) => bail!("`{}`: the path is not UTF-8", path.to_string_lossy()),
        None => Err(NoArtifact { card: card.clone(), looked }.into()),
    }
}

/// Who asks for one model of a family by its name on the hub gets that one.
fn asked_of_hub<'a>(card: &'a ModelCard, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = card.hub.iter().any(|hub| hub.eq_ignore_ascii_case(name));
    card.hub.iter().map(String::as_str).filter(move |hub| !named || hub.eq_ignore_ascii_case(name))
}

/// Opens what [`locate`] gave, for who times the opening alone.
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
