//! Sockets, with ureq and rustls.

use std::io::{self, Read};

use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy, Timeout};

use super::{Broken, Method, Proxying, Response};
use crate::patience::Patience;

/// Connections, kept while they are of use.
#[derive(Debug, Clone)]
pub struct Socket(Agent);

impl Socket {
    /// No connections yet.
    pub fn new(patience: &Patience, proxying: Proxying) -> Socket {
        Socket(agent(patience, proxying))
    }

    /// The same with connections of its own.
    pub fn apart(&self) -> Socket {
        Socket(Agent::new_with_config(self.0.config().clone()))
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.0.clone().shutdown();
    }

    /// Asks once, and follows no redirect. The names of headers come in small letters.
    pub fn ask<'h>(
        &self,
        method: Method,
        url: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
    ) -> Result<Response, Broken> {
        let mut request = Request::builder().uri(url).method(match method {
            Method::Get => "GET",
            Method::Head => "HEAD",
        });
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(()).map_err(|error| Broken::NoAnswer(error.to_string()))?;
        let (parts, body) = self.0.run(request)?.into_parts();
        let readable = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = parts.headers.iter().filter_map(readable).collect();
        Ok(Response { status: parts.status.as_u16(), headers, body: Box::new(Body(body.into_reader())) })
    }
}

/// A body whose errors are of the kinds that they are.
struct Body(ureq::BodyReader<'static>);

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match Broken::from(ureq::Error::from(error)) {
            Broken::Stalled => io::ErrorKind::TimedOut.into(),
            Broken::NoAnswer(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
            Broken::NoConnection(problem) => io::Error::other(problem),
        })
    }
}

impl From<ureq::Error> for Broken {
    fn from(error: ureq::Error) -> Broken {
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Broken::NoConnection("no connection in time".to_owned())
            }
            ureq::Error::Timeout(_) => Broken::Stalled,
            ureq::Error::Io(error) => error.into(),
            ureq::Error::Protocol(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Broken::NoAnswer(error.to_string())
            }
            other => Broken::NoConnection(other.to_string()),
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
