//! The number in an answer, with its decimals.

use crate::score::extract::{after_thinking, announced};

/// The number that is the answer: behind an announcement (`The answer is …`) or all of the answer, the first one after
/// the last `=`, or without one, the first after the announcement, else the last of the answer. Thousands may be
/// separated by commas; a hyphen is a minus sign only where no word or number stands before it.
///
/// ```
/// use plimsoll_lab::questions::number::decimal;
/// assert_eq!(decimal("It takes 3 days and costs $1,250.50."), Some(1250.5));
/// assert_eq!(decimal("The answer is -0.5 °C, at 7 o'clock"), Some(-0.5));
/// assert_eq!(decimal("none"), None);
/// ```
pub fn decimal(raw: &str) -> Option<f64> {
    let answer = after_thinking(raw);
    let told = announced(answer);
    let text = told.unwrap_or(answer);
    if let Some((_, right)) = text.rsplit_once('=')
        && let Some(found) = numbers(right).next()
    {
        return Some(found);
    }
    if told.is_some() { numbers(text).next() } else { numbers(text).last() }
}

/// A text that is one number and nothing else.
pub fn whole(text: &str) -> Option<f64> {
    let text = text.trim();
    let (found, end) = number_at(text, usize::from(text.starts_with('-')))?;
    (end == text.len() && found.is_finite()).then_some(found)
}

/// Every number in `text`, in order.
pub(crate) fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text.as_bytes()[at..].iter().position(u8::is_ascii_digit)?;
        let (found, end) = number_at(text, at)?;
        at = end;
        Some(found)
    })
}

/// The number whose first digit stands at `start`, and where it ends.
fn number_at(text: &str, start: usize) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    if !digit(start) {
        return None;
    }
    let before = |back: usize| start.checked_sub(back).and_then(|i| bytes.get(i));
    let negative = before(1) == Some(&b'-') && !before(2).is_some_and(u8::is_ascii_alphanumeric);
    let mut digits = String::from(if negative { "-" } else { "" });
    let mut i = start;
    while digit(i) || (bytes.get(i) == Some(&b',') && (1..=3).all(|k| digit(i + k)) && !digit(i + 4)) {
        if digit(i) {
            digits.push(char::from(bytes[i]));
        }
        i += 1;
    }
    if bytes.get(i) == Some(&b'.') && digit(i + 1) {
        digits.push('.');
        i += 1;
        while digit(i) {
            digits.push(char::from(bytes[i]));
            i += 1;
        }
    }
    digits.parse().ok().map(|number| (number, i))
}

/// Whether two numbers are the same but for rounding in their last bits, or within `tolerance` of each other.
pub(crate) fn is_near(found: f64, right: f64, tolerance: f64) -> bool {
    (found - right).abs() <= tolerance.max(1e-9 * right.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_with_its_decimals_wherever_it_is_announced() {
        for (raw, number) in [
            ("12.5", 12.5),
            ("**12.5** kg", 12.5),
            ("3 + 4.5 = 7.5", 7.5),
            ("The answer is 1,234,567.", 1_234_567.0),
            ("<think>7</think> 8", 8.0),
            ("from 2-3", 3.0),
            ("-4", -4.0),
            ("The answer is x = 3, not 5", 3.0),
        ] {
            assert_eq!(decimal(raw), Some(number), "{raw}");
        }
        assert_eq!(decimal("<think>7"), None);
    }

    #[test]
    fn a_whole_text_is_a_number_only_without_anything_else() {
        assert_eq!(whole(" -1,250.5 "), Some(-1250.5));
        for text in ["", "-", "12 kg", "1.2.3", "twelve", "--3"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_searched_without_a_panic(text in "(?s)([-=.,$0-9a-z\n]|answer is|é|\\PC){0,40}") {
            let _ = (decimal(&text), whole(&text));
        }
    }
}
