//! Markers in text that comes letter by letter.

/// What may be the beginning of a marker.
#[derive(Debug, Default)]
pub struct Find {
    held: String,
}

impl Find {
    /// Takes a letter; `passed` gets what is part of no marker. Returns which of `markers` is complete.
    pub fn push(&mut self, letter: char, markers: &[&str], passed: &mut String) -> Option<usize> {
        self.held.push(letter);
        while !self.held.is_empty() {
            if let Some(found) = markers.iter().position(|marker| *marker == self.held) {
                self.held.clear();
                return Some(found);
            }
            if markers.iter().any(|marker| marker.starts_with(&self.held)) {
                return None;
            }
            passed.push(self.held.remove(0));
        }
        None
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What is held, which became no marker.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}
