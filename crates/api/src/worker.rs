//! The thread of a model: it owns the program, lets requests in, and steps the batch.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use plimsoll_engine::Session;
use plimsoll_engine::batch::{Admission, Batch, BatchOptions, Candidate, Event, Request, SequenceId};
use tokio::sync::{mpsc, oneshot};

use crate::error::ApiError;
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

pub type Prepare = Box<dyn FnOnce(&mut Session) -> Result<Prepared, ApiError> + Send>;
pub type Ask = Box<dyn FnOnce(&mut Session) + Send>;

/// What a model's thread is told.
pub enum Command {
    /// To answer what `prepare` makes of the session.
    Answer { prepare: Prepare, reply: oneshot::Sender<Result<Answers, ApiError>>, asked: Instant },
    /// To let somebody have the session for a moment.
    Ask(Ask),
    /// Nothing is answered any more, and what is under way is given up.
    End,
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

/// What runs on a model's thread.
pub struct Worker {
    batch: Batch,
    inbox: Receiver<Command>,
    waiting: VecDeque<(Candidate, Listener)>,
    most_waiting: usize,
    listeners: HashMap<SequenceId, Listener>,
    /// Seconds that an answer took, smoothed.
    usual: f64,
    is_open: bool,
    is_ending: bool,
    /// How busy it is.
    pub load: Arc<Load>,
    /// Where it counts, once somebody wants it to.
    pub measures: Arc<OnceLock<Measures>>,
}

impl Worker {
    /// Of a session, which hears `inbox`.
    pub fn new(session: Session, options: WorkerOptions, inbox: Receiver<Command>) -> Worker {
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
    pub fn run(mut self) {
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
