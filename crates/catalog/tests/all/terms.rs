//! What holds where several sources speak.

use plimsoll_catalog::{Answer, Catalog, Recognition, Statement, Terms, Text};
use plimsoll_formats::licence::text_facts;
use proptest::prelude::*;

fn said(source: &str, kind: &str, value: &str) -> Statement {
    Statement { source: format!("{source}, key `{kind}`"), kind: kind.to_owned(), value: value.to_owned() }
}

fn text(file: &str, content: &str) -> Text {
    let facts = text_facts(file.to_owned(), content.as_bytes());
    Text { file: facts.file, sha256: facts.words_sha256, head: facts.head }
}

fn terms(declared: &[Statement], texts: &[Text]) -> Terms {
    Catalog::builtin().terms(declared, texts, None)
}

#[test]
fn where_the_file_says_mit_and_the_text_is_llamas_the_strictest_holds_and_is_told() {
    let llama = "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date: July 23, 2024";
    let terms = terms(&[said("README.md", "license", "mit")], &[text("LICENSE", llama)]);
    assert_eq!(terms.conditions.user_cap.limit, Some(700_000_000));
    assert_eq!(terms.conditions.user_cap.licence.as_deref(), Some("LicenseRef-Llama-3.1-Community"));
    assert_eq!(terms.conflicts.len(), 1);
    let conflict = &terms.conflicts[0];
    assert!(conflict.contains("says MIT") && conflict.contains("LicenseRef-Llama-3.1-Community"), "{conflict}");
    assert_eq!(terms.expression.as_deref(), Some("MIT AND LicenseRef-Llama-3.1-Community"));
    assert_eq!(terms.sources[1].how, Recognition::TextTitle);
}

#[test]
fn a_text_is_known_by_its_words_whoever_holds_the_copyright() {
    let mit = spdx::license_id("MIT").unwrap().text().replace("<year> <copyright holders>", "2026 Some Body");
    let found = terms(&[said("README.md", "license", "MIT")], &[text("LICENSE.txt", &mit)]);
    assert_eq!((found.sources[1].how, found.sources[1].read_as.as_deref()), (Recognition::TextHash, Some("MIT")));
    assert!(found.conflicts.is_empty());
    let changed = terms(&[], &[text("LICENSE", &mit.replace("free of charge", "for a fee"))]);
    assert_eq!(changed.sources[0].how, Recognition::TextTitle, "a text that begins alike is not the same text");
}

#[test]
fn titles_tell_versions_apart() {
    for (head, id) in [
        ("LLAMA 2 COMMUNITY LICENSE AGREEMENT\nLlama 2", "LicenseRef-Llama-2-Community"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT", "LicenseRef-Llama-3-Community"),
        ("**LLAMA 3.2** COMMUNITY LICENSE AGREEMENT", "LicenseRef-Llama-3.2-Community"),
        ("LLAMA 3.3 COMMUNITY LICENSE AGREEMENT", "LicenseRef-Llama-3.3-Community"),
        ("LLAMA 4 COMMUNITY LICENSE AGREEMENT", "LicenseRef-Llama-4-Community"),
        ("# Gemma Terms of Use\n\nLast modified: April 1, 2024", "LicenseRef-Gemma"),
        ("Qwen RESEARCH LICENSE AGREEMENT", "LicenseRef-Qwen-Research"),
        ("Qwen LICENSE AGREEMENT", "LicenseRef-Qwen"),
        ("# Mistral AI Research License\nIf You want", "LicenseRef-Mistral-Research"),
        ("CreativeML Open RAIL++-M License\ndated November 24, 2022", "LicenseRef-CreativeML-OpenRAIL-PlusPlus-M"),
        ("CreativeML Open RAIL-M\ndated August 22, 2022", "LicenseRef-CreativeML-OpenRAIL-M"),
        ("                    GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "GPL-3.0-only"),
    ] {
        let found = terms(&[], &[text("LICENSE", head)]);
        assert_eq!(found.sources[0].read_as.as_deref(), Some(id), "{head}");
    }
    let other = terms(&[], &[text("LICENSE", "Modified MIT License: as MIT, but above 100 million users…")]);
    assert_eq!(other.sources[0].how, Recognition::Unrecognised);
    assert_eq!(other.conditions.commercial.answer, Answer::Unknown);
}

#[test]
fn policies_and_notices_are_no_licence() {
    let found =
        terms(&[said("README.md", "license", "llama4")], &[text("USE_POLICY.md", "be kind"), text("NOTICE", "x")]);
    assert_eq!(found.sources.len(), 1);
    assert!(found.conflicts.is_empty());
}

#[test]
fn a_choice_takes_one_licence_whole_and_a_sum_the_strictest() {
    let read = |value: &str| terms(&[said("f", "license", value)], &[]);
    assert_eq!(read("MIT OR CC-BY-NC-4.0").conditions.commercial.answer, Answer::Yes);
    assert_eq!(read("CC-BY-NC-4.0 OR MIT").conditions.commercial.licence.as_deref(), Some("MIT"));
    assert_eq!(read("MIT AND CC-BY-NC-4.0").conditions.commercial.answer, Answer::No);
    assert_eq!(
        read("(mit or llama3.1) and apache-2.0").expression.as_deref(),
        Some("(MIT OR LicenseRef-Llama-3.1-Community) AND Apache-2.0")
    );
    assert_eq!(read("Apache-2.0 WITH LLVM-exception").conditions.commercial.answer, Answer::Yes);
    assert_eq!(read("MIT OR EPL-2.0").conditions.commercial.answer, Answer::Yes, "the known side can be chosen");
    assert_eq!(read("MIT AND EPL-2.0").conditions.commercial.answer, Answer::Unknown);
    assert_eq!(read("gpl-3.0-or-later").expression.as_deref(), Some("GPL-3.0-only"));
}

#[test]
fn an_id_that_resembles_another_is_not_taken_for_it() {
    for value in ["apache", "llama", "bsd", "MIT License (modified)", "cc-by-nc", "llama3.9", "gpl"] {
        let found = terms(&[said("f", "license", value)], &[]);
        assert_eq!(found.sources[0].how, Recognition::Unrecognised, "{value}");
        assert_eq!(found.conditions.commercial.answer, Answer::Unknown, "{value}");
    }
}

#[test]
fn other_gives_way_to_the_name_beside_it() {
    let declared = [said("README.md", "license", "other"), said("README.md", "license_name", "llama4")];
    let found = terms(&declared, &[]);
    assert_eq!(found.expression.as_deref(), Some("LicenseRef-Llama-4-Community"));
    assert!(found.conflicts.is_empty(), "{:?}", found.conflicts);
    let link = said("README.md", "license_link", "LICENSE");
    let unnamed = terms(&[said("README.md", "license", "other"), link], &[]);
    assert_eq!((unnamed.expression, unnamed.conditions.commercial.answer), (None, Answer::Unknown));
}

#[test]
fn a_friendly_name_beside_a_known_id_is_no_conflict_and_an_unknown_one_alone_is_unknown() {
    let beside =
        [said("m.gguf", "license", "apache-2.0"), said("m.gguf", "license_name", "Apache License 2.0, really")];
    let found = terms(&beside, &[]);
    assert_eq!((found.expression.as_deref(), found.conflicts.len()), (Some("Apache-2.0"), 0));
    let alone = terms(&[said("README.md", "license", "other"), said("README.md", "license_name", "acme-1")], &[]);
    assert_eq!(alone.sources.len(), 1, "`other` adds nothing");
    assert_eq!(alone.conditions.commercial.answer, Answer::Unknown);
}

#[test]
fn two_unknown_licences_are_a_conflict_and_an_unknown_text_beside_an_unknown_name_is_none() {
    let two = terms(&[said("a", "license", "acme-1"), said("b", "license", "acme-2")], &[]);
    assert!(two.conflicts[0].contains("`acme-1`, which is not known; b, key `license` says `acme-2`"), "{two:?}");
    let own = terms(&[said("a", "license", "acme-1")], &[text("LICENSE", "The Acme Licence, version 1")]);
    assert_eq!(own.conflicts, [""; 0]);
    let beside_a_known_one = terms(&[said("a", "license", "mit")], &[text("LICENSE", "The Acme Licence, version 1")]);
    assert_eq!(beside_a_known_one.conflicts.len(), 1);
    assert_eq!(beside_a_known_one.conditions.commercial.answer, Answer::Unknown);
}

#[test]
fn the_catalogues_card_is_one_of_the_sources() {
    let catalog = Catalog::builtin();
    let card = catalog.card("qwen2.5-3b").unwrap();
    let found = catalog.terms(&[said("qwen.gguf", "license", "apache-2.0")], &[], Some(card));
    assert_eq!(found.conditions.commercial.answer, Answer::No);
    assert!(found.conflicts[0].contains("catalogue, card `qwen2.5-3b` says LicenseRef-Qwen-Research"), "{found:?}");
}

proptest! {
    #[test]
    fn whatever_is_said_is_read_without_a_panic(
        statements in prop::collection::vec(("\\PC{0,20}", "license|license_name|license_link|x", "\\PC{0,60}"), 0..5),
        texts in prop::collection::vec(("LICENSE.{0,3}|COPYING|\\PC{0,9}", "\\PC{0,80}"), 0..4),
    ) {
        let declared: Vec<Statement> = statements.iter().map(|(s, k, v)| said(s, k, v)).collect();
        let texts: Vec<Text> = texts.iter().map(|(file, content)| text(file, content)).collect();
        let found = terms(&declared, &texts);
        prop_assert!(found.sources.len() <= declared.len() + texts.len());
    }

    #[test]
    fn words_of_expressions_in_any_order_are_read_without_a_panic(
        words in prop::collection::vec(
            prop::sample::select(vec!["MIT", "apache-2.0", "llama4", "(", ")", "AND", "or", "WITH", "+", "GPL-3.0+",
                "LicenseRef-x", "DocumentRef-a:LicenseRef-b", "/", "LLVM-exception", "EPL-2.0", "é"]),
            0..14,
        ),
    ) {
        let value = words.join(" ");
        let found = terms(&[said("f", "license", &value)], &[]);
        prop_assert_eq!(found.sources.len(), 1);
    }
}
