//! Evidence that somebody made up or changed: what does not fit is refused or told, and nothing takes long.

use crate::bundle;
use crate::fixture;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_lab::record::Measurement;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;
use serde_json::{Value, json};

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("evidence.db")).unwrap();
        Place { folder, store }
    }

    /// One that holds the fixture's report, and its id.
    fn judged() -> (Place, String) {
        let mut place = Place::new();
        let id = place.store.keep_report(&fixture::report(), &Rubric::builtin()).unwrap();
        (place, id)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sql(&self, change: &str) -> usize {
        rusqlite::Connection::open(self.path("evidence.db")).unwrap().execute(change, []).unwrap()
    }

    fn exported(&self) -> Bundle {
        let file = self.path("sent.tar");
        self.store.export(&file, &[]).unwrap();
        Bundle::read(&file)
    }

    fn faults(&self, id: &str) -> String {
        self.store.check(id, &[]).unwrap().faults.join("; ")
    }
}

/// A bundle taken apart: records with their kinds, and what was withdrawn.
#[derive(Clone, Default)]
struct Bundle {
    records: BTreeMap<String, (String, Value)>,
    withdrawn: BTreeMap<String, String>,
}

/// The id of a record that is no measurement.
fn id_of(kind: &str, body: &Value) -> String {
    sha256_hex(format!("{kind}\n{}", canonical_json(body)).as_bytes())
}

impl Bundle {
    fn read(file: &Path) -> Bundle {
        let mut bundle = Bundle::default();
        let mut kinds = Value::Null;
        for entry in tar::Archive::new(std::fs::File::open(file).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            match path.strip_prefix("records/").and_then(|file| file.strip_suffix(".json")) {
                Some(id) => drop(bundle.put(id, kinds["records"][id].as_str().unwrap(), value)),
                None => kinds = value,
            }
        }
        bundle
    }

    fn put(&mut self, id: &str, kind: &str, body: Value) -> String {
        self.records.insert(id.to_owned(), (kind.to_owned(), body));
        id.to_owned()
    }

    /// Adds a record under the id that belongs to it.
    fn add(&mut self, kind: &str, body: Value) -> String {
        let id = id_of(kind, &body);
        self.put(&id, kind, body)
    }

    /// Changes the one record of a kind that nothing else rests on, under the id that belongs to it then.
    fn change(&mut self, kind: &str, change: impl FnOnce(&mut Value)) {
        let (id, mut body) = self
            .records
            .iter()
            .find(|(_, record)| record.0 == kind)
            .map(|(id, record)| (id.clone(), record.1.clone()))
            .unwrap();
        self.records.remove(&id);
        change(&mut body);
        self.add(kind, body);
    }

    fn manifest(&self) -> Value {
        let mut manifest = bundle::manifest(self.records.iter().map(|(id, record)| (id.as_str(), record.0.as_str())));
        manifest["withdrawn"] = json!(self.withdrawn);
        manifest
    }

    fn write(&self, file: &Path) {
        write(file, &self.manifest(), self.records.iter().map(|(id, record)| (id.as_str(), record.1.to_string())));
    }

    /// What a store says that is to take it.
    fn refusal(&self) -> String {
        let mut place = Place::new();
        let file = place.path("bundle.tar");
        self.write(&file);
        let told = place.store.import(&file).unwrap_err().to_string();
        assert_eq!(place.store.all_comparisons().unwrap(), [""; 0], "nothing of it was taken");
        assert!(place.store.check_lists().unwrap().is_empty());
        told
    }
}

fn write<'a>(file: &Path, manifest: &Value, records: impl Iterator<Item = (&'a str, String)>) {
    std::fs::write(file, bundle::archive(manifest, records)).unwrap();
}

/// Records that hold one another, `n` times each, `deep` deep, with a comparison on top; kinds come from `kind`.
fn bomb(deep: usize, n: usize, kind: fn(usize) -> &'static str) -> (Bundle, String) {
    let mut bundle = Bundle::default();
    let mut last = bundle.add(kind(0), json!({ "text": "x".repeat(1000) }));
    for level in 1..=deep {
        let inner = vec![json!({ "record": last }); n];
        last = bundle.add(kind(level), json!({ "level": level, "inner": inner }));
    }
    let top = vec![json!({ "record": last }); n];
    let id = bundle.add("comparison", json!({ "models": top, "created": "2026-01-01T00:00:00Z" }));
    (bundle, id)
}

#[test]
fn records_that_hold_one_another_are_no_evidence() {
    let mixed = |level| ["artifact", "run", "device", "suite", "background"][level % 5];
    for (deep, n, kind) in [
        (7, 12, (|_| "device") as fn(usize) -> &'static str),
        (1, 20_000, |_| "device"),
        (40, 2, |_| "run"),
        (8, 9, mixed),
        (3, 100, |level| ["measurement", "device", "run"].get(level).copied().unwrap_or("comparison")),
    ] {
        let (bundle, id) = bomb(deep, n, kind);
        let told = bundle.refusal();
        assert!(told.contains("record ") && told.len() < 400, "{told}");
        // A store that took it in when nothing kept it out is not lost either.
        let place = Place::new();
        let db = rusqlite::Connection::open(place.path("evidence.db")).unwrap();
        for (id, (kind, body)) in &bundle.records {
            let insert = "INSERT INTO record(id, kind, body, created) VALUES(?1, ?2, ?3, '2026-01-01T00:00:00Z')";
            db.execute(insert, [id, kind, &canonical_json(body)]).unwrap();
        }
        let list = "INSERT INTO compared VALUES(?1, 'a', 'b', '2026-01-01T00:00:00Z')";
        db.execute(list, [&id]).unwrap();
        assert!(!place.faults(&id).is_empty());
        place.store.comparison(&id).unwrap_err();
        place.store.report(&id).unwrap_err();
    }
}

#[test]
fn what_stands_in_its_place_too_often_is_too_large() {
    // Measurements may stand in a comparison; forty thousand of a hundred values each are more than any has.
    let samples = vec![1.5; 200];
    let one =
        Measurement::of("A", "load", plimsoll_lab::record::Unit::Seconds, plimsoll_lab::record::Origin::Measured, 1.5)
            .samples(&samples)
            .record();
    let mut bundle = Bundle::default();
    bundle.put(&one.id, "measurement", json!(one));
    let inner = vec![json!({ "record": one.id }); 40_000];
    bundle.add("comparison", json!({ "differences": inner, "created": "2026-01-01T00:00:00Z" }));
    let told = bundle.refusal();
    assert!(told.contains("it is larger than any evidence"), "{told}");
}

#[test]
fn a_record_of_nothing_but_brackets_is_refused_before_it_is_read() {
    let place = Place::new();
    let text = format!("[{}[]]", "[],".repeat(3_000_000));
    let id = sha256_hex(format!("device\n{text}").as_bytes());
    let manifest = json!({ "layout": 2, "program": "x", "records": { id.clone(): "device" }, "withdrawn": {} });
    let (file, mut store) = (place.path("brackets.tar"), place.store);
    write(&file, &manifest, [(id.as_str(), text)].into_iter());
    let told = store.import(&file).unwrap_err().to_string();
    assert!(told.contains("values, expected at most"), "{told}");
}

#[test]
fn a_list_beside_the_records_is_refused() {
    let (place, id) = Place::judged();
    let bundle = place.exported();
    for (key, value) in [
        ("compared", json!([{ "comparison": id, "a": "smollm3", "b": "llama", "created": "9998-01-01T00:00:00Z" }])),
        ("judged", json!([])),
    ] {
        let mut manifest = bundle.manifest();
        manifest[key] = value;
        let mut other = Place::new();
        let file = other.path("bundle.tar");
        write(&file, &manifest, bundle.records.iter().map(|(id, record)| (id.as_str(), record.1.to_string())));
        let told = other.store.import(&file).unwrap_err().to_string();
        assert!(told.contains(&format!("unknown field `{key}`")), "{told}");
    }
}

#[test]
fn names_moments_and_verdicts_of_what_travelled_are_those_of_its_records() {
    let (place, id) = Place::judged();
    let bundle = place.exported();
    let mut other = Place::new();
    let file = other.path("bundle.tar");
    bundle.write(&file);
    other.store.import(&file).unwrap();
    assert_eq!(other.store.listed_as(&id).unwrap(), place.store.listed_as(&id).unwrap());
    assert_eq!(other.store.history(None, 9).unwrap(), place.store.history(None, 9).unwrap());
    assert_eq!(other.faults(&id), "");
    assert!(other.store.check_lists().unwrap().is_empty());
}

#[test]
fn a_moment_that_cannot_have_been_is_refused() {
    let mut comparison = fixture::comparison();
    comparison.created = "9998-01-01T00:00:00Z".into();
    let mut place = Place::new();
    let id = place.store.keep(&comparison).unwrap();
    assert!(place.faults(&id).contains("`9998-01-01T00:00:00Z` is in the future"), "{}", place.faults(&id));
    assert!(place.exported().refusal().contains("is in the future"));
    let (place, _) = Place::judged();
    let mut bundle = place.exported();
    for (moment, about) in [
        ("9998-01-01T00:00:00Z", "is in the future"),
        ("tomorrow", "is no moment"),
        ("2020-01-01T00:00:00Z", "is before there was this program"),
        ("2026-11-21T00:00:00Z", "before it was finished at 2026-11-21T03:04:05Z"),
    ] {
        bundle.change("sitting", |sitting| sitting["created"] = moment.into());
        let told = bundle.refusal();
        assert!(told.contains(about), "{told}");
    }
}

/// A bundle in which the review of model A, and the sitting that holds it, have the ids of what `change` makes of it.
fn with_another_review(change: impl FnOnce(&mut Value)) -> (Bundle, String) {
    let (place, _) = Place::judged();
    let mut bundle = place.exported();
    let sitting = bundle.records.iter().find(|(_, record)| record.0 == "sitting").map(|(id, _)| id.clone()).unwrap();
    let (_, mut body) = bundle.records.remove(&sitting).unwrap();
    let (_, mut review) = bundle.records.remove(body["reviews"][0].as_str().unwrap()).unwrap();
    let before = review.clone();
    change(&mut review);
    assert_ne!(review, before, "nothing was changed");
    body["reviews"][0] = bundle.add("review", review).into();
    let sitting = bundle.add("sitting", body);
    (bundle, sitting)
}

#[test]
fn what_was_judged_is_judged_again_before_it_is_taken_in() {
    let changes: [fn(&mut Value); 4] = [
        |review| review["verdict"]["word"] = "Skip".into(),
        |review| review["verdict"]["ship"] = 0.into(),
        |review| drop(review["opinions"].as_array_mut().unwrap().pop()),
        |review| review["opinions"][0]["call"] = "skip".into(),
    ];
    for change in changes {
        let (bundle, sitting) = with_another_review(change);
        let told = bundle.refusal();
        assert!(told.contains(&sitting) && told.contains("demo:large"), "{told}");
    }
}

#[test]
fn a_comparison_that_does_not_follow_from_its_samples_is_not_taken_in() {
    let mut comparison = fixture::comparison();
    comparison.conclusion.sentence = "A is better in every way.".into();
    let mut place = Place::new();
    let id = place.store.keep(&comparison).unwrap();
    let told = place.exported().refusal();
    assert!(told.contains(&id) && told.contains("the conclusion is not what the samples and answers give"), "{told}");
}

#[test]
fn a_verdict_by_a_rubric_that_nobody_has_is_not_taken_in() {
    let text = Rubric::builtin().text.replacen("chance_margin = 0.15", "chance_margin = 0.16", 1);
    let rubric = Rubric::parse("mine", &text).unwrap();
    let plimsoll_panel::Report { comparison, background, judgement } = fixture::report();
    let report = plimsoll_panel::Report::judged(comparison, background, &judgement.demand(), &rubric);
    let mut place = Place::new();
    place.store.keep_report(&report, &rubric).unwrap();
    let mut bundle = place.exported();
    let file = place.path("whole.tar");
    bundle.write(&file);
    Place::new().store.import(&file).unwrap();
    bundle.records.retain(|_, record| record.0 != "rubric");
    let told = bundle.refusal();
    assert!(told.contains(&rubric.sha256) && told.contains("which is not in it"), "{told}");
}

#[test]
fn a_list_that_was_edited_is_noticed() {
    for (change, about) in [
        ("UPDATE compared SET a = 'llama-4-scout-int4'", "the list calls its models llama-4-scout-int4 and demo-small"),
        ("UPDATE compared SET created = '2026-11-20T00:00:00Z'", "the list says that it was finished at 2026-11-20"),
        ("UPDATE judged SET model = 'llama-4-scout-int4' WHERE model = 'demo-small'", "the list says model llama-4"),
        ("UPDATE judged SET verdict = 'Ship (4 of 4 ship)'", "the list says verdict Ship (4 of 4 ship)"),
        ("UPDATE judged SET created = '2026-11-22T00:00:00Z'", "the list says time 2026-11-22T00:00:00Z"),
        ("UPDATE judged SET usage = 'research'", "the list says use research"),
        ("UPDATE judged SET device = 'a phone'", "the list says device a phone"),
        ("UPDATE judged SET sitting = NULL", "was kept by an earlier version"),
        ("DELETE FROM judged WHERE model = 'demo-small'", "the review of one of its models is gone"),
        ("UPDATE judged SET review = (SELECT max(review) FROM judged)", "the list says review"),
    ] {
        let (place, id) = Place::judged();
        assert_eq!(place.faults(&id), "");
        assert!(place.sql(change) > 0, "{change}");
        let told = place.faults(&id);
        assert!(told.contains(about), "{change}: {told}");
    }
}

#[test]
fn what_was_taken_out_of_a_list_is_noticed() {
    for (change, about) in [
        ("DELETE FROM compared", "is kept, and was taken out of the list"),
        ("DELETE FROM judged", "what the panel said (record "),
        ("UPDATE judged SET comparison = review", "is no comparison that is kept"),
    ] {
        let (place, _) = Place::judged();
        assert!(place.store.check_lists().unwrap().is_empty());
        assert!(place.sql(change) > 0);
        let told = place.store.check_lists().unwrap().join("; ");
        assert!(told.contains(about), "{change}: {told}");
    }
}

#[test]
fn only_what_came_with_a_withdrawal_is_withdrawn() {
    let (mut place, id) = Place::judged();
    let mut bundle = place.exported();
    bundle.withdrawn.insert(id.clone(), "I say so".into());
    let file = place.path("strangers.tar");
    bundle.write(&file);
    let imported = place.store.import(&file).unwrap();
    assert_eq!((imported.new, imported.not_withdrawn), (0, vec![id.clone()]));
    assert_eq!(place.store.record(&id).unwrap().unwrap().withdrawn, None, "it was here before");
    let mut other = Place::new();
    let imported = other.store.import(&file).unwrap();
    assert_eq!(imported.not_withdrawn, [""; 0]);
    assert_eq!(other.store.record(&id).unwrap().unwrap().withdrawn.as_deref(), Some("I say so"));
    bundle.withdrawn.insert("0".repeat(64), "never was".into());
    assert!(bundle.refusal().contains("was withdrawn and is not in it"));
}

#[test]
fn an_id_that_another_record_has_is_refused() {
    let (mut place, _) = Place::judged();
    let file = place.path("sent.tar");
    place.exported();
    assert_eq!(place.sql("UPDATE record SET body = '{}' WHERE kind = 'device'"), 1);
    let told = place.store.import(&file).unwrap_err().to_string();
    assert!(told.contains("the id of this device: one of the two is forged"), "{told}");
    let told = place.store.keep(&fixture::comparison()).unwrap_err().to_string();
    assert!(told.contains("one of the two is forged"), "{told}");
}

#[test]
fn a_part_of_a_hash_is_no_id() {
    // Two measurements that share twelve digits can be made within minutes.
    let comparison = fixture::comparison();
    let mut short: Measurement = comparison.models[0].speed[0].decode.clone();
    short.id.truncate(12);
    let mut bundle = Bundle::default();
    bundle.put(&short.id.clone(), "measurement", json!(short));
    assert!(bundle.refusal().contains("is no whole SHA-256"));
    let whole = comparison.models[0].speed[0].decode.id.clone();
    let mut bundle = Bundle::default();
    bundle.put(&whole, "measurement", json!(short));
    assert!(bundle.refusal().contains("(measurement) was changed"), "the id inside is another");
}

#[test]
fn a_record_that_holds_what_nobody_reads_is_not_taken_in() {
    let (place, id) = Place::judged();
    let whole = place.exported();
    let mut bundle = whole.clone();
    let (of_one, (_, body)) = bundle.records.iter_mut().find(|(_, record)| record.0 == "measurement").unwrap();
    body["endorsed_by"] = "everybody".into();
    let (of_one, told) = (of_one.clone(), bundle.refusal());
    assert!(told.contains(&of_one) && told.contains("it holds more than a measurement does"), "{told}");
    // Nor left unnoticed in a store that it stands in.
    assert_eq!(
        place.sql(&format!("UPDATE record SET body = json_set(body, '$.endorsed_by', 'x') WHERE id = '{of_one}'")),
        1
    );
    assert!(place.faults(&id).contains(&of_one), "{}", place.faults(&id));
    for kind in ["background", "review"] {
        let (place, id) = Place::judged();
        let of_sitting =
            "SELECT json_extract(body, '$.KINDs[0]') FROM record WHERE kind = 'sitting'".replace("KIND", kind);
        let db = rusqlite::Connection::open(place.path("evidence.db")).unwrap();
        let one: String = db.query_row(&of_sitting, [], |row| row.get(0)).unwrap();
        let body: String = db.query_row("SELECT body FROM record WHERE id = ?1", [&one], |row| row.get(0)).unwrap();
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["endorsed_by"] = "everybody".into();
        let other = id_of(kind, &body);
        let put = "INSERT INTO record(id, kind, body, created) VALUES(?1, ?2, ?3, '2026-11-21T00:00:00Z')";
        db.execute(put, [&other, kind, &canonical_json(&body)]).unwrap();
        let sitting: String =
            db.query_row("SELECT body FROM record WHERE kind = 'sitting'", [], |row| row.get(0)).unwrap();
        let sitting: Value = serde_json::from_str(&sitting.replace(&one, &other)).unwrap();
        let of_sitting = id_of("sitting", &sitting);
        db.execute(put, [&of_sitting, "sitting", &canonical_json(&sitting)]).unwrap();
        let list = format!("UPDATE judged SET sitting = ?1, {kind} = replace({kind}, ?2, ?3)");
        db.execute(&list, [&of_sitting, &one, &other]).unwrap();
        assert!(
            place.faults(&id).contains("read and written again, is another record"),
            "{kind}: {}",
            place.faults(&id)
        );
    }
}

#[test]
fn what_no_comparison_rests_on_and_what_is_missing_is_refused() {
    let (place, _) = Place::judged();
    let whole = place.exported();
    for (kind, body) in [
        ("rubric", json!("no rubric of any review")),
        ("suite", json!({})),
        ("background", json!({})),
        ("sitting", json!({})),
        ("comparison", json!({})),
    ] {
        let mut bundle = whole.clone();
        let id = bundle.add(kind, body);
        let told = bundle.refusal();
        assert!(told.contains(&id), "{kind}: {told}");
    }
    for (id, (kind, _)) in &whole.records {
        let mut bundle = whole.clone();
        bundle.records.remove(id);
        // Nothing of a comparison hangs on who else judged it, nor on the text of a rubric that is inside.
        if matches!(kind.as_str(), "sitting" | "rubric") {
            continue;
        }
        let told = bundle.refusal();
        let about = if kind == "comparison" { "belongs to no comparison in it" } else { id.as_str() };
        assert!(told.contains(about), "{kind}: {told}");
    }
}

#[test]
fn a_record_that_says_more_than_its_kind_is_refused() {
    let (place, _) = Place::judged();
    let whole = place.exported();
    // What rests on it is made to fit, up to the comparison; nobody judged that.
    let mut bundle = Bundle::default();
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let order = ["measurement", "suite", "device", "artifact", "run", "comparison"];
    for kind in order {
        for (id, (_, body)) in whole.records.iter().filter(|(_, record)| record.0 == kind) {
            let mut text = body.to_string();
            renamed.iter().for_each(|(old, new)| text = text.replace(old.as_str(), new));
            let mut body: Value = serde_json::from_str(&text).unwrap();
            if kind == "artifact" {
                body["endorsed_by"] = "everybody".into();
            }
            let new = if kind == "measurement" { bundle.put(id, kind, body) } else { bundle.add(kind, body) };
            renamed.insert(id.clone(), new);
        }
    }
    let told = bundle.refusal();
    assert!(told.contains("read and written again it is another record"), "{told}");
}

#[test]
fn what_is_refused_is_not_told_at_its_whole_length() {
    let long = "x".repeat(100_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.tar");
    let refused = |manifest: &Value, record: Option<(&str, String)>| {
        write(&file, manifest, record.into_iter());
        Store::open(Path::new(":memory:")).unwrap().import(&file).unwrap_err().to_string()
    };
    let body = json!({ "created": long.clone(), "reviews": long.clone() });
    let id = id_of("sitting", &body);
    let listed = bundle::manifest([(id.as_str(), "sitting")].into_iter());
    let by_kind = bundle::manifest([(id.as_str(), long.as_str())].into_iter());
    let by_id = bundle::manifest([(long.as_str(), "sitting")].into_iter());
    for message in [
        refused(&listed, Some((&id, body.to_string()))),
        refused(&listed, Some((&long, body.to_string()))),
        refused(&by_kind, None),
        refused(&by_id, None),
    ] {
        assert!(message.len() < 1000, "{} bytes: {}", message.len(), &message[..200]);
    }
}

#[test]
fn a_card_of_another_model_is_not_put_over_a_measurement() {
    let catalog = plimsoll_catalog::Catalog::builtin();
    let large = catalog.cards().find(|card| card.shapes.iter().any(|shape| shape.parameters > 10_000_000_000)).unwrap();
    let mut report = fixture::report();
    report.background[0].card = Some(large.clone());
    let mut place = Place::new();
    let id = place.store.keep_report(&report, &Rubric::builtin()).unwrap();
    let told = place.faults(&id);
    assert!(told.contains(&format!("a model of 2823424 parameters is taken for `{}`", large.id)), "{told}");
    assert!(place.exported().refusal().contains("is taken for"));
}

#[cfg(unix)]
#[test]
fn a_pipe_and_a_device_are_no_bundles() {
    let mut place = Place::new();
    for path in ["/dev/zero", "/dev/null", "/"] {
        let told = place.store.import(Path::new(path)).unwrap_err().to_string();
        assert!(told.contains("it is no file"), "{told}");
    }
}
