//! From the map under Hugging Face's names to [`Hyperparams`].

use std::sync::Arc;

use plimsoll_formats::{ConfigMap, FormatError, HyperparamError, JsonObject};

use super::rope::{self, RopeContext};
use super::{
    Activation, Biases, GgufFacts, Hyperparams, LayerKeys, LayerKind, MAX_HEADS, MAX_LAYERS, MAX_TOKENS, MAX_VOCAB,
    MAX_WIDTH, keys_of, refuse,
};
use crate::arch::{self, Arch, Class};

/// Reads the keys of a `config.json`, old or new, plain or around a multimodal model.
///
/// # Errors
/// [`FormatError::UnknownArchitecture`] or [`FormatError::Hyperparam`].
pub(crate) fn from_config(file: &str, keys: JsonObject) -> Result<Hyperparams, FormatError> {
    let outer = ConfigMap::new(file, keys);
    refuse::quantised(&outer)?;
    let outer_type = outer.str("model_type")?.unwrap_or_default().to_owned();
    if outer_type.is_empty() {
        return Err(outer.error("model_type", "the name of an architecture").into());
    }
    let class = arch::wrapper(&outer_type);
    let (mut text, wrapper) = match (outer.object("text_config")?, class) {
        (None, None) => (outer.clone(), None),
        (None, Some(class)) if class.flat => {
            let mut text = outer.clone();
            text.insert_as("model_type", "model_type", class.text);
            (text, Some(outer_type))
        }
        // A wrapper may rely on its class for every key of its text model.
        (None, Some(class)) => (ConfigMap::new(file, keys_of(class.text_keys)), Some(outer_type)),
        (Some(text), _) => (text, Some(outer_type)),
    };
    let model_type = match (text.str("model_type")?, class) {
        (Some(inner), _) => inner.to_owned(),
        (None, Some(class)) => class.text.to_owned(),
        (None, None) => return Err(text.error("model_type", "the name of the text model's architecture").into()),
    };
    if wrapper.is_some() {
        refuse::quantised(&text)?;
        // The wrapper's word counts: its class ties the embeddings, not the text model's.
        if let Some(tied) = outer.bool("tie_word_embeddings")?.or(class.map(|class| class.tied)) {
            text.insert_as("tie_word_embeddings", "tie_word_embeddings", tied);
        }
    }
    let around = class;
    let (arch, class) = Arch::of_class(file, &model_type)?;
    for (there, here) in class.spelled {
        if let Some(value) = text.get(there).cloned() {
            text.insert_as(here, there, value);
        }
    }
    if let Some(wrapper) = around {
        (wrapper.settle)(&outer, &mut text)?;
    }
    text.default_keys(keys_of(class.defaults));
    let spelled = Spelled { arch, class, name: class.model_type, wrapper };
    let mut hp = hyperparams(text, spelled, None)?;
    hp.outer = hp.wrapper.is_some().then(|| Arc::new(outer));
    Ok(hp)
}

/// What classes call the number of their experts; the first is what it is called here.
pub(super) const EXPERTS: [&str; 3] = ["num_local_experts", "num_experts", "n_routed_experts"];

/// Which architecture it is, and how the file says so.
pub(super) struct Spelled {
    pub arch: &'static Arch,
    pub class: &'static Class,
    pub name: &'static str,
    /// The `model_type` of the multimodal model around it.
    pub wrapper: Option<String>,
}

/// Builds the struct from a map that is complete; of a GGUF, `facts` is what its tensors say.
pub(super) fn hyperparams(
    mut config: ConfigMap,
    spelled: Spelled,
    facts: Option<&GgufFacts>,
) -> Result<Hyperparams, HyperparamError> {
    let Spelled { arch, class, name, wrapper } = spelled;
    (class.settle)(&mut config)?;
    refuse::unsupported(&config, class)?;
    let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
    let n_heads = config.size("num_attention_heads", MAX_HEADS)?;
    let d_model = config.size("hidden_size", MAX_WIDTH)?;
    let n_kv_heads = match config.usize("num_key_value_heads")? {
        None => n_heads,
        Some(n) if n > 0 && n_heads % n == 0 => n,
        Some(_) => return Err(config.error("num_key_value_heads", format!("a divisor of {n_heads} heads"))),
    };
    let head_dim = match config.usize("head_dim")? {
        Some(_) => config.size("head_dim", MAX_WIDTH)?,
        None if d_model >= n_heads => d_model / n_heads,
        None => return Err(config.error("hidden_size", format!("at least one value for each of {n_heads} heads"))),
    };
    let max_seq_len = config.size("max_position_embeddings", MAX_TOKENS)?;
    let (layer_kinds, sliding_window) = layer_kinds(&config, class, n_layers)?;
    let gguf_factors = facts.and_then(|f| f.rope_factors.as_deref());
    let (rope, rope_local) = rope::parse(&RopeContext { config: &config, class, head_dim, max_seq_len, gguf_factors })?;
    let softcap = |key| -> Result<Option<f32>, HyperparamError> {
        let read = class.reads(key) && config.get(key).is_some();
        read.then(|| config.positive(key).map(|v| v as f32)).transpose()
    };
    Ok(Hyperparams {
        n_layers,
        n_heads,
        n_kv_heads,
        head_dim,
        d_model,
        d_ff: config.size("intermediate_size", MAX_WIDTH)?,
        vocab_size: config.size("vocab_size", MAX_VOCAB)?,
        rms_eps: config.positive("rms_norm_eps")? as f32,
        max_seq_len,
        tied_embeddings: config.bool("tie_word_embeddings")?.unwrap_or(false),
        biases: facts.map_or_else(|| biases(&config, class), |f| Ok(f.biases))?,
        activation: activation(&config)?,
        attention_chunk: match layer_kinds.contains(&LayerKind::Chunked) {
            true => Some(config.size("attention_chunk_size", MAX_TOKENS)?),
            false => None,
        },
        layer_kinds,
        sliding_window,
        rope,
        rope_local,
        attn_logit_softcap: softcap("attn_logit_softcapping")?,
        final_logit_softcap: softcap("final_logit_softcapping")?,
        query_pre_attn_scalar: match class.reads("query_pre_attn_scalar") {
            true => Some(config.positive("query_pre_attn_scalar")? as f32),
            false => None,
        },
        arch,
        arch_name: name,
        wrapper,
        config: Arc::new(config),
        outer: None,
    })
}

pub(super) fn activation(config: &ConfigMap) -> Result<Activation, HyperparamError> {
    let key = if config.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
    activation_of(config, key)
}

/// The activation that a key names.
pub(super) fn activation_of(config: &ConfigMap, key: &str) -> Result<Activation, HyperparamError> {
    match config.str(key)? {
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu") => Ok(Activation::Gelu),
        Some("gelu_pytorch_tanh" | "gelu_new" | "gelu_fast") => Ok(Activation::GeluTanh),
        _ => Err(config.error(key, "silu, gelu, gelu_new or gelu_pytorch_tanh")),
    }
}

/// Which projections have biases: a fact of the class, or what the keys say that it reads.
fn biases(config: &ConfigMap, class: &Class) -> Result<Biases, HyperparamError> {
    let flag = |key| Ok::<_, HyperparamError>(class.reads(key) && config.bool(key)?.unwrap_or(false));
    let (attention, mlp) = (flag("attention_bias")?, flag("mlp_bias")?);
    let always = class.biases;
    Ok(Biases { qkv: always.qkv || attention, o: always.o || attention, mlp: always.mlp || mlp })
}

/// What every layer's queries see, and the window of sliding layers.
fn layer_kinds(
    config: &ConfigMap,
    class: &Class,
    n_layers: usize,
) -> Result<(Vec<LayerKind>, Option<usize>), HyperparamError> {
    let layers = (class.layers)(&LayerKeys::new(config, class, n_layers)?)?;
    if layers.kinds.contains(&LayerKind::Sliding) && layers.window.is_none() {
        return Err(config.error("sliding_window", "a window, since `layer_types` has sliding layers"));
    }
    Ok((layers.kinds, layers.window))
}
