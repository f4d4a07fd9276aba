//! What a browser has already is not sent again: every page, answer and file has an entity tag, the hash of what it says.
//!
//! The tags are weak (RFC 9110, 8.8.1): what is sent may be compressed, and forms carry their token under another mask each
//! time, so that two answers that say the same need not have the same bytes.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use plimsoll_lab::hash::sha256_hex;

use crate::error::Problem;

/// Larger answers than any that is made here.
const LARGEST: usize = 256 << 20;
/// Hexadecimal digits of a tag.
const DIGITS: usize = 32;

/// Goes with a page whose forms carry `masked`, which stands for `token`.
#[derive(Debug, Clone)]
pub struct Masked {
    /// As it stands in the page.
    pub masked: String,
    /// What it stands for.
    pub token: String,
}

/// Adds the tag, or answers that nothing changed.
pub async fn validated(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET;
    let held = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<HeaderValue>>();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK || streams(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Problem::Internal("an answer was larger than any that is made here".to_owned()).into_response();
    };
    let tag = tag(&body, parts.extensions.get::<Masked>());
    let Ok(value) = HeaderValue::from_str(&tag) else { return Response::from_parts(parts, Body::from(body)) };
    parts.headers.insert(header::ETAG, value);
    // Kept by the browser alone, and asked about each time.
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if held.iter().any(|held| names(held, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

fn streams(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Of what it says, whatever the mask.
fn tag(body: &Bytes, masked: Option<&Masked>) -> String {
    let hash = match (masked, std::str::from_utf8(body)) {
        (Some(Masked { masked, token }), Ok(text)) => sha256_hex(text.replace(masked, token).as_bytes()),
        _ => sha256_hex(body),
    };
    format!("W/\"{}\"", &hash[..DIGITS])
}

/// Whether a header names the tag, by the weak comparison that `If-None-Match` asks for.
fn names(held: &HeaderValue, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    held.to_str().is_ok_and(|held| held.trim() == "*" || held.split(',').any(|one| bare(one) == bare(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_that_of_what_is_said_whatever_the_mask() {
        let page = |masked: &str| Bytes::from(format!("<input value=\"{masked}\">"));
        let of = |masked: &str, token: &str| {
            tag(&page(masked), Some(&Masked { masked: masked.to_owned(), token: token.to_owned() }))
        };
        assert_eq!(of("11", "token"), of("22", "token"));
        assert_ne!(of("11", "token"), of("11", "of another reader"), "who lost the cookie gets a form that works");
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let held = |text: &'static str| names(&HeaderValue::from_static(text), "W/\"ab\"");
        assert!(held("W/\"ab\"") && held("\"ab\"") && held("\"x\", W/\"ab\"") && held("*"));
        assert!(!held("\"abc\"") && !held("ab"));
    }
}
