//! Names on the left, words on the right, within eighty columns.

use std::io::{self, Write};

use plimsoll_panel::shown_text;

use crate::style::Style;

/// Columns beside the names of the rows.
pub const WIDTH: usize = 65;
/// Characters of a value that are shown; what is longer was written to annoy.
pub const LONGEST: usize = 2000;

/// Where rows go.
pub struct Rows<W> {
    out: W,
    style: Style,
}

impl<W: Write> Rows<W> {
    /// Rows on `out`.
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
        for line in values.iter().flat_map(|value| broken(&shown_text(value, LONGEST), WIDTH)) {
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

/// `text` in lines of at most `width` characters; lines after the first stand two columns in.
pub fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        let (has, adds) = (line.chars().count(), word.chars().count());
        if has > 0 && has + 1 + adds > width {
            lines.push(format!("  {word}"));
        } else {
            if has > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn lines_break_between_words_and_a_long_word_keeps_whole() {
        assert_eq!(broken("one two three", 8), ["one two", "  three"]);
        assert_eq!(broken("indivisible x", 4), ["indivisible", "  x"]);
        assert_eq!(broken("", 4), [""]);
    }
}
