//! Connections to the store: a few, for which requests wait. Each keeps files open and pages in memory, and SQLite closes the
//! files of none before those of all others.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_panel::store::{Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once.
const CONNECTIONS: usize = 8;

/// Opens connections and takes them back.
pub struct Pool {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Store>>>,
    turns: Arc<Semaphore>,
}

/// The right to one connection.
pub type Turn = OwnedSemaphorePermit;

impl Pool {
    /// A pool for the store at `path`, which is opened at once to see that it can be.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: PathBuf) -> Result<Pool, StoreError> {
        let first = Store::open(&path)?;
        let turns = Arc::new(Semaphore::new(CONNECTIONS));
        Ok(Pool { path, idle: Arc::new(Mutex::new(vec![first])), turns })
    }

    /// Waits until a connection is free.
    pub async fn turn(&self) -> Turn {
        Arc::clone(&self.turns).acquire_owned().await.expect("nobody closes it")
    }

    /// A connection of one's own, which fails once `stop` is set.
    ///
    /// # Errors
    /// When the store cannot be opened again.
    pub fn take(&self, turn: Turn, stop: Arc<AtomicBool>) -> Result<Taken, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut store = idle.map_or_else(|| Store::open(&self.path), Ok)?;
        store.stop_on(Some(stop));
        Ok(Taken { store: Some(store), idle: Arc::clone(&self.idle), _turn: turn })
    }
}

/// A connection that goes back to its pool.
pub struct Taken {
    store: Option<Store>,
    idle: Arc<Mutex<Vec<Store>>>,
    _turn: Turn,
}

impl Deref for Taken {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Store {
        self.store.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(mut store) = self.store.take() {
            store.stop_on(None);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(store);
        }
    }
}
