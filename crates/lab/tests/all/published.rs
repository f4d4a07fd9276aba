//! Predictions from cards beside what others published and what files hold.

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_catalog::{Catalog, ModelCard, Shape};
use plimsoll_graph::cost::Cost;
use plimsoll_lab::predict::mix::{Mix, Quantisation};
use plimsoll_lab::predict::published::{Published, is_read_here};
use plimsoll_models::Checkpoint;

use crate::skipped::skipped;

fn shapes(catalog: &Catalog) -> impl Iterator<Item = (&ModelCard, &Shape)> {
    catalog.cards().flat_map(|card| card.shapes.iter().map(move |shape| (card, shape)))
}

#[test]
fn every_shape_of_the_catalogue_makes_a_network_or_an_outline() {
    let catalog = Catalog::builtin();
    let (mut walked, mut outlined) = (0, 0);
    for (card, shape) in shapes(&catalog) {
        let published = Published::new(card, shape).unwrap();
        if published.is_walked {
            walked += 1
        } else {
            outlined += 1
        }
        let mut before = u64::MAX;
        for quantisation in Quantisation::ALL {
            let bytes = published.file_bytes(quantisation);
            assert!(bytes <= before, "{}: {quantisation} is larger than what is more precise", card.id);
            before = bytes;
        }
    }
    assert!(walked > 70 && outlined > 0, "{walked} walked, {outlined} outlined");
}

/// Outlines of architectures that are read here, and what was found of them nowhere.
const OUTLINED: [(&str, &str); 4] = [
    ("granite-4.0-h-small", "which 4 of its 40 layers attend"),
    ("lfm2-2.6b", "which 8 of its 30 layers attend"),
    ("lfm2-700m", "which 6 of its 16 layers attend"),
    ("lfm2-vl-3b", "which 8 of its 30 layers attend"),
];

#[test]
fn what_this_program_reads_is_an_outline_only_where_something_is_not_known() {
    let catalog = Catalog::builtin();
    let outlines = shapes(&catalog).filter(|(_, shape)| shape.network.is_none());
    let read = outlines.filter(|(card, _)| card.architecture.as_deref().is_some_and(is_read_here));
    let read: BTreeSet<&str> = read.map(|(card, _)| card.id.as_str()).collect();
    assert_eq!(read, OUTLINED.iter().map(|(id, _)| *id).collect());
}

#[test]
fn what_this_program_reads_is_said_to_run_here() {
    let catalog = Catalog::builtin();
    let runs = |id: &str| {
        let card = catalog.card(id).unwrap();
        Published::new(card, &card.shapes[0]).unwrap().runs_here
    };
    for id in [
        "gemma-4-e2b",
        "glm-4.7-flash",
        "gpt-oss-20b",
        "granite-4.0-h-tiny",
        "lfm2-350m",
        "lfm2-8b-a1b",
        "lfm3-1.7b",
        "ministral-3-3b",
        "nemotron-3-nano-30b-a3b",
        "olmo-3-7b",
        "qwen3-30b-a3b",
        "qwen3-vl-2b",
        "qwen3.5-0.8b",
        "qwen3.5-35b-a3b",
    ] {
        assert!(runs(id), "{id}");
    }
    for id in ["gemma-3n-e2b", "moondream"] {
        assert!(!runs(id), "{id}");
    }
}

#[test]
fn a_network_of_a_card_has_as_many_parameters_as_the_card_says() {
    let catalog = Catalog::builtin();
    for (card, shape) in shapes(&catalog).filter(|(_, shape)| shape.network.is_some()) {
        let published = Published::new(card, shape).unwrap();
        let towers = shape.vision.as_ref().map_or(0, |vision| vision.parameters);
        let counted = (published.text_parameters + towers + shape.idle_parameters) as f64 / shape.parameters as f64;
        assert!((0.995..1.01).contains(&counted), "{}: {counted}", card.id);
        if shape.vision.as_ref().is_some_and(|vision| vision.network.is_some()) {
            let walked = published.tower_bytes().0 as f64 / 2.0 / towers as f64;
            assert!((0.99..1.01).contains(&walked), "{}: tower {walked}", card.id);
        }
    }
}

/// What a tower of any shape holds of a picture grows with the picture that the card tells of, not with the square that its
/// positions are for.
#[test]
fn a_tower_holds_the_picture_that_its_card_tells_of() {
    let catalog = Catalog::builtin();
    let card = catalog.card("qwen3-vl-2b").unwrap();
    let mut shape = card.shapes[0].clone();
    let mut buffers = |patches: usize| {
        let vision = shape.vision.as_mut().unwrap();
        (vision.patches_at_once, vision.picture_tokens) = (Some(patches), Some(patches / 4));
        Published::new(card, &shape).unwrap().tower_bytes().1 as f64
    };
    // A row of 1024 values, one of 3 · 1024 and one of 4096 at the least, and its pixels.
    let of_patch = |bytes: f64, patches: usize| bytes / patches as f64;
    let (small, large) = (of_patch(buffers(1024), 1024), of_patch(buffers(16 * 1024), 16 * 1024));
    assert!((0.95..1.05).contains(&(large / small)), "{small} and {large} bytes for a patch");
    let least = (4 * (1024 + 3 * 1024 + 4096) + 3 * 256 * 5) as f64;
    assert!((least..3.0 * least).contains(&small), "{small} bytes for a patch, {least} at the least");
}

/// By how much a predicted file may differ from one that others published: its size is printed to two or three figures, and
/// files made with an importance matrix raise some rows.
const WITHIN: f64 = 0.03;

#[test]
fn predicted_files_are_as_large_as_published_ones() {
    let catalog = Catalog::builtin();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (card, shape) in shapes(&catalog) {
        let published = Published::new(card, shape).unwrap();
        for file in &shape.files {
            let named =
                Quantisation::ALL.into_iter().find(|quantisation| quantisation.to_string() == file.quantisation);
            let Some(quantisation) = named else { continue };
            let ratio = published.file_bytes(quantisation) as f64 / file.bytes;
            if (ratio - 1.0).abs() > WITHIN {
                wrong.push(format!("{} {quantisation}: {ratio:.3}", card.id));
            }
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(wrong.is_empty(), "{compared} compared, beyond the bound: {wrong:#?}");
}

/// Converted by llama.cpp from small models with random weights.
#[test]
fn a_file_holds_as_many_bytes_as_its_network_is_said_to() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let mut compared = 0;
    for folder in std::fs::read_dir(&fixtures).into_iter().flatten().flatten().map(|entry| entry.path()) {
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.ends_with("-bf16.gguf") || name.starts_with("mmproj") {
                continue;
            }
            let checkpoint = Checkpoint::open(&file).unwrap();
            let hp = &checkpoint.hyperparams;
            let mix = Mix {
                quantisation: Quantisation::BF16,
                n_layers: hp.n_layers,
                tied: hp.tied_embeddings,
                qkv_as_one: hp.arch.stores_qkv_as_one(),
                experts: None,
            };
            let network = plimsoll_models::network(&checkpoint).unwrap();
            let predicted = Cost::new(&network, |weight| Some(mix.stored(weight))).stored_bytes();
            let held: u64 = checkpoint.bytes_by_type().iter().map(|(_, bytes)| bytes).sum();
            let ratio = predicted as f64 / held as f64;
            assert!((0.995..1.005).contains(&ratio), "{}: {ratio}", file.display());
            compared += 1;
        }
    }
    match compared {
        0 => skipped("no fixtures beside the repository"),
        _ => assert!(compared > 5, "{compared}"),
    }
}
