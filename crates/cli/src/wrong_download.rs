//! The commonest downloads that are no model, known by how they begin.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes that tell what a file is.
const HEAD: u64 = 512;
/// Entries of a folder that are looked at.
const MOST_ENTRIES: usize = 1000;

/// What was fetched in place of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The pointer that stands for a large file in a repository of Git.
    LfsPointer,
    /// A page of a web site.
    WebPage,
    /// An adapter, which changes another model's weights.
    Adapter,
    /// PyTorch's own format, which can hold programs.
    Pickle,
    Onnx,
}

/// Something that is no model here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is {}", file.display(), kind.words())]
pub struct WrongDownload {
    /// Which file or folder.
    pub file: PathBuf,
    pub kind: Kind,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::LfsPointer => "a Git LFS pointer: a note of where the file is, and not the file",
            Kind::WebPage => "a saved web page, not a model",
            Kind::Adapter => "a LoRA adapter, which is no model by itself",
            Kind::Pickle => "PyTorch's own format, which can hold programs and is not opened",
            Kind::Onnx => "an ONNX model, which Plimsoll does not read",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Kind::LfsPointer => "`git lfs pull` in its repository fetches the file, as `plimsoll pull` does",
            Kind::WebPage => {
                "the address led to a page: take the one behind “download”, or `plimsoll pull OWNER/NAME`; some models \
                 ask for a login and their terms first"
            }
            Kind::Adapter => "merge it into its base (peft: merge_and_unload, save_pretrained), then name that folder",
            Kind::Pickle => "take the .safetensors files of the same model, or a GGUF",
            Kind::Onnx => "take the .safetensors files of the same model, or a GGUF",
        }
    }
}

/// Looks whether what lies at `path` is one of them.
pub fn recognise(path: &Path) -> Option<WrongDownload> {
    let found = |file: &Path, kind| Some(WrongDownload { file: file.to_owned(), kind });
    if path.is_file() {
        return kind_of_file(path).and_then(|kind| found(path, kind));
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path)
        .ok()?
        .flatten()
        .take(MOST_ENTRIES)
        .map(|entry| entry.path())
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    let has = |name: &str| files.iter().any(|file| file.file_name().is_some_and(|other| other == name));
    if has("adapter_config.json") && !has("config.json") {
        return found(path, Kind::Adapter);
    }
    files.iter().find_map(|file| kind_of_file(file).and_then(|kind| found(file, kind)))
}

fn kind_of_file(path: &Path) -> Option<Kind> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let is_model = ["safetensors", "gguf", "json", "bin", "pth", "pt", ""].contains(&extension.as_str());
    if begins("version https://git-lfs.github.com/spec/") {
        Some(Kind::LfsPointer)
    } else if is_model && (begins("<!doctype") || begins("<html")) {
        Some(Kind::WebPage)
    } else if ["pth", "pt", "bin", "ckpt"].contains(&extension.as_str())
        && (head.starts_with(b"PK\x03\x04") || head.starts_with(&[0x80]))
    {
        Some(Kind::Pickle)
    } else if extension == "onnx" && head.first() == Some(&0x08) {
        Some(Kind::Onnx)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, head: &[u8]) -> Option<Kind> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), head).unwrap();
        let alone = recognise(&dir.path().join(name)).map(|found| found.kind);
        assert_eq!(recognise(dir.path()).map(|found| found.kind), alone, "in its folder as by itself");
        alone
    }

    #[test]
    fn each_of_the_common_wrong_downloads_is_known_by_its_first_bytes() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 42\n";
        assert_eq!(kind("model.safetensors", pointer), Some(Kind::LfsPointer));
        assert_eq!(kind("model.gguf", b"\n<!DOCTYPE html><html><head>"), Some(Kind::WebPage));
        assert_eq!(kind("model.gguf", b"<HTML lang=en>"), Some(Kind::WebPage));
        assert_eq!(kind("consolidated.00.pth", b"PK\x03\x04rest"), Some(Kind::Pickle));
        assert_eq!(kind("pytorch_model.bin", &[0x80, 2, 0x8a]), Some(Kind::Pickle));
        assert_eq!(kind("model.onnx", &[0x08, 7, 0x12]), Some(Kind::Onnx));
    }

    #[test]
    fn what_may_be_a_model_is_left_to_who_reads_it() {
        assert_eq!(kind("model.gguf", b"GGUF\x03\0\0\0"), None);
        assert_eq!(kind("model.safetensors", b"\x40\0\0\0\0\0\0\0{\"a\":"), None);
        assert_eq!(kind("README.html", b"<!DOCTYPE html>"), None);
        assert_eq!(kind("empty.gguf", b""), None);
    }

    #[test]
    fn an_adapter_is_one_only_without_a_model_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("adapter_config.json"), "{}").unwrap();
        assert_eq!(recognise(dir.path()).map(|found| found.kind), Some(Kind::Adapter));
        fs::write(dir.path().join("config.json"), "{}").unwrap();
        assert_eq!(recognise(dir.path()), None);
    }
}
