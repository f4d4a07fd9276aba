//! What somebody wrote in a chat: a message, or a command.

use std::path::{Path, PathBuf};

use plimsoll_catalog::nearest;

pub const COMMANDS: [&str; 14] = [
    "/help", "/?", "/image", "/video", "/set", "/unset", "/show", "/save", "/save!", "/load", "/clear", "/exit",
    "/bye", "/quit",
];

/// The commands that take a path, each with a path that it might be given.
pub const TAKING_PATHS: [(&str, &str); 5] = [
    ("/image", "photo.jpg"),
    ("/video", "clip.mp4"),
    ("/save", "chat.json"),
    ("/save!", "chat.json"),
    ("/load", "chat.json"),
];

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
    /// A setting is changed: its name, a blank and its value; nothing lists them.
    Set(&'a str),
    /// A setting is as it was when the chat began.
    Unset(&'a str),
    /// What the model and its settings are, or the one thing that is named.
    Show(&'a str),
    /// What was said is kept.
    Save {
        file: &'a str,
        replace: bool,
    },
    /// What was kept is gone on with.
    Load(&'a str),
    /// A command stands without the path that it takes.
    NoPath {
        command: &'a str,
        example: &'static str,
    },
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
            name == "?"
                || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-!".contains(&byte)))
        });
        match word {
            "exit" | "quit" if rest.is_empty() => Line::Leave,
            _ if !is_command => Line::Message(unquoted(typed.trim())),
            "/help" | "/?" => Line::Help,
            "/exit" | "/quit" | "/bye" => Line::Leave,
            "/clear" => Line::Clear,
            "/set" => Line::Set(rest),
            "/unset" => Line::Unset(rest),
            "/show" => Line::Show(rest),
            command if rest.is_empty() && example(command).is_some() => {
                Line::NoPath { command, example: example(command).unwrap_or_default() }
            }
            "/image" => Line::Image(rest),
            "/video" => Line::Video(rest),
            "/save" | "/save!" => Line::Save { file: rest, replace: word.ends_with('!') },
            "/load" => Line::Load(rest),
            command => Line::Unknown { command, near: nearest(command, COMMANDS) },
        }
    }
}

/// A path that a command might be given, if it takes one.
pub fn example(command: &str) -> Option<&'static str> {
    TAKING_PATHS.iter().find_map(|(known, example)| (*known == command).then_some(*example))
}

/// What was written as it stands, blanks before it too: a part of a text and not a message.
pub fn text(typed: &str) -> String {
    unquoted(typed.trim_end_matches(['\r', '\n']))
}

/// A message without the marks that let it span lines.
pub fn unquoted(message: &str) -> String {
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
        assert_eq!(Line::of("/image"), Line::NoPath { command: "/image", example: "photo.jpg" });
        assert_eq!(Line::of("/image  a b.png "), Line::Image("a b.png"));
        for text in ["/etc/passwd is what?", "// a comment", "/* another */", "/1 of 2"] {
            assert_eq!(Line::of(text), message(text));
        }
        assert_eq!(Line::of(" /image"), message("/image"));
    }

    #[test]
    fn a_command_gets_what_stands_behind_it() {
        assert_eq!(Line::of("/set temperature 0.7"), Line::Set("temperature 0.7"));
        assert_eq!([Line::of("/set"), Line::of("/unset seed")], [Line::Set(""), Line::Unset("seed")]);
        assert_eq!([Line::of("/show"), Line::of("/show system")], [Line::Show(""), Line::Show("system")]);
        let saved = |replace| Line::Save { file: "a.json", replace };
        assert_eq!([Line::of("/save a.json"), Line::of("/save! a.json")], [saved(false), saved(true)]);
        assert_eq!(Line::of("/load a.json"), Line::Load("a.json"));
        assert_eq!(Line::of("/save"), Line::NoPath { command: "/save", example: "chat.json" });
        assert_eq!(text(" and\n"), " and", "a text keeps its blanks");
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
