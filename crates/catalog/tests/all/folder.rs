//! A user's own cards.

use std::fs;

use plimsoll_catalog::{Catalog, CatalogError};

const CARD: &str = r#"
id = "mine"
name = "Mine"
maker = "Me"
family = "Mine"
category = "text"
best_for = "tests"
description = "A card of a test."
aliases = ["smollm3-3b", "my model"]
licence = "LicenseRef-House"
artifact = "files/mine.gguf"
availability = "published"
"#;

const HOUSE: &str = r#"
id = "LicenseRef-House"
name = "House licence"
source = "the house"
[conditions]
commercial = { answer = "no", clause = "rule 1" }
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn refused(card: &str) -> String {
    let dir = folder(&[("licences/house.toml", HOUSE), ("broken.toml", card)]);
    let error = Catalog::builtin().with_folder(dir.path()).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("broken.toml"), "{told}");
    assert!(!told.contains('\n'), "{told}");
    told
}

#[test]
fn a_card_and_its_licence_are_added_and_its_names_come_first() {
    let dir = folder(&[("mine.toml", CARD), ("licences/house.toml", HOUSE), ("notes.txt", "no card")]);
    let before = Catalog::builtin();
    let catalog = before.clone().with_folder(dir.path()).unwrap();
    assert_eq!(catalog.cards().count(), before.cards().count() + 1);
    let card = catalog.resolve("MY model").unwrap();
    assert_eq!(card.artifact.as_deref(), Some(dir.path().join("files/mine.gguf").as_path()));
    assert_eq!(before.resolve("smollm3-3b").unwrap().id, "smollm3");
    assert_eq!(catalog.resolve("smollm3-3b").unwrap().id, "mine", "the user's alias is asked first");
    assert_eq!(catalog.resolve("smollm3").unwrap().id, "smollm3");
    let terms = catalog.terms(&[], &[], Some(card));
    assert_eq!(terms.conditions.commercial.clause.as_deref(), Some("rule 1"));
}

#[test]
fn a_card_of_the_same_id_takes_the_place_of_the_one_inside() {
    let dir = folder(&[("x.toml", &CARD.replace("\"mine\"", "\"smollm3\"").replace("LicenseRef-House", "MIT"))]);
    let catalog = Catalog::builtin().with_folder(dir.path()).unwrap();
    assert_eq!(catalog.card("smollm3").unwrap().name, "Mine");
    assert_eq!(catalog.cards().count(), Catalog::builtin().cards().count());
}

#[test]
fn a_malformed_card_is_refused_with_its_file_and_key() {
    assert!(refused(&CARD.replace("\"text\"", "\"sound\"")).contains("key `category`"));
    assert!(refused(&CARD.replace("licence =", "license =")).contains("license"));
    assert!(refused(&CARD.replace("maker = \"Me\"\n", "")).contains("maker"));
    assert!(refused(&CARD.replace("LicenseRef-House", "LicenseRef-Elsewhere")).contains("key `licence`"));
    assert!(refused(&CARD.replace("\"mine\"", "\"Mine/../x\"")).contains("key `id`"));
    assert!(refused("id = ").contains("line 1"));
    let price = "[[prices]]\nwhat = \"weights\"\ntext = \"free\"\ndate = \"2026-13-01\"\n";
    let told = refused(&format!("{CARD}{price}"));
    assert!(told.contains("key `prices[0].date`"), "{told}");
    let price = price.replace("2026-13-01", "2026-11-01") + "usd_per_million_input = -1.0\n";
    assert!(refused(&format!("{CARD}{price}")).contains("key `prices[0]`"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let error = Catalog::builtin().with_folder(std::path::Path::new("/no/such/folder")).unwrap_err();
    assert!(matches!(&error, CatalogError::Io { file, .. } if file.contains("/no/such/folder")), "{error}");
}

#[test]
fn a_model_is_known_by_its_whole_name_and_never_by_a_part_of_it() {
    let catalog = Catalog::builtin();
    let id = |argument: &str, name: &str| catalog.card_of(argument, name).map(|card| card.id.clone());
    assert_eq!(id("/models/SmolLM3-3B", "SmolLM3-3B").as_deref(), Some("smollm3"));
    assert_eq!(id("/m/file.gguf", "SmolLM3 3B").as_deref(), Some("smollm3"));
    assert_eq!(id("SmolLM3-3B-Q4_K_M.gguf", "").as_deref(), Some("smollm3"));
    assert_eq!(id("/c/models--Qwen--Qwen2.5-3B-Instruct/snapshots/0a", "x").as_deref(), Some("qwen2.5-3b"));
    assert_eq!(id("demo:small", "demo:small").as_deref(), Some("demo:small"));
    for (argument, name) in [
        ("/models/SmolLM3-3B-finetuned", "SmolLM3-3B-finetuned"),
        ("/models/my-smollm3.gguf", "smol"),
        ("", ""),
        ("/", "3B"),
        ("/m/SmolLM3-3B", "Qwen2.5 14B Instruct"),
    ] {
        assert_eq!(id(argument, name), None, "{argument} {name}");
    }
}

#[test]
fn folders_of_licences_and_devices_that_cannot_be_read_are_refused() {
    for name in ["licences", "devices"] {
        let dir = folder(&[(name, "no folder")]);
        let told = Catalog::builtin().with_folder(dir.path()).unwrap_err().to_string();
        assert!(told.contains(name), "{told}");
    }
}
