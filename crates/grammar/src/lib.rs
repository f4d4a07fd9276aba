//! What an answer may be: a JSON schema, or a [`Grammar`] around some, as a mask over a vocabulary before each token.
//!
//! [`Schema::read`] takes what can be enforced to the letter and refuses the rest by name. [`Grammars::compile`] makes a
//! [`Constraint`] of a grammar, which tells before each token of an answer which may come. The masks are llguidance's.
//!
//! The crate knows nothing of models, sessions or requests.
#![forbid(unsafe_code)]

mod constraint;
mod grammar;
mod schema;

pub use constraint::{Constraint, ConstraintError, Grammars, Mask, Token};
pub use grammar::{Grammar, Spelling};
pub use schema::{Member, Schema, SchemaError};
