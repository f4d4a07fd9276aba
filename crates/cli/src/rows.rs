//! Names on the left, words on the right, within eighty columns.

use std::io::{self, Write};

use plimsoll_panel::{broken, shown_text};

use crate::style::Style;

/// Columns beside the names of the rows.
pub const WIDTH: usize = 65;
/// Columns by which lines after the first stand in.
pub const HANG: usize = 2;
/// Characters of a value that are shown; what is longer was written to annoy.
pub const LONGEST: usize = 2000;

pub struct Rows<W> {
    out: W,
    style: Style,
}

impl<W: Write> Rows<W> {
    pub fn new(out: W, style: Style) -> Rows<W> {
        Rows { out, style }
    }

    /// One row; the value is written as it stands.
    ///
    /// # Errors
    /// As the writer's.
    pub fn one(&mut self, name: &str, value: &str) -> io::Result<()> {
        writeln!(self.out, "{:<14} {value}", self.style.dim(&format!("{name:<14}")).trim_end())
    }

    /// A row for each line of `values`, the name beside the first; long lines are broken between words, and what a
    /// terminal would obey is escaped.
    ///
    /// # Errors
    /// As the writer's.
    pub fn many(&mut self, name: &str, values: &[String]) -> io::Result<()> {
        let mut name = name;
        for line in values.iter().flat_map(|value| broken(&shown_text(value, LONGEST), WIDTH, HANG)) {
            self.one(name, &line)?;
            name = "";
        }
        Ok(())
    }

    /// What follows the rows.
    ///
    /// # Errors
    /// As the writer's.
    pub fn end(mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{text}")
    }
}
