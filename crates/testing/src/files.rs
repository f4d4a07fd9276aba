//! Bytes of safetensors and GGUF files.

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

const ALIGNMENT: usize = 32;

/// A GGUF file of version 3. Whole numbers become 32-bit unsigned ones, others 32-bit floats.
///
/// # Panics
/// A value of the metadata is null, an object, or an array of arrays.
pub fn gguf(metadata: &Map<String, Value>, tensors: &[FileTensor]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_text(&mut out, key);
        out.extend(tag(value).to_le_bytes());
        put_value(&mut out, value);
    }
    let mut data: Vec<u8> = Vec::new();
    for tensor in tensors {
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
        put_text(&mut out, &tensor.name);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        tensor.shape.iter().rev().for_each(|dim| out.extend((*dim as u64).to_le_bytes()));
        let tag: u32 = if tensor.width == Width::F32 { 0 } else { 30 };
        out.extend(tag.to_le_bytes());
        out.extend((data.len() as u64).to_le_bytes());
        data.extend(tensor.bytes());
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    out.extend(data);
    out
}

fn tag(value: &Value) -> u32 {
    match value {
        Value::Number(number) if number.is_f64() => 6,
        Value::Number(_) => 4,
        Value::Bool(_) => 7,
        Value::String(_) => 8,
        Value::Array(_) => 9,
        Value::Null | Value::Object(_) => panic!("GGUF has no {value}"),
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            out.extend((number.as_f64().expect("a float") as f32).to_le_bytes());
        }
        Value::Number(number) => out.extend((number.as_u64().expect("no number below 0") as u32).to_le_bytes()),
        Value::Bool(yes) => out.push(u8::from(*yes)),
        Value::String(text) => put_text(out, text),
        Value::Array(values) => {
            out.extend(tag(&values[0]).to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| put_value(out, value));
        }
        Value::Null | Value::Object(_) => panic!("GGUF has no {value}"),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
