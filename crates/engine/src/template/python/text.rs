//! Text as Python's `str` has it: kinds of characters, case, cutting and padding. Lengths count characters.

use unicode_general_category::{GeneralCategory as Is, get_general_category};

use super::tables::{DIGITS, FOLD, NUMERIC, TITLE};

/// What `split`, `strip` and `isspace` take for space.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn within(table: &[(char, char)], c: char) -> bool {
    let at = table.partition_point(|(first, _)| *first <= c);
    at > 0 && c <= table[at - 1].1
}

/// `str.isalpha` of a character.
pub fn is_alpha(c: char) -> bool {
    use Is::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    matches!(
        get_general_category(c),
        LowercaseLetter | ModifierLetter | OtherLetter | TitlecaseLetter | UppercaseLetter
    )
}

/// `str.isdecimal` of a character.
pub fn is_decimal(c: char) -> bool {
    get_general_category(c) == Is::DecimalNumber
}

/// `str.isdigit` of a character.
pub fn is_digit(c: char) -> bool {
    is_decimal(c) || within(&DIGITS, c)
}

/// `str.isnumeric` of a character.
pub fn is_numeric(c: char) -> bool {
    matches!(get_general_category(c), Is::DecimalNumber | Is::LetterNumber | Is::OtherNumber) || within(&NUMERIC, c)
}

/// A letter of title case, such as `ǅ`.
fn is_title(c: char) -> bool {
    get_general_category(c) == Is::TitlecaseLetter
}

/// A letter that has case.
fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || is_title(c)
}

/// The title case of a character.
fn title_of(c: char) -> String {
    if ('\u{10d0}'..='\u{10ff}').contains(&c) {
        return c.to_string();
    }
    match TITLE.binary_search_by_key(&c, |(from, _)| *from) {
        Ok(at) => TITLE[at].1.to_owned(),
        Err(_) => c.to_uppercase().to_string(),
    }
}

/// `str.title`.
pub fn title(text: &str) -> String {
    let (mut out, mut after_letter) = (String::with_capacity(text.len()), false);
    for (at, c) in text.char_indices() {
        if after_letter {
            push_lower(text, at, c, &mut out);
        } else {
            out.push_str(&title_of(c));
        }
        after_letter = is_cased(c);
    }
    out
}

/// The lower case of a character in its place: a sigma that ends a word has its own.
fn push_lower(text: &str, at: usize, c: char, out: &mut String) {
    match c {
        'Σ' => out.push(if ends_word(&text[..at], &text[at + c.len_utf8()..]) { 'ς' } else { 'σ' }),
        c => out.extend(c.to_lowercase()),
    }
}

/// Whether a sigma has a letter before it and none behind.
fn ends_word(before: &str, behind: &str) -> bool {
    let counts = |c: &char| !is_ignorable(*c);
    before.chars().rev().find(counts).is_some_and(is_cased) && !behind.chars().find(counts).is_some_and(is_cased)
}

fn is_ignorable(c: char) -> bool {
    matches!(c, '\'' | '.' | ':' | '·' | '’' | '\u{ad}')
        || matches!(
            get_general_category(c),
            Is::NonspacingMark | Is::EnclosingMark | Is::Format | Is::ModifierLetter | Is::ModifierSymbol
        )
}

/// `str.lower`.
pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// `str.capitalize`.
pub fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match at {
            0 => out.push_str(&title_of(c)),
            at => push_lower(text, at, c, &mut out),
        }
    }
    out
}

/// `str.swapcase`.
pub fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c.is_uppercase() {
            push_lower(text, at, c, &mut out);
        } else if c.is_lowercase() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// `str.casefold`.
pub fn casefold(text: &str) -> String {
    let fold = |c: char| match c {
        // Cherokee folds to its upper case.
        '\u{13f8}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => c.to_uppercase().to_string(),
        '\u{13a0}'..='\u{13f5}' => c.to_string(),
        c => match FOLD.binary_search_by_key(&c, |(from, _)| *from) {
            Ok(at) => FOLD[at].1.to_owned(),
            Err(_) => c.to_lowercase().to_string(),
        },
    };
    text.chars().map(fold).collect()
}

/// `str.islower` with `upper` false, `str.isupper` with it.
pub fn is_all(text: &str, upper: bool) -> bool {
    let wanted = |c: char| if upper { c.is_uppercase() } else { c.is_lowercase() };
    let mut found = false;
    for c in text.chars().filter(|c| is_cased(*c)) {
        if !wanted(c) {
            return false;
        }
        found = true;
    }
    found
}

/// `str.istitle`.
pub fn is_title_case(text: &str) -> bool {
    let (mut found, mut after_letter) = (false, false);
    for c in text.chars() {
        let begins = c.is_uppercase() || is_title(c);
        if begins == after_letter && is_cased(c) {
            return false;
        }
        after_letter = is_cased(c);
        found |= after_letter;
    }
    found
}

/// `str.isidentifier`.
pub fn is_identifier(text: &str) -> bool {
    let begins = |c: char| c == '_' || is_alpha(c) || get_general_category(c) == Is::LetterNumber;
    let goes_on = |c: char| {
        begins(c)
            || matches!(
                get_general_category(c),
                Is::NonspacingMark | Is::SpacingMark | Is::DecimalNumber | Is::ConnectorPunctuation
            )
            || c == '·'
    };
    let mut characters = text.chars();
    characters.next().is_some_and(begins) && characters.all(goes_on)
}

/// Whether `str.splitlines` ends a line there.
pub fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `str.splitlines`.
pub fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(ends_line) {
        let end = &rest[at..];
        let width = if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(1, char::len_utf8) };
        found.push(&rest[..if keep_ends { at + width } else { at }]);
        rest = &rest[at + width..];
    }
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}

/// `str.split`, at most `most` times where it is not negative.
pub fn split<'t>(text: &'t str, separator: Option<&str>, most: i64) -> Vec<&'t str> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if let Some(separator) = separator {
        return text.splitn(most.saturating_add(1), separator).collect();
    }
    let (mut found, mut rest) = (Vec::new(), text.trim_start_matches(is_space));
    while !rest.is_empty() {
        if found.len() == most {
            found.push(rest.trim_end_matches(is_space));
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        found.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    found
}

/// `str.rsplit`.
pub fn rsplit<'t>(text: &'t str, separator: Option<&str>, most: i64) -> Vec<&'t str> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found: Vec<&str> = match separator {
        Some(separator) => text.rsplitn(most.saturating_add(1), separator).collect(),
        None => {
            let (mut found, mut rest) = (Vec::new(), text.trim_end_matches(is_space));
            while !rest.is_empty() {
                if found.len() == most {
                    found.push(rest.trim_start_matches(is_space));
                    break;
                }
                let begin =
                    rest.char_indices().rev().find(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
                found.push(&rest[begin..]);
                rest = rest[..begin].trim_end_matches(is_space);
            }
            found
        }
    };
    found.reverse();
    found
}

/// `str.replace`, at most `most` times where it is not negative.
pub fn replace(text: &str, from: &str, to: &str, most: i64) -> String {
    match usize::try_from(most) {
        Ok(most) => text.replacen(from, to, most),
        Err(_) => text.replace(from, to),
    }
}

/// `str.expandtabs`.
pub fn expand_tabs(text: &str, width: usize) -> String {
    let (mut out, mut column) = (String::with_capacity(text.len()), 0);
    for c in text.chars() {
        match c {
            '\t' if width == 0 => {}
            '\t' => {
                let blanks = width - column % width;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            c => {
                out.push(c);
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    out
}

/// `str.zfill`.
pub fn zero_fill(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    format!("{sign}{}{digits}", "0".repeat(missing))
}

/// `str.center`, which puts the odd blank where CPython does.
pub fn center(text: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    let fill = |n: usize| fill.to_string().repeat(n);
    format!("{}{text}{}", fill(left), fill(missing - left))
}

/// Escapes text for HTML, as markupsafe does.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_as_in_python() {
        assert_eq!(title("o'neill mc-donald x1y ßa ǆ"), "O'Neill Mc-Donald X1Y Ssa ǅ");
        assert_eq!(capitalize("ΑΣ ǆ"), "Ας ǆ");
        assert_eq!(swapcase("aBß"), "AbSS");
        assert_eq!(casefold("Straße"), "strasse");
        assert!(is_title_case("A Dog") && !is_title_case("a Dog") && !is_title_case("DOg") && !is_title_case("1"));
    }

    #[test]
    fn text_is_cut_as_in_python() {
        assert_eq!(split(" a  b c ", None, 1), ["a", "b c"]);
        assert_eq!(rsplit(" a  b c ", None, 1), ["a  b", "c"]);
        assert_eq!(split("a,b,c", Some(","), 1), ["a", "b,c"]);
        assert_eq!(rsplit("a,b,c", Some(","), 1), ["a,b", "c"]);
        assert_eq!(lines("a\r\nb\u{2028}c\n", false), ["a", "b", "c"]);
        assert_eq!(lines("a\r\nb", true), ["a\r\n", "b"]);
        assert!(split("", None, -1).is_empty());
    }

    #[test]
    fn text_is_padded_as_in_python() {
        assert_eq!([center("abc", 10, ' '), center("ab", 5, '*')], ["   abc    ", "**ab*"]);
        assert_eq!([zero_fill("-5", 4), zero_fill("x", 3)], ["-005", "00x"]);
        assert_eq!(expand_tabs("a\tb\n\tc", 4), "a   b\n    c");
    }

    #[test]
    fn characters_are_of_pythons_kinds() {
        assert!(is_digit('²') && !is_decimal('²') && is_numeric('½') && is_numeric('三') && !is_digit('½'));
        assert!(is_alpha('ª') && !is_alpha('Ⅷ') && is_space('\u{1f}') && is_identifier("é_1") && !is_identifier("1a"));
    }
}
