//! A `tokenizer.json` as GGUF has vocabularies. What GGUF cannot say of it is refused, and what is written cuts texts as
//! the original does. Source: llama.cpp's conversion of vocabularies (`_set_vocab_gpt2`, `gguf-py/gguf/vocab.py`).

use std::collections::HashMap;

use plimsoll_formats::{GgufVocab, JsonTokenizer, TokenizerSource};
use plimsoll_models::Checkpoint;
use serde::Deserialize;
use serde_json::Value;

use super::pre_tokenizers::{self, GPT2};
use super::{Special, Tokenizer, TokenizerError, TokenizerOptions};

/// Token types of GGUF.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    vocab: Value,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// Two tokens, as one text or as two.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Joined(String),
    Pair([String; 2]),
}

/// The vocabulary of a checkpoint in GGUF's terms, with an entry for every row of its embedding; `pre` is the tag of its
/// pre-tokenizer where the file's own expressions are not among those that have one.
///
/// # Errors
/// It has none, or one that GGUF has no words for.
pub fn gguf_vocabulary(checkpoint: &Checkpoint, pre: Option<&str>) -> Result<GgufVocab, TokenizerError> {
    match &*checkpoint.tokenizer {
        TokenizerSource::Gguf(vocab) => Ok(vocab.clone()),
        TokenizerSource::Json(json) => of_json(checkpoint, json, pre).map_err(|error| TokenizerError::InFile {
            file: json.tokenizer_json.name().to_owned(),
            error: Box::new(error),
        }),
        TokenizerSource::Absent { found } => Err(TokenizerError::Absent { found: found.clone() }),
        TokenizerSource::Unusable { what } => Err(TokenizerError::Unreadable { what: what.clone() }),
    }
}

fn of_json(checkpoint: &Checkpoint, json: &JsonTokenizer, pre: Option<&str>) -> Result<GgufVocab, TokenizerError> {
    let original = Tokenizer::of(checkpoint, None)?;
    let file: File = serde_json::from_slice(&json.tokenizer_json)
        .map_err(|error| TokenizerError::Backend { reason: error.to_string() })?;
    let normal_form = file.normalizer.is_null() || file.normalizer["type"] == "NFC";
    if file.model.kind.as_deref() != Some("BPE") || file.model.byte_fallback == Some(true) || !normal_form {
        return Err(TokenizerError::Unsupported {
            what: "another model than byte-level BPE, or steps before it".to_owned(),
            expected: "byte-level BPE without a normalizer, which is what can be written as GGUF so far",
        });
    }
    let pre = match pre {
        Some(pre) => pre.to_owned(),
        None => tag(&file)?,
    };
    let (tokens, types) = tokens(&file, checkpoint.hyperparams.vocab_size)?;
    let by_text: HashMap<&[u8], u32> = tokens.iter().enumerate().map(|(id, text)| (&text[..], id as u32)).collect();
    let named = |name: &str| {
        let text = original.template_variables().iter().find(|(variable, _)| variable == name).map(|(_, text)| text)?;
        by_text.get(text.as_bytes()).copied()
    };
    let mut ends = checkpoint.generation.eos_ids.iter().copied().filter(|id| (*id as usize) < tokens.len());
    let eos_id = ends.next().or_else(|| named("eos_token"));
    let (eot_id, bos_id) = (ends.next(), original.bos().or_else(|| named("bos_token")));
    let (unk_id, pad_id) = (named("unk_token"), named("pad_token"));
    let vocab = GgufVocab {
        file: json.tokenizer_json.name().to_owned(),
        model: "gpt2".to_owned(),
        pre: Some(pre),
        types,
        merges: file.model.merges.into_iter().map(Merge::joined).collect(),
        bos_id,
        eos_id,
        eot_id,
        unk_id,
        pad_id,
        add_bos: Some(original.special.adds_bos),
        tokens,
        ..GgufVocab::default()
    };
    compare(&original, &vocab, checkpoint)?;
    Ok(vocab)
}

impl Merge {
    fn joined(self) -> String {
        match self {
            Merge::Joined(text) => text,
            Merge::Pair([left, right]) => format!("{left} {right}"),
        }
    }
}

/// Tokens and their types by id; ids without a token are called as llama.cpp's converter calls them.
fn tokens(file: &File, rows: usize) -> Result<(Vec<Vec<u8>>, Vec<i32>), TokenizerError> {
    let listed = file.model.vocab.as_object().into_iter().flatten();
    let listed = listed.filter_map(|(text, id)| Some((usize::try_from(id.as_u64()?).ok()?, text)));
    let mut tokens: Vec<Option<(Vec<u8>, i32)>> = vec![None; rows];
    let added = file
        .added_tokens
        .iter()
        .map(|added| (added.id, &added.content, if added.special { CONTROL } else { USER_DEFINED }));
    for (id, text, kind) in listed.map(|(id, text)| (id, text, NORMAL)).chain(added) {
        let Some(token) = tokens.get_mut(id) else {
            return Err(TokenizerError::Malformed {
                what: format!("token `{text}` with the id {id}"),
                expected: "the number of a row of the embedding",
            });
        };
        *token = Some((text.clone().into_bytes(), kind));
    }
    let spare = |id: usize| (format!("[PAD{id}]").into_bytes(), UNUSED);
    Ok(tokens.into_iter().enumerate().map(|(id, token)| token.unwrap_or_else(|| spare(id))).unzip())
}

/// The tag under which GGUF has a file's pre-tokenizer.
fn tag(file: &File) -> Result<String, TokenizerError> {
    let found = expressions(&file.pre_tokenizer);
    let ignore_merges = file.model.ignore_merges.unwrap_or(false);
    let tag = found.as_deref().and_then(|expressions| pre_tokenizers::tag_of(expressions, ignore_merges));
    tag.map(str::to_owned).ok_or_else(|| TokenizerError::Unsupported {
        what: "a pre-tokenizer that GGUF has no tag for".to_owned(),
        expected: "one whose expressions are those of a tag; another can be named",
    })
}

/// The expressions that cut text, one after the other; none where another kind of step is among them.
fn expressions(pre_tokenizer: &Value) -> Option<Vec<String>> {
    let single = [pre_tokenizer.clone()];
    let steps = pre_tokenizer["pretokenizers"].as_array().map_or(&single[..], Vec::as_slice);
    let mut found = Vec::new();
    for step in steps {
        match step["type"].as_str()? {
            "Digits" if step["individual_digits"] == true => found.push(r"\p{N}".to_owned()),
            "Split" if step["behavior"] == "Isolated" && step["invert"] != true => {
                found.push(step["pattern"]["Regex"].as_str()?.to_owned());
            }
            "ByteLevel" if step["add_prefix_space"] != true => {
                if step["use_regex"] != false {
                    found.push(GPT2.to_owned());
                }
            }
            _ => return None,
        }
    }
    Some(found)
}

/// Texts on which two ways of cutting show: words, numbers, contractions, blanks, lines, scripts, marks, control tokens.
const TRIED: [&str; 8] = [
    "Hello world, it's 12345 o'clock; we'LL see  two   blanks\tand a tab.\n\n\nNew  lines \n end",
    "fn main() { let x_1 = vec![1.5e-3, 0x7F]; } // ünïcödé — naïve café",
    "日本語のテキスト。한국어 텍스트, русский текст; עברית العربية",
    "a1b22c333d4444 I'm you're they've he'd SHE'S 'tis !!??... ((([[[",
    " leading and trailing  ",
    "👩‍👩‍👧 emoji 🎉🎉 and e\u{301} marks \u{a0} no-break",
    "{\"key\": [1, 22, 333], \"x\": null}\r\n\r\n",
    "x\n \n  \n   y\u{3000}z",
];

/// What was written is read, and cuts texts into the same tokens.
fn compare(original: &Tokenizer, vocab: &GgufVocab, checkpoint: &Checkpoint) -> Result<(), TokenizerError> {
    let source = TokenizerSource::Gguf(vocab.clone());
    let arch = checkpoint.hyperparams.arch;
    let options = TokenizerOptions { strips_after_control: arch.strips_after_control(), ..TokenizerOptions::default() };
    let written = Tokenizer::from_source(&source, &options)?;
    let controls = vocab.tokens.iter().zip(&vocab.types).filter(|(_, kind)| **kind == CONTROL).take(64);
    let controls: String = controls.map(|(text, _)| String::from_utf8_lossy(text)).collect();
    for (text, special) in
        TRIED.map(|text| (text, Special::AsText)).into_iter().chain([(&controls[..], Special::Parse)])
    {
        if original.encode(text, special)? != written.encode(text, special)? {
            return Err(TokenizerError::Unsupported {
                what: format!(
                    "tokens for {text:?} that a GGUF tagged `{}` would not have",
                    vocab.pre.as_deref().unwrap_or("")
                ),
                expected: "the same tokens from either",
            });
        }
    }
    Ok(())
}
