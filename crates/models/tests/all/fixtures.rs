//! Every published fixture opens, and the two formats of one model are the same model.

use crate::skipped;
use std::path::PathBuf;

use plimsoll_formats::gguf::{Element, GgufFile};
use plimsoll_formats::{TokenizerSource, open_vocabulary};
use plimsoll_models::{Checkpoint, Format, LayerKind, RopeScaling};

/// The shared test data beside the repository; tests skip, saying so, where it is absent.
fn shared(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    if !root.exists() {
        skipped::skipped("../shared not found");
        return None;
    }
    Some(root.join(path))
}

fn fixtures() -> Vec<PathBuf> {
    let Some(root) = shared("fixtures") else { return Vec::new() };
    let entries = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|p| p.join("config.json").exists()).collect();
    folders.sort();
    folders
}

fn gguf_in(folder: &std::path::Path) -> Option<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    paths.filter(|p| p.extension().is_some_and(|e| e == "gguf")).find(|p| !p.to_string_lossy().contains("mmproj"))
}

fn pairs() -> Vec<(String, Checkpoint, Checkpoint)> {
    let mut pairs = Vec::new();
    for folder in fixtures() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let open =
            |path: &std::path::Path| Checkpoint::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let original = open(&folder);
        assert_eq!(original.format, Format::Safetensors, "{name}");
        if let Some(gguf) = gguf_in(&folder) {
            pairs.push((name, original, open(&gguf)));
        }
    }
    pairs
}

/// Facts that llama.cpp's converter does not write: these fixtures differ from the fixed numbers it has instead.
fn loses_windows(name: &str) -> bool {
    name == "mistral-swa"
}

#[test]
fn both_formats_have_the_same_tensors_with_the_same_values() {
    for (name, original, converted) in pairs() {
        let text = original.tensors().filter(|t| t.name().starts_with("model.") || t.name().starts_with("lm_head"));
        let mut compared = 0;
        for tensor in text {
            let twin = converted.require(tensor.name()).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(tensor.shape(), twin.shape(), "{name} {}", tensor.name());
            let worst = tensor.to_f32().iter().zip(twin.to_f32()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Gemma's norms went through an addition of one in f32.
            let tolerance = if name == "gemma3-text" && tensor.name().ends_with("norm.weight") { 1e-7 } else { 0.0 };
            assert!(worst <= tolerance, "{name} {}: {worst}", tensor.name());
            compared += 1;
        }
        assert_eq!(compared, converted.tensors().count(), "{name}: tensors of the GGUF without a twin");
        assert!(compared > 20, "{name}");
    }
}

#[test]
fn both_formats_have_the_same_hyperparameters() {
    for (name, original, converted) in pairs() {
        let (a, b) = (&original.hyperparams, &converted.hyperparams);
        let sizes = |hp: &plimsoll_models::Hyperparams| {
            [hp.n_layers, hp.n_heads, hp.n_kv_heads, hp.head_dim, hp.d_model, hp.d_ff, hp.vocab_size, hp.max_seq_len]
        };
        assert_eq!(sizes(a), sizes(b), "{name}");
        assert_eq!(a.rms_eps, b.rms_eps, "{name}");
        assert_eq!(a.activation, b.activation, "{name}");
        assert_eq!(a.biases, b.biases, "{name}");
        assert_eq!(a.tied_embeddings, b.tied_embeddings, "{name}");
        assert_eq!(a.attn_scale(), b.attn_scale(), "{name}");
        assert_eq!((a.rope.theta, a.rope.rotary_dim), (b.rope.theta, b.rope.rotary_dim), "{name}");
        assert_eq!(a.rope_local, b.rope_local, "{name}");
        match (&a.rope.scaling, &b.rope.scaling) {
            (RopeScaling::Llama3 { .. }, RopeScaling::Factors(factors)) => {
                assert_eq!(factors.len(), a.rope.rotary_dim / 2, "{name}");
            }
            (RopeScaling::Yarn { attention_factor: x, .. }, RopeScaling::Yarn { attention_factor: y, .. }) => {
                assert!((x - y).abs() < 1e-6, "{name}");
                assert_eq!(a.rope.scaling, b.rope.scaling, "{name}");
            }
            (x, y) => assert_eq!(x, y, "{name}"),
        }
        if !loses_windows(&name) {
            assert_eq!(a.layer_kinds, b.layer_kinds, "{name}");
            assert_eq!(a.sliding_window, b.sliding_window, "{name}");
        }
        if original.hyperparams.wrapper.as_deref().is_none_or(|w| w == "llama4") {
            // Of the vision models the converter wrote the tokenizer's EOS, not the one that ends their answers.
            assert_eq!(original.generation.eos_ids, converted.generation.eos_ids, "{name}");
        }
        let template = |c: &Checkpoint| c.chat_template.as_ref().and_then(|t| t.default.clone());
        if let Some(converted) = template(&converted) {
            assert_eq!(template(&original).as_deref(), Some(converted.as_str()), "{name}");
        }
    }
}

#[test]
fn keys_of_one_architecture_are_read_from_either_format() {
    for (name, original, converted) in pairs().into_iter().filter(|(name, ..)| name.starts_with("llama4")) {
        for key in ["interleave_moe_layer_step", "intermediate_size_mlp", "num_local_experts", "num_experts_per_tok"] {
            let value = original.hyperparams.usize(key).unwrap();
            assert!(value.is_some(), "{name} {key}");
            assert_eq!(value, converted.hyperparams.usize(key).unwrap(), "{name} {key}");
        }
        let moe = original.hyperparams.usizes("moe_layers").unwrap();
        assert_eq!(moe, converted.hyperparams.usizes("moe_layers").unwrap(), "{name}");
        assert_eq!(
            original.hyperparams.layer_kinds[..4],
            [LayerKind::Chunked, LayerKind::Chunked, LayerKind::Chunked, LayerKind::Full]
        );
    }
}

#[test]
fn experts_are_matrices_of_out_by_in_from_either_format() {
    for (name, original, converted) in pairs().into_iter().filter(|(name, ..)| name == "llama4-moe") {
        let hp = &original.hyperparams;
        for (part, rows, cols) in
            [("gate_proj", hp.d_ff, hp.d_model), ("up_proj", hp.d_ff, hp.d_model), ("down_proj", hp.d_model, hp.d_ff)]
        {
            let tensor = format!("model.layers.0.feed_forward.experts.{part}");
            for checkpoint in [&original, &converted] {
                let expert = checkpoint.require(&tensor).unwrap().expert(3).unwrap();
                let matrix = expert.matrix().unwrap();
                assert_eq!((matrix.rows(), matrix.cols()), (rows, cols), "{name} {part}");
            }
            let values = |c: &Checkpoint| c.require(&tensor).unwrap().expert(3).unwrap().to_f32();
            assert_eq!(values(&original), values(&converted), "{name} {part}");
        }
    }
}

#[test]
fn fused_projections_of_phi3_are_seen_as_their_parts() {
    let Some(folder) = shared("fixtures/phi3") else { return };
    let checkpoint = Checkpoint::open(&folder).unwrap();
    for (name, shape) in [("self_attn.q_proj", [64, 64]), ("self_attn.v_proj", [32, 64]), ("mlp.up_proj", [160, 64])] {
        checkpoint.require_shape(&format!("model.layers.3.{name}.weight"), &shape).unwrap();
    }
    assert!(checkpoint.tensor("model.layers.3.self_attn.qkv_proj.weight").is_none());
}

#[test]
fn facts_about_a_checkpoint_are_counted_from_its_files() {
    let Some(folder) = shared("fixtures/stories260K") else { return };
    let checkpoint = Checkpoint::open(&folder.join("stories260K-f32.gguf")).unwrap();
    assert_eq!(checkpoint.licence.spdx.as_deref(), Some("MIT"));
    assert_eq!(checkpoint.file_bytes(), std::fs::metadata(folder.join("stories260K-f32.gguf")).unwrap().len());
    let [(dtype, bytes)] = checkpoint.bytes_by_type() else { panic!("{:?}", checkpoint.bytes_by_type()) };
    assert_eq!((dtype.name(), *bytes), ("F32", checkpoint.n_params() * 4));
    assert_eq!(checkpoint.n_params(), Checkpoint::open(&folder).unwrap().n_params());
}

#[test]
fn every_block_type_dequantises_as_expected() {
    let Some(folder) = shared("fixtures/blocks") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = GgufFile::open(&path).unwrap_or_else(|e| panic!("{e}"));
        let values = |name: &str| {
            let tensor = file.tensors().iter().find(|t| t.name == name).unwrap();
            let Element::Weight(dtype) = tensor.element else { panic!("{path:?}") };
            let mut out = vec![0.0; tensor.shape.iter().product()];
            plimsoll_kernels::dequantise(dtype, &file.bytes()[tensor.range.clone()], &mut out);
            out
        };
        for (found, expected) in values("quantised").iter().zip(values("expected")) {
            assert!((found - expected).abs() <= expected.abs() * 1e-6, "{path:?}: {found} {expected}");
        }
    }
}

#[test]
fn vocabulary_only_files_open_as_vocabularies_and_say_so_when_opened_as_models() {
    let Some(folder) = shared("vocab") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "gguf") {
            continue;
        }
        let TokenizerSource::Gguf(vocab) = open_vocabulary(&path).unwrap().tokenizer else { panic!("{path:?}") };
        assert_eq!(vocab.types.len(), vocab.tokens.len(), "{path:?}");
        assert_eq!(vocab.merges.is_empty(), vocab.model == "llama", "{path:?}");
        assert!(Checkpoint::open(&path).is_err(), "{path:?}");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn the_tokenizer_of_a_folder_is_its_json_and_that_of_a_gguf_its_vocabulary() {
    for (name, original, converted) in pairs() {
        let TokenizerSource::Json(json) = &*original.tokenizer else { panic!("{name}") };
        assert!(json.tokenizer_json.starts_with(b"{") && json.config.contains_key("eos_token"), "{name}");
        let TokenizerSource::Gguf(vocab) = &*converted.tokenizer else { panic!("{name}") };
        assert_eq!(vocab.tokens.len(), original.hyperparams.vocab_size, "{name}");
    }
}
