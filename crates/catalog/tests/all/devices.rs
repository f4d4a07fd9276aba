//! Devices and shapes that come inside, and those that a user adds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plimsoll_catalog::{Catalog, CatalogError, EngineThere, Standing, read_device};

const DEVICE: &str = r#"
id = "mine"
name = "My box"
kind = "desktop"
chip = "a processor"
engine = "processor"
memory = { value = 16e9, standing = "measured" }
app_memory = { value = 12e9, standing = "measured" }
read_bandwidth = { value = 40e9, standing = "measured" }

[[reach]]
unit = "CPU"
four_bit = { value = 0.6, low = 0.5, high = 0.7, standing = "measured" }
"#;

fn refused(device: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.toml");
    fs::write(&path, device).unwrap();
    let told = read_device(&path).unwrap_err().to_string();
    assert!(told.contains("broken.toml") && !told.contains('\n'), "{told}");
    told
}

#[test]
fn every_device_of_the_folder_is_inside_and_passes_the_checks_of_a_users() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/devices");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read: BTreeSet<String> = files.map(|path| read_device(&path).unwrap().id).collect();
    let inside: BTreeSet<String> = Catalog::builtin().devices().map(|device| device.id.clone()).collect();
    assert_eq!(read, inside);
}

#[test]
fn every_figure_that_was_found_names_who_says_so() {
    for device in Catalog::builtin().devices() {
        let shares = device.reach.iter().flat_map(|reach| [Some(&reach.four_bit), reach.wide.as_ref()]).flatten();
        let rates = device.compute.iter().map(|compute| &compute.rate);
        let figures = [&device.memory, &device.app_memory].into_iter().chain(&device.read_bandwidth);
        for figure in figures.chain(shares).chain(rates) {
            let sourced = figure.source.is_some() || figure.note.is_some();
            let needs = matches!(figure.standing, Standing::Found | Standing::Measured);
            assert!(sourced || !needs, "{}: {figure:?}", device.id);
        }
        assert!(device.reach.is_empty() || device.read_bandwidth.is_some(), "{}: a share of nothing", device.id);
    }
}

#[test]
fn a_graphics_card_says_that_another_engine_would_be_needed() {
    let catalog = Catalog::builtin();
    let card = catalog.device("RTX 4090").unwrap();
    assert_eq!(card.engine, EngineThere::Other);
    assert!(card.notes.iter().any(|note| note.contains("another engine would be needed")), "{:?}", card.notes);
}

#[test]
fn a_device_is_found_by_id_name_and_alias_in_any_spelling() {
    let catalog = Catalog::builtin();
    for name in ["pixel-10", "Pixel 10", "GOOGLE PIXEL 10", "pixel_10"] {
        assert_eq!(catalog.device(name).map(|device| device.id.as_str()), Some("pixel-10"), "{name}");
    }
    assert!(catalog.device("pixel").is_none(), "a part of a name is none");
}

#[test]
fn names_of_devices_are_unambiguous() {
    let catalog = Catalog::builtin();
    for device in catalog.devices() {
        for name in [&device.id, &device.name].into_iter().chain(&device.aliases) {
            assert_eq!(catalog.device(name).map(|found| &found.id), Some(&device.id), "{name}");
        }
    }
}

#[test]
fn a_users_device_is_added_and_takes_the_place_of_one_of_its_id() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    fs::write(dir.path().join("devices/mine.toml"), DEVICE).unwrap();
    fs::write(dir.path().join("devices/other.toml"), DEVICE.replace("\"mine\"", "\"pixel-10\"")).unwrap();
    let catalog = Catalog::builtin().with_folder(dir.path()).unwrap();
    assert_eq!(catalog.devices().count(), Catalog::builtin().devices().count() + 1);
    assert_eq!(catalog.device("pixel-10").unwrap().name, "My box");
}

#[test]
fn a_malformed_profile_is_refused_with_its_file_and_key() {
    assert!(refused(&DEVICE.replace("\"desktop\"", "\"toaster\"")).contains("key `kind`"));
    assert!(refused(&DEVICE.replace("\"mine\"", "\"My/box\"")).contains("key `id`"));
    assert!(refused(&DEVICE.replace("16e9", "-1.0")).contains("key `memory`"));
    assert!(refused(&DEVICE.replace("value = 12e9", "value = 20e9")).contains("key `app_memory`"));
    assert!(refused(&DEVICE.replace("value = 40e9", "value = nan")).contains("key `read_bandwidth`"));
    assert!(refused(&DEVICE.replace("high = 0.7", "high = 1.7")).contains("key `reach[0].four_bit`"));
    assert!(refused(&DEVICE.replace("low = 0.5", "low = 0.65")).contains("key `reach[0].four_bit`"));
    assert!(refused(&DEVICE.replace("chip =", "chop =")).contains("chop"));
    assert!(refused("id = ").contains("line 1"));
    for (from, to, key) in [
        ("16e9", "1e308", "memory"),
        ("16e9", "-inf", "memory"),
        ("12e9", "1.0", "app_memory"),
        ("40e9", "1e308", "read_bandwidth"),
        ("40e9", "1e-300", "read_bandwidth"),
        ("value = 0.6, low = 0.5", "value = 0.6, low = 1e-300", "reach[0].four_bit"),
    ] {
        let told = refused(&DEVICE.replace(from, to));
        assert!(told.contains(&format!("key `{key}`")) && told.contains(" is not from "), "{told}");
    }
    let rate = "\n[[compute]]\nunit = \"CPU\"\nof = \"int8\"\nrate = { value = 1e300, standing = \"measured\" }\n";
    assert!(refused(&format!("{DEVICE}{rate}")).contains("key `compute[0].rate`: 1e300 is not from 1e6 to 1e18"));
    assert!(matches!(read_device(Path::new("/no/such.toml")), Err(CatalogError::Io { .. })));
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), dir.path()] {
        let told = read_device(path).unwrap_err().to_string();
        assert!(told.contains("is no file that can be read"), "{told}");
    }
    let long = dir.path().join("long.toml");
    fs::write(&long, "#".repeat(5 << 20)).unwrap();
    assert!(read_device(&long).unwrap_err().to_string().contains("more than any card has"));
}

#[test]
fn a_shape_that_cannot_be_is_refused_with_its_key() {
    let card =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/models/smollm3.toml")).unwrap();
    let told = |from: &str, to: &str| {
        assert!(card.contains(from), "{from}");
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("broken.toml"), card.replace(from, to)).unwrap();
        Catalog::builtin().with_folder(dir.path()).unwrap_err().to_string()
    };
    assert!(told("n_layers = 36", "n_layers = 0").contains("key `shapes[0].n_layers`"));
    assert!(told("parameters = 3_075_098_624", "parameters = 5").contains("key `shapes[0].parameters`"));
    assert!(told("network = \"smollm3\"\n", "").contains("key `shapes[0].network`"));
    assert!(told("hub = \"HuggingFaceTB/SmolLM3-3B\"", "hub = \"a/b\"").contains("key `shapes[0].hub`"));
    assert!(told("bytes = 1.92e9", "bytes = 0.0").contains("files[0].bytes"));
}

#[test]
fn every_model_of_the_catalogue_has_a_shape_but_those_that_nobody_published() {
    let without: Vec<String> =
        Catalog::builtin().cards().filter(|card| card.shapes.is_empty()).map(|card| card.id.clone()).collect();
    assert_eq!(without, ["claude-haiku-open-weights", "llama-4-compact-12b"]);
}

#[test]
fn a_search_finds_by_maker_licence_hub_name_and_alias_in_any_spelling() {
    let catalog = Catalog::builtin();
    let found = |query: &str| -> Vec<String> { catalog.search(query).iter().map(|card| card.id.clone()).collect() };
    assert!(found("HuggingFaceTB").contains(&"smollm3".to_owned()));
    assert!(found("gemma3").contains(&"gemma-3-12b".to_owned()));
    assert!(found("llama4").contains(&"llama-4-scout-int4".to_owned()));
    assert!(found("apache qwen3").contains(&"qwen3-4b".to_owned()));
    assert!(!found("apache qwen").contains(&"qwen2.5-3b".to_owned()), "that one is for research");
    assert!(found("vision").iter().all(|id| catalog.card(id).unwrap().category.words().contains("vision")
        || catalog.card(id).unwrap().name.contains("vision")));
    assert!(found("vision").len() > 10);
    assert!(found("no such model").is_empty());
}
