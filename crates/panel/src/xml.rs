//! The filter of templates that are XML.

use std::fmt::Display;

/// Text that XML 1.0 has a place for: what has none becomes U+FFFD, and what ends a line becomes a blank, as it would in an
/// attribute. askama escapes what is left.
#[askama::filter_fn]
pub(crate) fn xml(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(allowed(&text.to_string()))
}

fn allowed(text: &str) -> String {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn what_xml_has_no_place_for_is_replaced() {
        assert_eq!(allowed("a \u{1b}[2J\nb\u{ffff}"), "a \u{fffd}[2J b\u{fffd}");
    }
}
