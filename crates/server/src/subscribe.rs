//! The digest by mail, for whoever asks for it and reads the mail that asks back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use lettre::Address;
use plimsoll_panel::pages::{Action, Chrome, NoticePage, Site};
use plimsoll_panel::store::SignUp;
use serde::Deserialize;

use crate::app::{App, random_hex};
use crate::assets::ASSETS;
use crate::error::Problem;
use crate::guard::is_allowed;
use crate::query::{Fields, Sent};
use crate::reader::Reader;

/// Letters of an address, by RFC 5321.
const LONGEST: usize = 254;

/// Who wants the digest.
#[derive(Debug, Deserialize)]
pub struct SubscribeForm {
    csrf: String,
    address: String,
}

/// What a link in a mail carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Link {
    token: String,
}

/// `POST /digest/subscribe`
pub async fn subscribe(
    State(app): State<Arc<App>>,
    reader: Reader,
    Sent(form): Sent<SubscribeForm>,
) -> Result<Redirect, Problem> {
    reader.require(&form.csrf)?;
    if app.mail.is_none() {
        return Err(Problem::NotFound("this site sends no mail; its feed is at /digest.atom".to_owned()));
    }
    let address = form.address.trim().to_owned();
    let read: Result<Address, _> = address.parse();
    let read = read.ok().filter(|_| address.len() <= LONGEST);
    let read = read.ok_or_else(|| Problem::Bad(format!("`{}` is no mail address", shown(&address))))?;
    let network = reader.network().to_owned();
    if !is_allowed(&app.sign_ups, network, 1.0) {
        return Err(Problem::TooMany("enough mails were asked for from this network; try again in an hour".to_owned()));
    }
    let token = random_hex().map_err(|error| Problem::Internal(error.to_string()))?;
    // One letter box, however its domain is spelt.
    let address = format!("{}@{}", read.user(), read.domain().to_lowercase());
    let (kept, link) = (address.clone(), token.clone());
    let sign_up = app.with_store(move |_, store| Ok(store.sign_up(&kept, &link)?)).await?;
    match sign_up {
        SignUp::Full => {
            return Err(Problem::TooMany("too many addresses wait for their mail; try again tomorrow".to_owned()));
        }
        SignUp::Nothing => {}
        // Behind the answer, which would tell by the time it takes whether there was something to send.
        SignUp::Send => drop(tokio::task::spawn_blocking(move || {
            let Some(mail) = &app.mail else { return };
            if let Err(problem) = mail.ask(&address, &format!("{}/digest/confirm?token={token}", app.site)) {
                eprintln!("a mail that asks whether the digest is wanted did not go out: {problem}");
            }
        })),
    }
    Ok(Redirect::to("/digest?mail=asked#mail"))
}

/// `GET /digest/confirm?token=…`: a button, for programs that follow links in mails follow this one too.
pub async fn confirm_page(Fields(link): Fields<Link>) -> Response {
    let about = "Once a week, where a verdict changed, to the address at which you read the mail with this link.";
    let path = format!("/digest/confirm?token={}", only_digits(&link.token));
    page("Have the digest sent?", about, Some(Action { button: "Yes, send me the digest", path: &path }))
}

/// `POST /digest/confirm?token=…`
pub async fn confirm(State(app): State<Arc<App>>, Fields(link): Fields<Link>) -> Result<Response, Problem> {
    let is_found = app.with_store(move |_, store| Ok(store.confirm(&link.token)?)).await?;
    let gone = || {
        Problem::NotFound(
            "this link was followed before, or is older than two days; ask for the digest again".to_owned(),
        )
    };
    is_found.then(|| page("You get the digest", "Every mail has a link that ends it.", None)).ok_or_else(gone)
}

/// `GET /digest/leave?token=…`
pub async fn leave_page(Fields(link): Fields<Link>) -> Response {
    let path = format!("/digest/leave?token={}", only_digits(&link.token));
    let about = "The address is forgotten, and no further mail comes.";
    page("End the digest?", about, Some(Action { button: "Yes, send me no more", path: &path }))
}

/// `POST /digest/leave?token=…`, which mail programs send by themselves (RFC 8058). Whether there was such an address is not
/// said: whoever left twice has left.
pub async fn leave(State(app): State<Arc<App>>, Fields(link): Fields<Link>) -> Result<Response, Problem> {
    app.with_store(move |_, store| Ok(store.leave(&link.token)?)).await?;
    Ok(page("No more mail", "The address is forgotten.", None))
}

fn page(heading: &str, about: &str, action: Option<Action<'_>>) -> Response {
    let chrome = Chrome::Site(Site { csrf: "", path: "", bookmarked: false, talks: false, assets: &ASSETS });
    Html(NoticePage { chrome, heading, about, meant: None, action }.html()).into_response()
}

/// Tokens have hexadecimal digits alone; what else an address carries goes into no page.
fn only_digits(token: &str) -> String {
    token.chars().filter(char::is_ascii_hexdigit).take(64).collect()
}

/// The beginning of what somebody typed.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
