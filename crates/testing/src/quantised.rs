//! Small models in block types.

use std::path::Path;

use plimsoll_formats::gguf::{Element, GgufFile};
use plimsoll_kernels::{DType, dequantise, quantise_q4_0, quantise_q8_0};

/// The bytes of a GGUF of floats with its matrices as `Q4_0` and `Q8_0` in turn, so that products of one value meet both.
/// Matrices whose rows are no whole blocks stay as they are.
///
/// # Panics
/// The file is no such GGUF.
pub fn quantised(gguf: &Path) -> Vec<u8> {
    let file = GgufFile::open(gguf).unwrap();
    let mut out = file.bytes()[..start_of_table(&file)].to_vec();
    let mut data = Vec::new();
    for (index, tensor) in file.tensors().iter().enumerate() {
        let Element::Weight(dtype) = tensor.element else { panic!("{} holds no weights", tensor.name) };
        let stored = &file.bytes()[tensor.range.clone()];
        let is_matrix = tensor.shape.len() > 1 && tensor.shape.last().unwrap().is_multiple_of(32);
        data.resize(data.len().next_multiple_of(32), 0);
        let offset = data.len() as u64;
        let tag: u32 = match dtype {
            dtype if is_matrix => {
                let mut values = vec![0.0; tensor.shape.iter().product()];
                dequantise(dtype, stored, &mut values);
                let (blocks, _) = values.as_chunks::<32>();
                match index % 2 {
                    0 => data.extend(blocks.iter().flat_map(quantise_q4_0)),
                    _ => data.extend(blocks.iter().flat_map(quantise_q8_0)),
                }
                if index % 2 == 0 { 2 } else { 8 }
            }
            _ => {
                data.extend(stored);
                [DType::F32, DType::F16].iter().position(|float| *float == dtype).map_or(30, |tag| tag as u32)
            }
        };
        write_text(&mut out, &tensor.name);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        tensor.shape.iter().rev().for_each(|dim| out.extend((*dim as u64).to_le_bytes()));
        out.extend(tag.to_le_bytes());
        out.extend(offset.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(data);
    out
}

/// Where the table of tensors begins: at the name of the first one, which nothing else spells.
fn start_of_table(file: &GgufFile) -> usize {
    let mut first = Vec::new();
    write_text(&mut first, &file.tensors()[0].name);
    file.bytes().windows(first.len()).position(|bytes| bytes == first).unwrap()
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
