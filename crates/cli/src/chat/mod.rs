//! The chat of `plimsoll run`, at a terminal: a conversation, or one text that the model goes on with: by `--raw`, and where
//! the model has no template.

mod input;
mod kept;
mod line;
mod named;
mod seen;
mod set;
mod setting;
mod show;

use std::path::PathBuf;

use plimsoll_engine::{Conversation, GenerateOptions, Prompt, Session, SessionError};
use plimsoll_models::Checkpoint;
use plimsoll_panel::{broken, shown_text};

use crate::answer::{note_cut, stream, summary};
use crate::args::{ImageArgs, Run};
use crate::interrupt::Interrupt;
use crate::notice::say;
use crate::rows::HANG;
use crate::style::Style;
use crate::{demo, failure};
use input::Input;
use line::Line;
pub use setting::Chosen;

const HELP: &str = "\
/help, /?          this
/image FILE        show a picture with the next message
/video PATH        show a video with the next message
/set NAME VALUE    change how answers are made; /set alone lists what there is
/unset NAME        as it was when the chat began
/show              the model, the context left and the settings; /show system,
                   /show template
/save FILE         keep what was said; /save! FILE replaces a file
/load FILE         go on with what was kept
/clear             begin anew
/exit, /bye        leave (also Ctrl-D)
Ctrl-C stops an answer, Tab completes commands and paths, the up arrow brings
back what was written before. A model that sees is shown every picture whose
path stands in a message. What is pasted is one message. End a line with \\ or
press Alt-Enter to go on in the next, or put several lines between \"\"\" and
\"\"\". A message that begins with a slash takes a blank before it.";

const HELP_OF_TEXT: &str = "\
What you write begins a new line of the text; what begins with a blank goes on
in the last. An empty line lets the model go on.";

/// What was said, and by what it is kept.
pub enum Talk {
    /// Messages, for the model's template.
    Messages(Conversation),
    /// One text, which grows.
    Text(String),
}

/// A chat that is under way.
pub struct Chat<'a> {
    pub session: &'a mut Session,
    pub checkpoint: &'a Checkpoint,
    /// What was said so far.
    pub talk: Talk,
    /// The files of the conversation's images, in order.
    pub shown: Vec<PathBuf>,
    /// As it was asked for.
    pub command: &'a Run,
    /// What was set since.
    pub settings: Chosen<'a>,
    /// How answers are made.
    pub options: GenerateOptions<'a>,
    pub interrupt: &'a Interrupt,
}

impl Chat<'_> {
    /// Chats until the input ends.
    ///
    /// # Errors
    /// The terminal cannot be read, or an answer fails in a way that the next one would too.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut input = Input::new(!self.command.no_history);
        self.welcome();
        while let Some(typed) = input.next()? {
            match Line::of(&typed) {
                Line::Nothing => self.go_on()?,
                Line::Leave => break,
                Line::Help => self.help(),
                Line::Clear => self.clear(),
                Line::Image(path) => tell(self.look(ImageArgs::encode_picture, &line::path(path))),
                Line::Video(path) => tell(self.look(ImageArgs::encode_video, &line::path(path))),
                Line::Set("") => self.list_settings(None)?,
                Line::Set(written) => tell(self.set(written)),
                Line::Unset(name) => tell(self.unset(name)),
                Line::Show(part) => tell(self.show_about(part)),
                Line::Save { file, replace } => tell(self.save(&line::path(file), replace)),
                Line::Load(file) => tell(self.load(&line::path(file))),
                Line::NoPath { command, example } => {
                    say(format_args!("`{command}` needs a path, as in {command} {example}"))
                }
                Line::Unknown { command, near } => {
                    let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
                    say(format_args!("no command {command}; {near}/help lists them"));
                }
                Line::Message(message) => match self.talk {
                    Talk::Messages(_) => self.message(&message)?,
                    Talk::Text(_) => self.turn(&line::text(&typed))?,
                },
            }
        }
        Ok(())
    }

    fn welcome(&self) {
        let dim = |words: &str| broken(words, 80, HANG).iter().for_each(|line| say(Style::stderr().dim(line)));
        let continues = matches!(self.talk, Talk::Text(_));
        if let Some(words) = demo::knows(&self.command.model).filter(|_| !continues) {
            dim(&words);
        }
        if continues && !self.command.raw {
            let model = shown_text(&self.command.model, 200);
            dim(&format!(
                "{model} has no chat template: it continues text in place of answering (--template chatml asks it \
                 all the same)"
            ));
        }
        dim(match continues {
            true => "what you write is continued; an empty line lets the model go on; /help, Ctrl-D to leave",
            false => "/help for commands, Ctrl-D to leave",
        });
    }

    fn help(&self) {
        say(HELP);
        if let Talk::Text(_) = self.talk {
            say(HELP_OF_TEXT);
        }
    }

    fn clear(&mut self) {
        match &mut self.talk {
            Talk::Messages(conversation) => conversation.clear(),
            Talk::Text(text) => text.clear(),
        }
        self.shown.clear();
    }

    /// The conversation.
    ///
    /// # Errors
    /// A text is continued, which has no messages.
    fn conversation(&mut self) -> anyhow::Result<&mut Conversation> {
        match &mut self.talk {
            Talk::Messages(conversation) => Ok(conversation),
            Talk::Text(_) => anyhow::bail!("that is for messages, and here a text is continued"),
        }
    }

    /// An empty line: in a conversation nothing was said, and a text goes on.
    fn go_on(&mut self) -> anyhow::Result<()> {
        match &self.talk {
            Talk::Text(text) if !text.is_empty() => self.turn(""),
            _ => Ok(()),
        }
    }

    fn turn(&mut self, message: &str) -> anyhow::Result<()> {
        let before = if let Talk::Text(text) = &self.talk { text.len() } else { 0 };
        let ids = match self.ids_with(message) {
            Ok(ids) => ids,
            // What was said before is still good.
            Err(error) => {
                self.unsay(before);
                failure::tell(&error.into());
                say("the message was not sent; /clear begins anew");
                return Ok(());
            }
        };
        let (session, options) = (&mut *self.session, &self.options);
        let images = match &self.talk {
            Talk::Messages(conversation) => conversation.images(),
            Talk::Text(_) => &[],
        };
        let answer = self.interrupt.answering(|| stream(session, Prompt { ids: &ids, images }, options))?;
        match &mut self.talk {
            Talk::Messages(conversation) => conversation.reply(&answer),
            Talk::Text(text) => text.push_str(&answer.text),
        }
        if self.command.stats {
            say(Style::stderr().dim(&summary(&answer)));
        }
        note_cut(&answer, self.session.context(), self.settings.sampling.max_tokens.is_some());
        Ok(())
    }

    /// Says `message` and gives the prompt, which fits.
    fn ids_with(&mut self, message: &str) -> Result<Vec<u32>, SessionError> {
        let ids = match &mut self.talk {
            Talk::Messages(conversation) => {
                conversation.say("user", message);
                self.session.chat_ids_with_images(&conversation.request(), conversation.images())?
            }
            Talk::Text(text) => {
                // As it looks: what is written stands below what was answered.
                if !(text.is_empty() || text.ends_with('\n') || message.is_empty() || message.starts_with([' ', '\t']))
                {
                    text.push('\n');
                }
                text.push_str(message);
                self.session.text_ids(text)?
            }
        };
        let context = self.session.context();
        if ids.len() >= context {
            return Err(SessionError::PromptTooLong { prompt: ids.len(), context });
        }
        Ok(ids)
    }

    fn unsay(&mut self, before: usize) {
        match &mut self.talk {
            Talk::Messages(conversation) => {
                conversation.unsay();
                self.shown.truncate(conversation.images().len());
            }
            Talk::Text(text) => text.truncate(before),
        }
    }
}

/// What went wrong with a command; the chat is as good as before.
fn tell(done: anyhow::Result<()>) {
    if let Err(error) = done {
        failure::tell(&error);
    }
}
