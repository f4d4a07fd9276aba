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

    /// Formats as Python's `datetime.strftime` does with glibc in the C locale: a time without a zone.
    ///
    /// # Errors
    /// Directives that hang on the zone of the machine.
    pub fn strftime(&self, format: &str) -> Result<String, ClockError> {
        let (mut out, mut chars) = (String::with_capacity(format.len()), format.chars());
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let before = chars.clone();
            let directive = Directive::read(&mut chars);
            match directive.and_then(|directive| self.field(&directive, format).transpose()) {
                Some(field) => out.push_str(&field?),
                // What C does not know it leaves as it stands.
                None => {
                    out.push('%');
                    chars = before;
                }
            }
        }
        Ok(out)
    }

    /// What a directive shows; none where there is no such directive.
    fn field(&self, directive: &Directive, format: &str) -> Result<Option<String>, ClockError> {
        let now = &self.0;
        let (year, month, day) = (i64::from(now.year()), i64::from(now.month()), i64::from(now.day()));
        let (hour, minute, second) = (i64::from(now.hour()), i64::from(now.minute()), i64::from(now.second()));
        let weekday = now.weekday().to_sunday_zero_offset();
        let day_of_year = i64::from(now.day_of_year());
        let iso = now.date().iso_week_date();
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        let half = if hour < 12 { "AM" } else { "PM" };
        let number = |number: i64, width: usize, pad: char| Some(directive.number(number, width, pad));
        let text = |text: &str| Some(directive.text(text));
        let composed = |format: &str| self.strftime(format).map(|shown| Some(directive.text(&shown)));
        Ok(match directive.letter {
            'a' => text(&DAYS[weekday as usize][..3]),
            'A' => text(DAYS[weekday as usize]),
            'b' | 'h' => text(&MONTHS[month as usize - 1][..3]),
            'B' => text(MONTHS[month as usize - 1]),
            'c' => composed("%a %b %e %H:%M:%S %Y")?,
            'C' => number(year.div_euclid(100), 2, '0'),
            'd' => number(day, 2, '0'),
            'D' | 'x' => composed("%m/%d/%y")?,
            'e' => number(day, 2, ' '),
            'f' => text(&format!("{:06}", now.subsec_nanosecond() / 1000)),
            'F' => composed("%Y-%m-%d")?,
            'g' => number(i64::from(iso.year()).rem_euclid(100), 2, '0'),
            'G' => number(i64::from(iso.year()), 1, '0'),
            'H' => number(hour, 2, '0'),
            'I' => number(twelve, 2, '0'),
            'j' => number(day_of_year, 3, '0'),
            'k' => number(hour, 2, ' '),
            'l' => number(twelve, 2, ' '),
            'm' => number(month, 2, '0'),
            'M' => number(minute, 2, '0'),
            'n' => text("\n"),
            'p' if directive.swaps => Some(directive.text(&half.to_lowercase())),
            'p' => text(half),
            'P' => text(&half.to_lowercase()),
            'r' => composed("%I:%M:%S %p")?,
            'R' => composed("%H:%M")?,
            'S' => number(second, 2, '0'),
            't' => text("\t"),
            'T' | 'X' => composed("%H:%M:%S")?,
            'u' => number(i64::from(now.weekday().to_monday_one_offset()), 1, '0'),
            'U' => number((day_of_year + 6 - i64::from(weekday)) / 7, 2, '0'),
            'V' => number(i64::from(iso.week()), 2, '0'),
            'w' => number(i64::from(weekday), 1, '0'),
            'W' => number((day_of_year + 6 - i64::from(now.weekday().to_monday_zero_offset())) / 7, 2, '0'),
            'y' => number(year.rem_euclid(100), 2, '0'),
            'Y' => number(year, 1, '0'),
            'z' | 'Z' => Some(String::new()), // a time without a zone
            '%' => text("%"),
            's' => {
                let reason = "%s hangs on the zone of the machine".to_owned();
                return Err(ClockError::Format { found: format.to_owned(), reason });
            }
            _ => None,
        })
    }
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Wider than any date.
const MAX_WIDTH: usize = 1000;

/// `%`, and between it and its letter glibc's flags and a width.
struct Directive {
    letter: char,
    pad: Option<char>,
    unpadded: bool,
    upper: bool,
    swaps: bool,
    width: Option<usize>,
}

impl Directive {
    fn read(chars: &mut std::str::Chars<'_>) -> Option<Directive> {
        let mut read = Directive { letter: ' ', pad: None, unpadded: false, upper: false, swaps: false, width: None };
        loop {
            match chars.next()? {
                '-' => (read.unpadded, read.pad) = (true, None),
                '_' => (read.unpadded, read.pad) = (false, Some(' ')),
                '0' if read.width.is_none() => (read.unpadded, read.pad) = (false, Some('0')),
                '^' => read.upper = true,
                '#' => read.swaps = true,
                digit @ '0'..='9' => {
                    let width = read.width.unwrap_or(0) * 10 + digit as usize - '0' as usize;
                    read.width = Some(width.min(MAX_WIDTH));
                }
                // C's modifiers for other calendars and digits, of which the C locale has none.
                'E' | 'O' => {}
                letter => return Some(Directive { letter, ..read }),
            }
        }
    }

    fn number(&self, number: i64, width: usize, pad: char) -> String {
        let digits = number.to_string();
        let width = self.width.unwrap_or(if self.unpadded { 0 } else { width });
        let pad = self.pad.unwrap_or(if self.unpadded { '0' } else { pad });
        let missing = width.saturating_sub(digits.len());
        if self.unpadded { digits } else { format!("{}{digits}", pad.to_string().repeat(missing)) }
    }

    fn text(&self, text: &str) -> String {
        let cased =
            if self.upper || (self.swaps && self.letter != 'p') { text.to_uppercase() } else { text.to_owned() };
        let missing = self.width.unwrap_or(0).saturating_sub(cased.chars().count());
        format!("{}{cased}", self.pad.unwrap_or(' ').to_string().repeat(missing))
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
        assert!(Clock::parse("2026-11-21").unwrap().strftime("%s").is_err());
    }

    /// Right values are those of CPython 3.11 on glibc in the C locale.
    #[test]
    fn every_directive_shows_what_c_shows() {
        let clock = Clock::parse("2026-11-29T09:05:07").unwrap();
        for (format, expected) in [
            ("%c|%x|%X|%r", "Sun Nov 29 09:05:07 2026|11/29/26|09:05:07|09:05:07 AM"),
            ("%H:%M:%S.%f", "09:05:07.000000"),
            ("%d %b %Y %Z|%z", "29 Nov 2026 |"),
            ("%Q|100%", "%Q|100%"),
            ("%j %U %W %V %G %u %w %e %k %l %P", "333 48 47 48 2026 7 0 29  9  9 am"),
            ("%-d/%-m %_H %^a %#p %5Y %-I", "29/11  9 SUN am 02026 9"),
            ("%D %F %T %R %h %C %y%%", "11/29/26 2026-11-29 09:05:07 09:05 Nov 20 26%"),
        ] {
            assert_eq!(clock.strftime(format).unwrap(), expected, "{format}");
        }
    }
}
