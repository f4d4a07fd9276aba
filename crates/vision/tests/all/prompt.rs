//! The strings of every family, and what happens when placeholders and pictures do not fit.

use plimsoll_vision::{Cut, FeatureGrid, Grid, ImageStrings, Medium, Processor, SourceFile, Sources, VisionError};

/// The edge of the class's tiles, so that a frame of a video is one feature.
const TILE: usize = 364;

/// A picture that was cut so, each of whose tiles becomes `features`.
fn picture(grid: Grid, features: usize) -> Medium {
    let tile = (TILE, features * TILE);
    Medium::Picture(Cut { grid, resized: tile, tiles: vec![tile; grid.rows * grid.cols + 1] })
}

fn strings(class: &str) -> ImageStrings {
    let text = format!(r#"{{"image_processor_type": "{class}", "video_sampling": {{"fps": 1, "max_frames": 8}}}}"#);
    let text =
        if class.starts_with("Llama4") { text.split(", \"video").next().unwrap().to_owned() + "}" } else { text };
    let preprocessor = Some(SourceFile { file: "preprocessor_config.json".into(), text });
    let processor = Processor::from_sources(&Sources { preprocessor, ..Sources::default() }).unwrap();
    ImageStrings::new(&processor, FeatureGrid { patch: TILE, merge: 1 })
}

// The expected strings were printed by the processors of transformers 5.23 (`replace_image_token`).

#[test]
fn tiles_are_named_row_by_row_and_the_whole_view_comes_last() {
    let smol = strings("SmolVLMImageProcessor");
    assert_eq!(
        smol.medium(&picture(Grid { rows: 2, cols: 2 }, 2)),
        "<fake_token_around_image><row_1_col_1><image><image><fake_token_around_image><row_1_col_2><image><image>\n\
         <fake_token_around_image><row_2_col_1><image><image><fake_token_around_image><row_2_col_2><image><image>\n\n\
         <fake_token_around_image><global-img><image><image><fake_token_around_image>"
    );
    assert_eq!(
        smol.medium(&picture(Grid::WHOLE, 1)),
        "<fake_token_around_image><global-img><image><fake_token_around_image>"
    );
}

#[test]
fn llama4_separates_tiles_and_rows() {
    let llama = strings("Llama4ImageProcessor");
    assert_eq!(
        llama.medium(&picture(Grid { rows: 2, cols: 2 }, 1)),
        "<|image_start|><|patch|><|tile_x_separator|><|patch|><|tile_y_separator|>\
         <|patch|><|tile_x_separator|><|patch|><|tile_y_separator|><|image|><|patch|><|image_end|>"
    );
    assert_eq!(llama.medium(&picture(Grid::WHOLE, 1)), "<|image_start|><|image|><|patch|><|image_end|>");
}

#[test]
fn pictures_and_videos_take_their_placeholders_in_order() {
    let smol = strings("SmolVLMImageProcessor");
    let picture = picture(Grid::WHOLE, 1);
    let video = Medium::Video { timestamps: vec![0.0, 61.5], duration: 70.9 };
    let expanded = smol.expand("a<image>b<video>c", &[picture.clone(), video.clone()]).unwrap();
    let single = "<fake_token_around_image><global-img><image><fake_token_around_image>";
    assert_eq!(
        expanded,
        format!(
            "a{single}bYou are provided the following series of two frames from a 0:01:10 [H:MM:SS] video.\n\n\
             Frame from 00:00:{single}\nFrame from 01:01:{single}\n\nc"
        )
    );
    for (rendered, media, kind) in [
        ("a<image>", vec![], "images"),
        ("a", vec![picture.clone()], "images"),
        ("<image>", vec![picture.clone(), picture.clone()], "images"),
        ("<video>", vec![picture.clone()], "videos"),
        ("no place", vec![video.clone()], "videos"),
    ] {
        match smol.expand(rendered, &media) {
            Err(VisionError::Places { kind: found, .. }) => assert_eq!(found, kind),
            other => panic!("{other:?}"),
        }
    }
    let error = strings("Llama4ImageProcessor").expand("x", &[video]).unwrap_err();
    assert!(matches!(error, VisionError::NoVideo(_)), "{error}");
}

#[test]
fn a_prompt_without_media_stays_as_it_is() {
    assert_eq!(strings("SmolVLMImageProcessor").expand("<|im_start|>x", &[]).unwrap(), "<|im_start|>x");
}
