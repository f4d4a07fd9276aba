//! A model as its maker published it, whichever files it comes in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_kernels::DType;

use crate::config::{self, Hyperparams};
use crate::error::FormatError;
use crate::folder::{Folder, JsonObject};
use crate::generation::{self, GenerationDefaults};
use crate::gguf::{self, GgufFile};
use crate::licence::{self, LicenceFacts};
use crate::names::GgufArch;
use crate::safetensors::{self, SafetensorsFile};
use crate::template::{self, ChatTemplateSource};
use crate::tensor::Tensor;
use crate::tokenizer::{self, TokenizerSource};
use crate::vision;
use crate::weights::{self, Weights};

/// What kind of files a checkpoint comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A folder with `config.json` and `*.safetensors`.
    Safetensors,
    /// One GGUF file or all parts of a split one.
    Gguf {
        /// The file's version, 2 or 3.
        version: u32,
    },
}

/// A model opened from its published files: everything that running, measuring and judging it starts from.
///
/// ```no_run
/// use std::path::Path;
/// let checkpoint = plimsoll_formats::Checkpoint::open(Path::new("models/SmolLM3-3B"))?;
/// println!("{} layers of {}", checkpoint.hyperparams.n_layers, checkpoint.hyperparams.d_model);
/// let embedding = checkpoint.require("model.embed_tokens.weight")?.matrix()?; // (vocab_size, d_model)
/// # Ok::<(), plimsoll_formats::FormatError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The folder's or file's name, or the name that embedded files were given.
    pub name: String,
    /// The path given to [`Checkpoint::open`]; `None` for embedded files.
    pub path: Option<PathBuf>,
    /// What kind of files it comes in.
    pub format: Format,
    /// What the network is like. `tied_embeddings` is what the tensors bear out.
    pub hyperparams: Hyperparams,
    /// What its tokenizer is built from; shared, as a vocabulary takes megabytes and checkpoints are cloned.
    pub tokenizer: Arc<TokenizerSource>,
    /// Its own chat templates, if it has any.
    pub chat_template: Option<ChatTemplateSource>,
    /// Ids that end an answer, and recommended sampling.
    pub generation: GenerationDefaults,
    /// What it says about its licence.
    pub licence: LicenceFacts,
    weights: Weights,
    /// Where its other files lie, unless it is a GGUF alone.
    folder: Option<Folder>,
}

impl Checkpoint {
    /// Opens a folder in Hugging Face's layout or a `.gguf` file (any part of a split one). Maps, copies no weights.
    ///
    /// # Errors
    /// A [`FormatError`] that names the file and the tensor or key.
    pub fn open(path: &Path) -> Result<Checkpoint, FormatError> {
        let metadata = std::fs::metadata(path).map_err(|e| FormatError::io(path, "open", e))?;
        let mut checkpoint = if metadata.is_dir() {
            from_folder(&file_name(path), &Folder::Disk(path.to_owned()))?
        } else {
            let parts = open_gguf_parts(path)?;
            // The card and licence beside a GGUF are its own only where it is the folder's only model.
            let folder = Folder::Disk(parent(path));
            let own = matches!(only_gguf(&folder), Ok(Some(_)));
            from_gguf(&gguf_name(path), &parts, own.then_some(&folder))?
        };
        checkpoint.path = Some(path.to_owned());
        checkpoint.weights.source = checkpoint.display();
        Ok(checkpoint)
    }

    /// Opens files that are embedded in the binary, (name, bytes), as if they lay in one folder.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn from_embedded(
        name: &str,
        files: &'static [(&'static str, &'static [u8])],
    ) -> Result<Checkpoint, FormatError> {
        from_folder(name, &Folder::Embedded { name: name.to_owned(), files })
    }

    /// Opens a GGUF that is already at hand: one file, or all parts of a split one in order.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn from_gguf(name: &str, parts: &[GgufFile]) -> Result<Checkpoint, FormatError> {
        from_gguf(name, parts, None)
    }

    /// The tensor of this canonical name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.weights.get(name)
    }

    /// The tensor of this canonical name.
    ///
    /// # Errors
    /// There is none, or its type is none that weights may have.
    pub fn require(&self, name: &str) -> Result<&Tensor, FormatError> {
        self.weights.require(name)
    }

    /// The tensor of this canonical name and shape.
    ///
    /// # Errors
    /// As [`Checkpoint::require`], or it has another shape.
    pub fn require_shape(&self, name: &str, shape: &[usize]) -> Result<&Tensor, FormatError> {
        self.weights.require_shape(name, shape)
    }

    /// The text of a settings file beside the weights, with its name for messages; `None` if there is no such file, or a
    /// GGUF stands for itself.
    ///
    /// # Errors
    /// It cannot be read, or is no text.
    pub fn settings_file(&self, name: &str) -> Result<Option<(String, String)>, FormatError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        Ok(folder.text(name)?.map(|text| (folder.display_file(name), text)))
    }

    /// All its tensors by canonical name.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// All usable tensors by name, views into fused ones in their place.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.weights.iter()
    }

    /// Length of all weight files together, in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.weights.file_bytes
    }

    /// Number of values in all usable tensors; of an output projection that is the embedding, stored again or not,
    /// once.
    pub fn n_params(&self) -> u64 {
        self.weights.n_params
    }

    /// Bytes of the same tensors per stored type, largest first.
    pub fn bytes_by_type(&self) -> &[(DType, u64)] {
        &self.weights.bytes_by_type
    }

    /// The path or name, as messages show it.
    pub fn display(&self) -> String {
        self.path.as_ref().map_or_else(|| self.name.clone(), |p| p.display().to_string())
    }
}

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
/// As [`Checkpoint::open`], but for what concerns weights and hyperparameters.
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
    let parts = open_gguf_parts(path)?;
    Ok(Vocabulary {
        name: gguf_name(path),
        architecture: parts[0].text("general.architecture")?.map(str::to_owned),
        tokenizer: tokenizer::from_gguf(&parts[0])?,
        chat_template: template::from_gguf(&parts[0])?,
        generation: generation::from_gguf(&parts[0])?,
    })
}

fn open_gguf_parts(path: &Path) -> Result<Vec<GgufFile>, FormatError> {
    let extension = path.extension().unwrap_or_default();
    if ["safetensors", "json", "bin", "pth", "pt"].iter().any(|e| extension == *e) {
        return Err(FormatError::NoModel {
            path: path.display().to_string(),
            found: "a single file of a model's folder".to_owned(),
        });
    }
    gguf::open_parts(path)
}

fn from_folder(name: &str, folder: &Folder) -> Result<Checkpoint, FormatError> {
    let config = folder.json("config.json")?;
    if let Some(config) = config
        && let Some(files) = safetensors::open_folder(folder)?
    {
        return from_safetensors(name, folder, config, &files);
    }
    // A config.json beside a GGUF is a stub for the Hub's counters, or the original's: the GGUF has its own.
    match (only_gguf(folder)?, folder) {
        (Some(gguf), Folder::Disk(path)) => from_gguf(name, &open_gguf_parts(&path.join(gguf))?, Some(folder)),
        (Some(gguf), Folder::Embedded { .. }) => {
            let bytes = folder.open(&gguf)?.ok_or_else(|| no_model(folder))?;
            from_gguf(name, &[GgufFile::parse(bytes)?], Some(folder))
        }
        (None, _) => Err(no_model(folder)),
    }
}

fn from_safetensors(
    name: &str,
    folder: &Folder,
    config: JsonObject,
    files: &[SafetensorsFile],
) -> Result<Checkpoint, FormatError> {
    let mut hyperparams = config::from_config(&folder.display_file("config.json"), config.clone())?;
    let weights = Weights::from_safetensors(files, &mut hyperparams)?;
    let (tokenizer, tokenizer_config) = tokenizer::from_folder(folder)?;
    Ok(Checkpoint {
        name: name.to_owned(),
        path: None,
        format: Format::Safetensors,
        hyperparams,
        tokenizer: Arc::new(tokenizer),
        chat_template: template::from_folder(folder, &tokenizer_config)?,
        generation: generation::from_folder(folder, &config)?,
        licence: licence::gather(Some(folder), None)?,
        weights: Weights { source: name.to_owned(), ..weights },
        folder: Some(folder.clone()),
    })
}

fn from_gguf(name: &str, parts: &[GgufFile], folder: Option<&Folder>) -> Result<Checkpoint, FormatError> {
    let Some(metadata) = parts.first() else {
        return Err(FormatError::NoModel { path: name.to_owned(), found: "no file at all".to_owned() });
    };
    let architecture = metadata.architecture()?;
    if architecture == "clip" {
        return Err(FormatError::NoModel {
            path: metadata.name().to_owned(),
            found: "the vision tower of a model (mmproj), which cannot run without the text model's file".to_owned(),
        });
    }
    let arch = GgufArch::of(metadata.name(), architecture)?;
    if parts.iter().all(|p| p.tensors().is_empty()) {
        return Err(FormatError::NoModel {
            path: metadata.name().to_owned(),
            found: "a vocabulary without weights, good for `plimsoll tokenize` only".to_owned(),
        });
    }
    let facts = weights::gguf_facts(parts, arch)?;
    let hyperparams = config::from_gguf(metadata, arch, &facts)?;
    let weights = Weights::from_gguf(parts, arch, &hyperparams)?;
    Ok(Checkpoint {
        name: name.to_owned(),
        path: None,
        format: Format::Gguf { version: metadata.version },
        hyperparams,
        tokenizer: Arc::new(tokenizer::from_gguf(metadata)?),
        chat_template: template::from_gguf(metadata)?,
        generation: generation::from_gguf(metadata)?,
        licence: licence::gather(folder, Some(metadata))?,
        weights: Weights { source: name.to_owned(), ..weights },
        folder: folder.cloned(),
    })
}

/// The GGUF model of a folder that has no other: the one file, or the first part of the one split.
fn only_gguf(folder: &Folder) -> Result<Option<String>, FormatError> {
    let mut names = folder.names()?;
    names.retain(|n| n.ends_with(".gguf") && !vision::is_mmproj(n) && !gguf::is_later_part(n));
    match &names[..] {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => Err(FormatError::NoModel {
            path: folder.display(),
            found: format!("several GGUF models, of which one must be named: {}", several.join(", ")),
        }),
    }
}

fn no_model(folder: &Folder) -> FormatError {
    let names = folder.names().unwrap_or_default();
    let has = |name: &str| names.iter().any(|n| n == name);
    let pickled = names.iter().find(|n| n.ends_with(".bin") || n.ends_with(".pth") || n.ends_with(".pt"));
    let found = match (has("config.json"), pickled) {
        (true, Some(pickled)) => format!("config.json, but the weights are `{pickled}`, expected *.safetensors"),
        (true, None) => "config.json, but no *.safetensors and no .gguf".to_owned(),
        (false, _) if names.is_empty() => "the folder is empty".to_owned(),
        (false, _) => "no config.json and no .gguf".to_owned(),
    };
    FormatError::NoModel { path: folder.display(), found }
}

fn file_name(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

fn gguf_name(path: &Path) -> String {
    let name = file_name(path);
    name.strip_suffix(".gguf").map_or(name.clone(), str::to_owned)
}

pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
