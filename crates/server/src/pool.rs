//! Connections to the store, for as many requests as there are at once.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_panel::store::{Store, StoreError};

/// Idle connections that are kept.
const KEPT: usize = 8;

/// Opens connections and takes them back.
#[derive(Clone)]
pub struct Pool {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Store>>>,
}

impl Pool {
    /// A pool for the store at `path`, which is opened at once to see that it can be.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: PathBuf) -> Result<Pool, StoreError> {
        let first = Store::open(&path)?;
        Ok(Pool { path, idle: Arc::new(Mutex::new(vec![first])) })
    }

    /// A connection of one's own.
    ///
    /// # Errors
    /// When the store cannot be opened again.
    pub fn take(&self) -> Result<Taken, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let store = idle.map_or_else(|| Store::open(&self.path), Ok)?;
        Ok(Taken { store: Some(store), idle: Arc::clone(&self.idle) })
    }
}

/// A connection that goes back to its pool.
pub struct Taken {
    store: Option<Store>,
    idle: Arc<Mutex<Vec<Store>>>,
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
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.extend(self.store.take());
        }
    }
}
