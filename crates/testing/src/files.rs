//! Bytes of safetensors and GGUF files.

use plimsoll_formats::gguf::{GgufWriter, NewTensor, NewValue};
use plimsoll_kernels::DType;
use serde_json::{Map, Value, json};

/// How a value of a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Width {
    /// Four bytes.
    F32,
    /// The upper two bytes of those; what it holds has to be exact.
    Bf16,
}

/// A tensor of a file that is to be written: its shape is given outermost first.
#[derive(Debug)]
pub struct FileTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape, outermost first.
    pub shape: Vec<usize>,
    /// How its values are stored.
    pub width: Width,
    /// Its values in the file's order.
    pub values: Vec<f32>,
}

impl FileTensor {
    fn bytes(&self) -> Vec<u8> {
        match self.width {
            Width::F32 => self.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Width::Bf16 => self.values.iter().flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect(),
        }
    }
}

/// A safetensors file, with the metadata that transformers asks for.
pub fn safetensors(tensors: &[FileTensor]) -> Vec<u8> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut data = Vec::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(tensor.bytes());
        let dtype = if tensor.width == Width::F32 { "F32" } else { "BF16" };
        let entry = json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [start, data.len()] });
        header.insert(tensor.name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// A GGUF file of version 3.
pub fn gguf(metadata: &[(String, NewValue)], tensors: &[FileTensor]) -> Vec<u8> {
    let table = tensors.iter().map(|tensor| NewTensor {
        name: tensor.name.clone(),
        dtype: if tensor.width == Width::F32 { DType::F32 } else { DType::BF16 },
        shape: tensor.shape.clone(),
    });
    let table: Vec<NewTensor> = table.collect();
    let mut writer = GgufWriter::new(Vec::new(), "memory", metadata, &table).expect("a file that may be");
    tensors.iter().for_each(|tensor| writer.write(&tensor.bytes()).expect("its bytes"));
    writer.finish().expect("all tensors")
}
