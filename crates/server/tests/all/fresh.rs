//! What is sent again, and how.

use std::io::Read;

use crate::client::{Answer, ask};
use crate::running::{PAIR, Running, running, running_with};

fn with(server: &Running, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(server.address, path, headers, None).unwrap()
}

#[test]
fn a_page_that_says_the_same_is_not_sent_again() {
    let server = running();
    let first = server.get(PAIR);
    let cookie = first.cookie().to_owned();
    let tag = first.headers["etag"].clone();
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    let again = with(&server, PAIR, &[("Cookie", &cookie), ("If-None-Match", &tag)]);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.headers["etag"], tag);
    let stranger = with(&server, PAIR, &[("If-None-Match", &tag)]);
    assert_eq!(stranger.status, 200, "whoever has no cookie yet needs a form that works");
    server.post("/vote", &cookie, &format!("csrf={}&page=demo-large-vs-demo-small&choice=neither", first.csrf()));
    let changed = with(&server, PAIR, &[("Cookie", &cookie), ("If-None-Match", &tag)]);
    assert_eq!(changed.status, 200, "the vote is on it");
}

#[test]
fn the_token_of_forms_is_never_the_same_twice_and_each_of_them_works() {
    let server = running();
    let first = server.get(PAIR);
    let cookie = first.cookie().to_owned();
    let second = with(&server, PAIR, &[("Cookie", &cookie)]);
    assert_ne!(first.csrf(), second.csrf());
    for csrf in [first.csrf(), second.csrf()] {
        let body = format!("csrf={csrf}&page=demo-large-vs-demo-small&choice=neither");
        assert_eq!(server.post("/vote", &cookie, &body).status, 303);
    }
}

#[test]
fn pages_are_compressed_for_those_who_take_it() {
    let server = running();
    let plain = server.get("/digest");
    let packed = with(&server, "/digest", &[("Accept-Encoding", "gzip"), ("Cookie", plain.cookie())]);
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(packed.headers["vary"].to_lowercase().contains("accept-encoding"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_string(&mut text).unwrap();
    assert!(text.contains("changed verdicts") && packed.bytes.len() < text.len() / 2);
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(plain.headers["etag"], packed.headers["etag"]);
}

#[test]
fn what_streams_is_sent_as_it_comes() {
    let server = running_with(None, r#"echo '{"stage":"timing","done":1,"of":2}' >&2"#);
    let page = server.get(PAIR);
    let body = format!("csrf={}&a=demo-small&b=demo-vision", page.csrf());
    let job = server.post("/compare", page.cookie(), &body).headers["location"].clone();
    let events = with(&server, &format!("{job}/events"), &[("Accept-Encoding", "gzip")]);
    assert!(!events.headers.contains_key("content-encoding") && !events.headers.contains_key("etag"));
    assert!(events.body.contains("event: ended"), "{}", events.body);
}

#[test]
fn files_are_kept_for_good_under_their_hash() {
    let server = running();
    let page = server.get("/");
    let path = page.body.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(path.starts_with("/assets/plimsoll.") && path.ends_with(".css") && path.len() > 30, "{path}");
    let file = server.get(&path);
    assert_eq!(file.status, 200);
    assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
    assert!(file.body.contains("--paper") && file.body.contains(".waterline"));
    let bare = server.get("/assets/plimsoll.css");
    assert_eq!(
        (bare.headers["cache-control"].as_str(), bare.headers["etag"].as_str()),
        ("no-cache", file.headers["etag"].as_str())
    );
    assert_eq!(with(&server, "/assets/plimsoll.css", &[("If-None-Match", &bare.headers["etag"])]).status, 304);
    assert_eq!(server.get("/assets/plimsoll.0000000000000000.css").status, 404);
}

#[test]
fn a_report_is_downloaded_in_each_form() {
    let server = running();
    for (form, mime, says) in [
        ("html", "text/html; charset=utf-8", "<title>"),
        ("md", "text/markdown; charset=utf-8", "demo:large"),
        ("json", "application/json", "\"judgement\""),
    ] {
        let answer = server.get(&format!("/report/demo-small-vs-demo-large/{form}"));
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, mime));
        let named = format!("attachment; filename=\"plimsoll-demo-large-vs-demo-small.{form}\"");
        assert_eq!(answer.headers["content-disposition"], named);
        assert!(answer.body.contains(says), "{form}");
    }
    assert_eq!(server.get("/report/demo-small-vs-demo-large/pdf").status, 404);
    assert_eq!(server.get("/report/smollm3-vs-demo-large/html").status, 404, "never compared");
}
