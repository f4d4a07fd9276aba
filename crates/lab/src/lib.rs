//! What Plimsoll measures of a model, and what may be concluded from it.
//!
//! [`suite`] makes the built-in test items from a seed, [`score`] marks an answer, [`runner`] puts a suite to anything
//! that is a [`language_model::LanguageModel`], [`paired`] turns outcomes into rates and differences with the intervals and tests
//! of [`stats`]. [`code`] has a model write programs, and [`mmlu`] asks it the questions of that benchmark. [`predict`] says what a model will take before it runs, [`mod@bench`] times it, and [`compare`] lays two
//! side by side as a [`record::Comparison`], in which every number has its samples. Verdicts are made elsewhere.
#![forbid(unsafe_code)]

pub mod bench;
pub mod benchmark;
pub mod calibration;
pub mod canary;
pub mod code;
pub mod compare;
pub mod divergence;
pub mod fidelity;
pub mod journal;
pub mod language_model;
pub mod load;
pub mod loss;
pub mod mmlu;
pub mod moment;
#[cfg(not(target_os = "linux"))]
mod other_system;
pub mod paired;
pub mod predict;
pub mod prompting;
pub mod questions;
pub mod record;
pub mod runner;
pub mod score;
pub mod session_model;
pub mod standing;
pub mod stats;
pub mod stress;
pub mod suite;
pub mod text_loss;
pub mod verify;

pub use suite::hash;
