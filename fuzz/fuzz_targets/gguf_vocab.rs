//! Any vocabulary as a GGUF might hold it: it is refused, or encodes any text and keeps control tokens out of it.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use plimsoll_engine::{Special, Tokenizer, TokenizerOptions};
use plimsoll_formats::{GgufVocab, TokenizerSource};

#[derive(Arbitrary, Debug)]
struct Input {
    llama: bool,
    pre: u8,
    tokens: Vec<(Vec<u8>, f32, u8)>,
    bytes: bool,
    merges: Vec<(u8, u8)>,
    odd_merges: Vec<String>,
    bos: Option<u8>,
    unk: Option<u8>,
    add_bos: Option<bool>,
    space_prefix: Option<bool>,
    text: String,
}

const TAGS: [&str; 8] = ["llama-bpe", "gpt-2", "qwen2", "deepseek-llm", "tekken", "falcon", "smollm", "nonsense"];

impl Input {
    fn vocab(&self) -> GgufVocab {
        let mut tokens: Vec<(Vec<u8>, f32, i32)> =
            self.tokens.iter().map(|(bytes, score, kind)| (bytes.clone(), *score, i32::from(*kind % 8))).collect();
        if self.bytes {
            tokens.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>").into_bytes(), 0.0, 6)));
        }
        let merge = |(left, right): &(u8, u8)| {
            let text = |id: u8| String::from_utf8_lossy(&tokens.get(usize::from(id))?.0).into_owned().into();
            let text = |id: u8| -> Option<String> { text(id) };
            Some(format!("{} {}", text(*left)?, text(*right)?))
        };
        let id = |id: Option<u8>| id.map(u32::from).filter(|id| (*id as usize) < tokens.len());
        GgufVocab {
            model: if self.llama { "llama" } else { "gpt2" }.into(),
            pre: Some(TAGS[usize::from(self.pre) % TAGS.len()].into()),
            merges: self.merges.iter().filter_map(merge).chain(self.odd_merges.iter().cloned()).collect(),
            bos_id: id(self.bos),
            unk_id: id(self.unk),
            add_bos: self.add_bos,
            add_space_prefix: self.space_prefix,
            scores: tokens.iter().map(|(_, score, _)| *score).collect(),
            types: tokens.iter().map(|(_, _, kind)| *kind).collect(),
            tokens: tokens.into_iter().map(|(bytes, _, _)| bytes).collect(),
            ..GgufVocab::default()
        }
    }
}

fuzz_target!(|input: Input| {
    let vocab = input.vocab();
    let unknown = vocab.unk_id;
    let source = TokenizerSource::Gguf(vocab);
    let Ok(tokenizer) = Tokenizer::from_source(&source, &TokenizerOptions::default()) else { return };
    for special in [Special::AsText, Special::Parse] {
        let Ok(ids) = tokenizer.encode(&input.text, special) else { continue };
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
        // The unknown token stands for text, though it is a control token too.
        let control = |id: u32| tokenizer.is_control(id) && Some(id) != unknown;
        assert!(special == Special::Parse || !ids.iter().any(|&id| control(id)), "{ids:?}");
        let _ = tokenizer.decode(&ids);
    }
    let _ = tokenizer.with_bos(Vec::new());
});
