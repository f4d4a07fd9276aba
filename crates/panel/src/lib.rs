//! What a comparison looks like: a table for the terminal, one self-contained HTML page, and the record as JSON.
//!
//! Nothing is measured or concluded here. Every number on the page is read off a record and links to it; the four
//! reviewers of the panel have their place on the page, which says that they have not judged yet.
#![forbid(unsafe_code)]

mod chart;
mod foreign;
mod page;
pub mod rubric;
pub mod store;
mod table;
mod text;
mod write;

pub use foreign::shown_text;
pub use page::render_html;
pub use text::{Style, render_text};
pub use write::{ReportError, ReportPaths, write_report};
