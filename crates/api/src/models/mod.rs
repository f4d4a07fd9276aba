//! The models that are served, by name: which there are, and which of them are loaded.

mod entry;
mod keep;
mod room;
mod routes;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::Recorder;

pub(crate) use entry::Entry;
pub use entry::Offer;
pub use keep::{Keep, parse_keep};
pub use routes::{list, one};

use crate::error::ApiError;
use crate::served::Served;

/// Two models, or a model and another name, are called the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two models would be called `{0}`")]
pub struct NamesClash(pub String);

/// Why a model cannot be offered, or was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Its name is taken.
    #[error(transparent)]
    Clash(#[from] NamesClash),
    /// It alone is more than all models may take.
    #[error("`{name}` takes {bytes} bytes with its cache, and all models together may take {memory}")]
    TooLarge {
        /// Its name.
        name: String,
        /// What it takes.
        bytes: u64,
        /// What there is.
        memory: u64,
    },
    /// It could not be loaded.
    #[error("`{name}`: {why}")]
    Unloaded {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// The models that are served, and other names for them.
///
/// Those that were offered are loaded when they are asked for, within the memory that all may take: who has not been asked
/// for longest makes room, never one that is answering.
#[derive(Default)]
pub struct Models {
    entries: BTreeMap<String, Arc<Entry>>,
    aliases: BTreeMap<String, String>,
    /// Bytes that loaded models may take together; none is no bound.
    memory: Option<u64>,
    /// How long a model stays loaded that nobody asks for.
    keep: Keep,
    /// One is loaded at a time.
    loading: tokio::sync::Mutex<()>,
    recorder: OnceLock<Arc<dyn Recorder + Send + Sync>>,
}

impl Models {
    /// No models, with bounds for those to come: bytes that they may take together, and how long one stays loaded that nobody
    /// asks for.
    pub fn within(memory: Option<u64>, keep: Keep) -> Models {
        Models { memory, keep, ..Models::default() }
    }

    /// Adds a model that stays loaded.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn add(&mut self, name: &str, served: Served) -> Result<(), NamesClash> {
        self.free(name)?;
        self.entries.insert(name.to_owned(), Arc::new(Entry::staying(served)));
        Ok(())
    }

    /// Adds a model that is loaded when it is asked for.
    ///
    /// # Errors
    /// There is one of this name, or there is never room for it.
    pub fn offer(&mut self, name: &str, offer: Offer) -> Result<(), OfferError> {
        self.free(name)?;
        if let Some(memory) = self.memory.filter(|memory| offer.bytes > *memory) {
            return Err(OfferError::TooLarge { name: name.to_owned(), bytes: offer.bytes, memory });
        }
        self.entries.insert(name.to_owned(), Arc::new(Entry::of(offer)));
        Ok(())
    }

    /// Has a model answer to another name too, as clients ask for names that they have built in.
    ///
    /// # Errors
    /// There is one of this name.
    ///
    /// # Panics
    /// If no model is called `name`.
    pub fn alias(&mut self, alias: &str, name: &str) -> Result<(), NamesClash> {
        assert!(self.entries.contains_key(name), "`{name}` is served");
        self.free(alias)?;
        self.aliases.insert(alias.to_owned(), name.to_owned());
        Ok(())
    }

    fn free(&self, name: &str) -> Result<(), NamesClash> {
        match self.entries.contains_key(name) || self.aliases.contains_key(name) {
            true => Err(NamesClash(name.to_owned())),
            false => Ok(()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What models answer to, their own names first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().chain(self.aliases.keys()).map(String::as_str)
    }

    /// Has `recorder` count what is asked of each model and answered, under the model's own name. Histograms are to have the
    /// buckets of [`HISTOGRAMS`](crate::HISTOGRAMS). A second call changes nothing.
    pub fn measure(&self, recorder: Arc<dyn Recorder + Send + Sync>) {
        let recorder = self.recorder.get_or_init(|| recorder);
        for (name, served) in self.loaded() {
            served.measure(recorder, name);
        }
    }

    /// Has what [`Models::measure`] counts tell how busy the models are now; no model is waited for.
    pub fn publish(&self) {
        self.loaded().for_each(|(_, served)| served.publish());
    }

    /// Answers that wait or are in the making.
    pub fn answering(&self) -> usize {
        self.loaded().map(|(_, served)| served.open()).sum()
    }

    /// Gives up what is under way, whose readers are told so, and answers nothing more.
    pub fn end(&self) {
        self.loaded().for_each(|(_, served)| served.end());
    }

    /// Those that are loaded.
    fn loaded(&self) -> impl Iterator<Item = (&str, Arc<Served>)> {
        self.entries.iter().filter_map(|(name, entry)| Some((name.as_str(), entry.peek()?)))
    }

    /// What is known of a model, whether it is loaded or not, with its own name.
    ///
    /// # Errors
    /// There is none of this name.
    pub(crate) fn entry(&self, name: &str) -> Result<(&str, &Arc<Entry>), ApiError> {
        let own = self.aliases.get(name).map_or(name, String::as_str);
        match self.entries.get_key_value(own) {
            Some((name, entry)) => Ok((name, entry)),
            None => Err(ApiError::no_model(name, &self.names().collect::<Vec<&str>>())),
        }
    }

    /// The model of a request, with its own name; loads it where it is not loaded.
    ///
    /// # Errors
    /// There is none of this name, it cannot be loaded, or others are answering and leave it no room.
    pub(crate) async fn find(&self, name: &str) -> Result<(&str, Arc<Served>), ApiError> {
        let (own, entry) = self.entry(name)?;
        if let Some(served) = entry.take_up(self.keep) {
            return Ok((own, served));
        }
        let _alone = self.loading.lock().await;
        if let Some(served) = entry.take_up(self.keep) {
            return Ok((own, served));
        }
        self.make_room(entry.bytes).await?;
        let served = entry.load(self.keep).await.map_err(|why| ApiError::internal(format!("`{own}`: {why}")))?;
        if let Some(recorder) = self.recorder.get() {
            served.measure(recorder, own);
        }
        Ok((own, served))
    }

    /// Lets go of models that nobody has asked for as long as they are kept, until it is dropped.
    pub async fn tend(&self) {
        /// How often it looks.
        const LOOKS: Duration = Duration::from_millis(250);
        loop {
            tokio::time::sleep(LOOKS).await;
            for entry in self.entries.values() {
                entry.let_go_in_time();
            }
        }
    }
}
