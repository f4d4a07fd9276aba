//! GGUF's `gemma4` vocabularies, BPE of characters, beside the `tokenizer.json` that says the same.

use plimsoll_engine::{Special, Tokenizer, TokenizerOptions};
use plimsoll_formats::{FileBytes, GgufVocab, JsonTokenizer, TokenizerSource};
use serde_json::{Value, json};

const CONTROLS: [&str; 5] = ["<unk>", "<bos>", "<eos>", "<turn|>", "<|tool_response>"];
const WORDS: [&str; 10] = ["\n", "\n\n", "▁", "a", "b", "▁▁", "ab", "▁a", "▁ab", "</s>"];
const MERGES: [&str; 6] = ["\n \n", "a b", "▁ ▁", "▁ a", "▁ ab", "▁a b"];

fn tokens() -> Vec<String> {
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    CONTROLS.into_iter().chain(WORDS).map(str::to_owned).chain(bytes).chain(["<|channel>".to_owned()]).collect()
}

fn kind(token: &str) -> i32 {
    match token {
        "<unk>" => 2,
        "<|channel>" => 4,
        control if CONTROLS.contains(&control) => 3,
        byte if byte.starts_with("<0x") => 6,
        _ => 1,
    }
}

fn gguf(change: impl FnOnce(&mut GgufVocab)) -> Tokenizer {
    let tokens = tokens();
    let mut vocab = GgufVocab {
        file: "a.gguf".into(),
        model: "gemma4".into(),
        types: tokens.iter().map(|token| kind(token)).collect(),
        tokens: tokens.into_iter().map(String::into_bytes).collect(),
        merges: MERGES.map(str::to_owned).into(),
        unk_id: Some(0),
        bos_id: Some(1),
        eos_id: Some(2),
        ..GgufVocab::default()
    };
    change(&mut vocab);
    Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).expect("it is read")
}

fn published() -> Tokenizer {
    let tokens = tokens();
    let vocab: Value = tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let added = |text: &str, special: bool| {
        let id = tokens.iter().position(|token| token == text);
        json!({"id": id, "content": text, "special": special, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false})
    };
    let controls = CONTROLS.into_iter().chain(["<|channel>"]).map(|text| added(text, true));
    let description = json!({
        "version": "1.0",
        "added_tokens": controls.chain(["\n\n", "</s>"].map(|text| added(text, false))).collect::<Vec<_>>(),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocab,
            "merges": MERGES.map(|merge| merge.split(' ').collect::<Vec<_>>())},
    });
    let tokenizer_json = FileBytes::owned("tokenizer.json", description.to_string().into_bytes());
    let (config, special_tokens_map) = Default::default();
    let source = TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map });
    Tokenizer::from_source(&source, &TokenizerOptions::default()).expect("it is read")
}

#[test]
fn texts_are_cut_as_tokenizer_json_cuts_them() {
    let (gguf, published) = (gguf(|_| ()), published());
    let mut texts = vec![String::new()];
    let mut from = 0;
    while texts[from].chars().count() < 5 {
        texts.extend(["a", "b", " ", "\n", "é"].map(|next| format!("{}{next}", texts[from])));
        from += 1;
    }
    for text in texts {
        // Of longer runs of line feeds the published vocabulary has tokens too.
        if text.contains("\n\n\n") {
            continue;
        }
        let ids = gguf.encode(&text, Special::AsText).expect("it has tokens");
        assert_eq!(ids, published.encode(&text, Special::AsText).expect("it has tokens"), "{text:?}");
        assert_eq!(gguf.decode(&ids), text);
    }
}

#[test]
fn control_tokens_are_what_they_are_whatever_the_file_calls_them() {
    let (gguf, published) = (gguf(|vocab| vocab.add_bos = Some(false)), published());
    let text = "<turn|>a <|channel>b</s>";
    assert_eq!(gguf.encode(text, Special::Parse).unwrap()[0], 3);
    // As text, `</s>` is a tag of HTML, and cut into bytes and letters here, for no merge leads to it.
    let without_tag = "<turn|>a <|channel>b";
    for special in [Special::Parse, Special::AsText] {
        assert_eq!(gguf.encode(without_tag, special).unwrap(), published.encode(without_tag, special).unwrap());
    }
    assert!(gguf.is_control(tokens().len() as u32 - 1));
    assert_eq!(gguf.eos_ids(), [2, 3, 4]);
    // The file denies that texts begin with it; llama.cpp knows better.
    assert_eq!(gguf.with_bos(vec![8]), [1, 8]);
}
