//! What kinds of tokens a GGUF's vocabulary has: as the file says, corrected where a token's text tells otherwise. Source:
//! llama.cpp's `llama-vocab.cpp`.

use plimsoll_formats::GgufVocab;

use super::sentencepiece;

/// Token types of GGUF, `tokenizer.ggml.token_type`.
pub const NORMAL: i32 = 1;
pub const UNKNOWN: i32 = 2;
pub const CONTROL: i32 = 3;
pub const USER_DEFINED: i32 = 4;
pub const BYTE: i32 = 6;

/// Tokens that end a turn or a text in published models, or stand where a text is filled up or another file begins. Files
/// that give them another type than control are mistaken, and those among them that are control tokens end an answer.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<eos>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Tokens that converters call user-defined so that llama.cpp shows them: control tokens that end nothing.
const SHOWN: &[&str] = &["<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<tool_response|>", "<|\"|>"];

/// A text of [`ENDS`] that ends nothing where the vocabulary has others beside it.
struct Exception {
    text: &'static str,
    /// One of each.
    beside: &'static [&'static [&'static str]],
    /// Whether it is a control token all the same; else it is what the file says.
    is_control: bool,
}

/// `<|end|>` ends one of the messages that an answer has in OpenAI's and Solar's formats, and `</s>` is a tag of HTML in
/// Gemma's vocabularies, of which llama.cpp excepts the fourth's.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        text: "<|end|>",
        beside: &[&["<|return|>", "<|flush|>"], &["<|call|>", "<|calls|>"]],
        is_control: true,
    },
    Exception { text: "</s>", beside: &[&["<|tool_response>", "<|plamo:eos|>", "<end_of_turn>"]], is_control: false },
];

/// The kinds of a vocabulary's tokens.
pub struct Kinds<'v> {
    vocab: &'v GgufVocab,
    exceptions: Vec<&'static Exception>,
}

impl Kinds<'_> {
    /// The kinds of this vocabulary's tokens.
    pub fn of(vocab: &GgufVocab) -> Kinds<'_> {
        let has = |any: &&[&str]| vocab.tokens.iter().any(|token| any.iter().any(|text| text.as_bytes() == token));
        let exceptions = EXCEPTIONS.iter().filter(|exception| exception.beside.iter().all(has)).collect();
        Kinds { vocab, exceptions }
    }

    /// The type of token `id`, one of those above.
    pub fn kind(&self, id: usize) -> i32 {
        let text = self.vocab.tokens[id].as_slice();
        // Most tokens begin otherwise.
        if !matches!(text.first(), Some(b'<' | b'[' | b'_')) {
            return self.declared(id);
        }
        let is = |known: &&str| known.as_bytes() == text;
        let exception = self.exceptions.iter().find(|exception| exception.text.as_bytes() == text);
        match exception {
            Some(exception) if exception.is_control => CONTROL,
            None if ENDS.iter().chain(SHOWN).any(is) => CONTROL,
            _ => self.declared(id),
        }
    }

    /// Whether a token is a control token: it means something to the model and is nothing to read.
    pub fn is_control(&self, id: usize) -> bool {
        is_control(self.kind(id))
    }

    /// Whether the file says so.
    pub fn is_declared_control(&self, id: usize) -> bool {
        is_control(self.declared(id))
    }

    /// Whether a token with this text ends an answer.
    pub fn ends(&self, text: &str) -> bool {
        ENDS.contains(&text) && !self.exceptions.iter().any(|exception| exception.text == text)
    }

    /// A token's type by the file.
    fn declared(&self, id: usize) -> i32 {
        self.vocab.types.get(id).copied().unwrap_or_else(|| self.untyped(id))
    }

    /// The type of a token where the file has none: what it names as a special token is one.
    fn untyped(&self, id: usize) -> i32 {
        let vocab = self.vocab;
        let is = |named: Option<u32>| named.is_some_and(|named| named as usize == id);
        if is(vocab.unk_id) {
            UNKNOWN
        } else if [vocab.bos_id, vocab.eos_id, vocab.eot_id, vocab.pad_id].into_iter().any(is) {
            CONTROL
        } else if vocab.model != "gpt2" && sentencepiece::byte_of(&vocab.tokens[id]).is_some() {
            BYTE
        } else {
            NORMAL
        }
    }
}

fn is_control(kind: i32) -> bool {
    matches!(kind, CONTROL | UNKNOWN)
}
