//! What the layers of a text model see and whether they rotate: the rules that several classes share.

use plimsoll_formats::{ConfigMap, HyperparamError};

use super::{LayerKind, MAX_TOKENS};
use crate::arch::Class;

/// What the rule of a class is given.
pub(crate) struct LayerKeys<'a> {
    pub config: &'a ConfigMap,
    pub model_type: &'a str,
    pub n_layers: usize,
    /// `layer_types`.
    pub listed: Option<Vec<LayerKind>>,
}

/// What every layer's queries see, and the window of sliding layers.
pub(crate) struct Layers {
    /// `n_layers` long.
    pub kinds: Vec<LayerKind>,
    pub window: Option<usize>,
}

impl<'a> LayerKeys<'a> {
    pub fn new(config: &'a ConfigMap, class: &Class, n_layers: usize) -> Result<LayerKeys<'a>, HyperparamError> {
        let model_type = class.model_type;
        Ok(LayerKeys { config, model_type, n_layers, listed: listed(config, class, n_layers)? })
    }

    /// `sliding_window`.
    pub fn window(&self) -> Result<Option<usize>, HyperparamError> {
        self.config.get("sliding_window").map(|_| self.config.size("sliding_window", MAX_TOKENS)).transpose()
    }

    /// `use_sliding_window`, off where it is absent.
    pub fn uses_window(&self) -> Result<bool, HyperparamError> {
        Ok(self.config.bool("use_sliding_window")?.unwrap_or(false))
    }

    /// Every how many layers one is different.
    pub fn interval(&self, key: &str) -> Result<Option<usize>, HyperparamError> {
        interval(self.config, key)
    }

    /// Which layers rotate.
    pub fn rotary(&self) -> Result<Vec<bool>, HyperparamError> {
        rotary(self.config, self.n_layers)
    }

    /// Layers that slide or see all.
    pub fn sliding_where(&self, slides: impl Fn(usize) -> bool) -> Vec<LayerKind> {
        (0..self.n_layers).map(|i| if slides(i) { LayerKind::Sliding } else { LayerKind::Full }).collect()
    }
}

/// Every layer sees all: the class reads neither kinds nor windows.
pub(crate) fn full(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    Ok(Layers { kinds: vec![LayerKind::Full; keys.n_layers], window: None })
}

/// What is listed, which has to be there.
pub(crate) fn as_listed(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let kinds = keys.listed.clone().ok_or_else(|| keys.config.error("layer_types", "a kind for each layer"))?;
    Ok(Layers { kinds, window: keys.window()? })
}

/// Every layer slides if there is a window.
pub(crate) fn alike(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let window = keys.window()?;
    let kind = if window.is_some() { LayerKind::Sliding } else { LayerKind::Full };
    if let Some(listed) = &keys.listed
        && listed.iter().any(|&l| l != kind)
    {
        let expected = format!("none, or the same kind for all of `{}`", keys.model_type);
        return Err(keys.config.error("layer_types", expected));
    }
    Ok(Layers { kinds: vec![kind; keys.n_layers], window })
}

/// Where no kinds are listed and the window is in use, layers from `max_window_layers` on slide.
pub(crate) fn from_max_window_layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let window = if keys.uses_window()? { keys.window()? } else { None };
    let first = keys.config.usize("max_window_layers")?.unwrap_or(0);
    let by_number = || keys.sliding_where(|i| window.is_some() && i >= first);
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_number), window })
}

/// `layer_types`, one word per layer.
fn listed(config: &ConfigMap, class: &Class, n_layers: usize) -> Result<Option<Vec<LayerKind>>, HyperparamError> {
    let expected = || config.error("layer_types", "full_, sliding_ or chunked_attention for each layer");
    let Some(words) = config.strings("layer_types")? else { return Ok(None) };
    let kind = |word: &String| match word.as_str() {
        "full_attention" | "attention" => Some(LayerKind::Full),
        "sliding_attention" => Some(LayerKind::Sliding),
        "chunked_attention" => Some(LayerKind::Chunked),
        word if class.reads(word) => Some(LayerKind::Recurrent),
        _ => None,
    };
    let kinds: Vec<LayerKind> = words.iter().map(kind).collect::<Option<_>>().ok_or_else(expected)?;
    if kinds.len() == n_layers { Ok(Some(kinds)) } else { Err(expected()) }
}

fn interval(config: &ConfigMap, key: &str) -> Result<Option<usize>, HyperparamError> {
    match config.usize(key)? {
        Some(0) => Err(config.error(key, "a whole number from 1")),
        layers => Ok(layers),
    }
}

/// Which layers rotate: see [`super::Hyperparams::rotary_layers`].
pub(super) fn rotary(config: &ConfigMap, n_layers: usize) -> Result<Vec<bool>, HyperparamError> {
    match config.flags("no_rope_layers")?.filter(|flags| !flags.is_empty()) {
        Some(flags) if flags.len() >= n_layers => Ok(flags[..n_layers].to_vec()),
        Some(_) => Err(config.error("no_rope_layers", format!("one flag for each of {n_layers} layers"))),
        None => {
            let interval = interval(config, "no_rope_layer_interval")?.unwrap_or(4);
            Ok((0..n_layers).map(|i| !(i + 1).is_multiple_of(interval)).collect())
        }
    }
}
