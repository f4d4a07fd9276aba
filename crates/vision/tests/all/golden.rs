//! Pixels and prompts of the shared fixtures.

use std::path::Path;

use crate::common::{json, shared, tensor};
use crate::skipped::skipped;
use plimsoll_vision::{
    DEFAULT_MAX_PIXELS, FeatureGrid, FrameSampling, ImageStrings, Medium, Picture, Processor, SourceFile, Sources,
    Video,
};
use serde_json::Value;

fn processor(folder: &Path) -> Processor {
    processor_with(folder, &Value::Null)
}

/// With settings that a case has beside those of the file.
fn processor_with(folder: &Path, options: &Value) -> Processor {
    let file = folder.join("processor_config.json");
    let mut settings = json(&file);
    for (key, value) in options.as_object().into_iter().flatten() {
        settings["image_processor"][key] = value.clone();
    }
    let processor = Some(SourceFile { file: file.display().to_string(), text: settings.to_string() });
    Processor::from_sources(&Sources { processor, ..Sources::default() }).unwrap()
}

/// The greatest difference of any value from the reference's, over all pictures of all cases, in levels.
fn worst_picture(fixture: &str) -> Option<f32> {
    let folder = shared(fixture);
    if !folder.is_dir() {
        skipped("../shared is not here");
        return None;
    }
    let golden = json(&folder.join("golden.json"));
    let mut worst = 0f32;
    for (i, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
        let processor = processor_with(&folder, &case["processor_options"]);
        let (mut pixels, mut sizes) = (Vec::new(), Vec::new());
        for image in case["images"].as_array().into_iter().flatten() {
            let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
            let tiles = processor.picture(&picture).unwrap();
            assert_eq!(tiles.sizes, processor.cut(picture.width(), picture.height()).unwrap().tiles);
            pixels.extend(tiles.pixels);
            sizes.extend(tiles.sizes);
        }
        if pixels.is_empty() {
            continue;
        }
        let (shape, expected) = tensor(&folder.join("golden_pixels.safetensors"), &format!("case{i}"));
        let expected = processor.reference_tiles(&expected, &shape, Some(sizes)).unwrap().pixels;
        assert_eq!(pixels.len(), expected.len(), "{fixture}, case {i}: {shape:?}");
        let differences = pixels.iter().zip(&expected).map(|(own, reference)| (own - reference).abs());
        worst = differences.fold(worst, |a, b| a.max(b / processor.level_step()));
    }
    Some(worst)
}

#[test]
fn idefics3_pixels_are_the_reference_s() {
    assert!(worst_picture("idefics3").is_none_or(|worst| worst == 0.0));
}

#[test]
fn smolvlm2_pixels_are_the_reference_s() {
    assert!(worst_picture("smolvlm2").is_none_or(|worst| worst == 0.0));
}

#[test]
fn llama4_pixels_are_the_reference_s() {
    assert!(worst_picture("llama4-vision").is_none_or(|worst| worst == 0.0));
}

#[test]
fn pixels_of_the_families_of_2026_are_the_reference_s() {
    for (fixture, _) in OF_2026 {
        let worst = worst_picture(&format!("2026/{fixture}"));
        assert!(worst.is_none_or(|worst| worst == 0.0), "{fixture}: {worst:?}");
    }
}

/// Fixtures, and how many pixels their towers make a feature of.
const OF_2026: [(&str, FeatureGrid); 10] = [
    ("gemma3-vl", FeatureGrid { patch: 7, merge: 2 }),
    ("gemma4-vl-e", FeatureGrid { patch: 2, merge: 3 }),
    ("gemma4-vl-l", FeatureGrid { patch: 2, merge: 3 }),
    ("lfm2-vl", FeatureGrid { patch: 4, merge: 2 }),
    ("lfm3-vl", FeatureGrid { patch: 8, merge: 2 }),
    ("minicpmv4_6", FeatureGrid { patch: 4, merge: 4 }),
    ("mistral3-vl", FeatureGrid { patch: 6, merge: 2 }),
    ("paligemma", FeatureGrid { patch: 7, merge: 1 }),
    ("qwen3-vl", FeatureGrid { patch: 8, merge: 2 }),
    ("qwen3_5-vl", FeatureGrid { patch: 8, merge: 2 }),
];

#[test]
fn prompts_of_the_families_of_2026_have_the_reference_s_tokens_in_its_order() {
    for (fixture, features) in OF_2026 {
        let folder = shared(&format!("2026/{fixture}"));
        if !folder.is_dir() {
            return skipped("../shared is not here");
        }
        let tokens = added_tokens(&folder);
        for (i, case) in json(&folder.join("golden.json"))["cases"].as_array().unwrap().iter().enumerate() {
            let processor = processor_with(&folder, &case["processor_options"]);
            let media = case["images"].as_array().unwrap().iter().map(|image| {
                let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
                Medium::Picture(processor.cut(picture.width(), picture.height()).unwrap())
            });
            let strings = ImageStrings::new(&processor, features);
            let rendered = case["rendered"].as_str().unwrap();
            let expanded = strings.expand(rendered, &media.collect::<Vec<_>>()).unwrap();
            let mut expected = crate::common::numbers(&case["input_ids"]);
            expected.retain(|id| tokens.iter().any(|(_, added)| added == id));
            assert_eq!(among(&tokens, &expanded), expected, "{fixture}, case {i}: {expanded}");
        }
    }
}

/// The tokens that stand in a text as they are written, with their numbers.
fn added_tokens(folder: &Path) -> Vec<(String, usize)> {
    let tokenizer = json(&folder.join("tokenizer.json"));
    let added = tokenizer["added_tokens"].as_array().unwrap().iter();
    added.map(|token| (token["content"].as_str().unwrap().into(), token["id"].as_u64().unwrap() as usize)).collect()
}

/// Those of `tokens` that `text` is made of, the longest first where several begin.
fn among(tokens: &[(String, usize)], text: &str) -> Vec<usize> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let here = tokens.iter().filter(|(token, _)| rest.starts_with(token.as_str()));
        let longest = here.max_by_key(|(token, _)| token.len());
        found.extend(longest.map(|(_, id)| *id));
        rest = &rest[longest.map_or(first.len_utf8(), |(token, _)| token.len())..];
    }
    found
}

#[test]
fn smolvlm2_videos_have_the_reference_s_frames_pixels_and_prompt() {
    let folder = shared("smolvlm2");
    if !folder.is_dir() {
        return skipped("../shared is not here");
    }
    let (processor, golden) = (processor(&folder), json(&folder.join("golden.json")));
    let (side, tile) = (processor.image_seq_len().unwrap().isqrt(), processor.cut(1, 1).unwrap().tiles[0].0);
    let strings = ImageStrings::new(&processor, FeatureGrid { patch: tile / side, merge: 1 });
    for (i, case) in golden["video_cases"].as_array().unwrap().iter().enumerate() {
        let frames = folder.join(case["frames_dir"].as_str().unwrap());
        let video = Video::open_folder(&frames, case["metadata"]["fps"].as_f64().unwrap()).unwrap();
        assert_eq!(video.n_frames() as u64, case["frames"].as_u64().unwrap());
        let max_frames = case["max_frames"].as_u64().unwrap() as usize;
        let sampled = video.sample(FrameSampling { max_frames, fps: case["fps"].as_f64().unwrap() });
        let medium = video.medium(&sampled);
        assert_eq!(strings.expand(case["rendered"].as_str().unwrap(), &[medium]).unwrap(), case["expanded"]);

        let tiles = processor.video(video.frames(&sampled, DEFAULT_MAX_PIXELS).unwrap()).unwrap();
        let (shape, expected) = tensor(&folder.join("golden_pixels.safetensors"), &format!("video{i}"));
        assert_eq!(shape, [1, tiles.sizes.len(), 3, tiles.sizes[0].0, tiles.sizes[0].1]);
        let differences = tiles.pixels.iter().zip(&expected).map(|(own, reference)| (own - reference).abs());
        assert_eq!(differences.fold(0.0, f32::max), 0.0, "video {i}");
    }
}

#[test]
fn expanded_prompts_have_a_place_for_every_feature() {
    for fixture in ["idefics3", "smolvlm2", "llama4-vision"] {
        let folder = shared(fixture);
        if !folder.is_dir() {
            return skipped("../shared is not here");
        }
        let (processor, golden) = (processor(&folder), json(&folder.join("golden.json")));
        for case in golden["cases"].as_array().unwrap() {
            let images = case["images"].as_array().unwrap();
            if images.is_empty() {
                continue;
            }
            let cuts = images.iter().map(|image| {
                let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
                processor.cut(picture.width(), picture.height()).unwrap()
            });
            let media: Vec<Medium> = cuts.map(Medium::Picture).collect();
            // Features of all tiles: (1, tiles × features, width), or (tiles, features, width) for Llama 4.
            let shape = crate::common::numbers(&case["image_features"]["shape"]);
            let tiles: Vec<_> = media.iter().flat_map(tiles).collect();
            let features = shape[0] * shape[1];
            let side = (features / tiles.len()).isqrt();
            let strings = ImageStrings::new(&processor, FeatureGrid { patch: tiles[0].0 / side, merge: 1 });
            let expanded = strings.expand(case["rendered"].as_str().unwrap(), &media).unwrap();
            assert_eq!(expanded.matches(strings.feature_token()).count(), features, "{fixture}");
        }
    }
}

fn tiles(medium: &Medium) -> Vec<(usize, usize)> {
    match medium {
        Medium::Picture(cut) => cut.tiles.clone(),
        Medium::Video { .. } => panic!("cases show pictures"),
    }
}
