//! Data that tools/make_vision_data.py wrote, and the arithmetic that it repeats.
#![allow(dead_code)] // each test file uses its part

use std::path::{Path, PathBuf};

use serde_json::Value;

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn shared(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(fixture)
}

pub fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The CRC-32 of PNG and zlib.
pub fn crc32(bytes: &[u8]) -> u64 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    u64::from(!crc)
}

/// `noise` of tools/make_vision_data.py.
pub fn noise(width: usize, height: usize) -> plimsoll_vision::Picture {
    let n = width * height * 3;
    let mut state = 12345u32;
    let levels = (0..n).map(|i| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7FFF_FFFF;
        let level = (state >> 16) as u8;
        if i < n / 4 { if level > 127 { 255 } else { 0 } } else { level }
    });
    plimsoll_vision::Picture::new(width, height, levels.collect())
}

/// The F32 tensor `name` of a safetensors file.
pub fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let entry = &header[name];
    assert_eq!(entry["dtype"], "F32");
    let offsets = numbers(&entry["data_offsets"]);
    let values = bytes[8 + n..][offsets[0]..offsets[1]].chunks_exact(4);
    (numbers(&entry["shape"]), values.map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect())
}
