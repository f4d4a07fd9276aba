//! Pictures that a message names: what is dropped into a terminal arrives there as a path.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::line::path;

/// How the names of pictures end that are read here.
const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// A picture that is named in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Where its name stands, with its quotes, in bytes.
    at: Range<usize>,
    /// The file.
    pub path: PathBuf,
}

impl Named {
    /// The name of the file alone.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The pictures that `message` names, in order. A word, or what stands between quotes, is one where it ends as the name of a
/// picture does and there is such a file; all else is text.
pub fn pictures(message: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = message[from..].find(|c: char| !c.is_whitespace()).map(|blanks| from + blanks) {
        let named = quoted(message, start).or_else(|| word(message, start));
        from = named.as_ref().map_or_else(|| end_of_word(message, start), |named| named.at.end);
        found.extend(named);
    }
    found
}

/// `message` without the pictures that it begins or ends with; one in the middle leaves the name of its file.
pub fn without(message: &str, pictures: &[Named]) -> String {
    let starts = pictures.iter().map(|picture| picture.at.start).chain([message.len()]);
    let ends = [0].into_iter().chain(pictures.iter().map(|picture| picture.at.end));
    let texts: Vec<&str> = ends.zip(starts).map(|(end, start)| &message[end..start]).collect();
    let says = |text: &&str| !text.trim().is_empty();
    let (Some(first), Some(last)) = (texts.iter().position(says), texts.iter().rposition(says)) else {
        return String::new();
    };
    let mut left = texts[first].to_owned();
    for (picture, text) in pictures[first..last].iter().zip(&texts[first + 1..]) {
        left += &picture.name();
        left += text;
    }
    left.trim().to_owned()
}

/// A picture between quotes that open at byte `start`.
fn quoted(message: &str, start: usize) -> Option<Named> {
    let quote = message[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &message[start + 1..];
    let length = inner.find(quote)?;
    picture(&inner[..length], start..start + length + 2)
}

/// A picture whose name is the word at byte `start`, without the marks of a sentence around it.
fn word(message: &str, start: usize) -> Option<Named> {
    let whole = &message[start..end_of_word(message, start)];
    let opened = whole.trim_start_matches(['(', '[']);
    let start = start + whole.len() - opened.len();
    let bare = opened.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']);
    [opened, bare].into_iter().find_map(|word| picture(word, start..start + word.len()))
}

/// Blanks behind a backslash end no word.
fn end_of_word(message: &str, start: usize) -> usize {
    let mut escaped = false;
    let ends = |c: char| {
        let ends = c.is_whitespace() && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    message[start..].find(ends).map_or(message.len(), |length| start + length)
}

fn picture(written: &str, at: Range<usize>) -> Option<Named> {
    let (_, ending) = written.rsplit_once('.')?;
    if !PICTURES.iter().any(|known| ending.eq_ignore_ascii_case(known)) {
        return None;
    }
    let path = path(written);
    Path::is_file(&path).then_some(Named { at, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages over the folder `$` and what is left of them.
    fn left(messages: &[&str]) -> Vec<(Vec<String>, String)> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "my cat.JPG", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let left = |message: &&str| {
            let message = message.replace('$', folder.path().to_str().unwrap());
            let found = pictures(&message);
            (found.iter().map(Named::name).collect(), without(&message, &found))
        };
        messages.iter().map(left).collect()
    }

    fn with(names: &[&str], text: &str) -> (Vec<String>, String) {
        (names.iter().map(|name| (*name).to_owned()).collect(), text.to_owned())
    }

    #[test]
    fn a_picture_is_found_however_a_terminal_writes_its_path() {
        let (cat, what) = (&["my cat.JPG"][..], "What is it?");
        let messages = ["'$/my cat.JPG' What is it?", r"$/my\ cat.JPG What is it?", "What is it? \"$/my cat.JPG\" "];
        assert_eq!(left(&messages), vec![with(cat, what); 3]);
        let both = left(&["$/a.png '$/my cat.JPG'\nWhich?", "$/a.png"]);
        assert_eq!(both, [with(&["a.png", "my cat.JPG"], "Which?"), with(&["a.png"], "")]);
    }

    #[test]
    fn one_in_the_middle_leaves_its_name() {
        let middle = left(&["Is ($/a.png) like $/my\\ cat.JPG, or not?", "What is in $/a.png?"]);
        let like = with(&["a.png", "my cat.JPG"], "Is (a.png) like my cat.JPG, or not?");
        assert_eq!(middle, [like, with(&["a.png"], "What is in a.png?")]);
    }

    #[test]
    fn what_is_not_there_or_is_no_picture_stays_text() {
        let texts =
            ["/none.png What?", "Read notes.txt", "'tis 5 o'clock.", "a.b.c .png png", "two  blanks", "\\", "\""];
        for text in texts {
            assert_eq!(left(&[text]), [with(&[], text)]);
        }
        assert!(left(&["Read $/notes.txt"])[0].1.ends_with("/notes.txt"));
    }
}
