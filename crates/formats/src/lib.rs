//! Published model files, opened as one kind of thing: a [`Checkpoint`].
//!
//! A folder in Hugging Face's layout, a `.gguf` (whole or split) and files embedded in the binary all become the
//! same canonical names, hyperparameters, tokenizer source, licence facts and zero-copy weights. The differences
//! between the formats end in this crate: names are mapped, fused matrices become row views, GGUF's rotary row
//! order is recorded on the tensor and Gemma's shifted norm weights are shifted back.
//!
//! Everything read here is foreign: sizes are checked against the file before anything is allocated, and a bad file
//! ends in a [`FormatError`] that names the file and the tensor or key.
#![deny(unsafe_code)]

pub mod checkpoint;
pub mod config;
pub mod error;
mod folder;
pub mod generation;
pub mod gguf;
pub mod licence;
mod mapping;
mod names;
pub mod safetensors;
pub mod template;
pub mod tensor;
pub mod tokenizer;
pub mod vision;
mod weights;

pub use checkpoint::{Checkpoint, Format, Vocabulary, open_vocabulary};
pub use config::{Activation, ArchId, Biases, Hyperparams, LayerKind, Rope, RopeScaling, VisionParams};
pub use error::{FormatError, HyperparamError};
pub use generation::{GenerationDefaults, SequenceBias, TokenRules, Unusable};
pub use licence::{Declaration, LicenceFacts, LicenceText, normalised_text};
pub use mapping::{FileBytes, open_regular};
pub use names::{known_architectures, known_towers, stores_qkv_as_one};
pub use template::ChatTemplateSource;
pub use tensor::Tensor;
pub use tokenizer::{GgufVocab, JsonTokenizer, TokenizerSource};
pub use vision::Vision;
pub use weights::{EMBEDDING, Weights};
