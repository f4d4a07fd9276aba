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
use std::sync::atomic::Ordering;
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

/// How often a server that ends looks whether everything is answered.
const LOOKS: Duration = Duration::from_millis(50);
/// How often what was counted is put together.
const TIDIES: Duration = Duration::from_secs(5);

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
    /// How long models may take to finish their answers once the server is told to stop.
    pub drain: Duration,
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
    drain: Duration,
}

/// Takes the address and opens the store.
///
/// # Errors
/// [`ServeError`].
pub async fn bind(options: Options) -> Result<Server, ServeError> {
    let address = options.address;
    if !address.ip().is_loopback() && options.token.is_none() {
        return Err(ServeError::Open(address));
    }
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
    let local = listener.local_addr().map_err(|source| ServeError::Bind { address, source })?;
    let drain = options.drain;
    Ok(Server { listener, app: Arc::new(App::new(options, local)?), drain })
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

    /// Answers until `stop` is there. Then models take no new requests and finish what they answer, for as long as
    /// [`Options::drain`] allows; a comparison under way is ended, and goes on where it stopped when it is asked for again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Server { listener, app, drain } = self;
        let mail = tokio::spawn(mail::weekly(Arc::clone(&app)));
        let measuring = tokio::spawn(measure(Arc::clone(&app)));
        let tidying = tokio::spawn(tidy(Arc::clone(&app)));
        let models = Arc::clone(&app.models);
        let tending = tokio::spawn(async move { models.tend().await });
        let routes = routes::routes(Arc::clone(&app));
        // Who follows a comparison hears that it ended before the connection does.
        let stop = async {
            stop.await;
            app.is_ending.store(true, Ordering::SeqCst);
            app.jobs.stop();
            let _ = tokio::time::timeout(drain, finished(&app.models)).await;
            app.models.end();
        };
        listen::serve(listener, routes, stop).await;
        let _ = tokio::time::timeout(ENDING, app.jobs.ended()).await;
        [mail, measuring, tidying, tending].iter().for_each(|task| task.abort());
    }
}

/// Until models have finished what they answer.
async fn finished(models: &Models) {
    while models.answering() > 0 {
        tokio::time::sleep(LOOKS).await;
    }
}

/// Now and then, whether or not anybody reads what is counted.
async fn tidy(app: Arc<App>) {
    loop {
        tokio::time::sleep(TIDIES).await;
        app.meter.tidy();
    }
}

/// Measures this machine once; pages say that it is not measured yet until then.
async fn measure(app: Arc<App>) {
    if let Some(here) = app.jobs.here().await {
        app.here.get_or_init(|| Arc::new(here));
    }
}
