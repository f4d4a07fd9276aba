//! Whatever bytes a file holds, opening it ends in a checkpoint or an error, and what opens can be read.

use crate::common::{CONFIG, Gguf, LLAMA, folder, safetensors};
use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::{Element, GgufFile, MetaValue};
use plimsoll_formats::safetensors::parse_header;
use plimsoll_models::{Checkpoint, Hyperparams};
use proptest::prelude::*;

/// Changes to a whole file: bytes overwritten, then cut to a length.
fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, prop::sample::Index)> {
    let edge = prop_oneof![Just(0u8), Just(0xff), Just(0x7f), Just(1), any::<u8>()];
    (prop::collection::vec((any::<prop::sample::Index>(), edge), 0..6), any::<prop::sample::Index>())
}

fn damaged(whole: &[u8], changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    changes.iter().for_each(|(at, value)| bytes[at.index(whole.len())] = *value);
    if let Some(cut) = cut {
        bytes.truncate(cut.index(whole.len() + 1));
    }
    bytes
}

/// Reads every value and every tensor that the file claims to have.
fn read_gguf(bytes: Vec<u8>) {
    let Ok(file) = GgufFile::parse(FileBytes::owned("arbitrary", bytes)) else { return };
    for (key, value) in file.metadata() {
        assert!(value.describe().len() < 500);
        let lists = [
            file.strings(key).ok().flatten().map(|v| v.len()),
            file.f32s(key).ok().flatten().map(|v| v.len()),
            file.i32s(key).ok().flatten().map(|v| v.len()),
            file.bools(key).ok().flatten().map(|v| v.len()),
        ];
        if let MetaValue::Array(array) = value {
            assert!(lists.iter().flatten().all(|&n| n == array.len || array.len == 0), "{key}");
        }
    }
    for tensor in file.tensors() {
        let bytes = &file.bytes()[tensor.range.clone()];
        if let Element::Weight(dtype) = tensor.element {
            let n: usize = tensor.shape.iter().product();
            assert_eq!(n / dtype.block_len() * dtype.block_bytes(), bytes.len(), "{}", tensor.name);
        }
    }
}

fn read_checkpoint(folder: &std::path::Path) {
    let Ok(checkpoint) = Checkpoint::open(folder) else { return };
    for tensor in checkpoint.tensors() {
        assert_eq!(tensor.to_f32().len(), tensor.n_values(), "{}", tensor.name());
        let _ = tensor.matrix();
        let _ = tensor.expert(0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_as_gguf_end_in_a_file_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        read_gguf(tail.clone());
        read_gguf([b"GGUF\x03\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0".as_slice(), &tail].concat());
    }

    #[test]
    fn a_damaged_gguf_ends_in_a_file_or_an_error((changes, cut) in damage(), shorten in any::<bool>()) {
        let bytes = damaged(&Gguf::llama().bytes(), &changes, shorten.then_some(cut));
        read_gguf(bytes.clone());
        let folder = folder(&[("model.gguf", &bytes)]);
        read_checkpoint(folder.path());
    }

    #[test]
    fn any_bytes_as_safetensors_end_in_a_header_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_header("arbitrary", &bytes);
        let framed = [&(bytes.len() as u64).to_le_bytes()[..], &bytes].concat();
        let _ = parse_header("arbitrary", &framed);
    }

    #[test]
    fn a_damaged_safetensors_ends_in_a_checkpoint_or_an_error((changes, cut) in damage(), shorten in any::<bool>()) {
        let whole = safetensors(&LLAMA);
        let bytes = damaged(&whole, &changes, shorten.then_some(cut));
        if let Ok(tensors) = parse_header("damaged", &bytes) {
            prop_assert!(tensors.iter().all(|t| t.range.end <= bytes.len()));
        }
        let folder = folder(&[("config.json", CONFIG.as_bytes()), ("model.safetensors", &bytes)]);
        read_checkpoint(folder.path());
    }

    #[test]
    fn a_damaged_config_ends_in_hyperparameters_or_an_error((changes, cut) in damage(), shorten in any::<bool>()) {
        let bytes = damaged(CONFIG.as_bytes(), &changes, shorten.then_some(cut));
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = Hyperparams::from_config_json("config.json", text);
        }
    }

    #[test]
    fn numbers_of_any_size_end_in_hyperparameters_or_an_error(
        key in prop::sample::select(vec!["num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
            "hidden_size", "rope_theta", "partial_rotary_factor", "sliding_window", "max_position_embeddings",
            "original_max_position_embeddings", "max_window_layers", "no_rope_layer_interval", "sliding_window_pattern"]),
        model_type in prop::sample::select(vec!["llama", "smollm3", "qwen2", "phi3", "gemma3_text", "llama4_text"]),
        value in prop_oneof![any::<i64>().prop_map(|v| v as f64), any::<f64>(), Just(0.0), Just(1.0), Just(1e300)],
    ) {
        let mut config: serde_json::Value = serde_json::from_str(CONFIG).unwrap();
        config["model_type"] = model_type.into();
        config[key] = value.into();
        let _ = Hyperparams::from_config_json("config.json", &config.to_string());
    }
}
