//! Folders of this user, by the XDG base directory specification, and of the Hugging Face hub's cache.

use std::env;
use std::path::PathBuf;

/// `~/.config/plimsoll`, or where `XDG_CONFIG_HOME` puts it.
pub fn config() -> Option<PathBuf> {
    base("XDG_CONFIG_HOME", ".config").map(|base| base.join("plimsoll"))
}

/// `~/.local/state/plimsoll`, or where `XDG_STATE_HOME` puts it.
pub fn state() -> Option<PathBuf> {
    base("XDG_STATE_HOME", ".local/state").map(|base| base.join("plimsoll"))
}

/// `~/.local/share/plimsoll`, or where `XDG_DATA_HOME` puts it.
pub fn data() -> Option<PathBuf> {
    base("XDG_DATA_HOME", ".local/share").map(|base| base.join("plimsoll"))
}

/// Where the hub's own tools keep what they fetched.
pub fn hub_cache() -> Option<PathBuf> {
    absolute("HF_HUB_CACHE")
        .or_else(|| absolute("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| base("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("huggingface/hub")))
}

fn base(variable: &str, in_home: &str) -> Option<PathBuf> {
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))
}

/// The specification has relative paths ignored.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
