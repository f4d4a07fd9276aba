//! What comes inside the binary: every file can be read, and says what it was written from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plimsoll_catalog::{Answer, Availability, Catalog, Category, Topic};
use plimsoll_formats::normalised_text;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog").join(name)
}

fn stems(name: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_file_of_the_folders_is_inside_and_can_be_read() {
    let catalog = Catalog::builtin();
    let cards: BTreeSet<String> = catalog.cards().map(|card| card.id.replace(':', "-")).collect();
    assert_eq!(cards, stems("models"), "a card's file is called as its id, and named in builtin.rs");
    assert_eq!(catalog.licences().count(), stems("licences").len());
}

#[test]
fn the_cards_that_come_inside_pass_the_checks_of_a_users_cards() {
    let cards = folder("models");
    let catalog = Catalog::builtin().with_folder(&cards).unwrap();
    assert_eq!(catalog.cards().count(), Catalog::builtin().cards().count());
}

#[test]
fn a_shape_of_a_network_has_no_figures_of_an_outline() {
    let catalog = Catalog::builtin();
    for (card, shape) in catalog.cards().flat_map(|card| card.shapes.iter().map(move |shape| (card, shape))) {
        let outlined =
            !shape.caches.is_empty() || shape.experts.is_some() || shape.state_bytes > 0 || shape.lookup_parameters > 0;
        assert!(shape.network.is_none() || !outlined, "{}: both a network and an outline", card.id);
        assert!(shape.network.is_some() || shape.config.is_empty(), "{}: an outline reads no `config`", card.id);
    }
}

#[test]
fn ids_aliases_hub_names_tags_and_rivals_are_unambiguous() {
    let catalog = Catalog::builtin();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for card in catalog.cards() {
        for name in [&card.id].into_iter().chain(&card.aliases).chain(&card.hub) {
            let before = seen.insert(name.to_lowercase(), &card.id);
            assert_eq!(before, None, "`{name}` names two cards");
            assert_eq!(catalog.resolve(&name.to_uppercase()).map(|found| &found.id), Some(&card.id));
        }
        for rival in &card.rivals {
            assert!(catalog.card(rival).is_some(), "{}: rival `{rival}`", card.id);
        }
        assert!(card.artifact.is_none(), "{}: files are for users' cards", card.id);
    }
    let mut tags: BTreeMap<String, &str> = BTreeMap::new();
    for licence in catalog.licences() {
        for tag in [&licence.id, &licence.name].into_iter().chain(&licence.tags) {
            let before = tags.insert(tag.to_lowercase(), &licence.id);
            assert!(before.is_none_or(|id| id == licence.id), "`{tag}` names two licences");
        }
    }
}

/// Id, scores, who would ship, verdict and share, as on the pages.
type Panel = (&'static str, [Option<u8>; 4], [bool; 4], &'static str, u8);

const PANELS: [Panel; 6] = [
    ("claude-haiku-open-weights", [Some(74), Some(52), Some(68), Some(45)], [true, false, true, false], "Mixed", 50),
    ("llama-4-compact-12b", [Some(82), Some(75), Some(80), Some(72)], [true; 4], "Ship", 100),
    ("llama-4-scout-int4", [None; 4], [true; 4], "Ship", 100),
    ("smollm3", [None; 4], [true; 4], "Ship", 100),
    ("smolvlm-3b", [None; 4], [true, true, true, false], "Ship", 75),
    ("smolvlm2-turbo", [Some(85), Some(78), Some(82), Some(72)], [true; 4], "Ship", 100),
];

#[test]
fn the_published_panels_are_those_of_the_pages() {
    let catalog = Catalog::builtin();
    for (id, scores, ships, verdict, share) in PANELS {
        let panel = catalog.card(id).unwrap().published.as_ref().unwrap();
        let names: Vec<&str> = panel.reviewers.iter().map(|reviewer| reviewer.name.as_str()).collect();
        assert_eq!(names, ["Builder", "Skeptic", "Futurist", "Founder"]);
        assert_eq!(panel.reviewers.each_ref().map(|reviewer| reviewer.score), scores, "{id}");
        assert_eq!(panel.reviewers.each_ref().map(|reviewer| reviewer.ship), ships, "{id}");
        assert_eq!((panel.verdict.as_str(), panel.share), (verdict, share), "{id}");
        let ship = ships.iter().filter(|ship| **ship).count();
        assert_eq!(usize::from(share), 25 * ship, "{id}: the share is that of the reviewers");
    }
    let with_panel = catalog.cards().filter(|card| card.published.is_some()).count();
    assert_eq!(with_panel, PANELS.len(), "no other model was reviewed there");
}

#[test]
fn the_announced_facts_of_the_seed_models_are_kept() {
    let catalog = Catalog::builtin();
    let card = |id: &str| catalog.card(id).unwrap();
    for (id, maker, category, licence) in [
        ("claude-haiku-open-weights", "Anthropic", Category::Text, "research and non-commercial only"),
        ("llama-4-compact-12b", "Meta", Category::Text, "Llama community licence"),
        ("llama-4-scout-int4", "Meta", Category::VisionLanguage, "Llama community licence"),
        ("smollm3", "Hugging Face", Category::Text, "Apache-2.0"),
        ("smolvlm-3b", "Hugging Face", Category::VisionLanguage, "Apache-2.0"),
        ("smolvlm2-turbo", "Hugging Face", Category::VisionLanguage, "Apache-2.0"),
    ] {
        let card = card(id);
        assert_eq!((card.maker.as_str(), card.category), (maker, category), "{id}");
        assert_eq!(card.licence_as_announced.as_deref(), Some(licence), "{id}");
        assert_eq!(card.prices[0].text, "free", "{id}");
        assert!(card.claims.iter().all(|claim| !claim.verified), "{id}: nobody has verified these claims");
    }
    for id in ["claude-haiku-open-weights", "llama-4-compact-12b"] {
        assert_eq!(card(id).availability, Availability::Announced);
        assert!(card(id).hub.is_empty());
    }
    assert_eq!(card("llama-4-scout-int4").availability, Availability::Gated);
    assert_eq!(card("smolvlm2-turbo").asks.video, Answer::Yes);
    let claim = card("smolvlm2-turbo").claims.iter().find_map(|claim| claim.metric.as_ref()).unwrap();
    assert_eq!((claim.name.as_str(), claim.at_most), ("peak_memory", Some(2e9)));
}

#[test]
fn every_rival_of_the_pages_has_a_card() {
    let catalog = Catalog::builtin();
    for name in [
        "meta-llama/Llama-3.1-8B-Instruct",
        "mistral 7b",
        "gemma 3 12b",
        "gemma-3-2b-class",
        "phi-3 mini",
        "microsoft/phi-4",
        "Qwen/Qwen2.5-3B-Instruct",
        "qwen2.5-14b",
        "Phi-3.5-vision",
        "MiniCPM-V",
        "Moondream",
        "MobileVLM",
        "PaliGemma-3B",
        "demo:small",
        "demo:large",
        "demo:vision",
    ] {
        assert!(catalog.resolve(name).is_some() || catalog.card_of(name, "").is_some(), "{name}");
    }
}

#[test]
fn the_hashes_of_texts_in_the_spdx_list_are_those_of_the_texts() {
    let catalog = Catalog::builtin();
    let mut checked = 0;
    for licence in catalog.licences() {
        let Some(id) = spdx::license_id(&licence.id) else { continue };
        let words = normalised_text(id.text());
        let sha256 = plimsoll_formats::licence::text_facts("LICENSE".to_owned(), id.text().as_bytes()).words_sha256;
        assert!(licence.text_sha256.contains(&sha256), "{}: {sha256}, {}", licence.id, &words[..60]);
        let begins = licence.titles.iter().any(|title| words.starts_with(title.as_str()));
        assert!(begins || licence.id.starts_with("BSD"), "{}: {}", licence.id, &words[..60]);
        checked += 1;
    }
    assert_eq!(checked, 13);
}

#[test]
fn every_no_to_commerce_and_every_cap_has_its_clause() {
    for licence in Catalog::builtin().licences() {
        let conditions = &licence.conditions;
        if conditions.commercial.answer == Answer::No {
            assert!(conditions.commercial.clause.is_some(), "{}", licence.id);
        }
        assert_eq!(conditions.user_cap.answer == Answer::Yes, conditions.user_cap.limit.is_some(), "{}", licence.id);
        if conditions.region.answer == Answer::Yes {
            assert!(!conditions.region.regions.is_empty() && conditions.region.clause.is_some(), "{}", licence.id);
        }
        for topic in Topic::ALL {
            assert!(conditions.get(topic).licence.is_none(), "{}: `licence` is filled in by terms", licence.id);
        }
    }
}
