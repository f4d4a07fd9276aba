//! Classes of transformers that take the vocabulary from tokenizer.json and cut text by steps of their own, whatever steps
//! the file has. Most files that name one have the same steps; where they are others, the ids are the class's.
//!
//! Source: transformers 5.24, `models/*/tokenization_*.py` and `TokenizersBackend.convert_to_native_format`.

use std::borrow::Cow;

use plimsoll_models::TokenizerClass;
use serde_json::{Map, Value, json};

use super::TokenizerError;

const WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const WORDS_WITH_MARKS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Further classes with steps of their own, for models that are not read here.
#[rustfmt::skip]
const OTHERS: [&str; 46] = [
    "AlbertTokenizer", "BarthezTokenizer", "BertTokenizer", "BigBirdTokenizer", "BlenderbotTokenizer", "CLIPTokenizer",
    "CamembertTokenizer", "CodeGenTokenizer", "CpmTokenizer", "DPRContextEncoderTokenizer",
    "DPRQuestionEncoderTokenizer", "DPRReaderTokenizer", "DebertaTokenizer", "DebertaV2Tokenizer", "DistilBertTokenizer",
    "EsmcTokenizer", "FunnelTokenizer", "HerbertTokenizer", "LasrTokenizer", "LayoutLMv2Tokenizer", "LayoutLMv3Tokenizer",
    "LayoutXLMTokenizer", "LukeTokenizer", "MBart50Tokenizer", "MBartTokenizer", "MLukeTokenizer", "MPNetTokenizer",
    "MarkupLMTokenizer", "NllbTokenizer", "NougatTokenizer", "OpenAIGPTTokenizer", "PegasusTokenizer", "ReformerTokenizer",
    "RemBertTokenizer", "RoFormerTokenizer", "RobertaTokenizer", "SeamlessM4TTokenizer", "Siglip2Tokenizer",
    "SplinterTokenizer", "T5Tokenizer", "UdopTokenizer", "VideoPrismTokenizer", "WhisperTokenizer", "XGLMTokenizer",
    "XLMRobertaTokenizer", "XLNetTokenizer",
];
/// Of a step, what no id hangs on.
const IDLE: &str = "trim_offsets";

/// The steps of a class.
pub(super) struct OwnClass {
    /// What takes the place of the file's, by its name there.
    parts: Vec<(&'static str, Value)>,
    /// What takes the place of the model's options.
    model: Vec<(&'static str, Value)>,
    /// Special tokens that it has where tokenizer_config.json names none.
    tokens: Vec<(String, Value)>,
}

impl OwnClass {
    /// The class that the files are read by, where it has steps of its own and is not Llama's.
    ///
    /// # Errors
    /// It is one whose steps are not known here.
    pub fn of(config: &Map<String, Value>, class: TokenizerClass) -> Result<Option<OwnClass>, TokenizerError> {
        let named = config.get("tokenizer_class").and_then(Value::as_str).filter(|_| !config.contains_key("auto_map"));
        let name = match (class, named) {
            (TokenizerClass::File, _) | (TokenizerClass::Named, None) => return Ok(None),
            (TokenizerClass::Named | TokenizerClass::OrElse(_), Some(named)) => {
                named.strip_suffix("Fast").unwrap_or(named)
            }
            (TokenizerClass::Always(name), _) | (TokenizerClass::OrElse(name), None) => name,
        };
        let prefix = |default| config.get("add_prefix_space").and_then(Value::as_bool).unwrap_or(default);
        let end = "<|endoftext|>";
        Ok(Some(match name {
            "Qwen2Tokenizer" => bytes(nfc(), cut(WORDS, prefix(false)), &[("unk", end), ("eos", end), ("pad", end)]),
            "Qwen3_5Tokenizer" => {
                bytes(nfc(), cut(WORDS_WITH_MARKS, prefix(false)), &[("unk", end), ("eos", end), ("pad", end)])
            }
            "GPT2Tokenizer" => bytes(Value::Null, words(prefix(false)), &[("unk", end), ("bos", end), ("eos", end)]),
            "GPTNeoXTokenizer" => {
                let tokens = [("unk", end), ("bos", end), ("eos", end), ("pad", "<|padding|>")];
                let mut class = bytes(nfc(), words(prefix(false)), &tokens);
                class.parts.push(("post_processor", Value::Null));
                class
            }
            "CohereTokenizer" => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                let steps = json!({"type": "Sequence", "pretokenizers": [digits, words(prefix(false))]});
                bytes(nfc(), steps, &COHERE)
            }
            "GemmaTokenizer" => {
                let split = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                    "invert": false});
                let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
                pieces(config, replace, split, false, &NAMED_IN_BRACKETS)
            }
            "CodeLlamaTokenizer" => {
                let scheme = if prefix(true) { "first" } else { "never" };
                let space = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
                let mut class = pieces(config, Value::Null, space, true, &SENTENCEPIECE);
                class.tokens.push(("additional_special_tokens".to_owned(), infilling(config)));
                class
            }
            other if OTHERS.contains(&other) => {
                let what = format!("the class {other}, which cuts text by steps of its own");
                return Err(TokenizerError::Unsupported { what, expected: "one that takes them from tokenizer.json" });
            }
            _ => return Ok(None),
        }))
    }

    /// tokenizer_config.json with the tokens that the class has by itself.
    pub fn completed(&self, config: &Map<String, Value>) -> Map<String, Value> {
        let mut config = config.clone();
        for (key, token) in &self.tokens {
            match (config.get_mut(key), token) {
                (Some(Value::Array(listed)), Value::Array(more)) => listed.extend(more.iter().cloned()),
                (None, token) | (Some(Value::Null), token @ Value::Array(_)) => {
                    config.insert(key.clone(), token.clone());
                }
                _ => {}
            }
        }
        config
    }

    /// tokenizer.json with the steps of the class; the file as it is where `steps`, which are its own, are the same.
    ///
    /// # Errors
    /// It is no object of JSON, or its model is none of byte pairs.
    pub fn applied<'f>(&self, file: &'f [u8], steps: &Value) -> Result<Cow<'f, [u8]>, TokenizerError> {
        let model = &steps["model"];
        if model["type"].as_str().is_some_and(|kind| kind != "BPE") {
            let what = format!("the model {} under a class of byte pairs", model["type"]);
            return Err(TokenizerError::Unsupported { what, expected: "BPE" });
        }
        let options = self.model.iter().all(|(name, option)| same(&model[*name], option));
        if options && self.parts.iter().all(|(name, part)| same(&steps[*name], part)) {
            return Ok(Cow::Borrowed(file));
        }
        let failed = |error: serde_json::Error| TokenizerError::Backend { reason: error.to_string() };
        let mut document: Map<String, Value> = serde_json::from_slice(file).map_err(failed)?;
        document.extend(self.parts.iter().map(|(name, part)| ((*name).to_owned(), part.clone())));
        if let Some(Value::Object(model)) = document.get_mut("model") {
            model.extend(self.model.iter().map(|(name, option)| ((*name).to_owned(), option.clone())));
        }
        serde_json::to_vec(&document).map(Cow::Owned).map_err(failed)
    }
}

const COHERE: [(&str, &str); 7] = [
    ("unk", "<UNK>"),
    ("bos", "<BOS_TOKEN>"),
    ("eos", "<|END_OF_TURN_TOKEN|>"),
    ("pad", "<PAD>"),
    ("cls", "<CLS>"),
    ("sep", "<SEP>"),
    ("mask", "<MASK_TOKEN>"),
];
const NAMED_IN_BRACKETS: [(&str, &str); 5] =
    [("unk", "<unk>"), ("bos", "<bos>"), ("eos", "<eos>"), ("pad", "<pad>"), ("mask", "<mask>")];
const SENTENCEPIECE: [(&str, &str); 3] = [("unk", "<unk>"), ("bos", "<s>"), ("eos", "</s>")];

/// A class of byte-level byte pairs.
fn bytes(normalizer: Value, pre_tokenizer: Value, tokens: &[(&str, &str)]) -> OwnClass {
    let decoder = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    let model = vec![
        ("unk_token", Value::Null),
        ("continuing_subword_prefix", "".into()),
        ("end_of_word_suffix", "".into()),
        ("fuse_unk", false.into()),
        ("byte_fallback", false.into()),
        ("ignore_merges", false.into()),
        ("dropout", Value::Null),
    ];
    let parts = vec![("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)];
    OwnClass { parts, model, tokens: named(tokens) }
}

/// A class of byte pairs in which spaces are letters.
fn pieces(
    config: &Map<String, Value>,
    normalizer: Value,
    pre_tokenizer: Value,
    strips: bool,
    tokens: &[(&str, &str)],
) -> OwnClass {
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    steps.extend(strips.then(|| json!({"type": "Strip", "content": " ", "start": 1, "stop": 0})));
    let unk = config.get("unk_token").and_then(|token| token.as_str().or_else(|| token["content"].as_str()));
    let model = vec![
        ("unk_token", unk.unwrap_or("<unk>").into()),
        ("continuing_subword_prefix", Value::Null),
        ("end_of_word_suffix", Value::Null),
        ("fuse_unk", true.into()),
        ("byte_fallback", true.into()),
        ("ignore_merges", false.into()),
        ("dropout", Value::Null),
    ];
    let decoder = json!({"type": "Sequence", "decoders": steps});
    let parts = vec![("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)];
    OwnClass { parts, model, tokens: named(tokens) }
}

fn named(tokens: &[(&str, &str)]) -> Vec<(String, Value)> {
    tokens.iter().map(|(name, text)| (format!("{name}_token"), Value::from(*text))).collect()
}

/// The tokens that Code Llama marks a gap with.
fn infilling(config: &Map<String, Value>) -> Value {
    let tokens = [
        ("prefix_token", "▁<PRE>"),
        ("middle_token", "▁<MID>"),
        ("suffix_token", "▁<SUF>"),
        ("eot_token", "▁<EOT>"),
        ("fill_token", "<FILL_ME>"),
    ];
    let token = |(key, default): (&str, &str)| config.get(key).cloned().unwrap_or_else(|| default.into());
    tokens.into_iter().map(token).filter(|token| !token.is_null()).collect()
}

fn nfc() -> Value {
    json!({"type": "NFC"})
}

fn byte_level(prefix: bool, words: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": words})
}

/// GPT-2's words, in bytes.
fn words(prefix: bool) -> Value {
    byte_level(prefix, true)
}

/// What `expression` finds, in bytes.
fn cut(expression: &str, prefix: bool) -> Value {
    let split = json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
    json!({"type": "Sequence", "pretokenizers": [split, byte_level(prefix, false)]})
}

/// Whether two steps or options do the same: what is left out is nothing or no, and where a byte came from does not matter.
fn same(one: &Value, other: &Value) -> bool {
    let is_nothing = |value: &Value| matches!(value, Value::Null | Value::Bool(false)) || value == "";
    match (one, other) {
        (Value::Object(a), Value::Object(b)) if is_byte_level(a) && !a.contains_key("use_regex") => {
            let mut a = a.clone();
            a.insert("use_regex".to_owned(), true.into());
            same(&Value::Object(a), &Value::Object(b.clone()))
        }
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).filter(|key| *key != IDLE).all(|key| {
            let value = |of: &Map<String, Value>| of.get(key).cloned().unwrap_or_default();
            same(&value(a), &value(b))
        }),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (one, other) => one == other || (is_nothing(one) && is_nothing(other)),
    }
}

fn is_byte_level(step: &Map<String, Value>) -> bool {
    step.get("type").is_some_and(|kind| kind == "ByteLevel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_the_steps_of_its_class_is_taken_as_it_is() {
        let config = json!({"tokenizer_class": "Qwen2Tokenizer"}).as_object().unwrap().clone();
        let class = OwnClass::of(&config, TokenizerClass::Named).unwrap().unwrap();
        let file = json!({"normalizer": nfc(), "pre_tokenizer": cut(WORDS, false), "decoder": byte_level(true, true),
            "model": {"type": "BPE", "vocab": {}, "merges": []}});
        let written = file.to_string();
        assert!(matches!(class.applied(written.as_bytes(), &file).unwrap(), Cow::Borrowed(_)));
        for (part, other) in [("normalizer", json!({})), ("pre_tokenizer", json!([{}])), ("model", json!(null))] {
            let mut file = file.clone();
            file[part] = other;
            assert!(matches!(class.applied(written.as_bytes(), &file).unwrap(), Cow::Owned(_)) || part == "model");
        }
    }

    #[test]
    fn steps_that_do_the_same_are_the_same_however_they_are_written() {
        let file = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false});
        assert!(same(&file, &words(false)));
        assert!(!same(&file, &words(true)) && !same(&file, &byte_level(false, false)));
        assert!(same(&Value::Null, &"".into()) && !same(&Value::Null, &"x".into()));
    }

    #[test]
    fn a_class_whose_steps_are_not_known_is_refused_by_its_name() {
        let config = |class: &str| json!({"tokenizer_class": class}).as_object().unwrap().clone();
        let of = |class: &str, by| OwnClass::of(&config(class), by);
        let told = of("T5TokenizerFast", TokenizerClass::Named).err().unwrap().to_string();
        assert!(told.contains("the class T5Tokenizer"), "{told}");
        assert!(of("T5Tokenizer", TokenizerClass::File).unwrap().is_none());
        assert!(of("PreTrainedTokenizerFast", TokenizerClass::Named).unwrap().is_none());
        assert!(of("PreTrainedTokenizerFast", TokenizerClass::Always("Qwen2Tokenizer")).unwrap().is_some());
    }
}
