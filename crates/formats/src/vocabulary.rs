//! A tokenizer without a model.

use std::path::Path;

use crate::error::FormatError;
use crate::files::{file_name, gguf_name, only_gguf, open_gguf};
use crate::folder::Folder;
use crate::generation::{self, GenerationDefaults};
use crate::template::{self, ChatTemplateSource};
use crate::tokenizer::{self, TokenizerSource};

/// A tokenizer without a model: what a vocabulary-only GGUF, or a folder without weights, opens to.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// The folder's or file's name.
    pub name: String,
    /// The architecture as the file names it, if it does: some vocabularies mean less without.
    pub architecture: Option<String>,
    /// What the tokenizer is built from.
    pub tokenizer: TokenizerSource,
    /// Chat templates beside it.
    pub chat_template: Option<ChatTemplateSource>,
    /// Ids that end an answer, and recommended sampling.
    pub generation: GenerationDefaults,
}

/// Opens the tokenizer of a folder or a `.gguf`; weights and hyperparameters need not be there.
///
/// # Errors
/// As [`crate::ModelFiles::open`], but for what concerns weights and hyperparameters.
pub fn open_vocabulary(path: &Path) -> Result<Vocabulary, FormatError> {
    let metadata = std::fs::metadata(path).map_err(|e| FormatError::io(path, "open", e))?;
    if metadata.is_dir() {
        let folder = Folder::Disk(path.to_owned());
        if folder.open("tokenizer.json")?.is_none()
            && let Some(gguf) = only_gguf(&folder)?
        {
            return open_vocabulary(&path.join(gguf));
        }
        let config = folder.json("config.json")?.unwrap_or_default();
        let (tokenizer, tokenizer_config) = tokenizer::from_folder(&folder)?;
        return Ok(Vocabulary {
            name: file_name(path),
            architecture: config.get("model_type").and_then(|model_type| model_type.as_str()).map(str::to_owned),
            tokenizer,
            chat_template: template::from_folder(&folder, &tokenizer_config)?,
            generation: generation::from_folder(&folder, &config)?,
        });
    }
    let parts = open_gguf(path)?;
    Ok(Vocabulary {
        name: gguf_name(path),
        architecture: parts[0].text("general.architecture")?.map(str::to_owned),
        tokenizer: tokenizer::from_gguf(&parts[0])?,
        chat_template: template::from_gguf(&parts[0])?,
        generation: generation::from_gguf(&parts[0])?,
    })
}
