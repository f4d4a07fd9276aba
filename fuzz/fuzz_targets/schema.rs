//! A JSON schema of a stranger's: it is refused, or masks are made of it and something can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_grammar::{Grammar, Grammars, Schema, Spelling, Token};

thread_local! {
    static GRAMMARS: Grammars = {
        let bytes: Vec<[u8; 1]> = (0..=255u8).map(|byte| [byte]).collect();
        let texts = bytes.iter().map(|byte| Token { bytes: byte, is_control: false });
        Grammars::new(texts.chain([Token { bytes: b"<end>", is_control: true }]), &[256]).expect("a vocabulary")
    };
}

fuzz_target!(|data: &[u8]| {
    let Ok(schema) = serde_json::from_slice(data) else { return };
    let Ok(schema) = Schema::read(&schema) else { return };
    GRAMMARS.with(|grammars| {
        let Ok(mut constraint) = grammars.compile(&Grammar::Json(schema, Spelling::Usual)) else { return };
        for _ in 0..32 {
            let Ok(mask) = constraint.mask() else { return };
            let next = (0..=256).find(|token| mask.allows(*token)).expect("something may come");
            if next == 256 || constraint.accept(next).is_err() {
                return;
            }
        }
    });
});
