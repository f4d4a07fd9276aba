//! Any bytes as a safetensors file: as they are, and as a header whose length is right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::safetensors::parse_header;

fuzz_target!(|bytes: &[u8]| {
    let framed = [&(bytes.len() as u64).to_le_bytes()[..], bytes, &[0; 64]].concat();
    for bytes in [bytes, &framed] {
        if let Ok(tensors) = parse_header("fuzz.safetensors", bytes) {
            let mut end = 0;
            for tensor in tensors {
                assert!(tensor.range.start >= end && tensor.range.end <= bytes.len());
                end = tensor.range.end;
            }
        }
    }
});
