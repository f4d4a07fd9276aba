//! What pages ask for besides themselves. All of it is in the binary, and has its hash in its address, so that a browser
//! asks for it once.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use plimsoll_lab::hash::sha256_hex;
use plimsoll_panel::pages::{Assets, STYLE};

use crate::error::Problem;
use crate::query::Named;

/// Digits of a hash in an address.
const DIGITS: usize = 16;

struct Asset {
    /// Without the hash.
    name: &'static str,
    /// With it, as pages ask for it.
    path: String,
    mime: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &'static str, mime: &'static str, content: &'static str) -> Asset {
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        let path = format!("/assets/{stem}.{}.{extension}", &sha256_hex(content.as_bytes())[..DIGITS]);
        Asset { name, path, mime, content }
    }
}

static STYLE_SHEET: LazyLock<Asset> = LazyLock::new(|| Asset::new("plimsoll.css", "text/css; charset=utf-8", STYLE));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("plimsoll.js", "text/javascript; charset=utf-8", include_str!("../assets/plimsoll.js"))
});
static CHAT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("chat.js", "text/javascript; charset=utf-8", include_str!("../assets/chat.js")));
/// What the script of the chat imports, by its bare name.
static TALK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("talk.js", "text/javascript; charset=utf-8", include_str!("../assets/talk.js")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("plimsoll.svg", "image/svg+xml", include_str!("../assets/plimsoll.svg")));

/// Where pages find them.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: STYLE_SHEET.path.clone(),
    script: SCRIPT.path.clone(),
    chat: CHAT.path.clone(),
    icon: ICON.path.clone(),
});

/// `/assets/NAME`: by its hash for good, by its bare name for as long as it is asked about.
pub async fn asset(Named(name): Named<String>) -> Result<Response, Problem> {
    let path = format!("/assets/{name}");
    let all = [&*STYLE_SHEET, &*SCRIPT, &*CHAT, &*TALK, &*ICON];
    let found = all.into_iter().find(|asset| asset.name == name || asset.path == path);
    let asset = found.ok_or_else(|| Problem::NotFound(format!("there is no file `{name}`")))?;
    let kept = if asset.path == path { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, kept)], asset.content).into_response())
}
