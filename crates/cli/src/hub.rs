//! Hubs as the environment and flags say: who is asked, with which token, and where files are kept. Nothing is asked here.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plimsoll_fetch::{Cache, HUGGING_FACE, HubOptions, OllamaStore, Proxying, Token};

use crate::mistake::Mistake;
use crate::places;

/// The hub's address.
pub fn endpoint(asked: Option<&str>) -> String {
    let named = || env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
    asked.map(str::to_owned).or_else(named).unwrap_or_else(|| HUGGING_FACE.to_owned())
}

/// Whether the environment says that nobody is to be asked.
pub fn is_offline() -> bool {
    let set = |name: &str| {
        env::var(name).is_ok_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str()))
    };
    set("HF_HUB_OFFLINE")
}

/// How hubs are reached.
///
/// # Errors
/// There is no token where one was said to be.
pub fn options(token_from: Option<&str>) -> anyhow::Result<HubOptions> {
    let token = token_from.map(token).transpose()?;
    Ok(HubOptions { token, proxying: Proxying::FromEnvironment, ..HubOptions::default() })
}

/// The token in a file, or in a variable of the environment.
fn token(from: &str) -> anyhow::Result<Token> {
    let hint = "--token-from names a file with nothing but the token, or env:NAME for a variable that has it";
    let text = match from.strip_prefix("env:") {
        Some(name) => env::var(name).map_err(|_| Mistake::error(format!("the variable `{name}` is not set"), hint))?,
        None => std::fs::read_to_string(from).with_context(|| format!("--token-from {from}"))?,
    };
    Token::new(&text).map_err(|error| Mistake::error(format!("{from}: {error}"), hint))
}

/// The cache of the hub's own tools.
///
/// # Errors
/// This user has no home.
pub fn cache() -> anyhow::Result<Cache> {
    let hint = "HF_HUB_CACHE names the folder";
    places::hub_cache().map(Cache::at).ok_or_else(|| Mistake::error("there is no folder for the hub's cache", hint))
}

/// Ollama's store: where `OLLAMA_MODELS` says, else in the home of this user.
pub fn ollama_store() -> Option<OllamaStore> {
    let named = env::var_os("OLLAMA_MODELS").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(etcetera::home_dir().ok()?.join(".ollama/models"));
    named.or_else(home).map(OllamaStore::at)
}

/// A path as one writes it, with `~` for the home of this user.
pub fn short(path: &Path) -> String {
    let home = etcetera::home_dir().ok();
    let below = home.as_deref().and_then(|home| path.strip_prefix(home).ok());
    below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
}
