//! Modules as MLX quantises them: read to the values that MLX has, or refused by the name of what does not fit.

use std::path::Path;

use crate::common::folder;
use plimsoll_formats::mlx::pack;
use plimsoll_kernels::DType;
use plimsoll_models::Checkpoint;
use proptest::prelude::*;
use serde_json::json;

/// A Llama of one layer whose embedding is quantised: 6 rows of 64.
const CONFIG: &str = r#"{ "model_type": "llama", "vocab_size": 6, "hidden_size": 64, "intermediate_size": 12,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
    "max_position_embeddings": 16, "rope_theta": 10000.0, "hidden_act": "silu", "quantization": QUANTIZATION }"#;

/// A tensor of a file.
type Part = (&'static str, &'static str, Vec<usize>, Vec<u8>);

fn file(parts: &[Part]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, bytes) in parts {
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [data.len(), data.len() + bytes.len()] });
        header.insert((*name).to_owned(), entry);
        data.extend(bytes);
    }
    let header = serde_json::Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn open(quantization: &str, parts: &[Part]) -> Result<Checkpoint, String> {
    let config = CONFIG.replace("QUANTIZATION", quantization);
    let folder = folder(&[("config.json", config.as_bytes()), ("model.safetensors", &file(parts))]);
    let inside = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    Checkpoint::open(Path::new(folder.path())).map_err(|error| error.to_string().replace(&inside, ""))
}

const EMBEDDING: [&str; 3] = ["model.embed_tokens.weight", "model.embed_tokens.scales", "model.embed_tokens.biases"];

fn codes(bits: u32) -> Vec<u8> {
    (0..6 * 64u32).map(|i| (i * 7 % (1 << bits)) as u8).collect()
}

/// The embedding with scales and biases of a type; values that bf16 and f16 both have.
fn embedding(bits: u32, group: usize, dtype: &'static str) -> (Vec<Part>, Vec<f32>) {
    let (codes, groups) = (codes(bits), 6 * 64 / group);
    let mut packed = Vec::new();
    pack(bits, &codes, &mut packed);
    let scale = |group: usize| if group.is_multiple_of(2) { 0.125 } else { -0.5 } * (1 + group % 3) as f32;
    let bias = |group: usize| group as f32 / 4.0 - 1.0;
    let stored = |value: f32| match dtype {
        "F16" => half::f16::from_f32(value).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f32(value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    };
    let shape = vec![6, 64 / group];
    let parts = vec![
        (EMBEDDING[0], "U32", vec![6, 2 * bits as usize], packed),
        (EMBEDDING[1], dtype, shape.clone(), (0..groups).flat_map(|g| stored(scale(g))).collect()),
        (EMBEDDING[2], dtype, shape, (0..groups).flat_map(|g| stored(bias(g))).collect()),
    ];
    let values = codes.iter().enumerate().map(|(i, q)| scale(i / group) * f32::from(*q) + bias(i / group)).collect();
    (parts, values)
}

#[test]
fn every_width_group_and_type_of_scales_is_read_to_the_values_that_mlx_has() {
    for bits in [2, 3, 4, 5, 6, 8] {
        for (group, dtype) in [(32, "F16"), (64, "BF16"), (64, "F32")] {
            let (parts, expected) = embedding(bits, group, dtype);
            let settings = json!({ "group_size": group, "bits": bits, "mode": "affine" }).to_string();
            let checkpoint = open(&settings, &parts).unwrap();
            let tensor = checkpoint.require_shape(EMBEDDING[0], &[6, 64]).unwrap();
            assert!(tensor.to_f32() == expected, "{bits} bits, {group}, {dtype}");
            let stored = match bits {
                2..=4 => DType::Q4_1,
                5 => DType::Q5_1,
                _ => DType::AFFINE8,
            };
            assert_eq!((tensor.dtype(), checkpoint.n_params()), (stored, 384));
        }
    }
}

#[test]
fn scales_that_half_precision_does_not_have_are_kept_in_single() {
    let (mut parts, _) = embedding(4, 64, "F32");
    let scale = 0.1f32;
    parts[1].3 = scale.to_le_bytes().repeat(6);
    let checkpoint = open(r#"{ "group_size": 64, "bits": 4 }"#, &parts).unwrap();
    let tensor = checkpoint.require(EMBEDDING[0]).unwrap();
    assert_eq!(tensor.dtype(), DType::AFFINE8);
    let expected: Vec<f32> =
        codes(4).iter().enumerate().map(|(i, q)| scale * f32::from(*q) + ((i / 64) as f32 / 4.0 - 1.0)).collect();
    assert!(tensor.to_f32() == expected);
}

#[test]
fn a_module_may_be_quantised_in_a_way_of_its_own() {
    let (parts, expected) = embedding(6, 32, "F16");
    let own = r#"{ "group_size": 64, "bits": 4, "model.embed_tokens": { "group_size": 32, "bits": 6 } }"#;
    assert!(open(own, &parts).unwrap().require(EMBEDDING[0]).unwrap().to_f32() == expected);
}

#[test]
fn what_does_not_go_together_is_refused_by_the_name_of_the_tensor() {
    let (whole, _) = embedding(4, 64, "F16");
    let settings = r#"{ "group_size": 64, "bits": 4 }"#;
    open(settings, &whole).unwrap();
    let refused = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut parts = whole.clone();
        change(&mut parts);
        open(settings, &parts).unwrap_err()
    };
    let message = refused(&|parts| drop(parts.pop()));
    assert!(message.contains("tensor `model.embed_tokens.scales`: has no `biases` beside it"), "{message}");
    let message = refused(&|parts| parts[2] = (EMBEDDING[2], "F16", vec![6, 2], vec![0; 24]));
    assert!(message.contains("`model.embed_tokens.biases`: has the shape [6, 2], expected [6, 1] beside"), "{message}");
    let message = refused(&|parts| parts[0] = (EMBEDDING[0], "U32", vec![6, 9], vec![0; 216]));
    assert!(
        message.contains("`model.embed_tokens.weight`: has rows of 9 words, expected whole groups of 64"),
        "{message}"
    );
    let message = refused(&|parts| parts[0] = (EMBEDDING[0], "I32", vec![6, 8], vec![0; 192]));
    assert!(message.contains("has [6, 8] of I32, expected a matrix of codes as U32"), "{message}");
    let message = refused(&|parts| parts[1] = (EMBEDDING[1], "U8", vec![6, 1], vec![0; 6]));
    assert!(message.contains("`model.embed_tokens.scales`: is stored as U8, expected F32, F16 or BF16"), "{message}");
    let message = open(r#"{ "group_size": 32, "bits": 4, "mode": "mxfp4" }"#, &whole).unwrap_err();
    assert!(message.contains("tensor `model.embed_tokens.weight`: is quantised in MLX's mode `mxfp4`"), "{message}");
    let message = open(r#"{ "group_size": 48, "bits": 4 }"#, &whole).unwrap_err();
    assert!(message.contains("key `quantization.group_size`: found 48, expected 32, 64 or 128"), "{message}");
    let message = open(r#"{ "group_size": 64 }"#, &whole).unwrap_err();
    assert!(message.contains("key `quantization.bits`: found nothing, expected 2, 3, 4, 5, 6 or 8"), "{message}");
}

#[test]
fn another_packing_is_still_refused_by_its_method() {
    let (parts, _) = embedding(4, 64, "F16");
    let message = open(r#"{ "group_size": 64, "bits": 4 }, "quantization_config": { "quant_method": "awq" }"#, &parts);
    assert!(message.unwrap_err().contains("key `quantization_config.quant_method`: found \"awq\""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_shapes_and_settings_are_read_or_refused(
        (rows, words, groups, biases) in (0..4usize, 0..40usize, 0..5usize, 0..5usize),
        bits in 0..10u32,
        group in prop::sample::select(vec![0usize, 1, 16, 32, 64, 128, 1 << 40]),
        dtype in prop::sample::select(vec!["F16", "BF16", "F32", "U8", "F64"]),
    ) {
        let width = match dtype { "F32" => 4, "F64" => 8, "U8" => 1, _ => 2 };
        let floats = |name, n: usize| (name, dtype, vec![rows, n], vec![0x3c; rows * n * width]);
        let parts = [
            (EMBEDDING[0], "U32", vec![rows, words], vec![7; rows * words * 4]),
            floats(EMBEDDING[1], groups),
            floats(EMBEDDING[2], biases),
        ];
        if let Ok(checkpoint) = open(&json!({ "group_size": group, "bits": bits }).to_string(), &parts) {
            let tensor = checkpoint.require(EMBEDDING[0]).unwrap();
            prop_assert_eq!(tensor.to_f32().len(), rows * words * 32 / bits as usize);
        }
    }
}
