//! Writes the checkpoint of a configuration as a folder of safetensors, and as GGUF if its keys in GGUF are given:
//! `cargo run -p plimsoll-testing --example write_checkpoint -- CONFIG.json FOLDER [GGUF.json]`

use std::path::Path;

use plimsoll_testing::Tiny;
use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (config, folder, keys) = match &arguments[..] {
        [config, folder] => (config, folder, None),
        [config, folder, keys] => (config, folder, Some(keys)),
        _ => panic!("usage: write_checkpoint CONFIG.json FOLDER [GGUF.json]"),
    };
    let tiny = Tiny::new(&read(config));
    tiny.write_safetensors(Path::new(folder)).expect("a folder to write to");
    if let Some(Value::Object(keys)) = keys.map(|keys| read(keys)) {
        tiny.write_gguf(Path::new(folder), &keys).expect("a folder to write to");
    }
}

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
