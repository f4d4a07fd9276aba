//! Text and control tokens in one order.
//!
//! Text may be held back before it is certain, as what could begin a stop string or ends within a character, while the
//! id of a control token after it is known at once. The token then waits until the text before it is there.

use std::collections::VecDeque;

use super::Part;
use crate::TextStream;

/// Puts control tokens where they stand in the text.
pub struct Weave {
    /// What tokens write, where nothing is held back but unfinished characters.
    text: TextStream,
    /// Whether a space at the beginning is not shown.
    strips: bool,
    /// Bytes of the text that tokens have written.
    written: usize,
    /// Bytes of it that were released.
    released: usize,
    /// Control tokens before which there is text to come, with how much comes before them.
    waiting: VecDeque<(usize, String)>,
}

impl Weave {
    /// Before the first token; `strips` where a space at the beginning is not shown.
    pub fn new(strips: bool) -> Weave {
        let text = TextStream::new(Vec::new());
        Weave { text, strips, written: 0, released: 0, waiting: VecDeque::new() }
    }

    /// A token that wrote these bytes, with what text was released then.
    pub fn text(&mut self, bytes: &[u8], released: &str) -> Vec<Part> {
        let written = self.text.push(bytes).text;
        let is_stripped = !written.is_empty() && std::mem::take(&mut self.strips) && written.starts_with(' ');
        self.written += written.len() - usize::from(is_stripped);
        self.release(released)
    }

    /// A control token, with what text was released then.
    pub fn control(&mut self, token: String, released: &str) -> Vec<Part> {
        self.waiting.push_back((self.written, token));
        self.release(released)
    }

    /// The end, with the last of the text. Control tokens within what a stop string took away are gone with it.
    pub fn end(&mut self, released: &str) -> Vec<Part> {
        self.release(released)
    }

    fn release(&mut self, mut text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Some((at, _)) = self.waiting.front() {
            let before = at.saturating_sub(self.released);
            if before > text.len() {
                break;
            }
            let before = (before..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            self.push(&text[..before], &mut parts);
            text = &text[before..];
            parts.extend(self.waiting.pop_front().map(|(_, token)| Part::Control(token)));
        }
        self.push(text, &mut parts);
        parts
    }

    fn push(&mut self, text: &str, parts: &mut Vec<Part>) {
        self.released += text.len();
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_token_waits_for_the_text_before_it() {
        let mut weave = Weave::new(false);
        assert!(weave.text(b"ab", "").is_empty());
        assert!(weave.control("[X]".to_owned(), "").is_empty());
        let expected = [Part::Text("ab".to_owned()), Part::Control("[X]".to_owned()), Part::Text("c".to_owned())];
        assert_eq!(weave.text(b"c", "abc"), expected);
        assert_eq!(weave.control("[Y]".to_owned(), ""), [Part::Control("[Y]".to_owned())]);
    }

    #[test]
    fn a_space_that_is_not_shown_is_not_waited_for() {
        let mut weave = Weave::new(true);
        weave.text(b" a", "a");
        assert_eq!(weave.control("[X]".to_owned(), ""), [Part::Control("[X]".to_owned())]);
    }

    #[test]
    fn what_a_stop_string_takes_away_takes_its_control_tokens_along() {
        let mut weave = Weave::new(false);
        weave.text(b"abc", "");
        weave.control("[X]".to_owned(), "");
        assert_eq!(weave.end("a"), [Part::Text("a".to_owned())]);
    }
}
