//! Small models in block types.

use std::path::Path;

use plimsoll_formats::gguf::{GgufFile, GgufWriter, NewTensor};
use plimsoll_kernels::DType;
use plimsoll_models::export;

/// The bytes of a GGUF of floats with its matrices as `Q4_0` and `Q8_0` in turn, so that products of one value meet both.
/// Matrices whose rows are no whole blocks stay as they are.
///
/// # Panics
/// The file is no such GGUF.
pub fn quantised(gguf: &Path) -> Vec<u8> {
    let file = GgufFile::open(gguf).unwrap();
    let tensors = export::of_gguf(std::slice::from_ref(&file)).unwrap();
    let table = tensors.iter().enumerate().map(|(index, tensor)| {
        let is_matrix = tensor.shape.len() > 1 && tensor.cols().is_multiple_of(32);
        let blocks = [DType::Q4_0, DType::Q8_0][index % 2];
        let dtype = if is_matrix { blocks } else { tensor.dtype() };
        NewTensor { name: tensor.name.clone(), dtype, shape: tensor.shape.clone() }
    });
    let table: Vec<NewTensor> = table.collect();
    let mut writer = GgufWriter::new(Vec::new(), "memory", &file.copied_metadata(), &table).unwrap();
    for (tensor, new) in tensors.iter().zip(&table) {
        let mut values = vec![0.0; tensor.rows() * tensor.cols()];
        tensor.read_rows(0, &mut values);
        let mut bytes = vec![0; new.bytes().unwrap() as usize];
        plimsoll_quantise::encode(new.dtype, &values, None, &mut bytes).unwrap();
        writer.write(&bytes).unwrap();
    }
    writer.finish().unwrap()
}
