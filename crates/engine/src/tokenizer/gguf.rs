//! Tokenizers from a GGUF's vocabulary.

use plimsoll_formats::GgufVocab;

use super::byte_pairs::BytePairs;
use super::fallback::Fallback;
use super::kinds::{BYTE, CONTROL, Kinds, UNKNOWN, USER_DEFINED};
use super::pieces::{MAX_SPECIAL, MAX_TOKENS, Pieces, TextIndex};
use super::pre_tokenizers::{Alphabet, PreTokenizer};
use super::sentencepiece::{self, SentencePiece};
use super::vocabulary::{Model, SpecialToken, Vocabulary};
use super::{Backend, SpecialIds, Tokenizer, TokenizerError, TokenizerOptions, byte_level, pre_tokenizers};

pub(super) fn build(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    if vocab.tokens.len() > MAX_TOKENS {
        return Err(TokenizerError::TooManyTokens { found: vocab.tokens.len() });
    }
    let kinds = &Kinds::of(vocab);
    match vocab.model.as_str() {
        "gpt2" => {
            let tag = options.pre.as_deref().or(vocab.pre.as_deref()).ok_or(TokenizerError::NoPreTokenizer)?;
            byte_pairs(vocab, kinds, pre_tokenizers::find(tag)?)
        }
        // It is its own pre-tokenizer's tag.
        "gemma4" => byte_pairs(vocab, kinds, pre_tokenizers::find("gemma4")?),
        "llama" => llama(vocab, kinds, options),
        other => Err(TokenizerError::Unsupported {
            what: format!("tokenizer.ggml.model `{other}`"),
            expected: "`gpt2` (byte-level BPE), `gemma4` (BPE of characters) or `llama` (SentencePiece)",
        }),
    }
}

fn text(vocab: &GgufVocab, id: usize) -> Result<&str, TokenizerError> {
    std::str::from_utf8(&vocab.tokens[id]).map_err(|_| TokenizerError::Malformed {
        what: format!("token {id} ({})", vocab.tokens[id].escape_ascii()),
        expected: "text",
    })
}

/// The tokens that are found in text before any model sees it.
fn special_tokens(vocab: &GgufVocab, kinds: &Kinds) -> Result<Vec<SpecialToken>, TokenizerError> {
    let is_special = |id: &usize| kinds.is_control(*id) || kinds.kind(*id) == USER_DEFINED;
    let special = (0..vocab.tokens.len()).filter(is_special);
    if special.clone().nth(MAX_SPECIAL).is_some() {
        return Err(TokenizerError::TooManySpecial);
    }
    special
        .map(|id| {
            Ok(SpecialToken { id: id as u32, text: text(vocab, id)?.to_owned(), is_control: kinds.is_control(id) })
        })
        .collect()
}

fn byte_pairs(vocab: &GgufVocab, kinds: &Kinds, cutter: &PreTokenizer) -> Result<Tokenizer, TokenizerError> {
    let Spelt { tokens, pieces, fallback } = match cutter.alphabet {
        Alphabet::ByteLevel => spelt_in_bytes(vocab, kinds)?,
        Alphabet::Characters => spelt_in_characters(vocab, kinds),
    };
    let model = Model::BytePairs(BytePairs::new(tokens, &vocab.merges, cutter, fallback)?);
    // A turn's opening is no beginning of a text: files that name it as BOS have none to add.
    let bos = vocab.bos_id.and_then(|id| vocab.tokens.get(id as usize));
    let text_begins = bos.is_some_and(|bos| bos != b"<|im_start|>");
    // Files that were made before llama.cpp#21500 deny it.
    let is_said = vocab.add_bos.filter(|_| cutter.alphabet == Alphabet::ByteLevel);
    let adds_bos = is_said.unwrap_or(cutter.adds_bos && text_begins);
    assemble(vocab, kinds, Vocabulary::new(model, &special_tokens(vocab, kinds)?, false)?, pieces, adds_bos)
}

/// The tokens of byte pairs, by what they are spelt in.
struct Spelt {
    /// Those that text may become, by their spelling.
    tokens: TextIndex,
    /// What each adds to a text.
    pieces: Pieces,
    fallback: Fallback,
}

fn spelt_in_bytes(vocab: &GgufVocab, kinds: &Kinds) -> Result<Spelt, TokenizerError> {
    let (mut texts, mut pieces) = (Pieces::default(), Pieces::default());
    for id in 0..vocab.tokens.len() {
        let token = text(vocab, id)?;
        // What is not spelt in the alphabet cannot arise from bytes.
        texts.push(&byte_level::decode(token).unwrap_or_default());
        match kinds.kind(id) {
            UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token.as_bytes()),
            _ => pieces.push(&byte_level::decode_lossy(token)),
        }
    }
    let tokens = TextIndex::new(texts, |id| !kinds.is_declared_control(id as usize));
    let bytes = std::array::from_fn(|byte| tokens.find(&[byte as u8]));
    Ok(Spelt { tokens, pieces, fallback: Fallback::new(Box::new(bytes), None) })
}

fn spelt_in_characters(vocab: &GgufVocab, kinds: &Kinds) -> Spelt {
    let may_join = |id: u32| !kinds.is_declared_control(id as usize) && kinds.kind(id as usize) != BYTE;
    let tokens = TextIndex::new(vocab.tokens.iter().collect(), may_join);
    let fallback = Fallback::new(byte_tokens(vocab, kinds), vocab.unk_id);
    Spelt { tokens, pieces: escaped_pieces(vocab, kinds), fallback }
}

/// The bytes of tokens that are spelt in characters.
fn escaped_pieces(vocab: &GgufVocab, kinds: &Kinds) -> Pieces {
    let mut pieces = Pieces::default();
    for (id, token) in vocab.tokens.iter().enumerate() {
        match kinds.kind(id) {
            UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token),
            _ => pieces.push(&sentencepiece::decode(token)),
        }
    }
    pieces
}

/// The tokens `<0x00>` to `<0xFF>`.
fn byte_tokens(vocab: &GgufVocab, kinds: &Kinds) -> Box<[Option<u32>; 256]> {
    let mut bytes = Box::new([None; 256]);
    for (id, token) in vocab.tokens.iter().enumerate() {
        if let Some(byte) = sentencepiece::byte_of(token).filter(|_| kinds.kind(id) == BYTE) {
            bytes[usize::from(byte)].get_or_insert(id as u32);
        }
    }
    bytes
}

fn llama(vocab: &GgufVocab, kinds: &Kinds, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
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
    let may_join = |id: u32| !matches!(kinds.kind(id as usize), CONTROL | UNKNOWN | BYTE);
    let tokens = TextIndex::new(vocab.tokens.iter().collect(), may_join);
    let model = SentencePiece::new(tokens, scores, Fallback::new(byte_tokens(vocab, kinds), vocab.unk_id));
    let space_prefix = vocab.add_space_prefix.unwrap_or(true);
    let model = Model::SentencePiece { model, space_prefix };
    let vocabulary = Vocabulary::new(model, &special_tokens(vocab, kinds)?, options.strips_after_control)?;
    let tokenizer = assemble(vocab, kinds, vocabulary, escaped_pieces(vocab, kinds), vocab.add_bos.unwrap_or(true))?;
    Ok(Tokenizer { strips_first_space: space_prefix, ..tokenizer })
}

fn assemble(
    vocab: &GgufVocab,
    kinds: &Kinds,
    vocabulary: Vocabulary,
    pieces: Pieces,
    adds_bos: bool,
) -> Result<Tokenizer, TokenizerError> {
    let mut controls = Vec::new();
    for id in (0..vocab.tokens.len()).filter(|&id| kinds.is_control(id)) {
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
    let eos_ids = controls.iter().filter(|(_, text)| kinds.ends(text)).map(|(id, _)| *id);
    let mut eos_ids: Vec<u32> = vocab.eos_id.into_iter().chain(vocab.eot_id).chain(eos_ids).collect();
    eos_ids.sort_unstable();
    eos_ids.dedup();
    let special = SpecialIds {
        bos: vocab.bos_id,
        adds_bos: adds_bos && vocab.bos_id.is_some(),
        bos_is_assumed: vocab.add_bos.is_none(),
        eos_ids,
    };
    let backend = Backend::Vocabulary(Box::new(vocabulary));
    Tokenizer::assemble(backend, pieces, controls, special, named.into_iter().filter_map(variable).collect())
}
