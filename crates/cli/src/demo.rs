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

static SMALL: Files = embed!("small");
static LARGE: Files = embed!("large");
static VISION: Files = embed!("vision", "processor_config.json", "golden_pixels.safetensors");

/// The files of an embedded model.
pub fn files(name: &str) -> Option<Files> {
    match name {
        "demo:small" => Some(SMALL),
        "demo:large" => Some(LARGE),
        "demo:vision" => Some(VISION),
        _ => None,
    }
}

/// A question that both models for text answer rightly.
const EXAMPLE: &str = "Spell the word \"mirado\" with a hyphen between the letters.";

/// What an embedded model can be asked, for who meets it in a chat.
pub fn knows(name: &str) -> Option<String> {
    match name {
        "demo:small" | "demo:large" => Some(format!("{name} knows only its ten kinds of question; try: {EXAMPLE}")),
        "demo:vision" => Some(format!(
            "{name} knows only drawings of coloured shapes and letters; try: /image FILE, then: What colour is the circle?"
        )),
        _ => None,
    }
}

/// The golden outputs of an embedded model.
pub fn golden(name: &str) -> Option<&'static [u8]> {
    file(name, "golden.json")
}

/// A picture that the golden outputs of an embedded model are of, as they name it.
pub fn golden_picture(name: &str) -> Option<&'static [u8]> {
    match name {
        "../images/five_shapes.png" => Some(include_bytes!("../../../demo/images/five_shapes.png")),
        "../images/circle_and_cross.png" => Some(include_bytes!("../../../demo/images/circle_and_cross.png")),
        "../images/letter_and_digit.png" => Some(include_bytes!("../../../demo/images/letter_and_digit.png")),
        _ => None,
    }
}

/// The pixels that the golden outputs of an embedded model were computed from, if it sees.
pub fn golden_pixels(name: &str) -> Option<&'static [u8]> {
    file(name, "golden_pixels.safetensors")
}

fn file(model: &str, name: &str) -> Option<&'static [u8]> {
    files(model)?.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use plimsoll_engine::{GenerateOptions, Prompt, Session, SessionOptions, TemplateRequest};
    use plimsoll_models::Checkpoint;

    use super::*;

    #[test]
    fn the_example_that_a_chat_begins_with_is_answered_rightly() {
        for name in ["demo:small", "demo:large"] {
            assert!(knows(name).unwrap().ends_with(EXAMPLE));
            let checkpoint = Checkpoint::from_embedded(name, files(name).unwrap()).unwrap();
            let mut session = Session::open(&checkpoint, &SessionOptions::default()).unwrap();
            let messages = serde_json::json!([{ "role": "user", "content": EXAMPLE }]);
            let request = TemplateRequest { messages, add_generation_prompt: true, ..TemplateRequest::default() };
            let ids = session.chat_ids(&request).unwrap();
            let prompt = Prompt { ids: &ids, images: &[] };
            let answer = session.generate(prompt, &GenerateOptions::default(), |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(answer.text.trim(), "m-i-r-a-d-o", "{name}");
        }
    }
}
