//! The chat of `plimsoll run`: history, several lines, Ctrl-C stops the answer and not the program.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::Path;

use plimsoll_engine::{GenerateOptions, Prompt as Asked, Session, SessionError};
use reedline::{Prompt, PromptEditMode, PromptHistorySearch, Reedline, Signal, ValidationResult, Validator};

use crate::answer::{looked_words, note_cut, stream, summary};
use crate::conversation::Conversation;
use crate::failure;
use crate::interrupt::Interrupt;
use crate::notice::say;
use crate::show::{Looked, ShowArgs};
use crate::style::Style;

const HELP: &str = "\
/help        this
/image FILE  show a picture with the next message
/video PATH  show a video with the next message
/clear       begin a new conversation
/exit        leave (also Ctrl-D)
Ctrl-C stops an answer. End a line with \\ to go on in the next, or put several
lines between \"\"\" and \"\"\".";

/// Chats until the input ends. Without a terminal, every line of standard input is a message.
pub fn run(
    session: &mut Session,
    mut conversation: Conversation,
    show: &ShowArgs,
    options: &GenerateOptions<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let mut input = Input::new();
    if matches!(input, Input::Terminal(_)) {
        say(Style::stderr().dim("/help for commands, Ctrl-D to leave"));
    }
    while let Some(line) = input.next()? {
        match line.trim() {
            "" => {}
            "/exit" | "/quit" => break,
            "/help" => say(HELP),
            "/clear" => conversation.clear(),
            line if let Some((look, path)) = showing(line) => {
                match look(show, session, Path::new(path)) {
                    Ok(looked) => {
                        say(Style::stderr().dim(&looked_words(&looked)));
                        conversation.show(looked.seen);
                    }
                    // The conversation is as good as before.
                    Err(error) => failure::tell(&error),
                }
            }
            command if command.starts_with('/') && !command.contains(char::is_whitespace) => {
                say(format_args!("no command `{command}`; /help lists them"));
            }
            message => turn(session, &mut conversation, &unquoted(message), options, interrupt)?,
        }
    }
    Ok(())
}

type Look = fn(&ShowArgs, &mut Session, &Path) -> anyhow::Result<Looked>;

/// What `/image` and `/video` do, and with what follows them.
fn showing(line: &str) -> Option<(Look, &str)> {
    let (command, path) = line.split_once(char::is_whitespace)?;
    let look: Look = match command {
        "/image" => ShowArgs::look_at_picture,
        "/video" => ShowArgs::look_at_video,
        _ => return None,
    };
    Some((look, path.trim()))
}

fn turn(
    session: &mut Session,
    conversation: &mut Conversation,
    message: &str,
    options: &GenerateOptions<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    conversation.say("user", message);
    let ids = session.chat_ids_showing(&conversation.request(), conversation.seen())?;
    if ids.len() >= session.context() {
        // The conversation is still good without the message that does not fit.
        conversation.unsay();
        let error = SessionError::PromptTooLong { prompt: ids.len(), context: session.context() };
        say(format_args!("{error}: the message was not sent; /clear begins a new conversation"));
        return Ok(());
    }
    let answer = interrupt.answering(|| stream(session, Asked { ids: &ids, seen: conversation.seen() }, options))?;
    conversation.say("assistant", &answer.text);
    if std::io::stderr().is_terminal() {
        say(Style::stderr().dim(&summary(&answer)));
    }
    note_cut(&answer, session.context());
    Ok(())
}

/// A message without the marks that let it span lines.
fn unquoted(message: &str) -> String {
    let inner = message.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\""));
    inner.unwrap_or(message).trim_matches('\n').replace("\\\n", "\n")
}

enum Input {
    Terminal(Box<Reedline>),
    Pipe(std::io::Lines<std::io::StdinLock<'static>>),
}

impl Input {
    fn new() -> Input {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            Input::Terminal(Box::new(Reedline::create().with_validator(Box::new(Complete))))
        } else {
            Input::Pipe(std::io::stdin().lines())
        }
    }

    /// The next message; none at the end. Ctrl-C empties the line.
    fn next(&mut self) -> anyhow::Result<Option<String>> {
        match self {
            Input::Pipe(lines) => Ok(lines.next().transpose()?),
            Input::Terminal(editor) => loop {
                match editor.read_line(&Arrow)? {
                    Signal::Success(line) => return Ok(Some(line)),
                    Signal::CtrlD => return Ok(None),
                    _ => {}
                }
            },
        }
    }
}

/// A line goes on after a backslash, and inside `"""`.
struct Complete;

impl Validator for Complete {
    fn validate(&self, line: &str) -> ValidationResult {
        let inside_quotes = line.matches("\"\"\"").count() % 2 == 1;
        if inside_quotes || line.ends_with('\\') { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
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
