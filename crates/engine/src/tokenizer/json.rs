//! Tokenizers from Hugging Face's `tokenizer.json`.

use serde_json::{Map, Value};
use tokenizers::Model;

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
    let byte_fallback = description["model"]["byte_fallback"] == true;
    drop(description);
    let tokenizer = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))?;
    let pieces = pieces(&tokenizer, spelling)?;
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let controls = added.iter().filter(|(_, token)| token.special).map(|(&id, token)| (id, token.content.clone()));
    let controls = controls.collect();
    let variables = special_tokens(config, special_tokens_map);
    let id = |name: &str| {
        let text = variables.iter().find(|(variable, _)| variable == name).map(|(_, text)| text.as_str());
        text.and_then(|text| tokenizer.token_to_id(text))
    };
    let prefix = template_prefix(&tokenizer)?;
    let bos = id("bos_token").or(prefix.first().copied());
    // Llama's SentencePiece tokenizers begin text with BOS unless they say otherwise; llama.cpp holds the same.
    let llama_style = spelling == Spelling::SentencePiece && byte_fallback;
    let flag = |name: &str| config.get(name).and_then(Value::as_bool);
    let special = SpecialIds {
        bos,
        adds_bos: flag("add_bos_token").unwrap_or(llama_style || !prefix.is_empty()) && bos.is_some(),
        ends: id("eos_token").into_iter().collect(),
    };
    let strips_first_space = spelling == Spelling::SentencePiece;
    Tokenizer::assemble(Backend::Pipeline(Box::new(Pipeline::new(tokenizer))), pieces, controls, special, variables)
        .map(|tokenizer| Tokenizer { strips_first_space, ..tokenizer })
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
