use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_engine::{SamplerError, Special, Tokenizer};
use plimsoll_kernels::Isa;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, Program};
use serde_json::Value;

use super::{TextLossError, text_loss};

/// The small demo model, its last norm's gains overwritten with NaN. An embedded model lives as long as the program.
fn broken_demo() -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    let files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"].map(|name| {
        let mut bytes = std::fs::read(folder.join(name)).expect("the demo models come with the project");
        if name == "model.safetensors" {
            spoil(&mut bytes, "model.norm.weight");
        }
        (name, &*bytes.leak())
    });
    Checkpoint::from_embedded("demo:broken", Vec::from(files).leak()).unwrap()
}

/// All bits set are NaN in every floating-point type.
fn spoil(safetensors: &mut [u8], tensor: &str) {
    let (length, rest) = safetensors.split_first_chunk_mut().unwrap();
    let (header, data) = rest.split_at_mut(u64::from_le_bytes(*length) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let offset = |end: usize| header[tensor]["data_offsets"][end].as_u64().unwrap() as usize;
    data[offset(0)..offset(1)].fill(0xff);
}

#[test]
fn logits_that_are_no_numbers_are_an_error_that_names_the_token() {
    let checkpoint = broken_demo();
    let tokenizer = Tokenizer::of(&checkpoint, None).unwrap();
    let mut program = Program::load(&checkpoint, Isa::best(), NonZeroUsize::MIN, Arithmetic::Exact).unwrap();
    let ids = tokenizer.encode("once upon a time", Special::AsText).unwrap();
    let error = text_loss(&mut program, &tokenizer, &ids, 64, |_| ()).unwrap_err();
    assert!(matches!(error, TextLossError::Logits { position: 1, source: SamplerError::NotFinite { .. } }), "{error}");
}
