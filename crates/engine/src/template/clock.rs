//! The date and time that templates may print, pinned or taken from the machine.

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

/// A wall-clock date and time for `strftime_now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock(DateTime);

/// A date, or a format of dates, that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// Not an RFC 3339 date or time.
    #[error("`{found}` is not a date such as 2026-11-21 or 2026-11-21T09:30:00Z: {reason}")]
    NotADate {
        /// The text given.
        found: String,
        /// What the parser says.
        reason: String,
    },
    /// A directive that `strftime` does not have.
    #[error("strftime_now cannot format `{found}`: {reason}")]
    Format {
        /// The format given.
        found: String,
        /// What the formatter says.
        reason: String,
    },
}

impl Clock {
    /// The machine's local time.
    pub fn local() -> Self {
        Self(jiff::Zoned::now().datetime())
    }

    /// Reads a date or an RFC 3339 time; the clock shows it at its own offset. A date alone is midnight.
    pub fn parse(text: &str) -> Result<Self, ClockError> {
        let pieces = Pieces::parse(text)
            .map_err(|error| ClockError::NotADate { found: text.to_owned(), reason: error.to_string() })?;
        Ok(Self(pieces.date().to_datetime(pieces.time().unwrap_or(jiff::civil::Time::midnight()))))
    }

    /// Formats with C's directives, as Python's `datetime.strftime` does.
    pub fn strftime(&self, format: &str) -> Result<String, ClockError> {
        jiff::fmt::strtime::format(format, self.0)
            .map_err(|error| ClockError::Format { found: format.to_owned(), reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_a_time_with_an_offset_show_as_written() {
        let clock = Clock::parse("2026-11-21").unwrap();
        assert_eq!(clock.strftime("%d %b %Y %H:%M").unwrap(), "21 Nov 2026 00:00");
        let clock = Clock::parse("2026-11-21T23:30:00+09:00").unwrap();
        assert_eq!(clock.strftime("%A %-d %B, %I %p").unwrap(), "Saturday 21 November, 11 PM");
    }

    #[test]
    fn nonsense_is_named() {
        assert!(Clock::parse("tomorrow").unwrap_err().to_string().contains("`tomorrow`"));
        assert!(Clock::parse("2026-11-21").unwrap().strftime("%Q").is_err());
    }
}
