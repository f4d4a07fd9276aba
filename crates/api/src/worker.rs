//! The thread of a model: it owns the program, lets requests in, and steps the batch.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use plimsoll_engine::batch::{Admission, Batch, BatchOptions, Candidate, Event, Request, SequenceId};
use plimsoll_engine::{Session, Tokenizer, grammars};
use plimsoll_grammar::{Constraint, Grammars};
use plimsoll_models::Checkpoint;
use tokio::sync::{mpsc, oneshot};

use crate::calls::Language;
use crate::conversation::Held;
use crate::error::ApiError;
use crate::facts::Facts;

/// Events that may wait for a reader before the answer is given up: more than any answer here has in a minute.
const UNREAD: usize = 1 << 14;

/// How a model is served.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// What the batch may take.
    pub batch: BatchOptions,
    /// Requests that may wait for a place in it.
    pub waiting: usize,
}

impl Default for WorkerOptions {
    fn default() -> WorkerOptions {
        WorkerOptions { batch: BatchOptions::default(), waiting: 64 }
    }
}

/// What a request hears: which of its answers went on, and how.
pub type Heard = (usize, Event);

/// A request that was let in or waits for it.
pub struct Answers {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// What comes of it.
    pub heard: mpsc::Receiver<Heard>,
}

/// What a call asks of the model.
pub struct Prepared {
    /// One for each answer.
    pub requests: Vec<Request>,
    /// Tokens of its prompts; a prompt that is answered several times counts once.
    pub prompt_tokens: usize,
}

type Prepare = Box<dyn FnOnce(&mut Session) -> Result<Prepared, ApiError> + Send>;
type Ask = Box<dyn FnOnce(&mut Session) + Send>;

enum Command {
    Answer { prepare: Prepare, reply: oneshot::Sender<Result<Answers, ApiError>> },
    Ask(Ask),
}

/// A model that is served.
pub struct Served {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    /// The model's tokenizer, for what needs no computing.
    pub tokenizer: Arc<Tokenizer>,
    /// How the model writes calls and thinking.
    pub(crate) language: Language,
    vocabulary: Arc<Vocabulary>,
    /// What its files say of it.
    pub(crate) facts: Facts,
    /// Tokens that prompt and answer may take together.
    pub context: usize,
    /// Since when, in seconds of Unix time.
    pub created: i64,
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
        let (commands, inbox) = channel();
        let run = move || Worker::new(session, options, inbox).run();
        let thread = std::thread::Builder::new().name("model".to_owned()).spawn(run)?;
        let created = jiff::Timestamp::now().as_second();
        let (commands, thread) = (Some(commands), Some(thread));
        Ok(Served { commands, thread, tokenizer, language, vocabulary, facts, context, created })
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
        self.send(Command::Answer { prepare: Box::new(prepare), reply })?;
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
        self.commands.as_ref().and_then(|commands| commands.send(command).ok()).ok_or_else(ApiError::gone)
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

/// One answer of a call.
struct Listener {
    choice: usize,
    heard: mpsc::Sender<Heard>,
}

impl Listener {
    fn is_gone(&self) -> bool {
        self.heard.is_closed()
    }

    /// Whether it could be told.
    fn tell(&self, event: Event) -> bool {
        self.heard.try_send((self.choice, event)).is_ok()
    }
}

struct Worker {
    batch: Batch,
    inbox: Receiver<Command>,
    waiting: VecDeque<(Candidate, Listener)>,
    most_waiting: usize,
    listeners: HashMap<SequenceId, Listener>,
    /// Seconds that an answer took, smoothed.
    usual: f64,
    is_open: bool,
}

impl Worker {
    fn new(session: Session, options: WorkerOptions, inbox: Receiver<Command>) -> Worker {
        Worker {
            batch: Batch::new(session, options.batch),
            inbox,
            waiting: VecDeque::new(),
            most_waiting: options.waiting.max(1),
            listeners: HashMap::new(),
            usual: 1.0,
            is_open: true,
        }
    }

    /// Until nobody can ask any more and nothing is left to answer.
    fn run(mut self) {
        while self.is_open || !self.batch.is_empty() || !self.waiting.is_empty() {
            self.hear_commands();
            self.forget_the_gone();
            self.admit();
            for (id, event) in self.batch.step() {
                self.tell(id, event);
            }
        }
    }

    /// Takes what was sent; waits for it where there is nothing else to do.
    fn hear_commands(&mut self) {
        if self.batch.is_empty() && self.waiting.is_empty() {
            match self.inbox.recv() {
                Ok(command) => self.obey(command),
                Err(_) => self.is_open = false,
            }
        }
        loop {
            match self.inbox.try_recv() {
                Ok(command) => self.obey(command),
                Err(std::sync::mpsc::TryRecvError::Empty) => return,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    self.is_open = false;
                    return;
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Ask(ask) => ask(self.batch.session()),
            Command::Answer { prepare, reply } => {
                // Who left is not prepared for.
                if !reply.is_closed() {
                    let answers = self.prepare(prepare);
                    let _ = reply.send(answers);
                }
            }
        }
    }

    fn prepare(&mut self, prepare: Prepare) -> Result<Answers, ApiError> {
        if self.waiting.len() >= self.most_waiting {
            let rounds = self.waiting.len() as f64 / self.batch.len().max(1) as f64;
            return Err(ApiError::queue_full(self.waiting.len(), (rounds * self.usual).ceil().max(1.0) as u64));
        }
        let Prepared { requests, prompt_tokens } = prepare(self.batch.session())?;
        let checked = requests.into_iter().map(|request| self.batch.check(request));
        let candidates = checked.collect::<Result<Vec<Candidate>, _>>()?;
        let (sender, heard) = mpsc::channel(UNREAD);
        for (choice, candidate) in candidates.into_iter().enumerate() {
            self.waiting.push_back((candidate, Listener { choice, heard: sender.clone() }));
        }
        Ok(Answers { prompt_tokens, heard })
    }

    /// What nobody waits for is not gone on with.
    fn forget_the_gone(&mut self) {
        self.waiting.retain(|(_, listener)| !listener.is_gone());
        let gone: Vec<SequenceId> =
            self.listeners.iter().filter(|(_, listener)| listener.is_gone()).map(|(id, _)| *id).collect();
        for id in gone {
            self.listeners.remove(&id);
            self.batch.cancel(id);
        }
    }

    /// Lets in who waits, in order, as far as there is room.
    fn admit(&mut self) {
        while let Some((candidate, listener)) = self.waiting.pop_front() {
            match self.batch.admit(candidate) {
                Ok(Admission::Admitted { id, .. }) => {
                    self.listeners.insert(id, listener);
                }
                Ok(Admission::Full(candidate)) => {
                    self.waiting.push_front((*candidate, listener));
                    return;
                }
                Err(error) => {
                    listener.tell(Event::Failed(error));
                }
            }
        }
    }

    fn tell(&mut self, id: SequenceId, event: Event) {
        if let Event::Ended { timings, .. } = &event {
            let took = (timings.first_token + timings.decode).as_secs_f64();
            self.usual += 0.2 * (took - self.usual);
        }
        let is_last = event.is_last();
        let is_heard = self.listeners.get(&id).is_some_and(|listener| listener.tell(event));
        if is_last || !is_heard {
            self.listeners.remove(&id);
            self.batch.cancel(id);
        }
    }
}
