//! Whether a vocabulary that is about to be written cuts texts as the tokenizer that it was made of.

use plimsoll_formats::{GgufVocab, TokenizerSource};
use plimsoll_models::Arch;

use super::{CONTROL, NORMAL};
use crate::tokenizer::{Special, Tokenizer, TokenizerError, TokenizerOptions};

/// Texts on which two ways of cutting show: words, numbers, contractions, blanks, lines, scripts, marks, control tokens.
const TRIED: [&str; 8] = [
    "Hello world, it's 12345 o'clock; we'LL see  two   blanks\tand a tab.\n\n\nNew  lines \n end",
    "fn main() { let x_1 = vec![1.5e-3, 0x7F]; } // ünïcödé — naïve café",
    "日本語のテキスト。한국어 텍스트, русский текст; עברית العربية",
    "a1b22c333d4444 I'm you're they've he'd SHE'S 'tis !!??... ((([[[",
    " leading and trailing  ",
    "👩‍👩‍👧 emoji 🎉🎉 and e\u{301} marks \u{a0} no-break",
    "{\"key\": [1, 22, 333], \"x\": null}\r\n\r\n",
    "x\n \n  \n   y\u{3000}z",
];
/// Control tokens that are tried, each with text before and behind it.
const MOST_CONTROLS: usize = 64;
/// Tokens whose texts are tried in one text.
const RUN: usize = 64;

/// Refuses a vocabulary that cuts texts into other tokens than `original` does.
///
/// # Errors
/// The first text on which they differ.
pub(super) fn compare(original: &Tokenizer, vocab: &GgufVocab, arch: &Arch) -> Result<(), TokenizerError> {
    let source = TokenizerSource::Gguf(vocab.clone());
    let options = TokenizerOptions { strips_after_control: arch.strips_after_control(), ..TokenizerOptions::default() };
    let written = Tokenizer::from_source(&source, &options)?;
    let same = |text: &str, special: Special| {
        let is_same = original.encode(text, special)? == written.encode(text, special)?;
        if is_same { Ok(()) } else { Err(differs(text, vocab)) }
    };
    TRIED.iter().try_for_each(|text| same(text, Special::AsText))?;
    let controls = vocab.tokens.iter().zip(&vocab.types).filter(|(_, kind)| **kind == CONTROL).take(MOST_CONTROLS);
    let controls: Vec<_> = controls.map(|(text, _)| String::from_utf8_lossy(text)).collect();
    same(&controls.concat(), Special::Parse)?;
    if vocab.scores.is_empty() {
        return Ok(());
    }
    controls.iter().try_for_each(|control| same(&format!("a{control}b {control} c"), Special::Parse))?;
    // What scores decide shows on the texts of the tokens themselves.
    let normal: Vec<&[u8]> =
        vocab.tokens.iter().zip(&vocab.types).filter(|(_, kind)| **kind == NORMAL).map(|(text, _)| &text[..]).collect();
    normal.chunks(RUN).try_for_each(|run| {
        let text = String::from_utf8_lossy(&run.concat()).replace('\u{2581}', " ");
        same(&text, Special::AsText)
    })
}

fn differs(text: &str, vocab: &GgufVocab) -> TokenizerError {
    let shown: String = text.chars().take(80).collect();
    let called = vocab.pre.as_deref().unwrap_or(&vocab.model);
    TokenizerError::Unsupported {
        what: format!("tokens for {shown:?} that a GGUF tagged `{called}` would not have"),
        expected: "the same tokens from either",
    }
}
