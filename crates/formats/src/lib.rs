//! Published model files as containers: what a folder in Hugging Face's layout, a `.gguf` (whole or split) or files
//! embedded in the binary hold, whoever's model it is.
//!
//! [`ModelFiles`] finds and maps a model's weights, [`ConfigMap`] reads settings with errors that name the key, [`Tensor`] is
//! a view of stored weights. Tokenizer, chat template, generation settings and licence facts are read as the files have
//! them. What a name or a key means for an architecture is said in `plimsoll_models`: nothing here knows one.
//!
//! Everything read here is foreign: sizes are checked against the file before anything is allocated, and a bad file
//! ends in a [`FormatError`] that names the file and the tensor or key.
#![deny(unsafe_code)]

pub mod config_map;
pub mod error;
mod files;
mod folder;
pub mod generation;
pub mod gguf;
mod imatrix;
pub mod licence;
mod mapping;
pub mod mlx;
mod new_file;
mod new_folder;
pub mod onnx;
mod resumable_file;
pub mod safetensors;
pub mod template;
pub mod tensor;
pub mod tokenizer;
mod vocabulary;

pub use config_map::ConfigMap;
pub use error::{FormatError, HyperparamError};
pub use files::{ModelFiles, WeightFiles, parent};
pub use folder::{Folder, JsonObject, parse_object};
pub use generation::{GenerationDefaults, SequenceBias, TokenRules, Unusable};
pub use imatrix::{Imatrix, Importance};
pub use licence::{Declaration, LicenceFacts, LicenceText, STATEMENT_KINDS, normalised_text};
pub use mapping::{FileBytes, open_regular, read_text};
pub use new_file::NewFile;
pub use new_folder::NewFolder;
pub use resumable_file::ResumableFile;
pub use template::ChatTemplateSource;
pub use tensor::{Meaning, Tensor};
pub use tokenizer::{GgufVocab, JsonTokenizer, TokenizerSource};
pub use vocabulary::{Vocabulary, open_vocabulary};
