//! Pages for people.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_catalog::{Category, Outcome, gate};
use plimsoll_panel::digest::{digest_since, week_ago};
use plimsoll_panel::judge::{Fault, check_judgement};
use plimsoll_panel::pages::{
    BookmarksPage, CataloguePage, Community, ComparePage, Contender, DigestPage, Entry, ModelPage, ProgressPage,
    RunPage, atom,
};
use plimsoll_panel::store::Store;
use plimsoll_panel::{questions, slug};
use serde::Deserialize;

use crate::app::App;
use crate::contenders::{Known, UseQuery, ballot_page, judged, pair, report};
use crate::error::Problem;
use crate::reader::Reader;

/// Comparisons on the first page.
const LATEST: usize = 12;
/// Verdicts in a history.
const HISTORY: usize = 20;

/// What the catalogue is searched for.
#[derive(Debug, Default, Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    allowed: String,
}

/// `/`
pub async fn catalogue(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(search): Query<Search>,
    Query(usage): Query<UseQuery>,
) -> Result<Response, Problem> {
    let usage = usage.declared()?;
    app.with_store(move |app, store| {
        let category = match search.category.as_str() {
            "text" => Some(Category::Text),
            "vision-language" => Some(Category::VisionLanguage),
            _ => None,
        };
        let (words, only_allowed) = (search.q.to_lowercase(), search.allowed == "yes");
        let mut entries = Vec::new();
        for card in app.catalog.cards() {
            let text = format!("{} {} {} {} {}", card.id, card.name, card.maker, card.family, card.best_for);
            let is_found = words.split_whitespace().all(|word| text.to_lowercase().contains(word));
            let gate = gate(&app.catalog.terms(&[], &[], Some(card)), &usage);
            let is_allowed = !only_allowed || gate.outcome == Outcome::Passed;
            if is_found && is_allowed && category.is_none_or(|category| card.category == category) {
                let id = slug(&card.id);
                let verdict = store.history(Some(&id), 1)?.into_iter().next().map(|judged| judged.verdict);
                entries.push(Entry { id, card, gate, verdict });
            }
        }
        let latest = store.comparisons(LATEST)?;
        let page = CataloguePage {
            chrome: reader.chrome("/", false),
            query: &search.q,
            category,
            usage: &usage,
            only_allowed,
            entries,
            latest: &latest,
            ids: app.catalog.cards().map(|card| slug(&card.id)).collect(),
        };
        Ok(reader.page(page.html()))
    })
    .await
}

/// `/model/ID`
pub async fn model(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(id): Path<String>,
    Query(usage): Query<UseQuery>,
) -> Result<Response, Problem> {
    let usage = usage.declared()?;
    app.with_store(move |app, store| {
        let known = Known::find(app, store, &id)?;
        let path = format!("/model/{id}");
        let key = reader.key(store)?;
        let bookmarked = is_bookmarked(store, &key, &path)?;
        let rivals = known.background.card.iter().flat_map(|card| &card.rivals).map(|id| slug(id)).collect();
        let page = ModelPage {
            chrome: reader.chrome(&path, bookmarked),
            review: &known.review(app, &usage),
            id: known.id.clone(),
            name: known.name.clone(),
            card: known.background.card.as_ref(),
            terms: &known.background.terms,
            usage: &usage,
            from: known.seen.as_ref().map(|(listed, ..)| listed.comparison.clone()),
            comparisons: &store.comparisons_with(&id, HISTORY)?,
            history: &store.history(Some(&id), HISTORY)?,
            measured: known.measurements(),
            rivals,
        };
        Ok(reader.page(page.html()))
    })
    .await
}

/// The pair that a form names.
#[derive(Debug, Deserialize)]
pub struct Two {
    a: String,
    b: String,
}

/// `/compare?a=…&b=…`
pub async fn compare_form(Query(two): Query<Two>) -> Result<Redirect, Problem> {
    let path = format!("{}-vs-{}", slug(&two.a), slug(&two.b));
    pair(&path)?;
    Ok(Redirect::to(&format!("/compare/{path}")))
}

/// `/compare/A-vs-B`
pub async fn compare(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(text): Path<String>,
    Query(usage): Query<UseQuery>,
) -> Result<Response, Problem> {
    let usage = usage.declared()?;
    app.with_store(move |app, store| {
        let ids = pair(&text)?;
        let path = format!("/compare/{text}");
        let key = reader.key(store)?;
        let bookmarked = is_bookmarked(store, &key, &path)?;
        let ballots = ballot_page(ids);
        let voted = store.ballot(&ballots, &key)?.map(|ballot| ballot.choice);
        let community = Community { voted, tallies: store.tally(&ballots)? };
        let mut history = store.history(Some(ids[0]), HISTORY)?;
        history.extend(store.history(Some(ids[1]), HISTORY)?);
        history.sort_by(|a, b| b.created.cmp(&a.created));
        let chrome = reader.chrome(&path, bookmarked);
        let rubric = &app.rubric.text;
        let html = match report(app, store, ids, &usage)? {
            Some(report) => {
                let suite = questions(&report.comparison);
                let page = ComparePage::of_report(&report, suite.as_ref(), rubric, chrome);
                page.with_community(community).with_history(&history).html()
            }
            None => {
                let known = [Known::find(app, store, ids[0])?, Known::find(app, store, ids[1])?];
                let reviews = known.each_ref().map(|known| known.review(app, &usage));
                let contenders = [0, 1].map(|at| Contender {
                    id: known[at].id.clone(),
                    name: known[at].name.clone(),
                    card: known[at].background.card.as_ref(),
                    record: known[at].seen.as_ref().map(|(_, comparison, side)| &comparison.models[side.index()]),
                    terms: &known[at].background.terms,
                    review: &reviews[at],
                });
                let page = ComparePage::of_cards(contenders, &usage, rubric, chrome);
                let page = page.with_refusal(app.jobs.refusal(ids));
                page.with_community(community).with_history(&history).html()
            }
        };
        Ok(reader.page(html))
    })
    .await
}

/// `/run/ID`
pub async fn run(State(app): State<Arc<App>>, reader: Reader, Path(id): Path<String>) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let nothing = || Problem::NotFound(format!("no comparison {id} is in this store"));
        let listed = store.listed_as(&id)?.ok_or_else(nothing)?;
        let comparison = store.comparison(&id)?;
        let withdrawn = store.record(&id)?.and_then(|record| record.withdrawn);
        let report = judged(app, store, &listed, comparison, &UseQuery::default().declared()?)?;
        let faults: Vec<Fault> =
            check_judgement(&report.judgement, &report.comparison, report.background.each_ref(), &app.rubric);
        let path = format!("/run/{id}");
        let chrome = reader.chrome(&path, false);
        let derived = report.judgement.reviews.iter().flat_map(|review| &review.derived);
        let pair = format!("{}-vs-{}", listed.a, listed.b);
        let page = RunPage::new(chrome, &id, pair, &report.comparison, derived);
        Ok(reader.page(page.withdrawn(withdrawn.as_deref()).checked(&faults).html()))
    })
    .await
}

/// `/digest`
pub async fn digest(State(app): State<Arc<App>>, reader: Reader) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let since = week_ago();
        let digest = digest_since(store, &since)?;
        let chrome = reader.chrome("/digest", false);
        let page = DigestPage { chrome, since: &since, digest: &digest, mail: app.mail.is_some() };
        Ok(reader.page(page.html()))
    })
    .await
}

/// `/digest.atom`
pub async fn feed(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.with_store(|app, store| {
        let changes = digest_since(store, &week_ago())?.changes;
        let updated = changes.first().map_or_else(week_ago, |change| change.now.created.clone());
        let feed = atom(&changes, &format!("http://{}", app.address), &updated);
        Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feed).into_response())
    })
    .await
}

/// `/bookmarks`
pub async fn bookmarks(State(app): State<Arc<App>>, reader: Reader) -> Result<Response, Problem> {
    app.with_store(move |_, store| {
        let owner = reader.key(store)?;
        let pages = store.bookmarks(&owner)?;
        let page = BookmarksPage { chrome: reader.chrome("/bookmarks", false), pages: &pages };
        Ok(reader.page(page.html()))
    })
    .await
}

/// `/job/N`
pub async fn job(State(app): State<Arc<App>>, reader: Reader, Path(id): Path<u64>) -> Result<Response, Problem> {
    let seen = app.jobs.watch(id).ok_or_else(|| Problem::NotFound(format!("no comparison {id} was started here")))?;
    let seen = seen.borrow().clone();
    let page = ProgressPage {
        chrome: reader.chrome("/job", false),
        job: id,
        pair: &seen.pair,
        stage: &seen.now.stage,
        steps: (seen.now.done, seen.now.of.max(1)),
        ended: seen.ended.clone(),
    };
    Ok(reader.page(page.html()))
}

fn is_bookmarked(store: &Store, key: &str, path: &str) -> Result<bool, Problem> {
    Ok(store.bookmarks(key)?.iter().any(|page| page == path))
}
