//! The catalogue, the comparisons of this machine's store and the panel's verdicts as pages and as JSON.
//!
//! [`bind`] takes the address, [`Server::run`] answers until it is told to stop. Pages come from
//! [`plimsoll_panel::pages`]; what stands here is HTTP: who reads, what they may, and how long it may take. Measuring is
//! done by another process of the same program, so that nothing a model does can take the server down.
#![forbid(unsafe_code)]

mod afloat;
mod api;
mod app;
mod assets;
mod contenders;
mod device;
mod error;
mod forms;
mod fresh;
mod guard;
mod jobs;
mod listen;
mod mail;
mod mask;
mod metrics;
mod openapi;
mod pages;
mod patient;
mod places;
mod pool;
mod query;
mod reach;
mod reader;
mod routes;
mod subscribe;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_catalog::Catalog;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::StoreError;

pub use app::App;
pub use jobs::{Launch, Measuring};
pub use mail::{Mail, MailError};
pub use plimsoll_api::Models;

/// A comparison that was ended has this long until its process is gone.
const ENDING: Duration = Duration::from_secs(2);

/// What a server is started with.
pub struct Options {
    /// Where it listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// What every request has to show; none on loopback only.
    pub token: Option<String>,
    /// The evidence store.
    pub store: PathBuf,
    /// The models.
    pub catalog: Catalog,
    /// What the panel judges by.
    pub rubric: Rubric,
    /// The models that answer at `/v1`.
    pub models: Models,
    /// How two models are measured.
    pub launch: Arc<dyn Launch>,
    /// How the digest is mailed, if it is.
    pub mail: Option<Mail>,
    /// Where readers reach it, such as `https://plimsoll.example`, for links in mails and feeds; without it one of the
    /// machine's own addresses.
    pub site: Option<String>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Reachable from elsewhere, and anyone could come in.
    #[error("{0} can be reached from other machines, and there is no token to keep them out")]
    Open(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no randomness, without which nothing here is safe.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: tokio::net::TcpListener,
    app: Arc<App>,
    models: Arc<Models>,
}

/// Takes the address and opens the store.
///
/// # Errors
/// [`ServeError`].
pub async fn bind(mut options: Options) -> Result<Server, ServeError> {
    let address = options.address;
    if !address.ip().is_loopback() && options.token.is_none() {
        return Err(ServeError::Open(address));
    }
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
    let local = listener.local_addr().map_err(|source| ServeError::Bind { address, source })?;
    let models = Arc::new(std::mem::take(&mut options.models));
    Ok(Server { listener, app: Arc::new(App::new(options, &models, local)?), models })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// Addresses at which it can be opened: this machine's own first, and those of its network where it listens there.
    pub fn addresses(&self) -> Vec<String> {
        reach::addresses(self.address())
    }

    /// Answers until `stop` is there; what is under way then is finished, and a comparison under way ended: it goes on
    /// where it stopped when it is asked for again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Server { listener, app, models } = self;
        let mail = tokio::spawn(mail::weekly(Arc::clone(&app)));
        let measuring = tokio::spawn(measure(Arc::clone(&app)));
        let routes = routes::routes(Arc::clone(&app), models);
        // Who follows a comparison hears that it ended before the connection does.
        let stop = async {
            stop.await;
            app.jobs.stop();
        };
        listen::serve(listener, routes, stop).await;
        let _ = tokio::time::timeout(ENDING, app.jobs.ended()).await;
        mail.abort();
        measuring.abort();
    }
}

/// Measures this machine once; pages say that it is not measured yet until then.
async fn measure(app: Arc<App>) {
    if let Some(here) = app.jobs.here().await {
        app.here.get_or_init(|| Arc::new(here));
    }
}
