//! Pages for people.

mod catalogue;
mod chat;
mod compare;
mod digest;
mod model;
mod records;

use axum::response::Redirect;
use plimsoll_panel::pages::{DemandForm, DemandQuery};
use plimsoll_panel::store::Store;

pub use catalogue::catalogue;
pub use chat::chat;
pub use compare::{compare, compare_form, download};
pub use digest::{digest, feed};
pub use model::model;
pub use records::{bookmarks, job, run};

use crate::app::App;
use crate::error::Problem;

/// Verdicts in a history.
const HISTORY: usize = 20;

/// The form of what a reader asked for.
fn form<'a>(app: &'a App, query: &'a DemandQuery) -> DemandForm<'a> {
    DemandForm { query, devices: &app.devices }
}

/// To the one address of a page, with what was asked of it.
fn moved(path: &str, query: &DemandQuery) -> Redirect {
    Redirect::permanent(&format!("{path}{}", query.query()))
}

fn is_bookmarked(store: &Store, key: &str, path: &str) -> Result<bool, Problem> {
    Ok(store.bookmarks(key)?.iter().any(|page| crate::forms::canonical(page) == path))
}
