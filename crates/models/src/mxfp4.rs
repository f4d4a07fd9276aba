//! Experts as OpenAI published them: codes and scales of MXFP4 in tensors of their own, the rows of gate and up by turns.
//! They become ggml's blocks in memory when they are first read, to the same values. Source: transformers
//! integrations/mxfp4.py, `convert_moe_packed_tensors`.

use std::ops::Range;
use std::sync::Arc;

use plimsoll_formats::safetensors::{SafeTensor, SafetensorsFile};
use plimsoll_formats::{FileBytes, FormatError, Tensor};
use plimsoll_kernels::DType;

/// Values of a block.
const BLOCK: usize = 32;
/// Bytes of its codes.
const CODES: usize = BLOCK / 2;

/// Whether a tensor is read with its codes.
pub(crate) fn is_beside(files: &[SafetensorsFile], name: &str) -> bool {
    name.strip_suffix("_scales").is_some_and(|module| find(files, &format!("{module}_blocks")).is_some())
}

fn find<'a>(files: &'a [SafetensorsFile], name: &str) -> Option<(&'a SafetensorsFile, &'a SafeTensor)> {
    files.iter().find_map(|file| Some((file, file.tensors.iter().find(|tensor| tensor.name == name)?)))
}

/// The stacks (experts, out, in) whose codes the tensor `name` holds, `canonical` being its canonical name; `None` of a tensor
/// that holds none.
///
/// # Errors
/// Codes and scales do not go together.
pub(crate) fn restored(
    files: &[SafetensorsFile],
    name: &str,
    canonical: &str,
) -> Result<Option<Vec<Tensor>>, FormatError> {
    let (Some(module), Some(stack)) = (name.strip_suffix("_blocks"), canonical.strip_suffix("_blocks")) else {
        return Ok(None);
    };
    let (Some((file, codes)), Some((scale_file, scales))) =
        (find(files, name), find(files, &format!("{module}_scales")))
    else {
        return Ok(None);
    };
    let error = |what: String| Err(FormatError::tensor(file.bytes.name(), name, what));
    let &[experts, rows, blocks, CODES] = &codes.shape[..] else {
        return error(format!("has the shape {:?}, expected (experts, out, in / 32, 16)", codes.shape));
    };
    if blocks == 0 {
        return error(format!("has the shape {:?}, expected blocks in a row", codes.shape));
    }
    if (&codes.dtype[..], &scales.dtype[..]) != ("U8", "U8") || scales.shape != [experts, rows, blocks] {
        let expected = [experts, rows, blocks];
        return error(format!(
            "is {} beside scales {} {:?}, expected U8 {expected:?}",
            codes.dtype, scales.dtype, scales.shape
        ));
    }
    let source = Source {
        codes: (Arc::clone(&file.bytes), codes.range.clone()),
        scales: (Arc::clone(&scale_file.bytes), scales.range.clone()),
        blocks,
    };
    let parts = match stack.strip_suffix("gate_up_proj") {
        None => vec![(stack.to_owned(), 0, 1)],
        Some(_) if !rows.is_multiple_of(2) => {
            return error(format!("has {rows} rows, expected as many of gate and up"));
        }
        Some(before) => vec![(format!("{before}gate_proj"), 0, 2), (format!("{before}up_proj"), 1, 2)],
    };
    let tensors = parts.into_iter().map(|(part, first, step)| {
        let (source, all) = (source.clone(), experts * rows);
        let bytes = FileBytes::made(file.bytes.name(), move || source.rows((first..all).step_by(step)));
        let shape = vec![experts, rows / step, blocks * BLOCK];
        Tensor::new(&part, bytes, 0..all / step * blocks * (1 + CODES), DType::MXFP4, shape)
    });
    Ok(Some(tensors.collect()))
}

/// Where codes and scales lie.
#[derive(Clone)]
struct Source {
    codes: (Arc<FileBytes>, Range<usize>),
    scales: (Arc<FileBytes>, Range<usize>),
    /// Blocks of a row.
    blocks: usize,
}

impl Source {
    /// Rows in ggml's blocks. The file's own are not needed in memory after that.
    fn rows(&self, kept: impl ExactSizeIterator<Item = usize>) -> Vec<u8> {
        let (codes, scales) = (&self.codes.0[self.codes.1.clone()], &self.scales.0[self.scales.1.clone()]);
        let mut bytes = vec![0; kept.len() * self.blocks * (1 + CODES)];
        for (row, out) in kept.zip(bytes.chunks_exact_mut(self.blocks * (1 + CODES))) {
            put_row(&codes[row * self.blocks * CODES..], &scales[row * self.blocks..], out);
        }
        for (file, range) in [&self.codes, &self.scales] {
            file.wont_need(range.clone());
        }
        bytes
    }
}

/// A row: of each block its scale, then values `i` low and `i + 16` high, where the file has neighbours in a byte.
fn put_row(codes: &[u8], scales: &[u8], out: &mut [u8]) {
    let blocks = codes.as_chunks::<CODES>().0.iter().zip(scales);
    for (out, (codes, scale)) in out.as_chunks_mut::<{ 1 + CODES }>().0.iter_mut().zip(blocks) {
        out[0] = *scale;
        let (low, high) = codes.split_at(CODES / 2);
        for (out, (a, b)) in out[1..].as_chunks_mut::<2>().0.iter_mut().zip(low.iter().zip(high)) {
            *out = [a & 15 | b << 4, a >> 4 | b & 0xf0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_byte_become_values_sixteen_apart() {
        // Value i of a block is i mod 16, two blocks of scales 5 and 6.
        let byte = |i: u8| ((2 * i) % 16) | (((2 * i + 1) % 16) << 4);
        let codes: Vec<u8> = (0..32).map(byte).collect();
        let mut row = vec![0; 2 * (1 + CODES)];
        put_row(&codes, &[5, 6], &mut row);
        let (first, second) = row.split_at(1 + CODES);
        assert_eq!((first[0], second[0]), (5, 6));
        let both: Vec<u8> = (0..16u8).map(|i| i | (i << 4)).collect();
        assert_eq!((&first[1..], &second[1..]), (&both[..], &both[..]));
    }
}
