//! Requests. `socket.rs` is the only place where a socket is opened; a build without the feature `network` has
//! `no_socket.rs` in its place, which opens none.

#[cfg_attr(feature = "network", path = "socket.rs")]
#[cfg_attr(not(feature = "network"), path = "no_socket.rs")]
mod socket;

use std::io::{self, Read};
use std::time::Duration;

use crate::address::{Address, RedirectError};
use crate::error::FetchError;
use crate::patience::{Cancel, Patience, retry_after};
use crate::token::Token;
use socket::Socket;

/// Redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;
/// Longest description that is read: a listing of a hundred thousand files.
const LONGEST_TEXT: u64 = 64 << 20;

/// Whether requests go through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxying {
    /// They go where they are addressed.
    #[default]
    Direct,
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    FromEnvironment,
}

/// Who is asked, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    socket: Socket,
    token: Option<Token>,
    /// The only origin that the token goes to.
    home: Address,
    pub(crate) patience: Patience,
}

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// To wherever they lead.
    All,
    /// Within an origin; the answer that leads elsewhere is taken as it is.
    WithinOrigin,
}

/// How something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
}

/// Why nothing came back.
#[derive(Debug)]
#[cfg_attr(not(feature = "network"), allow(dead_code, reason = "without a socket, hardly anything breaks"))]
pub(crate) enum Broken {
    /// There is no connection, or it broke; in the words of the system.
    NoConnection(String),
    /// Nothing came for a while.
    Stalled,
    /// What came is no answer.
    NoAnswer(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        match error.kind() {
            io::ErrorKind::TimedOut => Broken::Stalled,
            io::ErrorKind::InvalidData => Broken::NoAnswer(error.to_string()),
            _ => Broken::NoConnection(error.to_string()),
        }
    }
}

/// What came back on a socket.
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Box<dyn Read + Send>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// Of the last request.
    pub(crate) address: Address,
    pub(crate) body: Box<dyn Read + Send>,
}

impl Wire {
    pub(crate) fn new(
        home: Address,
        token: Option<Token>,
        patience: Patience,
        proxying: Proxying,
    ) -> Result<Wire, FetchError> {
        if token.is_some() && home.is_open() {
            return Err(FetchError::OpenToken { address: home });
        }
        Ok(Wire { socket: Socket::new(&patience, proxying), token, home, patience })
    }

    /// The same with connections of its own, which can be cut without cutting others.
    pub(crate) fn apart(&self) -> Wire {
        Wire { socket: self.socket.apart(), ..self.clone() }
    }

    /// Cuts every connection: whoever waits for a byte is told at once.
    pub(crate) fn cut(&self) {
        self.socket.cut();
    }

    pub(crate) fn home(&self) -> &Address {
        &self.home
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Asks once. Whatever status comes is an answer, but for a redirect that is followed.
    pub(crate) fn ask(
        &self,
        method: Method,
        address: &Address,
        headers: &[(&str, &str)],
        follow: Follow,
    ) -> Result<Answer, FetchError> {
        let mut at = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask_there(method, &at, headers)?;
            let leads = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            if !leads {
                return Ok(answer);
            }
            let redirected = |problem| FetchError::Redirect { address: at.clone(), problem };
            let location = answer.header("location").ok_or_else(|| redirected(RedirectError::Nowhere))?;
            let to = at.redirected(location).map_err(redirected)?;
            if follow == Follow::WithinOrigin && !to.has_origin_of(&at) {
                return Ok(answer);
            }
            at = to;
        }
        Err(FetchError::Redirect { address: address.clone(), problem: RedirectError::TooMany })
    }

    fn ask_there(&self, method: Method, at: &Address, headers: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let bearer = self.token.as_ref().filter(|_| at.has_origin_of(&self.home)).map(Token::header);
        let usual = [("accept-encoding", "identity")];
        let headers =
            usual.iter().chain(headers).copied().chain(bearer.as_deref().map(|token| ("authorization", token)));
        let response = self.socket.ask(method, &at.whole(), headers).map_err(|error| self.broken(at, error))?;
        let Response { status, headers, body } = response;
        Ok(Answer { status, headers, address: at.clone(), body })
    }

    /// The text at `address`, asked for until it comes. `judge` makes an error of an answer that is none.
    pub(crate) fn text(
        &self,
        address: &Address,
        headers: &[(&str, &str)],
        cancel: &Cancel,
        judge: impl Fn(&Answer) -> Result<(), FetchError>,
    ) -> Result<Vec<u8>, FetchError> {
        self.until_it_comes(cancel, || {
            let answer = self.ask(Method::Get, address, headers, Follow::All)?;
            judge(&answer)?;
            let mut text = Vec::new();
            let reader = answer.body.take(LONGEST_TEXT + 1).read_to_end(&mut text);
            reader.map_err(|error| self.broken(address, error.into()))?;
            if text.len() as u64 > LONGEST_TEXT {
                let problem = "the answer is longer than any description".to_owned();
                return Err(FetchError::Answer { address: address.clone(), problem });
            }
            Ok(text)
        })
    }

    /// Tries until it succeeds, fails for good, or patience ends.
    pub(crate) fn until_it_comes<T>(
        &self,
        cancel: &Cancel,
        mut attempt: impl FnMut() -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let mut failed = 0;
        loop {
            cancel.check()?;
            let error = match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failed += 1;
            match self.patience.wait(failed, &error) {
                Some(wait) => cancel.sleep(wait)?,
                None => return Err(error),
            }
        }
    }

    /// What a failed connection is called.
    pub(crate) fn broken(&self, address: &Address, error: Broken) -> FetchError {
        let address = address.clone();
        match error {
            Broken::NoConnection(problem) => FetchError::Connection { address, problem },
            Broken::Stalled => FetchError::Stalled { address, after: self.patience.stall },
            Broken::NoAnswer(problem) => FetchError::Answer { address, problem },
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How long the server asks to be left alone: `Retry-After`, or the `t=` of `RateLimit`.
    fn after(&self) -> Option<Duration> {
        let limit = || {
            let seconds = self.header("ratelimit")?.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
            Some(Duration::from_secs(seconds.parse().ok()?))
        };
        self.header("retry-after").and_then(retry_after).or_else(limit)
    }

    /// What a status that brings nothing is called, but for what only the hub knows more of.
    pub(crate) fn failure(&self, what: &'static str, token_given: bool) -> Option<FetchError> {
        let (address, status) = (self.address.clone(), self.status);
        match status {
            200..=299 => None,
            401 => Some(FetchError::Unknown { address, token_given }),
            404 | 410 => Some(FetchError::NotFound { address, what }),
            408 | 429 | 500..=599 => Some(FetchError::Busy { address, status, after: self.after() }),
            400..=499 => Some(FetchError::Refused { address, status }),
            _ => Some(FetchError::Answer { address, problem: format!("the server answered {status}") }),
        }
    }
}
