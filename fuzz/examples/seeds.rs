//! Writes small whole files into `corpus/<target>/`, so that fuzzing starts from what is right:
//! `cargo +nightly run --example seeds`.

#[path = "../../crates/models/tests/all/common/mod.rs"]
mod common;
#[path = "../../crates/panel/tests/fixture/mod.rs"]
mod fixture;

use common::{CONFIG, Gguf, LLAMA, safetensors};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;

fn seed(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}

/// A bundle behind the zero that says that it is a file.
fn evidence() -> std::io::Result<()> {
    let file = std::env::temp_dir().join(format!("plimsoll-seed-{}.tar", std::process::id()));
    let mut store = Store::open(std::path::Path::new(":memory:")).expect("memory takes it");
    store.keep_report(&fixture::report(), &Rubric::builtin()).expect("memory takes it");
    store.export(&file, &[]).expect("there is room");
    let bundle = std::fs::read(&file)?;
    std::fs::remove_file(&file)?;
    seed("evidence", "bundle", &[&[0], &bundle[..]].concat())
}

fn main() -> std::io::Result<()> {
    evidence()?;
    let vocabulary = Gguf::llama()
        .text("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", &[b"<unk>", b"<s>", b"</s>", b"a", b"b", b"ab"])
        .f32s("tokenizer.ggml.scores", &[0.0; 6])
        .u32("tokenizer.ggml.eos_token_id", 2);
    seed("gguf", "llama", &Gguf::llama().bytes())?;
    seed("gguf", "vocabulary", &vocabulary.bytes())?;
    seed("gguf", "blocks", &Gguf::llama().tensor("output.weight", &[256, 1], 12, vec![7; 144]).bytes())?;
    seed("gguf_vocab", "llama", &vocabulary.bytes())?;
    let file = safetensors(&LLAMA);
    seed("safetensors_header", "file", &file)?;
    seed("safetensors_header", "header", &file[8..file.len() - 2400])?;
    seed("config", "llama", CONFIG.as_bytes())?;
    for (i, extra) in [
        r#""model_type": "gemma3_text", "head_dim": 4, "rope_local_base_freq": 1e4, "sliding_window_pattern": 2"#,
        r#""model_type": "llama4_text", "no_rope_layers": [1], "moe_layers": [0], "rope_parameters": {"rope_type":
            "llama3", "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 9}"#,
        r#""model_type": "phi3", "rope_scaling": {"type": "longrope", "short_factor": [1, 1], "long_factor": [2, 2]}"#,
        r#""model_type": "smollm3", "rope_scaling": {"type": "yarn", "factor": 4, "mscale": 1, "mscale_all_dim": 1}"#,
        r#""model_type": "qwen2", "layer_types": ["full_attention"], "use_sliding_window": true, "sliding_window": 4"#,
    ]
    .iter()
    .enumerate()
    {
        let config = CONFIG.replace(r#""model_type": "llama""#, extra);
        seed("config", &format!("other-{i}"), config.as_bytes())?;
    }
    let pictures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/vision/tests/data/pictures");
    for entry in std::fs::read_dir(pictures)? {
        let entry = entry?;
        seed("picture", &entry.file_name().to_string_lossy(), &std::fs::read(entry.path())?)?;
    }
    let tiling = r#"{"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 64}, "resample": 1,
        "max_image_size": {"longest_edge": 32}, "video_sampling": {"fps": 1, "max_frames": 8}}"#;
    let canvas = r#"{"image_processor_type": "Llama4ImageProcessor", "size": {"height": 56, "width": 56},
        "max_patches": 6, "image_mean": [0.5, 0.5, 0.5], "image_std": 0.5, "rescale_factor": 0.004}"#;
    seed("processor", "tiling", tiling.as_bytes())?;
    seed("processor", "canvas", canvas.as_bytes())?;
    for (i, line) in [
        r#"{"prompt": "Q", "expected": ["A", "B"], "check": "contains", "ignore_case": true, "id": "x", "category": "c"}"#,
        r#"{"prompt": "Q", "expected": 1.5, "tolerance": 0.1}"#,
        r#"{"prompt": "Q", "expected": "^[ab]+\\d{2}$", "check": "regex"}"#,
        r#"{"prompt": "Q", "choices": ["a", "b"], "expected": "b"}"#,
        r##"{"messages": [{"role": "user", "content": "Q"}], "schema": {"type": "object", "properties": {"a": {"$ref": "#"}}}}"##,
    ]
    .iter()
    .enumerate()
    {
        seed("questions", &i.to_string(), line.as_bytes())?;
    }
    seed("config", "wrapped", format!(r#"{{"model_type": "idefics3", "text_config": {CONFIG}}}"#).as_bytes())
}
