//! Requests: the only place where a socket is opened.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use crate::address::{Address, RedirectError};
use crate::error::FetchError;
use crate::patience::{Cancel, Patience, retry_after};
use crate::token::Token;

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
    agent: Agent,
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

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Of the last request.
    pub(crate) address: Address,
    pub(crate) body: Body,
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
        Ok(Wire { agent: agent(&patience, proxying), token, home, patience })
    }

    /// The same with connections of its own, which can be cut without cutting others.
    pub(crate) fn apart(&self) -> Wire {
        let agent = Agent::new_with_config(self.agent.config().clone());
        Wire { agent, ..self.clone() }
    }

    /// Cuts every connection: whoever waits for a byte is told at once.
    pub(crate) fn cut(&self) {
        self.agent.clone().shutdown();
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
        method: &Method,
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

    fn ask_there(&self, method: &Method, at: &Address, headers: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let mut request = Request::builder().method(method).uri(at.whole()).header("accept-encoding", "identity");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = self.token.as_ref().filter(|_| at.has_origin_of(&self.home)) {
            request = request.header("authorization", token.header());
        }
        let malformed = |error: ureq::http::Error| self.broken(at, error.into());
        let response = self.agent.run(request.body(()).map_err(malformed)?).map_err(|error| self.broken(at, error))?;
        let (parts, body) = response.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, address: at.clone(), body })
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
            let answer = self.ask(&Method::GET, address, headers, Follow::All)?;
            judge(&answer)?;
            let mut text = Vec::new();
            let reader = answer.body.into_reader().take(LONGEST_TEXT + 1).read_to_end(&mut text);
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
    pub(crate) fn broken(&self, address: &Address, error: ureq::Error) -> FetchError {
        let address = address.clone();
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                FetchError::Connection { address, problem: "no connection in time".to_owned() }
            }
            ureq::Error::Timeout(_) => FetchError::Stalled { address, after: self.patience.stall },
            ureq::Error::Io(error) if timed_out(&error) => FetchError::Stalled { address, after: self.patience.stall },
            ureq::Error::Protocol(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                FetchError::Answer { address, problem: error.to_string() }
            }
            other => FetchError::Connection { address, problem: other.to_string() },
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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

fn agent(patience: &Patience, proxying: Proxying) -> Agent {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let certificates = rustls_native_certs::load_native_certs().certs;
    let certificates = certificates.iter().map(|der| Certificate::from_der(der).to_owned());
    let roots: RootCerts = certificates.into();
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
    let proxy = match proxying {
        Proxying::Direct => None,
        Proxying::FromEnvironment => Proxy::try_from_env(),
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience.connect))
        .timeout_resolve(Some(patience.connect))
        .timeout_per_read(Some(patience.stall))
        .timeout_per_write(Some(patience.stall))
        .max_idle_connections_per_host(16)
        .tls_config(tls)
        .proxy(proxy)
        .build();
    Agent::new_with_config(config)
}
