//! The models that come inside the binary: a pair for text, and one that sees.

/// A file of an embedded model: name and content.
type Files = &'static [(&'static str, &'static [u8])];

macro_rules! embed {
    ($folder:literal $(, $more:literal)*) => {
        embed!(@ $folder, "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            "generation_config.json", "chat_template.jinja", "README.md", "golden.json" $(, $more)*)
    };
    (@ $folder:literal, $($file:literal),*) => {
        &[$(($file, include_bytes!(concat!("../../../demo/", $folder, "/", $file)))),*]
    };
}

/// Names of the embedded models: the pair that `compare` takes when none is named, the smaller first, then the one that
/// sees.
pub const NAMES: [&str; 3] = ["demo:small", "demo:large", "demo:vision"];

const SMALL: Files = embed!("small");
const LARGE: Files = embed!("large");
const VISION: Files = embed!("vision", "processor_config.json", "golden_pixels.safetensors");

/// The files of an embedded model.
pub fn files(name: &str) -> Option<Files> {
    match name {
        "demo:small" => Some(SMALL),
        "demo:large" => Some(LARGE),
        "demo:vision" => Some(VISION),
        _ => None,
    }
}

/// The golden outputs of an embedded model.
pub fn golden(name: &str) -> Option<&'static [u8]> {
    file(name, "golden.json")
}

/// The pixels that the golden outputs of an embedded model were computed from, if it sees.
pub fn golden_pixels(name: &str) -> Option<&'static [u8]> {
    file(name, "golden_pixels.safetensors")
}

fn file(model: &str, name: &str) -> Option<&'static [u8]> {
    files(model)?.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}
