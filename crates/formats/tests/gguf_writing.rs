//! GGUF files that we write, as our reader and the package `gguf` read them.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::path::Path;
use std::process::Command;

use plimsoll_formats::gguf::{Element, GgufFile, GgufWriter, MetaType, MetaValue, NewTensor, NewValue};
use plimsoll_formats::{FileBytes, NewFile};
use plimsoll_kernels::DType;
use skipped::skipped;

/// A Python that has the package `gguf`, if it is not `python3`.
const PYTHON: &str = "PLIMSOLL_TEST_PYTHON";

fn tensor(name: &str, dtype: DType, shape: &[usize]) -> NewTensor {
    NewTensor { name: name.to_owned(), dtype, shape: shape.to_vec() }
}

fn metadata() -> Vec<(String, NewValue)> {
    let all = [
        ("general.architecture", "llama".into()),
        ("a.u8", NewValue::U8(200)),
        ("a.i8", NewValue::I8(-7)),
        ("a.u16", NewValue::U16(60_000)),
        ("a.i16", NewValue::I16(-300)),
        ("a.u32", NewValue::U32(4_000_000_000)),
        ("a.i32", NewValue::I32(-70_000)),
        ("a.f32", NewValue::F32(0.5)),
        ("a.bool", NewValue::Bool(true)),
        ("a.text", NewValue::Text(vec![0x66, 0xff, 0x6f])),
        ("a.u64", NewValue::U64(1 << 60)),
        ("a.i64", NewValue::I64(-(1 << 60))),
        ("a.f64", NewValue::F64(0.1)),
        ("a.texts", NewValue::array(MetaType::String, ["one", "", "three"])),
        ("a.f32s", NewValue::array(MetaType::F32, [1.0f32, -2.5])),
        ("a.i32s", NewValue::array(MetaType::I32, [3, -4])),
        ("a.none", NewValue::array(MetaType::Bool, Vec::<bool>::new())),
    ];
    all.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

/// Three tensors of sizes that are no multiples of the alignment, their bytes given in pieces.
fn written() -> Vec<u8> {
    let tensors =
        [tensor("one", DType::F32, &[3]), tensor("two", DType::Q8_0, &[2, 64]), tensor("three", DType::BF16, &[1, 5])];
    let mut writer = GgufWriter::new(Vec::new(), "memory", &metadata(), &tensors).unwrap();
    for value in [1.0f32, 2.0, 3.0] {
        writer.write(&value.to_le_bytes()).unwrap();
    }
    let blocks: Vec<u8> = (0..136).collect();
    writer.write(&blocks[..50]).unwrap();
    writer.write(&blocks[50..]).unwrap();
    writer.write(&[7; 10]).unwrap();
    writer.finish().unwrap()
}

#[test]
fn our_reader_finds_every_value_and_tensor_that_was_written() {
    let file = GgufFile::parse(FileBytes::owned("memory", written())).unwrap();
    let expected = [
        ("a.u8", MetaValue::Uint(200)),
        ("a.i8", MetaValue::Int(-7)),
        ("a.u16", MetaValue::Uint(60_000)),
        ("a.i16", MetaValue::Int(-300)),
        ("a.u32", MetaValue::Uint(4_000_000_000)),
        ("a.i32", MetaValue::Int(-70_000)),
        ("a.f32", MetaValue::Float(0.5)),
        ("a.bool", MetaValue::Bool(true)),
        ("a.text", MetaValue::Text(vec![0x66, 0xff, 0x6f])),
        ("a.u64", MetaValue::Uint(1 << 60)),
        ("a.i64", MetaValue::Int(-(1 << 60))),
        ("a.f64", MetaValue::Float(0.1)),
    ];
    for (key, value) in expected {
        assert_eq!(file.get(key), Some(&value), "{key}");
    }
    assert_eq!(file.strings("a.texts").unwrap().unwrap(), [&b"one"[..], b"", b"three"]);
    assert_eq!(file.f32s("a.f32s").unwrap().unwrap(), [1.0, -2.5]);
    assert_eq!(file.i32s("a.i32s").unwrap().unwrap(), [3, -4]);
    assert_eq!(file.bools("a.none").unwrap(), Some(vec![]));
    let found: Vec<_> = file.tensors().iter().map(|t| (&t.name[..], t.element.name(), &t.shape[..])).collect();
    assert_eq!(found, [("one", "F32", &[3][..]), ("two", "Q8_0", &[2, 64]), ("three", "BF16", &[1, 5])]);
    let bytes: Vec<&[u8]> = file.tensors().iter().map(|t| &file.bytes()[t.range.clone()]).collect();
    assert_eq!(bytes[0], [1.0f32, 2.0, 3.0].map(f32::to_le_bytes).concat());
    assert_eq!((bytes[1], bytes[2]), (&(0..136).collect::<Vec<u8>>()[..], &[7u8; 10][..]));
    assert!(file.tensors().iter().all(|t| t.range.start.is_multiple_of(32)));
}

#[test]
fn copied_metadata_is_the_same_bytes_in_the_same_order() {
    let source = GgufFile::parse(FileBytes::owned("source", written())).unwrap();
    let copied = source.copied_metadata();
    let keys: Vec<&str> = copied.iter().map(|(key, _)| &key[..]).collect();
    assert_eq!(keys, metadata().iter().map(|(key, _)| &key[..]).collect::<Vec<_>>());
    let header = |metadata: &[(String, NewValue)]| {
        GgufWriter::new(Vec::new(), "memory", metadata, &[]).unwrap().finish().unwrap()
    };
    assert_eq!(header(&copied), header(&metadata()));
}

#[test]
fn every_type_has_the_number_that_the_reader_knows_it_by() {
    for &dtype in DType::ALL.iter().filter(|dtype| **dtype != DType::AFFINE8) {
        let row = dtype.block_len();
        let mut writer = GgufWriter::new(Vec::new(), "memory", &[], &[tensor("t", dtype, &[1, row])]).unwrap();
        writer.write(&vec![0; dtype.block_bytes()]).unwrap();
        let file = GgufFile::parse(FileBytes::owned("memory", writer.finish().unwrap())).unwrap();
        assert_eq!(file.tensors()[0].element, Element::Weight(dtype));
    }
}

#[test]
fn another_alignment_is_kept_where_it_is_declared() {
    let metadata = [("general.alignment".to_owned(), NewValue::U32(64))];
    let tensors = [tensor("a", DType::F32, &[1]), tensor("b", DType::F32, &[1])];
    let mut writer = GgufWriter::new(Vec::new(), "memory", &metadata, &tensors).unwrap();
    writer.write(&[1; 4]).unwrap();
    writer.write(&[2; 4]).unwrap();
    let file = GgufFile::parse(FileBytes::owned("memory", writer.finish().unwrap())).unwrap();
    let starts: Vec<usize> = file.tensors().iter().map(|t| t.range.start % 64).collect();
    assert_eq!(starts, [0, 0]);
    let odd = [("general.alignment".to_owned(), NewValue::U32(48))];
    assert!(GgufWriter::new(Vec::new(), "memory", &odd, &tensors).is_err());
}

#[test]
fn what_makes_no_file_is_refused_by_name() {
    let refused = |tensors: &[NewTensor]| {
        GgufWriter::new(Vec::new(), "f", &metadata(), tensors).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[tensor("w", DType::Q4_K, &[2, 96])]),
        "`f`, tensor `w`: has the shape [2, 96] in Q4_K, expected rows of whole blocks of 256"
    );
    assert_eq!(refused(&[tensor("w", DType::F32, &[1; 5])]), "`f`, tensor `w`: has 5 dimensions, expected 1 to 4");
    let twice = tensor("w", DType::F32, &[1]);
    assert_eq!(refused(&[twice.clone(), twice.clone()]), "`f`, tensor `w`: would be there twice");
    let mut writer = GgufWriter::new(Vec::new(), "f", &[], std::slice::from_ref(&twice)).unwrap();
    assert_eq!(writer.write(&[0; 5]).unwrap_err().to_string(), "`f`, tensor `w`: was given 5 bytes, expected 4");
    assert_eq!(writer.finish().unwrap_err().to_string(), "`f`, tensor `w`: was given 0 bytes, expected 4");
}

const READ: &str = r#"
import sys, gguf
r = gguf.GGUFReader(sys.argv[1])
for f in r.fields.values():
    if f.name.startswith("a."):
        print(f.name, [t.name for t in f.types], f.contents() if f.name != "a.text" else bytes(f.parts[f.data[0]]))
for t in r.tensors:
    print(t.name, t.tensor_type.name, [int(n) for n in t.shape], bytes(t.data.tobytes()).hex()[:16])
"#;

const EXPECTED: &str = r#"a.u8 ['UINT8'] 200
a.i8 ['INT8'] -7
a.u16 ['UINT16'] 60000
a.i16 ['INT16'] -300
a.u32 ['UINT32'] 4000000000
a.i32 ['INT32'] -70000
a.f32 ['FLOAT32'] 0.5
a.bool ['BOOL'] True
a.text ['STRING'] b'f\xffo'
a.u64 ['UINT64'] 1152921504606846976
a.i64 ['INT64'] -1152921504606846976
a.f64 ['FLOAT64'] 0.1
a.texts ['ARRAY', 'STRING'] ['one', '', 'three']
a.f32s ['ARRAY', 'FLOAT32'] [1.0, -2.5]
a.i32s ['ARRAY', 'INT32'] [3, -4]
a.none ['ARRAY'] []
one F32 [3] 0000803f00000040
two Q8_0 [64, 2] 0001020304050607
three BF16 [5, 1] 0707070707070707
"#;

#[test]
fn the_package_gguf_reads_the_same_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.gguf");
    let mut file = NewFile::create(&path).unwrap();
    std::io::Write::write_all(&mut file, &written()).unwrap();
    file.keep().unwrap();
    let Some(found) = python(READ, &path) else { return };
    assert_eq!(found, EXPECTED);
}

/// What a program in Python prints of a file; nothing where there is no `gguf`.
fn python(program: &str, path: &Path) -> Option<String> {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
    let has_it = Command::new(&python).args(["-c", "import gguf"]).output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        skipped("no Python with the package gguf here");
        return None;
    }
    let output = Command::new(&python).args(["-c", program]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
