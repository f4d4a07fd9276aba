//! Functions of texts.

use super::{Draft, list, text};
use crate::suite::{Rng, words::WORDS};

/// Some words on one line; none and one among them.
fn lines(rng: &mut Rng, between: &str) -> Vec<String> {
    [4, 0, 1, 2, 3, 5, 7].map(|n| (0..n).map(|_| rng.pick(WORDS)).collect::<Vec<_>>().join(between)).to_vec()
}

fn cases(texts: Vec<String>, result: impl Fn(&str) -> String) -> Vec<(String, String)> {
    texts.iter().map(|given| (text(given), result(given))).collect()
}

pub(super) fn reverse_words(rng: &mut Rng) -> Draft {
    let (before, name) = *rng.pick(&[&("-", "hyphens"), &(",", "commas"), &("/", "slashes"), &(" ", "spaces")]);
    let (after, other) =
        *rng.pick(&[&("+", "plus signs"), &("_", "underscores"), &(";", "semicolons"), &("|", "bars")]);
    let least = rng.between(2, 5) as usize;
    let texts = lines(rng, before);
    Draft {
        parameters: "text",
        description: format!(
            "`text` holds words separated by {name}, or nothing. Return those of {least} or more letters in reverse \
             order, separated by {other}."
        ),
        solution: format!(
            "return '{after}'.join([word for word in text.split('{before}') if len(word) >= {least}][::-1])"
        ),
        cases: cases(texts, |given| {
            let words: Vec<&str> = given.split(before).filter(|word| word.len() >= least).collect();
            text(words.into_iter().rev().collect::<Vec<_>>().join(after))
        }),
    }
}

pub(super) fn run_lengths(rng: &mut Rng) -> Draft {
    let least = rng.between(1, 3) as usize;
    let count_first = rng.one_in(2);
    let mark = *rng.pick(&[&"", &":", &"x", &"*"]);
    let mut runs =
        |n: usize| -> String { (0..n).map(|_| rng.pick(&["a", "b", "c", "d"]).repeat(rng.below(4) + 1)).collect() };
    let texts: Vec<String> = [4, 0, 1, 2, 5, 7, 9].into_iter().map(&mut runs).collect();
    let (order, code) = match count_first {
        true => ("the number of its letters, then the letter", format!("str(j - i) + '{mark}' + text[i]")),
        false => ("the letter, then the number of its letters", format!("text[i] + '{mark}' + str(j - i)")),
    };
    let between = if mark.is_empty() { String::new() } else { format!(", with `{mark}` between them") };
    let kept = if least == 1 { String::new() } else { format!(" Leave out runs of fewer than {least} letters.") };
    Draft {
        parameters: "text",
        description: format!(
            "Return the list of the runs of equal letters in `text`, each written as {order}{between}, with nothing \
             else.{kept}"
        ),
        solution: format!(
            "runs, i = [], 0\n\
             while i < len(text):\n    \
                 j = i\n    \
                 while j < len(text) and text[j] == text[i]:\n        \
                     j += 1\n    \
                 if j - i >= {least}:\n        \
                     runs.append({code})\n    \
                 i = j\n\
             return runs"
        ),
        cases: cases(texts, |given| {
            let runs = given.as_bytes().chunk_by(|a, b| a == b).filter(|run| run.len() >= least);
            list(runs.map(|run| {
                let (letter, n) = (char::from(run[0]), run.len());
                text(if count_first { format!("{n}{mark}{letter}") } else { format!("{letter}{mark}{n}") })
            }))
        }),
    }
}

pub(super) fn count_letters(rng: &mut Rng) -> Draft {
    let meant = rng.distinct(&["a", "e", "i", "o", "u", "r", "s", "t", "n", "l"], 3).concat();
    let case = rng.one_in(2);
    let mut texts = lines(rng, " ");
    texts.push("AREAS OUT IN A LINE".to_owned());
    texts.push(texts[0].to_uppercase());
    let named = meant.chars().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    let (how, lower) = if case { ("in lower or upper case", ".lower()") } else { ("in lower case only", "") };
    Draft {
        parameters: "text",
        description: format!("Return how many letters of `text` are one of {named}, {how}."),
        solution: format!("return sum(1 for c in text{lower} if c in '{meant}')"),
        cases: cases(texts, |given| {
            let is_meant = |c: &char| meant.contains(if case { c.to_ascii_lowercase() } else { *c });
            given.chars().filter(is_meant).count().to_string()
        }),
    }
}

pub(super) fn shift_letters(rng: &mut Rng) -> Draft {
    let by = rng.between(1, 25) as u8;
    let backwards = rng.one_in(2);
    let between = *rng.pick(&[&" ", &"-", &", ", &"_"]);
    let texts = lines(rng, between);
    let (way, sign) = if backwards { ("back", "-") } else { ("on", "+") };
    let places = if by == 1 { "one place".to_owned() } else { format!("{by} places") };
    Draft {
        parameters: "text",
        description: format!(
            "Return `text` with every letter from a to z moved {places} {way} in the alphabet, going round at its end, and \
             everything else as it is."
        ),
        solution: format!(
            "return ''.join(chr((ord(c) - 97 {sign} {by}) % 26 + 97) if 'a' <= c <= 'z' else c for c in text)"
        ),
        cases: cases(texts, |given| {
            let by = if backwards { 26 - by } else { by };
            let moved = |c: char| match u8::try_from(c) {
                Ok(byte @ b'a'..=b'z') => char::from((byte - b'a' + by) % 26 + b'a'),
                _ => c,
            };
            text(given.chars().map(moved).collect::<String>())
        }),
    }
}
