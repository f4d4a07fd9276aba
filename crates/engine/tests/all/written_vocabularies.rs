//! Vocabularies of SentencePiece, written as GGUF has them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_engine::gguf_vocabulary;
use plimsoll_formats::{FileBytes, GgufVocab, JsonTokenizer, TokenizerSource};
use plimsoll_models::Checkpoint;
use serde_json::{Value, json};

use crate::skipped;

/// A vocabulary of `▁`, `a`, `b`, what they make, and the 256 bytes.
fn description() -> Value {
    let mut vocab = json!({"<unk>": 0, "<s>": 1, "</s>": 2});
    for byte in 0..256 {
        vocab[format!("<0x{byte:02X}>")] = json!(3 + byte);
    }
    for (id, token) in (259..).zip(["ab", "▁a", "▁ab", "▁", "a", "b"]) {
        vocab[token] = json!(id);
    }
    let added = |id: u32, text: &str| {
        json!({"id": id, "content": text, "special": true, "normalized": false,
        "single_word": false, "lstrip": false, "rstrip": false})
    };
    json!({
        "version": "1.0",
        "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab,
            "merges": [["a", "b"], ["▁", "a"], ["▁", "ab"], ["▁a", "b"]]},
    })
}

fn written(change: impl FnOnce(&mut Value)) -> Result<GgufVocab, String> {
    let demo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/large"));
    let mut checkpoint = Checkpoint::open(demo).unwrap();
    let mut description = description();
    change(&mut description);
    let tokenizer_json = FileBytes::owned("tokenizer.json", description.to_string().into_bytes());
    let (config, special_tokens_map) = Default::default();
    checkpoint.tokenizer =
        Arc::new(TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map }));
    checkpoint.hyperparams.vocab_size = 266;
    gguf_vocabulary(&checkpoint, None).map(|written| written.vocab).map_err(|error| error.to_string())
}

#[test]
fn scores_fall_in_the_order_of_merges() {
    let vocab = written(|_| ()).unwrap();
    assert_eq!((vocab.model.as_str(), vocab.add_space_prefix, vocab.unk_id), ("llama", Some(true), Some(0)));
    assert_eq!(vocab.types[..4], [2, 3, 3, 6]);
    assert_eq!(vocab.types[258..], [6, 1, 1, 1, 1, 1, 1, 5]);
    assert_eq!(vocab.scores[258..], [0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -10_000.0]);
}

#[test]
fn a_blank_that_is_put_nowhere_is_said_so() {
    let vocab = written(|file| file["normalizer"] = file["normalizer"]["normalizers"][1].clone()).unwrap();
    assert_eq!(vocab.add_space_prefix, Some(false));
}

#[test]
fn what_scores_cannot_say_is_refused_by_name() {
    let space =
        |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
    let first = |file: &mut Value| {
        file["normalizer"] = Value::Null;
        file["pre_tokenizer"] = space("first");
    };
    let lowercase = |file: &mut Value| file["normalizer"] = json!({"type": "Lowercase"});
    let unmerged = |file: &mut Value| file["model"]["merges"] = json!([["a", "b"], ["▁", "a"], ["▁a", "b"]]);
    let reordered = |file: &mut Value| {
        file["model"]["merges"] = json!([["▁a", "b"], ["a", "b"], ["▁", "a"], ["▁", "ab"]]);
        file["model"]["vocab"]["bb"] = json!(265);
    };
    let unigram = |file: &mut Value| file["model"] = json!({"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0});
    let refused = |change: &dyn Fn(&mut Value)| written(|file| change(file)).unwrap_err();
    for (named, message) in [
        ("tokens for", refused(&first)),
        ("Lowercase", refused(&lowercase)),
        ("no merge of `▁` and `ab`", refused(&unmerged)),
        ("no merge of `b` and `b`", refused(&reordered)),
        ("Unigram", refused(&unigram)),
    ] {
        assert!(message.contains(named) && message.contains("tokenizer.json"), "{named}: {message}");
    }
}

#[test]
fn a_published_vocabulary_becomes_that_of_its_published_gguf() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/stories260K"));
    if !folder.exists() {
        return skipped::skipped("../shared not found");
    }
    let written = gguf_vocabulary(&Checkpoint::open(&folder).unwrap(), None).unwrap().vocab;
    let published = Checkpoint::open(&folder.join("stories260K-f32.gguf")).unwrap();
    let TokenizerSource::Gguf(published) = &*published.tokenizer else { panic!("it is one") };
    assert!(written.tokens == published.tokens && written.types == published.types);
    let normal = || (0..written.tokens.len()).filter(|id| written.types[*id] == 1);
    for (a, b) in normal().zip(normal().skip(1)) {
        let order = |scores: &[f32]| scores[a].total_cmp(&scores[b]);
        assert_eq!(order(&written.scores), order(&published.scores), "{a} and {b}");
    }
}
