//! The week's changed verdicts, as a page and as a feed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll_panel::digest::{digest_since, week_ago};
use plimsoll_panel::pages::{DigestPage, MailOffer, atom};
use serde::Deserialize;

use crate::app::App;
use crate::error::Problem;
use crate::query::Fields;
use crate::reader::Reader;

/// What became of the form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    mail: String,
}

/// `/digest`
pub async fn digest(
    State(app): State<Arc<App>>,
    reader: Reader,
    Fields(after): Fields<After>,
) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let mail = match (&app.mail, after.mail.as_str()) {
            (None, _) => MailOffer::None,
            (Some(_), "") => MailOffer::Form,
            (Some(_), "asked") => MailOffer::Asked,
            (Some(_), other) => return Err(Problem::Bad(format!("`mail` is `{other}`; expected nothing, or asked"))),
        };
        let since = week_ago();
        let digest = digest_since(store, &since)?;
        let page = DigestPage { chrome: reader.chrome("/digest", false), since: &since, digest: &digest, mail };
        Ok(reader.page(page.html()))
    })
    .await
}

/// `/digest.atom`
pub async fn feed(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.with_store(|app, store| {
        let changes = digest_since(store, &week_ago())?.changes;
        // Of the last change, and not of this moment: a feed in which nothing changed stays the same.
        let updated =
            changes.first().map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |change| change.now.created.clone());
        let feed = atom(&changes, &app.site, &store.key("the feed of the digest")?, &updated);
        Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feed).into_response())
    })
    .await
}
