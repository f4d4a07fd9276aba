//! The evidence store keeps what it was given, notices what was changed, and survives company.

use crate::fixture;
use std::path::Path;

use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{BundleError, Choice, Kind, Store, StoreError, Vote, VoteError};

fn opened(folder: &Path) -> Store {
    Store::open(&folder.join("evidence.db")).unwrap()
}

fn kept() -> (tempfile::TempDir, Store, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    let id = store.keep(&fixture::comparison()).unwrap();
    (folder, store, id)
}

fn sql(folder: &Path, change: &str) -> usize {
    rusqlite::Connection::open(folder.join("evidence.db")).unwrap().execute(change, []).unwrap()
}

#[test]
fn a_comparison_comes_back_as_it_went_in() {
    let (_folder, mut store, id) = kept();
    assert_eq!(store.comparison(&id).unwrap(), fixture::comparison());
    assert_eq!(store.keep(&fixture::comparison()).unwrap(), id, "the same is kept once");
    assert_eq!(store.comparisons(10).unwrap().len(), 1);
    assert_eq!(store.latest_of("demo-small", "demo-large").unwrap().unwrap().comparison, id);
}

#[test]
fn every_measurement_is_a_record_of_its_own() {
    let (_folder, store, _) = kept();
    for measurement in fixture::comparison().measurements() {
        let record = store.record(&measurement.id).unwrap().expect("it was kept");
        assert_eq!(record.body["samples"], serde_json::json!(measurement.samples));
    }
}

#[test]
fn one_changed_sample_is_named() {
    let (folder, store, id) = kept();
    let decode = &fixture::comparison().models[0].speed[0].decode;
    let first = decode.samples[0].to_string();
    let changed = sql(
        folder.path(),
        &format!("UPDATE record SET body = replace(body, '{first}', '9999.5') WHERE id = '{}'", decode.id),
    );
    assert_eq!(changed, 1);
    match store.comparison(&id).unwrap_err() {
        StoreError::Tampered { id, .. } => assert_eq!(id, decode.id),
        other => panic!("{other}"),
    }
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(folder.path()));
    sql(folder.path(), "PRAGMA user_version = 9");
    let told = Store::open(&folder.path().join("evidence.db")).unwrap_err().to_string();
    assert!(told.contains("has version 9; this program knows up to"), "{told}");
}

#[test]
fn a_withdrawn_comparison_leaves_the_lists_and_stays_readable() {
    let (_folder, mut store, id) = kept();
    store.withdraw(&id, "the machine was throttled").unwrap();
    assert!(store.comparisons(10).unwrap().is_empty());
    assert_eq!(store.record(&id).unwrap().unwrap().withdrawn.as_deref(), Some("the machine was throttled"));
    assert!(store.comparison(&id).is_ok());
    assert!(matches!(store.withdraw("no such id", ""), Err(StoreError::Missing { .. })));
}

#[test]
fn evidence_travels_and_arrives_whole() {
    let (folder, store, id) = kept();
    let bundle = folder.path().join("evidence.tar");
    let sent = store.export(&bundle, &[]).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = opened(elsewhere.path());
    assert_eq!(other.import(&bundle).unwrap().new, sent);
    assert_eq!(other.import(&bundle).unwrap().new, 0, "nothing is new the second time");
    assert_eq!(other.comparison(&id).unwrap(), fixture::comparison());
}

#[test]
fn a_tampered_bundle_is_refused_with_the_records_name() {
    let (folder, store, _) = kept();
    let bundle = folder.path().join("evidence.tar");
    store.export(&bundle, &[]).unwrap();
    let decode = &fixture::comparison().models[0].speed[0].decode;
    let mut bytes = std::fs::read(&bundle).unwrap();
    // The same number of bytes, so that the tar itself stays whole.
    let sample = decode.samples[0].to_string();
    let forged = sample.chars().rev().collect::<String>().replace('.', "1");
    let at: Vec<usize> =
        bytes.windows(sample.len()).enumerate().filter(|(_, w)| *w == sample.as_bytes()).map(|(at, _)| at).collect();
    assert!(!at.is_empty() && forged.len() == sample.len());
    bytes[at[0]..at[0] + sample.len()].copy_from_slice(forged.as_bytes());
    std::fs::write(&bundle, &bytes).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = opened(elsewhere.path());
    match other.import(&bundle).unwrap_err() {
        BundleError::Store(StoreError::Tampered { id, kind, .. }) => {
            assert_eq!((id, kind), (decode.id.clone(), "measurement"))
        }
        error => panic!("{error}"),
    }
    assert!(other.comparisons(10).unwrap().is_empty(), "nothing of it was taken");
}

fn judged() -> (tempfile::TempDir, Store, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    let id = store.keep_report(&fixture::report(), &Rubric::builtin()).unwrap();
    (folder, store, id)
}

#[test]
fn a_report_is_put_together_again_with_its_advice() {
    let (_folder, mut store, id) = judged();
    assert_eq!(store.report(&id).unwrap(), Some(fixture::report()));
    let alone = store.keep(&fixture::comparison()).unwrap();
    assert_eq!(alone, id, "the comparison is one record, judged or not");
    let (_folder, store, never) = kept();
    assert_eq!(store.report(&never).unwrap(), None);
}

#[test]
fn what_the_panel_said_travels_with_the_evidence() {
    let (folder, mut store, id) = judged();
    store.withdraw(&id, "the machine was throttled").unwrap();
    let bundle = folder.path().join("evidence.tar");
    store.export(&bundle, &[]).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = opened(elsewhere.path());
    for _ in 0..2 {
        other.import(&bundle).unwrap();
        assert_eq!(other.history(None, 10).unwrap(), store.history(None, 10).unwrap(), "taken once");
    }
    assert_eq!(other.history(Some("demo-large"), 10).unwrap().len(), 1);
    assert_eq!(other.report(&id).unwrap(), Some(fixture::report()));
    assert_eq!(other.history(None, 1).unwrap()[0].withdrawn.as_deref(), Some("the machine was throttled"));
    assert_eq!(other.rubric_text(&Rubric::builtin().sha256).unwrap(), Some(Rubric::builtin().text));
    assert_eq!(other.check(&id, &[]).unwrap().faults, [] as [&str; 0]);
}

#[test]
fn a_check_tells_which_measurement_was_changed_and_what_else() {
    let (folder, store, id) = judged();
    let found = store.check(&id, &[]).unwrap();
    assert!(found.passed() && found.records > 50 && found.judgements == 1, "{found:?}");
    let decode = &fixture::comparison().models[0].speed[0].decode;
    let (sample, value) = (decode.samples[0].to_string(), decode.value.to_string());
    let change = |from: &str| {
        sql(
            folder.path(),
            &format!("UPDATE record SET body = replace(body, '{from}', '9999.5') WHERE id = '{}'", decode.id),
        )
    };
    assert_eq!(change(&sample), 1);
    let told = store.check(&id, &[]).unwrap().faults;
    assert_eq!(told, [format!("measurement {} (decode@0 of A) was changed after it was made", decode.id)]);
    change(&value);
    let told = store.check(&id, &[]).unwrap().faults;
    assert!(told.len() > 1, "a changed value does not give the same review either: {told:?}");
    sql(folder.path(), "UPDATE record SET body = replace(body, '\"Ship\"', '\"Skip\"') WHERE kind = 'review'");
    let told = store.check(&id, &[]).unwrap().faults;
    assert!(told.iter().any(|fault| fault.contains("(review) was changed after it was stored")), "{told:?}");
    assert!(told.iter().any(|fault| fault.contains("the verdict is not what this rubric makes")), "{told:?}");
}

#[test]
fn an_answer_that_was_changed_is_found_though_no_sample_was() {
    let (folder, store, id) = judged();
    let changed = sql(
        folder.path(),
        "UPDATE record SET body = json_set(body, '$.quality.outcomes[0].correct', \
         json(iif(json_extract(body, '$.quality.outcomes[0].correct'), 'false', 'true'))) WHERE kind = 'run'",
    );
    assert_eq!(changed, 2);
    let told = store.check(&id, &[]).unwrap().faults.join("\n");
    assert!(told.contains("(run) was changed") && told.contains("accuracy of A is not what the answers"), "{told}");
}

#[test]
fn the_beginning_of_an_id_stands_for_it_where_it_is_long_enough_and_alone() {
    let (_folder, store, id) = judged();
    assert_eq!(store.find(&id[..8], Some(Kind::Comparison)).unwrap(), id);
    assert_eq!(store.find(&id.to_uppercase(), None).unwrap(), id);
    assert!(matches!(store.find(&id[..7], None), Err(StoreError::NoId { .. })));
    assert!(matches!(store.find("not an id", None), Err(StoreError::NoId { .. })));
    assert!(matches!(store.find(&id[..8], Some(Kind::Review)), Err(StoreError::Missing { .. })));
    assert!(matches!(store.find("00000000", None), Err(StoreError::Missing { .. })));
}

#[test]
fn any_bytes_are_refused_as_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    let (_kept, from, _) = kept();
    let whole = folder.path().join("whole.tar");
    from.export(&whole, &[]).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    for cut in [0, 1, 511, 512, 700, bytes.len() / 2, bytes.len() - 2000] {
        let path = folder.path().join("cut.tar");
        std::fs::write(&path, &bytes[..cut]).unwrap();
        store.import(&path).unwrap_err();
    }
    assert!(store.comparisons(1).unwrap().is_empty());
}

#[test]
fn two_processes_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(folder.path()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let path = folder.path().to_owned();
            std::thread::spawn(move || {
                let mut store = opened(&path);
                for step in 0..25 {
                    store.keep_steps(&[(format!("run {writer}/step {step}"), serde_json::json!(step))]).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let store = opened(folder.path());
    for writer in 0..4 {
        assert_eq!(store.n_steps(&format!("run {writer}")).unwrap(), 25);
    }
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let done = serde_json::json!({"correct": true});
    opened(folder.path()).keep_steps(&[("one/asked/3".to_owned(), done.clone())]).unwrap();
    let mut store = opened(folder.path());
    assert_eq!(store.step("one", "asked/3").unwrap(), Some(done));
    assert_eq!(store.step("one", "asked/4").unwrap(), None);
    store.forget_steps("one").unwrap();
    assert_eq!(store.n_steps("one").unwrap(), 0);
}

fn vote(voter: &str, network: &str, choice: &str) -> Vote {
    let choice = if choice == "neither" { Choice::Neither } else { Choice::Model(choice.to_owned()) };
    Vote { page: "a-vs-b".into(), voter: voter.into(), network: network.into(), choice }
}

fn counts(store: &Store) -> Vec<(String, i64, i64)> {
    store.tally("a-vs-b").unwrap().into_iter().map(|tally| (tally.choice, tally.raw, tally.counted)).collect()
}

#[test]
fn a_vote_can_be_changed_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    store.vote(&vote("one", "net", "a")).unwrap();
    store.vote(&vote("one", "net", "b")).unwrap();
    store.vote(&vote("two", "net", "b")).unwrap();
    assert_eq!(counts(&store), [("b".into(), 2, 2)]);
    assert_eq!(store.ballot("a-vs-b", "one").unwrap().unwrap().choice, "b");
    assert!(store.audit_votes().unwrap().passed());
}

#[test]
fn stuffing_from_one_network_is_filtered_and_visible() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    for voter in 0..40 {
        store.vote(&vote(&format!("voter {voter}"), "one network", "a")).unwrap();
    }
    store.vote(&vote("someone else", "another network", "b")).unwrap();
    assert_eq!(counts(&store), [("a".into(), 40, 5), ("b".into(), 1, 1)]);
    let audit = store.audit_votes().unwrap();
    assert!(audit.passed());
    assert_eq!(audit.filtered.iter().map(|filtered| filtered.voters).collect::<Vec<_>>(), [35]);
    let refused = (40..200).find_map(|voter| store.vote(&vote(&format!("voter {voter}"), "one network", "a")).err());
    assert!(matches!(refused, Some(VoteError::TooMany)));
}

#[test]
fn a_changed_log_or_count_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path());
    for voter in ["one", "two", "three"] {
        store.vote(&vote(voter, voter, "a")).unwrap();
    }
    sql(folder.path(), "UPDATE vote SET choice = 'b' WHERE seq = 2");
    let audit = store.audit_votes().unwrap();
    assert_eq!((audit.broken_at, audit.wrong_counts), (Some(2), vec!["a-vs-b".to_owned()]));
    sql(folder.path(), "UPDATE vote SET choice = 'a' WHERE seq = 2");
    assert!(store.audit_votes().unwrap().passed());
    sql(folder.path(), "DELETE FROM vote WHERE seq = 1");
    assert_eq!(store.audit_votes().unwrap().broken_at, Some(2));
    sql(folder.path(), "UPDATE tally SET counted = 9");
    assert_eq!(store.audit_votes().unwrap().wrong_counts, ["a-vs-b"]);
}

#[test]
fn keys_hide_what_they_are_made_of_and_stay_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let key = opened(folder.path()).key("192.0.2.7").unwrap();
    assert_eq!(opened(folder.path()).key("192.0.2.7").unwrap(), key);
    assert_ne!(opened(folder.path()).key("192.0.2.8").unwrap(), key);
    assert_ne!(
        opened(tempfile::tempdir().unwrap().path()).key("192.0.2.7").unwrap(),
        key,
        "another store, another salt"
    );
}

/// Names the store to the process below.
const STORE: &str = "PLIMSOLL_TEST_STORE";

#[test]
#[ignore = "run and killed by the test below"]
fn keeps_steps_until_it_is_killed() {
    use std::io::Write;
    let path = std::env::var_os(STORE).expect("set by the test below");
    let mut store = Store::open(Path::new(&path)).unwrap();
    let mut out = std::io::stdout().lock();
    for step in 0.. {
        store.keep_steps(&[(format!("run/{step}"), serde_json::json!(step))]).unwrap();
        writeln!(out, "kept {step}").unwrap();
    }
}

#[test]
fn no_acknowledged_step_is_lost_in_a_hundred_kills() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let program = std::env::current_exe().unwrap();
    for kill in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.db");
        let mut child = Command::new(&program)
            .args(["--ignored", "--exact", "store::keeps_steps_until_it_is_killed", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("kept ")?.parse::<usize>().ok());
        let acknowledged = kept.take(1 + kill % 7).last().expect("it keeps steps");
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let store = Store::open(&path).unwrap();
        assert!(store.n_steps("run").unwrap() > acknowledged, "kill {kill}: step {acknowledged} was acknowledged");
        assert_eq!(store.step("run", &acknowledged.to_string()).unwrap(), Some(serde_json::json!(acknowledged)));
    }
}
