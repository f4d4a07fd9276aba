//! Any bytes as a bundle of evidence, and any records under ids that fit: what is taken in is listed by what its records
//! say, and is sent on as it came.
#![no_main]

#[path = "../../crates/panel/tests/bundle/mod.rs"]
mod by_hand;

use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_panel::samples_csv;
use plimsoll_panel::store::{Kind, Store};
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Node {
    Null,
    Number(f64),
    Text(String),
    /// Another record, by how many came before.
    Record(u8),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// The same many times.
    Many(u8, Box<Node>),
}

/// Copies in copies that are made here at most; the importer is tried, not this.
const MOST_COPIES: usize = 2_000;

impl Node {
    /// As JSON that holds at most `copies` of any node.
    fn value(&self, ids: &[String], copies: usize) -> Value {
        match self {
            Node::Null => Value::Null,
            Node::Number(number) => json!(number),
            Node::Text(text) => json!(text),
            Node::Record(before) => json!({ "record": ids.iter().rev().nth(usize::from(*before)) }),
            Node::List(all) => all.iter().map(|one| one.value(ids, copies)).collect(),
            Node::Map(all) => {
                Value::Object(all.iter().map(|(name, one)| (name.clone(), one.value(ids, copies))).collect())
            }
            Node::Many(times, one) => {
                let times = usize::from(*times).min(copies);
                vec![one.value(ids, copies / times.max(1)); times].into()
            }
        }
    }
}

fn bundle(records: &[(u8, Node)]) -> Vec<u8> {
    let (mut ids, mut kinds, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, node) in records {
        let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()].as_str();
        let text = canonical_json(&node.value(&ids, MOST_COPIES));
        ids.push(sha256_hex(format!("{kind}\n{text}").as_bytes()));
        kinds.push(kind);
        texts.push(text);
    }
    let ids = || ids.iter().map(String::as_str);
    by_hand::archive(&by_hand::manifest(ids().zip(kinds.iter().copied())), ids().zip(texts))
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    // Behind a zero stands a file; else what records are made of, each of which may hold those before it.
    let bytes = match kind {
        0 => rest.to_vec(),
        _ => bundle(&Vec::arbitrary(&mut Unstructured::new(rest)).unwrap_or_default()),
    };
    let folder = tempfile::tempdir().expect("there is room");
    let (file, again) = (folder.path().join("in.tar"), folder.path().join("out.tar"));
    std::fs::write(&file, &bytes).expect("there is room");
    let mut store = Store::open(std::path::Path::new(":memory:")).expect("memory takes it");
    if let Err(error) = store.import(&file) {
        assert!(error.to_string().len() < 10_000);
        assert!(store.all_comparisons().expect("it is whole").is_empty(), "all of it or nothing");
        return;
    }
    assert!(store.check_lists().expect("it is whole").is_empty());
    for id in store.all_comparisons().expect("it is whole") {
        let comparison = store.comparison(&id).expect("what was taken in is read");
        let _ = (samples_csv(&id, &comparison), store.report(&id), store.check(&id, &[]));
    }
    store.export(&again, &[]).expect("what was taken in is sent on");
});
