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
    let video = r#", "video_sampling": {"fps": 1, "max_frames": 8}"#;
    let video = if class.starts_with("SmolVLM") { video } else { "" };
    let text = format!(r#"{{"image_processor_type": "{class}"{video}}}"#);
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

/// A picture whose tiles have so many rows and columns of features.
fn tiles(grid: Grid, features: &[(usize, usize)]) -> Medium {
    let tiles: Vec<_> = features.iter().map(|(rows, cols)| (rows * TILE, cols * TILE)).collect();
    Medium::Picture(Cut { grid, resized: tiles[0], tiles })
}

#[test]
fn gemma3_names_the_original_and_its_crops() {
    let gemma = strings("Gemma3ImageProcessor");
    let view = "\n\n<start_of_image><image_soft_token><image_soft_token><end_of_image>\n\n";
    assert_eq!(gemma.medium(&tiles(Grid::WHOLE, &[(1, 2)])), view);
    let crops = gemma.medium(&tiles(Grid { rows: 2, cols: 1 }, &[(1, 2), (2, 1), (1, 2)]));
    let expected =
        format!("Here is the original image {view} and here are some crops to help you see better {view} {view}");
    assert_eq!(crops, expected);
}

#[test]
fn paligemma_s_text_begins_behind_the_last_picture_and_ends_its_line() {
    let paligemma = strings("SiglipImageProcessor");
    let picture = tiles(Grid::WHOLE, &[(1, 2)]);
    let expanded = paligemma.expand("<image><image>what differs?", &[picture.clone(), picture]).unwrap();
    assert_eq!(expanded, "<image><image><image><image><bos>what differs?\n");
    assert_eq!(paligemma.expand("no picture", &[]).unwrap(), "no picture");
}

#[test]
fn pixtral_breaks_rows() {
    let pixtral = strings("PixtralImageProcessor");
    assert_eq!(
        pixtral.medium(&tiles(Grid::WHOLE, &[(3, 2)])),
        "[IMG][IMG][IMG_BREAK][IMG][IMG][IMG_BREAK][IMG][IMG][IMG_END]"
    );
}

#[test]
fn lfm2_names_tiles_and_the_thumbnail() {
    let lfm = strings("Lfm2VlImageProcessorFast");
    let (grid, tile) = (Grid { rows: 2, cols: 1 }, (1, 1));
    let both = "<|image_start|><|img_row_1_col_1|><image><|img_row_2_col_1|><image>";
    let thumbnail = "<|img_thumbnail|><image><image><|image_end|>";
    assert_eq!(lfm.medium(&tiles(grid, &[tile, tile, (2, 1)])), format!("{both}{thumbnail}"));
    assert_eq!(lfm.medium(&tiles(grid, &[tile, tile])), format!("{both}<|image_end|>"));
    assert_eq!(lfm.medium(&tiles(Grid::WHOLE, &[(1, 2)])), "<|image_start|><image><image><|image_end|>");
}

#[test]
fn minicpm_numbers_pictures_and_breaks_rows_of_slices() {
    let minicpm = strings("MiniCPMV4_6ImageProcessor");
    let whole = tiles(Grid::WHOLE, &[(1, 1)]);
    let sliced = tiles(Grid { rows: 2, cols: 2 }, &[(1, 1), (1, 2), (1, 2), (1, 2), (1, 2)]);
    let slice = "<slice><|image_pad|><|image_pad|></slice>";
    assert_eq!(
        minicpm.expand("<|image_pad|>\n<|image_pad|>\nx", &[whole, sliced]).unwrap(),
        format!(
            "<image_id>0</image_id><image><|image_pad|></image>\n\
             <image_id>1</image_id><image><|image_pad|></image>{slice}{slice}\n{slice}{slice}\nx"
        )
    );
}

#[test]
fn gemma4_encloses_a_picture_and_qwen_leaves_that_to_its_template() {
    let picture = [tiles(Grid::WHOLE, &[(1, 2)])];
    let gemma = strings("Gemma4ImageProcessor").expand("<|image|>x", &picture).unwrap();
    assert_eq!(gemma, "<|image><|image|><|image|><image|>x");
    let rendered = "<|vision_start|><|image_pad|><|vision_end|>x";
    let qwen = strings("Qwen2VLImageProcessorFast").expand(rendered, &picture).unwrap();
    assert_eq!(qwen, "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>x");
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
