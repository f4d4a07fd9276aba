//! Memory that models share.

use std::time::{Duration, Instant};

use super::{Entry, Models, OfferError};
use crate::error::ApiError;

/// How long a request waits for others to be answered, so that there is room for its model.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks meanwhile.
const LOOKS: Duration = Duration::from_millis(50);

impl Models {
    /// Loads models in the order of `names`, as far as there is room; the others are loaded when they are asked for.
    ///
    /// # Errors
    /// One that there is room for cannot be loaded.
    pub fn load_what_fits<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), OfferError> {
        for name in names {
            let Some(entry) = self.entries.get(name).filter(|entry| entry.peek().is_none()) else { continue };
            if self.has_room(entry.bytes) {
                let loaded = entry.load_now(self.keep);
                loaded.map_err(|why| OfferError::Unloaded { name: name.to_owned(), why })?;
            }
        }
        Ok(())
    }

    /// Whether there are `bytes` left.
    fn has_room(&self, bytes: u64) -> bool {
        let loaded = self.entries.values().filter(|entry| entry.peek().is_some());
        let taken: u64 = loaded.map(|entry| entry.bytes).sum();
        self.memory.is_none_or(|memory| taken.saturating_add(bytes) <= memory)
    }

    /// Lets go of models that nobody asks for, the longest first, until there are `bytes` left.
    ///
    /// # Errors
    /// Those that are answering leave no room, for longer than a request waits.
    pub(super) async fn make_room(&self, bytes: u64) -> Result<(), ApiError> {
        let until = Instant::now() + PATIENCE;
        while !self.has_room(bytes) {
            let idle = self.entries.values().filter_map(|entry| Some((entry.idle_since()?, entry)));
            match idle.min_by_key(|(since, _)| *since) {
                Some((_, entry)) => Entry::let_go(entry),
                None if Instant::now() > until => return Err(ApiError::no_room()),
                None => tokio::time::sleep(LOOKS).await,
            }
        }
        Ok(())
    }
}
