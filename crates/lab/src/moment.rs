//! Moments as records have them: RFC 3339 in UTC, to the second, so that they sort as text.

use jiff::{SignedDuration, Timestamp};

/// How far the clock of who measured may be ahead of the one here.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// Before this program there was nothing that it measured or judged; some machines believe in 1970 when they start.
const FIRST: &str = "2026-11-20T00:00:00Z";

/// A moment as it is written.
pub fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Why `text` cannot be when something was measured or judged.
pub fn doubt(text: &str) -> Option<String> {
    match text.parse::<Timestamp>() {
        Ok(at) if written(at) != text => Some(format!("`{text}` is no moment")),
        Ok(at) if at > Timestamp::now() + AHEAD => Some(format!("`{text}` is in the future")),
        Ok(_) if text < FIRST => Some(format!("`{text}` is before there was this program")),
        Ok(_) => None,
        Err(_) => Some(format!("`{text}` is no moment")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_have_been_is_told() {
        let now = Timestamp::now();
        assert_eq!(doubt(&written(now)), None);
        assert_eq!(doubt(&written(now + SignedDuration::from_mins(50))), None, "clocks differ");
        for future in [written(now + SignedDuration::from_hours(2)), "9998-01-01T00:00:00Z".into()] {
            assert_eq!(doubt(&future), Some(format!("`{future}` is in the future")));
        }
        for early in ["1970-01-01T00:00:09Z", "2026-11-19T23:59:59Z"] {
            assert_eq!(doubt(early), Some(format!("`{early}` is before there was this program")));
        }
        assert_eq!(doubt(FIRST), None);
        for none in ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00+01:00"] {
            assert_eq!(doubt(none), Some(format!("`{none}` is no moment")));
        }
    }
}
