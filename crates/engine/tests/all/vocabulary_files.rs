//! Tokenizers and templates built from files: what the file alone tells, and errors that name it.

use plimsoll_engine::{Special, Tokenizer};
use plimsoll_formats::{FileBytes, GgufVocab, JsonTokenizer, TokenizerSource, Vocabulary};

fn vocabulary(architecture: Option<&str>, tokenizer: TokenizerSource) -> Vocabulary {
    let (name, architecture) = ("a".to_owned(), architecture.map(str::to_owned));
    Vocabulary { name, architecture, tokenizer, chat_template: None, generation: Default::default() }
}

fn gguf(model: &str) -> TokenizerSource {
    TokenizerSource::Gguf(GgufVocab {
        file: "models/a.gguf".into(),
        model: model.into(),
        tokens: ["<s>", "<|user|>", "▁", "a", "▁a"].map(|token| token.as_bytes().to_vec()).into(),
        scores: vec![0.0, 0.0, -3.0, -4.0, -1.0],
        types: vec![3, 3, 1, 1, 1],
        ..GgufVocab::default()
    })
}

#[test]
fn a_vocabulary_alone_tokenizes_as_its_architecture_does() {
    let ids = |architecture| {
        let tokenizer = Tokenizer::of_vocabulary(&vocabulary(architecture, gguf("llama")), None).unwrap();
        tokenizer.encode("<|user|>  a", Special::Parse).unwrap()
    };
    // Phi-3's control tokens take the white space after them.
    assert_ne!(ids(Some("phi3")), ids(None));
    assert_eq!(ids(Some("phi3"))[0], 1);
    assert!(ids(Some("phi3")).len() < ids(None).len());
}

#[test]
fn an_error_names_the_file_and_no_flag() {
    for (file, source) in [
        ("models/a.gguf", gguf("bert")),
        ("models/a.gguf", gguf("gpt2")),
        ("b/tokenizer.json", {
            let tokenizer_json = FileBytes::owned("b/tokenizer.json", b"{}".to_vec());
            let (config, special_tokens_map) = Default::default();
            TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map })
        }),
    ] {
        let error = Tokenizer::of_vocabulary(&vocabulary(None, source), None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{file}: ")) && !error.contains("--"), "{error}");
    }
}

/// Right ids are those of transformers 5.24's `LlamaTokenizer`, which has its own way of putting blanks before text.
#[test]
fn llamas_own_class_puts_blanks_where_it_does_and_not_where_the_file_says() {
    let tokenizer_json = serde_json::json!({
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "fuse_unk": true, "byte_fallback": true, "merges": [["▁", "a"]],
            "vocab": {"<s>": 0, "▁": 1, "a": 2, "▁a": 3}},
    });
    let ids = |config: serde_json::Value| {
        let source = TokenizerSource::Json(JsonTokenizer {
            tokenizer_json: FileBytes::owned("tokenizer.json", tokenizer_json.to_string().into_bytes()),
            config: config.as_object().unwrap().clone(),
            special_tokens_map: Default::default(),
        });
        let tokenizer = Tokenizer::of_vocabulary(&vocabulary(Some("llama"), source), None).unwrap();
        (tokenizer.encode("a<s>a a", Special::Parse).unwrap(), tokenizer.decode(&[3, 2]))
    };
    let class = |class: &str, legacy, prefix| serde_json::json!({"tokenizer_class": class, "legacy": legacy, "add_prefix_space": prefix});
    let stripped = "aa".to_owned();
    assert_eq!(ids(serde_json::json!({"tokenizer_class": "LlamaTokenizer"})), (vec![3, 0, 2, 3], stripped.clone()));
    assert_eq!(ids(class("LlamaTokenizerFast", Some(true), None)), (vec![3, 0, 3, 3], stripped.clone()));
    assert_eq!(ids(class("LlamaTokenizer", Some(false), Some(false))), (vec![2, 0, 2, 3], " aa".to_owned()));
    assert_eq!(ids(serde_json::json!({"tokenizer_class": "PreTrainedTokenizerFast"})), (vec![3, 0, 3, 3], stripped));
}

/// Right ids are those of transformers 5.24's `AutoTokenizer`.
#[test]
fn special_tokens_map_json_counts_where_the_settings_list_no_added_tokens() {
    let tokenizer = |config: serde_json::Value, map: serde_json::Value| {
        let description = serde_json::json!({
            "version": "1.0", "added_tokens": [], "pre_tokenizer": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "<": 1, "b": 2, ">": 3}},
        });
        let source = TokenizerSource::Json(JsonTokenizer {
            tokenizer_json: FileBytes::owned("tokenizer.json", description.to_string().into_bytes()),
            config: config.as_object().unwrap().clone(),
            special_tokens_map: map.as_object().unwrap().clone(),
        });
        Tokenizer::of_vocabulary(&vocabulary(None, source), None).unwrap()
    };
    let map = serde_json::json!({"eos_token": "<a>", "additional_special_tokens": ["<b>"]});
    let over = tokenizer(serde_json::json!({"eos_token": "<b>"}), map.clone());
    assert_eq!(over.encode("a<a><b>", Special::Parse).unwrap(), [0, 4, 5]);
    assert_eq!(over.eos_ids(), [4]);
    let listed = serde_json::json!({"eos_token": "<b>", "added_tokens_decoder": {}});
    let listed = tokenizer(listed, map);
    assert_eq!(listed.encode("a<a><b>", Special::Parse).unwrap(), [0, 1, 0, 3, 4]);
    let flags = serde_json::json!({"eos_token": {"content": "<a>", "rstrip": true}});
    let stripping = tokenizer(serde_json::json!({}), flags);
    assert_eq!(stripping.encode("<a>  \n b", Special::Parse).unwrap(), [4, 2]);
}

/// Right ids are those of transformers 5.24: the classes have steps of their own, whatever stands in the file.
#[test]
fn a_class_with_steps_of_its_own_cuts_by_them_and_not_by_the_files() {
    let tokenizer_json = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": {"1": 0, "2": 1, "12": 2, "a": 3, "Ġ": 4, "Ġa": 5}, "merges": ["1 2", "Ġ a"]},
    });
    let ids = |class: Option<&str>, architecture, config: serde_json::Value| {
        let mut config = config.as_object().unwrap().clone();
        config.extend(class.map(|class| ("tokenizer_class".to_owned(), class.into())));
        let tokenizer_json = FileBytes::owned("tokenizer.json", tokenizer_json.to_string().into_bytes());
        let source =
            TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map: Default::default() });
        let tokenizer = Tokenizer::of_vocabulary(&vocabulary(architecture, source), None).unwrap();
        tokenizer.encode("a12", Special::AsText).unwrap()
    };
    let none = || serde_json::json!({});
    assert_eq!(ids(None, None, none()), [3, 0, 1], "as the file has it");
    assert_eq!(ids(Some("PreTrainedTokenizerFast"), None, none()), [3, 0, 1]);
    assert_eq!(ids(Some("GPT2TokenizerFast"), None, none()), [3, 2]);
    assert_eq!(ids(Some("GPT2Tokenizer"), None, serde_json::json!({"add_prefix_space": true})), [5, 2]);
    assert_eq!(ids(Some("Qwen2Tokenizer"), None, none()), [3, 0, 1], "digit by digit");
    assert_eq!(ids(Some("GPT2Tokenizer"), Some("qwen3"), none()), [3, 2]);
    assert_eq!(ids(Some("GPT2Tokenizer"), Some("phi3"), none()), [3, 0, 1], "its files name a class in vain");
}
