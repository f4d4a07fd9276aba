//! The weight blocks against ggml's own values.

use std::path::Path;

use plimsoll_kernels::{DType, dequantise};

/// A tensor of a GGUF file: its dimensions, ggml's number for its type, and the bytes from its start on.
struct Tensor<'a> {
    values: usize,
    bytes: &'a [u8],
}

/// Reads just enough GGUF for the fixtures: version 3, string and integer metadata.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        self.at += n;
        &self.bytes[self.at - n..self.at]
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> usize {
        u64::from_le_bytes(self.take(8).try_into().unwrap()) as usize
    }

    fn string(&mut self) -> &'a str {
        let n = self.u64();
        std::str::from_utf8(self.take(n)).unwrap()
    }

    fn skip_value(&mut self) {
        match self.u32() {
            0 | 1 | 7 => self.at += 1,
            2 | 3 => self.at += 2,
            4..=6 => self.at += 4,
            8 => drop(self.string()),
            10..=12 => self.at += 8,
            kind => panic!("metadata of kind {kind} in a fixture"),
        }
    }

    fn tensors(&mut self) -> Vec<(&'a str, Tensor<'a>)> {
        assert_eq!((self.take(4), self.u32()), (b"GGUF".as_slice(), 3));
        let (n_tensors, n_keys) = (self.u64(), self.u64());
        for _ in 0..n_keys {
            self.string();
            self.skip_value();
        }
        let infos: Vec<(&str, usize, usize)> = (0..n_tensors)
            .map(|_| {
                let name = self.string();
                let values = (0..self.u32()).map(|_| self.u64()).product();
                self.u32(); // the type, which the file's name tells
                (name, values, self.u64())
            })
            .collect();
        let data = &self.bytes[self.at.next_multiple_of(32)..];
        infos.into_iter().map(|(name, values, offset)| (name, Tensor { values, bytes: &data[offset..] })).collect()
    }
}

#[test]
fn every_published_block_type_dequantises_to_the_expected_values() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/blocks");
    if !folder.is_dir() {
        println!("skipped: ../shared not found");
        return;
    }
    let mut checked = 0;
    for &dtype in DType::ALL {
        let Ok(bytes) = std::fs::read(folder.join(format!("{dtype}.gguf"))) else { continue };
        let tensors = Reader { bytes: &bytes, at: 0 }.tensors();
        let find = |name| &tensors.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{name}")).1;
        let (quantised, expected) = (find("quantised"), find("expected"));
        let mut out = vec![0.0; quantised.values];
        dequantise(dtype, &quantised.bytes[..dtype.row_bytes(quantised.values).unwrap()], &mut out);
        for (i, (value, bytes)) in out.iter().zip(expected.bytes.as_chunks().0).enumerate() {
            let expected = f32::from_le_bytes(*bytes);
            assert!(
                (value - expected).abs() <= 1e-6 * expected.abs(),
                "{dtype} value {i}: {value}, expected {expected}"
            );
        }
        checked += 1;
    }
    assert_eq!(checked, 21, "fixtures that match a type");
}

/// One block of each type and its values by ggml's Python package: see `../data/make_blocks.py`.
const BLOCKS: &str = include_str!("../data/blocks.txt");

fn from_hex(word: &str) -> Vec<u8> {
    (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn one_block_of_each_type_dequantises_to_the_values_kept_here() {
    for line in BLOCKS.lines() {
        let [name, block, values] = line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
        let dtype = *DType::ALL.iter().find(|dtype| dtype.name() == name).expect("a known type");
        let mut out = vec![0.0; dtype.block_len()];
        dequantise(dtype, &from_hex(block), &mut out);
        for (i, (value, bytes)) in out.iter().zip(from_hex(values).as_chunks().0).enumerate() {
            let expected = f32::from_le_bytes(*bytes);
            assert!(
                (value - expected).abs() <= 1e-6 * expected.abs(),
                "{dtype} value {i}: {value}, expected {expected}"
            );
        }
    }
    let floats = DType::ALL.iter().filter(|dtype| dtype.is_float()).count();
    // `AFFINE8` is no type of ggml's.
    assert_eq!(BLOCKS.lines().count(), DType::ALL.len() - floats - 1, "a block of every type");
}
