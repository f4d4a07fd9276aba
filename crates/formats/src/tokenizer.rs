//! What a tokenizer is built from: `tokenizer.json` with its settings, or a GGUF's vocabulary. Nothing is tokenised
//! here.

use std::sync::Arc;

use crate::error::{FormatError, HyperparamError};
use crate::folder::{Folder, JsonObject};
use crate::gguf::{GgufFile, MetaType, NewValue};
use crate::mapping::FileBytes;

/// The published description of a checkpoint's tokenizer.
#[derive(Debug, Clone)]
pub enum TokenizerSource {
    /// Hugging Face's `tokenizer.json`.
    Json(JsonTokenizer),
    /// GGUF's `tokenizer.ggml.*`.
    Gguf(GgufVocab),
    /// There is none that can be read; running needs one, inspecting does not.
    Absent {
        /// What was looked for and what lies there, for the message when one is needed.
        found: String,
    },
    /// There is one whose description contradicts itself or is damaged; again, inspecting needs none.
    Unusable {
        /// What is wrong, naming the file and the key.
        what: String,
    },
}

impl TokenizerSource {
    fn or_unusable(read: Result<Self, FormatError>) -> Result<Self, FormatError> {
        match read {
            Err(error @ FormatError::Io { .. }) => Err(error),
            Err(error) => Ok(TokenizerSource::Unusable { what: error.to_string() }),
            found => found,
        }
    }
}

/// `tokenizer.json` and the settings beside it.
#[derive(Debug, Clone)]
pub struct JsonTokenizer {
    /// The file itself.
    pub tokenizer_json: Arc<FileBytes>,
    /// Keys of `tokenizer_config.json` (`add_bos_token`, `bos_token`, …); empty if there is no such file.
    pub config: JsonObject,
    /// Keys of `special_tokens_map.json`; empty if there is no such file.
    pub special_tokens_map: JsonObject,
}

/// A GGUF vocabulary as the file has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GgufVocab {
    /// Path of the file, for messages.
    pub file: String,
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE), `llama` (SentencePiece), …
    pub model: String,
    /// `tokenizer.ggml.pre`: the tag of the pre-tokenizer.
    pub pre: Option<String>,
    /// Token bytes by id, in the file's own spelling (byte-level BPE maps bytes to letters; not always UTF-8).
    pub tokens: Vec<Vec<u8>>,
    /// SentencePiece scores by id, as long as `tokens`; empty if there are none, which makes all equally probable.
    pub scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; as long as `tokens`, or empty if the file has
    /// none.
    pub types: Vec<i32>,
    /// BPE merges in order of priority, `left right`; without any, tokens are atomic.
    pub merges: Vec<String>,
    /// Begins a sequence.
    pub bos_id: Option<u32>,
    /// Ends a sequence.
    pub eos_id: Option<u32>,
    /// Ends a turn.
    pub eot_id: Option<u32>,
    /// Stands for what is in no token.
    pub unk_id: Option<u32>,
    /// Fills up batches.
    pub pad_id: Option<u32>,
    /// Whether encoding begins with BOS; `None` leaves it to the model's kind.
    pub add_bos: Option<bool>,
    /// Whether encoding ends with EOS; `None` leaves it to the model's kind.
    pub add_eos: Option<bool>,
    /// Whether SentencePiece puts a space before the text; `None` leaves it to the model's kind.
    pub add_space_prefix: Option<bool>,
    /// Whether SentencePiece joins runs of spaces; `None` means no.
    pub remove_extra_whitespaces: Option<bool>,
}

impl GgufVocab {
    /// The keys that it is read back from.
    pub fn metadata(&self) -> Vec<(String, NewValue)> {
        let mut keys = vec![("tokenizer.ggml.model".to_owned(), self.model.as_str().into())];
        let mut put = |name: &str, value: NewValue| keys.push((format!("tokenizer.ggml.{name}"), value));
        if let Some(pre) = &self.pre {
            put("pre", pre.as_str().into());
        }
        put("tokens", NewValue::array(MetaType::String, self.tokens.iter().cloned()));
        if !self.scores.is_empty() {
            put("scores", NewValue::array(MetaType::F32, self.scores.iter().copied()));
        }
        if !self.types.is_empty() {
            put("token_type", NewValue::array(MetaType::I32, self.types.iter().copied()));
        }
        if !self.merges.is_empty() {
            put("merges", NewValue::array(MetaType::String, self.merges.iter().map(String::as_str)));
        }
        let ids = [
            ("bos", self.bos_id),
            ("eos", self.eos_id),
            ("eot", self.eot_id),
            ("unknown", self.unk_id),
            ("padding", self.pad_id),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                put(&format!("{name}_token_id"), id.into());
            }
        }
        let flags = [
            ("add_bos_token", self.add_bos),
            ("add_eos_token", self.add_eos),
            ("add_space_prefix", self.add_space_prefix),
            ("remove_extra_whitespaces", self.remove_extra_whitespaces),
        ];
        for (name, flag) in flags {
            if let Some(flag) = flag {
                put(name, flag.into());
            }
        }
        keys
    }
}

/// Reads the tokenizer's files; the second result is `tokenizer_config.json`, which may also hold chat templates.
///
/// # Errors
/// A file cannot be read.
pub fn from_folder(folder: &Folder) -> Result<(TokenizerSource, JsonObject), FormatError> {
    let mut config = JsonObject::default();
    let source = TokenizerSource::or_unusable(in_folder(folder, &mut config))?;
    Ok((source, config))
}

fn in_folder(folder: &Folder, config: &mut JsonObject) -> Result<TokenizerSource, FormatError> {
    *config = folder.json("tokenizer_config.json")?.unwrap_or_default();
    let Some(tokenizer_json) = folder.open("tokenizer.json")? else {
        let others = ["tokenizer.model", "vocab.json", "tekken.json"];
        let names = folder.names()?;
        let others: Vec<&str> = others.into_iter().filter(|o| names.iter().any(|n| n == o)).collect();
        let found = match others.is_empty() {
            true => format!("`{}` has no tokenizer.json", folder.display()),
            false => format!("`{}` has no tokenizer.json, only {}", folder.display(), others.join(", ")),
        };
        return Ok(TokenizerSource::Absent { found });
    };
    let special_tokens_map = folder.json("special_tokens_map.json")?.unwrap_or_default();
    Ok(TokenizerSource::Json(JsonTokenizer { tokenizer_json, config: config.clone(), special_tokens_map }))
}

/// Reads `tokenizer.ggml.*`; [`TokenizerSource::Absent`] if the file has no tokens.
///
/// # Errors
/// A file cannot be read.
pub fn from_gguf(gguf: &GgufFile) -> Result<TokenizerSource, FormatError> {
    TokenizerSource::or_unusable(in_gguf(gguf))
}

fn in_gguf(gguf: &GgufFile) -> Result<TokenizerSource, FormatError> {
    match gguf.strings("tokenizer.ggml.tokens")? {
        Some(tokens) => Ok(TokenizerSource::Gguf(vocab(gguf, &tokens)?)),
        None => Ok(TokenizerSource::Absent { found: format!("`{}` has no `tokenizer.ggml.tokens`", gguf.name()) }),
    }
}

fn vocab(gguf: &GgufFile, tokens: &[&[u8]]) -> Result<GgufVocab, FormatError> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let model = gguf.text(&key("model"))?.ok_or_else(|| error(gguf, &key("model"), "nothing", "a tokenizer's name"))?;
    let n = tokens.len();
    // GGUF's specification has these optional: without scores all tokens are equally probable, without merges atomic.
    let scores = gguf.f32s(&key("scores"))?;
    one_per_token(gguf, &key("scores"), scores.as_ref().map(Vec::len), n)?;
    let types = gguf.i32s(&key("token_type"))?;
    one_per_token(gguf, &key("token_type"), types.as_ref().map(Vec::len), n)?;
    let merges = merges(gguf, &key("merges"))?;
    let id = |name: &str| -> Result<Option<u32>, HyperparamError> {
        let key = key(&format!("{name}_token_id"));
        match gguf_id(gguf, &key)? {
            Some(id) if id as usize >= n => {
                Err(error(gguf, &key, &id.to_string(), &format!("the id of one of {n} tokens")))
            }
            id => Ok(id),
        }
    };
    // A token that no prompt needs and that can never come; converters leave its id beyond the vocabulary.
    let spare = |name: &str| -> Result<Option<u32>, HyperparamError> {
        Ok(gguf_id(gguf, &key(&format!("{name}_token_id")))?.filter(|id| (*id as usize) < n))
    };
    Ok(GgufVocab {
        file: gguf.name().to_owned(),
        model: model.to_owned(),
        pre: gguf.text(&key("pre"))?.map(str::to_owned),
        tokens: tokens.iter().map(|t| t.to_vec()).collect(),
        scores: scores.unwrap_or_default(),
        types: types.unwrap_or_default(),
        merges: merges.unwrap_or_default(),
        bos_id: id("bos")?,
        eos_id: id("eos")?,
        eot_id: spare("eot")?,
        unk_id: spare("unknown")?,
        pad_id: spare("padding")?,
        add_bos: gguf.bool(&key("add_bos_token"))?,
        add_eos: gguf.bool(&key("add_eos_token"))?,
        add_space_prefix: gguf.bool(&key("add_space_prefix"))?,
        remove_extra_whitespaces: gguf.bool(&key("remove_extra_whitespaces"))?,
    })
}

fn merges(gguf: &GgufFile, key: &str) -> Result<Option<Vec<String>>, HyperparamError> {
    let Some(raw) = gguf.strings(key)? else { return Ok(None) };
    let text = |(i, merge): (usize, &&[u8])| {
        let wrong = || error(gguf, key, &format!("bytes that are not UTF-8 at merge {i}"), "text");
        String::from_utf8(merge.to_vec()).map_err(|_| wrong())
    };
    raw.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
}

/// A list that is absent (unless `needed`) or as long as the tokens.
fn one_per_token(gguf: &GgufFile, key: &str, found: Option<usize>, tokens: usize) -> Result<(), HyperparamError> {
    match found {
        Some(found) if found != tokens => {
            Err(error(gguf, key, &format!("{found} entries"), &format!("one for each of {tokens} tokens")))
        }
        _ => Ok(()),
    }
}

/// A token id. All bits set, as -1 or as its unsigned reading, says that there is none.
pub(crate) fn gguf_id(gguf: &GgufFile, key: &str) -> Result<Option<u32>, HyperparamError> {
    match gguf.get(key) {
        Some(crate::gguf::MetaValue::Int(-1)) => Ok(None),
        _ => match gguf.uint(key)? {
            None => Ok(None),
            Some(v) if v == u64::from(u32::MAX) => Ok(None),
            Some(v) => u32::try_from(v).map(Some).map_err(|_| error(gguf, key, &v.to_string(), "a token id")),
        },
    }
}

fn error(gguf: &GgufFile, key: &str, found: &str, expected: &str) -> HyperparamError {
    HyperparamError {
        file: gguf.name().to_owned(),
        key: key.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}
