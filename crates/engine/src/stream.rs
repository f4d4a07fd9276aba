//! From token bytes to text that may be shown: whole characters only, nothing of a stop string.

/// Joins token bytes into text, holding back the bytes of a character that is not complete yet and any ending that
/// could be the start of a stop string.
///
/// ```
/// use plimsoll_engine::TextStream;
///
/// let mut stream = TextStream::new(vec!["END".into()]);
/// assert_eq!(stream.push(b"caf\xC3").text, "caf");
/// assert_eq!(stream.push(b"\xA9 E").text, "é ");
/// let last = stream.push(b"ND of it");
/// assert!(last.stopped && last.text.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct TextStream {
    stops: Vec<String>,
    pending: Vec<u8>, // not yet valid UTF-8
    held: String,     // valid, but perhaps the start of a stop string
    stopped: bool,
}

/// What a token added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Text to show, possibly empty.
    pub text: String,
    /// Whether a stop string was completed; nothing comes after it.
    pub stopped: bool,
}

impl TextStream {
    /// A stream that ends before the first of `stops`. Empty stop strings stop nothing.
    pub fn new(stops: Vec<String>) -> Self {
        Self {
            stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(),
            pending: Vec::new(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Adds a token's bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Chunk {
        if self.stopped {
            return Chunk { text: String::new(), stopped: true };
        }
        self.pending.extend_from_slice(bytes);
        let text = take_characters(&mut self.pending, false);
        self.held.push_str(&text);
        self.release(false)
    }

    /// Gives out what was held back: the answer ends here. An unfinished character becomes U+FFFD.
    pub fn finish(&mut self) -> Chunk {
        if self.stopped {
            return Chunk { text: String::new(), stopped: true };
        }
        let text = take_characters(&mut self.pending, true);
        self.held.push_str(&text);
        self.release(true)
    }

    fn release(&mut self, everything: bool) -> Chunk {
        // The stop that is complete first, so that the answer does not depend on how tokens cut the text.
        let ends = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str()).map(|at| (at + stop.len(), at)));
        if let Some((_, at)) = ends.min() {
            self.stopped = true;
            self.held.truncate(at);
            self.pending.clear();
            return Chunk { text: std::mem::take(&mut self.held), stopped: true };
        }
        let keep =
            if everything { 0 } else { self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0) };
        let rest = self.held.split_off(self.held.len() - keep);
        Chunk { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }
}

/// How many bytes at the end of `text` are a proper prefix of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let cuts = stop.char_indices().map(|(at, _)| at).filter(|&at| at <= text.len());
    cuts.filter(|&at| text.ends_with(&stop[..at])).max().unwrap_or(0)
}

/// Removes the whole characters at the front; bytes that can never become one turn into U+FFFD. With `all`, so does
/// an unfinished character.
fn take_characters(bytes: &mut Vec<u8>, all: bool) -> String {
    let mut text = String::new();
    let mut used = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        used += chunk.valid().len();
        let invalid = chunk.invalid();
        let unfinished = used + invalid.len() == bytes.len() && is_unfinished(invalid);
        if invalid.is_empty() || (unfinished && !all) {
            continue;
        }
        text.push(char::REPLACEMENT_CHARACTER);
        used += invalid.len();
    }
    bytes.drain(..used);
    text
}

/// Whether more bytes could make these a character.
fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
