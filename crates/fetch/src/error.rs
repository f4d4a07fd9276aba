//! What goes wrong between a name and its files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::{Address, AddressError, RedirectError};
use crate::choice::ChoiceError;
use crate::digest::Digest;
use crate::names::HostileName;
use crate::reference::ReferenceError;

/// Why something was not fetched. Each names the file or the address that it is about, and none shows a token.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What was asked for names no model.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The address of the hub is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The repository has a file whose name is refused.
    #[error(transparent)]
    HostileName(#[from] HostileName),
    /// The repository has nothing to fetch for what was asked.
    #[error("{repository}: {problem}")]
    Choice {
        /// `org/name`.
        repository: String,
        /// What is there instead.
        problem: ChoiceError,
    },
    /// A token would be readable on the way.
    #[error("the token is not sent to {address}, which is not encrypted")]
    OpenToken {
        /// The hub.
        address: Address,
    },
    /// No connection, or one that broke.
    #[error("{address}: {problem}")]
    Connection {
        /// What was asked for.
        address: Address,
        /// In the words of the system.
        problem: String,
    },
    /// Nothing came for a while.
    #[error("{address}: nothing came for {} s", after.as_secs_f32())]
    Stalled {
        /// What was asked for.
        address: Address,
        /// How long that was waited for.
        after: Duration,
    },
    /// A body that ended before its end.
    #[error("{address}: the connection ended {missing} bytes too soon")]
    Truncated {
        /// What was asked for.
        address: Address,
        /// Bytes that did not come.
        missing: u64,
    },
    /// Too many requests, or a server that is busy or broken for now.
    #[error("{address}: the server answered {status}{}", later(*after))]
    Busy {
        /// What was asked for.
        address: Address,
        /// 408, 429 or one of 500 and above.
        status: u16,
        /// How long it asks to be left alone.
        after: Option<Duration>,
    },
    /// The server does not know who asks, and wants to.
    #[error("{address}: {}", match token_given { true => "the token is not accepted", false => "the server wants a token, or there is no such repository" })]
    Unknown {
        /// What was asked for.
        address: Address,
        /// Whether a token was sent.
        token_given: bool,
    },
    /// The maker lets in those who accepted the terms.
    #[error("{repository} is gated: its maker asks to accept terms at {accept}{}", match token_given { true => " with the account of the token", false => ", and a token of that account" })]
    Gated {
        /// `org/name`.
        repository: String,
        /// The page where that is done.
        accept: Address,
        /// Whether a token was sent.
        token_given: bool,
    },
    /// Refused for another reason.
    #[error("{address}: access is refused ({status})")]
    Refused {
        /// What was asked for.
        address: Address,
        /// 403, or another of its kind.
        status: u16,
    },
    /// Nothing is there.
    #[error("{address}: there is no such {what}")]
    NotFound {
        /// What was asked for.
        address: Address,
        /// Repository, revision, file, model.
        what: &'static str,
    },
    /// A redirect that is not followed.
    #[error("the redirect of {address} {problem}")]
    Redirect {
        /// What redirects.
        address: Address,
        /// Why it is not followed.
        problem: RedirectError,
    },
    /// An answer that the protocol does not have.
    #[error("{address}: {problem}")]
    Answer {
        /// What was asked for.
        address: Address,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The file is another one than when its first bytes came.
    #[error("{address}: the file changed while it was fetched")]
    Changed {
        /// What was asked for.
        address: Address,
    },
    /// All bytes came, and they are not the file.
    #[error(transparent)]
    WrongHash(Box<WrongHash>),
    /// A file of this machine.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder of the cache is a link that leads elsewhere.
    #[error("{} is a link; nothing is written through it", path.display())]
    Link {
        /// Which.
        path: PathBuf,
    },
    /// The disk is too small.
    #[error("{} has {free} bytes free, and {needed} are needed", folder.display())]
    NoRoom {
        /// The cache.
        folder: PathBuf,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// Somebody said to stop. What came is kept.
    #[error("stopped; what came is kept, and the next time goes on from there")]
    Cancelled,
}

/// All bytes came, and they are not the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} from {address} is damaged or another file: its hash is {found}, and {expected} was announced")]
pub struct WrongHash {
    /// Its name in the repository.
    pub file: String,
    /// Where it came from.
    pub address: Address,
    /// As the hub announced it.
    pub expected: Digest,
    /// Of what came.
    pub found: Digest,
}

fn later(after: Option<Duration>) -> String {
    after.map_or(String::new(), |after| format!(" and asks to wait {} s", after.as_secs()))
}

impl FetchError {
    /// For `map_err`: `path` could not be read or written.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
        move |source| FetchError::Disk { path: path.to_owned(), source }
    }

    /// Whether trying again may help.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            FetchError::Connection { .. }
                | FetchError::Stalled { .. }
                | FetchError::Truncated { .. }
                | FetchError::Busy { .. }
        )
    }

    /// How long the server asks to be left alone.
    pub fn after(&self) -> Option<Duration> {
        match self {
            FetchError::Busy { after, .. } => *after,
            _ => None,
        }
    }
}
