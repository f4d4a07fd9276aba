//! What pages ask for besides themselves. All of it is in the binary.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll_panel::pages::STYLE;

use crate::error::Problem;

/// The files by name, with their types.
const FILES: [(&str, &str, &str); 3] = [
    ("plimsoll.css", "text/css; charset=utf-8", STYLE),
    ("plimsoll.js", "text/javascript; charset=utf-8", include_str!("../assets/plimsoll.js")),
    ("plimsoll.svg", "image/svg+xml", include_str!("../assets/plimsoll.svg")),
];

/// `/assets/NAME`
pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|file| file.0 == name);
    let (_, kind, content) = found.ok_or_else(|| Problem::NotFound(format!("there is no file `{name}`")))?;
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "max-age=3600")], *content).into_response())
}
