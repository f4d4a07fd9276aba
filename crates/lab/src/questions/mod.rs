//! Questions of one's own: a file of JSON lines, each a question with how its answer is marked.
//!
//! | key | what it holds |
//! |---|---|
//! | `prompt` | the question, a user's message |
//! | `messages` | in its place a conversation, `[{"role": "system", "content": "…"}, …]`, that ends with the user's question |
//! | `images` | paths of pictures, from the file's own folder, shown before the question |
//! | `expected` | the right answer, or a list of which each is right; a text, or a number |
//! | `check` | `exact`, `contains`, `regex`, `number`, `choice`, `json-schema` |
//! | `choices` | for `choice`: what may be answered |
//! | `schema` | for `json-schema`: the schema |
//! | `ignore_case` | for `exact` and `contains`: whether capitals do not matter |
//! | `tolerance` | for `number`: by how much it may be off |
//! | `max_tokens` | room for the answer, 256 unless told |
//! | `category` | what it is counted under, `questions` unless told |
//! | `id` | what two models are paired by, made of the content unless told |
//!
//! Without `check` a line with `schema` is checked by it, one with `choices` is a choice, one that expects a number is
//! marked as a number, and every other is `exact`. [`Check`] tells how each is marked.

mod check;
mod error;
mod line;
pub mod number;
mod read;

pub use check::Check;
pub(crate) use check::likeliest;
pub(crate) use error::did_you_mean;
pub use error::{Fault, Flaw, QuestionsError};
pub(crate) use line::kind;
pub use line::{DEFAULT_CATEGORY, DEFAULT_MAX_TOKENS, KEYS};
pub use read::{VARIANT, line_of, parse, read};

/// Raised whenever a rule of [`Check`] changes what is marked right; part of the id of every suite that was read.
pub const CHECKS_VERSION: u32 = 1;
