//! What the maker recommends for generating: token ids that end an answer and sampling settings.

use serde_json::Value;

use crate::config::ConfigMap;
use crate::error::{FormatError, HyperparamError};
use crate::folder::{Folder, JsonObject};
use crate::gguf::GgufFile;

/// Defaults from `generation_config.json` (ids fall back to `config.json`), or from GGUF's `tokenizer.ggml.*` ids and
/// `general.sampling.*`. `None` where the files say nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GenerationDefaults {
    /// Each of these ends an answer; in the file's order, without repeats.
    pub eos_ids: Vec<u32>,
    /// False asks for greedy decoding.
    pub do_sample: Option<bool>,
    /// Divides the logits.
    pub temperature: Option<f32>,
    /// Keeps the k most likely tokens.
    pub top_k: Option<u32>,
    /// Keeps the most likely tokens up to this probability together.
    pub top_p: Option<f32>,
    /// Keeps tokens with at least this share of the best one's probability.
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that were already there.
    pub repetition_penalty: Option<f32>,
}

/// Reads `generation_config.json`; `config` holds the keys of `config.json`, whose ids count where it has none.
pub(crate) fn from_folder(folder: &Folder, config: &JsonObject) -> Result<GenerationDefaults, FormatError> {
    const FILE: &str = "generation_config.json";
    let own = ConfigMap::new(&folder.display_file(FILE), folder.json(FILE)?.unwrap_or_default());
    let outer = ConfigMap::new(&folder.display_file("config.json"), config.clone());
    let text = outer.object("text_config")?;
    let mut sources = [Some(&own), Some(&outer), text.as_ref()].into_iter().flatten();
    const EOS: &str = "eos_token_id";
    let eos = sources.find(|source| source.get(EOS).is_some());
    Ok(GenerationDefaults {
        eos_ids: eos.map(|source| ids(source, EOS)).transpose()?.unwrap_or_default(),
        do_sample: own.bool("do_sample")?,
        temperature: own.f64("temperature")?.map(|v| v as f32),
        top_k: own.usize("top_k")?.map(|v| v.min(u32::MAX as usize) as u32),
        top_p: own.f64("top_p")?.map(|v| v as f32),
        min_p: own.f64("min_p")?.map(|v| v as f32),
        repetition_penalty: own.f64("repetition_penalty")?.map(|v| v as f32),
    })
}

/// One id or a list of ids.
fn ids(config: &ConfigMap, key: &str) -> Result<Vec<u32>, HyperparamError> {
    let wrong = || config.error(key, "a token id or a list of token ids");
    let id = |v: &Value| v.as_u64().and_then(|v| u32::try_from(v).ok()).ok_or_else(wrong);
    let mut out = match config.get(key) {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(id).collect::<Result<_, _>>()?,
        Some(one) => vec![id(one)?],
    };
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|id| seen.insert(*id));
    Ok(out)
}

/// Reads the ids and sampling keys of a GGUF's metadata.
pub(crate) fn from_gguf(gguf: &GgufFile) -> Result<GenerationDefaults, FormatError> {
    let id = |name: &str| crate::tokenizer::gguf_id(gguf, &format!("tokenizer.ggml.{name}_token_id"));
    let mut eos_ids = Vec::new();
    for name in ["eos", "eot", "eom"] {
        if let Some(id) = id(name)?
            && !eos_ids.contains(&id)
        {
            eos_ids.push(id);
        }
    }
    let number = |name: &str| -> Result<Option<f32>, HyperparamError> {
        Ok(gguf.float(&format!("general.sampling.{name}"))?.map(|v| v as f32))
    };
    Ok(GenerationDefaults {
        eos_ids,
        do_sample: None,
        temperature: number("temp")?,
        top_k: gguf.uint("general.sampling.top_k")?.map(|v| v.min(u64::from(u32::MAX)) as u32),
        top_p: number("top_p")?,
        min_p: number("min_p")?,
        repetition_penalty: number("penalty_repeat")?,
    })
}
