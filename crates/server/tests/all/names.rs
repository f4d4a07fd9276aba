//! Every name of a model leads to its page, and both orders of a pair to one.

use crate::client::{Answer, ask};
use crate::running::{PAIR, running};

fn moved_to(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.headers.get("location").map_or("", String::as_str))
}

#[test]
fn a_model_is_found_by_whatever_it_is_called() {
    let server = running();
    for name in ["SmolLM3", "smollm3-3b", "HuggingFaceTB/SmolLM3-3B", "hf.co/HuggingFaceTB/SmolLM3-3B:Q4_K_M"] {
        assert_eq!(moved_to(&server.get(&format!("/model/{name}"))), (308, "/model/smollm3"), "{name}");
    }
    assert_eq!(moved_to(&server.get("/model/demo:large?use=research")), (308, "/model/demo-large?use=research"));
    let unknown = server.get("/model/smolm3");
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("did you mean <a href=\"/model/smollm3\">smollm3</a>?"), "{}", unknown.body);
}

#[test]
fn a_pair_has_one_page_in_either_order_and_by_any_name() {
    let server = running();
    let moved = server.get("/compare/demo-small-vs-demo-large?use=research&need=load%3C3s");
    assert_eq!(moved_to(&moved), (308, "/compare/demo-large-vs-demo-small?use=research&need=load%3C3s"));
    let by_hub = server.get("/compare/HuggingFaceTB/SmolLM3-3B-vs-claude-haiku-open-weights");
    assert_eq!(moved_to(&by_hub), (308, "/compare/claude-haiku-open-weights-vs-smollm3"));
    assert_eq!(server.get("/compare/smollm3-vs-SmolLM3").status, 400, "one model by two names");
    let form = server.get("/compare?a=demo:small&b=demo-large&use=research");
    assert_eq!(moved_to(&form), (303, "/compare/demo-large-vs-demo-small?use=research"));
}

#[test]
fn a_misspelt_pair_leads_to_the_page_of_the_pair_that_was_meant() {
    let server = running();
    for (path, link) in [
        ("/compare/smolm3-vs-demo-small", "/compare/demo-small-vs-smollm3\">smollm3</a>?"),
        (
            "/compare/demo-small-vs-smolm3?device=pixel-10",
            "/compare/demo-small-vs-smollm3?device=pixel-10\">smollm3</a>?",
        ),
        ("/compare/smolm3-vs-qwen3-4", "/compare/qwen3-4b-vs-smollm3\">smollm3 vs qwen3-4b</a>?"),
        ("/compare?a=smolm3&b=demo-small", "/compare/demo-small-vs-smollm3\">smollm3</a>?"),
        ("/compare/smolm3-vs-smollm3", "/model/smollm3\">smollm3</a>?"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains(&format!("did you mean <a href=\"{link}")), "{path}: {}", answer.body);
    }
    let hopeless = server.get("/compare/smolm3-vs-nothing-like-it").body;
    assert!(hopeless.contains("`nothing-like-it`") && !hopeless.contains("did you mean"), "{hopeless}");
}

#[test]
fn a_vote_counts_for_the_pair_whichever_order_its_form_names() {
    let server = running();
    let page = server.get(PAIR);
    let (cookie, csrf) = (page.cookie(), page.csrf());
    let vote = |pair: &str| {
        let voted = server.post("/vote", cookie, &format!("csrf={csrf}&page={pair}&choice=demo-large"));
        assert_eq!(moved_to(&voted), (303, "/compare/demo-large-vs-demo-small#votes"), "{pair}");
    };
    vote("demo-small-vs-demo-large");
    vote("demo-large-vs-demo-small");
    let after = ask(server.address, PAIR, &[("Cookie", cookie)], None).unwrap().body;
    assert!(after.contains("You voted for demo:large") && after.contains("Community votes: 1"), "{after}");
}

#[test]
fn bookmarks_of_both_orders_are_one() {
    let server = running();
    let page = server.get(PAIR);
    let (cookie, csrf) = (page.cookie(), page.csrf());
    let mark = |page: &str, marked: &str| {
        server.post("/bookmark", cookie, &format!("csrf={csrf}&page={page}&marked={marked}")).status
    };
    assert_eq!(mark("/compare/demo-small-vs-demo-large", "yes"), 303);
    let held = ask(server.address, "/bookmarks", &[("Cookie", cookie)], None).unwrap().body;
    assert!(held.contains("href=\"/compare/demo-large-vs-demo-small\""), "{held}");
    let marked = ask(server.address, PAIR, &[("Cookie", cookie)], None).unwrap().body;
    assert!(marked.contains("Remove bookmark"));
    assert_eq!(mark("/compare/demo-large-vs-demo-small", "no"), 303);
    assert!(ask(server.address, "/bookmarks", &[("Cookie", cookie)], None).unwrap().body.contains("None yet"));
}

#[test]
fn what_an_address_lacks_is_said_on_a_page() {
    let server = running();
    for (path, says) in [
        ("/compare?a=smollm3", "a second model to compare with `smollm3` is missing"),
        ("/compare?b=smollm3", "a first model to compare with `smollm3` is missing"),
        ("/compare", "a first model is missing"),
        ("/compare?a=smollm3&a=x&b=demo-small", "duplicate field"),
        ("/?q=a&q=b", "duplicate field"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.headers["content-type"].starts_with("text/html"), "{path}");
        assert!(
            answer.body.contains("<h1>That could not be read</h1>") && answer.body.contains(says),
            "{path}: {}",
            answer.body
        );
    }
    let job = server.get("/job/zzz");
    assert_eq!(job.status, 404);
    assert!(job.body.contains("no comparison `zzz` was started here"), "{}", job.body);
    let sent = server.get("/vote");
    assert_eq!(sent.status, 405);
    assert!(sent.body.contains("<h1>Nothing to read here</h1>"), "{}", sent.body);
    let missing = server.post("/vote", server.get("/model/smollm3").cookie(), "page=a-vs-b");
    assert_eq!(missing.status, 422);
    assert!(missing.body.contains("missing field `csrf`"), "{}", missing.body);
}
