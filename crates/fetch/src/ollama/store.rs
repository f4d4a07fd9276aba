//! Ollama's folder of models on this machine.
//!
//! ```text
//! manifests/registry.ollama.ai/library/NAME/TAG   the list of blobs
//! blobs/sha256-HASH                               the bytes
//! ```

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::manifest::{self, Layer, LayerKind};
use crate::cache::write_whole;
use crate::digest::Digest;
use crate::error::FetchError;
use crate::reference::{OllamaReference, Reference};

/// What Ollama calls its registry by.
const HOST: &str = "registry.ollama.ai";

/// A store of Ollama's layout: `~/.ollama/models`, or where `OLLAMA_MODELS` says. Nothing in it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaStore {
    root: PathBuf,
}

/// A model of the store, with the files that it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OllamaModel {
    /// `ollama:name:tag`.
    pub name: String,
    /// The list of its blobs.
    pub manifest: PathBuf,
    /// The GGUF.
    pub weights: PathBuf,
    /// What it sees with.
    pub projector: Option<PathBuf>,
    /// All blobs, these among them.
    pub layers: Vec<Layer>,
    /// Where each of them is, whether or not it is there.
    pub files: Vec<PathBuf>,
}

impl OllamaModel {
    /// Bytes of all blobs; other models may have some of them too.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.bytes).fold(0, u64::saturating_add)
    }

    /// Whether every blob is there and as long as it is to be.
    pub fn is_complete(&self) -> bool {
        let is_there = |(layer, file): (&Layer, &PathBuf)| fs::metadata(file).is_ok_and(|f| f.len() == layer.bytes);
        self.layers.iter().zip(&self.files).all(is_there)
    }

    /// The text of a small layer: a template, settings, a system message. `None` where there is none, or it is no text.
    pub fn text(&self, kind: &LayerKind) -> Option<String> {
        let at = self.layers.iter().position(|layer| layer.kind == *kind && layer.bytes <= manifest::LONGEST as u64)?;
        fs::read_to_string(&self.files[at]).ok()
    }
}

impl OllamaStore {
    /// The store in a folder, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> OllamaStore {
        OllamaStore { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn manifest(&self, reference: &OllamaReference) -> PathBuf {
        let OllamaReference { namespace, name, tag } = reference;
        [HOST, namespace, name, tag].iter().fold(self.root.join("manifests"), |path, part| path.join(part))
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(format!("sha256-{}", digest.hex()))
    }

    /// Not among the blobs: Ollama removes what it does not know there.
    pub(super) fn lock(&self, digest: &Digest) -> PathBuf {
        self.root.join(".locks").join(format!("sha256-{}.lock", digest.hex()))
    }

    /// The file with this SHA-256, if the store has one of the name.
    pub fn blob_of(&self, digest: &Digest) -> Option<PathBuf> {
        matches!(digest, Digest::Sha256(_)).then(|| self.blob(digest)).filter(|path| path.is_file())
    }

    /// A model of the store; `None` where there is none of the name.
    ///
    /// # Errors
    /// Its manifest is none.
    pub fn find(&self, reference: &OllamaReference) -> Result<Option<OllamaModel>, FetchError> {
        let path = self.manifest(reference);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(FetchError::disk(&path))?;
        let problem = |problem: String| FetchError::Disk { path: path.clone(), source: std::io::Error::other(problem) };
        let layers = manifest::read(&text).map_err(problem)?;
        Ok(Some(self.model(reference, path.clone(), layers)))
    }

    pub(super) fn model(&self, reference: &OllamaReference, manifest: PathBuf, layers: Vec<Layer>) -> OllamaModel {
        let files: Vec<PathBuf> = layers.iter().map(|layer| self.blob(&layer.digest)).collect();
        let first = |kind: &LayerKind| layers.iter().position(|layer| layer.kind == *kind).map(|at| files[at].clone());
        let weights = first(&LayerKind::Model).unwrap_or_default();
        let projector = first(&LayerKind::Projector);
        OllamaModel { name: reference.to_string(), manifest, weights, projector, layers, files }
    }

    /// The models of the store, by name. What cannot be read is passed over.
    pub fn models(&self) -> Vec<OllamaModel> {
        let folder = self.root.join("manifests").join(HOST);
        let mut models = Vec::new();
        for namespace in names_in(&folder) {
            for name in names_in(&folder.join(&namespace)) {
                for tag in names_in(&folder.join(&namespace).join(&name)) {
                    let Ok(Reference::Ollama(reference)) = format!("ollama:{namespace}/{name}:{tag}").parse() else {
                        continue;
                    };
                    models.extend(self.find(&reference).ok().flatten());
                }
            }
        }
        models
    }

    /// Removes a model, and those of its blobs that no other has. Gives the bytes that came free.
    ///
    /// # Errors
    /// Something of it cannot be removed, or another manifest cannot be read: then nothing says whose its blobs are.
    pub fn remove(&self, model: &OllamaModel) -> Result<u64, FetchError> {
        let kept = self.blobs_of_others(model)?;
        fs::remove_file(&model.manifest).map_err(FetchError::disk(&model.manifest))?;
        let mut freed = 0;
        for file in &model.files {
            let Ok(found) = fs::symlink_metadata(file) else { continue };
            if !kept.contains(file) {
                fs::remove_file(file).map_err(FetchError::disk(file))?;
                freed += found.len();
            }
        }
        Ok(freed)
    }

    fn blobs_of_others(&self, model: &OllamaModel) -> Result<HashSet<PathBuf>, FetchError> {
        let mut manifests = Vec::new();
        gather(&self.root.join("manifests"), &mut manifests);
        let mut kept = HashSet::new();
        for path in manifests.into_iter().filter(|path| *path != model.manifest) {
            let text = fs::read(&path).map_err(FetchError::disk(&path))?;
            let problem =
                |problem: String| FetchError::Disk { path: path.clone(), source: std::io::Error::other(problem) };
            kept.extend(manifest::read(&text).map_err(problem)?.iter().map(|layer| self.blob(&layer.digest)));
        }
        Ok(kept)
    }

    pub(super) fn prepare(&self) -> Result<(), FetchError> {
        let blobs = self.root.join("blobs");
        fs::create_dir_all(&blobs).map_err(FetchError::disk(&blobs))
    }

    /// Gives a model its name, after all of its blobs are there.
    pub(super) fn place(&self, reference: &OllamaReference, text: &[u8]) -> Result<PathBuf, FetchError> {
        let path = self.manifest(reference);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FetchError::disk(folder))?;
        }
        write_whole(&path, text)?;
        Ok(path)
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for name in names_in(folder) {
        let path = folder.join(name);
        if path.is_dir() { gather(&path, files) } else { files.push(path) }
    }
}
