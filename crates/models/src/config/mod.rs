//! Hyperparameters: one struct with our names, whichever file they come from.
//!
//! `config.json` and GGUF metadata both become a map under Hugging Face's names (`gguf.rs` translates), and one parser
//! (`parse.rs`) reads that map: old and new spellings, class defaults for what published files omit, and a refusal
//! that names the key for whatever would change the arithmetic and is not supported.

mod gguf;
pub(crate) mod layers;
mod parse;
mod refuse;
mod rope;
mod vision;

use std::sync::Arc;

#[cfg(test)]
pub(crate) use gguf::NEUTRAL as GGUF_NEUTRAL;
pub(crate) use gguf::{GgufConfig, GgufFacts, from_gguf};
pub(crate) use layers::{LayerKeys, Layers};
pub(crate) use parse::from_config;
#[cfg(test)]
pub(crate) use refuse::NEUTRAL;
pub use rope::{Rope, RopeScaling};
pub use vision::VisionParams;
pub(crate) use vision::{edge, from_mmproj, side_of, tiles_of_any_size, two_frames};

pub use plimsoll_kernels::Activation;

use plimsoll_formats::{ConfigMap, FormatError, HyperparamError, JsonObject, parse_object};
use serde_json::Value;

use crate::arch::Arch;

// Far beyond any published model; they keep a damaged number from becoming an allocation or an overflow.
pub(crate) const MAX_LAYERS: usize = 10_000;
pub(crate) const MAX_HEADS: usize = 100_000;
pub(crate) const MAX_WIDTH: usize = 10_000_000;
/// Taps of a convolution over the sequence.
pub(crate) const MAX_TAPS: usize = 1024;
const MAX_VOCAB: usize = 100_000_000;
const MAX_TOKENS: usize = 1_000_000_000_000;

/// The keys that a class supplies.
fn keys_of(supplied: fn() -> Value) -> JsonObject {
    match supplied() {
        Value::Object(keys) => keys,
        other => unreachable!("a class supplies keys, not {other}"),
    }
}

/// Which keys a layer's queries see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// All before and at their position.
    Full,
    /// The last `sliding_window`, their own included.
    Sliding,
    /// Those in the same aligned chunk of `attention_chunk`.
    Chunked,
    /// None: the layer folds the past into a state.
    Recurrent,
}

/// Which projections add a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// `q_proj`, `k_proj`, `v_proj`.
    pub qkv: bool,
    /// `o_proj`.
    pub o: bool,
    /// `gate_proj`, `up_proj`, `down_proj`.
    pub mlp: bool,
}

impl Biases {
    /// No projection adds one.
    pub const NONE: Biases = Biases { qkv: false, o: false, mlp: false };
}

/// What `config.json` or the GGUF metadata says of the network, checked for consistency.
///
/// Keys that only one architecture knows are read under their Hugging Face names through [`Hyperparams::usize`] and
/// its siblings, from either format.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperparams {
    /// The architecture.
    pub arch: &'static Arch,
    /// The architecture as the file spells it: the text model's `model_type` or `general.architecture`.
    pub arch_name: &'static str,
    /// The `model_type` of the multimodal model around the text model, if there is one.
    pub wrapper: Option<String>,
    /// Decoder layers.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width of the MLP; of a mixture that of one expert.
    pub d_ff: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Added to the mean square in RMS norms.
    pub rms_eps: f32,
    /// Longest sequence in tokens.
    pub max_seq_len: usize,
    /// Whether the output projection is the embedding. Corrected by what the file holds: see [`crate::Checkpoint`].
    pub tied_embeddings: bool,
    /// Which projections add a bias.
    pub biases: Biases,
    /// The MLP's activation.
    pub activation: Activation,
    /// Per layer, which keys its queries see; `n_layers` long.
    pub layer_kinds: Vec<LayerKind>,
    /// Keys that a [`LayerKind::Sliding`] layer's query sees, its own included.
    pub sliding_window: Option<usize>,
    /// Keys in a chunk of a [`LayerKind::Chunked`] layer; there if any layer is one, and then 1 or more.
    pub attention_chunk: Option<usize>,
    /// Rotary embedding of full layers, and of all where `rope_local` is `None`.
    pub rope: Rope,
    /// Rotary embedding of [`LayerKind::Sliding`] layers, where it differs.
    pub rope_local: Option<Rope>,
    /// Attention scores become `cap · tanh(score / cap)`.
    pub attn_logit_softcap: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`.
    pub final_logit_softcap: Option<f32>,
    /// Attention scores are divided by the root of this instead of `head_dim`'s.
    pub query_pre_attn_scalar: Option<f32>,
    config: Arc<ConfigMap>,
    /// The keys of the multimodal model around the text model.
    outer: Option<Arc<ConfigMap>>,
}

impl Hyperparams {
    /// Reads the text of a `config.json`; `file` is its path for messages.
    ///
    /// ```
    /// use plimsoll_models::Hyperparams;
    /// let config = r#"{ "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "rope_theta": 5e5 }"#;
    /// let hp = Hyperparams::from_config_json("config.json", config)?;
    /// assert_eq!((hp.head_dim, hp.rope.theta, hp.n_layers), (16, 5e5, 32)); // 32 is the class's default
    /// # Ok::<(), plimsoll_formats::FormatError>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError::Hyperparam`] by key, [`FormatError::UnknownArchitecture`], or the text is no JSON object.
    pub fn from_config_json(file: &str, text: &str) -> Result<Hyperparams, FormatError> {
        from_config(file, parse_object(file, text)?)
    }

    /// What attention scores are multiplied with before the softmax.
    pub fn attn_scale(&self) -> f32 {
        self.query_pre_attn_scalar.unwrap_or(self.head_dim as f32).sqrt().recip()
    }

    /// Path of the file that the hyperparameters come from.
    pub fn file(&self) -> &str {
        self.config.file()
    }

    /// Every key under its Hugging Face name, with what the class supplies where the file says nothing.
    pub fn keys(&self) -> &JsonObject {
        self.config.keys()
    }

    /// The keys of the multimodal model around the text model, if there is one.
    pub(crate) fn outer(&self) -> Option<&ConfigMap> {
        self.outer.as_deref()
    }

    /// A whole number under its Hugging Face name; `None` if absent or `null`.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn usize(&self, key: &str) -> Result<Option<usize>, HyperparamError> {
        self.config.usize(key)
    }

    /// A whole number from 1 to `most` that must be there.
    ///
    /// # Errors
    /// The key is absent or holds something else.
    pub(crate) fn size(&self, key: &str, most: usize) -> Result<usize, HyperparamError> {
        self.config.size(key, most)
    }

    /// A number under its Hugging Face name; `None` if absent or `null`.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, HyperparamError> {
        Ok(self.config.f64(key)?.map(|v| v as f32))
    }

    /// A number among the rotary parameters, or beside them.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn rotary_f32(&self, key: &str) -> Result<Option<f32>, HyperparamError> {
        for holder in ["rope_scaling", "rope_parameters"] {
            if let Some(parameters) = self.config.object(holder)?
                && let Some(value) = parameters.f64(key)?
            {
                return Ok(Some(value as f32));
            }
        }
        self.f32(key)
    }

    /// A boolean under its Hugging Face name; `None` if absent or `null`.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, HyperparamError> {
        self.config.bool(key)
    }

    /// A text under its Hugging Face name; `None` if absent or `null`.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn str(&self, key: &str) -> Result<Option<&str>, HyperparamError> {
        self.config.str(key)
    }

    /// A list of whole numbers under its Hugging Face name (`moe_layers`); `None` if absent or `null`.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn usizes(&self, key: &str) -> Result<Option<Vec<usize>>, HyperparamError> {
        self.config.usizes(key)
    }

    /// Which layers rotate, of an architecture where not all do: `no_rope_layers`, which holds 1 where a layer *uses*
    /// rotary, or without it all but every `no_rope_layer_interval`-th. As in the reference, an empty list counts as
    /// none and a longer one by its beginning.
    ///
    /// # Errors
    /// A key holds something else, or fewer flags than there are layers.
    pub fn rotary_layers(&self) -> Result<Vec<bool>, HyperparamError> {
        layers::rotary(&self.config, self.n_layers)
    }

    /// An error about a key whose value an architecture cannot honour.
    pub fn error(&self, key: &str, expected: impl Into<String>) -> HyperparamError {
        self.config.error(key, expected)
    }
}
