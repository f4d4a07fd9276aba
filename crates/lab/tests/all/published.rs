//! Predictions from cards beside what others published and what files hold.

use std::path::Path;

use plimsoll_catalog::{Catalog, ModelCard, Shape};
use plimsoll_graph::cost::Cost;
use plimsoll_lab::predict::mix::{Mix, Quantisation};
use plimsoll_lab::predict::published::Published;
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
    assert!(walked > 40 && outlined > 0, "{walked} walked, {outlined} outlined");
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
