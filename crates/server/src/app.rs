//! What all requests share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use hmac::{Hmac, KeyInit, Mac};
use plimsoll_catalog::Catalog;
use plimsoll_lab::predict::here::Here;
use plimsoll_panel::pages::{DeviceGroup, device_groups};
use plimsoll_panel::predicted::Costs;
use plimsoll_panel::rubric::Rubric;
use sha2::Sha256;

use crate::error::Problem;
use crate::guard::Limits;
use crate::jobs::Jobs;
use crate::mail::Mail;
use crate::metrics::Meter;
use crate::places::Places;
use crate::pool::{Pool, Taken};
use crate::{Models, Options, ServeError, reach};

/// Event streams at once, and of one network.
const STREAMS: usize = 128;
const STREAMS_EACH: usize = 32;

/// What all requests share.
pub struct App {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
    pub(crate) pool: Pool,
    pub(crate) catalog: Catalog,
    pub(crate) rubric: Rubric,
    /// What the shapes of the catalogue cost.
    pub(crate) costs: Costs,
    pub(crate) jobs: Jobs,
    pub(crate) mail: Option<Mail>,
    /// The models that answer at `/v1`.
    pub(crate) models: Arc<Models>,
    /// Set once nothing new is begun: what is being answered is finished, and the server ends.
    pub(crate) is_ending: AtomicBool,
    /// Where readers reach this server, without a slash at the end: what stands in mails and feeds.
    pub(crate) site: String,
    /// What this machine can do, once it is measured.
    pub(crate) here: OnceLock<Arc<Here>>,
    /// The devices that a form offers.
    pub(crate) devices: Vec<DeviceGroup>,
    pub(crate) limits: Mutex<Limits>,
    /// Who asked lately without the token.
    pub(crate) strangers: Mutex<Limits>,
    /// Who marked pages lately.
    pub(crate) bookmarks: Mutex<Limits>,
    /// Of event streams, which last as long as a comparison does.
    pub(crate) streams: Places,
    /// Who asked lately to have mail sent to an address.
    pub(crate) sign_ups: Mutex<Limits>,
    pub(crate) meter: Meter,
    /// Known to this process alone: what forms carry is made of it.
    secret: String,
}

impl App {
    pub(crate) fn new(options: Options, address: SocketAddr) -> Result<App, ServeError> {
        let Options { token, store, catalog, rubric, models, launch, mail, site, .. } = options;
        let site =
            site.map_or_else(|| reach::addresses(address).remove(0), |site| site.trim_end_matches('/').to_owned());
        let meter = Meter::new();
        models.measure(meter.recorder());
        Ok(App {
            models: Arc::new(models),
            is_ending: AtomicBool::new(false),
            site,
            here: OnceLock::new(),
            devices: device_groups(&catalog),
            sign_ups: Mutex::new(Limits::of_sign_ups()),
            address,
            token,
            pool: Pool::open(store.clone())?,
            catalog,
            rubric,
            costs: Costs::default(),
            jobs: Jobs::new(launch, store),
            mail,
            limits: Mutex::new(Limits::of_requests()),
            strangers: Mutex::new(Limits::of_strangers()),
            bookmarks: Mutex::new(Limits::of_bookmarks()),
            streams: Places::new(STREAMS, STREAMS_EACH),
            meter,
            secret: random_hex()?,
        })
    }

    /// What forms of this reader carry.
    pub(crate) fn csrf(&self, reader: &str) -> String {
        let key = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        hex(key.chain_update(reader.as_bytes()).finalize().into_bytes())
    }

    /// Runs `work` with a connection to the store, where it may block. Once nobody waits for the answer any more, because the
    /// reader went away or it took too long, the store fails whatever is still asked of it, so that `work` ends.
    pub(crate) async fn with_store<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&App, &mut Taken) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (app, turn) = (Arc::clone(self), self.pool.turn().await);
        let stop = Arc::new(AtomicBool::new(false));
        let _abandoned = Abandoned(Arc::clone(&stop));
        let done = tokio::task::spawn_blocking(move || {
            let mut store = app.pool.take(turn, stop)?;
            work(&app, &mut store)
        });
        done.await.map_err(|_| Problem::Internal("a request ended before its time".to_owned()))?
    }
}

/// Says when it is dropped that nobody waits any more.
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// 128 random bits.
pub(crate) fn random_hex() -> Result<String, ServeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ServeError::Random(error.to_string()))?;
    Ok(hex(bytes))
}

/// Bytes as hexadecimal digits, two of each.
pub(crate) fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}
