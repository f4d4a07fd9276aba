//! safetensors files, single and sharded. Source: the format description in huggingface/safetensors.
//!
//! A file is an 8-byte length, a JSON header of that length and the tensors' bytes, without gap or overlap.

mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use plimsoll_kernels::DType;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::error::{FormatError, MAX_NAME, one_line};
use crate::folder::Folder;
use crate::mapping::FileBytes;

pub use write::{NewTensor, ShardWriter};

const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
/// The reference implementation's own limit on a header's length.
const MAX_HEADER: u64 = 100_000_000;

/// One tensor of a safetensors header.
#[derive(Debug, Clone)]
pub struct SafeTensor {
    /// Name as the file spells it.
    pub name: String,
    /// Type as the file spells it: `BF16`, `I64`, …
    pub dtype: String,
    /// Shape, slowest dimension first: (out, in).
    pub shape: Vec<usize>,
    /// Byte range in the file.
    pub range: Range<usize>,
}

impl SafeTensor {
    /// The type, if weights may have it.
    pub fn weight_type(&self) -> Option<DType> {
        match self.dtype.as_str() {
            "F32" => Some(DType::F32),
            "F16" => Some(DType::F16),
            "BF16" => Some(DType::BF16),
            _ => None,
        }
    }
}

/// A file together with the tensors its header lists.
#[derive(Debug, Clone)]
pub struct SafetensorsFile {
    /// The mapped file.
    pub bytes: Arc<FileBytes>,
    /// Its tensors, in the order of their bytes.
    pub tensors: Vec<SafeTensor>,
}

impl SafetensorsFile {
    /// Checks the header of a whole file.
    ///
    /// # Errors
    /// Anything malformed, truncated or overlapping, by name.
    pub fn parse(bytes: Arc<FileBytes>) -> Result<SafetensorsFile, FormatError> {
        let tensors = parse_header(bytes.name(), &bytes)?;
        Ok(SafetensorsFile { bytes, tensors })
    }
}

/// The weight files of a model folder: `model.safetensors`, or the shards that the index names, or the only
/// `*.safetensors` there is; `None` if the folder has none of these.
///
/// # Errors
/// A file is missing or broken, or it is open which of several belong together.
pub fn open_folder(folder: &Folder) -> Result<Option<Vec<SafetensorsFile>>, FormatError> {
    if let Some(bytes) = folder.open(SINGLE)? {
        return Ok(Some(vec![SafetensorsFile::parse(bytes)?]));
    }
    if let Some(text) = folder.text(INDEX)? {
        return open_shards(folder, &text).map(Some);
    }
    let names = folder.names()?;
    let mut weights = names.iter().filter(|n| n.ends_with(".safetensors"));
    match (weights.next(), weights.next()) {
        (Some(only), None) => {
            let bytes = folder.open(only)?.ok_or_else(|| missing(folder, only, "is gone"))?;
            Ok(Some(vec![SafetensorsFile::parse(bytes)?]))
        }
        (Some(_), Some(_)) => Err(FormatError::NoModel {
            path: folder.display(),
            found: format!("several .safetensors files but no `{INDEX}` that says how they belong together"),
        }),
        (None, _) => Ok(None),
    }
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: UniqueMap<String>,
}

fn open_shards(folder: &Folder, index: &str) -> Result<Vec<SafetensorsFile>, FormatError> {
    let index_name = folder.display_file(INDEX);
    let index: Index = serde_json::from_str(index).map_err(|e| {
        FormatError::malformed(&index_name, format!("not the index that was expected (an object `weight_map`): {e}"))
    })?;
    let mut promised: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (tensor, shard) in &index.weight_map.0 {
        promised.entry(shard).or_default().insert(tensor);
    }
    let mut files: Vec<SafetensorsFile> = Vec::new();
    for (shard, tensors) in promised {
        check_shard_name(folder, shard)?;
        let bytes = folder.open(shard)?.ok_or_else(|| missing(folder, shard, "which is missing"))?;
        let file = SafetensorsFile::parse(bytes)?;
        let held: BTreeSet<&str> = file.tensors.iter().map(|t| t.name.as_str()).collect();
        if let Some(lost) = tensors.difference(&held).next() {
            let what = format!("which should hold the tensor `{lost}` and does not");
            return Err(FormatError::part(&index_name, shard, what));
        }
        files.push(file);
    }
    Ok(files)
}

/// A shard is a `.safetensors` beside its index: no path that leads out of the folder or back to the index.
fn check_shard_name(folder: &Folder, shard: &str) -> Result<(), FormatError> {
    let plain = !shard.contains(['/', '\\', '\0']) && shard != ".." && shard != ".";
    if !plain {
        return Err(missing(folder, shard, "which leads out of the folder; expected a file beside the index"));
    }
    if !shard.ends_with(".safetensors") {
        return Err(missing(folder, shard, "which is no .safetensors file; an index cannot name itself or others"));
    }
    Ok(())
}

fn missing(folder: &Folder, shard: &str, what: &str) -> FormatError {
    FormatError::part(&folder.display_file(INDEX), shard, what)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Parses the header of `bytes` and places every tensor inside the file. `file` is for messages.
///
/// # Errors
/// Anything malformed, truncated or overlapping, by name.
pub fn parse_header(file: &str, bytes: &[u8]) -> Result<Vec<SafeTensor>, FormatError> {
    let truncated = |item: &str, needs: u64| FormatError::Truncated {
        file: file.to_owned(),
        item: item.to_owned(),
        needs,
        has: bytes.len() as u64,
    };
    let Some((len, rest)) = bytes.split_first_chunk::<8>() else { return Err(truncated("the header's length", 8)) };
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER {
        let what = format!("claims a header of {len} bytes, expected {MAX_HEADER} at most; not a safetensors file");
        return Err(FormatError::malformed(file, what));
    }
    let len = len as usize;
    let header = rest.get(..len).ok_or_else(|| truncated("the header", len as u64 + 8))?;
    let entries: HeaderMap = serde_json::from_slice(header)
        .map_err(|e| FormatError::malformed(file, format!("the header is not what was expected: {e}")))?;
    let data = rest.len() - len;
    let mut tensors = Vec::with_capacity(entries.0.len());
    for (name, entry) in entries.0 {
        tensors.push(place(file, name, entry, len + 8, data)?);
    }
    tensors.sort_by_key(|t| (t.range.start, t.range.end));
    refuse_gaps(file, &tensors, len + 8..bytes.len())?;
    Ok(tensors)
}

fn place(file: &str, name: String, entry: Entry, base: usize, data: usize) -> Result<SafeTensor, FormatError> {
    let (begin, end) = entry.data_offsets;
    if begin > end {
        return Err(FormatError::tensor(file, &name, format!("has the offsets [{begin}, {end}] in the wrong order")));
    }
    if end > data as u64 {
        return Err(FormatError::Truncated {
            file: file.to_owned(),
            item: format!("tensor `{}`", one_line(&name, MAX_NAME)),
            needs: end.saturating_add(base as u64),
            has: (base + data) as u64,
        });
    }
    let impossible = || FormatError::tensor(file, &name, format!("has the impossible shape {:?}", entry.shape));
    let shape: Option<Vec<usize>> = entry.shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    let shape = shape.ok_or_else(impossible)?;
    // Of a type whose width is not known, at least the values can be counted.
    let expected = n_bytes(&shape, width(&entry.dtype).unwrap_or(1)).ok_or_else(impossible)?;
    let stored = (end - begin) as usize;
    if width(&entry.dtype).is_some() && expected != stored {
        let what = format!("takes {stored} bytes, expected {expected} for {shape:?} of {}", entry.dtype);
        return Err(FormatError::tensor(file, &name, what));
    }
    let range = base + begin as usize..base + end as usize;
    Ok(SafeTensor { name, dtype: entry.dtype, shape, range })
}

/// Bytes of a tensor whose values take `width` each.
fn n_bytes(shape: &[usize], width: usize) -> Option<usize> {
    shape.iter().try_fold(width, |a, &b| a.checked_mul(b))
}

/// Bytes per element of the types whose size is known; tensors of other types are listed but cannot be used.
fn width(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "BOOL" | "I8" | "U8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        _ => return None,
    })
}

/// Tensors (sorted by start) must tile the data section: no overlap, no gap, nothing behind the last.
fn refuse_gaps(file: &str, tensors: &[SafeTensor], data: Range<usize>) -> Result<(), FormatError> {
    let mut end = data.start;
    let mut previous = "";
    for tensor in tensors {
        if tensor.range.start < end {
            let (first, second) = (one_line(previous, MAX_NAME), one_line(&tensor.name, MAX_NAME));
            return Err(FormatError::Overlap { file: file.to_owned(), first, second });
        }
        if tensor.range.start > end {
            let what = format!("starts {} bytes after the tensor before it ends", tensor.range.start - end);
            return Err(FormatError::tensor(file, &tensor.name, what));
        }
        end = tensor.range.end;
        previous = &tensor.name;
    }
    if end != data.end {
        let what = format!("has {} bytes behind its last tensor, expected none", data.end - end);
        return Err(FormatError::malformed(file, what));
    }
    Ok(())
}

/// A header's entries without its `__metadata__`; a name that appears twice is an error, where serde keeps the last.
struct HeaderMap(Vec<(String, Entry)>);

impl<'de> serde::Deserialize<'de> for HeaderMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = HeaderMap;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensor descriptions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderMap, A::Error> {
                let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else if !names.insert(name.clone()) {
                        return Err(serde::de::Error::custom(format!(
                            "tensor `{}` appears twice",
                            one_line(&name, MAX_NAME)
                        )));
                    } else {
                        let entry = map.next_value().map_err(|e| {
                            serde::de::Error::custom(format!("tensor `{}`: {e}", one_line(&name, MAX_NAME)))
                        })?;
                        entries.push((name, entry));
                    }
                }
                Ok(HeaderMap(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A JSON object whose keys must differ.
struct UniqueMap<V>(BTreeMap<String, V>);

impl<'de, V: serde::Deserialize<'de>> serde::Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique<V>(std::marker::PhantomData<V>);
        impl<'de, V: serde::Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = UniqueMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMap<V>, A::Error> {
                let mut out = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if out.insert(key.clone(), value).is_some() {
                        return Err(serde::de::Error::custom(format!("`{key}` appears twice")));
                    }
                }
                Ok(UniqueMap(out))
            }
        }
        deserializer.deserialize_map(Unique(std::marker::PhantomData))
    }
}
