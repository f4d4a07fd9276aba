//! Names that somebody wrote, and those that were most likely meant: as the catalogue reads them.

pub use plimsoll_catalog::{nearest, of_address};
