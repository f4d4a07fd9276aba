//! What is shown in a chat: by a command, or because a message names it.

use std::path::Path;

use plimsoll_engine::{EncodedImage, Session, VisionEncoderError};
use plimsoll_panel::shown_text;

use super::Chat;
use super::named::{self, Named};
use crate::answer::looked_words;
use crate::args::ImageArgs;
use crate::failure;
use crate::images::TimedImage;
use crate::notice::say;
use crate::style::Style;

/// How a file is looked at.
type Encode = fn(&ImageArgs, &mut Session, &Path) -> anyhow::Result<TimedImage>;

impl Chat<'_> {
    /// Looks at a file, to show it with the next message.
    pub(super) fn look(&mut self, encode: Encode, path: &Path) -> anyhow::Result<()> {
        self.conversation()?;
        let looked = encode(&self.command.images, self.session, path)?;
        say(Style::stderr().dim(&looked_words(&looked)));
        self.show(looked.image, path)
    }

    fn show(&mut self, image: EncodedImage, path: &Path) -> anyhow::Result<()> {
        self.conversation()?.show(image);
        self.shown.push(path.to_owned());
        Ok(())
    }

    /// Sends a message, with the pictures that it names.
    pub(super) fn message(&mut self, message: &str) -> anyhow::Result<()> {
        match self.attached(message) {
            Ok(text) if text.is_empty() => {
                say("what is shown goes with the next message");
                Ok(())
            }
            Ok(text) => self.turn(&text),
            Err(error) => {
                failure::tell(&error);
                say("the message was not sent");
                Ok(())
            }
        }
    }

    /// Shows the pictures that a message names, to a model that sees, and gives the words that are left.
    fn attached(&mut self, message: &str) -> anyhow::Result<String> {
        let pictures = named::pictures(message);
        if pictures.is_empty() || !self.sees()? {
            return Ok(message.to_owned());
        }
        let encode = |picture: &Named| self.command.images.encode_picture(self.session, &picture.path);
        let looked: Vec<TimedImage> = pictures.iter().map(encode).collect::<anyhow::Result<_>>()?;
        for (picture, looked) in pictures.iter().zip(looked) {
            let name = shown_text(&picture.name(), 200);
            say(Style::stderr().dim(&format!("attached {name}: {}", looked_words(&looked))));
            self.show(looked.image, &picture.path)?;
        }
        Ok(named::without(message, &pictures))
    }

    fn sees(&mut self) -> anyhow::Result<bool> {
        match self.session.vision_encoder() {
            Ok(_) => Ok(true),
            Err(VisionEncoderError::TextOnly { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
