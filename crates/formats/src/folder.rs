//! A folder on disk or a set of files embedded in the binary, read through the same few functions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::FormatError;
use crate::mapping::FileBytes;

/// Values of a JSON tree take many times their text; published settings stay below a tenth of this.
const MAX_JSON: usize = 16 << 20;

/// Files by name, without subfolders.
#[derive(Debug, Clone)]
pub enum Folder {
    /// A folder of the file system.
    Disk(PathBuf),
    /// Files inside the binary.
    Embedded {
        /// What stands for the folder's path.
        name: String,
        /// (name, bytes)
        files: &'static [(&'static str, &'static [u8])],
    },
}

impl Folder {
    /// The folder as messages show it.
    pub fn display(&self) -> String {
        match self {
            Folder::Disk(path) => path.display().to_string(),
            Folder::Embedded { name, .. } => name.clone(),
        }
    }

    /// The file as messages show it.
    pub fn display_file(&self, file: &str) -> String {
        match self {
            Folder::Disk(path) => path.join(file).display().to_string(),
            Folder::Embedded { name, .. } => format!("{name}/{file}"),
        }
    }

    /// Bytes of `file`; `None` if there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, file: &str) -> Result<Option<Arc<FileBytes>>, FormatError> {
        match self {
            Folder::Disk(path) => {
                let path = path.join(file);
                if std::fs::symlink_metadata(&path).is_err() {
                    return Ok(None);
                }
                FileBytes::map(&path).map(Some)
            }
            Folder::Embedded { files, .. } => {
                let found = files.iter().find(|(name, _)| *name == file);
                Ok(found.map(|(_, bytes)| FileBytes::embedded(&self.display_file(file), bytes)))
            }
        }
    }

    /// What is wrong with showing `file`, if it is a link to something else: what comes from a stranger could put any file of
    /// the reader's into what is shown. A link may lead to a file beside it, into the blobs of the hub's cache, or to a file of
    /// the same name elsewhere.
    pub fn led_away(&self, file: &str) -> Option<String> {
        let Folder::Disk(folder) = self else { return None };
        let (folder, target) = (folder.canonicalize().ok()?, folder.join(file).canonicalize().ok()?);
        let is_blob = || {
            let snapshots = folder.parent().filter(|above| above.ends_with("snapshots"));
            snapshots.and_then(Path::parent).is_some_and(|above| target.parent() == Some(&above.join("blobs")))
        };
        let same_name = target.file_name() == Path::new(file).file_name();
        let stays = same_name || target.starts_with(&folder) || is_blob();
        (!stays).then(|| format!("a link to `{}`, which is no file of this model", target.display()))
    }

    /// Text of `file`; `None` if there is no such file.
    ///
    /// # Errors
    /// It cannot be read, or is no text.
    pub fn text(&self, file: &str) -> Result<Option<String>, FormatError> {
        let Some(bytes) = self.open(file)? else { return Ok(None) };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(e) => Err(FormatError::malformed(
                bytes.name(),
                format!("byte {} is not UTF-8, expected a text file", e.valid_up_to()),
            )),
        }
    }

    /// JSON object in `file`; `None` if there is no such file.
    ///
    /// # Errors
    /// It cannot be read, is no JSON object, or far too long for settings.
    pub fn json(&self, file: &str) -> Result<Option<JsonObject>, FormatError> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        if text.len() > MAX_JSON {
            let what = format!("has {} bytes, expected {MAX_JSON} at most of a file of settings", text.len());
            return Err(FormatError::malformed(&self.display_file(file), what));
        }
        parse_object(&self.display_file(file), &text).map(Some)
    }

    /// Names of the files directly inside, sorted, without hidden ones: systems leave such (`._model.gguf`) beside others'.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, FormatError> {
        let mut names = match self {
            Folder::Disk(path) => list(path)?,
            Folder::Embedded { files, .. } => files.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        names.sort();
        Ok(names)
    }
}

/// A JSON object with its keys in the file's order.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// Parses `text` as one JSON object; `file` is its path for messages.
///
/// # Errors
/// It is no JSON object.
pub fn parse_object(file: &str, text: &str) -> Result<JsonObject, FormatError> {
    serde_json::from_str(text)
        .map_err(|e| FormatError::malformed(file, format!("not the JSON object that was expected: {e}")))
}

fn list(path: &Path) -> Result<Vec<String>, FormatError> {
    let io = |e| FormatError::io(path, "list", e);
    let entries = std::fs::read_dir(path).map_err(io)?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}
