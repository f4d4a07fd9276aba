//! What a pull does where nothing goes wrong.

use std::fs;
use std::sync::mpsc::channel;
use std::thread;

use plimsoll_fetch::{Cancel, Event, FetchError, Lookup, Role, State, Verdict, Want};

use crate::client::{Client, LARGE, PARTS, bytes, mock, options};
use crate::mock::{Fault, Mock};

#[test]
fn a_plan_tells_all_before_a_byte_of_a_file_is_asked_for() {
    let mock = mock();
    let plan = Client::of(&mock).plan().unwrap();
    let names: Vec<_> = plan.files.iter().map(|file| (file.name.as_str(), file.role)).collect();
    let expected = [
        ("LICENSE", Role::Companion),
        ("README.md", Role::Companion),
        ("config.json", Role::Companion),
        ("model.safetensors", Role::Weights),
    ];
    assert_eq!(names, expected);
    assert_eq!(plan.bytes(), LARGE as u64 + 22 + 28);
    assert_eq!((plan.to_fetch(), plan.disk.needed), (plan.bytes(), plan.bytes()));
    assert!(plan.disk.free.is_some_and(|free| free > 0));
    assert_eq!((plan.left_out.files, plan.left_out.bytes), (2, 5000));
    assert_eq!((plan.licence.as_deref(), plan.commit.as_str()), (Some("apache-2.0"), mock.commit().as_str()));
    assert_eq!(mock.requests().len(), 1, "the listing alone: {:?}", mock.requests());
}

#[test]
fn large_files_come_in_parts_at_once_and_small_ones_in_one_piece() {
    let mock = mock();
    let mut client = Client::of(&mock);
    let pulled = client.pull().unwrap();
    client.assert_whole(&mock, &pulled);
    assert_eq!(pulled.fetched, LARGE as u64 + 22 + 28);
    let mut ranges: Vec<_> = mock.gets("model.safetensors").iter().map(|r| r.range().unwrap()).collect();
    ranges.sort();
    let starts: Vec<_> = ranges.iter().map(|range| range.0).collect();
    assert_eq!(starts, (0..6).map(|n| n * PARTS.part).collect::<Vec<_>>());
    assert!(mock.gets("config.json").iter().all(|request| request.range().is_none()));
    assert_eq!(mock.gets("consolidated.00.pth").len(), 0);
    assert_eq!(fs::read(pulled.folder.join("LICENSE")).unwrap(), b"", "an empty file is one too");
}

#[test]
fn what_is_here_is_not_fetched_again_and_is_found_without_a_hub() {
    let mock = mock();
    let mut client = Client::of(&mock);
    let first = client.pull().unwrap();
    let before = mock.requests().len();
    let plan = client.plan().unwrap();
    assert!(plan.is_here() && plan.to_fetch() == 0 && plan.disk.needed == 0);
    let second = client.do_plan(&plan, |_| {}).unwrap();
    assert_eq!((second.fetched, &second.weights), (0, &first.weights));
    assert_eq!(mock.requests().len(), before + 1, "the listing alone");
    assert_eq!(client.cache.find(&client.reference), Some(first.folder.clone()));
    let lookup = |file: &str| client.cache.lookup("org/name", &mock.commit(), file);
    assert_eq!(lookup("config.json"), Lookup::Here(first.folder.join("config.json")));
    assert_eq!(lookup("chat_template.jinja"), Lookup::NotInCommit);
    assert_eq!(lookup("original/consolidated.00.pth"), Lookup::Unknown);
}

#[test]
fn the_cache_is_listed_checked_and_emptied() {
    let mock = mock();
    let mut client = Client::of(&mock);
    let pulled = client.pull().unwrap();
    let [model] = client.cache.models().try_into().unwrap();
    assert_eq!((model.repository.as_str(), model.bytes >= LARGE as u64), ("org/name", true));
    assert!(!model.is_unfinished);
    let [revision] = model.revisions.try_into().unwrap();
    assert_eq!((revision.commit, revision.refs), (mock.commit(), vec!["main".to_owned()]));
    let verdicts = |files: &[plimsoll_fetch::CachedFile]| -> Vec<_> {
        files.iter().map(|file| file.verify(&Cancel::default()).unwrap()).collect()
    };
    assert_eq!(verdicts(&revision.files), vec![Verdict::Whole; 4]);
    let blob = fs::canonicalize(&pulled.weights[0]).unwrap();
    let mut damaged = fs::read(&blob).unwrap();
    damaged[LARGE / 2] ^= 1;
    fs::write(&blob, damaged).unwrap();
    let found = verdicts(&revision.files);
    assert!(
        matches!(found[3], Verdict::Damaged { .. }) && found[..3].iter().all(|v| *v == Verdict::Whole),
        "{found:?}"
    );
    fs::remove_file(&blob).unwrap();
    let again = client.cache.model("org/name").unwrap();
    assert!(again.is_unfinished);
    assert_eq!(again.revisions[0].files[3].verify(&Cancel::default()).unwrap(), Verdict::Missing);
    client.cache.remove("org/name").unwrap();
    assert!(client.cache.models().is_empty() && !client.cache.folder("org/name").exists());
}

#[test]
fn a_hub_that_tells_no_sizes_is_asked_for_each_file() {
    let (mock, cdn) = (mock(), mock());
    mock.change(|inside| {
        inside.tells_blobs = false;
        inside.cdn = Some(cdn.endpoint.clone());
    });
    let mut client = Client::of(&mock);
    let plan = client.plan().unwrap();
    assert_eq!(plan.bytes(), LARGE as u64 + 22 + 28, "not the length of the redirect");
    assert!(plan.files.iter().all(|file| file.digest.is_some()));
    assert_eq!(cdn.requests().len(), 0, "the address that a redirect leads to is not asked yet");
    let pulled = client.do_plan(&plan, |_| {}).unwrap();
    client.assert_whole(&mock, &pulled);
}

#[test]
fn a_gguf_comes_by_its_label_and_with_what_it_sees_with() {
    let mock = Mock::new(&[
        ("x-Q4_K_M.gguf", bytes(3000), true),
        ("x-Q8_0-00001-of-00002.gguf", bytes(4000), true),
        ("x-Q8_0-00002-of-00002.gguf", bytes(4001), true),
        ("mmproj-x-f16.gguf", bytes(500), true),
    ]);
    let mut client = Client::of(&mock);
    client.want.quantisation = Some("q8_0".to_owned());
    assert!(client.plan().unwrap().has_other_projector);
    client.want = Want { quantisation: Some("q8_0".to_owned()), mmproj: true };
    assert!(!client.plan().unwrap().has_other_projector);
    let pulled = client.pull().unwrap();
    let commit = client.cache.snapshot("org/name", &mock.commit());
    assert_eq!(pulled.model(), commit.join("x-Q8_0-00001-of-00002.gguf"));
    assert_eq!(pulled.weights.len(), 2);
    assert_eq!(pulled.mmproj, Some(commit.join("mmproj-x-f16.gguf")));
    assert!(!commit.join("x-Q4_K_M.gguf").exists());
}

#[test]
fn some_bytes_of_a_file_are_had_without_the_rest() {
    let mock = mock();
    let client = Client::of(&mock);
    let plan = client.plan().unwrap();
    let some = |range| client.hub.bytes(&plan, "model.safetensors", range, &client.cancel).unwrap();
    let all = bytes(LARGE);
    assert_eq!(some(0..1000), all[..1000]);
    assert_eq!(some(1000..3000), all[1000..3000]);
    assert_eq!(some(999_000..2_000_000), all[999_000..]);
    assert_eq!(some(2_000_000..2_000_001), b"");
    mock.script(|_, _| Some(Fault::RangeIgnored));
    assert_eq!(some(10..20), all[10..20], "also from a server that sends all");
    assert_eq!(client.hub.bytes(&plan, "LICENSE", 0..10, &client.cancel).unwrap(), b"");
}

#[test]
fn bytes_that_another_program_has_are_taken_from_there_if_they_are_the_right_ones() {
    let (mock, other) = (mock(), tempfile::tempdir().unwrap());
    let there = other.path().join("sha256-x");
    let pull = |client: &mut Client| {
        let listing = client.hub.listing(&client.reference, &client.cancel).unwrap();
        let find = |digest: &plimsoll_fetch::Digest| {
            (digest.hex() == mock.file("model.safetensors").sha256).then(|| there.clone())
        };
        let plan = client.hub.plan(&listing, &client.want, &client.cache, &find, &client.cancel).unwrap();
        assert!(plan.files.iter().any(|file| file.state == State::Elsewhere { path: there.clone() }));
        client.do_plan(&plan, |_| {}).unwrap()
    };
    fs::write(&there, bytes(LARGE)).unwrap();
    let mut client = Client::of(&mock);
    let pulled = pull(&mut client);
    client.assert_whole(&mock, &pulled);
    assert_eq!((mock.gets("model.safetensors").len(), pulled.fetched), (0, 50));
    fs::write(&there, vec![7; LARGE]).unwrap();
    let mut client = Client::of(&mock);
    let pulled = pull(&mut client);
    client.assert_whole(&mock, &pulled);
    assert_eq!(pulled.fetched, LARGE as u64 + 50, "what lies there under the name is another file");
}

#[test]
fn two_at_once_fetch_a_file_once() {
    let mock = mock();
    let mut one = Client::of(&mock);
    let two = Client::of(&mock);
    let plan = one.plan().unwrap();
    let (cache, hub, cancel) = (one.cache.clone(), two.hub.clone(), two.cancel.clone());
    // The first has come to its last part when the second begins, and goes on when the second waits for it.
    let (go, gone) = channel::<()>();
    let (second_waits, waiting) = channel::<()>();
    let other = {
        let plan = plan.clone();
        thread::spawn(move || {
            gone.recv().unwrap();
            let mut tell = |event: Event<'_>| {
                if matches!(event, Event::Waiting { name: "model.safetensors" }) {
                    second_waits.send(()).unwrap();
                }
            };
            hub.pull(&plan, &cache, &mut tell, &cancel).unwrap()
        })
    };
    let mut held = false;
    let first = one.do_plan(&plan, |event| {
        if !held && matches!(event, Event::Came { name: "model.safetensors", .. }) {
            held = true;
            go.send(()).unwrap();
            waiting.recv().unwrap();
        }
    });
    let (first, second) = (first.unwrap(), other.join().unwrap());
    assert_eq!((first.fetched, second.fetched), (plan.bytes(), 0));
    one.assert_whole(&mock, &second);
    assert_eq!(mock.gets("model.safetensors").len(), 6);
}

#[test]
fn who_stops_keeps_what_came_and_goes_on_with_it() {
    let mock = mock();
    let mut client = Client::of(&mock);
    let plan = client.plan().unwrap();
    let cancel = client.cancel.clone();
    let error = client
        .do_plan(&plan, |event| {
            if matches!(event, Event::Came { done, .. } if *done > 300_000) {
                cancel.cancel();
            }
        })
        .unwrap_err();
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    assert_eq!(client.cache.find(&client.reference), None, "main points to nothing unfinished");
    assert!(client.cache.model("org/name").unwrap().is_unfinished);
    client.cancel = Cancel::default();
    let plan = client.plan().unwrap();
    let State::Partly { bytes } = plan.files[3].state else { panic!("{:?}", plan.files[3]) };
    assert!(bytes >= 65_536, "{bytes}");
    let pulled = client.do_plan(&plan, |_| {}).unwrap();
    client.assert_whole(&mock, &pulled);
    assert_eq!(pulled.fetched, LARGE as u64 - bytes);
    assert_eq!(client.events, ["went on with model.safetensors"]);
}

#[test]
fn a_stop_is_noticed_while_nothing_comes() {
    let mock = mock();
    mock.script(|request, _| request.is_for("model.safetensors").then_some(Fault::StallAfter(100)));
    let mut options = options();
    options.patience.stall = std::time::Duration::from_secs(3600);
    let mut client = Client::with(&mock, options);
    let plan = client.plan().unwrap();
    let cancel = client.cancel.clone();
    let error = client.do_plan(&plan, |event| {
        if matches!(event, Event::Came { name: "model.safetensors", .. }) {
            cancel.cancel();
        }
    });
    assert!(matches!(error.unwrap_err(), FetchError::Cancelled));
}
