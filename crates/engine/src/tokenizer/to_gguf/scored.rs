//! Vocabularies of SentencePiece's byte pairs. A `tokenizer.json` lists the pairs that are joined, the first first; a GGUF
//! has a score for each token, and joins any two neighbours that are a token together, the highest score first. Files
//! that were made of a SentencePiece model say the same in both ways. Source: transformers' `SentencePieceExtractor`,
//! llama.cpp's `_create_vocab_sentencepiece`.

use std::collections::{HashMap, HashSet};

use plimsoll_formats::GgufVocab;
use serde_json::Value;

use super::{BYTE, CONTROL, File, Merge, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, sentencepiece};
use crate::tokenizer::TokenizerError;

/// The score of a token that was added to a vocabulary, and of an id without one.
const ADDED_SCORE: f32 = -1000.0;
const UNUSED_SCORE: f32 = -10_000.0;

/// The vocabulary with these ids in scores.
///
/// # Errors
/// The file does something to text that scores do not, or lacks a merge that they would bring.
pub(super) fn vocabulary(file: File, ids: GgufVocab) -> Result<GgufVocab, TokenizerError> {
    let space_prefix = space_prefix(&file)?;
    let mut types = ids.types;
    for (id, (token, kind)) in ids.tokens.iter().zip(&mut types).enumerate() {
        if ids.unk_id == Some(id as u32) {
            *kind = UNKNOWN;
        } else if *kind == NORMAL && sentencepiece::byte_of(token).is_some() {
            *kind = BYTE;
        }
    }
    let scores = scores(&file.model.merges, &ids.tokens, &types)?;
    let is_listed = |text: &[u8]| std::str::from_utf8(text).is_ok_and(|text| !file.model.vocab[text].is_null());
    let scores = scores.into_iter().zip(&ids.tokens).zip(&types).map(|((score, token), kind)| match *kind {
        UNUSED => UNUSED_SCORE,
        CONTROL | USER_DEFINED if !is_listed(token) => ADDED_SCORE,
        _ => score,
    });
    Ok(GgufVocab {
        model: "llama".to_owned(),
        pre: Some("default".to_owned()),
        scores: scores.collect(),
        types,
        add_space_prefix: Some(space_prefix),
        tokens: ids.tokens,
        ..ids
    })
}

/// Whether a blank comes before a text: by a normalizer that puts `▁` there, or by a `Metaspace` that does.
fn space_prefix(file: &File) -> Result<bool, TokenizerError> {
    let mut prefixed = false;
    for step in steps(&file.normalizer, "normalizers") {
        match step["type"].as_str() {
            Some("Prepend") if step["prepend"] == sentencepiece::SPACE => prefixed = true,
            Some("Replace") if step["pattern"]["String"] == " " && step["content"] == sentencepiece::SPACE => {}
            _ => return Err(unsaid("the normalizer", step)),
        }
    }
    for step in steps(&file.pre_tokenizer, "pretokenizers") {
        match step["type"].as_str() {
            // Blanks are `▁` by then.
            Some("Split") if step["pattern"]["String"] == " " && !file.normalizer.is_null() => {}
            Some("Metaspace") if step["replacement"] == sentencepiece::SPACE && step["split"] == false => {
                prefixed |= step["prepend_scheme"] != "never";
            }
            _ => return Err(unsaid("the pre-tokenizer", step)),
        }
    }
    Ok(prefixed)
}

/// A step, or those of a sequence.
fn steps<'s>(step: &'s Value, parts: &str) -> Vec<&'s Value> {
    match step {
        Value::Null => vec![],
        step if step["type"] == "Sequence" => step[parts].as_array().into_iter().flatten().collect(),
        step => vec![step],
    }
}

fn unsaid(what: &str, step: &Value) -> TokenizerError {
    TokenizerError::Unsupported {
        what: format!("{what} {}", step["type"].as_str().unwrap_or("without a type")),
        expected: "what a GGUF of scores does: `▁` for a blank and before a text",
    }
}

/// Minus the place of a token among those that merges make, in the order of the first of these; single characters, which
/// none makes, come behind, and what no text becomes has zero. SentencePiece's own scores are the same.
fn scores(merges: &[Merge], tokens: &[Vec<u8>], types: &[i32]) -> Result<Vec<f32>, TokenizerError> {
    let malformed = |merge: &Merge| TokenizerError::Malformed {
        what: format!("the merge `{}`", merge.parts().map_or(String::new(), |(left, right)| format!("{left} {right}"))),
        expected: "two tokens that are one together",
    };
    let by_text: HashMap<&[u8], usize> = tokens.iter().enumerate().map(|(id, text)| (&text[..], id)).collect();
    let (mut scores, mut made) = (vec![0.0; tokens.len()], vec![false; tokens.len()]);
    let (mut joined, mut next) = (HashSet::with_capacity(merges.len()), 0u32);
    for merge in merges {
        let (left, right) = merge.parts().ok_or_else(|| malformed(merge))?;
        let id = by_text.get([left, right].concat().as_bytes()).ok_or_else(|| malformed(merge))?;
        joined.insert((left, right));
        if !std::mem::replace(&mut made[*id], true) {
            scores[*id] = 0.0 - next as f32;
            next += 1;
        }
    }
    for (id, token) in tokens.iter().enumerate().filter(|(id, _)| types[*id] == NORMAL) {
        // Bytes of the file's own strings.
        let text = std::str::from_utf8(token).unwrap_or_default();
        if let Some((left, right)) = unmerged(text, &joined, &by_text) {
            let what = format!("the token `{text}` and no merge of `{left}` and `{right}`");
            return Err(TokenizerError::Unsupported {
                what,
                expected: "a merge of any two tokens that are one together",
            });
        }
        if !made[id] {
            scores[id] = 0.0 - next as f32;
            next += 1;
        }
    }
    Ok(scores)
}

/// Two tokens or characters that a token is made of and that are not merged.
fn unmerged<'t>(
    text: &'t str,
    joined: &HashSet<(&str, &str)>,
    by_text: &HashMap<&[u8], usize>,
) -> Option<(&'t str, &'t str)> {
    let can_stand = |part: &str| part.chars().nth(1).is_none() || by_text.contains_key(part.as_bytes());
    let splits = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
    splits.into_iter().find(|(left, right)| can_stand(left) && can_stand(right) && !joined.contains(&(*left, *right)))
}
