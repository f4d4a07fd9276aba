//! Which text ended an answer.

use plimsoll_engine::batch::ChosenToken;
use plimsoll_engine::{TextStream, Tokenizer};

/// Watches an answer for the texts of a request that may end it.
pub struct Stops {
    watched: Vec<(String, TextStream)>,
    /// Whether a space at the very beginning is still to be dropped, as it is of the answer.
    strip: bool,
}

impl Stops {
    /// Of an answer that these texts end.
    pub fn new(stops: &[String], tokenizer: &Tokenizer) -> Stops {
        let watched = stops.iter().map(|stop| (stop.clone(), TextStream::new(vec![stop.clone()])));
        Stops { watched: watched.collect(), strip: tokenizer.strips_first_space() }
    }

    /// Hears a token.
    pub fn hear(&mut self, token: &ChosenToken, tokenizer: &Tokenizer) {
        if self.watched.is_empty() || tokenizer.is_control(token.id) {
            return;
        }
        let mut bytes = tokenizer.token_bytes(token.id);
        if std::mem::take(&mut self.strip) {
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        for (_, stream) in &mut self.watched {
            stream.push(bytes);
        }
    }

    /// The one that appeared, if any did.
    pub fn found(&mut self) -> Option<&str> {
        self.watched.iter_mut().find_map(|(stop, stream)| stream.finish().stopped.then_some(stop.as_str()))
    }
}
