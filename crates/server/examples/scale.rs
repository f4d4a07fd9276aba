//! How long pages take with ten thousand runs (five thousand comparisons) and a million votes in the store: fills one
//! (minutes) and prints a table. `cargo run --release -p plimsoll-server --example scale [FOLDER]`; a folder that is named
//! keeps the store, and one that was half filled is filled up.

#[path = "../tests/client/mod.rs"]
mod client;
#[path = "../../panel/tests/fixture/mod.rs"]
mod fixture;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use client::ask;
use plimsoll_catalog::Catalog;
use plimsoll_lab::predict::here::Here;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Choice, Store, Vote};
use plimsoll_server::{Launch, Options, bind};

const COMPARISONS: usize = 5_000;
const VOTES: usize = 1_000_000;
/// Times that each page is asked for.
const ROUNDS: usize = 50;

struct Nothing;

impl Launch for Nothing {
    fn command(&self, _: &str, _: &str, _: &Path) -> std::process::Command {
        std::process::Command::new("true")
    }

    fn refusal(&self, model: &str) -> Option<String> {
        Some(format!("`{model}` is not measured here"))
    }

    fn here(&self) -> Option<Here> {
        None
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), Into::into);
    let path = folder.join("evidence.db");
    fill(&path)?;
    let options = Options {
        address: "127.0.0.1:0".parse()?,
        token: None,
        store: path,
        catalog: Catalog::builtin(),
        rubric: Rubric::builtin(),
        launch: Arc::new(Nothing),
        models: plimsoll_server::Models::default(),
        drain: std::time::Duration::ZERO,
        mail: None,
        site: None,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(bind(options))?;
    let address = server.address();
    runtime.spawn(server.run(std::future::pending()));
    println!("{:<52} {:>9} {:>9} {:>9}", "page, ms", "median", "99 %", "longest");
    for page in [
        "/",
        "/?q=llama&use=internal",
        "/model/demo-large",
        "/model/smollm3",
        "/compare/demo-large-vs-demo-small",
        "/compare/claude-haiku-open-weights-vs-smollm3",
        "/digest",
        "/digest.atom",
        "/bookmarks",
        "/api/v1/models",
        "/api/v1/comparisons",
        "/api/v1/compare/demo-large-vs-demo-small",
    ] {
        let mut took: Vec<f64> = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let answer = ask(address, page, &[], None)?;
            took.push(started.elapsed().as_secs_f64() * 1e3);
            if answer.status != 200 {
                return Err(format!("{page}: {}", answer.status).into());
            }
            std::thread::sleep(std::time::Duration::from_millis(55)); // within what one network may ask for
        }
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
        println!("{page:<52} {:>9.1} {:>9.1} {:>9.1}", at(0.5), at(0.99), at(1.0));
    }
    Ok(())
}

/// Comparisons of one pair and of many others, over a year, and votes on all of them.
fn fill(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (mut store, rubric) = (Store::open(path)?, Rubric::builtin());
    let started = Instant::now();
    for n in store.all_comparisons()?.len()..COMPARISONS {
        let mut comparison = fixture::comparison();
        let (month, day) = (n / 900 % 12 + 1, n / 30 % 28 + 1);
        comparison.created = format!("2026-{month:02}-{day:02}T{:02}:{:02}:00Z", n / 60 % 24, n % 60);
        if n % 10 != 0 {
            for model in &mut comparison.models {
                model.facts.name = format!("{}-{}", model.facts.name, n % 2000);
                model.facts.path.clone_from(&model.facts.name);
            }
        }
        store.keep_report(&fixture::report_of(comparison), &rubric)?;
        if n % 1000 == 999 {
            eprintln!("{} comparisons after {:.0} s", n + 1, started.elapsed().as_secs_f64());
        }
    }
    let vote = |n: usize| {
        let model = ["demo-large", "demo-small"][n % 2].to_owned();
        let page = match n % 4 {
            0 => "demo-large-vs-demo-small".to_owned(),
            _ => format!("demo-large-{}-vs-demo-small-{}", n % 2000, n % 2000),
        };
        Vote {
            page,
            voter: format!("voter {n}"),
            network: format!("network {}", n % 50_000),
            choice: Choice::Model(model),
        }
    };
    let voted: i64 = store.tally("demo-large-vs-demo-small")?.iter().map(|tally| tally.raw).sum();
    for part in (0..100).skip(if voted > 0 { 100 } else { 0 }) {
        store.vote_all((0..VOTES / 100).map(|n| vote(part * VOTES / 100 + n)))?;
    }
    eprintln!("{VOTES} votes after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
