//! Finding the answer in what a chat model wrote.

use serde_json::Value;

/// Words after which an answer is announced.
const ANNOUNCEMENTS: [&str; 4] = ["answer is", "answer:", "result is", "result:"];

/// What follows the thinking: everything after the last `</think>`. A thought that never ends has no answer.
pub fn after_thinking(raw: &str) -> &str {
    match raw.rsplit_once("</think>") {
        Some((_, answer)) => answer.trim(),
        None if raw.trim_start().starts_with("<think>") => "",
        None => raw.trim(),
    }
}

/// The text itself: without thinking, a code fence, an announcement (`The answer is: …`), quotation marks, bold or
/// code marks around it, and a full stop at its end.
pub fn text(raw: &str) -> &str {
    let mut text = unfenced(after_thinking(raw));
    if let Some(rest) = announced(text) {
        text = rest;
    }
    loop {
        let shorter = unwrapped(text);
        if shorter == text {
            return text;
        }
        text = shorter;
    }
}

/// The elements of a list separated by commas, line breaks, spaces, `<`, `>` or the word `and`, without bullets and
/// numbering (`1. `), after an announcement or a sentence that ends in a colon.
pub fn list(raw: &str) -> Vec<String> {
    let text = text(raw);
    let text = text.rsplit_once(':').map_or(text, |(_, elements)| elements);
    text.lines()
        .map(without_numbering)
        .flat_map(|line| line.split([',', '<', '>', ' ', ';']))
        .map(|element| element.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|element| !element.is_empty() && !element.eq_ignore_ascii_case("and"))
        .map(str::to_owned)
        .collect()
}

/// A line without the bullet or the number (`1. `) that it begins with.
pub(super) fn without_numbering(line: &str) -> &str {
    let line = line.trim().trim_start_matches(['-', '*', '•']).trim_start();
    match line.split_once(['.', ')']) {
        Some((n, rest)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' ') => rest,
        _ => line,
    }
}

/// The last of `names` that stands in the answer as a whole word, in any case.
pub fn last_named<'a>(raw: &str, names: &'a [String]) -> Option<&'a str> {
    let answer = after_thinking(raw).to_lowercase();
    let words: Vec<&str> = answer.split(|c: char| !c.is_alphanumeric()).collect();
    words.iter().rev().find_map(|word| names.iter().find(|name| name.to_lowercase() == *word)).map(String::as_str)
}

/// The whole number that is the answer: the first one after an announcement; else the one that opens the answer
/// with at most a unit after it (`700 cm.`); else the one after the last `=`; else the last one.
/// Thousands may be separated by commas; a number with a fraction other than zero is none.
pub fn number(raw: &str) -> Option<i64> {
    let answer = after_thinking(raw);
    if let Some(rest) = announced(answer) {
        return match rest.rsplit_once('=') {
            Some((_, right)) => numbers(right).first().copied()?,
            None => numbers(rest).first().copied()?,
        };
    }
    if let Some(opening) = opening_number(answer) {
        return opening;
    }
    if let Some((_, right)) = answer.rsplit_once('=')
        && let Some(found) = numbers(right).first()
    {
        return *found;
    }
    numbers(answer).last().copied()?
}

/// The first JSON object in the answer, bare, in a fence, or within a sentence.
pub fn json(raw: &str) -> Option<Value> {
    let answer = after_thinking(raw);
    let start = answer.find(['{', '['])?;
    serde_json::Deserializer::from_str(&answer[start..]).into_iter::<Value>().next()?.ok()
}

fn unfenced(text: &str) -> &str {
    let Some((_, fenced)) = text.split_once("```") else { return text };
    // The first line of a fence names a language, or is empty.
    let Some((_, body)) = fenced.split_once('\n') else { return text };
    body.split_once("```").map_or(body, |(inside, _)| inside).trim()
}

/// What stands after the first announcement, if there is one.
pub(crate) fn announced(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let (at, len) = ANNOUNCEMENTS.iter().filter_map(|a| lower.find(a).map(|at| (at, a.len()))).min()?;
    Some(text[at + len..].trim_start_matches(|c: char| c == ':' || c.is_whitespace()))
}

fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    for mark in ["**", "`", "\"", "'", "“", "”", "*"] {
        let closing = if mark == "“" { "”" } else { mark };
        if let Some(inside) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(closing)) {
            return inside.trim();
        }
    }
    match text.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest,
        _ => text,
    }
}

/// The number when the first line is that number and at most one word (a unit) and closing marks.
fn opening_number(answer: &str) -> Option<Option<i64>> {
    let line = answer.lines().next()?.split('(').next()?.trim_matches(|c: char| "*`\"'. ".contains(c));
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let second = words.next().unwrap_or_default();
    let one_number = matches!(numbers(first)[..], [_]) && first.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let unit = second.chars().all(|c| c.is_alphabetic() || "*`.,".contains(c));
    (one_number && unit && words.next().is_none()).then(|| numbers(first)[0])
}

/// Every number in the text, in order; `None` stands for one that is not whole or is too long.
fn numbers(text: &str) -> Vec<Option<i64>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut i = 0;
    while i < bytes.len() {
        if !digit(i) {
            i += 1;
            continue;
        }
        // A hyphen is a minus sign only where no word or number stands before it.
        let negative = i > 0 && bytes[i - 1] == b'-' && (i == 1 || !bytes[i - 2].is_ascii_alphanumeric());
        let mut digits = String::from(if negative { "-" } else { "" });
        while digit(i) || (bytes.get(i) == Some(&b',') && (1..=3).all(|k| digit(i + k)) && !digit(i + 4)) {
            if digit(i) {
                digits.push(char::from(bytes[i]));
            }
            i += 1;
        }
        let mut whole = true;
        if bytes.get(i) == Some(&b'.') && digit(i + 1) {
            i += 1;
            while digit(i) {
                whole &= bytes[i] == b'0';
                i += 1;
            }
        }
        found.push(if whole { digits.parse().ok() } else { None });
    }
    found
}
