use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll_engine::{Conversation, GenerateOptions, Generation, ImageInput, Prompt, Session, SessionError};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture};

use crate::Error;

/// A conversation with a loaded model. What was said before is not computed again.
#[derive(Debug)]
pub struct Chat {
    session: Session,
    conversation: Conversation,
    options: GenerateOptions<'static>,
    stop: Stop,
}

/// Ends the answer that is under way, from wherever it is held.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it at the next token, or between two parts of a long prompt.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Chat {
    /// Begins a conversation whose answers are chosen as `options` say; of these, `interrupt` is [`Chat::stop`]'s.
    ///
    /// # Errors
    /// The model has no chat template, or one that cannot be used.
    pub fn new(session: Session, system: Option<&str>, options: GenerateOptions<'static>) -> Result<Chat, Error> {
        session.require_template()?;
        let conversation = Conversation::new(system, Default::default());
        Ok(Chat { session, conversation, options, stop: Stop::default() })
    }

    /// Shows a picture file (PNG, JPEG, WebP, GIF or BMP) with the next message.
    ///
    /// # Errors
    /// The model reads text only, the picture cannot be read, or it does not fit the context.
    pub fn show(&mut self, picture: impl AsRef<Path>) -> Result<(), Error> {
        let picture = Picture::open(picture.as_ref(), DEFAULT_MAX_PIXELS)?;
        let image = self.session.encode_image(&ImageInput::Picture(picture))?;
        self.conversation.show(image);
        Ok(())
    }

    /// Says something; `on_text` hears the answer piece by piece, and may end it. What was heard is part of the
    /// conversation.
    ///
    /// # Errors
    /// The message does not fit the context any more, or no token can be chosen; then the conversation is as it was before.
    pub fn say(&mut self, message: &str, on_text: impl FnMut(&str) -> ControlFlow<()>) -> Result<Generation, Error> {
        self.conversation.say("user", message);
        let answer = self.answer(on_text);
        match &answer {
            Ok(answer) => self.conversation.reply(answer),
            Err(_) => self.conversation.unsay(),
        }
        Ok(answer?)
    }

    fn answer(&mut self, on_text: impl FnMut(&str) -> ControlFlow<()>) -> Result<Generation, SessionError> {
        self.stop.0.store(false, Ordering::Relaxed);
        let ids = self.session.chat_ids_with_images(&self.conversation.request(), self.conversation.images())?;
        let context = self.session.context();
        if ids.len() >= context {
            return Err(SessionError::PromptTooLong { prompt: ids.len(), context });
        }
        let options = GenerateOptions { interrupt: Some(&self.stop.0), ..self.options.clone() };
        self.session.generate(Prompt { ids: &ids, images: self.conversation.images() }, &options, on_text)
    }

    /// Ends answers of this chat: a handle for another thread or a signal.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Forgets what was said, but for the system message.
    pub fn clear(&mut self) {
        self.conversation.clear();
    }

    /// The loaded model.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}
