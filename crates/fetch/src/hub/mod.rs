//! A hub that speaks Hugging Face's protocol: what a repository holds, and where its files are.

mod listing;
mod outline;

use crate::address::{Address, escaped};
use crate::blob::Parts;
use crate::error::FetchError;
use crate::patience::{Cancel, Patience};
use crate::reference::HubReference;
use crate::token::Token;
use crate::wire::{Answer, Follow, Method, Proxying, Wire};

pub(crate) use listing::bare_etag;
pub use listing::{HubFile, Listing};

/// Hugging Face's own hub.
pub const HUGGING_FACE: &str = "https://huggingface.co";

/// How a hub is reached.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// With what it knows who asks.
    pub token: Option<Token>,
    /// How long is waited.
    pub patience: Patience,
    /// Whether through a proxy.
    pub proxying: Proxying,
    /// How large files are cut.
    pub parts: Parts,
}

/// A hub.
#[derive(Debug, Clone)]
pub struct Hub {
    pub(crate) wire: Wire,
    pub(crate) parts: Parts,
}

impl Hub {
    /// The hub at `endpoint`, such as [`HUGGING_FACE`]. Nothing is asked yet.
    ///
    /// # Errors
    /// That is no address, or a token would be sent there unencrypted.
    pub fn new(endpoint: &str, options: HubOptions) -> Result<Hub, FetchError> {
        let HubOptions { token, patience, proxying, parts } = options;
        Ok(Hub { wire: Wire::new(Address::parse(endpoint)?, token, patience, proxying)?, parts })
    }

    /// What a repository holds at a revision. The revision becomes a commit here, so that all that follows is of one.
    ///
    /// # Errors
    /// There is no such repository or revision, it may not be seen, or the hub cannot be reached.
    pub fn listing(&self, reference: &HubReference, cancel: &Cancel) -> Result<Listing, FetchError> {
        let HubReference { repository, revision, .. } = reference;
        let path = format!("/api/models/{repository}/revision/{}?blobs=true", escaped(revision, false));
        let address = self.wire.home().below(&path);
        let judge = |answer: &Answer| self.judge(answer, repository, "repository or revision");
        let text = self.wire.text(&address, &[], cancel, judge)?;
        Listing::read(repository, revision, &text).map_err(|problem| FetchError::Answer { address, problem })
    }

    /// Where a file of a commit is.
    pub fn address_of(&self, repository: &str, commit: &str, file: &str) -> Address {
        let file = escaped(file, true);
        self.wire.home().below(&format!("/{repository}/resolve/{}/{file}", escaped(commit, false)))
    }

    /// Size and hash of a file that the listing does not tell them of, asked for one by one.
    pub(crate) fn identify(&self, listing: &Listing, name: &str, cancel: &Cancel) -> Result<HubFile, FetchError> {
        let address = self.address_of(&listing.repository, &listing.commit, name);
        self.wire.until_it_comes(cancel, || {
            let answer = self.wire.ask(Method::Head, &address, &[], Follow::WithinOrigin)?;
            let redirected = (300..=399).contains(&answer.status);
            if !redirected {
                self.judge(&answer, &listing.repository, "file")?;
            }
            let commit = answer.header("x-repo-commit").unwrap_or(&listing.commit);
            if commit != listing.commit {
                return Err(FetchError::Changed { address: address.clone() });
            }
            // The length of a redirect is that of its own text.
            let length = answer.header("x-linked-size").or(answer.header("content-length").filter(|_| !redirected));
            let etag = answer.header("x-linked-etag").or(answer.header("etag").filter(|_| !redirected));
            HubFile::of_headers(name, length, etag).map_err(|problem| answer_of(&address, problem))
        })
    }

    /// What an answer without what was asked for is called. The hub says more of it in a header.
    pub(crate) fn judge(&self, answer: &Answer, repository: &str, what: &'static str) -> Result<(), FetchError> {
        let token_given = self.wire.has_token();
        let not_found = |what| FetchError::NotFound { address: answer.address.clone(), what };
        match (answer.header("x-error-code"), answer.status) {
            (_, 200..=299) => Ok(()),
            (Some("GatedRepo"), _) => {
                let accept = self.wire.home().below(&format!("/{repository}"));
                Err(FetchError::Gated { repository: repository.to_owned(), accept, token_given })
            }
            (Some("RepoNotFound"), _) if token_given => Err(not_found("repository")),
            (Some("RevisionNotFound"), _) => Err(not_found("revision")),
            (Some("EntryNotFound"), _) => Err(not_found("file")),
            _ => answer.failure(what, token_given).map_or(Ok(()), Err),
        }
    }
}

fn answer_of(address: &Address, problem: String) -> FetchError {
    FetchError::Answer { address: address.clone(), problem }
}
