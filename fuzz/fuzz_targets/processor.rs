//! Any text as a preprocessor_config.json; what is accepted cuts pictures of any shape into bounded grids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_vision::{Processor, SourceFile, Sources};

fuzz_target!(|text: &str| {
    let preprocessor = Some(SourceFile { file: "preprocessor_config.json".to_owned(), text: text.to_owned() });
    for model_type in ["smolvlm", "llama4"] {
        let sources =
            Sources { model_type: model_type.to_owned(), preprocessor: preprocessor.clone(), ..Sources::default() };
        let Ok(processor) = Processor::from_sources(&sources) else { continue };
        for (width, height) in [(1, 1), (30_000, 10), (10, 30_000), (640, 480)] {
            assert!(processor.grid(width, height).n_tiles() <= 65 * 65 + 1);
        }
    }
});
