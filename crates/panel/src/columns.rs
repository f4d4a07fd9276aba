//! Text in the columns of a terminal, where wide letters take two.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};
use unicode_width::UnicodeWidthStr;

use crate::foreign::shown_text;

/// Columns that a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// `text` in lines of at most `width` columns, broken at blanks; lines after the first stand `hang` columns in. A longer word
/// keeps whole.
///
/// ```
/// assert_eq!(plimsoll_panel::broken("one two three", 8, 2), ["one two", "  three"]);
/// ```
pub fn broken(text: &str, width: usize, hang: usize) -> Vec<String> {
    let indent = " ".repeat(hang);
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(text, options).into_iter().map(|line| line.into_owned()).collect()
}

/// The same with no line wider: words that are too long lose their middle, and what a terminal would obey is escaped.
pub(crate) fn fitted(text: &str, width: usize, hang: usize) -> Vec<String> {
    let words: Vec<String> = text.split(' ').map(|word| shown_text(word, width - hang)).collect();
    broken(&words.join(" "), width, hang)
}

/// Cells flush left in columns of these widths, with a blank between each.
pub(crate) fn padded<const N: usize>(cells: [&str; N], widths: [usize; N]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let missing = width.saturating_sub(columns(cell));
        format!("{cell}{}", " ".repeat(missing))
    });
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{broken, padded};

    #[test]
    fn lines_break_between_words_and_a_long_word_keeps_whole() {
        assert_eq!(broken("indivisible x", 4, 2), ["indivisible", "  x"]);
        assert_eq!(broken("", 4, 2), [""]);
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(broken("東京 大阪 abcd", 9, 0), ["東京 大阪", "abcd"]);
        assert_eq!(padded(["東京", "x"], [6, 1]), "東京   x");
    }
}
