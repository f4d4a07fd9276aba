//! What goes wrong on the way, and passes or does not.

use plimsoll_fetch::FetchError;

use crate::client::{Client, LARGE, PARTS, bytes, mock};
use crate::mock::{Fault, Mock};

const LARGE_FILE: &str = "model.safetensors";

/// A hub whose large file fails as `fault` says, by how many requests for it came before.
fn failing(fault: impl Fn(usize) -> Option<Fault> + Send + Sync + 'static) -> Mock {
    let mock = mock();
    mock.script(move |request, nth| if request.is_for(LARGE_FILE) { fault(nth) } else { None });
    mock
}

fn pulled_through(mock: &Mock) -> Client {
    pulled_by(Client::of(mock), mock)
}

fn pulled_by(mut client: Client, mock: &Mock) -> Client {
    let pulled = client.pull().unwrap();
    client.assert_whole(mock, &pulled);
    client
}

#[test]
fn a_body_that_ends_too_soon_is_gone_on_with_where_it_ended() {
    let mock = failing(|nth| (nth < 5).then_some(Fault::CutAfter(70_000)));
    let client = pulled_through(&mock);
    assert!(client.events.iter().any(|event| event.starts_with("retrying")), "{:?}", client.events);
    let asked: u64 = mock.gets(LARGE_FILE).iter().map(|r| r.range().unwrap()).map(|(start, end)| end - start + 1).sum();
    let cut: u64 = 5 * (PARTS.part - 70_000);
    assert!(asked <= LARGE as u64 + cut, "{asked}: no byte that came is asked for again");
}

#[test]
fn a_server_that_falls_silent_is_asked_anew() {
    let mock = failing(|nth| (nth < 3).then_some(Fault::StallAfter(10_000)));
    let client = pulled_by(Client::impatient(&mock), &mock);
    assert!(client.events.iter().any(|event| event.contains("nothing came for")), "{:?}", client.events);
}

#[test]
fn a_server_that_is_silent_for_good_is_given_up() {
    let mock = failing(|_| Some(Fault::StallAfter(0)));
    let error = Client::impatient(&mock).pull().unwrap_err();
    assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
}

#[test]
fn a_server_that_knows_no_parts_sends_the_whole() {
    let mock = failing(|_| Some(Fault::RangeIgnored));
    pulled_through(&mock);
    // In no order: the hub may see a request for a part last, whose connection was cut when the first answer came.
    let whole = mock.gets(LARGE_FILE).iter().filter(|request| request.range().is_none()).count();
    assert_eq!(whole, 1, "the whole is asked for once");
}

#[test]
fn a_server_that_forgets_parts_in_the_midst_sends_the_whole() {
    let mock = failing(|nth| (nth > 2).then_some(Fault::RangeIgnored));
    pulled_through(&mock);
}

#[test]
fn a_whole_that_ends_too_soon_is_asked_for_anew() {
    let mock = mock();
    mock.script(|request, nth| (request.is_for("config.json") && nth < 2).then_some(Fault::CutAfter(5)));
    let client = pulled_through(&mock);
    assert_eq!(client.events.len(), 2, "{:?}", client.events);
    assert_eq!(mock.gets("config.json").len(), 3);
}

#[test]
fn another_entity_tag_in_the_midst_begins_anew_and_the_hash_says_which_file_it_is() {
    let mock = failing(|nth| (nth >= 3).then_some(Fault::Etag("other")));
    let client = pulled_through(&mock);
    assert_eq!(client.events, ["restarted: it changed while it was fetched"]);
}

#[test]
fn a_file_that_became_another_is_refused() {
    let mock = failing(|nth| (nth >= 3).then_some(Fault::Replaced));
    let mut client = Client::of(&mock);
    let error = client.pull().unwrap_err();
    let FetchError::WrongHash(wrong) = &error else { panic!("{error}") };
    assert_eq!((wrong.file.as_str(), wrong.expected.hex()), (LARGE_FILE, mock.file(LARGE_FILE).sha256.as_str()));
    assert_ne!(wrong.found, wrong.expected);
    assert_eq!(client.events, ["restarted: its hash is not the one that was announced"], "once");
    assert_eq!(client.unfinished(), Vec::<String>::new(), "nothing is kept of it");
    let weights = client.cache.snapshot("org/name", &mock.commit()).join(LARGE_FILE);
    assert!(!weights.exists() && client.cache.find(&client.reference).is_none());
}

#[test]
fn a_damaged_part_is_noticed_and_fetched_again() {
    let mock = failing(|nth| (nth == 3).then_some(Fault::Corrupt));
    let client = pulled_through(&mock);
    assert_eq!(client.events, ["restarted: its hash is not the one that was announced"]);
}

#[test]
fn a_damaged_small_file_is_noticed_by_the_hash_of_git() {
    let mock = mock();
    mock.script(|request, _| request.is_for("config.json").then_some(Fault::Corrupt));
    let error = Client::of(&mock).pull().unwrap_err();
    assert!(matches!(&error, FetchError::WrongHash(wrong) if wrong.file == "config.json"), "{error}");
}

#[test]
fn a_server_that_is_busy_is_left_alone_as_long_as_it_asks() {
    for (status, header, value) in [
        (429, "Retry-After", "1"),
        (429, "RateLimit", "\"api\";r=0;t=1"),
        (503, "Retry-After", "1"),
        (500, "X", "-"),
        (502, "X", "-"),
        (408, "X", "-"),
    ] {
        let mock = mock();
        mock.script(move |request, nth| {
            (request.is_for(LARGE_FILE) && nth == 0)
                .then(|| Fault::Says(status, vec![(header, value.to_owned())], "busy"))
        });
        let started = std::time::Instant::now();
        pulled_through(&mock);
        let waited = started.elapsed().as_millis();
        assert!(value == "-" || waited >= 1000, "{status} with {header}: {waited} ms");
    }
}

#[test]
fn a_listing_is_asked_for_again_too_but_not_for_ever() {
    let mock = mock();
    mock.script(|request, nth| {
        (request.path.starts_with("/api/") && nth < 2).then(|| Fault::Says(503, Vec::new(), "busy"))
    });
    pulled_through(&mock);
    mock.script(|_, _| Some(Fault::Says(429, vec![("Retry-After", "86400".to_owned())], "")));
    let before = mock.requests().len();
    let error = Client::of(&mock).plan().unwrap_err();
    assert!(error.to_string().contains("429 and asks to wait 86400 s"), "{error}");
    assert_eq!(mock.requests().len(), before + 1, "who asks for a day is not asked again");
}

#[test]
fn answers_that_do_not_fit_what_was_asked_for_are_refused() {
    for (fault, said) in [
        (Fault::Header("Content-Range", "bytes 0-9/1000003".to_owned()), "asked for bytes"),
        (Fault::Header("Content-Range", "bytes 0-9/7".to_owned()), "7 bytes long, and 1000003 were announced"),
        (Fault::Header("Content-Range", "items".to_owned()), "does not say which part"),
        (Fault::Header("Content-Encoding", "gzip".to_owned()), "compressed"),
        (Fault::Says(416, Vec::new(), ""), "changed while it was fetched"),
        (Fault::Says(204, Vec::new(), ""), "0 bytes long, and 1000003 were announced"),
    ] {
        let told = format!("{fault:?}");
        let mock = failing(move |_| Some(fault.clone()));
        let error = Client::of(&mock).pull().unwrap_err().to_string();
        assert!(error.contains(said), "{told}: {error}");
    }
}

#[test]
fn a_file_that_is_longer_than_announced_is_refused() {
    let mock = mock();
    mock.script(|request, _| {
        request.is_for("config.json").then(|| Fault::Says(200, Vec::new(), "0123456789012345678901234567890"))
    });
    let error = Client::of(&mock).pull().unwrap_err().to_string();
    assert!(error.contains("31 bytes long, and 22 were announced"), "{error}");
}

#[test]
fn no_server_is_told_with_its_address() {
    let mock = mock();
    let client = Client::of(&mock);
    let plan = client.plan().unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = plimsoll_fetch::Hub::new(&format!("http://{gone}"), crate::client::options()).unwrap();
    let error = hub.pull(&plan, &client.cache, &mut |_| {}, &client.cancel).unwrap_err();
    assert!(matches!(error, FetchError::Connection { .. }), "{error:?}");
    assert!(error.to_string().contains(&gone.to_string()), "{error}");
}

#[test]
fn a_part_that_another_program_spoiled_is_begun_anew() {
    let mock = failing(|nth| (nth >= 4).then_some(Fault::Says(403, Vec::new(), "")));
    let mut client = Client::of(&mock);
    client.pull().unwrap_err();
    let blobs = client.cache.folder("org/name").join("blobs");
    let etag = mock.file(LARGE_FILE).etag().to_owned();
    assert_eq!(client.unfinished().len(), 2);
    // A journal without its part, and then a part of another length, say nothing.
    let part = blobs.join(format!("{etag}.plimsoll.incomplete"));
    std::fs::remove_file(&part).unwrap();
    assert_eq!(client.plan().unwrap().to_fetch(), LARGE as u64);
    std::fs::write(&part, bytes(10)).unwrap();
    mock.script(|_, _| None);
    let pulled = client.pull().unwrap();
    client.assert_whole(&mock, &pulled);
    assert_eq!(pulled.fetched, LARGE as u64);
}
