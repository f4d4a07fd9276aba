//! As much of Python as templates see: its values, their text, their methods. The reference is CPython 3.11.

pub mod attributes;
pub mod braces;
pub mod compare;
pub mod format;
pub mod items;
pub mod json;
pub mod number;
pub mod percent;
pub mod repr;
pub mod tables;
pub mod text;
pub mod text_methods;
pub mod value;

pub use value::{Callable, Range, Value};

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Fail {
    /// What Python, or Jinja, raises.
    Error(String),
    /// The template's own refusal, by `raise_exception`.
    Refused(String),
    /// More was used up than a rendering may.
    TooMuch(&'static str),
}

/// What an expression gives.
pub type Outcome<T = Value> = Result<T, Fail>;

/// An error of Python's.
pub fn error<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Fail::Error(message.into()))
}
