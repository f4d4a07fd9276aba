//! What readers send: votes, bookmarks, comparisons to be started; and how these go on.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Redirect;
use axum::response::sse::{Event, KeepAlive, Sse};
use plimsoll_panel::slug;
use plimsoll_panel::store::{Choice, Vote};
use serde::Deserialize;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};

use crate::app::App;
use crate::contenders::{Known, ballot_page, card, pair};
use crate::error::Problem;
use crate::reader::Reader;

/// A vote.
#[derive(Debug, Deserialize)]
pub struct VoteForm {
    csrf: String,
    page: String,
    choice: String,
}

/// `POST /vote`
pub async fn vote(
    State(app): State<Arc<App>>,
    reader: Reader,
    Form(form): Form<VoteForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    app.with_store(move |app, store| {
        let ids = pair(&form.page)?;
        for id in ids {
            Known::find(app, store, id)?;
        }
        let choice = match form.choice.as_str() {
            "neither" => Choice::Neither,
            id if ids.contains(&id) => Choice::Model(id.to_owned()),
            other => return Err(Problem::Bad(format!("`{other}` is not one of the two"))),
        };
        let voter = reader.key(store)?;
        let network = reader.network_key(store)?;
        store.vote(&Vote { page: ballot_page(ids), voter, network, choice })?;
        Ok(Redirect::to(&format!("/compare/{}#votes", form.page)))
    })
    .await
}

/// A bookmark set or taken away.
#[derive(Debug, Deserialize)]
pub struct BookmarkForm {
    csrf: String,
    page: String,
    marked: String,
}

/// `POST /bookmark`
pub async fn bookmark(
    State(app): State<Arc<App>>,
    reader: Reader,
    Form(form): Form<BookmarkForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    app.with_store(move |_, store| {
        let is_page = match form.page.split_once('/').and_then(|(empty, rest)| empty.is_empty().then_some(rest)) {
            Some(rest) => match rest.split_once('/') {
                Some(("compare", name)) => pair(name).is_ok(),
                Some(("model", name)) => !name.is_empty() && slug(name) == name,
                _ => false,
            },
            None => false,
        };
        if !is_page {
            return Err(Problem::Bad("only pages of models and comparisons can be marked".to_owned()));
        }
        let (owner, marked) = (reader.key(store)?, form.marked == "yes");
        if store.bookmark(&owner, &form.page, marked)? != marked {
            return Err(Problem::Bad("there are more bookmarks than can be kept; remove some first".to_owned()));
        }
        Ok(Redirect::to(if marked { &form.page } else { "/bookmarks" }))
    })
    .await
}

/// A comparison to be started.
#[derive(Debug, Deserialize)]
pub struct CompareForm {
    csrf: String,
    a: String,
    b: String,
}

/// `POST /compare`
pub async fn compare(
    State(app): State<Arc<App>>,
    reader: Reader,
    Form(form): Form<CompareForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    let text = format!("{}-vs-{}", form.a, form.b);
    for id in pair(&text)? {
        card(&app.catalog, id).ok_or_else(|| Problem::NotFound(format!("no model is called `{id}` here")))?;
    }
    Ok(Redirect::to(&format!("/job/{}", app.jobs.start(&form.a, &form.b)?)))
}

/// `GET /job/N/events`: how far a comparison is, whenever that changes; the last event says how it ended.
pub async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seen = app.jobs.watch(id).ok_or_else(|| Problem::NotFound(format!("no comparison {id} was started here")))?;
    let events = WatchStream::new(seen).map(|seen| {
        let event = Event::default().event(if seen.ended.is_some() { "ended" } else { "progress" });
        // Text and numbers are always JSON.
        Ok(event.json_data(&seen).unwrap_or_default())
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
