//! Model files from a name: what a repository holds, what of it is needed, what that takes, and then the files, whole and
//! checked. This is the only crate that opens a socket outward, and only the functions of [`Hub`] and [`OllamaRegistry`]
//! do.
//!
//! A pull is four steps, of which the first two cost a request each and the third none:
//!
//! ```no_run
//! use plimsoll_fetch::{Cache, Cancel, HUGGING_FACE, Hub, HubOptions, Reference, Want};
//!
//! let Reference::Hub(reference) = "hf:HuggingFaceTB/SmolLM3-3B".parse()? else { unreachable!() };
//! let hub = Hub::new(HUGGING_FACE, HubOptions::default())?;
//! let (cache, cancel) = (Cache::at("/home/me/.cache/huggingface/hub"), Cancel::default());
//! let listing = hub.listing(&reference, &cancel)?;
//! let plan = hub.plan(&listing, &Want::default(), &cache, &|_| None, &cancel)?;
//! println!("{} bytes to fetch, {:?} free", plan.to_fetch(), plan.disk.free);
//! let pulled = hub.pull(&plan, &cache, &mut |event| println!("{event:?}"), &cancel)?;
//! println!("{}", pulled.model().display());
//! # Ok::<(), plimsoll_fetch::FetchError>(())
//! ```
//!
//! What holds: a commit is resolved first and everything is of it; a file that has its name is whole and has its hash;
//! a process that is killed at any moment loses at most a step of each connection; a token goes to the hub's own origin
//! and nowhere else; no name that a hub gives to a file leads out of the cache.
#![forbid(unsafe_code)]

mod address;
mod blob;
mod cache;
mod choice;
mod digest;
mod disk;
mod error;
mod event;
mod hub;
pub mod names;
mod ollama;
mod patience;
mod plan;
mod pull;
mod quantisation;
mod reference;
mod spans;
mod token;
mod wire;

pub use address::{Address, AddressError, RedirectError};
pub use blob::Parts;
pub use cache::{Cache, CachedFile, CachedModel, CachedRevision, Lookup, Verdict};
pub use choice::{Choice, ChoiceError, Want, choose};
pub use digest::Digest;
pub use disk::free_at;
pub use error::{FetchError, WrongHash};
pub use event::Event;
pub use hub::{HUGGING_FACE, Hub, HubFile, HubOptions, Listing};
pub use names::HostileName;
pub use ollama::{Layer, LayerKind, OLLAMA, OllamaModel, OllamaPlan, OllamaRegistry, OllamaStore, PlannedLayer};
pub use patience::{Cancel, Patience};
pub use plan::{Disk, LeftOut, Plan, PlannedFile, Role, State};
pub use pull::Pulled;
pub use reference::{HubReference, OllamaReference, Reference, ReferenceError};
pub use token::{Token, TokenError};
pub use wire::Proxying;
