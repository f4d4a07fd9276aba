//! Pages of what is kept: evidence, bookmarks, and comparisons under way.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use plimsoll_panel::judge::{Fault, check_judgement};
use plimsoll_panel::pages::{BookmarksPage, DemandQuery, ProgressPage, RunPage};

use crate::app::App;
use crate::contenders::judged;
use crate::error::Problem;
use crate::forms::canonical;
use crate::query::Named;
use crate::reader::Reader;

/// `/run/ID`
pub async fn run(State(app): State<Arc<App>>, reader: Reader, Named(id): Named<String>) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let nothing = || Problem::NotFound(format!("no comparison {id} is in this store"));
        let listed = store.listed_as(&id)?.ok_or_else(nothing)?;
        let comparison = store.comparison(&id)?;
        let withdrawn = store.record(&id)?.and_then(|record| record.withdrawn);
        let demand = DemandQuery::default().demand().map_err(Problem::Internal)?;
        let report = judged(app, store, &listed, comparison, &demand)?;
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

/// `/bookmarks`
pub async fn bookmarks(State(app): State<Arc<App>>, reader: Reader) -> Result<Response, Problem> {
    app.with_store(move |_, store| {
        let owner = reader.key(store)?;
        let mut pages: Vec<String> = Vec::new();
        // A pair that was marked in both orders, when it had two pages, is one.
        for page in store.bookmarks(&owner)?.iter().map(|page| canonical(page)) {
            if !pages.contains(&page) {
                pages.push(page);
            }
        }
        let page = BookmarksPage { chrome: reader.chrome("/bookmarks", false), pages: &pages };
        Ok(reader.page(page.html()))
    })
    .await
}

/// `/job/N`
pub async fn job(State(app): State<Arc<App>>, reader: Reader, Named(id): Named<String>) -> Result<Response, Problem> {
    let nothing = || Problem::NotFound(format!("no comparison `{id}` was started here"));
    let number: u64 = id.parse().map_err(|_| nothing())?;
    let seen = app.jobs.watch(number).ok_or_else(nothing)?;
    let seen = seen.borrow().clone();
    let page = ProgressPage {
        chrome: reader.chrome("/job", false),
        job: number,
        pair: &seen.pair,
        stage: &seen.now.stage,
        steps: (seen.now.done, seen.now.of.max(1)),
        ended: seen.ended.clone(),
    };
    Ok(reader.page(page.html()))
}
