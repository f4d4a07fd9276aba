//! Who reads: a browser that keeps a random name, and the network that it comes from. Neither is stored as it is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use plimsoll_panel::pages::{Chrome, Site};
use plimsoll_panel::store::Store;

use crate::app::{App, random_hex};
use crate::assets::ASSETS;
use crate::error::Problem;
use crate::fresh::Masked;
use crate::guard::{is_same, network};
use crate::mask;

/// The cookie with the browser's random name.
const COOKIE: &str = "plimsoll_reader";
/// A year, in s.
const KEPT: u32 = 31_536_000;

#[derive(Debug, Clone)]
pub struct Reader {
    /// The browser's random name.
    name: String,
    /// Whether the browser has it already.
    known: bool,
    /// Where the request comes from.
    network: String,
    /// What forms have to carry.
    token: String,
    /// The same under this answer's mask.
    masked: String,
    /// Whether models answer at this server.
    talks: bool,
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Reader, Infallible> {
        let held = reader_name(&parts.headers);
        let known = held.is_some();
        // Without randomness there is no name, and a reader without a name can read and not vote.
        let name = held.or_else(|| random_hex().ok()).unwrap_or_default();
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| network(from.0.ip()));
        let token = app.csrf(&name);
        let masked = mask::masked(&token).unwrap_or_default();
        Ok(Reader { token, masked, name, known, network: from.unwrap_or_default(), talks: !app.models.is_empty() })
    }
}

impl Reader {
    /// Whether a form was made for this reader.
    ///
    /// # Errors
    /// [`Problem::Forbidden`].
    pub fn require(&self, csrf: &str) -> Result<(), Problem> {
        if self.known && mask::unmasked(csrf).is_some_and(|token| is_same(&token, &self.token)) {
            return Ok(());
        }
        let about =
            "this form was not made for this browser, or the server was started again since: load the page anew";
        Err(Problem::Forbidden(about.to_owned()))
    }

    /// The key under which votes and bookmarks of this browser are kept.
    pub fn key(&self, store: &mut Store) -> Result<String, Problem> {
        Ok(store.key(&format!("reader {}", self.name))?)
    }

    /// The network that it comes from.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The key of the network.
    pub fn network_key(&self, store: &mut Store) -> Result<String, Problem> {
        Ok(store.key(&format!("network {}", self.network))?)
    }

    /// What stands around a page.
    pub fn chrome<'a>(&'a self, path: &'a str, bookmarked: bool) -> Chrome<'a> {
        Chrome::Site(Site { csrf: &self.masked, path, bookmarked, talks: self.talks, assets: &ASSETS })
    }

    /// A page, with the browser's name where it has none yet.
    pub fn page(&self, html: String) -> Response {
        let mut response = Html(html).into_response();
        response.extensions_mut().insert(Masked { masked: self.masked.clone(), token: self.token.clone() });
        if !self.known {
            let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Lax; Path=/; Max-Age={KEPT}", self.name);
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
        }
        response
    }
}

/// The browser's random name, where it has one.
pub fn reader_name(headers: &HeaderMap) -> Option<String> {
    cookie(headers, COOKIE).filter(|name| is_name(name))
}

fn is_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
