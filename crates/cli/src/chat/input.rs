//! Lines from a terminal: edited, completed, remembered.

use std::borrow::Cow;
use std::path::Path;
use std::{fs, io};

use anyhow::Context;
use reedline::{
    ColumnarMenu, Completer, CompletionResult, EditCommand, Emacs, FileBackedHistory, KeyCode, KeyModifiers,
    MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal, Span,
    Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};

use super::line::{COMMANDS, at_home, example};
use super::{setting, show};
use crate::notice::say;
use crate::places;

/// Lines that are remembered.
const REMEMBERED: usize = 1000;
/// Entries of a folder that are looked at for completing a path.
const MOST_ENTRIES: usize = 1000;
const MENU: &str = "completion";

/// What is written at the terminal.
pub struct Input(Reedline);

impl Input {
    /// With what was written in earlier chats where `remember` asks for it.
    pub fn new(remember: bool) -> Input {
        let mut keys = default_emacs_keybindings();
        let complete = vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext];
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(complete));
        let new_line = ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
        keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, new_line);
        let menu = Box::new(ColumnarMenu::default().with_name(MENU));
        let mut editor = Reedline::create()
            .use_bracketed_paste(true) // else every line of what is pasted would be sent by itself
            .with_validator(Box::new(Complete))
            .with_completer(Box::new(Tab))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(menu))
            .with_edit_mode(Box::new(Emacs::new(keys)));
        if remember {
            match history() {
                Ok(history) => editor = editor.with_history(Box::new(history)),
                Err(error) => say(format_args!("note: what is written here will not be remembered: {error:#}")),
            }
        }
        Input(editor)
    }

    /// What was written next; none at the end. Ctrl-C empties the line.
    pub fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self.0.read_line(&Arrow)? {
                Signal::Success(line) => {
                    // Ctrl-C may end the program before the editor is dropped. A full disk ends no chat.
                    let _ = self.0.sync_history();
                    return Ok(Some(line));
                }
                Signal::CtrlD => return Ok(None),
                _ => {}
            }
        }
    }
}

/// What was written in earlier chats, in a file that only its owner reads.
fn history() -> anyhow::Result<FileBackedHistory> {
    let folder = places::state().context("neither HOME nor XDG_STATE_HOME is set")?;
    let place = || folder.display().to_string();
    let file = folder.join("chat_history");
    make_private(&folder, &file).with_context(place)?;
    FileBackedHistory::with_file(REMEMBERED, file).with_context(place)
}

/// Makes the folder and the file where they are missing; only their owner reads them.
#[cfg(unix)]
fn make_private(folder: &Path, file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

/// Makes the folder and the file where they are missing; on Windows what lies in a user's folder is that user's.
#[cfg(not(unix))]
fn make_private(folder: &Path, file: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::OpenOptions::new().create(true).append(true).open(file).map(drop)
}

/// A line goes on after a backslash, and inside `"""`.
struct Complete;

impl Validator for Complete {
    fn validate(&self, line: &str) -> ValidationResult {
        let inside_quotes = line.matches("\"\"\"").count() % 2 == 1;
        if inside_quotes || line.ends_with('\\') { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
}

/// Commands at the beginning of a line, and what stands behind them.
struct Tab;

impl Completer for Tab {
    fn complete(&mut self, line: &str, at: usize) -> CompletionResult {
        let typed = line.get(..at).unwrap_or(line);
        CompletionResult::fresh(match typed.split_once(' ') {
            Some((command, rest)) if example(command).is_some() => paths(rest.trim_start(), at),
            Some(("/set", rest)) => words(rest.trim_start(), at, &setting::names(), true),
            Some(("/unset", rest)) => words(rest.trim_start(), at, &setting::names(), false),
            Some(("/show", rest)) => words(rest.trim_start(), at, &show::PARTS.map(str::to_owned), false),
            Some(_) => Vec::new(),
            None if typed.is_empty() => Vec::new(),
            None => commands(typed),
        })
    }
}

fn commands(typed: &str) -> Vec<Suggestion> {
    let fitting = COMMANDS.iter().filter(|command| command.starts_with(typed));
    let takes_more = |command: &str| example(command).is_some() || command == "/set" || command == "/unset";
    fitting.map(|command| suggested(command, Span::new(0, typed.len()), takes_more(command))).collect()
}

/// Those of `known` that begin with `typed`, which ends at byte `end` of the line.
fn words(typed: &str, end: usize, known: &[String], takes_more: bool) -> Vec<Suggestion> {
    let span = Span::new(end - typed.len(), end);
    known.iter().filter(|word| word.starts_with(typed)).map(|word| suggested(word, span, takes_more)).collect()
}

fn suggested(value: &str, span: Span, append_whitespace: bool) -> Suggestion {
    Suggestion { value: value.to_owned(), span, append_whitespace, ..Suggestion::default() }
}

/// Entries of the folder that `typed` stands in, which ends at byte `end` of the line.
fn paths(typed: &str, end: usize) -> Vec<Suggestion> {
    let typed = typed.strip_prefix(['"', '\'']).unwrap_or(typed);
    let name_at = typed.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = typed.split_at(name_at);
    let looked = if folder.is_empty() { Path::new(".").to_owned() } else { at_home(folder) };
    let Ok(entries) = fs::read_dir(looked) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            entry.file_name().into_string().ok().map(|name| name + slash)
        })
        .filter(|entry| entry.starts_with(name) && (name.starts_with('.') || !entry.starts_with('.')))
        .collect();
    found.sort();
    let span = Span::new(end - typed.len(), end);
    found.iter().map(|entry| suggested(&format!("{folder}{entry}"), span, false)).collect()
}

struct Arrow;

impl Prompt for Arrow {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("· ")
    }

    fn render_prompt_history_search_indicator(&self, _: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Borrowed("search: ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let found = Tab.complete(line, line.len());
        found.suggestions().iter().map(|found| found.value.clone()).collect()
    }

    #[test]
    fn commands_and_the_paths_behind_them_are_completed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a photo.png", "another.jpg", ".hidden.png"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("albums")).unwrap();
        let below = |name: &str| format!("{}/{name}", folder.path().display());
        assert_eq!(values("/im"), ["/image"]);
        assert_eq!(values(&format!("/image {}", below("a"))), ["a photo.png", "albums/", "another.jpg"].map(below));
        assert_eq!(values(&format!("/image \"{}", below("a "))), [below("a photo.png")]);
        assert_eq!(values(&format!("/video {}", below("."))), [below(".hidden.png")]);
        assert!(values("what is /im").is_empty() && values("").is_empty());
        assert_eq!(values("/set top"), ["top_k", "top_p"]);
        assert_eq!([values("/unset se"), values("/show s")].concat(), ["seed", "system"]);
        assert_eq!(values(&format!("/load {}", below("alb"))), [below("albums/")]);
    }
}
