//! Tokenizers from Hugging Face's `tokenizer.json`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_models::TokenizerClass;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, Encoding, Model, PostProcessor, Token};

use super::normaliser::Normaliser;
use super::own_class::OwnClass;
use super::pieces::{MAX_SPECIAL, MAX_TOKENS, Pieces};
use super::pipeline::{Pipeline, guarded};
use super::{Backend, SpecialIds, Tokenizer, TokenizerError, byte_level, is_short, sentencepiece};

/// How a tokenizer spells bytes in its tokens, as its decoder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    ByteLevel,
    SentencePiece,
}

/// What of a `tokenizer.json` says how it works; its vocabulary is left to the tokenizers crate.
#[derive(Deserialize)]
struct Description {
    #[serde(default, deserialize_with = "bounded")]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    model: ModelDescription,
}

#[derive(Deserialize)]
struct Added {
    content: String,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize, Serialize)]
struct ModelDescription {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
}

/// Added tokens, which are not read further where there are too many.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Added>, D::Error> {
    struct Tokens;
    impl<'de> Visitor<'de> for Tokens {
        type Value = Vec<Added>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of added tokens")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Added>, A::Error> {
            let mut tokens = Vec::new();
            while let Some(token) = items.next_element()? {
                if tokens.len() == MAX_SPECIAL {
                    return Err(A::Error::custom(TokenizerError::TooManySpecial));
                }
                tokens.push(token);
            }
            Ok(tokens)
        }

        fn visit_unit<E>(self) -> Result<Vec<Added>, E> {
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Tokens)
}

impl Description {
    fn of(bytes: &[u8]) -> Result<Description, TokenizerError> {
        serde_json::from_slice(bytes).map_err(|error| TokenizerError::Backend { reason: error.to_string() })
    }
}

impl ModelDescription {
    /// That the model does the same to the same text, and that what it writes for a character is short.
    fn check(&self) -> Result<(), TokenizerError> {
        if let Some(dropout) = self.dropout.filter(|dropout| *dropout != 0.0) {
            let what = format!("model.dropout = {dropout}, which merges at random");
            return Err(TokenizerError::Unsupported { what, expected: "null or 0" });
        }
        let texts = [
            ("unk_token", &self.unk_token),
            ("continuing_subword_prefix", &self.continuing_subword_prefix),
            ("end_of_word_suffix", &self.end_of_word_suffix),
        ];
        for (name, text) in texts {
            if let Some(bytes) = text.as_ref().map(String::len).filter(|bytes| *bytes > LONGEST_REPEATED) {
                let what = format!("writes {bytes} bytes for a character, model.{name}");
                return Err(TokenizerError::TooMuch { what });
            }
        }
        Ok(())
    }
}

/// What may be written for each character of a text, in bytes.
const LONGEST_REPEATED: usize = 256;

pub(super) fn build(
    bytes: &[u8],
    config: &Map<String, Value>,
    special_tokens_map: &Map<String, Value>,
    class: TokenizerClass,
) -> Result<Tokenizer, TokenizerError> {
    let own = OwnClass::of(config, class)?;
    let Some(own) = own else { return read(bytes, config, special_tokens_map, class) };
    let description = Description::of(bytes)?;
    let steps = json!({
        "normalizer": description.normalizer, "pre_tokenizer": description.pre_tokenizer, "decoder": description.decoder,
        "post_processor": description.post_processor, "model": description.model,
    });
    let bytes = own.applied(bytes, &steps)?;
    let config = with_special_tokens_map(config, special_tokens_map);
    read(&bytes, &own.completed(&config), &Map::new(), TokenizerClass::File)
}

/// The tokenizer with the steps that the file has, or Llama's.
fn read(
    bytes: &[u8],
    config: &Map<String, Value>,
    special_tokens_map: &Map<String, Value>,
    class: TokenizerClass,
) -> Result<Tokenizer, TokenizerError> {
    let description = Description::of(bytes)?;
    description.model.check()?;
    let llama = LlamaClass::of(config, bytes).filter(|_| class != TokenizerClass::File);
    let spelling = if llama.is_some() { Spelling::SentencePiece } else { spelling(&description.decoder)? };
    let strips_first_space = match &llama {
        Some(LlamaClass { scheme }) => *scheme != PrependScheme::Never,
        None => spelling == Spelling::SentencePiece && strips_first_space(&description.decoder),
    };
    let normaliser = Normaliser::new(&description.normalizer)?;
    // The crate normalises added tokens while it reads them, without a bound.
    normaliser.try_on(description.added_tokens.iter().filter(|token| token.normalized).map(|token| &*token.content))?;
    let prefix_bound = post_processed(&description.post_processor);
    drop(description.added_tokens);
    let mut tokenizer = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))?;
    let normaliser = match llama {
        Some(llama) => llama.rebuild(&mut tokenizer)?,
        None => normaliser,
    };
    let config = &with_special_tokens_map(config, special_tokens_map);
    let variables = special_tokens(config);
    add_named_tokens(&mut tokenizer, config, &normaliser)?;
    refuse_costly(&tokenizer)?;
    let pieces = pieces(&tokenizer, spelling)?;
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let controls = added.iter().filter(|(_, token)| token.special).map(|(&id, token)| (id, token.content.clone()));
    let controls = controls.collect();
    let added = added.iter().filter(|(_, token)| !token.special).map(|(_, token)| token.content.clone()).collect();
    let id = |name: &str| {
        let text = variables.iter().find(|(variable, _)| variable == name).map(|(_, text)| text.as_str());
        text.and_then(|text| tokenizer.token_to_id(text))
    };
    let prefix = template_prefix(&tokenizer, prefix_bound)?;
    let bos = id("bos_token").or(prefix.first().copied());
    // The post-processor puts BOS there or does not, whatever `add_bos_token` says.
    let adds_bos = !prefix.is_empty() && bos.is_some();
    let eos_ids = id("eos_token").into_iter().collect();
    let special = SpecialIds { bos, adds_bos, bos_is_assumed: false, eos_ids };
    let backend = Backend::Pipeline(Arc::new(Pipeline::new(tokenizer, normaliser)?));
    Tokenizer::assemble(backend, pieces, controls, special, variables).map(|tokenizer| Tokenizer {
        strips_first_space,
        added,
        ..tokenizer
    })
}

/// Llama's own class, which takes the vocabulary from the file and cuts text its own way: a blank before the text, or before
/// every stretch of it between special tokens where the tokenizer is `legacy`. Source: transformers' `LlamaTokenizer`.
struct LlamaClass {
    scheme: PrependScheme,
}

impl LlamaClass {
    /// Where the files name it. Byte-level files that do are not its own.
    fn of(config: &Map<String, Value>, bytes: &[u8]) -> Option<Self> {
        let class = config.get("tokenizer_class")?.as_str()?;
        let is_own = class.trim_end_matches("Fast") == "LlamaTokenizer"
            && !config.contains_key("auto_map")
            && std::str::from_utf8(bytes).is_ok_and(|text| !text.contains("\"ByteLevel\""));
        let flag = |key: &str, default: bool| config.get(key).and_then(Value::as_bool).unwrap_or(default);
        let scheme = match (flag("add_prefix_space", true), flag("legacy", false)) {
            (false, _) => PrependScheme::Never,
            (true, true) => PrependScheme::Always,
            (true, false) => PrependScheme::First,
        };
        is_own.then_some(Self { scheme })
    }

    fn rebuild(self, tokenizer: &mut tokenizers::Tokenizer) -> Result<Normaliser, TokenizerError> {
        guarded(|| tokenizer.with_normalizer(None::<NormalizerWrapper>).map(|_| ()))?;
        tokenizer.with_pre_tokenizer(Some(Metaspace::new('\u{2581}', self.scheme, false)));
        Ok(Normaliser::default())
    }
}

/// Whether the decoder takes a blank from the beginning of what it decodes.
fn strips_first_space(decoder: &Value) -> bool {
    let single = [decoder.clone()];
    let steps = decoder["decoders"].as_array().map_or(&single[..], Vec::as_slice);
    let strips = |step: &Value| step["type"] == "Strip" && step["start"].as_u64().is_some_and(|start| start > 0);
    steps.iter().any(|step| strips(step) || step["type"] == "Metaspace")
}

/// Adds what tokenizer_config.json alone names: tokens of `added_tokens_decoder` in the order of their ids, then special
/// tokens. Source: transformers' `PreTrainedTokenizerFast.__init__`.
fn add_named_tokens(
    tokenizer: &mut tokenizers::Tokenizer,
    config: &Map<String, Value>,
    normaliser: &Normaliser,
) -> Result<(), TokenizerError> {
    let listed = config.get("added_tokens_decoder").and_then(Value::as_object).into_iter().flatten();
    let mut listed: Vec<(u64, AddedToken)> =
        listed.filter_map(|(id, token)| Some((id.parse().ok()?, added_token(token, false)?))).collect();
    listed.sort_by_key(|(id, _)| *id);
    let more = ["additional_special_tokens", "extra_special_tokens"].into_iter().filter_map(|key| config.get(key));
    let more = more.flat_map(|more| match more {
        Value::Array(items) => items.iter().collect::<Vec<_>>(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    });
    let special = SPECIAL.into_iter().filter_map(|name| config.get(name)).chain(more);
    let special: Vec<AddedToken> = special.filter_map(|token| added_token(token, true)).collect();
    let are_special: HashSet<String> = special.iter().map(|token| token.content.clone()).collect();
    let known = tokenizer.get_added_vocabulary().get_vocab();
    let mut seen = HashSet::new();
    let mut added: Vec<AddedToken> = listed.into_iter().map(|(_, token)| token).chain(special).collect();
    added.retain(|token| !known.contains_key(&token.content) && seen.insert(token.content.clone()));
    if known.len() + added.len() > MAX_SPECIAL {
        return Err(TokenizerError::TooManySpecial);
    }
    added.iter_mut().for_each(|token| token.special |= are_special.contains(&token.content));
    normaliser.try_on(added.iter().filter(|token| token.normalized).map(|token| &*token.content))?;
    // Adding prepares the search for all of them anew, so it is done once.
    tokenizer.add_tokens(added).map_err(|error| TokenizerError::Backend { reason: error.to_string() })?;
    Ok(())
}

/// Refuses added tokens that are found in time that grows with the square of a text, as they stand in it once it was
/// normalised: blank ones that take the blanks beside them, for each of a run takes all that follow with it, and a run is as
/// long as a text; and long ones, which may be followed to their ends from every place.
fn refuse_costly(tokenizer: &tokenizers::Tokenizer) -> Result<(), TokenizerError> {
    let added = tokenizer.get_added_vocabulary();
    for (&id, token) in added.get_added_tokens_decoder() {
        let text = added.simple_id_to_token(id).unwrap_or_default();
        if (token.lstrip || token.rstrip) && text.trim().is_empty() {
            return Err(TokenizerError::Unsupported {
                what: format!("added token `{}`, blank and with the blanks beside it,", token.content.escape_debug()),
                expected: "blank tokens that stand for themselves alone",
            });
        }
        is_short(&text, token.special)?;
    }
    Ok(())
}

/// A token given as its text, or as an object with the text under `content`; none without text.
fn added_token(token: &Value, special: bool) -> Option<AddedToken> {
    let text = token.as_str().or_else(|| token["content"].as_str()).filter(|text| !text.is_empty())?;
    let flag = |name: &str| token[name] == true;
    let mut added = AddedToken::from(text, special || flag("special"));
    (added.lstrip, added.rstrip, added.single_word) = (flag("lstrip"), flag("rstrip"), flag("single_word"));
    added.normalized = token["normalized"].as_bool().unwrap_or(!added.special);
    Some(added)
}

fn spelling(decoder: &Value) -> Result<Spelling, TokenizerError> {
    let single = [decoder.clone()];
    let steps = decoder["decoders"].as_array().map_or(&single[..], Vec::as_slice);
    let has = |kind: &str| steps.iter().any(|step| step["type"] == kind);
    let replaces_space =
        steps.iter().any(|step| step["type"] == "Replace" && step["pattern"]["String"] == sentencepiece::SPACE);
    if has("ByteLevel") {
        return Ok(Spelling::ByteLevel);
    }
    if has("Metaspace") || has("ByteFallback") || replaces_space {
        return Ok(Spelling::SentencePiece);
    }
    let kinds: Vec<&str> = steps.iter().map(|step| step["type"].as_str().unwrap_or("none")).collect();
    Err(TokenizerError::Unsupported {
        what: format!("decoder {}", kinds.join(", ")),
        expected: "ByteLevel or SentencePiece (Metaspace, ByteFallback)",
    })
}

fn pieces(tokenizer: &tokenizers::Tokenizer, spelling: Spelling) -> Result<Pieces, TokenizerError> {
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let vocabulary = tokenizer.get_model().get_vocab();
    let highest = vocabulary.values().chain(added.keys()).max().copied().unwrap_or(0) as usize;
    if highest >= MAX_TOKENS {
        return Err(TokenizerError::TooManyTokens { found: highest + 1 });
    }
    let mut bytes: Vec<Vec<u8>> = vec![Vec::new(); highest + 1];
    for (text, &id) in &vocabulary {
        let other = bytes[id as usize].len();
        if other > 0 && text.len().max(other) > LONGEST_REPEATED {
            let what = format!("writes {} bytes for another token, under id {id}", text.len().max(other));
            return Err(TokenizerError::TooMuch { what });
        }
        bytes[id as usize] = match spelling {
            Spelling::ByteLevel => byte_level::decode_lossy(text),
            Spelling::SentencePiece => sentencepiece::decode(text.as_bytes()),
        };
    }
    for (&id, token) in added {
        bytes[id as usize] = token.content.clone().into_bytes();
    }
    Ok(bytes.iter().collect())
}

/// More than any post-processor puts around a text.
const MOST_AROUND: usize = 1024;

/// How many ids the post-processor puts around a text, at most.
fn post_processed(description: &Value) -> usize {
    let inner = description["processors"].as_array().into_iter().flatten().map(post_processed);
    let ids = |piece: &Value| {
        let token = piece["SpecialToken"]["id"].as_str();
        token.and_then(|token| description["special_tokens"][token]["ids"].as_array()).map_or(0, Vec::len)
    };
    let single = description["single"].as_array().into_iter().flatten().map(ids);
    inner.chain(single).fold(0, usize::saturating_add)
}

/// The ids that the post-processor puts before a text.
fn template_prefix(tokenizer: &tokenizers::Tokenizer, bound: usize) -> Result<Vec<u32>, TokenizerError> {
    let Some(processor) = tokenizer.get_post_processor() else { return Ok(Vec::new()) };
    if bound > MOST_AROUND {
        return Err(TokenizerError::TooMuch { what: format!("puts {bound} ids around a text") });
    }
    // An id that no vocabulary has stands for the text.
    let text = Encoding::from_tokens(vec![Token::new(u32::MAX, String::new(), (0, 0))], 0);
    let ids = guarded(|| Ok(processor.process(text, None, true)?.get_ids().to_vec()))?;
    Ok(ids.split(|id| *id == u32::MAX).next().unwrap_or_default().to_vec())
}

/// The settings as `special_tokens_map.json` has them, which counts where the settings do not list the added tokens
/// themselves. Source: transformers' `PreTrainedTokenizerBase._from_pretrained`.
fn with_special_tokens_map<'c>(
    config: &'c Map<String, Value>,
    special_tokens_map: &Map<String, Value>,
) -> Cow<'c, Map<String, Value>> {
    if config.contains_key("added_tokens_decoder") || special_tokens_map.is_empty() {
        return Cow::Borrowed(config);
    }
    let mut merged = config.clone();
    for (key, value) in special_tokens_map {
        match (merged.get_mut(key), value) {
            (Some(Value::Array(known)), Value::Array(more)) if key == "extra_special_tokens" => {
                known.extend(more.iter().cloned());
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Cow::Owned(merged)
}

/// Tokens with a part to play, by the names of settings and of template variables.
const SPECIAL: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// `bos_token` and its kin as template variables: text, or an object with the text under `content`.
fn special_tokens(config: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned);
    SPECIAL.into_iter().filter_map(|name| Some((name.to_owned(), text(config.get(name)?)?))).collect()
}
