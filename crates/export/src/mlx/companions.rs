//! The files of a model beside its weights that go along: tokenizer, template, processor, generation settings, licence.

use std::path::Path;

use plimsoll_formats::{Folder, FormatError};

/// Files that go along by name.
const NAMES: [&str; 16] = [
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "image_processor_config.json",
    "NOTICE",
];
/// Beginnings of the names of files that say under which terms a model is given, in lower case.
const TERMS: [&str; 6] = ["license", "licence", "copying", "notice", "use_policy", "acceptable_use"];

/// The names of the files in `folder` that go along, sorted.
///
/// # Errors
/// The folder cannot be listed.
pub fn companions(folder: &Folder) -> Result<Vec<String>, FormatError> {
    let mut names = folder.names()?;
    names.retain(|name| {
        let lower = name.to_ascii_lowercase();
        let is_terms = TERMS.iter().any(|beginning| lower.starts_with(beginning)) && !lower.ends_with(".safetensors");
        NAMES.contains(&&name[..]) || lower.ends_with(".tiktoken") || is_terms
    });
    Ok(names)
}

/// Copies a file of `folder` into `to`.
///
/// # Errors
/// It cannot be read or written, or is a link to something that is no file of the model: what is published later must not
/// hold another file of whoever exports it.
pub fn copy_companion(folder: &Folder, name: &str, to: &Path) -> Result<(), FormatError> {
    if let Some(away) = folder.led_away(name) {
        return Err(FormatError::malformed(&folder.display_file(name), format!("is {away}")));
    }
    let Some(bytes) = folder.open(name)? else { return Ok(()) };
    let path = to.join(name);
    std::fs::write(&path, &**bytes).map_err(|error| FormatError::io(&path, "write", error))
}
