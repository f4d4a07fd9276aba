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
