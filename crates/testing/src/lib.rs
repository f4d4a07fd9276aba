//! What tests of any crate share. A [`Case`] is a tiny configuration with what the reference implementation computed of it;
//! [`Tiny`] is its checkpoint, whose weights are random, the same everywhere, and written as safetensors or GGUF as
//! published files are: from the network that an architecture declares and from its spelling. Nothing here knows an
//! architecture or how a network is computed, and nothing that is shipped depends on it.
#![forbid(unsafe_code)]

mod case;
mod files;
mod golden;
mod metadata;
mod quantised;
mod tiny;
mod values;

pub use case::{Case, Written};
pub use golden::{floats, ids, max_delta};
pub use quantised::quantised;
pub use tiny::Tiny;
pub use values::uniform;
