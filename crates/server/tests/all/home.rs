//! The first page: every model of the catalogue held against a device.

use crate::fixture;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::running::{Running, imagined_machine, options, running, running_as};
use plimsoll_catalog::{Catalog, Category};
use plimsoll_lab::predict::here::Here;
use plimsoll_panel::predicted::bytes;
use plimsoll_server::Launch;
use serde_json::Value;

/// Ids of the models that a page lists, in its order.
fn listed(page: &str) -> Vec<String> {
    let lists = page.split("<ul class=\"fleet\">").skip(1).map(|list| list.split("</ul>").next().unwrap_or_default());
    let links = lists.flat_map(|list| list.split("<h3><a href=\"/model/").skip(1));
    links.map(|rest| rest.split(['"', '?']).next().unwrap().to_owned()).collect()
}

/// What the page says of one model.
fn row<'a>(page: &'a str, id: &str) -> &'a str {
    let begins = |end: char| page.split(&format!("<h3><a href=\"/model/{id}{end}")).nth(1);
    let rest = begins('"').or_else(|| begins('?')).unwrap_or_else(|| panic!("{id} is not listed"));
    rest.split("</li>").next().unwrap()
}

fn models(server: &Running, query: &str) -> Vec<Value> {
    serde_json::from_str(&server.get(&format!("/api/v1/models{query}")).body).unwrap()
}

/// Waits until this machine was measured, which begins when the server does.
fn when_measured(server: &Running) -> String {
    loop {
        let page = server.get("/").body;
        if !page.contains("is being measured") {
            return page;
        }
        std::thread::yield_now();
    }
}

#[test]
fn every_model_is_listed_with_what_it_takes_on_the_device() {
    let server = running();
    let page = server.get("/?device=rpi5-8gb").body;
    let catalog = Catalog::builtin();
    assert_eq!(listed(&page).len(), catalog.cards().count());
    assert!(page.contains("Raspberry Pi 5") && page.contains("by published figures"), "{page}");
    for model in models(&server, "?device=rpi5-8gb") {
        let (id, row) = (model["id"].as_str().unwrap(), row(&page, model["id"].as_str().unwrap()));
        let floats = match model["floats"].as_str() {
            Some("yes") => ">floats<",
            Some("perhaps") => ">perhaps<",
            Some("no") => ">sinks<",
            _ => ">not known<",
        };
        assert!(row.contains(floats), "{id}: {row}");
        let Some(high) = model["predicted"]["memory"]["total"]["high"].as_f64() else {
            let bound = model["at_least"]["bytes"].as_f64().map(|least| format!("at least {} as Q4_0", bytes(least)));
            assert!(row.contains(bound.as_deref().unwrap_or("its shape is not published")), "{id}: {row}");
            continue;
        };
        let stored = model["predicted"]["quantisation"].as_str().unwrap();
        let shorter = match model["predicted"]["context"].as_u64().unwrap() {
            4096.. => String::new(),
            tokens => format!(", {tokens} tokens"),
        };
        let told = format!("{} <small>{stored}<span class=\"how\">, predicted</span>{shorter}</small>", bytes(high));
        assert!(row.contains(&told), "{id}: {row}");
    }
    assert!(row(&page, "llama-3.3-70b").contains(">sinks<") && row(&page, "smollm2-135m").contains(">floats<"));
}

#[test]
fn what_does_not_float_is_folded_away_until_somebody_searches_or_sorts() {
    let server = running();
    let page = server.get("/?device=pixel-10").body;
    let (afloat, others) = page.split_once("<details class=\"others\">").unwrap();
    let sinks = |list: &str| list.matches(">sinks<").count();
    assert!(sinks(afloat) == 0 && sinks(others) > 10 && afloat.contains(">floats<"));
    let summary = others.split_once("</summary>").unwrap().0;
    assert!(summary.contains(&format!("{} sink, ", sinks(others))), "{summary}");
    assert_eq!(afloat.matches("<p class=\"afloat\">").count(), 60, "more that float are folded away too");
    assert_eq!(listed(&page).len(), models(&server, "?device=pixel-10").len(), "they are all there");
    for asked in ["sort=memory", "q=llama"] {
        assert!(
            !server.get(&format!("/?device=pixel-10&{asked}")).body.contains("<details class=\"others\""),
            "{asked}"
        );
    }
}

#[test]
fn a_licence_with_a_bound_says_the_bound() {
    let page = running().get("/").body;
    assert!(row(&page, "llama-3.2-3b").contains("allowed up to 700 million monthly users"));
    assert!(row(&page, "claude-haiku-open-weights").contains("not allowed"));
}

#[test]
fn speed_is_missing_until_this_machine_was_measured_and_no_page_waits_for_it() {
    /// Measures once it is told to.
    struct Waits(Mutex<Receiver<()>>);
    impl Launch for Waits {
        fn command(&self, _: &str, _: &str, _: &Path) -> Command {
            Command::new("true")
        }

        fn refusal(&self, _: &str) -> Option<String> {
            None
        }

        fn here(&self) -> Option<Here> {
            self.0.lock().unwrap().recv().ok().map(|()| imagined_machine())
        }
    }
    let (tell, told) = channel();
    let server = running_as(|store| options(store, Arc::new(Waits(Mutex::new(told)))));
    for path in ["/", "/model/smollm3"] {
        let page = server.get(path);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("is being measured"), "{path}");
    }
    assert!(row(&server.get("/").body, "smollm3").contains("not measured yet"));
    tell.send(()).unwrap();
    let page = when_measured(&server);
    assert!(page.contains("an imagined processor") && page.contains("reads 30.0 GB/s, the best of 2 readings"));
    let found = &models(&server, "").into_iter().find(|model| model["id"] == "smollm3").unwrap()["predicted"]["decode"];
    let [low, high] = ["low", "high"].map(|end| found[end].as_f64().unwrap());
    // 30 GB/s through 1.9 to 6.2 GB of weights.
    assert!(low > 0.5 && low < high && high < 30.0, "{found}");
    assert!(!row(&page, "smollm3").contains("not measured yet"));
}

#[test]
fn what_was_measured_says_so_and_has_a_dot() {
    let page = when_measured(&running());
    let row = row(&page, "demo-large");
    // The fixture was measured on another machine than this one: its speed is not this device's.
    assert!(row.contains("measured on"), "{row}");
    let measured = fixture::comparison();
    let right = measured.models.iter().find(|model| model.facts.path == "demo:large").unwrap();
    assert!(row.contains(&right.quality.overall.rate.text()), "{row}");
    assert!(page.contains("aria-labelledby=\"by-memory-t by-memory-d\"") && page.contains("class=\"dot\""));
}

#[test]
fn the_list_is_sorted_as_asked() {
    let server = running();
    let order = |sort: &str| listed(&server.get(&format!("/?device=rpi5-8gb&sort={sort}")).body);
    let all = models(&server, "?device=rpi5-8gb");
    let of = |id: &String, field: &str| {
        let model = all.iter().find(|model| model["id"] == id.as_str()).unwrap();
        model.pointer(field).and_then(Value::as_f64)
    };
    let memory: Vec<f64> = order("memory").iter().filter_map(|id| of(id, "/predicted/memory/total/high")).collect();
    assert!(memory.len() > 50 && memory.is_sorted(), "{memory:?}");
    let speed: Vec<f64> =
        order("speed").iter().filter_map(|id| of(id, "/predicted/decode/value").map(|n| -n)).collect();
    assert!(speed.len() > 50 && speed.is_sorted(), "{speed:?}");
    let names = Catalog::builtin();
    let mut named: Vec<String> = names.cards().map(|card| card.name.to_lowercase()).collect();
    named.sort();
    let name =
        |id: &String| names.cards().find(|card| plimsoll_panel::slug(&card.id) == *id).unwrap().name.to_lowercase();
    assert_eq!(order("name").iter().map(name).collect::<Vec<_>>(), named);
    let right = order("right");
    assert!(right[..2].iter().all(|id| id.starts_with("demo-")), "what was measured first: {right:?}");
}

#[test]
fn the_search_knows_aliases_hub_names_licences_and_abilities() {
    let server = running();
    let found = |query: &str| listed(&server.get(&format!("/?q={query}")).body);
    let catalog = Catalog::builtin();
    for query in ["smollm3-3b", "HuggingFaceTB%2FSmolLM3"] {
        assert_eq!(found(query), ["smollm3"], "{query}");
    }
    assert!(
        found("gemma3").contains(&"gemma-3-4b".to_owned()) && found("llama4").contains(&"llama-4-maverick".to_owned())
    );
    let seeing = catalog.cards().filter(|card| card.category == Category::VisionLanguage).count();
    assert_eq!(found("vision").iter().filter(|id| sees(&catalog, id)).count(), seeing, "all that see");
    assert!(found("video").contains(&"smolvlm2-turbo".to_owned()));
    let apache = catalog.cards().filter(|card| card.licence.as_deref() == Some("Apache-2.0")).count();
    assert!(apache > 10 && found("apache").len() >= apache);
}

fn sees(catalog: &Catalog, id: &str) -> bool {
    let card = catalog.cards().find(|card| plimsoll_panel::slug(&card.id) == id).unwrap();
    card.category == Category::VisionLanguage
}

#[test]
fn filters_take_away_what_they_say() {
    let server = running();
    let page = server.get("/?device=rpi5-8gb&floats=yes&category=text&allowed=yes").body;
    let ids = listed(&page);
    assert!(!ids.is_empty());
    for id in &ids {
        let row = row(&page, id);
        assert!(
            !row.contains(">sinks<") && row.contains("<dd>allowed <small") && !row.contains("sees pictures"),
            "{id}: {row}"
        );
    }
    let within = models(&server, "?device=rpi5-8gb&memory=2");
    let floats = |model: &&Value| model["floats"] == "yes";
    assert!(within.iter().filter(floats).count() > 3);
    for model in within.iter().filter(floats) {
        assert!(model["predicted"]["memory"]["total"]["high"].as_f64().unwrap() <= 2e9, "{}", model["id"]);
    }
    let stored = server.get("/?device=rpi5-8gb&stored=Q4_0").body;
    assert!(row(&stored, "smollm3").contains("Q4_0<span class=\"how\">, predicted"));
}

#[test]
fn what_no_field_may_hold_is_refused_and_named() {
    let server = running();
    for (query, says) in [
        ("category=nosuch", "`nosuch` is no category"),
        ("sort=nosuch", "`nosuch` is nothing to sort by"),
        ("allowed=perhaps", "`allowed` is `perhaps`"),
        ("floats=no", "`floats` is `no`"),
        ("stored=Q3_K", "`Q3_K` is no way to store weights"),
        ("device=toaster", "No device is called `toaster`"),
        ("use=war", "`war` is no use"),
        ("users=many", "`many` is no number of users"),
        ("region=Atlantis", "`Atlantis` is no region"),
        ("workload=tea", "`tea` is no kind of work"),
        ("need=beauty%3E3", "beauty"),
        ("memory=much", "much"),
    ] {
        let answer = server.get(&format!("/?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(says), "{query}: {}", answer.body);
    }
}

#[test]
fn two_models_to_compare_are_chosen_by_name_and_start_with_the_two_best_of_the_list() {
    let page = running().get("/?device=rpi5-8gb&category=text").body;
    let form = page.split("action=\"/compare\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(form.contains("<optgroup label=\"Measured here\">") && form.contains("<optgroup label=\"Text models\">"));
    assert_eq!(form.matches(" selected>").count(), 2);
    assert!(form.contains("value=\"smollm3\">SmolLM3</option>"), "names, not ids");
    let options = form.split("<option value=\"").filter(|option| option.contains(" selected>"));
    let chosen: Vec<&str> = options.map(|option| option.split('"').next().unwrap()).collect();
    assert_eq!(chosen, listed(&page)[..2]);
}

#[test]
fn the_first_page_answers_for_the_device_and_the_use_before_all_else() {
    let server = running();
    let lead = |query: &str| {
        let page = server.get(query).body;
        let lead = page.split("<p class=\"lead\">").nth(1).unwrap().split("</p>").next().unwrap().to_owned();
        (lead, listed(&page))
    };
    let (said, ids) = lead("/?device=rpi5-8gb&use=research");
    assert!(said.starts_with("On Raspberry Pi 5, 8 GB, for research use, "), "{said}");
    assert!(said.contains(&format!("/model/{}?", ids[0])) && said.contains("predicted"), "{said}");
    let (said, ids) = lead("/?q=nosuchmodel");
    assert!(ids.is_empty() && said.contains("no model of the catalogue is what was asked for"), "{said}");
    let (said, ids) = lead("/?q=llama-3.3-70b&device=pixel-10");
    assert!(!ids.is_empty() && said.contains("the panel would skip every model listed"), "{said}");
}

#[test]
fn a_missed_need_is_no_matter_of_size_and_filters_are_taken_away_where_there_are_any() {
    let server = running();
    let page = server.get("/?device=rpi5-8gb&decode=1000").body;
    assert!(row(&page, "smollm2-135m").contains(">misses a need<") && row(&page, "llama-3.3-70b").contains(">sinks<"));
    assert!(page.contains(" miss a need") && page.contains("Take all filters away"));
    assert!(!server.get("/").body.contains("Take all filters away"));
}

#[test]
fn a_model_that_another_engine_would_run_is_marked_so() {
    let server = running();
    let page = server.get("/?device=rpi5-8gb").body;
    let catalog = Catalog::builtin();
    let needed = models(&server, "?device=rpi5-8gb");
    let mut marked = 0;
    for model in &needed {
        let Some(runner) = model.pointer("/predicted/runner").and_then(Value::as_str) else { continue };
        let id = model["id"].as_str().unwrap();
        assert_eq!(row(&page, id).contains("another engine would be needed"), runner == "another", "{id}");
        marked += usize::from(runner == "another");
    }
    assert!(marked > 0 && marked < catalog.cards().count());
}

#[test]
fn a_picture_is_counted_where_a_model_sees_on_every_page_alike() {
    let server = running();
    let pair = server.get("/compare/smolvlm-3b-vs-smolvlm2-turbo?device=pixel-10&users=50000").body;
    assert!(pair.contains("one picture among them") && pair.contains("What pictures pass through"));
    assert!(pair.contains("--use commercial --users 50000 --workload phone --device pixel-10</code>"));
    let model = server.get("/model/smolvlm-3b?device=pixel-10").body;
    assert!(model.contains("one picture among them") && model.contains("commercial use, phone"));
    let seeing = models(&server, "?device=pixel-10").into_iter().find(|model| model["id"] == "smolvlm-3b").unwrap();
    assert!(seeing.pointer("/predicted/memory/tower").and_then(Value::as_u64).unwrap() > 0);
    let mixed = server.get("/compare/smollm3-vs-smolvlm-3b?device=pixel-10").body;
    assert_eq!(mixed.matches("one picture among them").count(), 1, "that of the model that sees");
    assert!(!server.get("/compare/smollm3-vs-qwen3-4b?device=pixel-10").body.contains("picture"));
}

#[test]
fn tampered_evidence_of_one_model_does_not_hide_the_list() {
    let server = running();
    let decode = fixture::comparison().models[0].speed[0].decode.clone();
    let db = rusqlite::Connection::open(server.store()).unwrap();
    let change = "UPDATE record SET body = replace(body, ?1, '9999.5') WHERE id = ?2";
    assert_eq!(db.execute(change, [&decode.samples[0].to_string(), &decode.id]).unwrap(), 1);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(row(&page.body, "demo-large").contains("was changed since, and is not shown"));
}
