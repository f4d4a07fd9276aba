//! Text in, text out. One program of all tests, for each would be linked by itself.

mod batch;
mod bounded_tokenizers;
mod character_vocabularies;
mod external;
mod jinja;
mod pictures;
mod published_templates;
mod published_tokenizers;
mod refused_templates;
mod refused_tokenizers;
mod sampling;
mod sessions;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod streaming;
mod vocabulary_files;
mod written_vocabularies;
