//! Tokenizers from a GGUF's vocabulary.

use std::collections::HashMap;

use plimsoll_formats::GgufVocab;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::llama::Llama;
use super::pieces::{MAX_TOKENS, Pieces};
use super::pipeline::{Pipeline, guarded};
use super::pre_tokenizers::{self, PreTokenizer};
use super::sentencepiece::{self, SentencePiece};
use super::{Backend, SpecialIds, Tokenizer, TokenizerError, TokenizerOptions, byte_level};

/// Token types of GGUF, `tokenizer.ggml.token_type`.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

/// Tokens that end a turn or a text in published models. Files that give them another type than control are
/// mistaken, and those among them that are control tokens end an answer. Source: llama.cpp's `llama-vocab.cpp`.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<end_of_utterance>",
    "<turn|>",
];
/// Tokens that are control tokens whatever their type says, but end nothing by themselves.
const CONTROL_TEXTS: &[&str] = &["<|endoftext|>", "<|end_of_text|>", "</s>"];

pub(super) fn build(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    if vocab.tokens.len() > MAX_TOKENS {
        return Err(TokenizerError::TooManyTokens { found: vocab.tokens.len() });
    }
    match vocab.model.as_str() {
        "gpt2" => byte_pairs(vocab, options),
        "llama" => llama(vocab, options),
        other => Err(TokenizerError::Unsupported {
            what: format!("tokenizer.ggml.model `{other}`"),
            expected: "`gpt2` (byte-level BPE) or `llama` (SentencePiece)",
        }),
    }
}

/// A token's type, corrected where its text tells that it is a control token.
fn kind(vocab: &GgufVocab, id: usize) -> i32 {
    let text = vocab.tokens[id].as_slice();
    let is = |known: &&str| known.as_bytes() == text;
    if ENDS.iter().any(is) || CONTROL_TEXTS.iter().any(is) {
        return CONTROL;
    }
    vocab.types.get(id).copied().unwrap_or(1)
}

fn is_control(kind: i32) -> bool {
    matches!(kind, CONTROL | UNKNOWN)
}

fn text(vocab: &GgufVocab, id: usize) -> Result<&str, TokenizerError> {
    std::str::from_utf8(&vocab.tokens[id]).map_err(|_| TokenizerError::Malformed {
        what: format!("token {id} ({})", vocab.tokens[id].escape_ascii()),
        expected: "text",
    })
}

fn byte_pairs(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    let tag = options.pre.as_deref().or(vocab.pre.as_deref()).ok_or(TokenizerError::NoPreTokenizer)?;
    let cutter = pre_tokenizers::find(tag)?;
    // Of two tokens with one text the lower id counts, so later ones are entered first.
    let mut ids = HashMap::with_capacity(vocab.tokens.len());
    let mut added = Vec::new();
    let mut pieces = Pieces::default();
    for id in 0..vocab.tokens.len() {
        let token = text(vocab, id)?;
        let kind = kind(vocab, id);
        if is_control(kind) || kind == USER_DEFINED {
            added.push(AddedToken::from(token, is_control(kind)).normalized(false));
            pieces.push(token.as_bytes());
        } else {
            pieces.push(&byte_level::decode(token));
        }
        if !token.is_empty() {
            ids.entry(token.to_owned()).or_insert(id as u32);
        }
    }
    let merges = vocab.merges.iter().enumerate().map(|(index, merge)| split_merge(index, merge));
    let merges = merges.collect::<Result<Vec<_>, _>>()?;
    let tokenizer = guarded(|| {
        let vocabulary = ids.into_iter().collect::<tokenizers::models::bpe::Vocab>();
        let model = BPE::builder().vocab_and_merges(vocabulary, merges).ignore_merges(cutter.ignore_merges).build()?;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(words(cutter)?));
        tokenizer.add_tokens(added)?;
        Ok(tokenizer)
    })?;
    let backend = Backend::Pipeline(Box::new(Pipeline::new(tokenizer)));
    // A turn's opening is no beginning of a text: files that name it as BOS have none to add.
    let text_begins =
        vocab.bos_id.is_some_and(|id| vocab.tokens.get(id as usize).is_some_and(|t| t != b"<|im_start|>"));
    assemble(vocab, backend, pieces, cutter.adds_bos && text_begins)
}

/// `left right`, where either may not hold a space but the first character may be one.
fn split_merge(index: usize, merge: &str) -> Result<(String, String), TokenizerError> {
    let first = merge.chars().next().map_or(0, char::len_utf8);
    let space = merge[first..].find(' ').map(|at| at + first);
    let parts = space.map(|at| (merge[..at].to_owned(), merge[at + 1..].to_owned()));
    parts.filter(|(_, right)| !right.is_empty()).ok_or_else(|| TokenizerError::Malformed {
        what: format!("merge {index} (`{}`)", merge.escape_debug()),
        expected: "two tokens with a space between them",
    })
}

fn words(cutter: &PreTokenizer) -> tokenizers::Result<Sequence> {
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for expression in cutter.expressions {
        let pattern = SplitPattern::Regex((*expression).to_owned());
        steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into());
    }
    steps.push(ByteLevel::new(false, true, false).into());
    Ok(Sequence::new(steps))
}

fn llama(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    if vocab.remove_extra_whitespaces == Some(true) {
        return Err(TokenizerError::Unsupported {
            what: "tokenizer.ggml.remove_extra_whitespaces = true".into(),
            expected: "a `llama` vocabulary that keeps its spaces",
        });
    }
    if vocab.scores.len() != vocab.tokens.len() {
        return Err(TokenizerError::Malformed {
            what: format!("{} scores for {} tokens", vocab.scores.len(), vocab.tokens.len()),
            expected: "one score for each token",
        });
    }
    let mut bytes = Box::new([None; 256]);
    let mut pieces = Pieces::default();
    let mut special = Vec::new();
    let kinds: Vec<i32> = (0..vocab.tokens.len()).map(|id| kind(vocab, id)).collect();
    for (id, (token, &kind)) in vocab.tokens.iter().zip(&kinds).enumerate() {
        let byte = sentencepiece::byte_of(token).filter(|_| kind == BYTE);
        if let Some(byte) = byte {
            bytes[usize::from(byte)].get_or_insert(id as u32);
        }
        if is_control(kind) || kind == USER_DEFINED {
            pieces.push(token);
            special.push((id as u32, text(vocab, id)?.to_owned(), is_control(kind)));
        } else {
            pieces.push(&sentencepiece::decode(token));
        }
    }
    let texts: Pieces = vocab.tokens.iter().collect();
    let joinable = |id: u32| !is_control(kinds[id as usize]) && kinds[id as usize] != BYTE;
    let model = SentencePiece::new(texts, vocab.scores.clone(), joinable, bytes, vocab.unk_id);
    let prefix = vocab.add_space_prefix.unwrap_or(true);
    let strips_after = options.architecture.as_deref() == Some("phi3");
    let backend = Backend::Llama(Box::new(Llama::new(model, special, prefix, strips_after)?));
    let tokenizer = assemble(vocab, backend, pieces, true)?;
    Ok(Tokenizer { strips_first_space: prefix, ..tokenizer })
}

fn assemble(vocab: &GgufVocab, backend: Backend, pieces: Pieces, adds_bos: bool) -> Result<Tokenizer, TokenizerError> {
    let mut controls = Vec::new();
    for id in (0..vocab.tokens.len()).filter(|&id| is_control(kind(vocab, id))) {
        controls.push((id as u32, text(vocab, id)?.to_owned()));
    }
    let named = [
        ("bos_token", vocab.bos_id),
        ("eos_token", vocab.eos_id),
        ("unk_token", vocab.unk_id),
        ("pad_token", vocab.pad_id),
    ];
    let variable = |(name, id): (&str, Option<u32>)| {
        let token = vocab.tokens.get(id? as usize)?;
        Some((name.to_owned(), String::from_utf8_lossy(token).into_owned()))
    };
    let ends = controls.iter().filter(|(_, text)| ENDS.contains(&text.as_str())).map(|(id, _)| *id);
    let mut ends: Vec<u32> = vocab.eos_id.into_iter().chain(vocab.eot_id).chain(ends).collect();
    ends.sort_unstable();
    ends.dedup();
    let special = SpecialIds {
        bos: vocab.bos_id,
        eos: vocab.eos_id,
        adds_bos: vocab.add_bos.unwrap_or(adds_bos) && vocab.bos_id.is_some(),
        adds_eos: vocab.add_eos.unwrap_or(false),
        ends,
    };
    Tokenizer::assemble(backend, pieces, controls, special, named.into_iter().filter_map(variable).collect())
}
