//! What stands before every request: who may come in, how often, and what browsers are told.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use plimsoll_api::Surface;

use crate::app::App;
use crate::error::{Problem, as_json};
use crate::reader::{cookie, reader_name};

/// Longer than any page takes; what streams is not held to it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that a network may make in a burst, and how many it earns back each second.
const BURST: f64 = 240.0;
const EARNED: f64 = 20.0;
/// A form costs as much as this many pages.
const FORM_COST: f64 = 4.0;
/// Requests without the token that a network may make in a burst, and how many it earns back each second.
const STRANGE: f64 = 60.0;
const STRANGE_EARNED: f64 = 1.0;
/// Networks that are remembered.
const NETWORKS: usize = 10_000;

/// What mails link to.
const MAILED: [&str; 2] = ["/digest/confirm", "/digest/leave"];

/// What tells that the server is there; anyone may ask.
const LIVE: [&str; 4] = ["/healthz", "/health", "/livez", "/readyz"];

/// The cookie that holds the server's token.
const TOKEN_COOKIE: &str = "plimsoll_token";

/// Nothing inline, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Mails to new addresses that a network may ask for in a burst, and how many it earns back each second: one an hour.
const SIGN_UPS: f64 = 5.0;
const SIGN_UPS_EARNED: f64 = 1.0 / 3600.0;

/// Pages that a network may mark in a burst, and how many it earns back each second: 20 an hour.
const BOOKMARKS: f64 = 200.0;
const BOOKMARKS_EARNED: f64 = 20.0 / 3600.0;

/// How much each network, or each reader, asked for lately.
pub struct Limits {
    burst: f64,
    /// [1/s]
    earned: f64,
    /// What each has left, and when that was so.
    left: HashMap<String, (f64, Instant)>,
}

impl Limits {
    /// Of requests of any kind.
    pub fn of_requests() -> Limits {
        Limits { burst: BURST, earned: EARNED, left: HashMap::new() }
    }

    /// Of requests that do not show the token.
    pub fn of_strangers() -> Limits {
        Limits { burst: STRANGE, earned: STRANGE_EARNED, left: HashMap::new() }
    }

    /// Of mails to addresses that nobody confirmed.
    pub fn of_sign_ups() -> Limits {
        Limits { burst: SIGN_UPS, earned: SIGN_UPS_EARNED, left: HashMap::new() }
    }

    /// Of pages that are marked.
    pub fn of_bookmarks() -> Limits {
        Limits { burst: BOOKMARKS, earned: BOOKMARKS_EARNED, left: HashMap::new() }
    }

    /// Whether `who` may ask for something of this cost now.
    pub fn allows(&mut self, who: String, cost: f64, now: Instant) -> bool {
        let Limits { burst, earned, left } = self;
        if left.len() >= NETWORKS && !left.contains_key(&who) {
            left.retain(|_, (left, at)| *left + *earned * now.duration_since(*at).as_secs_f64() < *burst);
            if left.len() >= NETWORKS {
                return false;
            }
        }
        let (left, at) = left.entry(who).or_insert((*burst, now));
        *left = (*left + *earned * now.duration_since(*at).as_secs_f64()).min(*burst);
        *at = now;
        let may = *left >= cost;
        if may {
            *left -= cost;
        }
        may
    }
}

/// The network that an address belongs to: what one household or office has.
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => network(IpAddr::V4(v4)),
            None => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        },
    }
}

/// Lets a request pass, or says why not.
pub async fn guard(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (path, started) = (request.uri().path().to_owned(), Instant::now());
    let route = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
    let response = match admitted(&app, from, &request) {
        Err(problem) => match Surface::of_path(&path) {
            Some(surface) => problem.to_api(surface),
            None => problem.into_response(),
        },
        Ok(Some(response)) => response,
        Ok(None) if path.ends_with("/events") || is_api(&path) => next.run(request).await,
        Ok(None) => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::Slow.into_response(),
        },
    };
    let mut response = if path.starts_with("/api/") { as_json(response) } else { response };
    app.meter.answered(route.as_deref().unwrap_or("none"), response.status(), started.elapsed());
    let mut tell = |name: HeaderName, value: &'static str| {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    };
    tell(header::CONTENT_SECURITY_POLICY, POLICY);
    tell(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    tell(header::REFERRER_POLICY, "no-referrer");
    tell(header::CACHE_CONTROL, "no-store");
    tell(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    tell(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    response
}

fn is_api(path: &str) -> bool {
    Surface::of_path(path).is_some()
}

/// Nothing where the request may pass; a response where it is answered already. Who shows the token is counted as a reader,
/// and is not held to what strangers of the same network ask for.
fn admitted(app: &App, from: SocketAddr, request: &Request) -> Result<Option<Response>, Problem> {
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return Err(Problem::Bad("a request names one host, and this one names several".to_owned()));
    }
    let path = request.uri().path();
    if LIVE.contains(&path) {
        return Ok(None);
    }
    if is_api(path) {
        asked_from_here(request)?;
    }
    let network = network(from.ip());
    let (who, answer) = match &app.token {
        None => {
            named_as_loopback(request)?;
            (network, None)
        }
        // Links in mails carry a secret of their own, and a mailbox has no cookie to show.
        Some(_) if MAILED.contains(&path) || path.starts_with("/assets/") => (network, None),
        Some(token) => match with_token(token, request) {
            Ok(answer) => (reader_name(request.headers()).unwrap_or_else(|| format!("a reader in {network}")), answer),
            Err(_) if !is_allowed(&app.strangers, network.clone(), 1.0) => {
                let about = "too many requests without the token from this network; try again in a minute";
                return Err(Problem::TooMany(about.to_owned()));
            }
            Err(problem) => return Err(problem),
        },
    };
    if is_api(path) && app.is_ending.load(Ordering::SeqCst) {
        return Err(Problem::Ending);
    }
    let cost = if request.method() == Method::POST { FORM_COST } else { 1.0 };
    // A model has a queue of its own, which tells who is too many; whoever watches the server looks many times a second.
    if !is_api(path) && path != "/metrics" && !is_allowed(&app.limits, who, cost) {
        return Err(Problem::TooMany("too many requests; try again in a minute".to_owned()));
    }
    Ok(answer)
}

/// A page elsewhere must not have its readers' browsers use a model: it could not read the answer, but have it computed.
fn asked_from_here(request: &Request) -> Result<(), Problem> {
    let header = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = header(header::ORIGIN) else { return Ok(()) };
    let host = header(header::HOST).unwrap_or_default();
    match origin.split_once("://").is_some_and(|(_, site)| site.eq_ignore_ascii_case(host)) {
        true => Ok(()),
        false => Err(Problem::Forbidden(format!("pages of `{origin}` may not use the models of this server"))),
    }
}

/// Whether `who` may ask for something of this cost now.
pub fn is_allowed(limits: &Mutex<Limits>, who: String, cost: f64) -> bool {
    limits.lock().unwrap_or_else(PoisonError::into_inner).allows(who, cost, Instant::now())
}

/// A page elsewhere that has its name point here must not be able to read answers as its own.
fn named_as_loopback(request: &Request) -> Result<(), Problem> {
    let header = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // A request to a proxy names the host in its first line too.
    let named = request.uri().authority().map(|authority| authority.as_str()).into_iter().chain(header);
    match named.chain(header.is_none().then_some("")).find(|host| !is_loopback(host)) {
        None => Ok(()),
        Some(host) => Err(Problem::Forbidden(format!("`{host}` is not a name of this server"))),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| match port.parse::<u16>() {
        Ok(_) => name,
        Err(_) => host,
    });
    name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn with_token(token: &str, request: &Request) -> Result<Option<Response>, Problem> {
    let headers = request.headers();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    // Anthropic's clients show it in a header of their own.
    let key = headers.get("x-api-key").filter(|_| is_api(request.uri().path()));
    let shown = bearer.or_else(|| key?.to_str().ok()).map(str::to_owned).or_else(|| cookie(headers, TOKEN_COOKIE));
    if shown.is_some_and(|shown| is_same(&shown, token)) {
        return Ok(None);
    }
    let in_query = query_token(request.uri());
    if !in_query.is_some_and(|shown| is_same(&shown, token)) {
        return Err(Problem::Unauthorised);
    }
    // From the address into a cookie, so that it does not stay in the history of what is read.
    let cookie = format!("{TOKEN_COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/");
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, without_token(request.uri()))];
    Ok(Some((StatusCode::SEE_OTHER, headers).into_response()))
}

/// The same address here without the token. Two slashes at its beginning would name another server, and browsers take a
/// backslash for a slash.
fn without_token(uri: &Uri) -> String {
    let kept: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.starts_with("token=")).collect();
    let query = kept.join("&");
    let path = uri.path().trim_start_matches(['/', '\\']);
    let address = if query.is_empty() { format!("/{path}") } else { format!("/{path}?{query}") };
    let mut written = String::with_capacity(address.len());
    for byte in address.bytes() {
        match byte {
            b'\\' | 0x7f.. => written += &format!("%{byte:02X}"),
            _ => written.push(char::from(byte)),
        }
    }
    written
}

fn query_token(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(str::to_owned)
}

/// Compares in a time that tells nothing of how much was right.
pub fn is_same(shown: &str, token: &str) -> bool {
    shown.as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let (mut limits, now) = (Limits::of_requests(), Instant::now());
        let mut ask = |network: &str, at: Instant| limits.allows(network.to_owned(), 1.0, at);
        assert!((0..240).all(|_| ask("a", now)));
        assert!(!ask("a", now));
        assert!(ask("b", now), "another network is not held to it");
        assert!(ask("a", now + Duration::from_secs(1)));
    }

    #[test]
    fn addresses_of_one_network_share_a_name() {
        let of = |address: &str| network(address.parse().unwrap());
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.9"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::1"));
    }

    #[test]
    fn only_names_of_this_machine_reach_a_server_without_a_token() {
        let named = |address: &str, host: &str| {
            let request = Request::builder().uri(address).header(header::HOST, host);
            named_as_loopback(&request.body(axum::body::Body::empty()).unwrap()).is_ok()
        };
        let with = |host: &str| named("/", host);
        assert!(["localhost", "localhost:7777", "127.0.0.1:7777", "[::1]:7777"].iter().all(|host| with(host)));
        assert!(named("http://localhost/", "localhost"));
        assert!(!named("http://evil.example/", "localhost") && !named("http://localhost/", "evil.example"));
        assert!(!["evil.example", "evil.example:7777", "10.0.0.1", "localhost.evil.example"].iter().any(|h| with(h)));
    }

    #[test]
    fn an_address_without_its_token_leads_nowhere_else() {
        let of = |address: &str| without_token(&address.parse().unwrap());
        assert_eq!(of("/?token=x"), "/");
        assert_eq!(of("/model/a?use=research&token=x&need=b"), "/model/a?use=research&need=b");
        for elsewhere in ["//evil.example/?token=x", "/\\evil.example/?token=x", "/\\/\\//evil.example/?token=x"] {
            assert_eq!(of(elsewhere), "/evil.example/", "{elsewhere}");
        }
        assert_eq!(of("/a\\b\u{e9}?token=x"), "/a%5Cb%C3%A9");
    }
}
