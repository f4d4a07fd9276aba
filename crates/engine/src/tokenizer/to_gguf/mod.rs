//! A `tokenizer.json` as GGUF has vocabularies. What GGUF cannot say of it is refused, and what is written cuts texts as
//! the original does. Source: llama.cpp's conversion of vocabularies (`_set_vocab_gpt2`, `_create_vocab_sentencepiece`,
//! `gguf-py/gguf/vocab.py`).

mod compare;
mod scored;

use std::collections::HashMap;

use plimsoll_formats::{GgufVocab, JsonTokenizer, TokenizerSource};
use plimsoll_models::{Checkpoint, TokenizerClass};
use serde::Deserialize;
use serde_json::Value;

use super::kinds::{BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED};
use super::pre_tokenizers::{self, GPT2};
use super::{Tokenizer, TokenizerError, TokenizerOptions, sentencepiece};

/// The type of an id without a token.
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
    #[serde(default)]
    unk_token: Option<String>,
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

/// A vocabulary in GGUF's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenVocab {
    /// It.
    pub vocab: GgufVocab,
    /// Whether it cuts as the steps in tokenizer.json do, and not as the class of transformers that the files are read by:
    /// this one puts no second blank before a text that begins with one, and perhaps none behind a control token.
    pub leaves_class: bool,
}

/// The vocabulary of a checkpoint in GGUF's terms, with an entry for every row of its embedding; `pre` is the tag of its
/// pre-tokenizer where the file's own expressions are not among those that have one.
///
/// # Errors
/// It has none, or one that GGUF has no words for.
pub fn gguf_vocabulary(checkpoint: &Checkpoint, pre: Option<&str>) -> Result<WrittenVocab, TokenizerError> {
    match &*checkpoint.tokenizer {
        TokenizerSource::Gguf(vocab) => Ok(WrittenVocab { vocab: vocab.clone(), leaves_class: false }),
        TokenizerSource::Json(json) => of_json(checkpoint, json, pre).map_err(|error| TokenizerError::InFile {
            file: json.tokenizer_json.name().to_owned(),
            error: Box::new(error),
        }),
        TokenizerSource::Absent { found } => Err(TokenizerError::Absent { found: found.clone() }),
        TokenizerSource::Unusable { what } => Err(TokenizerError::Unreadable { what: what.clone() }),
    }
}

fn of_json(checkpoint: &Checkpoint, json: &JsonTokenizer, pre: Option<&str>) -> Result<WrittenVocab, TokenizerError> {
    let original = Tokenizer::of(checkpoint, None)?;
    let file: File = serde_json::from_slice(&json.tokenizer_json)
        .map_err(|error| TokenizerError::Backend { reason: error.to_string() })?;
    if file.model.kind.as_deref() != Some("BPE") {
        return Err(TokenizerError::Unsupported {
            what: format!("the model {}", file.model.kind.as_deref().unwrap_or("without a type")),
            expected: "BPE, which is what can be written as GGUF so far",
        });
    }
    let (tokens, types) = tokens(&file, checkpoint.hyperparams.vocab_size)?;
    let by_text: HashMap<&[u8], u32> = tokens.iter().enumerate().map(|(id, text)| (&text[..], id as u32)).collect();
    let named = |name: &str| {
        let text = original.template_variables().iter().find(|(variable, _)| variable == name).map(|(_, text)| text)?;
        by_text.get(text.as_bytes()).copied()
    };
    let mut ends = checkpoint.generation.eos_ids.iter().copied().filter(|id| (*id as usize) < tokens.len());
    let eos_id = ends.next().or_else(|| named("eos_token"));
    let (eot_id, bos_id) = (ends.next(), original.bos().or_else(|| named("bos_token")));
    let ids = GgufVocab {
        file: json.tokenizer_json.name().to_owned(),
        types,
        bos_id,
        eos_id,
        eot_id,
        unk_id: named("unk_token").or_else(|| by_text.get(file.model.unk_token.as_deref()?.as_bytes()).copied()),
        pad_id: named("pad_token"),
        add_bos: Some(original.special.adds_bos),
        tokens,
        ..GgufVocab::default()
    };
    let is_scored = file.model.byte_fallback == Some(true);
    let vocab = if is_scored { scored::vocabulary(file, ids)? } else { byte_level(file, pre, ids)? };
    let arch = checkpoint.hyperparams.arch;
    let leaves_class = match compare::compare(&original, &vocab, arch) {
        Ok(()) => false,
        Err(differs) if is_scored => {
            let options = TokenizerOptions { class: TokenizerClass::File, ..TokenizerOptions::default() };
            let own = Tokenizer::from_source(&checkpoint.tokenizer, &options)?;
            compare::compare(&own, &vocab, arch).map_err(|_| differs)?;
            true
        }
        Err(differs) => return Err(differs),
    };
    Ok(WrittenVocab { vocab, leaves_class })
}

/// Byte-level BPE, whose merges are in the file and whose way of cutting has a tag.
fn byte_level(file: File, pre: Option<&str>, ids: GgufVocab) -> Result<GgufVocab, TokenizerError> {
    if !file.normalizer.is_null() && file.normalizer["type"] != "NFC" {
        return Err(TokenizerError::Unsupported {
            what: format!("the normalizer {}", file.normalizer["type"]),
            expected: "byte-level BPE without one, which is what can be written as GGUF so far",
        });
    }
    let pre = match pre {
        Some(pre) => pre.to_owned(),
        None => tag(&file)?,
    };
    let merges = file.model.merges.into_iter().map(Merge::joined).collect();
    Ok(GgufVocab { model: "gpt2".to_owned(), pre: Some(pre), merges, ..ids })
}

impl Merge {
    fn joined(self) -> String {
        match self {
            Merge::Joined(text) => text,
            Merge::Pair([left, right]) => format!("{left} {right}"),
        }
    }

    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Merge::Joined(text) => text.split_once(' '),
            Merge::Pair([left, right]) => Some((left, right)),
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
