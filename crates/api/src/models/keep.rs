//! How long a model stays loaded that nobody asks for.

use std::time::Duration;

/// How long; none is as long as the server runs.
pub type Keep = Option<Duration>;

/// Reads `5m`, `1h30m`, `300` seconds, and for ever as -1 of anything, as Ollama writes it.
///
/// # Errors
/// It is none of these; in words.
pub fn parse_keep(text: &str) -> Result<Keep, String> {
    let expected = || format!("`{text}` is no duration such as 5m, 300 (seconds), 0, or -1 (for ever)");
    let (is_negative, plain) = text.strip_prefix('-').map_or((false, text), |plain| (true, plain));
    let seconds = match plain.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => plain.parse::<jiff::SignedDuration>().map_err(|_| expected())?.as_secs_f64(),
    };
    match Duration::try_from_secs_f64(seconds) {
        Err(_) => Err(expected()),
        Ok(_) if is_negative && seconds > 0.0 => Ok(None),
        Ok(duration) => Ok(Some(duration)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_ollama_writes_them() {
        let seconds = |n: u64| Ok(Some(Duration::from_secs(n)));
        for (text, keep) in [
            ("0", seconds(0)),
            ("300", seconds(300)),
            ("5m", seconds(300)),
            ("1h30m", seconds(5400)),
            ("-1", Ok(None)),
            ("-1m", Ok(None)),
            ("-0", seconds(0)),
        ] {
            assert_eq!(parse_keep(text), keep, "{text}");
        }
        for text in ["", "m", "soon", "1e300", "NaN", "--1"] {
            assert!(parse_keep(text).is_err(), "{text}");
        }
    }
}
