//! Split GGUF models, `name-00001-of-00003.gguf`: given any part, all of them. Source: llama.cpp's gguf-split.

use std::path::{Path, PathBuf};

use super::GgufFile;
use crate::error::FormatError;

/// Opens a GGUF model whole: the one file, or every part of the split that `path` belongs to, first part first.
///
/// # Errors
/// As [`GgufFile::open`], and [`FormatError::Part`] where a part is missing, misnamed or from another split.
pub fn open_parts(path: &Path) -> Result<Vec<GgufFile>, FormatError> {
    let given = GgufFile::open(path)?;
    let count = given.uint("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(vec![given]);
    }
    let expected = format!("is one of {count} parts, expected a name that ends in -00001-of-{count:05}.gguf");
    let Some(naming) = Naming::of(path).filter(|n| u64::from(n.count) == count) else {
        return Err(FormatError::malformed(given.name(), expected));
    };
    let mut parts = Vec::new();
    for number in 1..=naming.count {
        let part_path = naming.path(number);
        let name = part_path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !part_path.exists() {
            return Err(FormatError::part(given.name(), &name, "which is missing"));
        }
        let part = GgufFile::open(&part_path)?;
        let (no, of) = (part.uint("split.no")?, part.uint("split.count")?);
        if no != Some(u64::from(number) - 1) || of != Some(count) {
            let shown = |v: Option<u64>| v.map_or("absent".to_owned(), |v| v.to_string());
            let what = format!(
                "whose split.no is {} and split.count {}, expected {} and {count}",
                shown(no),
                shown(of),
                number - 1
            );
            return Err(FormatError::part(given.name(), &name, what));
        }
        parts.push(part);
    }
    check_total(&parts)?;
    Ok(parts)
}

/// The first part says how many tensors all parts hold together.
fn check_total(parts: &[GgufFile]) -> Result<(), FormatError> {
    let found: usize = parts.iter().map(|p| p.tensors().len()).sum();
    match parts[0].uint("split.tensors.count")? {
        Some(promised) if promised != found as u64 => Err(FormatError::malformed(
            parts[0].name(),
            format!("promises {promised} tensors in {} parts, they hold {found}", parts.len()),
        )),
        _ => Ok(()),
    }
}

/// Whether a file of this name is part of a split model, and not the first.
pub fn is_later_part(name: &str) -> bool {
    Naming::of(Path::new(name)).is_some_and(|naming| naming.number > 1)
}

/// The file of part `number`, from 1, of the `count` that `whole` is split into.
///
/// ```
/// use std::path::Path;
/// let part = plimsoll_formats::gguf::part_path(Path::new("m/big.gguf"), 2, 3);
/// assert_eq!(part, Path::new("m/big-00002-of-00003.gguf"));
/// ```
pub fn part_path(whole: &Path, number: u16, count: u16) -> PathBuf {
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".gguf").unwrap_or(&name).to_owned();
    Naming { folder: whole.parent().unwrap_or(Path::new("")).to_owned(), stem, number, count }.path(number)
}

/// `{stem}-{number:05}-of-{count:05}.gguf`, taken apart.
struct Naming {
    folder: PathBuf,
    stem: String,
    number: u16,
    count: u16,
}

impl Naming {
    fn of(path: &Path) -> Option<Naming> {
        let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (rest, count) = name.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        if count.len() != 5 || number.len() != 5 {
            return None;
        }
        Some(Naming {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            stem: stem.to_owned(),
            number: number.parse().ok()?,
            count: count.parse().ok()?,
        })
    }

    fn path(&self, number: u16) -> PathBuf {
        self.folder.join(format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_the_names_of_its_siblings() {
        let naming = Naming::of(Path::new("/m/big-model-Q4-00002-of-00003.gguf")).unwrap();
        assert_eq!((naming.number, naming.count), (2, 3));
        assert_eq!(naming.path(3), Path::new("/m/big-model-Q4-00003-of-00003.gguf"));
        assert!(Naming::of(Path::new("/m/model.gguf")).is_none());
        assert!(Naming::of(Path::new("/m/model-1-of-3.gguf")).is_none());
    }
}
