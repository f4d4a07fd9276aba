//! Writes the checkpoint of a configuration as a folder of safetensors:
//! `cargo run -p plimsoll-testing --example write_checkpoint -- CONFIG.json FOLDER`

use std::path::Path;

use plimsoll_testing::Tiny;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, folder] = &arguments[..] else { panic!("usage: write_checkpoint CONFIG.json FOLDER") };
    let config = std::fs::read_to_string(config).expect("a configuration");
    let tiny = Tiny::new(&serde_json::from_str(&config).expect("a JSON object"));
    tiny.write_safetensors(Path::new(folder)).expect("a folder to write to");
}
