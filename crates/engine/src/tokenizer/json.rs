//! Tokenizers from Hugging Face's `tokenizer.json`.

use serde_json::{Map, Value};
use tokenizers::{AddedToken, Model};

use super::pieces::{MAX_TOKENS, Pieces};
use super::pipeline::{Pipeline, guarded};
use super::{Backend, SpecialIds, Tokenizer, TokenizerError, byte_level, sentencepiece};

/// How a tokenizer spells bytes in its tokens, as its decoder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    ByteLevel,
    SentencePiece,
}

pub(super) fn build(
    bytes: &[u8],
    config: &Map<String, Value>,
    special_tokens_map: &Map<String, Value>,
) -> Result<Tokenizer, TokenizerError> {
    let description: Value =
        serde_json::from_slice(bytes).map_err(|error| TokenizerError::Backend { reason: error.to_string() })?;
    let spelling = spelling(&description)?;
    let strips_first_space = spelling == Spelling::SentencePiece && strips_first_space(&description);
    let has_post_processor = !description["post_processor"].is_null();
    drop(description);
    let mut tokenizer = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))?;
    let variables = special_tokens(config, special_tokens_map);
    add_named_tokens(&mut tokenizer, config, &variables)?;
    let pieces = pieces(&tokenizer, spelling)?;
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let controls = added.iter().filter(|(_, token)| token.special).map(|(&id, token)| (id, token.content.clone()));
    let controls = controls.collect();
    let added = added.iter().filter(|(_, token)| !token.special).map(|(_, token)| token.content.clone()).collect();
    let id = |name: &str| {
        let text = variables.iter().find(|(variable, _)| variable == name).map(|(_, text)| text.as_str());
        text.and_then(|text| tokenizer.token_to_id(text))
    };
    let prefix = template_prefix(&tokenizer)?;
    let bos = id("bos_token").or(prefix.first().copied());
    // The post-processor puts BOS there or does not, whatever `add_bos_token` says; where there is none, Llama's own class
    // makes one by that.
    let llama = config.get("tokenizer_class").and_then(Value::as_str).is_some_and(|class| class.starts_with("Llama"));
    let by_class = llama && !has_post_processor && config.get("add_bos_token") != Some(&Value::Bool(false));
    let adds_bos = (!prefix.is_empty() || by_class) && bos.is_some();
    let special = SpecialIds { bos, adds_bos, ends: id("eos_token").into_iter().collect() };
    Tokenizer::assemble(Backend::Pipeline(Box::new(Pipeline::new(tokenizer))), pieces, controls, special, variables)
        .map(|tokenizer| Tokenizer { strips_first_space, added, ..tokenizer })
}

/// Whether the decoder takes a blank from the beginning of what it decodes.
fn strips_first_space(description: &Value) -> bool {
    let decoder = &description["decoder"];
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
    variables: &[(String, String)],
) -> Result<(), TokenizerError> {
    let known =
        |tokenizer: &tokenizers::Tokenizer, text: &str| tokenizer.get_added_vocabulary().get_vocab().contains_key(text);
    let mut named: Vec<(u64, AddedToken)> = Vec::new();
    for (id, token) in config.get("added_tokens_decoder").and_then(Value::as_object).into_iter().flatten() {
        let (Ok(id), Some(text)) = (id.parse(), token["content"].as_str()) else { continue };
        let flag = |name: &str| token[name] == true;
        let mut added = AddedToken::from(text, flag("special"));
        (added.lstrip, added.rstrip, added.single_word) = (flag("lstrip"), flag("rstrip"), flag("single_word"));
        added.normalized = token["normalized"].as_bool().unwrap_or(!added.special);
        named.push((id, added));
    }
    named.sort_by_key(|(id, _)| *id);
    let special = variables.iter().map(|(_, text)| text.as_str());
    let more = ["additional_special_tokens", "extra_special_tokens"].into_iter().filter_map(|key| config.get(key));
    let more = more.flat_map(|more| match more {
        Value::Array(items) => items.iter().collect::<Vec<_>>(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    });
    let more = more.filter_map(|token| token.as_str().or_else(|| token["content"].as_str()));
    let special: Vec<&str> = special.chain(more).collect();
    let mut all: Vec<AddedToken> = named.into_iter().map(|(_, token)| token).collect();
    for text in special.iter().filter(|text| !text.is_empty()) {
        if !all.iter().any(|token| token.content == **text) {
            all.push(AddedToken::from(*text, true));
        }
    }
    for mut token in all {
        if known(tokenizer, &token.content) {
            continue;
        }
        token.special |= special.contains(&token.content.as_str());
        if tokenizer.get_vocab_size(true) >= MAX_TOKENS {
            return Err(TokenizerError::Backend { reason: "tokenizer_config.json names too many tokens".to_owned() });
        }
        let added = if token.special { tokenizer.add_special_tokens([token]) } else { tokenizer.add_tokens([token]) };
        added.map_err(|error| TokenizerError::Backend { reason: error.to_string() })?;
    }
    Ok(())
}

fn spelling(description: &Value) -> Result<Spelling, TokenizerError> {
    let decoder = &description["decoder"];
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

/// The ids that the post-processor puts before a text.
fn template_prefix(tokenizer: &tokenizers::Tokenizer) -> Result<Vec<u32>, TokenizerError> {
    let ids = |special| guarded(|| Ok(tokenizer.encode("a", special)?.get_ids().to_vec()));
    let (bare, whole) = (ids(false)?, ids(true)?);
    let start = (0..=whole.len().saturating_sub(bare.len())).find(|&at| whole[at..].starts_with(&bare)).unwrap_or(0);
    Ok(whole[..start].to_vec())
}

/// `bos_token` and its kin as template variables: text, or an object with the text under `content`.
fn special_tokens(config: &Map<String, Value>, map: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned);
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
        .into_iter()
        .filter_map(|name| {
            let value = config.get(name).filter(|value| !value.is_null()).or_else(|| map.get(name))?;
            Some((name.to_owned(), text(value)?))
        })
        .collect()
}
