//! The two models that come inside the binary.

/// A file of an embedded model: name and content.
type Files = &'static [(&'static str, &'static [u8])];

macro_rules! embed {
    ($folder:literal) => {
        &[
            ("config.json", include_bytes!(concat!("../../../demo/", $folder, "/config.json"))),
            ("model.safetensors", include_bytes!(concat!("../../../demo/", $folder, "/model.safetensors"))),
            ("tokenizer.json", include_bytes!(concat!("../../../demo/", $folder, "/tokenizer.json"))),
            ("tokenizer_config.json", include_bytes!(concat!("../../../demo/", $folder, "/tokenizer_config.json"))),
            ("generation_config.json", include_bytes!(concat!("../../../demo/", $folder, "/generation_config.json"))),
            ("chat_template.jinja", include_bytes!(concat!("../../../demo/", $folder, "/chat_template.jinja"))),
            ("README.md", include_bytes!(concat!("../../../demo/", $folder, "/README.md"))),
            ("golden.json", include_bytes!(concat!("../../../demo/", $folder, "/golden.json"))),
        ]
    };
}

/// Names of the embedded models, the smaller first.
pub const NAMES: [&str; 2] = ["demo:small", "demo:large"];

const SMALL: Files = embed!("small");
const LARGE: Files = embed!("large");

/// The files of an embedded model.
pub fn files(name: &str) -> Option<Files> {
    match name {
        "demo:small" => Some(SMALL),
        "demo:large" => Some(LARGE),
        _ => None,
    }
}

/// The golden outputs of an embedded model.
pub fn golden(name: &str) -> Option<&'static [u8]> {
    files(name)?.iter().find(|(file, _)| *file == "golden.json").map(|(_, bytes)| *bytes)
}
