//! Text to token ids and back, from `tokenizer.json` or from a GGUF's vocabulary, behind one type.

mod budget;
mod byte_level;
mod byte_pairs;
mod expression;
mod fallback;
mod gguf;
mod joining;
mod json;
mod kinds;
mod normaliser;
mod own_class;
mod pieces;
mod pipeline;
mod pre_tokenizers;
mod sentencepiece;
mod to_gguf;
mod vocabulary;

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_formats::TokenizerSource;
use plimsoll_models::{Arch, Checkpoint, Hyperparams, TokenizerClass};
use sha2::{Digest, Sha256};

use crate::control_text::{ControlTextError, ControlTexts, GuardedText};
use pieces::Pieces;
use pipeline::Pipeline;
pub use to_gguf::{WrittenVocab, gguf_vocabulary};
use vocabulary::Vocabulary;

/// Why a tokenizer cannot be built, or a text not encoded.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The checkpoint has no tokenizer.
    #[error("there is no tokenizer: {found}")]
    Absent {
        /// What was looked for.
        found: String,
    },
    /// Its description is damaged.
    #[error("the tokenizer cannot be read: {what}")]
    Unreadable {
        /// What is wrong, naming the file and the key.
        what: String,
    },
    /// A kind of tokenizer that is not read.
    #[error("the tokenizer has {what}; expected {expected}")]
    Unsupported {
        /// The part concerned.
        what: String,
        /// What is read.
        expected: &'static str,
    },
    /// A pre-tokenizer tag without a known meaning.
    #[error(
        "`tokenizer.ggml.pre` is `{tag}`, which is unknown, so that text would be cut wrongly; another \
         pre-tokenizer can be named. Known are {known}"
    )]
    UnknownPreTokenizer {
        /// The tag found.
        tag: String,
        /// All tags known.
        known: String,
    },
    /// A byte-level vocabulary that does not say how text is cut.
    #[error(
        "the file has no `tokenizer.ggml.pre`, so that it does not tell how text is cut into words; a \
         pre-tokenizer can be named, for instance `llama-bpe`"
    )]
    NoPreTokenizer,
    /// A part of the vocabulary that contradicts itself.
    #[error("the vocabulary has {what}; expected {expected}")]
    Malformed {
        /// What was found.
        what: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// More tokens than any vocabulary has.
    #[error("the vocabulary has ids up to {found}; expected at most 4194304 tokens")]
    TooManyTokens {
        /// How many there would be.
        found: usize,
    },
    /// More tokens that are looked for in text than any vocabulary has.
    #[error("the vocabulary has more than 262144 added and control tokens; expected at most so many")]
    TooManySpecial,
    /// A product of small numbers that comes to more time or memory than any honest tokenizer takes.
    #[error("the tokenizer {what}, more than any honest one")]
    TooMuch {
        /// What it would do, as the predicate of the message.
        what: String,
    },
    /// Text for which there is neither a token nor bytes nor an unknown token.
    #[error("the vocabulary has no token for `{text}` and none for its bytes")]
    Unencodable {
        /// The text.
        text: String,
    },
    /// What is wrong, and in which file.
    #[error("{file}: {error}")]
    InFile {
        /// The file that the tokenizer was to be built from.
        file: String,
        /// What is wrong.
        error: Box<TokenizerError>,
    },
    /// Its control tokens cannot be looked for in text.
    #[error(transparent)]
    ControlTexts(#[from] ControlTextError),
    /// The tokenizers crate refuses the description or fails on a text.
    #[error("the tokenizer does not work: {reason}")]
    Backend {
        /// In its words.
        reason: String,
    },
}

/// Bytes that are gone through to find which added tokens a template writes.
const MOST_LOOKS: usize = 1 << 32;

/// A token of a published vocabulary that is looked for in text has a tenth of these bytes. What begins or ends like a control
/// token is looked for at the ends of every text, and what begins like any is followed from every place where another ends.
const LONGEST_ADDED: usize = 1024;

/// Whether a token that is looked for in text is none that takes long to be found.
fn is_short(text: &str, is_control: bool) -> Result<(), TokenizerError> {
    let kind = if is_control { "a control token" } else { "an added token" };
    let bytes = text.len();
    if bytes <= LONGEST_ADDED {
        Ok(())
    } else {
        Err(TokenizerError::TooMuch { what: format!("has {kind} of {bytes} bytes") })
    }
}

/// What control tokens in a text mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Text like any other: right for whatever a user wrote.
    AsText,
    /// The control tokens they spell: right for a rendered template.
    Parse,
}

/// What a caller may settle where the file leaves it open.
#[derive(Debug, Clone, Default)]
pub struct TokenizerOptions {
    /// Replaces the pre-tokenizer tag of a GGUF.
    pub pre: Option<String>,
    /// Whether white space behind a control token is dropped, which a GGUF leaves to the model's architecture.
    pub strips_after_control: bool,
    /// Whether the class that tokenizer_config.json names is what the model's files are read by.
    pub class: TokenizerClass,
}

impl TokenizerOptions {
    /// For a model that `name` is the model type of.
    fn of(arch: Option<&Arch>, name: &str, pre: Option<&str>) -> TokenizerOptions {
        TokenizerOptions {
            pre: pre.map(str::to_owned),
            strips_after_control: arch.is_some_and(Arch::strips_after_control),
            class: arch.map_or(TokenizerClass::Named, |arch| arch.tokenizer_class(name)),
        }
    }
}

/// The tokens with a part to play.
#[derive(Debug, Clone, Default)]
struct SpecialIds {
    bos: Option<u32>,
    adds_bos: bool,
    /// Whether the file says nothing of `adds_bos`, which then follows from how it cuts texts.
    bos_is_assumed: bool,
    eos_ids: Vec<u32>,
}

#[derive(Debug, Clone)]
enum Backend {
    Pipeline(Arc<Pipeline>),
    Vocabulary(Box<Vocabulary>),
}

/// A checkpoint's tokenizer.
///
/// ```
/// use plimsoll_engine::{Special, Tokenizer, TokenizerOptions};
/// use plimsoll_formats::{GgufVocab, TokenizerSource};
///
/// let vocab = GgufVocab {
///     model: "llama".into(),
///     tokens: ["<s>", "▁", "a", "b", "▁a", "ab"].map(|t| t.as_bytes().to_vec()).into(),
///     scores: vec![0.0, -3.0, -4.0, -5.0, -1.0, -2.0],
///     types: vec![3, 1, 1, 1, 1, 1],
///     bos_id: Some(0),
///     ..GgufVocab::default()
/// };
/// let tokenizer = Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default())?;
/// assert_eq!(tokenizer.encode("ab", Special::AsText)?, [4, 3]);
/// assert_eq!(tokenizer.encode("<s>a", Special::Parse)?, [0, 4]);
/// assert_eq!(tokenizer.decode(&[4, 3]), "ab");
/// # Ok::<(), plimsoll_engine::TokenizerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tokenizer {
    backend: Backend,
    pieces: Pieces,
    control_ids: BTreeSet<u32>,
    controls: ControlTexts,
    special: SpecialIds,
    variables: Vec<(String, String)>,
    strips_first_space: bool,
    /// Texts of added tokens that are not control tokens.
    added: Vec<String>,
}

impl Tokenizer {
    /// The tokenizer of a checkpoint; `pre` replaces the pre-tokenizer tag of a GGUF.
    ///
    /// # Errors
    /// Its files describe none that is understood.
    pub fn of(checkpoint: &Checkpoint, pre: Option<&str>) -> Result<Self, TokenizerError> {
        let Hyperparams { arch, arch_name, .. } = &checkpoint.hyperparams;
        let options = TokenizerOptions::of(Some(arch), arch_name, pre);
        Tokenizer::from_file(&checkpoint.tokenizer, &options)
    }

    /// The tokenizer of files that need hold no weights; `pre` replaces the pre-tokenizer tag of a GGUF.
    ///
    /// # Errors
    /// As [`Tokenizer::of`].
    pub fn of_vocabulary(vocabulary: &plimsoll_formats::Vocabulary, pre: Option<&str>) -> Result<Self, TokenizerError> {
        let name = vocabulary.architecture.as_deref();
        let options = match name {
            Some(name) => TokenizerOptions::of(Arch::named(name), name, pre),
            None => TokenizerOptions { pre: pre.map(str::to_owned), ..TokenizerOptions::default() },
        };
        Tokenizer::from_file(&vocabulary.tokenizer, &options)
    }

    /// [`Tokenizer::from_source`], whose errors name the file.
    fn from_file(source: &TokenizerSource, options: &TokenizerOptions) -> Result<Self, TokenizerError> {
        let file = match source {
            TokenizerSource::Json(json) => json.tokenizer_json.name(),
            TokenizerSource::Gguf(vocab) => &vocab.file,
            TokenizerSource::Absent { .. } | TokenizerSource::Unusable { .. } => {
                return Tokenizer::from_source(source, options);
            }
        };
        Tokenizer::from_source(source, options)
            .map_err(|error| TokenizerError::InFile { file: file.to_owned(), error: Box::new(error) })
    }

    /// Builds the tokenizer that a checkpoint describes.
    pub fn from_source(source: &TokenizerSource, options: &TokenizerOptions) -> Result<Self, TokenizerError> {
        match source {
            TokenizerSource::Json(json) => {
                json::build(&json.tokenizer_json, &json.config, &json.special_tokens_map, options.class)
            }
            TokenizerSource::Gguf(vocab) => gguf::build(vocab, options),
            TokenizerSource::Absent { found } => Err(TokenizerError::Absent { found: found.clone() }),
            TokenizerSource::Unusable { what } => Err(TokenizerError::Unreadable { what: what.clone() }),
        }
    }

    fn assemble(
        backend: Backend,
        pieces: Pieces,
        controls: Vec<(u32, String)>,
        special: SpecialIds,
        variables: Vec<(String, String)>,
    ) -> Result<Self, TokenizerError> {
        controls.iter().try_for_each(|(_, text)| is_short(text, true))?;
        let control_ids = controls.iter().map(|(id, _)| *id).collect();
        let controls = ControlTexts::new(controls.into_iter().map(|(_, text)| text))?;
        Ok(Self {
            backend,
            pieces,
            control_ids,
            controls,
            special,
            variables,
            strips_first_space: false,
            added: Vec::new(),
        })
    }

    /// The ids of `text` alone, no BOS added.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>, TokenizerError> {
        match (&self.backend, special) {
            (Backend::Pipeline(pipeline), Special::AsText) => pipeline.encode_text(text),
            (Backend::Pipeline(pipeline), Special::Parse) => {
                pipeline.encode_guarded(&GuardedText::plain(text.to_owned()))
            }
            (Backend::Vocabulary(vocabulary), _) => vocabulary.encode(text, special == Special::Parse, |c| c),
        }
    }

    /// The ids of a rendered chat: control tokens where the template wrote them, text where the conversation did.
    pub fn encode_chat(&self, prompt: &GuardedText) -> Result<Vec<u32>, TokenizerError> {
        match &self.backend {
            Backend::Pipeline(pipeline) => pipeline.encode_guarded(prompt),
            Backend::Vocabulary(vocabulary) => vocabulary.encode(prompt.marked(), true, |c| prompt.restore(c)),
        }
    }

    /// Whether [`Tokenizer::with_bos`] adds a BOS of which the tokenizer's file says nothing: llama.cpp adds it by the name of
    /// the pre-tokenizer.
    pub fn assumes_bos(&self) -> bool {
        self.special.adds_bos && self.special.bos_is_assumed
    }

    /// Puts BOS before the ids, if this tokenizer begins texts with it and they do not begin so already.
    pub fn with_bos(&self, ids: Vec<u32>) -> Vec<u32> {
        match self.special.bos.filter(|bos| self.special.adds_bos && ids.first() != Some(bos)) {
            Some(bos) => std::iter::once(bos).chain(ids).collect(),
            None => ids,
        }
    }

    /// The bytes a token adds to a text, none for an id that is no token. A control token's are its spelling.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.pieces.get(id)
    }

    /// The text of `ids`, control tokens left out. SentencePiece's space before the text is dropped.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids
            .iter()
            .filter(|id| !self.is_control(**id))
            .flat_map(|&id| self.token_bytes(id).iter().copied())
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = if self.strips_first_space { text.strip_prefix(' ').unwrap_or(&text) } else { &text };
        text.to_owned()
    }

    /// Whether a token is a control token: it means something to the model and is nothing to read.
    pub fn is_control(&self, id: u32) -> bool {
        self.control_ids.contains(&id)
    }

    /// The control token with this text.
    pub fn control(&self, text: &str) -> Option<u32> {
        self.control_ids.iter().copied().find(|id| self.token_bytes(*id) == text.as_bytes())
    }

    /// The control tokens' texts, for rendering templates.
    pub fn controls(&self) -> &ControlTexts {
        &self.controls
    }

    /// Takes for control tokens, in chats, the added tokens too that a template writes itself, in one of its `literals`: with
    /// one of those a user's text could open another's turn. Source: transformers' `sanitize_control_tokens`.
    ///
    /// # Errors
    /// They cannot be searched for.
    pub fn guard(&mut self, literals: &[&str]) -> Result<(), TokenizerError> {
        // Where looking would take long, all of them are taken for control tokens.
        let bytes: usize = literals.iter().map(|literal| literal.len()).sum();
        let long = self.added.len().saturating_mul(bytes) > MOST_LOOKS;
        let is_written = |text: &str| literals.iter().any(|literal| literal.contains(text));
        let written = self
            .added
            .iter()
            .map(String::as_str)
            .filter(|text| text.len() <= LONGEST_ADDED && (long || is_written(text)));
        self.controls = self.controls.with(written)?;
        Ok(())
    }

    /// The token that begins a text, whether or not it is added.
    pub fn bos(&self) -> Option<u32> {
        self.special.bos
    }

    /// Tokens that end an answer by the vocabulary's own account: EOS, the end of a turn.
    pub fn eos_ids(&self) -> &[u32] {
        &self.special.eos_ids
    }

    /// Whether decoding drops the space that SentencePiece puts before a text.
    pub fn strips_first_space(&self) -> bool {
        self.strips_first_space
    }

    /// One more than the highest id.
    pub fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    /// SHA-256 over every token's id and bytes, in hexadecimal: equal for two files whose ids mean the same, whatever
    /// their format. Ids without a token, which llama.cpp's converter fills with `[PAD<id>]`, do not count.
    pub fn vocabulary_sha256(&self) -> String {
        let mut hash = Sha256::new();
        for id in 0..self.vocab_size() as u32 {
            let bytes = self.token_bytes(id);
            if !bytes.is_empty() && bytes != format!("[PAD{id}]").as_bytes() {
                hash.update(id.to_le_bytes());
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `bos_token`, `eos_token` and others with their texts, as templates read them.
    pub fn template_variables(&self) -> &[(String, String)] {
        &self.variables
    }
}
