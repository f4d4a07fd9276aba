//! A tokenizer.json of any steps, and long text: it is refused, or encodes within its budget of time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use plimsoll_engine::{Special, Tokenizer, TokenizerOptions};
use plimsoll_formats::{FileBytes, JsonTokenizer, TokenizerSource};
use serde_json::{Value, json};

/// Twice a text's budget: sanitizers slow everything down, and a call that runs is not broken off.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Arbitrary, Debug)]
struct Input {
    normaliser: Vec<(u8, String, String)>,
    cuts: Vec<(u8, String)>,
    model: u8,
    tokens: Vec<(String, f32)>,
    added: Vec<(String, u8)>,
    metaspace: bool,
    text: String,
    again: u16,
}

fn step((kind, from, to): &(u8, String, String)) -> Value {
    match kind % 10 {
        0 => json!({"type": "Replace", "pattern": {"String": from}, "content": to}),
        1 => json!({"type": "Replace", "pattern": {"Regex": from}, "content": to}),
        2 => json!({"type": "Prepend", "prepend": from}),
        3 => json!({"type": "Strip", "strip_left": true, "strip_right": !to.is_empty()}),
        4 => json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true}),
        kind => {
            let form = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"][usize::from(kind) - 5];
            json!({"type": form})
        }
    }
}

fn cut((kind, expression): &(u8, String)) -> Value {
    let behaviours = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
    let behaviour = behaviours[usize::from(kind / 8) % 5];
    match kind % 8 {
        0 => json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
        1 => json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}),
        2 => json!({"type": "Digits", "individual_digits": true}),
        3 => json!({"type": "Whitespace"}),
        4 => json!({"type": "Split", "pattern": {"String": expression}, "behavior": behaviour, "invert": false}),
        kind => json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": behaviour, "invert": kind == 7}),
    }
}

impl Input {
    fn document(&self) -> Value {
        let ids = || self.tokens.iter().zip(0..).map(|((token, _), id)| (token.clone(), json!(id)));
        let vocab: serde_json::Map<String, Value> = ids().collect();
        let unk = self.tokens.first().map(|(token, _)| token);
        let scored: Vec<Value> = self.tokens.iter().map(|(token, score)| json!([token, score])).collect();
        let model = match self.model % 4 {
            0 => json!({"type": "BPE", "vocab": vocab, "merges": [], "unk_token": unk, "byte_fallback": true}),
            1 => json!({"type": "Unigram", "unk_id": 0, "vocab": scored, "byte_fallback": false}),
            2 => json!({"type": "WordPiece", "vocab": vocab, "unk_token": unk, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": u32::from(self.again) * 64}),
            _ => json!({"type": "WordLevel", "vocab": vocab, "unk_token": unk}),
        };
        let added = |((content, flags), id): (&(String, u8), u32)| {
            json!({"id": id, "content": content, "special": flags & 1 > 0, "normalized": flags & 2 > 0,
                "lstrip": flags & 4 > 0, "rstrip": flags & 8 > 0, "single_word": flags & 16 > 0})
        };
        let added: Vec<Value> = self.added.iter().zip(10_000..).map(added).collect();
        json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": {"type": "Sequence", "normalizers": self.normaliser.iter().map(step).collect::<Vec<_>>()},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": self.cuts.iter().map(cut).collect::<Vec<_>>()},
            "decoder": {"type": if self.metaspace { "Metaspace" } else { "ByteLevel" }, "replacement": "▁",
                "prepend_scheme": "always", "split": true, "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": model,
        })
    }
}

fuzz_target!(|input: Input| {
    let tokenizer_json = FileBytes::owned("tokenizer.json", input.document().to_string().into_bytes());
    let (config, special_tokens_map) = Default::default();
    let source = TokenizerSource::Json(JsonTokenizer { tokenizer_json, config, special_tokens_map });
    let began = Instant::now();
    let Ok(tokenizer) = Tokenizer::from_source(&source, &TokenizerOptions::default()) else { return };
    assert!(began.elapsed() < LONGEST, "loading");
    let text = input.text.repeat(usize::from(input.again));
    for special in [Special::AsText, Special::Parse] {
        let began = Instant::now();
        let Ok(ids) = tokenizer.encode(&text, special) else { continue };
        assert!(began.elapsed() < LONGEST, "{} bytes", text.len());
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()), "{ids:?}");
        let _ = tokenizer.decode(&ids);
    }
});
