//! What readers send: votes, bookmarks, comparisons to be started; and how these go on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::response::Redirect;
use axum::response::sse::{Event, KeepAlive, Sse};
use plimsoll_panel::slug;
use plimsoll_panel::store::{Choice, Vote};
use serde::Deserialize;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};

use crate::app::App;
use crate::contenders::{Known, Pair, card};
use crate::error::Problem;
use crate::guard::is_allowed;
use crate::listen::Hurried;
use crate::query::{Named, Sent};
use crate::reader::Reader;

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
    Sent(form): Sent<VoteForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    app.with_store(move |app, store| {
        let pair = Pair::meant(app, store, &form.page)?;
        let ids = pair.ids();
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
        store.vote(&Vote { page: pair.name(), voter, network, choice })?;
        Ok(Redirect::to(&format!("/compare/{}#votes", pair.name())))
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
    Sent(form): Sent<BookmarkForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    if form.marked == "yes" && !is_allowed(&app.bookmarks, reader.network().to_owned(), 1.0) {
        let about = "enough pages were marked from this network; try again in an hour, or keep the address";
        return Err(Problem::TooMany(about.to_owned()));
    }
    app.with_store(move |_, store| {
        let page = canonical(&form.page);
        if !is_page(&page) {
            return Err(Problem::Bad("only pages of models and comparisons can be marked".to_owned()));
        }
        let (owner, marked) = (reader.key(store)?, form.marked == "yes");
        if !marked {
            // In whichever order it was marked when a pair had two pages.
            for held in store.bookmarks(&owner)?.iter().filter(|held| canonical(held) == page) {
                store.bookmark(&owner, held, false)?;
            }
            return Ok(Redirect::to("/bookmarks"));
        }
        if !store.bookmark(&owner, &page, true)? {
            return Err(Problem::Bad("there are more bookmarks than can be kept; remove some first".to_owned()));
        }
        Ok(Redirect::to(&page))
    })
    .await
}

/// The one address of a page that may be marked: of a pair, whichever comes first.
pub fn canonical(page: &str) -> String {
    let pair = page.strip_prefix("/compare/").and_then(Pair::spelt);
    pair.map_or_else(|| page.to_owned(), |pair| format!("/compare/{}", pair.name()))
}

/// Whether an address is that of a model or of a pair.
fn is_page(page: &str) -> bool {
    match (page.strip_prefix("/compare/"), page.strip_prefix("/model/")) {
        (Some(pair), _) => Pair::spelt(pair).is_some(),
        (_, Some(model)) => !model.is_empty() && slug(model) == model,
        _ => false,
    }
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
    Sent(form): Sent<CompareForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    for id in [&form.a, &form.b] {
        card(&app.catalog, id).ok_or_else(|| Problem::NotFound(format!("no model is called `{id}` here")))?;
    }
    Pair::of(form.a.clone(), form.b.clone())?;
    Ok(Redirect::to(&format!("/job/{}", app.jobs.start(&form.a, &form.b)?)))
}

/// `GET /job/N/events`: how far a comparison is, whenever that changes; the last event says how it ended.
pub async fn events(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    hurried: Option<Extension<Hurried>>,
    Named(id): Named<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let nothing = || Problem::NotFound(format!("no comparison `{id}` was started here"));
    let seen = app.jobs.watch(id.parse().map_err(|_| nothing())?).ok_or_else(nothing)?;
    let place = app.streams.take(from.ip()).filter(|_| hurried.is_none());
    let full = || Problem::TooMany("too many follow comparisons at once; load the page now and then".to_owned());
    let place = place.ok_or_else(full)?;
    let events = WatchStream::new(seen).map(move |seen| {
        let _held_as_long_as_it_lasts = &place;
        let event = Event::default().event(if seen.ended.is_some() { "ended" } else { "progress" });
        // Text and numbers are always JSON.
        Ok(event.json_data(&seen).unwrap_or_default())
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
