//! Numbers as Python reads them.

/// Python's `float(text)`, and a percentage as its hundredth; none for what it would refuse, and for what is no finite
/// number.
pub(super) fn python_float(text: &str) -> Option<f64> {
    let (digits, share) = match text.strip_suffix('%') {
        Some(_) => (text.trim_end_matches('%'), 100.0),
        None => (text, 1.0),
    };
    let number: f64 = digits.trim().parse().ok()?;
    number.is_finite().then_some(number / share)
}
