//! The files of a model, found and mapped, whoever's model it is.

use std::path::{Path, PathBuf};

use crate::error::FormatError;
use crate::folder::{Folder, JsonObject};
use crate::gguf::{self, GgufFile};
use crate::onnx::OnnxGraphs;
use crate::safetensors::{self, SafetensorsFile};

/// The files of a model: its weights, and the folder that its other files lie in.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// The folder's or file's name, or the name that embedded files were given.
    pub name: String,
    /// Where its other files lie; `None` of a GGUF that shares its folder with other models.
    pub folder: Option<Folder>,
    /// Its weights and what describes them.
    pub weights: WeightFiles,
}

/// The files that hold the weights of a model.
#[derive(Debug, Clone)]
pub enum WeightFiles {
    /// `config.json` and all `*.safetensors` beside it.
    Safetensors {
        /// Keys of `config.json`.
        config: JsonObject,
        /// The files that hold its weights.
        files: Vec<SafetensorsFile>,
    },
    /// One GGUF, or all parts of a split one in order; never empty.
    Gguf(Vec<GgufFile>),
    /// `config.json` and graphs that hold their own weights.
    Onnx {
        /// Keys of `config.json`.
        config: JsonObject,
        /// The text model.
        graphs: OnnxGraphs,
    },
}

impl ModelFiles {
    /// Finds the model at a path: a folder in Hugging Face's layout or transformers.js', a `.gguf` file (any part of a split
    /// one), or a graph of ONNX.
    ///
    /// # Errors
    /// There is none, several, or one whose files are broken.
    pub fn open(path: &Path) -> Result<ModelFiles, FormatError> {
        let metadata = std::fs::metadata(path).map_err(|e| FormatError::io(path, "open", e))?;
        if metadata.is_dir() {
            return ModelFiles::in_folder(&file_name(path), &Folder::Disk(path.to_owned()));
        }
        if path.extension().is_some_and(|extension| extension == "onnx") {
            let of = OnnxGraphs::folder_of(path);
            let folder = Folder::Disk(of.clone());
            let config = folder.json("config.json")?.ok_or_else(|| no_model(&folder))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{}-{stem}", file_name(&of));
            let graphs = OnnxGraphs::of_file(path)?;
            return Ok(ModelFiles { name, folder: Some(folder), weights: WeightFiles::Onnx { config, graphs } });
        }
        let parts = open_gguf(path)?;
        // The card and licence beside a GGUF are its own only where it is the folder's only model.
        let folder = Folder::Disk(parent(path));
        let own = matches!(only_gguf(&folder), Ok(Some(_)));
        Ok(ModelFiles { name: gguf_name(path), folder: own.then_some(folder), weights: WeightFiles::Gguf(parts) })
    }

    /// The model of a folder.
    ///
    /// # Errors
    /// As [`ModelFiles::open`].
    pub fn in_folder(name: &str, folder: &Folder) -> Result<ModelFiles, FormatError> {
        let found = |weights| ModelFiles { name: name.to_owned(), folder: Some(folder.clone()), weights };
        if let Some(config) = folder.json("config.json")? {
            if let Some(files) = safetensors::open_folder(folder)? {
                return Ok(found(WeightFiles::Safetensors { config, files }));
            }
            if let Folder::Disk(path) = folder
                && OnnxGraphs::are_in(path)
            {
                let graphs = OnnxGraphs::of_folder(path, &config)?;
                return Ok(found(WeightFiles::Onnx { config, graphs }));
            }
        }
        // A config.json beside a GGUF is a stub for the Hub's counters, or the original's: the GGUF has its own.
        let parts = match (only_gguf(folder)?, folder) {
            (Some(gguf), Folder::Disk(path)) => open_gguf(&path.join(gguf))?,
            (Some(gguf), Folder::Embedded { .. }) => {
                let bytes = folder.open(&gguf)?.ok_or_else(|| no_model(folder))?;
                vec![GgufFile::parse(bytes)?]
            }
            (None, _) => return Err(no_model(folder)),
        };
        Ok(found(WeightFiles::Gguf(parts)))
    }
}

/// Opens a GGUF model, all parts of a split one.
pub(crate) fn open_gguf(path: &Path) -> Result<Vec<GgufFile>, FormatError> {
    let extension = path.extension().unwrap_or_default();
    if ["safetensors", "json", "bin", "pth", "pt"].iter().any(|e| extension == *e) {
        return Err(FormatError::NoModel {
            path: path.display().to_string(),
            found: "a single file of a model's folder".to_owned(),
        });
    }
    gguf::open_parts(path)
}

/// The GGUF model of a folder that has no other: the one file, or the first part of the one split.
pub(crate) fn only_gguf(folder: &Folder) -> Result<Option<String>, FormatError> {
    let mut names = folder.names()?;
    names.retain(|n| n.ends_with(".gguf") && !gguf::is_mmproj(n) && !gguf::is_later_part(n));
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
        (true, None) => "config.json, but no *.safetensors, no onnx/ and no .gguf".to_owned(),
        (false, _) if names.is_empty() => "the folder is empty".to_owned(),
        (false, _) => "no config.json and no .gguf".to_owned(),
    };
    FormatError::NoModel { path: folder.display(), found }
}

pub(crate) fn file_name(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

pub(crate) fn gguf_name(path: &Path) -> String {
    let name = file_name(path);
    name.strip_suffix(".gguf").map_or(name.clone(), str::to_owned)
}

/// The folder that a file lies in.
pub fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
