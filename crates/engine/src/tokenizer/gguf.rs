//! Tokenizers from a GGUF's vocabulary.

use plimsoll_formats::GgufVocab;

use super::byte_pairs::BytePairs;
use super::pieces::{MAX_SPECIAL, MAX_TOKENS, Pieces, TextIndex};
use super::sentencepiece::{self, SentencePiece};
use super::vocabulary::{Model, SpecialToken, Vocabulary};
use super::{Backend, SpecialIds, Tokenizer, TokenizerError, TokenizerOptions, byte_level, pre_tokenizers};

/// Token types of GGUF, `tokenizer.ggml.token_type`.
const NORMAL: i32 = 1;
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
    declared(vocab, id)
}

/// A token's type by the file.
fn declared(vocab: &GgufVocab, id: usize) -> i32 {
    vocab.types.get(id).copied().unwrap_or_else(|| untyped(vocab, id))
}

/// The type of a token where the file has none: what it names as a special token is one.
fn untyped(vocab: &GgufVocab, id: usize) -> i32 {
    let is = |named: Option<u32>| named.is_some_and(|named| named as usize == id);
    if is(vocab.unk_id) {
        UNKNOWN
    } else if [vocab.bos_id, vocab.eos_id, vocab.eot_id, vocab.pad_id].into_iter().any(is) {
        CONTROL
    } else if vocab.model == "llama" && sentencepiece::byte_of(&vocab.tokens[id]).is_some() {
        BYTE
    } else {
        NORMAL
    }
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

/// The tokens that are found in text before any model sees it.
fn special_tokens(vocab: &GgufVocab) -> Result<Vec<SpecialToken>, TokenizerError> {
    let special = (0..vocab.tokens.len()).filter(|&id| is_control(kind(vocab, id)) || kind(vocab, id) == USER_DEFINED);
    if special.clone().nth(MAX_SPECIAL).is_some() {
        return Err(TokenizerError::TooManySpecial);
    }
    special
        .map(|id| {
            let is_control = is_control(kind(vocab, id));
            Ok(SpecialToken { id: id as u32, text: text(vocab, id)?.to_owned(), is_control })
        })
        .collect()
}

fn byte_pairs(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    let tag = options.pre.as_deref().or(vocab.pre.as_deref()).ok_or(TokenizerError::NoPreTokenizer)?;
    let cutter = pre_tokenizers::find(tag)?;
    let (mut texts, mut pieces) = (Pieces::default(), Pieces::default());
    for id in 0..vocab.tokens.len() {
        let token = text(vocab, id)?;
        // What is not spelt in the alphabet cannot arise from bytes.
        texts.push(&byte_level::decode(token).unwrap_or_default());
        match kind(vocab, id) {
            UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token.as_bytes()),
            _ => pieces.push(&byte_level::decode_lossy(token)),
        }
    }
    let declared_control = |id: u32| is_control(declared(vocab, id as usize));
    let tokens = TextIndex::new(texts, |id| !declared_control(id));
    let model = Model::BytePairs(BytePairs::new(tokens, &vocab.merges, cutter)?);
    // A turn's opening is no beginning of a text: files that name it as BOS have none to add.
    let bos = vocab.bos_id.and_then(|id| vocab.tokens.get(id as usize));
    let text_begins = bos.is_some_and(|bos| bos != b"<|im_start|>");
    assemble(vocab, Vocabulary::new(model, &special_tokens(vocab)?, false)?, pieces, cutter.adds_bos && text_begins)
}

fn llama(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    if vocab.remove_extra_whitespaces == Some(true) {
        return Err(TokenizerError::Unsupported {
            what: "tokenizer.ggml.remove_extra_whitespaces = true".into(),
            expected: "a `llama` vocabulary that keeps its spaces",
        });
    }
    let scores = match vocab.scores.len() {
        0 => vec![0.0; vocab.tokens.len()],
        _ => vocab.scores.clone(),
    };
    if scores.len() != vocab.tokens.len() {
        return Err(TokenizerError::Malformed {
            what: format!("{} scores for {} tokens", scores.len(), vocab.tokens.len()),
            expected: "one score for each token",
        });
    }
    let mut bytes = Box::new([None; 256]);
    let mut pieces = Pieces::default();
    let mut may_join = Vec::with_capacity(vocab.tokens.len());
    for (id, token) in vocab.tokens.iter().enumerate() {
        let kind = kind(vocab, id);
        if let Some(byte) = sentencepiece::byte_of(token).filter(|_| kind == BYTE) {
            bytes[usize::from(byte)].get_or_insert(id as u32);
        }
        match kind {
            UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token),
            _ => pieces.push(&sentencepiece::decode(token)),
        }
        may_join.push(!is_control(kind) && kind != BYTE);
    }
    let tokens = TextIndex::new(vocab.tokens.iter().collect(), |id| may_join[id as usize]);
    let model = SentencePiece::new(tokens, scores, bytes, vocab.unk_id);
    let space_prefix = vocab.add_space_prefix.unwrap_or(true);
    let model = Model::SentencePiece { model, space_prefix };
    let vocabulary = Vocabulary::new(model, &special_tokens(vocab)?, options.strips_after_control)?;
    let tokenizer = assemble(vocab, vocabulary, pieces, true)?;
    Ok(Tokenizer { strips_first_space: space_prefix, ..tokenizer })
}

fn assemble(
    vocab: &GgufVocab,
    vocabulary: Vocabulary,
    pieces: Pieces,
    adds_bos: bool,
) -> Result<Tokenizer, TokenizerError> {
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
    let eos_ids = controls.iter().filter(|(_, text)| ENDS.contains(&text.as_str())).map(|(id, _)| *id);
    let mut eos_ids: Vec<u32> = vocab.eos_id.into_iter().chain(vocab.eot_id).chain(eos_ids).collect();
    eos_ids.sort_unstable();
    eos_ids.dedup();
    let special = SpecialIds {
        bos: vocab.bos_id,
        adds_bos: vocab.add_bos.unwrap_or(adds_bos) && vocab.bos_id.is_some(),
        bos_is_assumed: vocab.add_bos.is_none(),
        eos_ids,
    };
    let backend = Backend::Vocabulary(Box::new(vocabulary));
    Tokenizer::assemble(backend, pieces, controls, special, named.into_iter().filter_map(variable).collect())
}
