//! Mail: the digest once a week, and the question whether somebody wants it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::{Message, SmtpTransport, Transport};
use plimsoll_panel::digest::{Digest, digest_since, week_ago};
use plimsoll_panel::pages::Change;
use plimsoll_panel::store::Store;

use crate::app::App;
use crate::error::Problem;

/// How often it is looked whether a week has passed.
const BETWEEN: Duration = Duration::from_secs(3600);
/// The name under which the store keeps when the last digest went out.
const LAST: &str = "digest mailed";

/// How mail is sent.
#[derive(Clone)]
pub struct Mail {
    transport: SmtpTransport,
    from: Mailbox,
    /// Who gets the digest without having asked on a page.
    to: Vec<Mailbox>,
}

/// Why mail is not configured right.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server's address.
    #[error("the mail server's address is not understood: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
    /// An address of a person.
    #[error("`{address}` is no mail address: {source}")]
    Address {
        /// As it was given.
        address: String,
        /// Why not.
        source: lettre::address::AddressError,
    },
}

/// Why a mail did not go out, without the address that it was for: what is logged is read by others than who has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Undelivered {
    /// The address or the mail cannot be put in the form of one.
    #[error("no mail can be made of it")]
    Form,
    /// The mail server heard it and said no.
    #[error("the mail server refused it with {0}")]
    Refused(String),
    /// The mail server was not reached, or was not understood.
    #[error("the mail server was not reached: {0}")]
    Unreached(String),
}

impl Undelivered {
    fn of(error: &lettre::transport::smtp::Error) -> Undelivered {
        match error.status() {
            Some(code) => Undelivered::Refused(code.to_string()),
            None => Undelivered::Unreached(error.to_string()),
        }
    }
}

impl Mail {
    /// Mail through the server at `url` (`smtps://user:password@host`, or `smtp://localhost` on this machine); the digest goes
    /// to the addresses in `to` besides those that ask for it.
    ///
    /// # Errors
    /// [`MailError`], which names the address.
    pub fn new(url: &str, from: &str, to: &[String]) -> Result<Mail, MailError> {
        let mailbox = |address: &str| {
            let parsed = address.parse();
            parsed.map_err(|source| MailError::Address { address: address.to_owned(), source })
        };
        Ok(Mail {
            transport: SmtpTransport::from_url(url)?.timeout(Some(Duration::from_secs(30))).build(),
            from: mailbox(from)?,
            to: to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?,
        })
    }

    /// Asks at `address` whether the digest is wanted there; `link` says yes.
    ///
    /// # Errors
    /// That it could not be delivered.
    pub fn ask(&self, address: &str, link: &str) -> Result<(), Undelivered> {
        let text = format!(
            "Somebody, most likely you, asked for Plimsoll's weekly digest of changed verdicts to be sent here.\n\n\
             If you want it, open this link within two days and confirm:\n{link}\n\n\
             If not, do nothing: no further mail comes.\n"
        );
        self.send(&mailbox(address)?, "Have Plimsoll's digest sent to you?", text, None)
    }

    /// Sends one message; `leave` is the address that ends such mails.
    fn send(&self, to: &Mailbox, subject: &str, text: String, leave: Option<&str>) -> Result<(), Undelivered> {
        let mut message = Message::builder().from(self.from.clone()).to(to.clone()).subject(subject);
        if let Some(leave) = leave {
            // RFC 2369 and, for a mail program's own button, RFC 8058.
            for (name, value) in [
                ("List-Unsubscribe", format!("<{leave}>")),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ] {
                message = message.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
            }
        }
        let message = message.body(text).map_err(|_| Undelivered::Form)?;
        self.transport.send(&message).map(drop).map_err(|error| Undelivered::of(&error))
    }
}

fn mailbox(address: &str) -> Result<Mailbox, Undelivered> {
    address.parse().map_err(|_| Undelivered::Form)
}

/// Looks now and then whether a week has passed since the last digest went out, and sends the next.
pub async fn weekly(app: Arc<App>) {
    loop {
        if app.mail.is_some()
            && let Err(problem) = app.with_store(|app, store| send_due(app, store)).await
        {
            eprintln!("the digest was not mailed: {problem}");
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Sends the digest to whoever got none within a week. One who cannot be reached does not keep it from the others, and is
/// tried again within the hour, a few times; those who were named when the server was started get theirs together.
fn send_due(app: &App, store: &mut Store) -> Result<(), Problem> {
    let Some(mail) = &app.mail else { return Ok(()) };
    let (now, since) = (Timestamp::now(), week_ago());
    let digest = digest_since(store, &since)?;
    if digest.total == 0 {
        return Ok(());
    }
    let text = text(&digest);
    let mut failures: Vec<Undelivered> = Vec::new();
    let last = store.note(LAST)?.and_then(|last| last.parse::<Timestamp>().ok());
    if !mail.to.is_empty() && last.is_none_or(|last| now.duration_since(last) >= SignedDuration::from_hours(24 * 7)) {
        let sent = mail.to.iter().map(|to| mail.send(to, SUBJECT, text.clone(), None));
        let failed: Vec<Undelivered> = sent.filter_map(Result::err).collect();
        // Where nobody could be reached it is the server that failed, and the next hour may be better.
        if failed.len() < mail.to.len() {
            store.set_note(LAST, &now.to_string())?;
        }
        failures.extend(failed);
    }
    let (mut is_anybody_reached, mut refused) = (false, Vec::new());
    for address in store.subscribers_due(&since)? {
        let leave = format!("{}/digest/leave?token={}", app.site, store.leave_token(&address)?);
        let text = format!("{text}--\nTo get no more of these: {leave}\n");
        match mailbox(&address).and_then(|to| mail.send(&to, SUBJECT, text, Some(&leave))) {
            Ok(()) => {
                is_anybody_reached = true;
                store.mailed(&address)?;
            }
            Err(failed) => {
                if !matches!(failed, Undelivered::Unreached(_)) {
                    refused.push(address);
                }
                failures.push(failed);
            }
        }
    }
    for address in refused {
        store.refused(&address, is_anybody_reached)?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Problem::Internal(told(failures))) }
}

/// How many mails did not go out, by why.
fn told(mut failures: Vec<Undelivered>) -> String {
    failures.sort();
    let alike = failures.chunk_by(|a, b| a == b).map(|alike| format!("{} of the mails: {}", alike.len(), alike[0]));
    alike.collect::<Vec<_>>().join("; ")
}

/// What every digest is called.
const SUBJECT: &str = "Plimsoll digest";

/// The digest as plain text.
fn text(digest: &Digest) -> String {
    let mut text = "Verdicts that changed this week:\n\n".to_owned();
    for Change { now, before, because } in &digest.changes {
        text += &format!("{}: {}\n", now.model, now.verdict);
        match before {
            Some(before) => text += &format!("  before: {}\n", before.verdict),
            None => text += "  judged for the first time\n",
        }
        because.iter().for_each(|because| text += &format!("  {because}\n"));
        text += &format!("  {} use, {}\n\n", now.usage, now.device);
    }
    if digest.untold() > 0 {
        text += &format!("and {} earlier ones: `plimsoll history` lists all\n", digest.untold());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_names_no_address() {
        let refused = || Undelivered::Refused("550".to_owned());
        let told = told(vec![refused(), Undelivered::Unreached("Connection error".to_owned()), refused()]);
        assert_eq!(
            told,
            "2 of the mails: the mail server refused it with 550; 1 of the mails: the mail server was not reached: Connection error"
        );
        let form = mailbox("no address of somebody@").unwrap_err();
        assert!(!form.to_string().contains("somebody"), "{form}");
    }
}
