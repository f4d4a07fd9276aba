//! The digest by mail, once a week.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use lettre::{Message, SmtpTransport, Transport};
use plimsoll_panel::digest::{Digest, digest_since, week_ago};
use plimsoll_panel::pages::Change;

use crate::app::App;
use crate::error::Problem;

/// How often it is looked whether a week has passed.
const BETWEEN: Duration = Duration::from_secs(3600);
/// The name under which the store keeps when the last digest went out.
const LAST: &str = "digest mailed";

/// How the digest is mailed.
#[derive(Clone)]
pub struct Mail {
    transport: SmtpTransport,
    from: Mailbox,
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

impl Mail {
    /// Mail through the server at `url` (`smtps://user:password@host`, or `smtp://localhost` on this machine).
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

    /// Sends the digest to everyone; one that cannot be reached does not keep it from the others.
    fn send(&self, text: &str) -> Result<(), String> {
        let failures: Vec<String> = self.to.iter().filter_map(|to| self.send_to(to, text).err()).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    }

    fn send_to(&self, to: &Mailbox, text: &str) -> Result<(), String> {
        let message = Message::builder().from(self.from.clone()).to(to.clone()).subject("Plimsoll digest");
        let message = message.body(text.to_owned()).map_err(|error| error.to_string())?;
        self.transport.send(&message).map(drop).map_err(|error| format!("{to}: {error}"))
    }
}

/// Looks now and then whether a week has passed since the last digest went out, and sends the next.
pub async fn weekly(app: Arc<App>) {
    loop {
        if app.mail.is_some() {
            let sent = app.with_store(|app, store| {
                let (now, due) = (Timestamp::now(), week_ago());
                let last = store.note(LAST)?.and_then(|last| last.parse::<Timestamp>().ok());
                if last.is_some_and(|last| now.duration_since(last) < SignedDuration::from_hours(24 * 7)) {
                    return Ok(());
                }
                let digest = digest_since(store, &due)?;
                if let Some(mail) = app.mail.as_ref().filter(|_| digest.total > 0) {
                    mail.send(&text(&digest)).map_err(Problem::Internal)?;
                }
                Ok(store.set_note(LAST, &now.to_string())?)
            });
            if let Err(problem) = sent.await {
                eprintln!("the digest was not mailed: {problem}");
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

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
