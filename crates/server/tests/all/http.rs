//! What a reader gets, and what a stranger does not.

use crate::fixture;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::client::ask;
use crate::running::{Imagined, PAIR, options, running, running_with};
use plimsoll_server::bind;

#[test]
fn every_kind_of_page_is_there() {
    let server = running();
    let run = format!("/run/{}", server.comparison);
    for (path, says) in [
        ("/", "Catalogue"),
        ("/?q=smollm3&use=commercial&allowed=yes", "SmolLM3"),
        ("/model/smollm3", "Apache-2.0"),
        ("/model/demo-large", "History of verdicts"),
        (PAIR, "Ship demo:large"),
        ("/compare/demo-large-vs-demo-small?use=research", "For research use"),
        ("/compare/claude-haiku-open-weights-vs-smollm3", "commercial use is not allowed"),
        ("/digest", "judged for the first time"),
        ("/digest.atom", "<feed"),
        ("/bookmarks", "None yet"),
        (&run, "Checked just now"),
        ("/api/openapi.json", "\"/api/v1/models\""),
        ("/api/v1/models", "claude-haiku-open-weights"),
        ("/api/v1/compare/demo-large-vs-demo-small", "\"judgement\""),
        ("/healthz", "ok"),
        ("/metrics", "http_requests_total"),
        ("/assets/plimsoll.css", "--paper"),
        ("/chat", "No model is served"),
        ("/assets/chat.js", "from \"./talk.js\""),
        ("/assets/talk.js", "plimsoll-chat-1"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.to_lowercase().contains(&says.to_lowercase()), "{path} does not say {says}");
    }
}

#[test]
fn nothing_inline_and_nothing_from_elsewhere_is_allowed_or_needed() {
    let answer = running().get(PAIR);
    let policy = &answer.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for inline in ["<style", " style=", " onclick=", "javascript:", "http://cdn", "https://"] {
        assert!(!answer.body.contains(inline), "{inline}");
    }
}

#[test]
fn a_vote_is_counted_once_shown_after_and_can_be_changed() {
    let server = running();
    let page = server.get(PAIR);
    let (cookie, csrf) = (page.cookie(), page.csrf());
    assert!(page.body.contains("No community votes yet"));
    let vote = |choice: &str| {
        let body = format!("csrf={csrf}&page=demo-large-vs-demo-small&choice={choice}");
        assert_eq!(server.post("/vote", cookie, &body).status, 303);
        ask(server.address, PAIR, &[("Cookie", cookie)], None).unwrap().body
    };
    assert!(vote("demo-small").contains("You voted for demo:small"));
    let after = vote("demo-large");
    assert!(
        after.contains("You voted for demo:large") && after.contains("<caption>Community votes: 1</caption>"),
        "{after}"
    );
    let body = format!("csrf={csrf}&page=demo-large-vs-demo-small&choice=smollm3");
    assert_eq!(server.post("/vote", cookie, &body).status, 400, "not one of the two");
}

#[test]
fn forms_that_others_make_a_reader_send_are_refused() {
    let server = running();
    let page = server.get(PAIR);
    let body = |csrf: &str| format!("csrf={csrf}&page=demo-large-vs-demo-small&choice=neither");
    let other = server.get(PAIR);
    for (cookie, csrf) in [(page.cookie(), "0"), (page.cookie(), other.csrf()), ("a=b", page.csrf())] {
        assert_eq!(server.post("/vote", cookie, &body(csrf)).status, 403);
    }
    assert_eq!(server.post("/vote", page.cookie(), &body(page.csrf())).status, 303);
}

#[test]
fn what_is_too_large_misnamed_or_elsewhere_is_refused() {
    let server = running();
    let page = server.get("/");
    assert_eq!(server.post("/vote", page.cookie(), &"x".repeat(20_000)).status, 413);
    for path in [
        "/assets/../../etc/passwd",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/run/..%2f..%2fx",
        "/model/nobody",
        "/compare/one",
        "/compare/a-vs-b",
        "/nothing",
        "/api/v1/nothing",
        "/job/7",
        "/job/zzz",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/?use=war").status, 400);
    assert_eq!(server.get("/model/smollm3?region=Atlantis").status, 400);
    let elsewhere = ask(server.address, "/", &[("Host", "evil.example")], None).unwrap();
    assert_eq!(elsewhere.status, 403);
}

#[test]
fn a_token_keeps_strangers_out() {
    let server = running_with(Some("0123456789abcdef"), "true");
    assert_eq!(server.get("/").status, 401);
    assert_eq!(server.get("/?token=wrong-wrong-wrong").status, 401);
    assert_eq!(server.get("/healthz").status, 200);
    let come_in = server.get("/?token=0123456789abcdef");
    assert_eq!((come_in.status, come_in.headers["location"].as_str()), (303, "/"));
    let with = |header: (&str, &str)| ask(server.address, "/", &[header], None).unwrap().status;
    assert_eq!(with(("Cookie", come_in.cookie())), 200);
    assert_eq!(with(("Authorization", "Bearer 0123456789abcdef")), 200);
}

#[test]
fn every_api_takes_the_key_as_its_clients_send_it_and_refuses_in_its_own_shape() {
    let server = running_with(Some("0123456789abcdef"), "true");
    for (path, shape) in [
        ("/v1/models", "\"code\":\"invalid_api_key\""),
        ("/v1/messages", "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\""),
        ("/api/tags", "{\"error\":\"a key is needed"),
        ("/api/v1/models", "{\"error\":\"this server asks for a token"),
    ] {
        let answer = server.get(path);
        assert!(answer.status == 401 && answer.body.contains(shape), "{path}: {}", answer.body);
    }
    let key = ("x-api-key", "0123456789abcdef");
    let with = |path: &str| ask(server.address, path, &[key], None).unwrap().status;
    assert_eq!((with("/v1/models"), with("/api/tags"), with("/v1/messages")), (200, 200, 405));
    assert_eq!((with("/"), with("/api/v1/models")), (401, 401), "pages have a cookie of their own");
}

#[test]
fn a_token_in_an_address_leads_to_no_other_server() {
    let server = running_with(Some("0123456789abcdef"), "true");
    for path in ["//evil.example/", "/\\evil.example/", "/\\/evil.example/", "///evil.example/"] {
        let answer = server.get(&format!("{path}?token=0123456789abcdef"));
        assert_eq!((answer.status, answer.headers["location"].as_str()), (303, "/evil.example/"), "{path}");
    }
    let spelt = server.get("/model/caf\u{e9}?token=0123456789abcdef");
    assert_eq!((spelt.status, spelt.headers["location"].as_str()), (303, "/model/caf%C3%A9"));
}

#[test]
fn strangers_do_not_lock_out_who_has_the_token() {
    let server = running_with(Some("0123456789abcdef"), "true");
    let statuses: Vec<u16> = (0..300).map(|_| server.get("/").status).collect();
    assert!(statuses[0] == 401 && statuses.contains(&429), "who guesses is held back");
    let guess = server.get("/?token=wrong-wrong-wrong");
    assert!(guess.status == 429 && guess.body.contains("without the token"), "{}", guess.body);
    for header in [("Cookie", "plimsoll_token=0123456789abcdef"), ("Authorization", "Bearer 0123456789abcdef")] {
        assert_eq!(ask(server.address, "/", &[header], None).unwrap().status, 200, "{header:?}");
    }
}

#[test]
fn readers_behind_one_address_are_told_apart() {
    let server = running_with(Some("0123456789abcdef"), "true");
    let get = |reader: &str| {
        let cookie = format!("plimsoll_token=0123456789abcdef; plimsoll_reader={reader}");
        ask(server.address, "/assets/none", &[("Cookie", &cookie)], None).unwrap();
        ask(server.address, "/job/7", &[("Cookie", &cookie)], None).unwrap().status
    };
    let (one, other) = ("0".repeat(32), "1".repeat(32));
    assert!((0..300).any(|_| get(&one) == 429));
    assert_eq!(get(&other), 404);
}

#[test]
fn a_request_names_one_host_and_it_is_this_one() {
    let server = running();
    let own = server.address.to_string();
    let status = |hosts: &[&str]| {
        let headers: Vec<(&str, &str)> = hosts.iter().map(|host| ("Host", *host)).collect();
        ask(server.address, "/digest", &headers, None).unwrap().status
    };
    assert_eq!(status(&[&own]), 200);
    assert_eq!(
        (status(&[&own, "evil.example"]), status(&["evil.example", &own]), status(&[&own, &own])),
        (400, 400, 400)
    );
    let as_to_a_proxy = ask(server.address, "http://evil.example/digest", &[], None).unwrap();
    assert_eq!(as_to_a_proxy.status, 403);
}

#[test]
fn what_an_address_spells_badly_is_told_shortly_on_a_page() {
    let server = running();
    for path in
        ["/model/%ff", "/compare/%ff-vs-demo-small", "/run/%c3%28", "/job/%ff", "/report/%ff/html", "/assets/%ff"]
    {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(answer.body.contains("That could not be read"), "{path}: {}", answer.body);
    }
    let long = "x%1b%00".repeat(900);
    let short = server.get("/model/nobody").body.len();
    for path in
        ["/model/", "/compare/", "/run/", "/job/", "/assets/", "/?use=", "/?device=", "/?sort=", "/?need=", "/?users="]
    {
        let answer = server.get(&format!("{path}{long}"));
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(answer.body.len() < short + 4000, "{path}: {} bytes", answer.body.len());
    }
}

#[test]
fn what_streams_leaves_room_for_what_is_short() {
    let server = running_with(None, "read nothing");
    let page = server.get(PAIR);
    let body = format!("csrf={}&a=demo-small&b=demo-vision", page.csrf());
    let job = server.post("/compare", page.cookie(), &body).headers["location"].clone();
    let follow = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (stream, String::from_utf8_lossy(&status).into_owned())
    };
    let all: Vec<(TcpStream, String)> = (0..160).map(|_| follow()).collect();
    let followed = all.iter().filter(|(_, status)| status.ends_with("200")).count();
    assert_eq!(followed, 128);
    assert!(all[128..].iter().all(|(_, status)| status.ends_with("429")));
    assert_eq!(server.get("/healthz").status, 200);
    assert!(server.get(&job).body.contains("demo"));
    drop(all);
}

#[test]
fn nobody_listens_to_the_world_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let open = options(folder.path().join("evidence.db"), Arc::new(Imagined("true")));
    let options = plimsoll_server::Options { address: "0.0.0.0:0".parse().unwrap(), ..open };
    let refused = tokio::runtime::Runtime::new().unwrap().block_on(bind(options)).err().unwrap();
    assert!(refused.to_string().contains("can be reached from other machines"), "{refused}");
}

#[test]
fn a_flood_from_one_network_is_held_back() {
    let server = running();
    let statuses: Vec<u16> = (0..400).map(|_| server.get("/assets/plimsoll.svg").status).collect();
    assert!(statuses.contains(&429) && statuses[0] == 200);
}

#[test]
fn bookmarks_belong_to_one_browser() {
    let server = running();
    let page = server.get("/model/smollm3");
    let (cookie, csrf) = (page.cookie(), page.csrf());
    let mark = |page: &str| server.post("/bookmark", cookie, &format!("csrf={csrf}&page={page}&marked=yes")).status;
    assert_eq!(mark("/model/smollm3"), 303);
    assert_eq!(mark("//evil.example/model/x"), 400);
    assert_eq!(mark("/vote"), 400);
    let own = ask(server.address, "/bookmarks", &[("Cookie", cookie)], None).unwrap();
    assert!(own.body.contains("href=\"/model/smollm3\""));
    assert!(server.get("/bookmarks").body.contains("None yet"));
}

#[test]
fn changed_evidence_is_told_and_not_shown() {
    let server = running();
    let decode = fixture::comparison().models[0].speed[0].decode.clone();
    let db = rusqlite::Connection::open(server.folder.path().join("evidence.db")).unwrap();
    let sample = decode.samples[0].to_string();
    let change = "UPDATE record SET body = replace(body, ?1, '9999.5') WHERE id = ?2";
    assert_eq!(db.execute(change, [&sample, &decode.id]).unwrap(), 1);
    for path in [PAIR, &format!("/run/{}", server.comparison)] {
        let answer = server.get(path);
        assert_eq!(answer.status, 409, "{path}");
        assert!(answer.body.contains("checker rejects") && answer.body.contains(&decode.id), "{}", answer.body);
    }
}

#[test]
fn a_comparison_is_started_and_watched_to_its_end() {
    let server = running_with(None, r#"echo '{"stage":"timing","done":1,"of":2}' >&2"#);
    let page = server.get(PAIR);
    let (cookie, csrf) = (page.cookie(), page.csrf());
    let start = |a: &str, b: &str| server.post("/compare", cookie, &format!("csrf={csrf}&a={a}&b={b}"));
    let started = start("demo-small", "demo-vision");
    let job = started.headers["location"].clone();
    assert_eq!((started.status, job.as_str()), (303, "/job/1"));
    let events = server.get(&format!("{job}/events"));
    assert!(events.body.contains("event: ended") && events.body.contains(r#""ended":{"Ok":null}"#), "{}", events.body);
    assert!(server.get(&job).body.contains("Done."));
    let refused = start("demo-small", "smollm3");
    assert!(refused.status == 400 && refused.body.contains("no artifact known"), "{}", refused.body);
    assert_eq!(start("demo-small", "etc-passwd").status, 404);
}

#[test]
fn a_comparison_that_fails_says_why() {
    let server = running_with(None, "echo 'error: no memory left' >&2; exit 1");
    let page = server.get(PAIR);
    let body = format!("csrf={}&a=demo-small&b=demo-vision", page.csrf());
    let job = server.post("/compare", page.cookie(), &body).headers["location"].clone();
    server.get(&format!("{job}/events"));
    assert!(server.get(&job).body.contains("no memory left"));
}
