//! Tokenizers whose work is a product of small numbers end in a message, and what only looks like one is done.

use plimsoll_engine::{Special, Tokenizer, TokenizerError, TokenizerOptions};
use plimsoll_formats::{FileBytes, GgufVocab, JsonTokenizer, TokenizerSource};
use serde_json::{Value, json};

fn tokenizer(change: impl FnOnce(&mut Value)) -> Result<Tokenizer, TokenizerError> {
    configured(json!({}), change)
}

fn configured(config: Value, change: impl FnOnce(&mut Value)) -> Result<Tokenizer, TokenizerError> {
    let mut description = json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "1": 2, ".": 3, "aa": 4}, "merges": [["a", "a"]]},
    });
    change(&mut description);
    let tokenizer_json = FileBytes::owned("tokenizer.json", description.to_string().into_bytes());
    let config = config.as_object().unwrap().clone();
    let source =
        TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map: Default::default() });
    Tokenizer::from_source(&source, &TokenizerOptions::default())
}

fn normalised_by(steps: Value) -> Result<Tokenizer, TokenizerError> {
    tokenizer(|description| description["normalizer"] = steps)
}

fn split_by(expression: &str) -> Result<Tokenizer, TokenizerError> {
    let pattern = json!({"Regex": expression});
    tokenizer(|description| {
        description["pre_tokenizer"] =
            json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false})
    })
}

fn is_too_much<T: std::fmt::Debug>(result: Result<T, TokenizerError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, TokenizerError::TooMuch { .. }), "{error}");
    error.to_string()
}

fn replace(from: &str, to: &str) -> Value {
    json!({"type": "Replace", "pattern": {"String": from}, "content": to})
}

fn added(content: &str, normalized: bool) -> Value {
    json!({"id": 9, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": normalized, "special": !normalized})
}

#[test]
fn a_normaliser_that_makes_much_of_little_is_refused_before_it_does() {
    let doubling = json!({"type": "Sequence", "normalizers": vec![replace("a", "aa"); 40]});
    let nested = (0..40).fold(
        json!({"type": "NFC"}),
        |inner, _| json!({"type": "Sequence", "normalizers": [inner, replace("a", "aa")]}),
    );
    let by_expression = json!({"type": "Sequence", "normalizers":
        vec![json!({"type": "Replace", "pattern": {"Regex": "[ab]"}, "content": "aa"}); 40]});
    let long = replace(".", &"a".repeat(100_000));
    let prepended = json!({"type": "Sequence", "normalizers":
        vec![json!({"type": "Prepend", "prepend": "a".repeat(1000)}); 5000]});
    for (steps, text) in
        [(doubling, "a"), (nested, "a"), (by_expression, "ab"), (long, &*".".repeat(10_000)), (prepended, "b")]
    {
        let tokenizer = normalised_by(steps).unwrap();
        let message = is_too_much(tokenizer.encode(text, Special::AsText));
        assert!(message.contains(&format!("a text of {}", text.len())), "{message}");
    }
}

#[test]
fn an_added_token_that_grows_is_refused_while_loading() {
    let doubling = json!({"type": "Sequence", "normalizers": vec![replace("a", "aa"); 40]});
    is_too_much(tokenizer(|description| {
        description["normalizer"] = doubling.clone();
        description["added_tokens"] = json!([added("a", true)]);
    }));
    let config = json!({"added_tokens_decoder": {"9": {"content": "ba", "normalized": true, "special": false}}});
    is_too_much(configured(config, |description| description["normalizer"] = doubling));
}

#[test]
fn what_honest_normalisers_make_of_text_is_no_too_much() {
    let forms = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"].map(|form| json!({"type": form}));
    let steps = json!({"type": "Sequence", "normalizers": forms});
    let tokenizer = normalised_by(steps).unwrap();
    // The ligature becomes eighteen letters, none of which is a token.
    assert_eq!(tokenizer.encode(&"\u{FDFA}a".repeat(5000), Special::AsText).unwrap().len(), 2500);
    let spaced = normalised_by(replace("a", "b1.")).unwrap();
    assert_eq!(spaced.encode("aba", Special::AsText).unwrap(), [1, 2, 3, 1, 1, 2, 3]);
    let long = normalised_by(json!({"type": "NFKC"})).unwrap();
    assert_eq!(long.encode(&"ab".repeat(1 << 20), Special::AsText).unwrap().len(), 2 << 20);
}

#[test]
fn text_spelt_in_longer_characters_again_and_again_is_refused() {
    let spelling = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    is_too_much(tokenizer(|description| {
        description["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": vec![spelling; 30]})
    }));
}

#[test]
fn many_added_tokens_are_found_and_too_many_refused() {
    let tokens = |n: u32| -> Vec<Value> {
        (0..n)
            .map(|i| {
                let mut token = added(&format!("tok{i}|"), false);
                token["id"] = json!(i + 5);
                token
            })
            .collect()
    };
    let many = tokenizer(|description| description["added_tokens"] = json!(tokens(60_000))).unwrap();
    assert_eq!(many.encode("atok59999|b", Special::Parse).unwrap(), [0, 60_004, 1]);
    let named: serde_json::Map<String, Value> =
        tokens(60_000).into_iter().map(|token| (token["id"].to_string(), token)).collect();
    let named = configured(json!({"added_tokens_decoder": named}), |_| {}).unwrap();
    assert_eq!(named.encode("atok59999|b", Special::Parse).unwrap(), [0, 60_004, 1]);
    let error = tokenizer(|description| description["added_tokens"] = json!(tokens(262_145))).unwrap_err();
    assert!(error.to_string().contains("more than 262144"), "{error}");
}

#[test]
fn many_control_tokens_of_a_gguf_are_found_and_too_many_refused() {
    let vocab = |n: usize| {
        let tokens: Vec<Vec<u8>> = (0..n).map(|i| format!("<c{i}>").into_bytes()).chain([b"a".to_vec()]).collect();
        let types = (0..n).map(|i| if i % 2 == 0 { 3 } else { 4 }).chain([1]).collect();
        let vocab =
            GgufVocab { model: "llama".into(), tokens, types, add_space_prefix: Some(false), ..GgufVocab::default() };
        Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default())
    };
    let many = vocab(60_000).unwrap();
    assert_eq!(many.encode("a<c59998>a<c59999>", Special::Parse).unwrap(), [60_000, 59_998, 60_000, 59_999]);
    let error = vocab(262_145).unwrap_err().to_string();
    assert!(error.contains("more than 262144"), "{error}");
}

#[test]
fn an_expression_that_goes_back_without_end_is_named() {
    for expression in [r"([a-z]+)*\d\D", r"(a|aa)+$"] {
        let tokenizer = split_by(expression).unwrap();
        let found = tokenizer.encode(&("a".repeat(9_999) + "."), Special::AsText);
        assert!(found.is_err(), "{expression}");
        let message = is_too_much(found);
        assert!(message.contains("10000 bytes") && message.contains(expression), "{message}");
        assert_eq!(tokenizer.encode("b", Special::AsText).unwrap(), [1]);
    }
}

#[test]
fn an_expression_that_reads_to_the_end_from_everywhere_is_refused() {
    let tokenizer = split_by(r"[a-z]+\d").unwrap();
    is_too_much(tokenizer.encode(&"a".repeat(400_000), Special::AsText));
}

#[test]
fn an_expression_in_a_normaliser_is_bounded_too() {
    let tokenizer =
        normalised_by(json!({"type": "Replace", "pattern": {"Regex": r"([a-z]+)*\d\D"}, "content": "b"})).unwrap();
    is_too_much(tokenizer.encode(&"a".repeat(10_000), Special::AsText));
}

#[test]
fn digits_in_groups_of_three_are_grouped_in_one_pass() {
    let tokenizer = split_by(r"\d{1,3}(?=(?:\d{3})*\b)").unwrap();
    let n = 1 << 20;
    assert_eq!(tokenizer.encode(&"1".repeat(n), Special::AsText).unwrap().len(), n);
    let vocab = GgufVocab {
        model: "gpt2".into(),
        pre: Some("tiny_aya".into()),
        tokens: ["1", "11", "111"].map(|token| token.as_bytes().to_vec()).into(),
        merges: ["1 1", "11 1"].map(String::from).into(),
        ..GgufVocab::default()
    };
    let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).unwrap();
    let ids = tokenizer.encode(&"1".repeat(n), Special::AsText).unwrap();
    assert_eq!((ids[0], ids.len()), (0, n.div_ceil(3)));
}

#[test]
fn blanks_before_a_digit_are_looked_at_once() {
    let vocab = GgufVocab {
        model: "gpt2".into(),
        pre: Some("deepseek-llm".into()),
        tokens: ["1", "Ġ"].map(|token| token.as_bytes().to_vec()).into(),
        ..GgufVocab::default()
    };
    let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).unwrap();
    let ids = tokenizer.encode(&format!("{}1", " ".repeat(1 << 20)), Special::AsText).unwrap();
    assert_eq!((ids.len(), ids.last()), ((1 << 20) + 1, Some(&0)));
}

#[test]
fn a_model_that_writes_much_for_a_character_is_refused() {
    for key in ["unk_token", "continuing_subword_prefix", "end_of_word_suffix"] {
        let message = is_too_much(tokenizer(|description| description["model"][key] = json!("x".repeat(5000))));
        assert!(message.contains(key) && message.contains("5000"), "{message}");
    }
    let message = is_too_much(tokenizer(|description| description["model"]["vocab"]["x".repeat(5000)] = json!(0)));
    assert!(message.contains("id 0"), "{message}");
}

#[test]
fn merging_at_random_is_refused_by_name() {
    let error = tokenizer(|description| description["model"]["dropout"] = json!(0.5)).unwrap_err().to_string();
    assert!(error.contains("model.dropout = 0.5"), "{error}");
    assert!(tokenizer(|description| description["model"]["dropout"] = json!(0.0)).is_ok());
}

#[test]
fn tokens_within_tokens_are_not_copied_without_end() {
    let unigram = |longest: usize| {
        let vocab: Vec<Value> = (1..=longest).map(|n| json!(["a".repeat(n), -1.0])).collect();
        tokenizer(|description| {
            description["model"] = json!({"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": false})
        })
        .unwrap()
    };
    is_too_much(unigram(2000).encode(&"a".repeat(1 << 20), Special::AsText));
    assert_eq!(unigram(16).encode(&"a".repeat(1 << 16), Special::AsText).unwrap().len(), 1 << 12);
}

#[test]
fn a_long_word_is_not_taken_apart_without_end() {
    let words = tokenizer(|description| {
        description["model"] = json!({"type": "WordPiece", "unk_token": "b", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 1_000_000, "vocab": {"b": 0, "a": 1, "##a": 2}})
    })
    .unwrap();
    is_too_much(words.encode(&"a".repeat(100_000), Special::AsText));
    assert_eq!(words.encode("aaa", Special::AsText).unwrap(), [1, 2, 2]);
}

#[test]
fn a_post_processor_that_puts_a_million_tokens_is_refused() {
    let ids: Vec<u32> = vec![0; 2000];
    let single = vec![json!({"SpecialToken": {"id": "x", "type_id": 0}}); 2000];
    is_too_much(tokenizer(|description| {
        description["post_processor"] = json!({"type": "TemplateProcessing", "single": single, "pair": [],
            "special_tokens": {"x": {"id": "x", "ids": ids, "tokens": vec!["x"; 2000]}}})
    }));
}

#[test]
fn long_repeated_text_is_joined_in_time() {
    for (tokens, text) in [(["a", "aa", "aaaa"], "a"), (["a", "ab", "ba"], "ab")] {
        let vocab = GgufVocab {
            model: "llama".into(),
            tokens: tokens.map(|token| token.as_bytes().to_vec()).into_iter().chain([b"b".to_vec()]).collect(),
            scores: vec![-1.0, -2.0, -3.0, -4.0],
            add_space_prefix: Some(false),
            ..GgufVocab::default()
        };
        let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).unwrap();
        let ids = tokenizer.encode(&text.repeat(1 << 20), Special::AsText).unwrap();
        assert!(ids.len() <= 1 << 20);
    }
}

#[test]
fn many_tokens_of_one_text_are_one_to_be_found() {
    let n = 100_000;
    let tokens: Vec<Vec<u8>> = std::iter::repeat_n(b"<c>".to_vec(), n).chain([b"a".to_vec()]).collect();
    let types = std::iter::repeat_n(3, n).chain([1]).collect();
    let vocab =
        GgufVocab { model: "llama".into(), tokens, types, add_space_prefix: Some(false), ..GgufVocab::default() };
    let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).unwrap();
    assert_eq!(tokenizer.encode("a<c>a", Special::Parse).unwrap(), [n as u32, 0, n as u32]);
}

#[test]
fn a_control_token_as_long_as_a_page_is_refused() {
    let config = json!({"bos_token": "é".repeat(50_000)});
    let message = is_too_much(configured(config, |_| {}));
    assert!(message.contains("control token of 100000 bytes"), "{message}");
    assert!(configured(json!({"bos_token": "é".repeat(500)}), |_| {}).is_ok());
}

/// From every place the long one would be followed to where it is not found.
#[test]
fn an_added_token_as_long_as_a_page_is_refused_and_short_ones_within_one_another_are_found() {
    let long = |content: String, normaliser: Value| {
        tokenizer(|description| {
            description["normalizer"] = normaliser;
            description["added_tokens"] = json!([added("a", true), added(&content, true)]);
            description["added_tokens"][1]["id"] = json!(10);
        })
    };
    let message = is_too_much(long("a".repeat(50_000) + "b", Value::Null));
    assert!(message.contains("an added token of 50001 bytes"), "{message}");
    let message = is_too_much(long("a.b".into(), replace(".", &"a".repeat(50_000))));
    assert!(message.contains("an added token of 50002 bytes"), "{message}");
    let text = "a".repeat(100_000);
    let short = long("a".repeat(100) + "b", Value::Null).unwrap();
    assert_eq!(short.encode(&text, Special::AsText).unwrap().len(), text.len());
    let vocab = GgufVocab {
        model: "llama".into(),
        tokens: ["a".to_owned(), "a".repeat(50_000) + "b"].map(String::into_bytes).into(),
        types: vec![4, 4],
        ..GgufVocab::default()
    };
    let found = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default());
    assert!(is_too_much(found).contains("an added token of 50001 bytes"));
}

#[test]
fn blanks_beside_tokens_that_take_them_are_looked_at_once() {
    let n = 1 << 20;
    for (flags, text, ids) in [
        (["lstrip"].as_slice(), format!("{}|b", " ".repeat(n)), vec![5, 1]),
        (&["rstrip"], format!("b|{}", " ".repeat(n)), vec![1, 5]),
        (&["lstrip", "rstrip", "single_word"], format!("{0}|{0}", " ".repeat(n)), vec![5]),
        (&["lstrip", "rstrip"], " |".repeat(n / 2), vec![5; n / 2]),
        (&["single_word"], "b|".repeat(n / 2), vec![1; n / 2]),
    ] {
        let tokenizer = tokenizer(|description| {
            let mut token = added("|", false);
            token["id"] = json!(5);
            flags.iter().for_each(|flag| token[flag] = true.into());
            description["added_tokens"] = json!([token]);
        })
        .unwrap();
        let found = tokenizer.encode(&text, Special::Parse).unwrap();
        assert!(found == ids, "{flags:?}: {} ids", found.len());
    }
}

#[test]
fn a_damaged_table_of_replacements_is_an_error() {
    let table = json!({"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="});
    let result = normalised_by(table).and_then(|tokenizer| tokenizer.encode("a", Special::AsText));
    assert!(matches!(result, Err(TokenizerError::Backend { .. })), "{result:?}");
}
