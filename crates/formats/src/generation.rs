//! What the maker recommends for generating: token ids that end an answer, sampling settings, and which tokens may come.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config_map::ConfigMap;
use crate::error::{FormatError, HyperparamError};
use crate::folder::{Folder, JsonObject};
use crate::gguf::{GgufFile, NewValue};

/// The file that holds them in Hugging Face's layout.
const FILE: &str = "generation_config.json";

/// Defaults from `generation_config.json` (ids fall back to `config.json`), or from GGUF's `tokenizer.ggml.*` ids and
/// `general.sampling.*`. `None` where the files say nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GenerationDefaults {
    /// Each of these ends an answer; in the file's order, without repeats.
    pub eos_ids: Vec<u32>,
    /// Whether tokens are drawn. Without it the reference takes the likeliest, whatever temperature stands beside it; a
    /// GGUF with a temperature asks for drawing by that.
    pub do_sample: Option<bool>,
    /// Divides the logits.
    pub temperature: Option<f32>,
    /// Keeps the k most likely tokens; 0 keeps all.
    pub top_k: Option<u32>,
    /// Keeps the most likely tokens up to this probability together.
    pub top_p: Option<f32>,
    /// Keeps tokens with at least this share of the best one's probability.
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that were already there.
    pub repetition_penalty: Option<f32>,
    /// Which tokens may come, and when.
    pub rules: TokenRules,
    /// Tokens that an answer may have.
    pub max_new_tokens: Option<usize>,
    /// Tokens that prompt and answer may have together, where `max_new_tokens` does not count.
    pub max_length: Option<usize>,
    /// Texts that end an answer.
    pub stop_strings: Vec<String>,
    /// What else the files ask for, in their order.
    pub unusable: Vec<Unusable>,
}

/// Token ids in order, and what is added to the logit of the last.
pub type SequenceBias = (Vec<u32>, f32);

/// Which tokens may come, and when, as transformers' logits processors have it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenRules {
    /// Added to the logit of the last token of a sequence where the others have just come; negative infinity forbids it.
    /// No sequence is empty.
    pub sequence_bias: Vec<SequenceBias>,
    /// Tokens that never come.
    pub suppressed: Vec<u32>,
    /// Tokens that do not begin an answer.
    pub suppressed_first: Vec<u32>,
    /// No token that ends an answer comes before it has so many tokens.
    pub min_new_tokens: usize,
    /// No token that ends an answer comes before prompt and answer have so many tokens together.
    pub min_length: usize,
    /// No run of so many tokens comes twice; 0 lets all come.
    pub no_repeat_ngram_size: usize,
}

/// A setting that cannot be taken as it stands. It bears on answers alone, so it keeps nobody from looking at a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusable {
    /// The key, or empty where the whole file cannot be read.
    pub key: String,
    /// What is wrong, naming the file, and what was expected.
    pub what: String,
    /// Whether it says how tokens are drawn, and so bears on nothing where the likeliest is taken.
    pub of_sampling: bool,
}

/// Keys that ask for another way of generating than token after token, with the value that asks for nothing.
const OTHER_WAYS: [(&str, f64); 10] = [
    ("num_beams", 1.0),
    ("num_beam_groups", 1.0),
    ("penalty_alpha", 0.0),
    ("guidance_scale", 1.0),
    ("encoder_repetition_penalty", 1.0),
    ("encoder_no_repeat_ngram_size", 0.0),
    ("diversity_penalty", 0.0),
    ("prompt_lookup_num_tokens", 0.0),
    ("num_return_sequences", 1.0),
    ("top_h", 1.0),
];
/// Ways of drawing that are not known here, with the value that asks for nothing.
const OTHER_DRAWS: [(&str, f64); 3] = [("typical_p", 1.0), ("epsilon_cutoff", 0.0), ("eta_cutoff", 0.0)];
/// Keys that ask for something as soon as they are not null.
const OTHER_RULES: [&str; 8] = [
    "forced_bos_token_id",
    "forced_eos_token_id",
    "forced_decoder_ids",
    "force_words_ids",
    "constraints",
    "exponential_decay_length_penalty",
    "watermarking_config",
    "dola_layers",
];

/// Reads `generation_config.json`; `config` holds the keys of `config.json`, whose ids count where it has none.
pub fn from_folder(folder: &Folder, config: &JsonObject) -> Result<GenerationDefaults, FormatError> {
    let (keys, unreadable) = match folder.json(FILE) {
        Ok(keys) => (keys.unwrap_or_default(), None),
        // The reference goes on without a file that is no JSON object.
        Err(FormatError::Malformed { file, what }) => (JsonObject::default(), Some(format!("`{file}`: {what}"))),
        Err(error) => return Err(error),
    };
    let own = ConfigMap::new(&folder.display_file(FILE), keys);
    let outer = ConfigMap::new(&folder.display_file("config.json"), config.clone());
    let text = outer.object("text_config")?;
    let mut sources = [Some(&own), Some(&outer), text.as_ref()].into_iter().flatten();
    const EOS: &str = "eos_token_id";
    let eos = sources.find(|source| source.get(EOS).is_some());
    let eos_ids = eos.map(|source| ids(source, EOS)).transpose()?.unwrap_or_default();
    let unreadable = unreadable.map(|what| Unusable { key: String::new(), what, of_sampling: false });
    Ok(Settings { own: &own, unusable: unreadable.into_iter().collect() }.read(eos_ids))
}

/// The keys of `generation_config.json`, and what of them cannot be used.
struct Settings<'a> {
    own: &'a ConfigMap,
    unusable: Vec<Unusable>,
}

impl Settings<'_> {
    fn read(mut self, eos_ids: Vec<u32>) -> GenerationDefaults {
        let number = |own: &ConfigMap, key: &str| own.f32(key);
        let size = |own: &ConfigMap, key: &str| own.usize(key);
        GenerationDefaults {
            do_sample: self.take("do_sample", false, |own, key| own.bool(key)),
            temperature: self.take("temperature", true, number),
            top_k: self.take("top_k", true, |own, key| Ok(own.usize(key)?.map(|v| v.min(u32::MAX as usize) as u32))),
            top_p: self.take("top_p", true, number),
            min_p: self.take("min_p", true, number),
            repetition_penalty: self.take("repetition_penalty", false, number),
            rules: self.rules(&eos_ids),
            max_new_tokens: self.take("max_new_tokens", false, size),
            max_length: self.take("max_length", false, size),
            stop_strings: self.take("stop_strings", false, texts).unwrap_or_default(),
            eos_ids,
            unusable: self.with_other_ways(),
        }
    }

    fn rules(&mut self, eos_ids: &[u32]) -> TokenRules {
        let mut sequence_bias = self.take("sequence_bias", false, biases).unwrap_or_default();
        let bad_words = self.take("bad_words_ids", false, sequences).unwrap_or_default();
        // The reference lets an answer end whatever is forbidden.
        let forbidden = bad_words.into_iter().filter(|word| !matches!(word[..], [id] if eos_ids.contains(&id)));
        sequence_bias.extend(forbidden.map(|word| (word, f32::NEG_INFINITY)));
        let size = |own: &ConfigMap, key: &str| own.usize(key);
        let min_new_tokens = self.take("min_new_tokens", false, size);
        let min_length = self.take("min_length", false, size).unwrap_or_default();
        let of_ids = |own: &ConfigMap, key: &str| ids(own, key).map(Some);
        TokenRules {
            sequence_bias,
            suppressed: self.take("suppress_tokens", false, of_ids).unwrap_or_default(),
            suppressed_first: self.take("begin_suppress_tokens", false, of_ids).unwrap_or_default(),
            // Of two minimums the reference takes that of new tokens.
            min_length: if min_new_tokens.is_some() { 0 } else { min_length },
            min_new_tokens: min_new_tokens.unwrap_or_default(),
            no_repeat_ngram_size: self.take("no_repeat_ngram_size", false, size).unwrap_or_default(),
        }
    }

    /// The value of a key, unless it is damaged.
    fn take<T>(
        &mut self,
        key: &str,
        of_sampling: bool,
        read: impl Fn(&ConfigMap, &str) -> Result<Option<T>, HyperparamError>,
    ) -> Option<T> {
        read(self.own, key).unwrap_or_else(|error| {
            self.unusable.push(Unusable { key: key.to_owned(), what: error.to_string(), of_sampling });
            None
        })
    }

    /// What cannot be used, with what asks for another way of generating.
    fn with_other_ways(mut self) -> Vec<Unusable> {
        let of_numbers = OTHER_WAYS.iter().map(|way| (way, false)).chain(OTHER_DRAWS.iter().map(|way| (way, true)));
        for ((key, nothing), of_sampling) in of_numbers {
            let asks = self.own.get(key).is_some_and(|value| value.as_f64() != Some(*nothing));
            self.note(key, of_sampling, asks);
        }
        for key in OTHER_RULES {
            self.note(key, false, self.own.get(key).is_some());
        }
        self.unusable
    }

    fn note(&mut self, key: &str, of_sampling: bool, asks: bool) {
        if asks {
            let what = self.own.error(key, "no such way of generating: it is not known here").to_string();
            self.unusable.push(Unusable { key: key.to_owned(), what, of_sampling });
        }
    }
}

/// One id or a list of ids, in which null counts for nothing.
fn ids(config: &ConfigMap, key: &str) -> Result<Vec<u32>, HyperparamError> {
    let wrong = || config.error(key, "a token id or a list of token ids");
    let mut out = match config.get(key) {
        None => Vec::new(),
        Some(Value::Array(list)) => {
            list.iter().filter(|v| !v.is_null()).map(|v| id(v).ok_or_else(wrong)).collect::<Result<_, _>>()?
        }
        Some(one) => vec![id(one).ok_or_else(wrong)?],
    };
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|id| seen.insert(*id));
    Ok(out)
}

fn id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

/// Ids of a sequence that is not empty.
fn sequence(value: &Value) -> Option<Vec<u32>> {
    let ids = value.as_array()?.iter().map(id).collect::<Option<Vec<u32>>>()?;
    (!ids.is_empty()).then_some(ids)
}

fn sequences(config: &ConfigMap, key: &str) -> Result<Option<Vec<Vec<u32>>>, HyperparamError> {
    let Some(value) = config.get(key) else { return Ok(None) };
    let found = value.as_array().and_then(|list| list.iter().map(sequence).collect());
    found.map(Some).ok_or_else(|| config.error(key, "a list of lists of token ids"))
}

/// `[[[256, 7], -50.0], …]`; of a sequence that stands there twice the last bias counts, as in a dictionary.
fn biases(config: &ConfigMap, key: &str) -> Result<Option<Vec<SequenceBias>>, HyperparamError> {
    let Some(value) = config.get(key) else { return Ok(None) };
    let one = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([ids, bias]) => Some((sequence(ids)?, bias.as_f64()? as f32)),
        _ => None,
    };
    let found: Option<Vec<_>> = value.as_array().and_then(|list| list.iter().map(one).collect());
    let found = found.ok_or_else(|| config.error(key, "a list of pairs of a list of token ids and a bias"))?;
    let distinct: BTreeMap<Vec<u32>, f32> = found.into_iter().collect();
    Ok(Some(distinct.into_iter().collect()))
}

/// One text or several.
fn texts(config: &ConfigMap, key: &str) -> Result<Option<Vec<String>>, HyperparamError> {
    match config.get(key) {
        Some(Value::String(one)) => Ok(Some(vec![one.clone()])),
        _ => config.strings(key),
    }
}

impl GenerationDefaults {
    /// How tokens are drawn, as keys of a GGUF: none where they are not. Ids are the vocabulary's to write.
    pub fn metadata(&self) -> Vec<(String, NewValue)> {
        if self.do_sample != Some(true) {
            return Vec::new();
        }
        let numbers = [
            ("temp", Some(self.temperature.unwrap_or(1.0))),
            ("top_p", self.top_p),
            ("min_p", self.min_p),
            ("penalty_repeat", self.repetition_penalty),
        ];
        let number = |(name, value): (&str, Option<f32>)| Some((format!("general.sampling.{name}"), value?.into()));
        let top_k =
            self.top_k.map(|k| ("general.sampling.top_k".to_owned(), NewValue::I32(k.min(i32::MAX as u32) as i32)));
        numbers.into_iter().filter_map(number).chain(top_k).collect()
    }
}

/// Reads the ids and sampling keys of a GGUF's metadata.
pub fn from_gguf(gguf: &GgufFile) -> Result<GenerationDefaults, FormatError> {
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
    let temperature = number("temp")?;
    Ok(GenerationDefaults {
        eos_ids,
        do_sample: temperature.map(|temperature| temperature > 0.0),
        temperature,
        top_k: gguf.uint("general.sampling.top_k")?.map(|v| v.min(u64::from(u32::MAX)) as u32),
        top_p: number("top_p")?,
        min_p: number("min_p")?,
        repetition_penalty: number("penalty_repeat")?,
        ..GenerationDefaults::default()
    })
}
