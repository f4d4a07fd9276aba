//! MMMU: `id`, `question`, `options` (a Python list as a text), `answer` as a letter, `question_type`, `image_1` to
//! `image_7`, as on the hub. Questions without options are not asked. Words: those of lmms-eval's task.

use std::fmt::Write;

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

const LETTERS: &str = "ABCDEFGHI";
/// Room for a letter with some words around it, in tokens.
const MAX_TOKENS: usize = 64;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    if row.text("question_type")? == "open" {
        return Ok(None);
    }
    let list = row.texts("options").ok().or_else(|| python_list(row.text("options").ok()?));
    let options = list.ok_or_else(|| row.wrong("options", "a list of texts"))?;
    let answer = row.text("answer")?.trim().chars().next();
    let answer = answer.filter(|letter| LETTERS.chars().take(options.len()).any(|known| known == *letter));
    let answer = answer.ok_or_else(|| row.wrong("answer", "the letter of an option"))?;
    let mut prompt = row.text("question")?.to_owned();
    for (letter, option) in LETTERS.chars().zip(&options) {
        // Written to a String, which takes everything.
        let _ = write!(prompt, "\n({letter}) {option}");
    }
    prompt.push_str("\n\nAnswer with the option's letter from the given choices directly.");
    let images: Vec<_> = (1..=7).filter_map(|n| row.picture(&format!("image_{n}"))).collect();
    if images.is_empty() {
        return Err(row.wrong("image_1", "a picture's bytes"));
    }
    let scoring = Scoring::Benchmark(Marking::LetterOf { answer, options });
    let part = row.text("id").ok().and_then(subject);
    Ok(Some(Draft { id: row.name("id"), part, images, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}

/// `Accounting` of `validation_Accounting_1`.
fn subject(id: &str) -> Option<String> {
    let (_, rest) = id.split_once('_')?;
    Some(rest.rsplit_once('_')?.0.to_owned())
}

/// The texts of a list as Python writes it.
fn python_list(text: &str) -> Option<Vec<String>> {
    let mut letters = text.trim().strip_prefix('[')?.strip_suffix(']')?.chars().peekable();
    let mut texts = Vec::new();
    loop {
        while letters.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        let Some(quote) = letters.next() else { return Some(texts) };
        if quote != '\'' && quote != '"' {
            return None;
        }
        let mut found = String::new();
        loop {
            match letters.next()? {
                '\\' => match letters.next()? {
                    'n' => found.push('\n'),
                    't' => found.push('\t'),
                    other if "\\'\"".contains(other) => found.push(other),
                    // What Python would keep or spell in digits stays as it stands.
                    other => found.extend(['\\', other]),
                },
                c if c == quote => break,
                c => found.push(c),
            }
        }
        texts.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::{python_list, subject};

    #[test]
    fn a_python_list_is_read_with_both_kinds_of_quotes() {
        assert_eq!(python_list(r#"['a, b', "it's", 'x\'y', '\\frac']"#).unwrap(), ["a, b", "it's", "x'y", r"\frac"]);
        assert_eq!(python_list("[]").unwrap(), [""; 0]);
        assert_eq!(python_list("['a"), None);
        assert_eq!(python_list("[1, 2]"), None);
        assert_eq!(subject("validation_Art_Theory_12").as_deref(), Some("Art_Theory"));
    }
}
