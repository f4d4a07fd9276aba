//! Text in, text out: tokenizer, chat template, sampler, streaming and the session that joins them to a model.
//!
//! The crate knows nothing of HTTP. A [`Session`] owns a loaded program with its key-value cache; everything else
//! here is pure and can be used by itself.

#![forbid(unsafe_code)]

pub mod batch;
mod control_text;
mod conversation;
mod external;
mod foreign;
mod grammars;
pub mod sampler;
mod search;
pub mod session;
pub mod speech;
pub mod stream;
pub mod template;
pub mod tokenizer;
mod vision;

pub use control_text::{ControlTextError, ControlTexts, GuardedText};
pub use conversation::Conversation;
pub use external::{Engine, EngineError, EngineOptions, engine_of, require};
pub use grammars::grammars;
pub use sampler::{Sampler, SamplerError, SamplingParams};
pub use session::{
    EncoderApart, Finish, GenerateOptions, Generation, Likelihood, Parted, Session, SessionError, SessionOptions,
    Timings, context_length, load, log_probability,
};
pub use stream::{Chunk, TextStream};
pub use template::{ChatTemplate, Clock, TemplateError, TemplateRequest};
pub use tokenizer::{Special, Tokenizer, TokenizerError, TokenizerOptions, WrittenVocab, gguf_vocabulary};
pub use vision::{
    EncodedImage, ImageInput, ImagePrompts, Prompt, VisionEncoder, VisionEncoderError, mmproj_parameters,
};
