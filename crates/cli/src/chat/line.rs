//! What somebody wrote in a chat: a message, or a command.

use std::path::{Path, PathBuf};

use plimsoll_catalog::nearest;

pub const COMMANDS: [&str; 8] = ["/help", "/?", "/image", "/video", "/clear", "/exit", "/bye", "/quit"];

/// The commands that take a path.
pub const TAKING_PATHS: [&str; 2] = ["/image", "/video"];

#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    Nothing,
    Message(String),
    Leave,
    /// What can be written.
    Help,
    /// Everything so far is forgotten.
    Clear,
    /// A picture is shown with the next message.
    Image(&'a str),
    Video(&'a str),
    /// A command stands without the path that it takes.
    NoPath(&'a str),
    /// There is no such command; it is never sent as a message.
    Unknown {
        command: &'a str,
        near: Option<&'static str>,
    },
}

impl Line<'_> {
    /// Reads what was written. A slash and letters begin a command; what has another slash, as a path and a comment
    /// have, is a message, and so is everything after a blank.
    pub fn of(typed: &str) -> Line<'_> {
        if typed.trim().is_empty() {
            return Line::Nothing;
        }
        let line = typed.trim_end();
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        let is_command = word.strip_prefix('/').is_some_and(|name| {
            name == "?" || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
        });
        match word {
            "exit" | "quit" if rest.is_empty() => Line::Leave,
            _ if !is_command => Line::Message(unquoted(typed.trim())),
            "/help" | "/?" => Line::Help,
            "/exit" | "/quit" | "/bye" => Line::Leave,
            "/clear" => Line::Clear,
            command if TAKING_PATHS.contains(&command) && rest.is_empty() => Line::NoPath(command),
            "/image" => Line::Image(rest),
            "/video" => Line::Video(rest),
            command => Line::Unknown { command, near: nearest(command, COMMANDS) },
        }
    }
}

/// A message without the marks that let it span lines.
fn unquoted(message: &str) -> String {
    let inner = message.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\""));
    inner.unwrap_or(message).trim_matches('\n').replace("\\\n", "\n")
}

/// The file that was meant: as it was written, else without the quotes and backslashes that shells and file managers put
/// around blanks; `~` is the user's home.
pub fn path(written: &str) -> PathBuf {
    if Path::new(written).exists() {
        return PathBuf::from(written);
    }
    let plain = match written.chars().next() {
        Some(quote @ ('"' | '\'')) => written[1..].strip_suffix(quote).unwrap_or(&written[1..]).to_owned(),
        _ => without_backslashes(written),
    };
    at_home(&plain)
}

fn without_backslashes(written: &str) -> String {
    let mut plain = String::with_capacity(written.len());
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

/// `~` and `~/…` in the user's home.
pub fn at_home(path: &str) -> PathBuf {
    let below = if path == "~" { Some("") } else { path.strip_prefix("~/") };
    match (below, std::env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Line<'static> {
        Line::Message(text.to_owned())
    }

    #[test]
    fn a_command_is_never_sent_and_what_only_begins_with_a_slash_is() {
        assert_eq!(Line::of("/img foo.png"), Line::Unknown { command: "/img", near: None });
        assert_eq!(Line::of("/imge foo.png"), Line::Unknown { command: "/imge", near: Some("/image") });
        assert_eq!(Line::of("/image"), Line::NoPath("/image"));
        assert_eq!(Line::of("/image  a b.png "), Line::Image("a b.png"));
        for text in ["/etc/passwd is what?", "// a comment", "/* another */", "/1 of 2"] {
            assert_eq!(Line::of(text), message(text));
        }
        assert_eq!(Line::of(" /image"), message("/image"));
    }

    #[test]
    fn every_word_for_leaving_leaves_and_sentences_with_it_do_not() {
        for word in ["exit", "quit", "/exit", "/quit", "/bye", " /exit".trim()] {
            assert_eq!(Line::of(word), Line::Leave, "{word}");
        }
        assert_eq!(Line::of("exit is a verb"), message("exit is a verb"));
        assert_eq!([Line::of("/?"), Line::of("/help"), Line::of(" \n")], [Line::Help, Line::Help, Line::Nothing]);
    }

    #[test]
    fn several_lines_are_one_message() {
        assert_eq!(Line::of("one\ntwo\n"), message("one\ntwo"));
        assert_eq!(Line::of("\"\"\"\none\ntwo\n\"\"\""), message("one\ntwo"));
        assert_eq!(Line::of("one \\\ntwo"), message("one \ntwo"));
    }

    #[test]
    fn quotes_backslashes_and_the_tilde_are_read_as_a_shell_reads_them() {
        assert_eq!(path("\"my picture.png\""), PathBuf::from("my picture.png"));
        assert_eq!(path("'my picture.png'"), PathBuf::from("my picture.png"));
        assert_eq!(path(r"my\ picture.png"), PathBuf::from("my picture.png"));
        let home = PathBuf::from(std::env::var_os("HOME").unwrap());
        assert_eq!(path("~/a.png"), home.join("a.png"));
        assert_eq!(path("~b.png"), PathBuf::from("~b.png"));
    }

    #[test]
    fn a_file_that_is_called_so_is_taken_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(r"a\ b.png");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(path(odd.to_str().unwrap()), odd);
    }
}
