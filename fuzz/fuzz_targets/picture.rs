//! Any bytes as a picture; what decodes becomes tiles for every family.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_vision::{MmprojParameters, Picture, Processor};

const MAX_PIXELS: u64 = 1 << 16;

static PROCESSORS: LazyLock<Vec<Processor>> = LazyLock::new(|| {
    let parameters = |projector: &str| MmprojParameters {
        file: "mmproj.gguf".to_owned(),
        projector: projector.to_owned(),
        image_size: 16,
        preproc_image_size: Some(40),
        image_mean: [0.5; 3],
        image_std: [0.5; 3],
        numbers: BTreeMap::new(),
    };
    ["idefics3", "llama4"].map(|projector| Processor::from_mmproj(&parameters(projector)).unwrap()).into()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(picture) = Picture::decode("fuzzed", bytes, MAX_PIXELS) else { return };
    assert!((picture.width() * picture.height()) as u64 <= MAX_PIXELS);
    for processor in PROCESSORS.iter() {
        let Ok(cut) = processor.cut(picture.width(), picture.height()) else { continue };
        let tiles = processor.picture(&picture).expect("what can be cut is");
        assert_eq!(tiles.sizes, cut.tiles);
        assert!(tiles.pixels.iter().all(|level| level.abs() <= 1.0));
    }
});
