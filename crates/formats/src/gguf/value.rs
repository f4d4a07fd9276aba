//! GGUF metadata values and the cursor that reads them. Source: ggml's docs/gguf.md.
//!
//! Scalars and single strings are copied; arrays stay where they are in the file and are decoded on demand, so that
//! reading the metadata allocates no more than the file holds.

use std::ops::Range;

use crate::error::FormatError;

/// Arrays of arrays deeper than this are refused; no published file nests at all.
const MAX_DEPTH: usize = 4;

/// The type tags of GGUF metadata, 0 to 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaType {
    /// 8-bit unsigned.
    U8,
    /// 8-bit signed.
    I8,
    /// 16-bit unsigned.
    U16,
    /// 16-bit signed.
    I16,
    /// 32-bit unsigned.
    U32,
    /// 32-bit signed.
    I32,
    /// 32-bit float.
    F32,
    /// One byte, 0 or 1.
    Bool,
    /// 64-bit length and bytes.
    String,
    /// Element type, 64-bit count, elements.
    Array,
    /// 64-bit unsigned.
    U64,
    /// 64-bit signed.
    I64,
    /// 64-bit float.
    F64,
}

impl MetaType {
    const ALL: [MetaType; 13] = {
        use MetaType::*;
        [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64]
    };

    fn from_tag(tag: u32) -> Option<MetaType> {
        MetaType::ALL.get(tag as usize).copied()
    }

    /// Bytes of one element; for strings and arrays the least that one takes.
    fn min_bytes(self) -> usize {
        match self {
            MetaType::U8 | MetaType::I8 | MetaType::Bool => 1,
            MetaType::U16 | MetaType::I16 => 2,
            MetaType::U32 | MetaType::I32 | MetaType::F32 => 4,
            MetaType::U64 | MetaType::I64 | MetaType::F64 | MetaType::String => 8,
            MetaType::Array => 12,
        }
    }

    /// The name that messages use.
    pub fn name(self) -> &'static str {
        ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"][self as usize]
    }
}

/// One metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum MetaValue {
    /// Any unsigned integer.
    Uint(u64),
    /// Any signed integer.
    Int(i64),
    /// Either float, widened exactly.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A string; not always UTF-8.
    Text(Vec<u8>),
    /// An array, still in the file.
    Array(MetaArray),
}

/// Where an array of metadata lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaArray {
    /// Type of each element.
    pub element: MetaType,
    /// Number of elements; checked against the file when it was read.
    pub len: usize,
    /// Byte range of the elements in the file.
    pub(crate) range: Range<usize>,
}

impl MetaValue {
    /// What messages show as "found".
    pub fn describe(&self) -> String {
        match self {
            MetaValue::Uint(v) => v.to_string(),
            MetaValue::Int(v) => v.to_string(),
            MetaValue::Float(v) => v.to_string(),
            MetaValue::Bool(v) => v.to_string(),
            MetaValue::Text(v) => {
                let text: String = String::from_utf8_lossy(v).chars().take(60).collect();
                format!("the string {text:?}")
            }
            MetaValue::Array(a) => format!("an array of {} {}", a.len, a.element.name()),
        }
    }
}

/// Reads forward through a file; every read is checked against its end.
pub(crate) struct Cursor<'a> {
    file: &'a str,
    bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(file: &'a str, bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { file, bytes, at }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `n` bytes; `item` names what they are for.
    pub(crate) fn take(&mut self, n: u64, item: &str) -> Result<&'a [u8], FormatError> {
        if n > self.remaining() as u64 {
            return Err(FormatError::Truncated {
                file: self.file.to_owned(),
                item: item.to_owned(),
                needs: (self.at as u64).saturating_add(n),
                has: self.bytes.len() as u64,
            });
        }
        let taken = &self.bytes[self.at..self.at + n as usize];
        self.at += n as usize;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self, item: &str) -> Result<[u8; N], FormatError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64, item)?);
        Ok(out)
    }

    pub(crate) fn u32(&mut self, item: &str) -> Result<u32, FormatError> {
        self.fixed(item).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, item: &str) -> Result<u64, FormatError> {
        self.fixed(item).map(u64::from_le_bytes)
    }

    /// A string: 64-bit length, then that many bytes.
    pub(crate) fn string(&mut self, item: &str) -> Result<&'a [u8], FormatError> {
        let len = self.u64(item)?;
        self.take(len, item)
    }

    /// A string that must be UTF-8, as names of keys and tensors must.
    pub(crate) fn name(&mut self, item: &str) -> Result<&'a str, FormatError> {
        let at = self.at;
        std::str::from_utf8(self.string(item)?)
            .map_err(|_| FormatError::malformed(self.file, format!("{item} at byte {at} is not UTF-8")))
    }

    pub(crate) fn meta_type(&mut self, item: &str) -> Result<MetaType, FormatError> {
        let tag = self.u32(item)?;
        MetaType::from_tag(tag).ok_or_else(|| {
            FormatError::malformed(self.file, format!("{item} has the value type {tag}, expected 0 to 12"))
        })
    }

    /// One value of type `ty`.
    pub(crate) fn value(&mut self, ty: MetaType, item: &str) -> Result<MetaValue, FormatError> {
        Ok(match ty {
            MetaType::U8 => MetaValue::Uint(self.fixed::<1>(item)?[0].into()),
            MetaType::I8 => MetaValue::Int(i8::from_le_bytes(self.fixed(item)?).into()),
            MetaType::U16 => MetaValue::Uint(u16::from_le_bytes(self.fixed(item)?).into()),
            MetaType::I16 => MetaValue::Int(i16::from_le_bytes(self.fixed(item)?).into()),
            MetaType::U32 => MetaValue::Uint(self.u32(item)?.into()),
            MetaType::I32 => MetaValue::Int(i32::from_le_bytes(self.fixed(item)?).into()),
            MetaType::F32 => MetaValue::Float(f32::from_le_bytes(self.fixed(item)?).into()),
            MetaType::F64 => MetaValue::Float(f64::from_le_bytes(self.fixed(item)?)),
            MetaType::U64 => MetaValue::Uint(self.u64(item)?),
            MetaType::I64 => MetaValue::Int(i64::from_le_bytes(self.fixed(item)?)),
            MetaType::Bool => MetaValue::Bool(self.bool(item)?),
            MetaType::String => MetaValue::Text(self.string(item)?.to_vec()),
            MetaType::Array => MetaValue::Array(self.array(item, MAX_DEPTH)?),
        })
    }

    fn bool(&mut self, item: &str) -> Result<bool, FormatError> {
        match self.fixed::<1>(item)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(FormatError::malformed(self.file, format!("{item} is a bool of value {other}"))),
        }
    }

    /// Walks over an array without decoding it.
    fn array(&mut self, item: &str, depth: usize) -> Result<MetaArray, FormatError> {
        let element = self.meta_type(item)?;
        let len = self.u64(item)?;
        let least = len.saturating_mul(element.min_bytes() as u64);
        if least > self.remaining() as u64 {
            return Err(FormatError::Truncated {
                file: self.file.to_owned(),
                item: format!("{item} (an array of {len} {})", element.name()),
                needs: (self.at as u64).saturating_add(least),
                has: self.bytes.len() as u64,
            });
        }
        let start = self.at;
        match element {
            MetaType::String => {
                for _ in 0..len {
                    self.string(item)?;
                }
            }
            MetaType::Array => {
                if depth == 0 {
                    let what = format!("{item} nests arrays deeper than {MAX_DEPTH}");
                    return Err(FormatError::malformed(self.file, what));
                }
                for _ in 0..len {
                    self.array(item, depth - 1)?;
                }
            }
            _ => {
                self.take(least, item)?;
            }
        }
        Ok(MetaArray { element, len: len as usize, range: start..self.at })
    }
}
