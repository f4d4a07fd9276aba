//! The chat of `plimsoll run`, at a terminal: a conversation, or with `--raw` one text that the model goes on with.

mod input;
mod line;

use plimsoll_engine::{Conversation, GenerateOptions, Prompt, Session, SessionError};
use plimsoll_panel::broken;

use crate::answer::{looked_words, note_cut, stream, summary};
use crate::args::{ImageArgs, Run};
use crate::images::TimedImage;
use crate::interrupt::Interrupt;
use crate::notice::say;
use crate::rows::HANG;
use crate::style::Style;
use crate::{demo, failure};
use input::Input;
use line::Line;

const HELP: &str = "\
/help, /?          this
/image FILE        show a picture with the next message
/video PATH        show a video with the next message
/clear             begin anew
/exit, /bye        leave (also Ctrl-D)
Ctrl-C stops an answer, Tab completes commands and paths, the up arrow brings
back what was written before. What is pasted is one message. End a line with \\
or press Alt-Enter to go on in the next, or put several lines between \"\"\" and
\"\"\". A message that begins with a slash takes a blank before it.";

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
    /// What was said so far.
    pub talk: Talk,
    /// As it was asked for.
    pub command: &'a Run,
    /// How answers are made.
    pub options: &'a GenerateOptions<'a>,
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
                Line::Help => say(HELP),
                Line::Clear => self.clear(),
                Line::Image(path) => self.show(ImageArgs::encode_picture, path),
                Line::Video(path) => self.show(ImageArgs::encode_video, path),
                Line::NoPath(command) => say(format_args!("`{command}` needs a path, as in {command} photo.jpg")),
                Line::Unknown { command, near } => {
                    let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
                    say(format_args!("no command {command}; {near}/help lists them"));
                }
                Line::Message(message) => self.turn(&message)?,
            }
        }
        Ok(())
    }

    fn welcome(&self) {
        let style = Style::stderr();
        let raw = matches!(self.talk, Talk::Text(_));
        if let Some(words) = demo::knows(&self.command.model).filter(|_| !raw) {
            broken(&words, 80, HANG).iter().for_each(|line| say(style.dim(line)));
        }
        let how = if raw {
            "what you write is continued; an empty line lets the model go on; /help, Ctrl-D to leave"
        } else {
            "/help for commands, Ctrl-D to leave"
        };
        broken(how, 80, HANG).iter().for_each(|line| say(style.dim(line)));
    }

    fn clear(&mut self) {
        match &mut self.talk {
            Talk::Messages(conversation) => conversation.clear(),
            Talk::Text(text) => text.clear(),
        }
    }

    fn show(
        &mut self,
        encode: fn(&ImageArgs, &mut Session, &std::path::Path) -> anyhow::Result<TimedImage>,
        path: &str,
    ) {
        let Talk::Messages(conversation) = &mut self.talk else {
            return say("with --raw nothing can be shown: a picture stands in a message");
        };
        match encode(&self.command.images, self.session, &line::path(path)) {
            Ok(looked) => {
                say(Style::stderr().dim(&looked_words(&looked)));
                conversation.show(looked.image);
            }
            // The conversation is as good as before.
            Err(error) => failure::tell(&error),
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
        let ids = match self.ids_with(message) {
            Ok(ids) => ids,
            // What was said before is still good.
            Err(error) => {
                self.unsay(message);
                failure::tell(&error.into());
                say("the message was not sent; /clear begins anew");
                return Ok(());
            }
        };
        let (session, options) = (&mut *self.session, self.options);
        let images = match &self.talk {
            Talk::Messages(conversation) => conversation.images(),
            Talk::Text(_) => &[],
        };
        let answer = self.interrupt.answering(|| stream(session, Prompt { ids: &ids, images }, options))?;
        match &mut self.talk {
            Talk::Messages(conversation) => conversation.say("assistant", &answer.text),
            Talk::Text(text) => text.push_str(&answer.text),
        }
        if self.command.stats {
            say(Style::stderr().dim(&summary(&answer)));
        }
        note_cut(&answer, self.session.context(), self.command.sampling.max_tokens.is_some());
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

    fn unsay(&mut self, message: &str) {
        match &mut self.talk {
            Talk::Messages(conversation) => conversation.unsay(),
            Talk::Text(text) => text.truncate(text.len() - message.len()),
        }
    }
}
