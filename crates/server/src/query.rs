//! What an address or a form carries, read into a type; what cannot be read is told on a page like any other.

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Problem;

/// The fields of an address.
pub struct Fields<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Fields<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Fields<T>, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let Query(fields) = read.map_err(|refused| unread(refused.status(), &refused.body_text()))?;
        Ok(Fields(fields))
    }
}

/// What the path of an address names.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named<T>, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(named) = read.map_err(|refused| unread(refused.status(), &refused.body_text()))?;
        Ok(Named(named))
    }
}

/// The fields of a form that was sent.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Sent<T>, Problem> {
        let read = Form::<T>::from_request(request, state).await;
        let Form(fields) = read.map_err(|refused| unread(refused.status(), &refused.body_text()))?;
        Ok(Sent(fields))
    }
}

/// What the reader's library says ends with what is wrong: `Failed to deserialize query string: missing field …`.
fn unread(status: axum::http::StatusCode, text: &str) -> Problem {
    let what = text.rsplit_once(": ").map_or(text, |(_, what)| what);
    Problem::Unread(status, format!("what was sent could not be read: {what}"))
}
