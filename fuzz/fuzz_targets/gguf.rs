//! Any bytes as a GGUF: header, metadata, tensor table, and the checkpoint made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::GgufFile;
use plimsoll_models::{Checkpoint, Vision};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = GgufFile::parse(FileBytes::owned("fuzz.gguf", bytes.to_vec())) else { return };
    for (key, value) in file.metadata() {
        let _ = value.describe();
        let _ = (file.strings(key), file.f32s(key), file.i32s(key), file.bools(key));
    }
    // A tower is read for the narrowest of text models.
    if let Ok(vision) = Vision::from_gguf(&file, "llama", 8) {
        for tensor in vision.weights.iter() {
            assert_eq!(tensor.to_f32().len(), tensor.n_values());
        }
    }
    match Checkpoint::from_gguf("fuzz", &[file]) {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors() {
                assert_eq!(tensor.to_f32().len(), tensor.n_values());
                let _ = tensor.matrix();
                let _ = tensor.expert(0);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
