//! Pixels and prompts of the shared fixtures.

use std::path::Path;

use crate::common::{json, shared, tensor};
use crate::skipped::skipped;
use plimsoll_vision::{
    DEFAULT_MAX_PIXELS, FrameSampling, ImageStrings, Medium, Picture, Processor, SourceFile, Sources, Video,
};

fn processor(folder: &Path) -> Processor {
    let file = folder.join("processor_config.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let processor = Some(SourceFile { file: file.display().to_string(), text });
    Processor::from_sources(&Sources { processor, ..Sources::default() }).unwrap()
}

/// The greatest difference of any value from the reference's, over all pictures of all cases.
fn worst_picture(fixture: &str) -> Option<f32> {
    let folder = shared(fixture);
    if !folder.is_dir() {
        skipped("../shared is not here");
        return None;
    }
    let (processor, golden) = (processor(&folder), json(&folder.join("golden.json")));
    let mut worst = 0f32;
    for (i, case) in golden["cases"].as_array().unwrap().iter().enumerate() {
        let mut pixels = Vec::new();
        for image in case["images"].as_array().into_iter().flatten() {
            let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
            pixels.extend(processor.picture(&picture).pixels);
        }
        if pixels.is_empty() {
            continue;
        }
        let (shape, expected) = tensor(&folder.join("golden_pixels.safetensors"), &format!("case{i}"));
        assert_eq!(pixels.len(), expected.len(), "{fixture}, case {i}: {shape:?}");
        let differences = pixels.iter().zip(&expected).map(|(own, reference)| (own - reference).abs());
        worst = differences.fold(worst, f32::max);
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
fn smolvlm2_videos_have_the_reference_s_frames_pixels_and_prompt() {
    let folder = shared("smolvlm2");
    if !folder.is_dir() {
        return skipped("../shared is not here");
    }
    let (processor, golden) = (processor(&folder), json(&folder.join("golden.json")));
    let strings = ImageStrings::new(&processor, processor.image_seq_len().unwrap());
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
        assert_eq!(shape, [1, tiles.n, 3, tiles.height, tiles.width]);
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
            let grids = images.iter().map(|image| {
                let picture = Picture::open(&folder.join(image.as_str().unwrap()), DEFAULT_MAX_PIXELS).unwrap();
                processor.grid(picture.width(), picture.height())
            });
            let media: Vec<Medium> = grids.map(Medium::Picture).collect();
            // Features of all tiles: (1, tiles × features, width), or (tiles, features, width) for Llama 4.
            let shape = crate::common::numbers(&case["image_features"]["shape"]);
            let tiles: usize = media.iter().map(tiles).sum();
            let features = shape[0] * shape[1];
            let strings = ImageStrings::new(&processor, features / tiles);
            let expanded = strings.expand(case["rendered"].as_str().unwrap(), &media).unwrap();
            assert_eq!(expanded.matches(strings.feature_token()).count(), features, "{fixture}");
        }
    }
}

fn tiles(medium: &Medium) -> usize {
    match medium {
        Medium::Picture(grid) => grid.n_tiles(),
        Medium::Video { timestamps, .. } => timestamps.len(),
    }
}
