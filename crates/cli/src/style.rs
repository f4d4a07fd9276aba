//! Colour, only for people at a terminal who did not decline it.

use std::io::IsTerminal;

use plimsoll_lab::standing::Standing;

/// Marks for text on one output stream; empty where colour is not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    coloured: bool,
}

impl Style {
    /// For standard output.
    pub fn stdout() -> Style {
        Style { coloured: std::io::stdout().is_terminal() && wanted() }
    }

    /// For standard error.
    pub fn stderr() -> Style {
        Style { coloured: std::io::stderr().is_terminal() && wanted() }
    }

    /// Whether ANSI sequences may be written.
    pub fn coloured(self) -> bool {
        self.coloured
    }

    /// Heavier.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Lighter.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Something is wrong.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// All is well.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// The word for how a check stands.
    pub fn standing(self, standing: Standing) -> String {
        match standing {
            Standing::Passed => self.green("passed"),
            Standing::Inconclusive => self.bold("inconclusive"),
            Standing::Failed => self.red("FAILED"),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// See <https://no-color.org>: any non-empty value declines.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
