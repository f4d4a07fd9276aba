//! What would be written as a GGUF, beside the GGUF that the tests' own writer makes of the same weights.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::{GgufFile, GgufWriter};
use plimsoll_models::export::{self, Exported};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_testing::Case;

use crate::skipped;

fn values(tensor: &Exported) -> Vec<f32> {
    let mut values = vec![0.0; tensor.rows() * tensor.cols()];
    tensor.read_rows(0, &mut values);
    values
}

/// Whether GGUF files are written of its architecture.
fn is_written(case: &Case) -> bool {
    case.tiny().hyperparams().arch.unwritten().is_none()
}

#[test]
fn a_checkpoint_is_exported_as_the_tensors_of_its_gguf() {
    let root = tempfile::tempdir().unwrap();
    for case in Case::all() {
        let written = case.write(root.path());
        let Some(gguf) = written.gguf.filter(|_| is_written(&case)) else { continue };
        let original = Checkpoint::open(&written.safetensors).unwrap();
        let tensors = export::of_checkpoint(&original).unwrap();
        let there = export::of_gguf(&[GgufFile::open(&gguf).unwrap()]).unwrap();
        let there: BTreeMap<&str, &Exported> = there.iter().map(|tensor| (&tensor.name[..], tensor)).collect();
        let factors = export::rope_factors(&original.hyperparams);
        assert_eq!(there.len(), tensors.len() + factors.len(), "{}", case.name);
        for tensor in &tensors {
            let expected = there[&tensor.name[..]];
            assert_eq!(tensor.shape, expected.shape, "{} {}", case.name, tensor.name);
            assert!(values(tensor) == values(expected), "{} {}", case.name, tensor.name);
            if let Some(stored) = tensor.stored().filter(|_| tensor.dtype() == expected.dtype()) {
                assert!(Some(stored) == expected.stored(), "{} {}", case.name, tensor.name);
            }
            // Rows that are read on their own, across the ends of parts and of experts.
            let (whole, cols) = (values(tensor), tensor.cols());
            for first in (0..tensor.rows()).step_by(7).filter(|_| tensor.rows() > 1) {
                let mut some = vec![0.0; (tensor.rows() - first).min(5) * cols];
                tensor.read_rows(first, &mut some);
                assert!(some == whole[first * cols..][..some.len()], "{} {} from {first}", case.name, tensor.name);
            }
        }
    }
}

#[test]
fn its_keys_are_those_that_llama_cpp_reads() {
    for case in Case::all().into_iter().filter(is_written) {
        let Some(expected) = &case.gguf else { continue };
        let tiny = case.tiny();
        let keys = export::hyperparameter_keys(tiny.hyperparams()).unwrap();
        let writer = GgufWriter::new(Vec::new(), "memory", &keys, &[]).unwrap();
        let file = GgufFile::parse(FileBytes::owned("memory", writer.finish().unwrap())).unwrap();
        for (key, value) in expected {
            let found = file.float(&format!("{}.{key}", tiny.hyperparams().arch.name)).unwrap();
            // GGUF has singles.
            let expected = value.as_f64().map(|value| f64::from(value as f32));
            assert_eq!(found, expected, "{} {key}", case.name);
        }
    }
}

#[test]
fn what_a_gguf_cannot_say_is_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    for case in Case::all() {
        let checkpoint = Checkpoint::open(&case.write(root.path()).safetensors).unwrap();
        let hp = &checkpoint.hyperparams;
        if !is_written(&case) {
            let error = export::of_checkpoint(&checkpoint).unwrap_err().to_string();
            assert!(error.contains(hp.arch.unwritten().unwrap()), "{}: {error}", case.name);
            continue;
        }
        let keys = export::hyperparameter_keys(hp).unwrap();
        let tensors = export::of_checkpoint(&checkpoint).unwrap();
        let checked = export::check(hp, &keys, &export::rope_factors(hp), &tensors);
        assert_eq!(checked.is_ok(), case.gguf.is_some(), "{}: {checked:?}", case.name);
    }
}

#[test]
fn a_tower_is_exported_as_llama_cpp_converts_it() {
    for name in ["idefics3", "smolvlm2", "llama4-vision"] {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures")).join(name);
        if !folder.exists() {
            return skipped::skipped("../shared not found");
        }
        let checkpoint = Checkpoint::open(&folder).unwrap();
        let params = Vision::of(&checkpoint, None).unwrap().unwrap().params;
        let keys = export::tower_keys(&params);
        let converted = GgufFile::open(&folder.join(format!("mmproj-{name}-bf16.gguf"))).unwrap();
        let writer = GgufWriter::new(Vec::new(), "memory", &keys, &[]).unwrap();
        let written = GgufFile::parse(FileBytes::owned("memory", writer.finish().unwrap())).unwrap();
        for (key, value) in written.metadata() {
            let there = converted.get(key).map(|value| value.describe());
            assert_eq!(there, Some(value.describe()), "{name}: {key}");
        }
        let tensors = export::of_tower(&checkpoint, &params, &keys).unwrap();
        let there = export::of_gguf(&[converted]).unwrap();
        let there: BTreeMap<&str, &Exported> = there.iter().map(|tensor| (&tensor.name[..], tensor)).collect();
        assert_eq!(there.len(), tensors.len(), "{name}");
        for tensor in &tensors {
            let expected = there[&tensor.name[..]];
            assert!(tensor.shape == expected.shape && values(tensor) == values(expected), "{name}: {}", tensor.name);
        }
    }
}
