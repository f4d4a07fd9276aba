//! Writing GGUF: the header, with every tensor's place in it, comes first; then the tensors' bytes as they are made,
//! so that no more of a file is in memory than its header. Source: ggml's docs/gguf.md.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use plimsoll_kernels::DType;

use super::new_value::{NewValue, put_text};
use super::table::{MAX_DIMENSIONS, type_id};
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC};
use crate::error::FormatError;

/// What ggml keeps a tensor's name in, its end included.
const MAX_TENSOR_NAME: usize = 64;

/// A tensor that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTensor {
    /// Its name in the file.
    pub name: String,
    /// How its values are stored.
    pub dtype: DType,
    /// Shape in row-major order, slowest dimension first, as of [`super::GgufTensor`].
    pub shape: Vec<usize>,
}

impl NewTensor {
    /// Bytes of its values; `None` if blocks do not divide its rows or the size overflows.
    pub fn bytes(&self) -> Option<u64> {
        let (cols, outer) = self.shape.split_last()?;
        let rows = outer.iter().try_fold(1usize, |rows, dim| rows.checked_mul(*dim))?;
        self.dtype.row_bytes(*cols)?.checked_mul(rows).map(|bytes| bytes as u64)
    }
}

/// A GGUF file of version 3 while it is written: see [`GgufWriter::new`].
///
/// ```
/// use plimsoll_formats::gguf::{GgufWriter, NewTensor};
/// use plimsoll_kernels::DType;
/// let metadata = [("general.architecture".to_owned(), "llama".into())];
/// let tensors = [NewTensor { name: "norm".to_owned(), dtype: DType::F32, shape: vec![2] }];
/// let mut writer = GgufWriter::new(Vec::new(), "memory", &metadata, &tensors)?;
/// writer.write(&1f32.to_le_bytes())?;
/// writer.write(&2f32.to_le_bytes())?;
/// assert_eq!(&writer.finish()?[..4], b"GGUF");
/// # Ok::<(), plimsoll_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct GgufWriter<W: Write> {
    sink: W,
    file: String,
    alignment: u64,
    /// (name, bytes) of every tensor.
    tensors: Vec<(String, u64)>,
    /// The tensor whose bytes come next, and how many of them came.
    at: usize,
    written: u64,
}

impl<W: Write> GgufWriter<W> {
    /// Writes the header of a file that messages call `file`: metadata in this order, and the table of the tensors, whose
    /// bytes are given to [`GgufWriter::write`] next, in the same order. `general.alignment` is kept if it is a `U32`.
    ///
    /// # Errors
    /// A key or name appears twice or is too long, a shape is none that a file may have, or the system does not write.
    pub fn new(
        sink: W,
        file: &str,
        metadata: &[(String, NewValue)],
        tensors: &[NewTensor],
    ) -> Result<GgufWriter<W>, FormatError> {
        GgufWriter::resumed(sink, file, metadata, tensors, 0)
    }

    /// Goes on with a file of which `sink` has the first `kept` bytes, or begins it.
    ///
    /// # Errors
    /// As [`GgufWriter::new`], or `kept` is beyond its end, or within its header.
    pub fn resumed(
        sink: W,
        file: &str,
        metadata: &[(String, NewValue)],
        tensors: &[NewTensor],
        kept: u64,
    ) -> Result<GgufWriter<W>, FormatError> {
        let (header, sizes, alignment) = sized_header(file, metadata, tensors)?;
        let mut writer = GgufWriter { sink, file: file.to_owned(), alignment, tensors: sizes, at: 0, written: 0 };
        if kept == 0 {
            writer.put(&header)?;
            writer.pass_empty();
            return Ok(writer);
        }
        let misplaced = || FormatError::malformed(file, format!("cannot go on behind {kept} bytes"));
        let mut left = kept.checked_sub(header.len() as u64).ok_or_else(misplaced)?;
        writer.pass_empty();
        while let Some((_, size)) = writer.tensors.get(writer.at) {
            let whole = size.next_multiple_of(alignment);
            if left < *size {
                writer.written = left;
                return Ok(writer);
            }
            left = left.checked_sub(whole).ok_or_else(misplaced)?;
            writer.at += 1;
            writer.pass_empty();
        }
        if left == 0 { Ok(writer) } else { Err(misplaced()) }
    }

    /// The tensor whose bytes come next, and how many of them are there; behind the last, their number.
    pub fn place(&self) -> (usize, u64) {
        (self.at, self.written)
    }

    /// What is written to, for whoever settles it.
    pub fn sink(&mut self) -> &mut W {
        &mut self.sink
    }

    /// What was written to, whether or not it is whole.
    pub fn into_sink(self) -> W {
        self.sink
    }

    /// The next bytes of the tensor that is not yet whole.
    ///
    /// # Errors
    /// They are more than it has, or the system does not write them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some((name, size)) = self.tensors.get(self.at) else {
            return Err(FormatError::malformed(&self.file, "was given bytes behind its last tensor"));
        };
        let (size, written) = (*size, self.written + bytes.len() as u64);
        if written > size {
            let what = format!("was given {written} bytes, expected {size}");
            return Err(FormatError::tensor(&self.file, name, what));
        }
        self.put(bytes)?;
        self.written = written;
        if written == size {
            let padding = size.next_multiple_of(self.alignment) - size;
            self.put(&vec![0; padding as usize])?;
            (self.at, self.written) = (self.at + 1, 0);
            self.pass_empty();
        }
        Ok(())
    }

    /// What was written to, when all tensors are whole.
    ///
    /// # Errors
    /// One is not, or the system does not write the rest.
    pub fn finish(mut self) -> Result<W, FormatError> {
        if let Some((name, size)) = self.tensors.get(self.at) {
            let what = format!("was given {} bytes, expected {size}", self.written);
            return Err(FormatError::tensor(&self.file, name, what));
        }
        self.sink.flush().map_err(|error| FormatError::io(Path::new(&self.file), "write", error))?;
        Ok(self.sink)
    }

    fn pass_empty(&mut self) {
        while self.tensors.get(self.at).is_some_and(|(_, size)| *size == 0) {
            self.at += 1;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        self.sink.write_all(bytes).map_err(|error| FormatError::io(Path::new(&self.file), "write", error))
    }
}

/// The header that [`GgufWriter::new`] writes, for whoever writes over one of the same length.
///
/// # Errors
/// As [`GgufWriter::new`], but for the system's.
pub fn new_header(file: &str, metadata: &[(String, NewValue)], tensors: &[NewTensor]) -> Result<Vec<u8>, FormatError> {
    sized_header(file, metadata, tensors).map(|(bytes, ..)| bytes)
}

/// The header, with every tensor's name and size, and the alignment.
type Header = (Vec<u8>, Vec<(String, u64)>, u64);

fn sized_header(file: &str, metadata: &[(String, NewValue)], tensors: &[NewTensor]) -> Result<Header, FormatError> {
    let alignment = alignment(file, metadata)?;
    let mut out = MAGIC.to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    let mut keys = HashSet::new();
    for (key, value) in metadata {
        if !keys.insert(key) {
            return Err(FormatError::malformed(file, format!("would have the key `{key}` twice")));
        }
        put_text(&mut out, key.as_bytes());
        value.put(&mut out);
    }
    let sizes = put_table(&mut out, file, tensors, alignment)?;
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    Ok((out, sizes, alignment))
}

fn alignment(file: &str, metadata: &[(String, NewValue)]) -> Result<u64, FormatError> {
    match metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some((_, NewValue::U32(alignment))) if alignment.is_power_of_two() && *alignment <= 1 << 20 => {
            Ok(u64::from(*alignment))
        }
        Some(_) => {
            let what = format!("would have another `{ALIGNMENT_KEY}` than a 32-bit power of two up to 1048576");
            Err(FormatError::malformed(file, what))
        }
    }
}

/// Appends the table, and tells the size of each tensor.
fn put_table(
    out: &mut Vec<u8>,
    file: &str,
    tensors: &[NewTensor],
    alignment: u64,
) -> Result<Vec<(String, u64)>, FormatError> {
    let mut names = HashSet::new();
    let mut sizes = Vec::with_capacity(tensors.len());
    let mut offset = 0u64;
    for tensor in tensors {
        let refused = |what: String| FormatError::tensor(file, &tensor.name, what);
        if !names.insert(&tensor.name) {
            return Err(refused("would be there twice".to_owned()));
        }
        if tensor.name.len() >= MAX_TENSOR_NAME {
            return Err(refused(format!(
                "has a name of {} bytes, expected less than {MAX_TENSOR_NAME}",
                tensor.name.len()
            )));
        }
        let dims = tensor.shape.len();
        if dims == 0 || dims > MAX_DIMENSIONS as usize {
            return Err(refused(format!("has {dims} dimensions, expected 1 to {MAX_DIMENSIONS}")));
        }
        let bytes = tensor.bytes().ok_or_else(|| {
            let (dtype, block) = (tensor.dtype, tensor.dtype.block_len());
            refused(format!("has the shape {:?} in {dtype}, expected rows of whole blocks of {block}", tensor.shape))
        })?;
        put_text(out, tensor.name.as_bytes());
        out.extend((dims as u32).to_le_bytes());
        tensor.shape.iter().rev().for_each(|dim| out.extend((*dim as u64).to_le_bytes()));
        let id = type_id(tensor.dtype).ok_or_else(|| refused(format!("is {}, which no file has", tensor.dtype)))?;
        out.extend(id.to_le_bytes());
        out.extend(offset.to_le_bytes());
        sizes.push((tensor.name.clone(), bytes));
        let end = offset.checked_add(bytes).and_then(|end| end.checked_next_multiple_of(alignment));
        offset = end.ok_or_else(|| refused("would end beyond any file".to_owned()))?;
    }
    Ok(sizes)
}
