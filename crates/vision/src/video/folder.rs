//! A folder of frames.

use std::path::{Path, PathBuf};

use super::order::natural;
use crate::VisionError;

const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// The pictures directly inside `folder`, told by their names' endings, in natural order; hidden files, which systems leave
/// beside others' (`._frame.png`), are none.
pub(super) fn pictures(folder: &Path) -> Result<Vec<PathBuf>, VisionError> {
    let io = |e| VisionError::io(folder, "list", e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        if ending.is_some_and(|ending| EXTENSIONS.contains(&ending.as_str())) && !is_hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let what = format!("the folder holds no file that ends in {}", EXTENSIONS.map(|e| format!(".{e}")).join(", "));
        return Err(VisionError::video(&folder.display().to_string(), what));
    }
    let name = |path: &PathBuf| path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default();
    paths.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(paths)
}
