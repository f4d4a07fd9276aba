//! Makes a network executable on this machine's processor. A [`Program`] has its weights found,
//! its shapes checked and its buffers planned at load; after that a step can only fail on what
//! the caller hands it: a token id that does not exist, or more tokens than the cache holds. A
//! [`Tower`] is the same for pictures.
#![forbid(unsafe_code)]

mod arithmetic;
mod bind;
mod cache;
mod delegate;
mod execute;
mod input;
mod machine;
mod memory;
mod moe;
mod observed;
mod places;
mod program;
mod read_ahead;
mod states;
mod tile_position;
mod tile_step;
mod tile_windows;
mod token_step;
mod tower;

pub use arithmetic::Arithmetic;
pub use cache::{CacheError, CacheType, KvCache};
pub use delegate::{Delegate, DelegateError};
pub use input::{EmbeddingOverride, Input};
pub use machine::{ResidentBytes, measure_machine, resident_bytes, resident_bytes_of};
pub use memory::Memory;
pub use observed::InputSquares;
pub use program::{BATCH_TOKENS, LoadError, Program, StepError, likeliest};
pub use tower::{TileBatch, TileBatchError, Tower};
