//! A whole file of questions.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use super::error::{Fault, Flaw, QuestionsError};
use super::line::parsed;
use crate::suite::{Item, Source, hash};

/// How questions of one's own are put and marked.
pub const VARIANT: &str = "own questions, each by its own check";
/// Bytes of a file; a question takes some hundreds.
const MOST_BYTES: u64 = 256 << 20;
/// Bytes of a line.
const MOST_LINE_BYTES: usize = 1 << 20;
/// Questions of a file.
const MOST_ITEMS: usize = 100_000;
/// Bytes of all pictures, which are held while the questions are asked.
const MOST_PICTURE_BYTES: usize = 2 << 30;

/// The questions of the file at `path`, the first `each` of every category where that is told.
///
/// # Errors
/// [`QuestionsError`], with every malformed line, also behind the first `each`.
pub fn read(path: &Path, each: Option<usize>) -> Result<(Source, Vec<Item>), QuestionsError> {
    let file = path.display().to_string();
    let cannot = |source| QuestionsError::Read { file: file.clone(), source };
    let mut bytes = Vec::new();
    plimsoll_formats::open_regular(path)
        .and_then(|opened| opened.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(QuestionsError::TooLong { file, most: MOST_BYTES });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut items = parse(&file, &bytes, folder)?;
    keep_first(&mut items, each);
    let name = path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
    Ok((Source { name, variant: VARIANT.to_owned(), path: file, sha256: hash::sha256_hex(&bytes) }, items))
}

/// The line, from 1, of the question with this id in the file at `path`, if it can still be read there.
pub fn line_of(path: &Path, id: &str) -> Option<usize> {
    let bytes = std::fs::read(path).ok()?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let folder = path.parent().unwrap_or(Path::new(""));
    let holds = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok().filter(|text| !text.trim().is_empty());
        text.and_then(|text| parsed(text, folder).ok()).is_some_and(|parsed| parsed.item.id == id)
    };
    bytes.split(|byte| *byte == b'\n').position(holds).map(|index| index + 1)
}

/// Keeps the first `each` of every category.
pub(crate) fn keep_first(items: &mut Vec<Item>, each: Option<usize>) {
    let Some(each) = each else { return };
    let mut kept: HashMap<String, usize> = HashMap::new();
    items.retain(|item| {
        let n = kept.entry(item.category.clone()).or_default();
        *n += 1;
        *n <= each
    });
}

/// The questions in `bytes`, of the file named `file`; pictures are looked for in `folder`.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, bytes: &[u8], folder: &Path) -> Result<Vec<Item>, QuestionsError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(QuestionsError::Utf16 { file: file.to_owned() });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader { folder, items: Vec::new(), lines: HashMap::new(), picture_bytes: 0 };
    let mut faults = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if let Err(flaw) = reader.take(index + 1, line) {
            let ends = matches!(flaw, Flaw::TooMany { .. } | Flaw::TooManyPictures { .. });
            faults.push(Fault { line: index + 1, flaw });
            if ends {
                break;
            }
        }
    }
    match (faults.is_empty(), reader.items.is_empty()) {
        (false, _) => Err(QuestionsError::Lines { file: file.to_owned(), faults }),
        (true, true) => Err(QuestionsError::Empty { file: file.to_owned() }),
        (true, false) => Ok(reader.items),
    }
}

struct Reader<'a> {
    folder: &'a Path,
    items: Vec<Item>,
    /// The line of each id.
    lines: HashMap<String, usize>,
    picture_bytes: usize,
}

impl Reader<'_> {
    fn take(&mut self, number: usize, line: &[u8]) -> Result<(), Flaw> {
        if line.len() > MOST_LINE_BYTES {
            return Err(Flaw::TooLong { most: MOST_LINE_BYTES });
        }
        let text = std::str::from_utf8(line).map_err(|error| Flaw::NotUtf8 { at: error.valid_up_to() + 1 })?;
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.items.len() == MOST_ITEMS {
            return Err(Flaw::TooMany { most: MOST_ITEMS });
        }
        let parsed = parsed(text, self.folder)?;
        if let Some(&line) = self.lines.get(&parsed.item.id) {
            return Err(match parsed.has_id {
                true => Flaw::IdTwice { id: parsed.item.id, line },
                false => Flaw::SameQuestion { line },
            });
        }
        self.picture_bytes += parsed.item.framing.images.iter().map(crate::suite::Image::n_bytes).sum::<usize>();
        if self.picture_bytes > MOST_PICTURE_BYTES {
            return Err(Flaw::TooManyPictures { most: MOST_PICTURE_BYTES });
        }
        self.lines.insert(parsed.item.id.clone(), number);
        self.items.push(parsed.item);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
