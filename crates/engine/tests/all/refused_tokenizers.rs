//! Tokenizers that cannot be used end in a message that says what is wrong with them, never in a panic.

use plimsoll_engine::{Special, Tokenizer, TokenizerError, TokenizerOptions};
use plimsoll_formats::{FileBytes, GgufVocab, JsonTokenizer, TokenizerSource};
use serde_json::{Value, json};

fn gguf(model: &str, change: impl FnOnce(&mut GgufVocab)) -> Result<Tokenizer, TokenizerError> {
    let mut vocab = GgufVocab {
        model: model.into(),
        pre: Some("gpt-2".into()),
        tokens: ["a", "b", "ab", "</s>"].map(|token| token.as_bytes().to_vec()).into(),
        scores: vec![0.0; 4],
        types: vec![1, 1, 1, 3],
        merges: vec!["a b".into()],
        ..GgufVocab::default()
    };
    change(&mut vocab);
    Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default())
}

fn json(change: impl FnOnce(&mut Value)) -> Result<Tokenizer, TokenizerError> {
    let mut description = json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]},
    });
    change(&mut description);
    json_bytes(description.to_string().into_bytes())
}

fn json_bytes(bytes: Vec<u8>) -> Result<Tokenizer, TokenizerError> {
    let tokenizer_json = FileBytes::owned("tokenizer.json", bytes);
    let (config, special_tokens_map) = Default::default();
    let source = TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map });
    Tokenizer::from_source(&source, &TokenizerOptions::default())
}

fn message(result: Result<Tokenizer, TokenizerError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_examples_that_the_others_spoil_are_good() {
    for tokenizer in [gguf("gpt2", |_| ()).unwrap(), gguf("llama", |_| ()).unwrap(), json(|_| ()).unwrap()] {
        assert!(!tokenizer.encode("", Special::Parse).unwrap().contains(&2));
        assert_eq!(tokenizer.vocab_size().min(3), 3);
    }
    assert_eq!(gguf("gpt2", |_| ()).unwrap().encode("ab</s>", Special::Parse).unwrap(), [2, 3]);
    assert_eq!(json(|_| ()).unwrap().encode("ab", Special::AsText).unwrap(), [2]);
}

#[test]
fn a_gguf_vocabulary_that_cannot_be_read_says_why() {
    let cases: [(&str, Result<Tokenizer, TokenizerError>); 9] = [
        ("`bert`", gguf("bert", |_| ())),
        ("`my-own`", gguf("gpt2", |vocab| vocab.pre = Some("my-own".into()))),
        ("no `tokenizer.ggml.pre`", gguf("gpt2", |vocab| vocab.pre = None)),
        ("merge 1 (`ab`)", gguf("gpt2", |vocab| vocab.merges.push("ab".into()))),
        ("merge 1 (`a c`)", gguf("gpt2", |vocab| vocab.merges.push("a c".into()))),
        ("merge 1 (`b a`)", gguf("gpt2", |vocab| vocab.merges.push("b a".into()))),
        (r"token 1 (\xff)", gguf("gpt2", |vocab| vocab.tokens[1] = vec![0xFF])),
        ("1 scores for 4 tokens", gguf("llama", |vocab| vocab.scores.truncate(1))),
        ("remove_extra_whitespaces", gguf("llama", |vocab| vocab.remove_extra_whitespaces = Some(true))),
    ];
    for (expected, result) in cases {
        let message = message(result);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn an_override_names_the_cut_that_the_file_does_not() {
    let vocab = GgufVocab { model: "gpt2".into(), tokens: vec![b"a".to_vec()], ..GgufVocab::default() };
    let options = TokenizerOptions { pre: Some("qwen2".into()), ..TokenizerOptions::default() };
    let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &options).unwrap();
    assert_eq!(tokenizer.encode("aa", Special::AsText).unwrap(), [0, 0]);
}

#[test]
fn a_tokenizer_json_that_cannot_be_read_says_why() {
    let cases: [(&str, Result<Tokenizer, TokenizerError>); 5] = [
        ("column", json_bytes(b"{\"model\": ".to_vec())),
        ("decoder WordPiece", json(|t| t["decoder"] = json!({"type": "WordPiece", "prefix": "##", "cleanup": true}))),
        ("4294967295", json(|t| t["model"]["vocab"]["x"] = json!(u32::MAX - 1))),
        ("out of vocabulary", json(|t| t["model"]["merges"] = json!([["a", "c"]]))),
        (
            "does not work",
            json(|t| {
                t["pre_tokenizer"] =
                    json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false})
            }),
        ),
    ];
    for (expected, result) in cases {
        let message = message(result);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn an_expression_without_end_is_an_error_of_that_text() {
    let endless = json!({"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": false});
    let tokenizer = json(|description| description["pre_tokenizer"] = endless).unwrap();
    let text = "a".repeat(40) + "b";
    assert!(matches!(tokenizer.encode(&text, Special::AsText), Err(TokenizerError::TooMuch { .. })));
    assert_eq!(tokenizer.encode("ab", Special::AsText).unwrap(), [2]);
}

#[test]
fn a_checkpoint_without_a_tokenizer_says_what_was_looked_for() {
    let source = TokenizerSource::Absent { found: "`model` has no tokenizer.json".into() };
    let error = Tokenizer::from_source(&source, &TokenizerOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no tokenizer.json"));
}

#[test]
fn a_gguf_vocabulary_without_optional_lists_takes_all_tokens_as_equal() {
    // Of equal scores the leftmost pair joins first.
    let without_scores = gguf("llama", |vocab| (vocab.scores, vocab.add_space_prefix) = (Vec::new(), Some(false)));
    assert_eq!(without_scores.unwrap().encode("aab", Special::AsText).unwrap(), [0, 2]);
    let untyped = |model: &str| {
        gguf(model, |vocab| (vocab.types, vocab.eos_id, vocab.add_space_prefix) = (Vec::new(), Some(3), Some(false)))
    };
    for model in ["gpt2", "llama"] {
        let tokenizer = untyped(model).unwrap();
        assert_eq!(tokenizer.encode("ab</s>", Special::Parse).unwrap(), [2, 3], "{model}");
        assert!(tokenizer.is_control(3), "{model}");
    }
    let atomic = gguf("gpt2", |vocab| vocab.merges.clear()).unwrap();
    assert_eq!(atomic.encode("ab", Special::AsText).unwrap(), [0, 1]);
}

#[test]
fn a_blank_token_that_takes_the_blanks_beside_it_is_refused() {
    for flag in ["lstrip", "rstrip"] {
        let greedy = json(|description| {
            let mut token = json!({"id": 3, "content": " ", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": false});
            token[flag] = true.into();
            description["added_tokens"] = json!([token]);
        });
        assert!(message(greedy).contains("added token ` `, blank and with the blanks beside it"), "{flag}");
    }
}

#[test]
fn a_token_that_a_normaliser_makes_blank_takes_no_blanks_and_one_that_it_makes_other_may() {
    let with = |content: &str, from: &str, to: &str| {
        json(|description| {
            description["normalizer"] = json!({"type": "Replace", "pattern": {"String": from}, "content": to});
            description["added_tokens"] = json!([{"id": 3, "content": content, "single_word": false, "lstrip": true,
                "rstrip": true, "normalized": true, "special": false}]);
        })
    };
    assert!(message(with("x", "x", " ")).contains("added token `x`, blank and with the blanks beside it"));
    assert_eq!(with(" ", " ", "_").unwrap().encode("  ", Special::AsText).unwrap(), [3, 3]);
}
