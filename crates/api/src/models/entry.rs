//! A model that is served: what is known of it, and itself while it is loaded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use plimsoll_models::Checkpoint;

use super::keep::Keep;
use crate::facts::Facts;
use crate::served::Served;

type Loader = Arc<dyn Fn() -> Result<Served, String> + Send + Sync>;

/// A model that is loaded when it is asked for.
pub struct Offer {
    facts: Facts,
    context: usize,
    /// Bytes that it takes while it is loaded, with its caches.
    pub(super) bytes: u64,
    load: Loader,
}

impl Offer {
    /// Of a checkpoint, which `load` opens as often as it is asked to, with a context of `context` tokens; loaded it takes
    /// `bytes` at most.
    pub fn new(
        checkpoint: &Checkpoint,
        context: usize,
        bytes: u64,
        load: impl Fn() -> Result<Served, String> + Send + Sync + 'static,
    ) -> Offer {
        Offer { facts: Facts::of(checkpoint), context, bytes, load: Arc::new(load) }
    }
}

/// A model, loaded or not.
pub struct Entry {
    /// What its files say of it.
    pub facts: Facts,
    /// Tokens that prompt and answer may take together.
    pub context: usize,
    /// Since when it is served, in seconds of Unix time.
    pub created: i64,
    /// Bytes that it takes while it is loaded.
    pub bytes: u64,
    /// How it is loaded; none of one that always is.
    load: Option<Loader>,
    resident: Mutex<Option<Resident>>,
}

/// A model that is loaded.
struct Resident {
    served: Arc<Served>,
    /// When it was last asked, or seen answering.
    used: Instant,
    keep: Keep,
}

impl Resident {
    /// Whether nobody has it and nothing is asked of it.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.served) == 1 && self.served.open() == 0
    }
}

impl Entry {
    /// One that stays loaded.
    pub fn staying(served: Served) -> Entry {
        let facts = served.facts.clone();
        let (context, created, bytes) = (served.context, served.created, facts.bytes);
        let resident = Resident { served: Arc::new(served), used: Instant::now(), keep: None };
        Entry { facts, context, created, bytes, load: None, resident: Mutex::new(Some(resident)) }
    }

    /// One that is not loaded yet.
    pub fn of(offer: Offer) -> Entry {
        let Offer { facts, context, bytes, load } = offer;
        let created = jiff::Timestamp::now().as_second();
        Entry { facts, context, created, bytes, load: Some(load), resident: Mutex::default() }
    }

    fn resident(&self) -> MutexGuard<'_, Option<Resident>> {
        self.resident.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, if it is loaded.
    pub fn peek(&self) -> Option<Arc<Served>> {
        self.resident().as_ref().map(|resident| Arc::clone(&resident.served))
    }

    /// The model for a request, if it is loaded; from now on it is kept so long.
    pub fn take_up(&self, keep: Keep) -> Option<Arc<Served>> {
        self.resident().as_mut().map(|resident| {
            (resident.used, resident.keep) = (Instant::now(), keep.filter(|_| self.load.is_some()));
            Arc::clone(&resident.served)
        })
    }

    /// Since when nobody has asked for it, if it is loaded, can be loaded again and answers nothing.
    pub fn idle_since(&self) -> Option<Instant> {
        self.load.as_ref()?;
        self.resident().as_ref().filter(|resident| resident.is_idle()).map(|resident| resident.used)
    }

    /// Has it stay loaded so long after it is last asked for.
    pub fn set_keep(&self, keep: Keep) {
        if let Some(resident) = self.resident().as_mut().filter(|_| self.load.is_some()) {
            resident.keep = keep;
        }
    }

    /// When it will be let go if nobody asks for it, where it will be and is loaded.
    pub fn leaves_at(&self) -> Option<Instant> {
        self.resident().as_ref().and_then(|resident| resident.used.checked_add(resident.keep?))
    }

    /// Loads it.
    ///
    /// # Errors
    /// What is wrong with its files, in words.
    pub async fn load(self: &Arc<Self>, keep: Keep) -> Result<Arc<Served>, String> {
        let entry = Arc::clone(self);
        let loaded = tokio::task::spawn_blocking(move || entry.load_now(keep)).await;
        loaded.unwrap_or_else(|_| Err("loading it failed within this program".to_owned()))
    }

    /// Loads it; blocks.
    ///
    /// # Errors
    /// What is wrong with its files, in words.
    pub fn load_now(&self, keep: Keep) -> Result<Arc<Served>, String> {
        let load = self.load.as_ref().ok_or_else(|| "it cannot be loaded again".to_owned())?;
        let served = Arc::new(load()?);
        *self.resident() = Some(Resident { served: Arc::clone(&served), used: Instant::now(), keep });
        Ok(served)
    }

    /// Lets go of it if it is still idle.
    pub fn let_go(&self) {
        let taken = {
            let mut resident = self.resident();
            if self.load.is_some() && resident.as_ref().is_some_and(Resident::is_idle) { resident.take() } else { None }
        };
        drop(taken); // an idle model's thread ends at once
    }

    /// Lets go of it if nobody has asked for it as long as it is kept.
    pub fn let_go_in_time(&self) {
        if let Some(resident) = self.resident().as_mut().filter(|resident| !resident.is_idle()) {
            resident.used = Instant::now();
        }
        if self.leaves_at().is_some_and(|at| at <= Instant::now()) {
            self.let_go();
        }
    }
}
