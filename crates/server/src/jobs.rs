//! Comparisons that were started from a page, each in a process of its own, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_lab::predict::here::Here;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::error::Problem;

/// Comparisons that may wait.
const WAITING: usize = 8;
/// Jobs that are remembered after they ended.
const REMEMBERED: usize = 100;
/// What becomes of a comparison when the server ends.
const STOPPED: &str = "the server was stopped; it goes on when asked for again";
/// Bytes of a failed process's last words that are shown.
const LAST_WORDS: usize = 4000;

/// How two models are measured: the command that does it and keeps the result in `store`. It writes one JSON object
/// `{"stage", "done", "of"}` a line on standard error while it goes on, and ends when its standard input does: that is how it
/// learns that the server was killed.
pub trait Launch: Send + Sync {
    /// The command.
    fn command(&self, a: &str, b: &str, store: &Path) -> std::process::Command;
    /// Why a model cannot be measured, if it cannot.
    fn refusal(&self, model: &str) -> Option<String>;
    /// What this machine can do, measured now; nothing where that cannot be. It takes some seconds.
    fn here(&self) -> Option<Here>;
}

/// How far a comparison is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    /// What it is busy with.
    pub stage: String,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
}

/// A job as a reader sees it.
#[derive(Debug, Clone, Serialize)]
pub struct JobState {
    /// The pair, `a-vs-b`.
    pub pair: String,
    /// How far it is.
    pub now: Measuring,
    /// Whether it ended, and if not well, how.
    pub ended: Option<Result<(), String>>,
}

/// All jobs of this server.
pub struct Jobs {
    launch: Arc<dyn Launch>,
    store: PathBuf,
    one_at_a_time: Arc<Semaphore>,
    all: Mutex<BTreeMap<u64, watch::Receiver<JobState>>>,
    stop: watch::Sender<bool>,
}

impl Jobs {
    pub fn new(launch: Arc<dyn Launch>, store: PathBuf) -> Jobs {
        let one_at_a_time = Arc::new(Semaphore::new(1));
        Jobs { launch, store, one_at_a_time, all: Mutex::default(), stop: watch::Sender::new(false) }
    }

    /// Why two models cannot be measured, if they cannot.
    pub fn refusal(&self, models: [&str; 2]) -> Option<String> {
        models.into_iter().find_map(|model| self.launch.refusal(model))
    }

    /// Starts measuring `a` and `b`, or gives the job that does so already.
    ///
    /// # Errors
    /// When one of them cannot be measured, or too many wait.
    pub fn start(&self, a: &str, b: &str) -> Result<u64, Problem> {
        if let Some(why) = self.refusal([a, b]) {
            return Err(Problem::Bad(why));
        }
        let pair = format!("{a}-vs-{b}");
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = |seen: &watch::Receiver<JobState>| seen.borrow().ended.is_none();
        if let Some((id, _)) = all.iter().find(|(_, seen)| under_way(seen) && seen.borrow().pair == pair) {
            return Ok(*id);
        }
        if all.values().filter(|seen| under_way(seen)).count() >= WAITING {
            return Err(Problem::TooMany("enough comparisons are waiting already; try again later".to_owned()));
        }
        while all.len() >= REMEMBERED {
            let oldest = all.iter().find(|(_, seen)| !under_way(seen)).map(|(id, _)| *id);
            all.remove(&oldest.expect("fewer wait than are remembered"));
        }
        let id = all.keys().last().map_or(1, |last| last + 1);
        let waiting = Measuring { stage: "waiting for its turn".to_owned(), done: 0, of: 1 };
        let (tell, seen) = watch::channel(JobState { pair, now: waiting, ended: None });
        all.insert(id, seen);
        let command = self.launch.command(a, b, &self.store);
        let (turn, mut stop) = (Arc::clone(&self.one_at_a_time), self.stop.subscribe());
        tokio::spawn(async move {
            let turn = tokio::select! {
                biased;
                () = stopped(&mut stop) => None,
                turn = turn.acquire_owned() => Some(turn),
            };
            let ended = match &turn {
                Some(_held) => measure(command, &tell, stop).await,
                None => Err(STOPPED.to_owned()),
            };
            tell.send_modify(|seen| seen.ended = Some(ended));
        });
        Ok(id)
    }

    /// What a job shows, now and as it changes.
    pub fn watch(&self, id: u64) -> Option<watch::Receiver<JobState>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Measures this machine while nothing else is measured on it. That takes seconds, in which the server may be told to
    /// end: the thread is its own, for the runtime waits for those that it has lent.
    pub async fn here(&self) -> Option<Here> {
        let turn = Arc::clone(&self.one_at_a_time).acquire_owned().await;
        let launch = Arc::clone(&self.launch);
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || drop(tell.send(launch.here()))); // nobody waits for it once the server has ended
        let here = told.await.ok().flatten();
        drop(turn);
        here
    }

    /// Ends what is under way.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until nothing is under way any more.
    pub async fn ended(&self) {
        let all: Vec<_> = self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for mut seen in all {
            let _ = seen.wait_for(|seen| seen.ended.is_some()).await; // whose task is gone has no process either
        }
    }
}

/// Comes back when the server is to end.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await; // without a server there is none to wait for
}

/// Runs the process to its end, telling how far it is.
async fn measure(
    command: std::process::Command,
    tell: &watch::Sender<JobState>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut command = Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let _held_while_we_live = child.stdin.take();
    let mut last_words = String::new();
    if let Some(heard) = child.stderr.take() {
        // Progress comes in short lines; whatever else comes is a message, and as long as it likes.
        let mut lines = BufReader::new(heard.take(64 << 20)).lines();
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line,
                () = stopped(&mut stop) => {
                    // What was killed is gone only once it was waited for.
                    let _ = child.kill().await;
                    return Err(STOPPED.to_owned());
                }
            };
            let Ok(Some(line)) = line else { break };
            match serde_json::from_str::<Measuring>(&line) {
                Ok(now) => tell.send_modify(|seen| seen.now = now),
                Err(_) if last_words.len() + line.len() < LAST_WORDS => last_words += &format!("{line}\n"),
                Err(_) => {}
            }
        }
    }
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(_) if !last_words.trim().is_empty() => Err(last_words.trim().to_owned()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Measures by sleeping, and says in a file which process it is.
    struct Sleeper(PathBuf);

    impl Launch for Sleeper {
        fn command(&self, _: &str, _: &str, _: &Path) -> std::process::Command {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", "echo $$ > \"$0\"; exec sleep 60"]).arg(&self.0);
            command
        }

        fn refusal(&self, _: &str) -> Option<String> {
            None
        }

        fn here(&self) -> Option<Here> {
            None
        }
    }

    #[tokio::test]
    async fn what_was_stopped_is_gone_when_it_has_ended_and_what_waited_never_begins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let jobs = Jobs::new(Arc::new(Sleeper(file.clone())), folder.path().join("evidence.db"));
        let first = jobs.start("a", "b").unwrap();
        let process = loop {
            match std::fs::read_to_string(&file) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        };
        std::fs::remove_file(&file).unwrap();
        let second = jobs.start("a", "c").unwrap();
        jobs.stop();
        jobs.ended().await;
        for job in [first, second] {
            assert_eq!(jobs.watch(job).unwrap().borrow().ended, Some(Err(STOPPED.to_owned())));
        }
        let is_there = std::process::Command::new("kill").args(["-0", &process]).output().unwrap().status.success();
        assert!(!is_there, "its process is not even waited for");
        assert!(!file.exists(), "the second was started");
    }

    /// Measures the machine until it is told not to, and says that it has begun.
    struct Endless(Mutex<Receiver<()>>, Sender<()>);

    impl Launch for Endless {
        fn command(&self, _: &str, _: &str, _: &Path) -> std::process::Command {
            unreachable!("nothing is compared")
        }

        fn refusal(&self, _: &str) -> Option<String> {
            None
        }

        fn here(&self) -> Option<Here> {
            self.1.send(()).unwrap();
            // Were it waited for, it would end by itself, and nobody would be there to be told.
            let _ = self.0.lock().unwrap().recv_timeout(std::time::Duration::from_secs(30));
            None
        }
    }

    #[test]
    fn the_end_does_not_wait_until_the_machine_is_measured() {
        let (release, released) = channel();
        let (begin, begun) = channel();
        let measured = Arc::new(Endless(Mutex::new(released), begin));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let jobs = Jobs::new(Arc::clone(&measured) as Arc<dyn Launch>, PathBuf::new());
        runtime.spawn(async move { jobs.here().await });
        begun.recv().unwrap();
        drop(runtime);
        assert!(measured.0.try_lock().is_err(), "it was waited for");
        release.send(()).unwrap();
    }
}
