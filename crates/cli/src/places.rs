//! Folders of this user, by the XDG base directory specification, and of the Hugging Face hub's cache.

use std::env;
use std::path::PathBuf;

use etcetera::BaseStrategy;

/// `~/.config/plimsoll`, or where `XDG_CONFIG_HOME` puts it.
pub fn config() -> Option<PathBuf> {
    Some(base()?.config_dir().join("plimsoll"))
}

/// `~/.local/state/plimsoll`, or where `XDG_STATE_HOME` puts it.
pub fn state() -> Option<PathBuf> {
    let base = base()?;
    // Windows has no folder for states.
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("plimsoll"))
}

/// `~/.local/share/plimsoll`, or where `XDG_DATA_HOME` puts it.
pub fn data() -> Option<PathBuf> {
    Some(base()?.data_dir().join("plimsoll"))
}

/// Where the hub's own tools keep what they fetched.
pub fn hub_cache() -> Option<PathBuf> {
    absolute("HF_HUB_CACHE")
        .or_else(|| absolute("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| Some(etcetera::base_strategy::Xdg::new().ok()?.cache_dir().join("huggingface/hub")))
}

/// What this system has for an XDG base directory: nothing without a home.
fn base() -> Option<impl BaseStrategy> {
    etcetera::choose_base_strategy().ok()
}

/// Relative paths are ignored, as the specification has it of its own.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
