//! Any text as a preprocessor_config.json; what is accepted cuts pictures of any shape into a bounded number of pixels.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_vision::{Processor, SourceFile, Sources};

const CLASSES: [&str; 9] =
    ["smolvlm", "llama4", "qwen3_vl", "gemma3", "gemma4", "paligemma", "mistral3", "lfm2_vl", "minicpmv4_6"];

fuzz_target!(|text: &str| {
    let preprocessor = Some(SourceFile { file: "preprocessor_config.json".to_owned(), text: text.to_owned() });
    for model_type in CLASSES {
        let sources =
            Sources { model_type: model_type.to_owned(), preprocessor: preprocessor.clone(), ..Sources::default() };
        let Ok(processor) = Processor::from_sources(&sources) else { continue };
        for (width, height) in [(1, 1), (30_000, 10), (10, 30_000), (640, 480)] {
            let Ok(cut) = processor.cut(width, height) else { continue };
            assert!(cut.tiles.iter().map(|(height, width)| height * width).sum::<usize>() <= 1 << 26);
        }
    }
});
