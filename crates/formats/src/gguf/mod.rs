//! GGUF files, versions 2 and 3, little-endian: header, metadata and tensor table, checked against the file's length.
//! Source: ggml's docs/gguf.md. Nothing here knows what the keys mean.

mod new_value;
mod split;
mod table;
mod value;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use new_value::NewValue;
pub use split::is_later_part;
pub use split::open_parts;
pub use split::part_path;
pub use table::{Element, GgufTensor};
pub use value::{MetaArray, MetaType, MetaValue};
pub use write::{GgufWriter, NewTensor, new_header};

use crate::error::{FormatError, HyperparamError, MAX_NAME, one_line};
use crate::mapping::FileBytes;
use value::Cursor;

/// Whether a file of this name holds a vision tower, by llama.cpp's custom.
pub fn is_mmproj(name: &str) -> bool {
    name.ends_with(".gguf") && name.contains("mmproj")
}

const MAGIC: &[u8; 4] = b"GGUF";
/// The tensor data starts at the next multiple of this, and so does each tensor, unless `general.alignment` differs.
const DEFAULT_ALIGNMENT: u64 = 32;
const ALIGNMENT_KEY: &str = "general.alignment";

/// A value of the metadata, and where the file has it.
#[derive(Debug, Clone)]
struct Entry {
    value: MetaValue,
    /// Of its type's tag and what follows.
    range: Range<usize>,
}

/// One GGUF file: its metadata by key and its tensors in the file's order.
#[derive(Debug, Clone)]
pub struct GgufFile {
    bytes: Arc<FileBytes>,
    /// 2 or 3.
    pub version: u32,
    metadata: BTreeMap<String, Entry>,
    tensors: Vec<GgufTensor>,
}

impl GgufFile {
    /// Maps and checks one file (one part, if it is split).
    ///
    /// # Errors
    /// Anything malformed, truncated or overlapping, by name.
    pub fn open(path: &Path) -> Result<GgufFile, FormatError> {
        GgufFile::parse(FileBytes::map(path)?)
    }

    /// Checks bytes that are already at hand.
    ///
    /// # Errors
    /// As [`GgufFile::open`].
    pub fn parse(bytes: Arc<FileBytes>) -> Result<GgufFile, FormatError> {
        let file = bytes.name().to_owned();
        let mut cursor = Cursor::new(&file, &bytes, 0);
        let version = header(&mut cursor, &file)?;
        let n_tensors = cursor.u64("the tensor count")?;
        let n_keys = cursor.u64("the metadata count")?;
        // The least a key takes is 13 bytes (empty name, type, one byte), a tensor 24 (empty name, no dimensions).
        plausible(&cursor, &file, "metadata keys", n_keys, 13)?;
        plausible(&cursor, &file, "tensors", n_tensors, 24)?;
        let metadata = read_metadata(&mut cursor, &file, n_keys)?;
        let alignment = alignment(&metadata, &file)?;
        let tensors = table::read(&mut cursor, &file, n_tensors, alignment)?;
        Ok(GgufFile { bytes, version, metadata, tensors })
    }

    /// The file's path, as messages show it.
    pub fn name(&self) -> &str {
        self.bytes.name()
    }

    /// The mapped file.
    pub fn bytes(&self) -> &Arc<FileBytes> {
        &self.bytes
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> &[GgufTensor] {
        &self.tensors
    }

    /// Every metadata key with its value, sorted by key.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &MetaValue)> {
        self.metadata.iter().map(|(key, entry)| (key.as_str(), &entry.value))
    }

    /// The raw value of `key`.
    pub fn get(&self, key: &str) -> Option<&MetaValue> {
        self.metadata.get(key).map(|entry| &entry.value)
    }

    /// Every metadata key in the file's order, with its value as another file may have it.
    pub fn copied_metadata(&self) -> Vec<(String, NewValue)> {
        let mut entries: Vec<(&String, &Range<usize>)> =
            self.metadata.iter().map(|(key, entry)| (key, &entry.range)).collect();
        entries.sort_by_key(|(_, range)| range.start);
        let copied = |range: &Range<usize>| NewValue::Copied(self.bytes[range.clone()].to_vec());
        entries.into_iter().map(|(key, range)| (key.clone(), copied(range))).collect()
    }

    fn wrong(&self, key: &str, found: &MetaValue, expected: &str) -> HyperparamError {
        HyperparamError {
            file: self.name().to_owned(),
            key: key.to_owned(),
            found: found.describe(),
            expected: expected.to_owned(),
        }
    }

    /// All single numbers under keys that begin with `prefix`, by what follows it.
    pub fn numbers_of(&self, prefix: &str) -> BTreeMap<String, f64> {
        let number = |value: &MetaValue| match value {
            MetaValue::Float(v) => Some(*v),
            MetaValue::Uint(v) => Some(*v as f64),
            MetaValue::Int(v) => Some(*v as f64),
            _ => None,
        };
        let found = self.metadata.iter();
        found.filter_map(|(key, entry)| Some((key.strip_prefix(prefix)?.to_owned(), number(&entry.value)?))).collect()
    }

    /// A whole number that is not negative; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn uint(&self, key: &str) -> Result<Option<u64>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Uint(v)) => Ok(Some(*v)),
            Some(MetaValue::Int(v)) if *v >= 0 => Ok(Some(*v as u64)),
            Some(other) => Err(self.wrong(key, other, "a whole number")),
        }
    }

    /// A number; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn float(&self, key: &str) -> Result<Option<f64>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Float(v)) => Ok(Some(*v)),
            Some(MetaValue::Uint(v)) => Ok(Some(*v as f64)),
            Some(MetaValue::Int(v)) => Ok(Some(*v as f64)),
            Some(other) => Err(self.wrong(key, other, "a number")),
        }
    }

    /// A boolean; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Bool(v)) => Ok(Some(*v)),
            Some(other) => Err(self.wrong(key, other, "a bool")),
        }
    }

    /// A string of UTF-8; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else, or bytes that are not UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&str>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(value @ MetaValue::Text(bytes)) => {
                std::str::from_utf8(bytes).map(Some).map_err(|_| self.wrong(key, value, "UTF-8 text"))
            }
            Some(other) => Err(self.wrong(key, other, "a string")),
        }
    }

    /// `general.architecture`, which every file has to have.
    ///
    /// # Errors
    /// It is absent, or no text.
    pub fn architecture(&self) -> Result<&str, HyperparamError> {
        const KEY: &str = "general.architecture";
        self.text(KEY)?.ok_or_else(|| HyperparamError {
            file: self.name().to_owned(),
            key: KEY.to_owned(),
            found: "nothing".to_owned(),
            expected: "the name of an architecture".to_owned(),
        })
    }

    fn array(&self, key: &str, element: &[MetaType], expected: &str) -> Result<Option<&MetaArray>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Array(a)) if element.contains(&a.element) || a.len == 0 => Ok(Some(a)),
            Some(other) => Err(self.wrong(key, other, expected)),
        }
    }

    /// An array of strings, as raw bytes since tokens need not be UTF-8; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&[u8]>>, HyperparamError> {
        let Some(array) = self.array(key, &[MetaType::String], "an array of strings")? else { return Ok(None) };
        let mut rest = &self.bytes[array.range.clone()];
        let mut out = Vec::new();
        while let Some((len, tail)) = rest.split_first_chunk::<8>() {
            let (string, tail) = tail.split_at(u64::from_le_bytes(*len) as usize);
            out.push(string);
            rest = tail;
        }
        Ok(Some(out))
    }

    /// An array of 32-bit floats; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>, HyperparamError> {
        let Some(array) = self.array(key, &[MetaType::F32], "an array of f32")? else { return Ok(None) };
        Ok(Some(self.chunks(array).map(f32::from_le_bytes).collect()))
    }

    /// An array of 32-bit integers, signed or not; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else, or an unsigned number beyond `i32`.
    pub fn i32s(&self, key: &str) -> Result<Option<Vec<i32>>, HyperparamError> {
        let expected = "an array of i32";
        let Some(array) = self.array(key, &[MetaType::I32, MetaType::U32], expected)? else { return Ok(None) };
        let out: Vec<i32> = self.chunks(array).map(i32::from_le_bytes).collect();
        if array.element == MetaType::U32 && out.iter().any(|&v| v < 0) {
            return Err(self.wrong(key, &MetaValue::Array(array.clone()), expected));
        }
        Ok(Some(out))
    }

    /// An array of booleans; `None` if the key is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn bools(&self, key: &str) -> Result<Option<Vec<bool>>, HyperparamError> {
        let Some(array) = self.array(key, &[MetaType::Bool], "an array of bool")? else { return Ok(None) };
        Ok(Some(self.bytes[array.range.clone()].iter().map(|&b| b != 0).collect()))
    }

    fn chunks(&self, array: &MetaArray) -> impl Iterator<Item = [u8; 4]> + '_ {
        self.bytes[array.range.clone()].as_chunks::<4>().0.iter().copied()
    }
}

/// Magic and version.
fn header(cursor: &mut Cursor, file: &str) -> Result<u32, FormatError> {
    let bytes = cursor.take(4, "the magic number")?;
    if bytes != MAGIC {
        let shown = bytes.escape_ascii();
        return Err(FormatError::malformed(
            file,
            format!("starts with \"{shown}\", expected \"GGUF\"; not a GGUF file"),
        ));
    }
    match cursor.u32("the version")? {
        version @ (2 | 3) => Ok(version),
        version if (2..=3).contains(&version.swap_bytes()) => {
            Err(FormatError::malformed(file, "is a big-endian GGUF, expected little-endian"))
        }
        version => Err(FormatError::malformed(file, format!("is GGUF version {version}, expected 2 or 3"))),
    }
}

/// Refuses a count that the rest of the file cannot hold, before anything is allocated for it.
fn plausible(cursor: &Cursor, file: &str, what: &str, count: u64, least: u64) -> Result<(), FormatError> {
    let most = cursor.remaining() as u64 / least;
    if count <= most {
        return Ok(());
    }
    let what = format!("promises {count} {what}, but the rest of the file can hold {most} at most");
    Err(FormatError::malformed(file, what))
}

fn read_metadata(cursor: &mut Cursor, file: &str, count: u64) -> Result<BTreeMap<String, Entry>, FormatError> {
    let mut metadata = BTreeMap::new();
    for i in 0..count {
        let key = cursor.name(&format!("the name of metadata key {i}"))?;
        let item = format!("key `{}`", one_line(key, MAX_NAME));
        let start = cursor.at;
        let ty = cursor.meta_type(&item)?;
        let value = cursor.value(ty, &item)?;
        if metadata.insert(key.to_owned(), Entry { value, range: start..cursor.at }).is_some() {
            return Err(FormatError::malformed(file, format!("{item} appears twice")));
        }
    }
    Ok(metadata)
}

fn alignment(metadata: &BTreeMap<String, Entry>, file: &str) -> Result<u64, FormatError> {
    match metadata.get(ALIGNMENT_KEY).map(|entry| &entry.value) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(MetaValue::Uint(v)) if v.is_power_of_two() && *v <= 1 << 20 => Ok(*v),
        Some(other) => Err(HyperparamError {
            file: file.to_owned(),
            key: ALIGNMENT_KEY.to_owned(),
            found: other.describe(),
            expected: "a power of two up to 1048576".to_owned(),
        }
        .into()),
    }
}
