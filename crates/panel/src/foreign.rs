//! Text that somebody else wrote, on its way to a terminal.

use unicode_width::UnicodeWidthChar;

use crate::columns::columns;

/// `text` in at most `width` columns: what a terminal would obey is escaped, and what is too long loses its middle,
/// for names and paths tell most at their ends.
///
/// ```
/// assert_eq!(plimsoll_panel::shown_text("\u{1b}[2J", 20), r"\u{1b}[2J");
/// assert_eq!(plimsoll_panel::shown_text("smollm3-q4_k_m.gguf", 11), "smoll….gguf");
/// ```
pub fn shown_text(text: &str, width: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    if columns(&shown) <= width {
        return shown;
    }
    let kept = width.saturating_sub(1); // one for the mark
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let head: String = within(shown.chars(), head).collect();
    let mut end: Vec<char> = within(shown.chars().rev(), tail).collect();
    end.reverse();
    head.chars().chain(['…']).chain(end).collect()
}

/// What is wrong with something foreign, which may quote as much of it as there is.
pub(crate) fn said(wrong: impl std::fmt::Display) -> String {
    const MOST: usize = 400;
    shown_text(&wrong.to_string(), MOST)
}

/// As many of the letters as fit into `width` columns.
fn within(letters: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut taken = 0;
    letters.take_while(move |letter| {
        taken += letter.width().unwrap_or(0);
        taken <= width
    })
}

/// Control characters, and those that turn the direction of the text around them.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first digits of an id, which stand for it where it is read; whatever follows from it takes the whole.
pub(crate) fn short_id(id: &str) -> &str {
    const SHOWN: usize = 12;
    id.get(..SHOWN).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::shown_text;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\u{1b}]0;x\u{7}\r\n\u{9b}31m\u{202e}b";
        let shown = shown_text(hostile, 200);
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown:?}");
        assert!(shown.starts_with("a\\u{1b}") && shown.ends_with('b'));
    }

    #[test]
    fn what_is_too_long_keeps_both_ends() {
        assert_eq!(shown_text("0123456789", 10), "0123456789");
        assert_eq!(shown_text("0123456789", 5), "01…89");
        assert_eq!(shown_text("ééééé", 4), "éé…é");
        assert_eq!(shown_text("東京大阪", 6), "東…阪", "wide letters take two columns");
    }
}
