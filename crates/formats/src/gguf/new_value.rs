//! Metadata that is to be written. Source: ggml's docs/gguf.md.

use super::value::MetaType;

/// One value of the metadata of a new file.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// 8-bit unsigned.
    U8(u8),
    /// 8-bit signed.
    I8(i8),
    /// 16-bit unsigned.
    U16(u16),
    /// 16-bit signed.
    I16(i16),
    /// 32-bit unsigned.
    U32(u32),
    /// 32-bit signed.
    I32(i32),
    /// 32-bit float.
    F32(f32),
    /// A boolean.
    Bool(bool),
    /// A string; not always UTF-8.
    Text(Vec<u8>),
    /// Values of one type, which an empty array has too.
    Array(MetaType, Vec<NewValue>),
    /// 64-bit unsigned.
    U64(u64),
    /// 64-bit signed.
    I64(i64),
    /// 64-bit float.
    F64(f64),
    /// Another file's, its type in front: see [`super::GgufFile::copied_metadata`].
    Copied(Vec<u8>),
}

impl NewValue {
    /// An array of numbers, booleans or strings, which is of `element` if it is empty.
    ///
    /// # Panics
    /// They are not all of that type.
    pub fn array<T: Into<NewValue>>(element: MetaType, values: impl IntoIterator<Item = T>) -> NewValue {
        let values: Vec<NewValue> = values.into_iter().map(Into::into).collect();
        assert!(values.iter().all(|value| value.meta_type() == Some(element)), "an array of {}", element.name());
        NewValue::Array(element, values)
    }

    /// Its type; `None` of what is copied.
    fn meta_type(&self) -> Option<MetaType> {
        Some(match self {
            NewValue::U8(_) => MetaType::U8,
            NewValue::I8(_) => MetaType::I8,
            NewValue::U16(_) => MetaType::U16,
            NewValue::I16(_) => MetaType::I16,
            NewValue::U32(_) => MetaType::U32,
            NewValue::I32(_) => MetaType::I32,
            NewValue::F32(_) => MetaType::F32,
            NewValue::Bool(_) => MetaType::Bool,
            NewValue::Text(_) => MetaType::String,
            NewValue::Array(..) => MetaType::Array,
            NewValue::U64(_) => MetaType::U64,
            NewValue::I64(_) => MetaType::I64,
            NewValue::F64(_) => MetaType::F64,
            NewValue::Copied(_) => return None,
        })
    }

    /// Appends the type and the value.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        if let Some(meta_type) = self.meta_type() {
            out.extend((meta_type as u32).to_le_bytes());
        }
        self.put_bare(out);
    }

    fn put_bare(&self, out: &mut Vec<u8>) {
        match self {
            NewValue::U8(v) => out.push(*v),
            NewValue::I8(v) => out.extend(v.to_le_bytes()),
            NewValue::U16(v) => out.extend(v.to_le_bytes()),
            NewValue::I16(v) => out.extend(v.to_le_bytes()),
            NewValue::U32(v) => out.extend(v.to_le_bytes()),
            NewValue::I32(v) => out.extend(v.to_le_bytes()),
            NewValue::F32(v) => out.extend(v.to_le_bytes()),
            NewValue::Bool(v) => out.push(u8::from(*v)),
            NewValue::Text(v) => put_text(out, v),
            NewValue::Array(element, values) => {
                out.extend((*element as u32).to_le_bytes());
                out.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| value.put_bare(out));
            }
            NewValue::U64(v) => out.extend(v.to_le_bytes()),
            NewValue::I64(v) => out.extend(v.to_le_bytes()),
            NewValue::F64(v) => out.extend(v.to_le_bytes()),
            NewValue::Copied(bytes) => out.extend(bytes),
        }
    }
}

/// A 64-bit length, then the bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}

macro_rules! from {
    ($($rust:ty => $variant:ident)*) => {
        $(impl From<$rust> for NewValue {
            fn from(value: $rust) -> NewValue {
                NewValue::$variant(value)
            }
        })*
    };
}

from! { u32 => U32 i32 => I32 f32 => F32 bool => Bool u64 => U64 Vec<u8> => Text }

impl From<&str> for NewValue {
    fn from(text: &str) -> NewValue {
        NewValue::Text(text.as_bytes().to_vec())
    }
}
