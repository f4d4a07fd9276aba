//! Colour, only for people at a terminal who did not decline it.

use std::fmt::Display;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Effects};
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

    pub fn bold(self, text: &str) -> String {
        self.paint(anstyle::Style::new().effects(Effects::BOLD), text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint(anstyle::Style::new().effects(Effects::DIMMED), text)
    }

    /// For what is wrong.
    pub fn red(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    /// For what passed.
    pub fn green(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// The word for how a check stands.
    pub fn standing(self, standing: Standing) -> String {
        match standing {
            Standing::Passed => self.green("passed"),
            Standing::Inconclusive => self.bold("inconclusive"),
            Standing::Failed => self.red("FAILED"),
        }
    }

    fn paint(self, style: anstyle::Style, text: impl Display) -> String {
        if self.coloured { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// See <https://no-color.org>: any non-empty value declines.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
