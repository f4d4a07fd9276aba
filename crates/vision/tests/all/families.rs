//! Settings and mmproj files of the families of 2026: published ones are read, damaged ones never do harm.

use std::collections::BTreeMap;

use crate::common::noise;
use plimsoll_vision::{MmprojParameters, Processor, SourceFile, Sources, VisionError};
use serde_json::{Map, Value, json};

fn source(name: &str, value: &Value) -> Option<SourceFile> {
    Some(SourceFile { file: name.to_owned(), text: value.to_string() })
}

fn processor(settings: &Value, outer: &Value) -> Result<Processor, VisionError> {
    Processor::from_sources(&Sources {
        preprocessor: source("preprocessor_config.json", settings),
        processor: source("processor_config.json", outer),
        ..Sources::default()
    })
}

/// The preprocessor_config.json and the processor_config.json of published models, and how mmproj files say the same.
fn published() -> [(Value, Value, Option<MmprojParameters>); 7] {
    let image = |mut settings: Value| {
        for (key, value) in
            [("do_convert_rgb", json!(null)), ("do_normalize", json!(true)), ("do_rescale", json!(true))]
        {
            settings[key] = value;
        }
        settings["rescale_factor"] = json!(0.00392156862745098);
        settings["image_mean"] = json!([0.5, 0.5, 0.5]);
        settings["image_std"] = json!([0.5, 0.5, 0.5]);
        settings
    };
    let mmproj = |projector: &str, image_size: usize, numbers: &[(&str, f64)]| {
        Some(MmprojParameters {
            file: "mmproj.gguf".into(),
            projector: projector.into(),
            image_size,
            preproc_image_size: None,
            image_mean: [0.5; 3],
            image_std: [0.5; 3],
            numbers: numbers.iter().map(|(key, number)| ((*key).to_owned(), *number)).collect(),
        })
    };
    let qwen = json!({
        "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor", "max_pixels": null,
        "merge_size": 2, "min_pixels": null, "pad_size": null, "patch_size": 16, "resample": 3, "temporal_patch_size": 2,
        "size": {"longest_edge": 16777216, "shortest_edge": 65536},
    });
    let older = json!({
        "image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14,
        "temporal_patch_size": 2, "merge_size": 2, "size": {"min_pixels": 3136, "max_pixels": 12845056},
    });
    let gemma3 = json!({
        "image_processor_type": "Gemma3ImageProcessor", "do_pan_and_scan": null, "image_seq_length": 256,
        "pan_and_scan_max_num_crops": null, "pan_and_scan_min_crop_size": null,
        "pan_and_scan_min_ratio_to_activate": null, "resample": 2, "size": {"height": 896, "width": 896},
    });
    let gemma4 = json!({
        "image_processor_type": "Gemma4ImageProcessor", "image_seq_length": 280, "max_soft_tokens": 280,
        "patch_size": 16, "pooling_kernel_size": 3, "resample": 3, "size": {"height": 224, "width": 224},
    });
    let pixtral = json!({
        "image_processor_type": "PixtralImageProcessorFast", "patch_size": {"height": 14, "width": 14}, "resample": 3,
        "size": {"longest_edge": 1540}, "data_format": "channels_first", "default_to_square": true,
    });
    let lfm2 = json!({
        "image_processor_type": "Lfm2VlImageProcessorFast", "do_resize": false, "do_image_splitting": true, "do_pad": true,
        "downsample_factor": 2, "encoder_patch_size": 16, "max_image_tokens": 256, "max_num_patches": 1024,
        "max_pixels_tolerance": 2.0, "max_tiles": 10, "min_image_tokens": 64, "min_tiles": 2, "resample": 2,
        "return_row_col_info": true, "size": {"height": 512, "width": 512}, "tile_size": 512, "use_thumbnail": true,
    });
    let minicpm = json!({
        "image_processor_type": "MiniCPMV4_6ImageProcessor", "downsample_mode": "16x", "max_slice_nums": 9,
        "patch_size": 14, "resample": 3, "scale_resolution": 448, "slice_mode": true, "use_image_id": true,
    });
    let squares = json!({
        "image_break_token": "[IMG_BREAK]", "image_end_token": "[IMG_END]", "image_token": "[IMG]", "patch_size": 14,
        "spatial_merge_size": 2,
    });
    let none = || json!({});
    let patches = |patch| [("patch_size", patch), ("spatial_merge_size", 2.0)];
    [
        (image(qwen), none(), mmproj("qwen3vl_merger", 768, &patches(16.0))),
        (image(older), none(), mmproj("qwen2.5vl_merger", 560, &patches(14.0))),
        (image(gemma3), json!({"image_seq_length": 256}), mmproj("gemma3", 896, &[("patch_size", 14.0)])),
        (image(gemma4), json!({"image_seq_length": 280}), mmproj("gemma4v", 224, &[("patch_size", 16.0)])),
        (image(pixtral), squares, mmproj("pixtral", 1540, &patches(14.0))),
        (
            image(lfm2),
            json!({"use_image_special_tokens": true}),
            mmproj("lfm2", 256, &[("patch_size", 16.0), ("projector.scale_factor", 2.0)]),
        ),
        (image(minicpm), none(), None),
    ]
}

#[test]
fn an_mmproj_cuts_as_the_settings_that_it_was_made_of() {
    for (settings, outer, mmproj) in published() {
        let processor = processor(&settings, &outer).unwrap();
        if let Some(mmproj) = mmproj {
            assert!(processor.cuts_as(&mmproj), "{mmproj:?}");
            assert_eq!(Processor::from_mmproj(&mmproj).unwrap().family(), processor.family());
            assert!(Processor::assumed_of_mmproj(&mmproj.projector).unwrap().contains("it does not say"));
        }
    }
}

/// Whatever is made of damaged settings, a picture is planned in no time, and cut if it takes little.
fn harmless(processor: Result<Processor, VisionError>) -> bool {
    let Ok(processor) = processor else { return false };
    for (width, height) in [(1, 1), (40, 30), (1, 1 << 20), (1 << 20, 1), (1 << 16, 1 << 14)] {
        let Ok(cut) = processor.cut(width, height) else { continue };
        let pixels: usize = cut.tiles.iter().map(|(height, width)| height * width).sum();
        assert!(pixels <= 1 << 26);
        if width * height < 10_000 && pixels < 1 << 17 {
            assert_eq!(processor.picture(&noise(width, height)).unwrap().sizes, cut.tiles);
        }
    }
    true
}

fn damages() -> Vec<Value> {
    vec![
        json!(null),
        json!(0),
        json!(1),
        json!(-1),
        json!(0.5),
        json!(7),
        json!(4096),
        json!(65536),
        json!(1_u64 << 40),
        json!(u64::MAX),
        json!(1e300),
        json!(1e-300),
        json!("16x"),
        json!([]),
        json!({}),
        json!(true),
        json!(false),
    ]
}

/// `value` with one key of it, or of an object inside, replaced.
fn damaged(value: &Value, replacement: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    for (key, inner) in value.as_object().into_iter().flatten() {
        let mut with = |new: Value| {
            let mut copy = value.clone();
            copy[key] = new;
            out.push(copy);
        };
        with(replacement.clone());
        damaged(inner, replacement).into_iter().for_each(with);
    }
    out
}

#[test]
fn damaged_settings_end_in_an_error_or_in_tiles_that_fit_into_memory() {
    let (mut read, mut refused) = (0, 0);
    let mut count = |is_read: bool| if is_read { read += 1 } else { refused += 1 };
    for (settings, outer, _) in published() {
        for replacement in damages() {
            damaged(&settings, &replacement).iter().for_each(|settings| count(harmless(processor(settings, &outer))));
            damaged(&outer, &replacement).iter().for_each(|outer| count(harmless(processor(&settings, outer))));
        }
        let none: Map<String, Value> = Map::new();
        let class = json!({"image_processor_type": settings["image_processor_type"]});
        assert!(harmless(processor(&class, &Value::Object(none))), "the class's own defaults");
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
}

#[test]
fn damaged_mmproj_files_end_in_an_error_or_in_tiles_that_fit_into_memory() {
    let (mut read, mut refused) = (0, 0);
    for mmproj in published().into_iter().filter_map(|(_, _, mmproj)| mmproj) {
        for number in [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.5, 1.0, 3.0, 64.0, 4096.0, 1e6, 1e300] {
            for key in
                ["patch_size", "spatial_merge_size", "projector.scale_factor", "image_min_pixels", "image_max_pixels"]
            {
                let mut damaged = mmproj.clone();
                damaged.numbers.insert(key.to_owned(), number);
                if harmless(Processor::from_mmproj(&damaged)) { read += 1 } else { refused += 1 }
            }
        }
        let whole = MmprojParameters { image_size: 4096, preproc_image_size: Some(usize::MAX), ..mmproj.clone() };
        harmless(Processor::from_mmproj(&whole));
        let nothing = MmprojParameters { numbers: BTreeMap::new(), ..mmproj };
        let is_whole_view = nothing.projector == "gemma3";
        assert_eq!(Processor::from_mmproj(&nothing).is_ok(), is_whole_view, "{}", nothing.projector);
    }
    assert!(read > 50 && refused > 50, "{read} read, {refused} refused");
}

#[test]
fn settings_that_cannot_be_honoured_are_refused_by_name() {
    let [qwen, older, gemma3, gemma4, pixtral, lfm2, minicpm] = published().map(|(settings, ..)| settings);
    for (settings, key, value, blamed) in [
        (&qwen, "size", json!({"longest_edge": 4096}), "size.shortest_edge"),
        (&qwen, "size", json!({"height": 4096}), "size.height"),
        (&older, "min_pixels", json!(-1), "min_pixels"),
        (&older, "min_pixels", json!(null), "size.shortest_edge"),
        (&qwen, "merge_size", json!(65), "merge_size"),
        (&qwen, "patch_size", json!(4097), "patch_size"),
        (&qwen, "max_soft_tokens", json!(70), "max_soft_tokens"),
        (&gemma3, "size", json!({"longest_edge": 896}), "size"),
        (&gemma3, "do_pan_and_scan", json!(1), "do_pan_and_scan"),
        (&gemma4, "max_soft_tokens", json!(100), "max_soft_tokens"),
        (&gemma4, "pooling_kernel_size", json!(0), "pooling_kernel_size"),
        (&pixtral, "size", json!({"longest_edge": 5000}), "size"),
        (&pixtral, "do_resize", json!(false), "do_resize"),
        (&lfm2, "min_tiles", json!(11), "min_tiles"),
        (&lfm2, "tile_size", json!(500), "tile_size"),
        (&lfm2, "resample", json!(4), "resample"),
        (&minicpm, "use_image_id", json!(false), "use_image_id"),
        (&minicpm, "downsample_mode", json!("2x"), "downsample_mode"),
        (&minicpm, "scale_resolution", json!(4096), "scale_resolution"),
    ] {
        let mut settings = settings.clone();
        settings[key] = value;
        let error = processor(&settings, &json!({})).unwrap_err().to_string();
        assert!(error.contains("`preprocessor_config.json`") && error.contains(&format!("key `{blamed}`")), "{error}");
    }
    for (settings, key, value) in [
        (&qwen, "image_token", json!("<image>")),
        (&gemma3, "boi_token", json!("<|image>")),
        (&pixtral, "image_break_token", json!("\n")),
        (&pixtral, "spatial_merge_size", json!(0)),
        (&lfm2, "use_image_special_tokens", json!(false)),
        (&minicpm, "use_image_id", json!(false)),
    ] {
        let error = processor(settings, &json!({key: value})).unwrap_err().to_string();
        assert!(error.contains("`processor_config.json`") && error.contains(&format!("key `{key}`")), "{error}");
    }
}

#[test]
fn a_model_type_stands_for_its_class() {
    for (model_type, class) in [
        ("qwen2_5_vl", "Qwen2VLImageProcessor"),
        ("qwen3_vl", "Qwen2VLImageProcessor"),
        ("qwen3_5", "Qwen2VLImageProcessor"),
        ("lfm3_vl", "Qwen2VLImageProcessor"),
        ("gemma3", "Gemma3ImageProcessor"),
        ("gemma4", "Gemma4ImageProcessor"),
        ("paligemma", "SiglipImageProcessor"),
        ("mistral3", "PixtralImageProcessor"),
        ("lfm2_vl", "Lfm2VlImageProcessor"),
        ("minicpmv4_6", "MiniCPMV4_6ImageProcessor"),
    ] {
        let preprocessor = source("preprocessor_config.json", &json!({}));
        let sources = Sources { model_type: model_type.into(), preprocessor, ..Sources::default() };
        let named = processor(&json!({"image_processor_type": class}), &json!({})).unwrap();
        assert_eq!(Processor::from_sources(&sources).unwrap().family(), named.family());
    }
}
