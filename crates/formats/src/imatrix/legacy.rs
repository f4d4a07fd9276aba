//! The form of files called `imatrix.dat`: a count of weights; of each its name, its passes and the mean squares times these;
//! then the passes of the whole and the text's name. All numbers are 32-bit and little-endian.

use std::collections::BTreeMap;

use super::{Imatrix, Importance};
use crate::error::FormatError;
use crate::mapping::FileBytes;

/// Reads a whole file; what follows the weights may be missing, as in the oldest.
pub fn read(bytes: &FileBytes) -> Result<Imatrix, FormatError> {
    let mut at = Reader { file: bytes.name(), rest: bytes };
    let n_weights = at.count("the number of weights")?;
    let mut read = Imatrix { weights: BTreeMap::new(), ..Imatrix::default() };
    for _ in 0..n_weights {
        let name = at.text("the name of a weight")?;
        let passes = at.count("the passes of a weight")?;
        let n_values = at.count("the columns of a weight")?;
        let values = at.bytes(n_values, 4, "the importance of a weight")?;
        let sums = values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        read.weights.insert(name, Importance { sums, counts: vec![passes as f32] });
    }
    if !at.rest.is_empty() {
        read.chunks = at.count("the passes")? as u64;
        read.datasets.push(at.text("the name of the text")?);
    }
    if !at.rest.is_empty() {
        let what = format!("is no importance matrix: {} bytes follow its end", at.rest.len());
        return Err(FormatError::malformed(at.file, what));
    }
    Ok(read)
}

struct Reader<'a> {
    file: &'a str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn count(&mut self, what: &str) -> Result<usize, FormatError> {
        let bytes = self.bytes(1, 4, what)?;
        let value = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        usize::try_from(value).map_err(|_| self.refused(&format!("{what} would be {value}")))
    }

    fn text(&mut self, what: &str) -> Result<String, FormatError> {
        let len = self.count(what)?;
        Ok(String::from_utf8_lossy(self.bytes(len, 1, what)?).into_owned())
    }

    fn bytes(&mut self, n: usize, each: usize, what: &str) -> Result<&'a [u8], FormatError> {
        let split = n.checked_mul(each).and_then(|len| self.rest.split_at_checked(len));
        let (bytes, rest) = split.ok_or_else(|| self.refused(&format!("{what} lies beyond its end")))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn refused(&self, what: &str) -> FormatError {
        FormatError::malformed(self.file, format!("is no importance matrix: {what}"))
    }
}
