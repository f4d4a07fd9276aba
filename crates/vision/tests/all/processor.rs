//! Settings are read as transformers reads them, and pictures are cut as its classes cut them.

use std::collections::BTreeMap;

use crate::common::{data, json, noise, numbers};
use plimsoll_vision::{Cut, Grid, MmprojParameters, Processor, SourceFile, Sources, VisionError};
use serde_json::{Value, json};

fn source(name: &str, value: Value) -> Option<SourceFile> {
    Some(SourceFile { file: name.to_owned(), text: value.to_string() })
}

fn processor(settings: Value) -> Result<Processor, VisionError> {
    let preprocessor = source("preprocessor_config.json", settings);
    Processor::from_sources(&Sources { preprocessor, ..Sources::default() })
}

#[test]
fn pictures_of_any_shape_are_cut_as_the_reference_cuts_them() {
    let grids = json(&data("grids.json"));
    for setting in grids["tiling"].as_array().unwrap() {
        let processor = processor(json!({
            "image_processor_type": "Idefics3ImageProcessor",
            "size": {"longest_edge": setting["longest_edge"]},
            "max_image_size": {"longest_edge": setting["tile"]},
        }));
        check(&processor.unwrap(), &setting["cases"], Grid::WHOLE);
    }
    for setting in grids["canvas"].as_array().unwrap() {
        let processor = processor(json!({
            "image_processor_type": "Llama4ImageProcessorFast",
            "size": {"height": setting["tile"], "width": setting["tile"]},
            "max_patches": setting["max_patches"],
            "resize_to_max_canvas": setting["resize_to_max_canvas"],
        }));
        check(&processor.unwrap(), &setting["cases"], Grid { rows: 1, cols: 1 });
    }
}

#[test]
fn tiles_of_many_sizes_are_those_of_the_reference() {
    for setting in json(&data("cuts.json")).as_array().unwrap() {
        let sources = Sources {
            processor: source("processor_config.json", setting["processor"].clone()),
            preprocessor: source("preprocessor_config.json", setting["settings"].clone()),
            ..Sources::default()
        };
        let processor = Processor::from_sources(&sources).unwrap();
        for case in setting["cases"].as_array().unwrap() {
            let case = case.as_array().unwrap();
            let (width, height) = (number(&case[0]), number(&case[1]));
            let shown = format!("{width} x {height}, {}", setting["settings"]);
            match (processor.cut(width, height), &case[2..]) {
                (Err(VisionError::Shape { .. }), []) => {}
                (Ok(cut), [rows, cols, runs]) => {
                    assert_eq!(cut.grid, Grid { rows: number(rows), cols: number(cols) }, "{shown}");
                    let runs = runs.as_array().unwrap().iter().map(numbers);
                    let tiles: Vec<_> = runs.flat_map(|run| vec![(run[0], run[1]); run[2]]).collect();
                    assert_eq!(cut.tiles, tiles, "{shown}");
                }
                (found, expected) => panic!("{shown}: {found:?} instead of {expected:?}"),
            }
        }
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// `whole`: how the reference writes that there is one tile.
fn check(processor: &Processor, cases: &Value, whole: Grid) {
    for case in cases.as_array().unwrap() {
        let [width, height, new_height, new_width, rows, cols] = numbers(case)[..] else { panic!("{case}") };
        let Cut { grid, resized, .. } = processor.cut(width, height).unwrap();
        let expected = Grid { rows, cols };
        assert_eq!(grid, if expected == whole { Grid::WHOLE } else { expected }, "{width} x {height}");
        assert_eq!(resized, (new_height, new_width), "{width} x {height}");
    }
}

#[test]
fn absent_settings_are_those_of_the_class() {
    for (class, tile) in
        [("Idefics3ImageProcessor", 364), ("SmolVLMImageProcessor", 364), ("Llama4ImageProcessor", 336)]
    {
        let processor = processor(json!({"image_processor_type": class})).unwrap();
        assert_eq!(processor.cut(1, 1).unwrap().tiles[0], (tile, tile));
        assert!(processor.sampling().is_none());
    }
    let sources =
        Sources { model_type: "smolvlm".to_owned(), preprocessor: source("p", json!({})), ..Sources::default() };
    assert_eq!(Processor::from_sources(&sources).unwrap().family().model_types, ["smolvlm"]);
}

#[test]
fn one_pixel_and_a_long_line_have_tiles() {
    for settings in [
        json!({"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 64},
            "max_image_size": {"longest_edge": 32}}),
        json!({"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 32},
            "max_image_size": {"longest_edge": 32}, "do_image_splitting": false}),
        json!({"image_processor_type": "Llama4ImageProcessor", "size": {"height": 32, "width": 32}}),
    ] {
        let processor = processor(settings).unwrap();
        for (width, height) in [(1, 1), (3000, 1), (1, 3000)] {
            let tiles = processor.picture(&noise(width, height)).unwrap();
            assert_eq!(tiles.sizes, processor.cut(width, height).unwrap().tiles);
            assert_eq!(tiles.pixels.len(), tiles.sizes.iter().map(|(height, width)| 3 * height * width).sum::<usize>());
            assert!(tiles.pixels.iter().all(|level| level.abs() <= 1.0));
        }
    }
}

#[test]
fn settings_that_change_the_pixels_and_are_not_understood_are_refused_by_name() {
    let smol = |key: &str, value: Value| {
        let mut settings = json!({"image_processor_type": "SmolVLMImageProcessor"});
        settings[key] = value;
        settings
    };
    let llama = |key: &str, value: Value| {
        let mut settings = json!({"image_processor_type": "Llama4ImageProcessor"});
        settings[key] = value;
        settings
    };
    for (settings, key) in [
        (json!({"image_processor_type": "CLIPImageProcessor"}), "image_processor_type"),
        (json!({}), "image_processor_type"),
        (smol("sharpen", json!(2)), "sharpen"),
        (smol("do_resize", json!(false)), "do_resize"),
        (smol("do_center_crop", json!(true)), "do_center_crop"),
        (smol("resample", json!(0)), "resample"),
        (smol("image_std", json!([0.5, 0.0, 0.5])), "image_std"),
        (smol("image_mean", json!([0.5, 0.5])), "image_mean"),
        (smol("rescale_factor", json!(0)), "rescale_factor"),
        (smol("size", json!({"shortest_edge": 5})), "size.shortest_edge"),
        (smol("size", json!({"height": 5})), "size"),
        (smol("max_image_size", json!({"height": 5, "width": 5})), "max_image_size.height"),
        (smol("max_image_size", json!({"longest_edge": 0})), "max_image_size.longest_edge"),
        (smol("max_image_size", json!({"longest_edge": 2})), "max_image_size"),
        (smol("max_patches", json!(4)), "max_patches"),
        (llama("resample", json!(4)), "resample"),
        (llama("size", json!({"height": 336, "width": 448})), "size"),
        (llama("max_patches", json!(0)), "max_patches"),
        (llama("do_image_splitting", json!(true)), "do_image_splitting"),
    ] {
        let error = processor(settings).unwrap_err();
        assert!(error.to_string().contains("`preprocessor_config.json`"), "{error}");
        assert!(error.to_string().contains(&format!("key `{key}`")), "{error}");
    }
    let error = Processor::from_sources(&Sources { checkpoint: "models/x".into(), ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("models/x/preprocessor_config.json"), "{error}");
    let preprocessor = Some(SourceFile { file: "p.json".into(), text: "[1".into() });
    let error = Processor::from_sources(&Sources { preprocessor, ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("p.json"), "{error}");
}

#[test]
fn the_files_come_in_the_order_in_which_transformers_reads_them() {
    let nested = json!({
        "image_seq_len": 64,
        "image_processor": {"image_processor_type": "SmolVLMImageProcessor", "max_image_size": {"longest_edge": 512}},
    });
    let flat = json!({
        "image_processor_type": "SmolVLMImageProcessor", "max_image_size": {"longest_edge": 384},
        "size": {"longest_edge": 1536},
        "video_sampling": {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": 512}},
    });
    let own = json!({
        "video_processor_type": "SmolVLMVideoProcessor",
        "video_sampling": {"fps": 2, "max_frames": 32, "video_size": {"longest_edge": 512}},
    });
    let mut sources = Sources {
        processor: source("processor_config.json", nested),
        preprocessor: source("preprocessor_config.json", flat),
        ..Sources::default()
    };
    let both = Processor::from_sources(&sources).unwrap();
    let tile = |processor: &Processor| processor.cut(1, 1).unwrap().tiles[0];
    assert_eq!((tile(&both), both.image_seq_len()), ((512, 512), Some(64)));
    assert_eq!(both.sampling().unwrap().max_frames, 64);
    sources.video_preprocessor = source("video_preprocessor_config.json", own);
    assert_eq!(Processor::from_sources(&sources).unwrap().sampling().unwrap().max_frames, 32);
    sources.processor = source("processor_config.json", json!({"image_seq_len": 81}));
    assert_eq!(tile(&Processor::from_sources(&sources).unwrap()), (384, 384));
}

#[test]
fn an_mmproj_says_what_its_metadata_holds() {
    let idefics = MmprojParameters {
        file: "mmproj.gguf".into(),
        projector: "idefics3".into(),
        image_size: 56,
        preproc_image_size: Some(168),
        image_mean: [0.5; 3],
        image_std: [0.5; 3],
        numbers: BTreeMap::new(),
    };
    let grid =
        |parameters: &MmprojParameters| Processor::from_mmproj(parameters).map(|p| p.cut(300, 230).unwrap().grid);
    assert_eq!(grid(&idefics).unwrap(), Grid { rows: 3, cols: 3 });
    let older = MmprojParameters { preproc_image_size: None, ..idefics.clone() };
    assert_eq!(grid(&older).unwrap(), Grid { rows: 4, cols: 4 });
    let llama = MmprojParameters { projector: "llama4".into(), ..idefics.clone() };
    assert_eq!(Processor::from_mmproj(&llama).unwrap().family().model_types, ["llama4"]);
    let wide = Processor::from_mmproj(&llama).unwrap().cut(56 * 40, 56).unwrap().grid;
    assert_eq!((wide.rows, wide.cols), (1, 16), "as it is assumed");
    assert!(Processor::assumed_of_mmproj("llama4").unwrap().contains("16 tiles"));
    let sampling = Processor::from_mmproj(&idefics).unwrap().sampling().unwrap();
    assert_eq!((sampling.fps, sampling.max_frames), (1.0, 64));
    let said = Processor::assumed_of_mmproj("idefics3").unwrap();
    assert!(said.contains("1 frame a second, at most 64"), "{said}");
    for (broken, key) in [
        (MmprojParameters { projector: "resampler".into(), ..idefics.clone() }, "clip.projector_type"),
        (MmprojParameters { image_size: 0, ..idefics.clone() }, "clip.vision.image_size"),
        (MmprojParameters { preproc_image_size: Some(1 << 20), ..idefics.clone() }, "clip.vision.preproc_image_size"),
        (MmprojParameters { image_std: [0.0; 3], ..idefics.clone() }, "clip.vision.image_std"),
    ] {
        assert!(Processor::from_mmproj(&broken).unwrap_err().to_string().contains(key));
    }
}
