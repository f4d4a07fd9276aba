//! A model that is served: what there is to know of it without asking its thread, and the way to that thread.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use plimsoll_engine::{Session, Tokenizer, grammars};
use plimsoll_grammar::{Constraint, Grammars};
use plimsoll_models::Checkpoint;
use tokio::sync::oneshot;

use crate::calls::Language;
use crate::conversation::Held;
use crate::error::ApiError;
use crate::eyes::Eyes;
use crate::facts::Facts;
use crate::lengths::longest_token;
use crate::measures::{Load, Measures};
use crate::worker::{Answers, Command, Prepared, Worker, WorkerOptions};

/// A model that is served.
pub struct Served {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    /// The model's tokenizer, for what needs no computing.
    pub tokenizer: Arc<Tokenizer>,
    /// How the model writes calls and thinking.
    pub(crate) language: Language,
    vocabulary: Arc<Vocabulary>,
    /// Bytes of the vocabulary's longest token.
    pub(crate) longest_token: usize,
    /// What looks at pictures while it answers.
    pub(crate) eyes: Eyes,
    /// One prompt is scored at a time.
    pub(crate) scoring: tokio::sync::Mutex<()>,
    /// What its files say of it.
    pub(crate) facts: Facts,
    /// Tokens that prompt and answer may take together.
    pub context: usize,
    /// Since when, in seconds of Unix time.
    pub created: i64,
    load: Arc<Load>,
    measures: Arc<OnceLock<Measures>>,
}

impl Served {
    /// Starts the thread of a model, which `session` was opened of.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(checkpoint: &Checkpoint, session: Session, options: WorkerOptions) -> std::io::Result<Served> {
        let (context, tokenizer) = (session.context(), session.shared_tokenizer());
        let vocabulary = Arc::new(Vocabulary::of(&session));
        let (language, facts) = (Language::of(&session), Facts::of(checkpoint));
        let longest_token = longest_token(&tokenizer);
        let (commands, inbox) = channel();
        let worker = Worker::new(session, options, inbox);
        let (load, measures) = (Arc::clone(&worker.load), Arc::clone(&worker.measures));
        let thread = std::thread::Builder::new().name("model".to_owned()).spawn(move || worker.run())?;
        let created = jiff::Timestamp::now().as_second();
        let (commands, thread) = (Some(commands), Some(thread));
        Ok(Served {
            commands,
            thread,
            tokenizer,
            language,
            vocabulary,
            longest_token,
            eyes: Eyes::default(),
            scoring: tokio::sync::Mutex::default(),
            facts,
            context,
            created,
            load,
            measures,
        })
    }

    /// Has `recorder` count what is asked and answered, under this name. A second call changes nothing.
    pub(crate) fn measure(&self, recorder: &Arc<dyn metrics::Recorder + Send + Sync>, name: &str) {
        self.measures.get_or_init(|| Measures::new(&**recorder, name, &self.load));
    }

    /// Has the numbers of [`Served::measure`] tell how busy the model is now; it does not wait for it.
    pub(crate) fn publish(&self) {
        if let Some(measures) = self.measures.get() {
            measures.publish(&self.load);
        }
    }

    /// Answers that wait or are in the making.
    pub(crate) fn open(&self) -> usize {
        self.load.open()
    }

    /// Gives up what is under way and answers nothing more. Who waits is told so.
    pub(crate) fn end(&self) {
        let _ = self.send(Command::End); // a thread that has ended answers nothing as it is
    }

    /// Has `prepare` make the requests of one call, and answers them together. The answer comes once they are prepared,
    /// so that what cannot be answered is refused before anything is sent.
    ///
    /// # Errors
    /// What `prepare` refuses, what can never be answered, or that too many wait.
    pub async fn answer(
        &self,
        prepare: impl FnOnce(&mut Session) -> Result<Prepared, ApiError> + Send + 'static,
    ) -> Result<Answers, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Answer { prepare: Box::new(prepare), reply, asked: Instant::now() })?;
        answer.await.unwrap_or_else(|_| Err(ApiError::gone()))
    }

    /// Asks the model something that it answers at once.
    ///
    /// # Errors
    /// The server is ending.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let ask = move |session: &mut Session| {
            let _ = reply.send(ask(session)); // who does not wait any more needs no answer
        };
        self.send(Command::Ask(Box::new(ask)))?;
        answer.await.map_err(|_| ApiError::gone())
    }

    /// What answers are held to; nothing where they are free.
    ///
    /// # Errors
    /// A schema cannot be enforced.
    pub(crate) async fn constraint(&self, held: Held, language: Language) -> Result<Option<Constraint>, ApiError> {
        if held.is_free() {
            return Ok(None);
        }
        let vocabulary = Arc::clone(&self.vocabulary);
        // Large schemas take a second; the model goes on meanwhile.
        let made = move || held.constraint(&language, &vocabulary.tokenizer, vocabulary.grammars()?).map(Some);
        tokio::task::spawn_blocking(made).await.unwrap_or_else(|_| Err(ApiError::gone()))
    }

    fn send(&self, command: Command) -> Result<(), ApiError> {
        self.load.arriving.fetch_add(1, Ordering::SeqCst);
        let sent = self.commands.as_ref().and_then(|commands| commands.send(command).ok());
        sent.ok_or_else(|| {
            self.load.arriving.fetch_sub(1, Ordering::SeqCst);
            ApiError::gone()
        })
    }
}

/// The tokens of a model, and what constrains answers of them, made when it is first asked for.
struct Vocabulary {
    tokenizer: Arc<Tokenizer>,
    size: usize,
    eos_ids: Vec<u32>,
    grammars: OnceLock<Result<Grammars, ApiError>>,
}

impl Vocabulary {
    fn of(session: &Session) -> Vocabulary {
        let size = session.program().network().vocab_size;
        let eos_ids = session.eos_ids().to_vec();
        Vocabulary { tokenizer: session.shared_tokenizer(), size, eos_ids, grammars: OnceLock::new() }
    }

    fn grammars(&self) -> Result<&Grammars, ApiError> {
        let made = || grammars(&self.tokenizer, self.size, &self.eos_ids).map_err(ApiError::from);
        self.grammars.get_or_init(made).as_ref().map_err(Clone::clone)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there was printed there
        }
    }
}
