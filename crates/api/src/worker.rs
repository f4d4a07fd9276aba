//! The thread of a model: it owns the program, lets requests in, and steps the batch.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use plimsoll_engine::batch::{Admission, Batch, BatchOptions, Candidate, Event, Request, SequenceId};
use plimsoll_engine::{Session, Tokenizer, grammars};
use plimsoll_grammar::{Constraint, Grammars};
use plimsoll_models::Checkpoint;
use tokio::sync::{mpsc, oneshot};

use crate::calls::Language;
use crate::conversation::Held;
use crate::error::ApiError;
use crate::facts::Facts;
use crate::lengths::longest_token;
use crate::measures::{Ending, Load, Measures, Times};

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
    Answer {
        prepare: Prepare,
        reply: oneshot::Sender<Result<Answers, ApiError>>,
        asked: Instant,
    },
    Ask(Ask),
    /// Nothing is answered any more, and what is under way is given up.
    End,
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
    /// Bytes of the vocabulary's longest token.
    pub(crate) longest_token: usize,
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

/// One answer of a call.
struct Listener {
    choice: usize,
    heard: mpsc::Sender<Heard>,
    times: Times,
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
    is_ending: bool,
    load: Arc<Load>,
    measures: Arc<OnceLock<Measures>>,
}

impl Worker {
    fn new(session: Session, options: WorkerOptions, inbox: Receiver<Command>) -> Worker {
        let batch = Batch::new(session, options.batch);
        Worker {
            load: Arc::new(Load::new(batch.capacity())),
            measures: Arc::default(),
            batch,
            inbox,
            waiting: VecDeque::new(),
            most_waiting: options.waiting.max(1),
            listeners: HashMap::new(),
            usual: 1.0,
            is_open: true,
            is_ending: false,
        }
    }

    /// Until nobody can ask any more and nothing is left to answer.
    fn run(mut self) {
        while self.is_open || !self.batch.is_empty() || !self.waiting.is_empty() {
            self.hear_commands();
            self.forget_the_gone();
            self.admit();
            self.tell_load();
            for (id, event) in self.batch.step() {
                self.tell(id, event);
            }
            self.tell_load();
        }
    }

    fn tell_load(&self) {
        self.load.set(self.batch.len(), self.batch.reserved_tokens(), self.waiting.len());
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
            Command::Answer { prepare, reply, asked } => {
                // Who left is not prepared for.
                if !reply.is_closed() {
                    let answers = self.prepare(prepare, asked);
                    let _ = reply.send(answers);
                }
            }
            Command::End => self.give_up(),
        }
        self.tell_load();
        self.load.arriving.fetch_sub(1, Ordering::SeqCst);
    }

    /// Ends everything; whoever listens hears that there is nobody to hear any more.
    fn give_up(&mut self) {
        self.is_ending = true;
        for (_, listener) in std::mem::take(&mut self.waiting) {
            self.count(&listener, Ending::Left);
        }
        for (id, listener) in std::mem::take(&mut self.listeners) {
            self.batch.cancel(id);
            self.count(&listener, Ending::Left);
        }
    }

    fn prepare(&mut self, prepare: Prepare, asked: Instant) -> Result<Answers, ApiError> {
        if self.is_ending {
            return Err(ApiError::gone());
        }
        if self.waiting.len() >= self.most_waiting {
            let rounds = self.waiting.len() as f64 / self.batch.len().max(1) as f64;
            return Err(ApiError::queue_full(self.waiting.len(), (rounds * self.usual).ceil().max(1.0) as u64));
        }
        let Prepared { requests, prompt_tokens } = prepare(self.batch.session())?;
        let checked = requests.into_iter().map(|request| self.batch.check(request));
        let candidates = checked.collect::<Result<Vec<Candidate>, _>>()?;
        let (sender, heard) = mpsc::channel(UNREAD);
        for (choice, candidate) in candidates.into_iter().enumerate() {
            let listener = Listener { choice, heard: sender.clone(), times: Times::since(asked) };
            self.waiting.push_back((candidate, listener));
        }
        Ok(Answers { prompt_tokens, heard })
    }

    /// What nobody waits for is not gone on with.
    fn forget_the_gone(&mut self) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (left, stay) = waiting.partition(|(_, listener)| listener.is_gone());
        self.waiting = stay;
        let left: VecDeque<(Candidate, Listener)> = left;
        left.iter().for_each(|(_, listener)| self.count(listener, Ending::Left));
        let gone: Vec<_> = self.listeners.extract_if(|_, listener| listener.is_gone()).collect();
        for (id, listener) in gone {
            self.count(&listener, Ending::Left);
            self.batch.cancel(id);
        }
    }

    /// Lets in who waits, in order, as far as there is room.
    fn admit(&mut self) {
        while let Some((candidate, listener)) = self.waiting.pop_front() {
            let tokens = candidate.prompt_tokens();
            match self.batch.admit(candidate) {
                Ok(Admission::Admitted { id, reused }) => {
                    if let Some(measures) = self.measures.get() {
                        measures.let_in(tokens, reused);
                    }
                    self.listeners.insert(id, listener);
                }
                Ok(Admission::Full(candidate)) => {
                    self.waiting.push_front((*candidate, listener));
                    return;
                }
                Err(error) => {
                    self.count(&listener, Ending::Failed);
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
        let Some(listener) = self.listeners.get_mut(&id) else { return };
        let ending = match &event {
            Event::Token(_) => None,
            Event::Ended { finish, .. } => Some(Ending::Finished(*finish)),
            Event::Failed(_) => Some(Ending::Failed),
        };
        // What is told is counted: who hears it may look.
        if let Some(measures) = self.measures.get() {
            match ending {
                None => measures.token(&mut listener.times),
                Some(ending) => measures.ended(&listener.times, ending),
            }
        }
        let is_heard = listener.tell(event);
        if ending.is_some() || !is_heard {
            let listener = self.listeners.remove(&id);
            if ending.is_none() {
                listener.iter().for_each(|listener| self.count(listener, Ending::Left));
            }
            self.batch.cancel(id);
        }
    }

    fn count(&self, listener: &Listener, ending: Ending) {
        if let Some(measures) = self.measures.get() {
            measures.ended(&listener.times, ending);
        }
    }
}
