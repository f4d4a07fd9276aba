//! Counts and sizes in words.

use plimsoll_lab::record::Unit;

/// A size, such as `5.40 MB`.
pub(super) fn bytes(value: u64) -> String {
    Unit::Bytes.text(value as f64)
}

/// A count of parameters as it is spoken of: `2.82 million`.
pub(super) fn count(value: u64) -> String {
    let (divisor, word) = match value {
        1_000_000_000.. => (1e9, " billion"),
        1_000_000.. => (1e6, " million"),
        1_000.. => (1e3, " thousand"),
        _ => return value.to_string(),
    };
    format!("{}{word}", Unit::Ratio.scale(&[]).show(value as f64 / divisor))
}
