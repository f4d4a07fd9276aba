//! Regular expressions as JSON Schema has them, those of ECMAScript, in the words of those that masks are made of.

/// ECMAScript's white space and ends of lines, within brackets.
const SPACE: &str = r"\t\n\x0b\x0c\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

/// The same expression in the other words.
///
/// # Errors
/// It asks for something that no mask enforces; in words.
pub fn translated(pattern: &str) -> Result<String, String> {
    if let Some(look) = ["(?=", "(?!", "(?<=", "(?<!"].into_iter().find(|look| pattern.contains(look)) {
        return Err(format!("the pattern `{pattern}` looks around itself with `{look}`, which no mask can"));
    }
    let (mut translated, mut letters, mut in_brackets) = (String::new(), pattern.chars(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '\\' => {
                match letters.next() {
                    Some('s') if in_brackets => translated.push_str(SPACE),
                    Some('s') => translated.extend(["[", SPACE, "]"]),
                    Some('S') if in_brackets => {
                        return Err(format!("the pattern `{pattern}` has `\\S` within brackets"));
                    }
                    Some('S') => translated.extend(["[^", SPACE, "]"]),
                    Some('b' | 'B') if !in_brackets => {
                        return Err(format!("the pattern `{pattern}` asks for the edge of a word, which no mask can"));
                    }
                    Some(digit @ '1'..='9') => {
                        return Err(format!("the pattern `{pattern}` refers back with `\\{digit}`, which no mask can"));
                    }
                    Some(other) => translated.extend(['\\', other]),
                    None => return Err(format!("the pattern `{pattern}` ends with a backslash")),
                }
                continue;
            }
            _ => {}
        }
        translated.push(letter);
    }
    match regex_syntax::parse(&translated) {
        Ok(_) => Ok(translated),
        Err(error) => {
            let error = error.to_string();
            let why =
                error.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is no regular expression");
            Err(format!("the pattern `{pattern}` cannot be read: {why}"))
        }
    }
}
