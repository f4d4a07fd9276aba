//! What a MODEL argument stands for.

use std::path::{Path, PathBuf};

use anyhow::bail;
use plimsoll_catalog::{Availability, Catalog, ModelCard, nearest};
use plimsoll_engine::{Session, SessionOptions, context_length, load};
use plimsoll_formats::FormatError;
use plimsoll_models::{Checkpoint, Format};
use plimsoll_runtime::{CacheType, Program};

use crate::args::CacheArg;
use crate::mistake::Mistake;
use crate::settings::Settings;
use crate::{catalogue, demo, fetched, hub_cache, places, wrong_download};

/// A model of the catalogue whose files are not on this machine.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is known, but {}", card.id, missing(card))]
pub struct NoArtifact {
    /// What is known of it.
    pub card: ModelCard,
    /// Where files would have been found.
    pub looked: Vec<PathBuf>,
}

/// A model of the catalogue that is code of its maker's.
#[derive(Debug, thiserror::Error)]
#[error("the network of {name} is code in its maker's repository, which this program does not run")]
pub struct OwnCode {
    /// Its name.
    pub name: String,
}

/// Nothing is called so.
#[derive(Debug, thiserror::Error)]
#[error("no file, no folder and no model of the catalogue is called `{name}`")]
pub struct NoModel {
    /// As it was asked for.
    pub name: String,
    /// What it was most likely meant for.
    pub near: Option<String>,
}

impl NoModel {
    /// Nothing that the catalogue knows, and no embedded model, is `name`.
    pub fn of(name: &str, catalog: &Catalog) -> NoModel {
        let known = catalog.cards().flat_map(|card| [&card.id].into_iter().chain(&card.aliases).chain(&card.hub));
        let known = known.map(String::as_str).chain(catalog.cards().flat_map(ModelCard::checkpoints));
        let near = nearest(name, known.chain(demo::NAMES));
        NoModel { name: name.to_owned(), near: near.map(str::to_owned) }
    }
}

fn missing(card: &ModelCard) -> String {
    match card.availability {
        Availability::Announced => format!("no files of it are published: {} has only announced it", card.maker),
        Availability::Published | Availability::Gated | Availability::Embedded => {
            "its files are not on this machine".to_owned()
        }
    }
}

/// Opens a folder, a GGUF file, an embedded model, or the files of a model that the catalogue knows.
///
/// # Errors
/// What is wrong with the files, or that there are none of this name: [`NoArtifact`] where the catalogue has a card.
pub fn open(model: &str) -> anyhow::Result<Checkpoint> {
    refuse_own_code(model)?;
    let files = locate(model)?;
    open_files(&files).map_err(|error| match wrong_download::recognise(Path::new(&files)) {
        Some(wrong) => wrong.into(),
        None => of_own_code(error),
    })
}

/// Refuses a name of the catalogue whose network is code of its maker's.
///
/// # Errors
/// [`OwnCode`], or the catalogue cannot be read.
pub fn refuse_own_code(model: &str) -> anyhow::Result<()> {
    if demo::files(model).is_some() || Path::new(model).exists() {
        return Ok(());
    }
    match catalogue::open()?.resolve(known_as(model)) {
        Some(card) if card.own_code => Err(OwnCode { name: card.name.clone() }.into()),
        _ => Ok(()),
    }
}

/// The error of files, which may be of an architecture that the catalogue knows to be code.
fn of_own_code(error: FormatError) -> anyhow::Error {
    let FormatError::UnknownArchitecture { found, .. } = &error else { return error.into() };
    let is_it = |card: &&ModelCard| card.own_code && card.architecture.as_deref() == Some(found);
    let card = catalogue::open().ok().and_then(|catalog| catalog.cards().find(is_it));
    match card {
        Some(card) => OwnCode { name: card.name.clone() }.into(),
        None => error.into(),
    }
}

/// The same of a model whose weights are to be read.
///
/// # Errors
/// As [`open`], and of graphs, whose weights another engine reads.
pub fn open_weights(model: &str) -> anyhow::Result<Checkpoint> {
    let checkpoint = open(model)?;
    if checkpoint.format == Format::Onnx {
        let message =
            format!("the weights of `{}` are in ONNX graphs, which only ONNX Runtime reads", checkpoint.display());
        return Err(Mistake::error(message, "name the model that they were exported from"));
    }
    Ok(checkpoint)
}

/// What [`open_files`] opens for a MODEL argument: an embedded model and a path that is there stand for themselves, and
/// a name of the catalogue for the files of its card on this machine.
///
/// # Errors
/// There is no such embedded model, the catalogue cannot be read, or it knows the model and no files of it.
pub fn locate(model: &str) -> anyhow::Result<String> {
    if demo::files(model).is_some() {
        return Ok(model.to_owned());
    }
    let path = Path::new(model);
    if path.exists() {
        let in_cache = Some(path).filter(|path| path.join("snapshots").is_dir()).and_then(hub_cache::snapshot_in);
        return Ok(in_cache.map_or_else(|| model.to_owned(), |files| files.display().to_string()));
    }
    let catalog = catalogue::open()?;
    let (asked, model) = (model, known_as(model));
    let Some(card) = catalog.resolve(model) else {
        if let Some(fetched) = fetched::find(asked) {
            return Ok(fetched.display().to_string());
        }
        // What looks like a path is told as one that is not there.
        if model.contains(['/', '\\']) || model.ends_with(".gguf") {
            return Ok(model.to_owned());
        }
        return Err(NoModel::of(model, catalog).into());
    };
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

/// The name under which the catalogue may know a MODEL argument: an address of the hub is a name on the hub.
pub fn known_as(model: &str) -> &str {
    plimsoll_catalog::of_address(model)
}

/// Who asks for one model of a family by its name on the hub gets that one.
pub fn asked_of_hub<'a>(card: &'a ModelCard, name: &'a str) -> impl Iterator<Item = &'a str> {
    let is_called = move |hub: &str| {
        hub.eq_ignore_ascii_case(name) || hub.rsplit('/').next().is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    let named = name != card.id && card.hub.iter().any(|hub| is_called(hub));
    card.hub.iter().map(String::as_str).filter(move |hub| !named || is_called(hub))
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

/// The program alone.
///
/// # Errors
/// As [`load`].
pub fn program(checkpoint: &Checkpoint, settings: Settings) -> anyhow::Result<Program> {
    Ok(load(checkpoint, &session_options(settings, None, CacheType::default()))?)
}

/// How sessions are opened; what is not given is the engine's default.
pub fn session_options(settings: Settings, context: Option<usize>, cache: CacheType) -> SessionOptions {
    let Settings { isa, threads, pre, engines } = settings;
    SessionOptions { isa, threads, context, cache, pre, engines, ..SessionOptions::default() }
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

/// The name of a model as a file may be called: what stands for an embedded model has a `:`.
pub fn as_file_name(name: &str) -> String {
    name.chars().map(|c| if matches!(c, ':' | '/' | '\\') { '-' } else { c }).collect()
}
