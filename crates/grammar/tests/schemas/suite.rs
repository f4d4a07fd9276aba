//! JSON Schema's own test suite: among the schemas that are read, the masks let every valid value through and no other.
//!
//! Reads the suite from the folder that `PLIMSOLL_SCHEMA_SUITE` names (`tests` of JSON-Schema-Test-Suite, which lies in the
//! source distribution of PyPI's `jsonschema`), and says that it was skipped where nothing is named.
//!
//! What is compared are values, as the suite has them: a mask fixes the order of an object's members and how a number is
//! spelled, so a valid value has to be allowed in one order of its members, and an invalid one in none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_grammar::Schema;
use serde_json::Value;

use crate::masks::Masks;
use crate::skipped::skipped;

/// Files that ask for what depends on a choice. A format is an annotation unless an implementation says otherwise: here it
/// is enforced, and what the suite has for those who do (`optional/format`) is asked instead. How a text is encoded is an
/// annotation here, as newer drafts have it.
const OTHERWISE: [&str; 2] = ["format.json", "optional/content.json"];

#[derive(Default)]
struct Tally {
    asked: usize,
    wrong: Vec<String>,
    refused: BTreeMap<String, usize>,
    read: usize,
}

#[test]
fn what_is_read_is_enforced_to_the_letter() {
    let Some(suite) = std::env::var_os("PLIMSOLL_SCHEMA_SUITE") else {
        return skipped("PLIMSOLL_SCHEMA_SUITE does not name JSON Schema's test suite");
    };
    let masks = Masks::of_bytes();
    let mut tally = Tally::default();
    for (draft, name) in [
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
        ("draft7", "http://json-schema.org/draft-07/schema#"),
    ] {
        for file in files(&PathBuf::from(&suite).join(draft)) {
            ask_all(&file, name, &masks, &mut tally);
        }
    }
    for (keyword, n) in &tally.refused {
        println!("refused {n:4}  {keyword}");
    }
    println!("{} schemas read, {} values asked for", tally.read, tally.asked);
    assert!(tally.read > 300 && tally.asked > 1500, "{} schemas, {} values", tally.read, tally.asked);
    assert!(tally.wrong.is_empty(), "{} wrong:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
}

/// The files of a draft, and those on formats.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in [folder.to_owned(), folder.join("optional"), folder.join("optional/format")] {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|file| {
        let name = file.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
        name.ends_with(".json") && !OTHERWISE.contains(&name.as_str())
    });
    files.sort();
    files
}

fn ask_all(file: &Path, draft: &str, masks: &Masks, tally: &mut Tally) {
    let groups: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    for group in groups.as_array().unwrap() {
        let about = format!("{name}: {}", group["description"].as_str().unwrap());
        let mut schema = group["schema"].clone();
        if let Some(schema) = schema.as_object_mut() {
            schema.entry("$schema").or_insert_with(|| draft.into());
        }
        let schema = match Schema::read(&schema) {
            Ok(schema) => schema,
            Err(error) => {
                let keyword = error.path.rsplit('.').next().unwrap_or_default().to_owned();
                *tally.refused.entry(keyword).or_default() += 1;
                continue;
            }
        };
        let constraint = match masks.compile(&schema) {
            Ok(constraint) => constraint,
            Err(error) => {
                *tally.refused.entry(error.to_string()).or_default() += 1;
                continue;
            }
        };
        tally.read += 1;
        for test in group["tests"].as_array().unwrap() {
            tally.asked += 1;
            let valid = test["valid"].as_bool().unwrap();
            if masks.allows(&constraint, &test["data"]) != valid {
                let verb = if valid { "forbids" } else { "allows" };
                tally.wrong.push(format!("{about}: {verb} {}, {}", test["data"], test["description"]));
            }
        }
    }
}
