//! Small model files that the tests make themselves, whole or broken on purpose.
#![allow(dead_code)] // each test binary uses its own part

use std::path::{Path, PathBuf};

/// A GGUF under construction: raw metadata, raw tensor descriptions, data.
#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    pub alignment: u64,
    pub keys: Vec<Vec<u8>>,
    pub tensors: Vec<Described>,
}

#[derive(Clone)]
pub struct Described {
    name: Vec<u8>,
    dims: Vec<u64>,
    tag: u32,
    data: Vec<u8>,
    /// Instead of the next aligned offset.
    offset: Option<u64>,
}

pub fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

impl Gguf {
    pub fn empty() -> Gguf {
        Gguf { version: 3, alignment: 32, keys: Vec::new(), tensors: Vec::new() }
    }

    /// A one-layer Llama of width 8 with two heads of 4 and a vocabulary of 6.
    pub fn llama() -> Gguf {
        let mut gguf = Gguf::empty().text("general.architecture", "llama");
        for (key, value) in [
            ("block_count", 1),
            ("context_length", 16),
            ("embedding_length", 8),
            ("feed_forward_length", 12),
            ("attention.head_count", 2),
            ("attention.head_count_kv", 1),
            ("vocab_size", 6),
        ] {
            gguf = gguf.u32(&format!("llama.{key}"), value);
        }
        gguf = gguf.f32("llama.attention.layer_norm_rms_epsilon", 1e-5);
        for (name, dims) in [
            ("token_embd.weight", &[8, 6][..]),
            ("output_norm.weight", &[8]),
            ("blk.0.attn_norm.weight", &[8]),
            ("blk.0.attn_q.weight", &[8, 8]),
            ("blk.0.attn_k.weight", &[8, 4]),
            ("blk.0.attn_v.weight", &[8, 4]),
            ("blk.0.attn_output.weight", &[8, 8]),
            ("blk.0.ffn_norm.weight", &[8]),
            ("blk.0.ffn_gate.weight", &[8, 12]),
            ("blk.0.ffn_up.weight", &[8, 12]),
            ("blk.0.ffn_down.weight", &[12, 8]),
        ] {
            gguf = gguf.f32_tensor(name, dims);
        }
        gguf
    }

    pub fn key(mut self, name: &str, tag: u32, value: &[u8]) -> Gguf {
        self.keys.push([&string(name.as_bytes())[..], &tag.to_le_bytes(), value].concat());
        self
    }

    pub fn text(self, name: &str, value: &str) -> Gguf {
        self.key(name, 8, &string(value.as_bytes()))
    }

    pub fn u32(self, name: &str, value: u32) -> Gguf {
        self.key(name, 4, &value.to_le_bytes())
    }

    pub fn u16(self, name: &str, value: u16) -> Gguf {
        self.key(name, 2, &value.to_le_bytes())
    }

    pub fn f32(self, name: &str, value: f32) -> Gguf {
        self.key(name, 6, &value.to_le_bytes())
    }

    pub fn strings(self, name: &str, values: &[&[u8]]) -> Gguf {
        let mut value = [&8u32.to_le_bytes()[..], &(values.len() as u64).to_le_bytes()].concat();
        values.iter().for_each(|v| value.extend(string(v)));
        self.key(name, 9, &value)
    }

    pub fn f32s(self, name: &str, values: &[f32]) -> Gguf {
        let mut value = [&6u32.to_le_bytes()[..], &(values.len() as u64).to_le_bytes()].concat();
        values.iter().for_each(|v| value.extend(v.to_le_bytes()));
        self.key(name, 9, &value)
    }

    pub fn i32s(self, name: &str, values: &[i32]) -> Gguf {
        let mut value = [&5u32.to_le_bytes()[..], &(values.len() as u64).to_le_bytes()].concat();
        values.iter().for_each(|v| value.extend(v.to_le_bytes()));
        self.key(name, 9, &value)
    }

    pub fn without_key(mut self, name: &str) -> Gguf {
        let name = string(name.as_bytes());
        self.keys.retain(|k| !k.starts_with(&name));
        self
    }

    pub fn without_tensor(mut self, name: &str) -> Gguf {
        self.tensors.retain(|t| t.name != name.as_bytes());
        self
    }

    /// Values 0.0, 1.0, 2.0, …; `dims` in GGUF's order, fastest first.
    pub fn f32_tensor(self, name: &str, dims: &[u64]) -> Gguf {
        let n: u64 = dims.iter().product();
        let data = (0..n).flat_map(|i| (i as f32).to_le_bytes()).collect();
        self.tensor(name, dims, 0, data)
    }

    pub fn tensor(mut self, name: &str, dims: &[u64], tag: u32, data: Vec<u8>) -> Gguf {
        self.tensors.push(Described { name: name.as_bytes().to_vec(), dims: dims.to_vec(), tag, data, offset: None });
        self
    }

    /// Puts the last tensor's data at `offset`.
    pub fn at(mut self, offset: u64) -> Gguf {
        self.tensors.last_mut().unwrap().offset = Some(offset);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        self.keys.iter().for_each(|k| out.extend(k));
        let mut next = 0u64;
        let mut data = Vec::new();
        for tensor in &self.tensors {
            out.extend(string(&tensor.name));
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(tensor.tag.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(next).to_le_bytes());
            data.resize(next as usize, 0);
            data.extend(&tensor.data);
            next = (data.len() as u64).next_multiple_of(self.alignment);
        }
        out.resize(out.len().next_multiple_of(self.alignment as usize), 0);
        out.extend(data);
        out
    }
}

/// A safetensors file of `(name, dtype, shape, bytes)`.
pub fn safetensors(tensors: &[(&str, &str, &[usize], usize)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut at = 0;
    for (name, dtype, shape, bytes) in tensors {
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes] });
        header.insert((*name).to_owned(), entry);
        at += bytes;
    }
    raw_safetensors(&serde_json::Value::Object(header).to_string(), at)
}

/// A header as it stands, with `data` bytes behind it.
pub fn raw_safetensors(header: &str, data: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..data).map(|i| i as u8).collect();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// The tensors of the one-layer Llama of [`CONFIG`], in F32.
pub const LLAMA: [(&str, &str, &[usize], usize); 12] = [
    ("model.embed_tokens.weight", "F32", &[6, 8], 192),
    ("model.norm.weight", "F32", &[8], 32),
    ("lm_head.weight", "F32", &[6, 8], 192),
    ("model.layers.0.input_layernorm.weight", "F32", &[8], 32),
    ("model.layers.0.self_attn.q_proj.weight", "F32", &[8, 8], 256),
    ("model.layers.0.self_attn.k_proj.weight", "F32", &[4, 8], 128),
    ("model.layers.0.self_attn.v_proj.weight", "F32", &[4, 8], 128),
    ("model.layers.0.self_attn.o_proj.weight", "F32", &[8, 8], 256),
    ("model.layers.0.post_attention_layernorm.weight", "F32", &[8], 32),
    ("model.layers.0.mlp.gate_proj.weight", "F32", &[12, 8], 384),
    ("model.layers.0.mlp.up_proj.weight", "F32", &[12, 8], 384),
    ("model.layers.0.mlp.down_proj.weight", "F32", &[8, 12], 384),
];

pub const CONFIG: &str = r#"{ "model_type": "llama", "vocab_size": 6, "hidden_size": 8, "intermediate_size": 12,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
    "max_position_embeddings": 16, "rope_theta": 10000.0, "hidden_act": "silu" }"#;

/// A folder that removes itself, with files in it.
pub fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    folder
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
