//! A model as its maker published it, whichever files it comes in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::mlx::Quantization;
use plimsoll_formats::onnx::OnnxGraphs;
use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_formats::{
    ChatTemplateSource, ConfigMap, Folder, FormatError, GenerationDefaults, JsonObject, LicenceFacts, ModelFiles,
    Tensor, TokenizerSource, WeightFiles, generation, licence, template, tokenizer,
};
use plimsoll_graph::WeightDecl;
use plimsoll_kernels::DType;

use crate::arch::Arch;
use crate::config::{self, Hyperparams};
use crate::weights::{self, Weights};

/// What kind of files a checkpoint comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A folder with `config.json` and `*.safetensors`.
    Safetensors,
    /// The same with weights in MLX's groups.
    Mlx,
    /// A folder with `config.json` and graphs in `onnx/`, whose weights nothing here reads.
    Onnx,
    /// One GGUF file or all parts of a split one.
    Gguf {
        /// The file's version, 2 or 3.
        version: u32,
    },
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Safetensors => f.write_str("safetensors"),
            Format::Mlx => f.write_str("MLX"),
            Format::Onnx => f.write_str("ONNX"),
            Format::Gguf { version } => write!(f, "GGUF v{version}"),
        }
    }
}

/// A model opened from its published files: everything that running, measuring and judging it starts from.
///
/// ```no_run
/// use std::path::Path;
/// let checkpoint = plimsoll_models::Checkpoint::open(Path::new("models/mine"))?;
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
    /// What stands in the place of weights.
    graphs: Option<OnnxGraphs>,
    /// Where its other files lie, unless it is a GGUF alone.
    folder: Option<Folder>,
}

impl Checkpoint {
    /// Opens a folder in Hugging Face's layout or a `.gguf` file (any part of a split one). Maps, copies no weights.
    ///
    /// # Errors
    /// A [`FormatError`] that names the file and the tensor or key.
    pub fn open(path: &Path) -> Result<Checkpoint, FormatError> {
        let mut checkpoint = of_files(ModelFiles::open(path)?)?;
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
        of_files(ModelFiles::in_folder(name, &Folder::Embedded { name: name.to_owned(), files })?)
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

    /// Where its other files lie, unless it is a GGUF that shares its folder with other models.
    pub fn folder(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }

    /// In what type a weight of its network is stored, and in how many bytes. Of graphs, whose weights are not read, all bytes
    /// are taken to be spread evenly.
    ///
    /// # Errors
    /// As [`Checkpoint::require_shape`].
    pub fn stored(&self, weight: &WeightDecl) -> Result<(DType, u64), FormatError> {
        if self.graphs.is_none() {
            let tensor = self.require_shape(&weight.name, &weight.shape)?;
            return Ok((tensor.dtype(), tensor.stored_bytes() as u64));
        }
        let each = self.file_bytes() as f64 / self.n_params().max(1) as f64;
        let n_values = weight.shape.iter().product::<usize>() as f64;
        let dtype = match 8.0 * each {
            bits if bits > 24.0 => DType::F32,
            bits if bits > 12.0 => DType::F16,
            bits if bits > 6.5 => DType::Q8_0,
            _ => DType::Q4_0,
        };
        Ok((dtype, (n_values * each) as u64))
    }

    /// The graphs that another engine runs, of a checkpoint whose weights nothing here reads.
    pub fn graphs(&self) -> Option<&OnnxGraphs> {
        self.graphs.as_ref()
    }

    /// Has `tensor` in the place of the one of its canonical name, whatever the files say.
    pub fn replace(&mut self, tensor: Tensor) {
        self.weights.tensors.insert(tensor.name().to_owned(), tensor);
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

fn of_files(files: ModelFiles) -> Result<Checkpoint, FormatError> {
    let ModelFiles { name, folder, weights } = files;
    match (weights, folder) {
        (WeightFiles::Safetensors { config, files }, Some(folder)) => from_safetensors(&name, &folder, config, &files),
        (WeightFiles::Safetensors { .. }, None) => unreachable!("its config.json lies in a folder"),
        (WeightFiles::Gguf(parts), folder) => from_gguf(&name, &parts, folder.as_ref()),
        (WeightFiles::Onnx { config, graphs }, Some(folder)) => from_onnx(&name, &folder, config, graphs),
        (WeightFiles::Onnx { .. }, None) => unreachable!("its config.json lies in a folder"),
    }
}

fn from_safetensors(
    name: &str,
    folder: &Folder,
    config: JsonObject,
    files: &[SafetensorsFile],
) -> Result<Checkpoint, FormatError> {
    let mut hyperparams = config::from_config(&folder.display_file("config.json"), config.clone())?;
    let quantization = Quantization::of(&ConfigMap::new(&folder.display_file("config.json"), config.clone()))?;
    let weights = Weights::from_safetensors(files, quantization.as_ref(), &mut hyperparams)?;
    let format = if quantization.is_some() { Format::Mlx } else { Format::Safetensors };
    in_folder(name, folder, &config, format, hyperparams, weights)
}

fn from_onnx(name: &str, folder: &Folder, config: JsonObject, graphs: OnnxGraphs) -> Result<Checkpoint, FormatError> {
    let hyperparams = config::from_config(&folder.display_file("config.json"), config.clone())?;
    let file_bytes = graphs.files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let weights = Weights { file_bytes, ..Weights::default() };
    let checkpoint = in_folder(name, folder, &config, Format::Onnx, hyperparams, weights)?;
    let mut checkpoint = Checkpoint { graphs: Some(graphs), ..checkpoint };
    if let Ok(network) = crate::network(&checkpoint) {
        let values = |weight: &WeightDecl| weight.shape.iter().product::<usize>() as u64;
        checkpoint.weights.n_params = network.weights.iter().map(values).sum();
    }
    Ok(checkpoint)
}

/// With what else lies in a folder.
fn in_folder(
    name: &str,
    folder: &Folder,
    config: &JsonObject,
    format: Format,
    hyperparams: Hyperparams,
    weights: Weights,
) -> Result<Checkpoint, FormatError> {
    let (tokenizer, tokenizer_config) = tokenizer::from_folder(folder)?;
    Ok(Checkpoint {
        name: name.to_owned(),
        path: None,
        format,
        hyperparams,
        tokenizer: Arc::new(tokenizer),
        chat_template: template::from_folder(folder, &tokenizer_config)?,
        generation: generation::from_folder(folder, config)?,
        licence: licence::gather(Some(folder), None)?,
        weights: Weights { source: name.to_owned(), ..weights },
        graphs: None,
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
    let arch = Arch::of_gguf(metadata.name(), architecture)?;
    if parts.iter().all(|p| p.tensors().is_empty()) {
        return Err(FormatError::VocabularyOnly { file: metadata.name().to_owned() });
    }
    let facts = weights::gguf_facts(parts, arch)?;
    let hyperparams = config::from_gguf(metadata, arch, &facts)?;
    let weights = Weights::from_gguf(parts, &hyperparams)?;
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
        graphs: None,
        folder: folder.cloned(),
    })
}
