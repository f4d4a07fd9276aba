//! What follows from measurements: evidence that is kept, four reviewers who judge by it, and pages that show both.
//!
//! Nothing is measured here. [`store`] keeps records under their hashes, [`judge`] makes a verdict of them by a
//! [`rubric`] and checks that every figure in it can be traced, [`pages`] shows it as HTML and [`render_text`] on a
//! terminal; a [`Report`] is all of it in one. [`gate`] holds one against rules, for continuous integration.
#![forbid(unsafe_code)]

mod bounds;
mod chart;
mod columns;
pub mod command;
pub mod digest;
mod export;
mod field;
mod foreign;
pub mod gate;
pub mod judge;
mod known;
pub mod pages;
pub mod predicted;
mod report;
pub mod rubric;
mod sealed;
pub mod store;
mod table;
mod text;
mod unread;
mod write;
mod xml;

pub use bounds::{TooLarge, check_size};
pub use columns::{broken, columns};
pub use export::{CSV_HEADER, markdown, samples_csv};
pub use field::FieldReport;
pub use foreign::shown_text;
pub use known::differing;
pub use report::{Report, model_id, slug};
pub use sealed::{Broken, Sealed, check_seal};
pub use text::{Detail, Style, render_field, render_outlook, render_text};
pub use unread::{Unread, check_keys};
pub use write::{
    ReportError, ReportPaths, embedded_record, questions, render_field_html, render_html, write_field, write_report,
    write_whole,
};
