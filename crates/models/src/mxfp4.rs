//! Experts as OpenAI published them: codes and scales of MXFP4 in tensors of their own, the rows of gate and up by turns.
//! They become ggml's blocks in memory when a model is opened, to the same values. Source: transformers
//! integrations/mxfp4.py, `convert_moe_packed_tensors`.

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
    if (&codes.dtype[..], &scales.dtype[..]) != ("U8", "U8") || scales.shape != [experts, rows, blocks] {
        let expected = [experts, rows, blocks];
        return error(format!(
            "is {} beside scales {} {:?}, expected U8 {expected:?}",
            codes.dtype, scales.dtype, scales.shape
        ));
    }
    let (codes, scales) = (&file.bytes[codes.range.clone()], &scale_file.bytes[scales.range.clone()]);
    let parts = match stack.strip_suffix("gate_up_proj") {
        None => vec![(stack.to_owned(), 0, 1)],
        Some(_) if !rows.is_multiple_of(2) => {
            return error(format!("has {rows} rows, expected as many of gate and up"));
        }
        Some(before) => vec![(format!("{before}gate_proj"), 0, 2), (format!("{before}up_proj"), 1, 2)],
    };
    let tensors = parts.into_iter().map(|(part, first, step)| {
        let kept = (0..experts * rows).skip(first).step_by(step);
        let bytes: Vec<u8> = kept.flat_map(|row| row_blocks(row, blocks, codes, scales)).collect();
        let range = 0..bytes.len();
        let shape = vec![experts, rows / step, blocks * BLOCK];
        Tensor::new(&part, FileBytes::owned(file.bytes.name(), bytes), range, DType::MXFP4, shape)
    });
    Ok(Some(tensors.collect()))
}

/// A row: of each block its scale, then values `i` low and `i + 16` high, where the file has neighbours in a byte.
fn row_blocks<'a>(row: usize, blocks: usize, codes: &'a [u8], scales: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
    (row * blocks..(row + 1) * blocks).flat_map(move |block| {
        let codes = &codes[block * CODES..][..CODES];
        let code = move |i: usize| codes[i / 2] >> (i % 2 * 4) & 15;
        std::iter::once(scales[block]).chain((0..CODES).map(move |i| code(i) | code(i + CODES) << 4))
    })
}
