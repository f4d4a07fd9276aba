//! Bundles of evidence written by hand, whatever is in them: the store writes none that does not hold.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The list of records of these kinds, by their ids.
pub fn manifest<'a>(kinds: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    json!({ "layout": 2, "program": "plimsoll", "records": kinds.collect::<BTreeMap<_, _>>(), "withdrawn": {} })
}

/// The archive of a list and of texts under ids, one after the other.
pub fn archive<'a>(manifest: &Value, records: impl Iterator<Item = (&'a str, String)>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let files = records.map(|(id, text)| (format!("records/{id}.json"), text));
    for (path, text) in [("manifest.json".to_owned(), manifest.to_string())].into_iter().chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).expect("memory takes it");
    }
    tar.into_inner().expect("memory takes it")
}
