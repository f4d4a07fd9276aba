//! Tokenizers from a GGUF's vocabulary.

use plimsoll_formats::GgufVocab;

use super::byte_pairs::BytePairs;
use super::fallback::Fallback;
use super::pieces::{MAX_SPECIAL, MAX_TOKENS, Pieces, TextIndex};
use super::pre_tokenizers::{Alphabet, PreTokenizer};
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
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<eos>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];
/// Tokens that converters call user-defined so that llama.cpp shows them: control tokens that end nothing.
const SHOWN: &[&str] = &["<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<tool_response|>", "<|\"|>"];

/// What a token of [`ENDS`] is where the vocabulary has others beside it.
struct Exception {
    text: &'static str,
    /// One of each.
    beside: &'static [&'static [&'static str]],
    kind: i32,
}

/// `<|end|>` ends one of the messages that an answer has in OpenAI's and Solar's formats, and `</s>` is a tag of HTML in
/// Gemma 4's vocabulary. Source: as above.
const EXCEPTIONS: &[Exception] = &[
    Exception { text: "<|end|>", beside: &[&["<|return|>", "<|flush|>"], &["<|call|>", "<|calls|>"]], kind: CONTROL },
    Exception { text: "</s>", beside: &[&["<|tool_response>", "<|plamo:eos|>"]], kind: NORMAL },
];

impl Exception {
    fn of(vocab: &GgufVocab, text: &[u8]) -> Option<&'static Exception> {
        let has = |any: &&[&str]| vocab.tokens.iter().any(|token| any.iter().any(|text| text.as_bytes() == token));
        EXCEPTIONS.iter().find(|exception| exception.text.as_bytes() == text && exception.beside.iter().all(has))
    }
}

pub(super) fn build(vocab: &GgufVocab, options: &TokenizerOptions) -> Result<Tokenizer, TokenizerError> {
    if vocab.tokens.len() > MAX_TOKENS {
        return Err(TokenizerError::TooManyTokens { found: vocab.tokens.len() });
    }
    match vocab.model.as_str() {
        "gpt2" => {
            let tag = options.pre.as_deref().or(vocab.pre.as_deref()).ok_or(TokenizerError::NoPreTokenizer)?;
            byte_pairs(vocab, pre_tokenizers::find(tag)?)
        }
        // It is its own pre-tokenizer's tag.
        "gemma4" => byte_pairs(vocab, pre_tokenizers::find("gemma4")?),
        "llama" => llama(vocab, options),
        other => Err(TokenizerError::Unsupported {
            what: format!("tokenizer.ggml.model `{other}`"),
            expected: "`gpt2` (byte-level BPE), `gemma4` (BPE of characters) or `llama` (SentencePiece)",
        }),
    }
}

/// A token's type, corrected where its text tells that it is a control token.
fn kind(vocab: &GgufVocab, id: usize) -> i32 {
    let text = vocab.tokens[id].as_slice();
    let is = |known: &&str| known.as_bytes() == text;
    match text.first() {
        Some(b'<' | b'[' | b'_') if ENDS.iter().any(is) => {
            Exception::of(vocab, text).map_or(CONTROL, |found| found.kind)
        }
        Some(b'<') if SHOWN.iter().any(is) => CONTROL,
        _ => declared(vocab, id),
    }
}

/// Whether a token ends an answer by its text.
fn ends(vocab: &GgufVocab, text: &str) -> bool {
    ENDS.contains(&text) && Exception::of(vocab, text.as_bytes()).is_none()
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
    } else if vocab.model != "gpt2" && sentencepiece::byte_of(&vocab.tokens[id]).is_some() {
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

fn byte_pairs(vocab: &GgufVocab, cutter: &PreTokenizer) -> Result<Tokenizer, TokenizerError> {
    let is_control = |id: u32| is_control(declared(vocab, id as usize));
    let tokens;
    let mut pieces = Pieces::default();
    let fallback;
    match cutter.alphabet {
        Alphabet::ByteLevel => {
            let mut texts = Pieces::default();
            for id in 0..vocab.tokens.len() {
                let token = text(vocab, id)?;
                // What is not spelt in the alphabet cannot arise from bytes.
                texts.push(&byte_level::decode(token).unwrap_or_default());
                match kind(vocab, id) {
                    UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token.as_bytes()),
                    _ => pieces.push(&byte_level::decode_lossy(token)),
                }
            }
            tokens = TextIndex::new(texts, |id| !is_control(id));
            fallback = Fallback::new(Box::new(std::array::from_fn(|byte| tokens.find(&[byte as u8]))), None);
        }
        Alphabet::Characters => {
            pieces = escaped_pieces(vocab);
            fallback = Fallback::new(byte_tokens(vocab), vocab.unk_id);
            let may_join = |id: u32| !is_control(id) && kind(vocab, id as usize) != BYTE;
            tokens = TextIndex::new(vocab.tokens.iter().collect(), may_join);
        }
    }
    let model = Model::BytePairs(BytePairs::new(tokens, &vocab.merges, cutter, fallback)?);
    // A turn's opening is no beginning of a text: files that name it as BOS have none to add.
    let bos = vocab.bos_id.and_then(|id| vocab.tokens.get(id as usize));
    let text_begins = bos.is_some_and(|bos| bos != b"<|im_start|>");
    // Files that were made before llama.cpp#21500 deny it.
    let is_said = vocab.add_bos.filter(|_| cutter.alphabet == Alphabet::ByteLevel);
    let adds_bos = is_said.unwrap_or(cutter.adds_bos && text_begins);
    assemble(vocab, Vocabulary::new(model, &special_tokens(vocab)?, false)?, pieces, adds_bos)
}

/// The bytes of tokens that are spelt in characters.
fn escaped_pieces(vocab: &GgufVocab) -> Pieces {
    let mut pieces = Pieces::default();
    for (id, token) in vocab.tokens.iter().enumerate() {
        match kind(vocab, id) {
            UNKNOWN | CONTROL | USER_DEFINED => pieces.push(token),
            _ => pieces.push(&sentencepiece::decode(token)),
        }
    }
    pieces
}

/// The tokens `<0x00>` to `<0xFF>`.
fn byte_tokens(vocab: &GgufVocab) -> Box<[Option<u32>; 256]> {
    let mut bytes = Box::new([None; 256]);
    for (id, token) in vocab.tokens.iter().enumerate() {
        if let Some(byte) = sentencepiece::byte_of(token).filter(|_| kind(vocab, id) == BYTE) {
            bytes[usize::from(byte)].get_or_insert(id as u32);
        }
    }
    bytes
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
    let may_join = |id: u32| !matches!(kind(vocab, id as usize), CONTROL | UNKNOWN | BYTE);
    let tokens = TextIndex::new(vocab.tokens.iter().collect(), may_join);
    let model = SentencePiece::new(tokens, scores, Fallback::new(byte_tokens(vocab), vocab.unk_id));
    let space_prefix = vocab.add_space_prefix.unwrap_or(true);
    let model = Model::SentencePiece { model, space_prefix };
    let vocabulary = Vocabulary::new(model, &special_tokens(vocab)?, options.strips_after_control)?;
    let tokenizer = assemble(vocab, vocabulary, escaped_pieces(vocab), vocab.add_bos.unwrap_or(true))?;
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
    let eos_ids = controls.iter().filter(|(_, text)| ends(vocab, text)).map(|(id, _)| *id);
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
