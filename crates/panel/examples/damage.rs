//! What becomes of bundles of evidence that were damaged, the damage being made to fit: ids anew, lists anew.
//!
//! `cargo run --release -p plimsoll-panel --example damage -- [BUNDLES] [SEED]` prints a table by kind of damage. A bundle that
//! is taken in and passes the check although it says something else is a hole, and so is one that takes longer than
//! [`PATIENCE`]; a panic ends it.

#[path = "../tests/bundle/mod.rs"]
mod bundle;
#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_lab::record::Measurement;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::samples_csv;
use plimsoll_panel::store::{Kind, Store};
use serde_json::{Value, json};

/// What importing and checking one bundle may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Records = BTreeMap<String, (String, Value)>;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// How a bundle is damaged.
type Damage = fn(&mut Rng, &Records, &[u8]) -> Vec<u8>;
const DAMAGES: [(&str, Damage); 9] = [
    ("a byte", |rng, _, whole| {
        let mut bytes = whole.to_vec();
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
        bytes
    }),
    ("cut", |rng, _, whole| whole[..rng.below(whole.len())].to_vec()),
    ("a stretch copied", |rng, _, whole| {
        let mut bytes = whole.to_vec();
        let n = 1 + rng.below(4096);
        let (from, to) = (rng.below(bytes.len() - n), rng.below(bytes.len() - n));
        bytes.copy_within(from..from + n, to);
        bytes
    }),
    ("a value, ids as they were", |rng, records, _| {
        let mut records = records.clone();
        let (_, body) = nth(rng, &mut records);
        change(rng, body, &[]);
        tar_of(&records)
    }),
    ("a value, ids anew", |rng, records, _| {
        let mut records = records.clone();
        let (_, body) = nth(rng, &mut records);
        change(rng, body, &[]);
        tar_of(&again(&records))
    }),
    ("a reference, ids anew", |rng, records, _| {
        let ids: Vec<String> = records.keys().cloned().collect();
        let mut records = records.clone();
        let (_, body) = nth(rng, &mut records);
        change(rng, body, &ids);
        tar_of(&again(&records))
    }),
    ("a record left out", |rng, records, _| {
        let mut records = records.clone();
        let id = records.keys().nth(rng.below(records.len())).cloned().unwrap_or_default();
        records.remove(&id);
        tar_of(&records)
    }),
    ("another kind", |rng, records, _| {
        let mut records = records.clone();
        let kind = Kind::ALL[rng.below(Kind::ALL.len())].as_str().to_owned();
        nth(rng, &mut records).0.clone_from(&kind);
        tar_of(&again(&records))
    }),
    ("a record twice over", |rng, records, _| {
        let mut records = records.clone();
        let (kind, mut body) = nth(rng, &mut records).clone();
        change(rng, &mut body, &[]);
        let id = sha256_hex(format!("{kind}\n{}", canonical_json(&body)).as_bytes());
        records.insert(id, (kind, body));
        tar_of(&records)
    }),
];

fn nth<'a>(rng: &mut Rng, records: &'a mut Records) -> &'a mut (String, Value) {
    let at = rng.below(records.len());
    records.values_mut().nth(at).expect("within")
}

/// Changes one value somewhere in `value`: to another of its type, to one of another, or to one of these records.
fn change(rng: &mut Rng, value: &mut Value, ids: &[String]) {
    let inner = match value {
        Value::Object(object) => object.len(),
        Value::Array(array) => array.len(),
        _ => 0,
    };
    if inner > 0 && rng.below(8) > 0 {
        let at = rng.below(inner);
        let found = match value {
            Value::Object(object) => object.values_mut().nth(at),
            Value::Array(array) => array.get_mut(at),
            _ => None,
        };
        return change(rng, found.expect("within"), ids);
    }
    if let Some(id) = ids.get(rng.below(ids.len())) {
        *value = json!({ "record": id });
        return;
    }
    *value = match (rng.below(4), &*value) {
        (0, _) => Value::Null,
        (1, _) => json!([[], {}, "x", 1e308, -1, true, "9998-01-01T00:00:00Z"])[rng.below(7)].clone(),
        (2, Value::Array(array)) => array.iter().cycle().take(array.len() * 50).cloned().collect(),
        (_, Value::Number(number)) => json!(number.as_f64().unwrap_or(0.0) * 1.5 + 1.0),
        (_, Value::Bool(is)) => json!(!is),
        (_, Value::String(text)) => json!(format!("{text}1")),
        (_, Value::Array(array)) => array.iter().skip(1).cloned().collect(),
        (_, Value::Object(object)) => {
            Value::Object(object.iter().skip(1).map(|(k, v)| (k.clone(), v.clone())).collect())
        }
        (_, Value::Null) => json!(0),
    };
}

/// The same records under ids that belong to what they say now, wherever these stand.
fn again(records: &Records) -> Records {
    let order = [
        "measurement",
        "suite",
        "device",
        "artifact",
        "run",
        "comparison",
        "rubric",
        "background",
        "review",
        "sitting",
    ];
    let mut renamed: BTreeMap<&str, String> = BTreeMap::new();
    let mut found = Records::new();
    for kind in order {
        for (id, (_, body)) in records.iter().filter(|(_, record)| record.0 == kind) {
            let mut body = body.clone();
            rename(&mut body, &renamed);
            let new = if kind == "measurement" {
                let measurement = serde_json::from_value::<Measurement>(body.clone());
                let new = measurement.map_or_else(|_| id.clone(), |measurement| measurement.expected_id());
                if let Some(own) = body.get_mut("id") {
                    *own = json!(new);
                }
                new
            } else {
                sha256_hex(format!("{kind}\n{}", canonical_json(&body)).as_bytes())
            };
            renamed.insert(id, new.clone());
            found.insert(new, (kind.to_owned(), body));
        }
    }
    found
}

fn rename(value: &mut Value, renamed: &BTreeMap<&str, String>) {
    match value {
        Value::String(text) => renamed.get(text.as_str()).into_iter().for_each(|new| text.clone_from(new)),
        Value::Array(array) => array.iter_mut().for_each(|inner| rename(inner, renamed)),
        Value::Object(object) => object.values_mut().for_each(|inner| rename(inner, renamed)),
        _ => {}
    }
}

fn tar_of(records: &Records) -> Vec<u8> {
    let list = bundle::manifest(records.iter().map(|(id, record)| (id.as_str(), record.0.as_str())));
    bundle::archive(&list, records.iter().map(|(id, record)| (id.as_str(), record.1.to_string())))
}

fn records_of(file: &Path) -> Records {
    let (mut records, mut kinds) = (Records::new(), Value::Null);
    for entry in tar::Archive::new(std::fs::File::open(file).expect("written")).entries().expect("a tar") {
        let mut entry = entry.expect("whole");
        let path = entry.path().expect("a path").display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        match path.strip_prefix("records/").and_then(|file| file.strip_suffix(".json")) {
            Some(id) => {
                let kind = kinds["records"][id].as_str().expect("listed").to_owned();
                records.insert(id.to_owned(), (kind, value));
            }
            None => kinds = value,
        }
    }
    records
}

/// What became of bundles of one kind of damage.
#[derive(Default)]
struct Tally {
    bundles: usize,
    refused: usize,
    /// Taken in, and told by the check.
    told: usize,
    /// Taken in and passed, being what was sent.
    same: usize,
    /// Taken in and passed, saying something else.
    passed: Vec<usize>,
    slowest: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (bundles, seed) = (arguments.next().unwrap_or(10_000), arguments.next().unwrap_or(1));
    let folder = tempfile::tempdir().expect("there is room");
    let sent = folder.path().join("sent.tar");
    let mut store = Store::open(Path::new(":memory:")).expect("memory takes it");
    store.keep_report(&fixture::report(), &Rubric::builtin()).expect("memory takes it");
    store.export(&sent, &[]).expect("there is room");
    let (records, whole) = (records_of(&sent), std::fs::read(&sent).expect("written"));
    let mut tallies: Vec<Tally> = DAMAGES.iter().map(|_| Tally::default()).collect();
    for number in 0..bundles {
        let mut rng = Rng((seed * 1_000_003 + number) as u64);
        let at = number % DAMAGES.len();
        let bytes = DAMAGES[at].1(&mut rng, &records, &whole);
        let file = folder.path().join("damaged.tar");
        std::fs::write(&file, &bytes).expect("there is room");
        let began = Instant::now();
        taken(&file, &records, number, &mut tallies[at]);
        tallies[at].slowest = tallies[at].slowest.max(began.elapsed());
    }
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "damage", "bundles", "refused", "told", "the same", "passed", "slowest"
    );
    for ((name, _), tally) in DAMAGES.iter().zip(&tallies) {
        let Tally { bundles, refused, told, same, passed, slowest } = tally;
        println!(
            "{name:<28} {bundles:>8} {refused:>8} {told:>8} {same:>8} {:>8} {:>7.2} s",
            passed.len(),
            slowest.as_secs_f64()
        );
        for number in passed {
            println!("  passed: bundle {number} of seed {seed}");
        }
    }
    let slow = tallies.iter().any(|tally| tally.slowest > PATIENCE);
    if slow || tallies.iter().any(|tally| !tally.passed.is_empty()) {
        std::process::exit(1);
    }
}

/// Takes the bundle in, if it is one, and looks at it in every way there is.
fn taken(file: &Path, sent: &Records, number: usize, tally: &mut Tally) {
    let mut store = Store::open(Path::new(":memory:")).expect("memory takes it");
    tally.bundles += 1;
    if store.import(file).is_err() {
        tally.refused += 1;
        return;
    }
    let mut faults = store.check_lists().expect("it is whole");
    for id in store.all_comparisons().expect("it is whole") {
        let comparison = store.comparison(&id).expect("what was taken in is read");
        let _ = (samples_csv(&id, &comparison), store.report(&id));
        faults.extend(store.check(&id, &[]).expect("it is there").faults);
    }
    let out = file.with_file_name("out.tar");
    store.export(&out, &[]).expect("what was taken in is sent on");
    match faults.is_empty() {
        false => tally.told += 1,
        true if records_of(&out).iter().all(|(id, record)| sent.get(id) == Some(record)) => tally.same += 1,
        true => tally.passed.push(number),
    }
}
