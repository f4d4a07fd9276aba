//! Ctrl-C: it stops an answer; where there is none to stop, it ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::notice::say;

/// Exit status of a program ended by Ctrl-C: 128 and the number of SIGINT.
pub const EXIT: u8 = 130;

/// Whether an answer is in progress, and whether it was asked to stop.
#[derive(Debug, Default)]
pub struct Interrupt {
    answering: AtomicBool,
    asked: AtomicBool,
}

/// What Ctrl-C does now.
static HANDLER: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// Has Ctrl-C do this from now on, in place of what it did: a command may fetch first and answer then.
///
/// # Errors
/// If the system does not let it be taken over.
pub fn take_over(handler: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    *HANDLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(handler));
    let call = || {
        if let Some(handler) = &*HANDLER.lock().unwrap_or_else(PoisonError::into_inner) {
            handler();
        }
    };
    let installed = INSTALLED.get_or_init(|| ctrlc::set_handler(call).map_err(|error| error.to_string()));
    installed.clone().map_err(|error| anyhow::anyhow!("cannot take over Ctrl-C: {error}"))
}

/// A flag that Ctrl-C sets; a second one ends the program at once.
///
/// # Errors
/// As [`take_over`].
pub fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    take_over(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT));
        }
    })?;
    Ok(stop)
}

/// Ends a comparison or an evaluation at Ctrl-C with a word on what becomes of it: every step that was done half a second
/// before is in the store already.
///
/// # Errors
/// If the system does not let Ctrl-C be taken over.
pub fn say_what_is_kept() -> anyhow::Result<()> {
    let handler = || {
        say("\nstopped; what was measured is kept, and the same command goes on from here");
        std::process::exit(i32::from(EXIT));
    };
    take_over(handler)
}

/// Ends this process when its standard input ends: whoever started it holds the other end, and is gone, even if it was
/// killed. What was measured until then is kept.
pub fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(i32::from(EXIT));
    });
}

impl Interrupt {
    /// Takes over Ctrl-C. A second one, while an answer does not stop, ends the program too.
    ///
    /// # Errors
    /// If the system does not let it be taken over.
    pub fn install() -> anyhow::Result<Arc<Interrupt>> {
        let interrupt = Arc::new(Interrupt::default());
        let heard = Arc::clone(&interrupt);
        let handler = move || {
            if !heard.answering.load(Ordering::SeqCst) || heard.asked.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(EXIT));
            }
        };
        take_over(handler)?;
        Ok(interrupt)
    }

    /// Set while an answer should stop.
    pub fn asked(&self) -> &AtomicBool {
        &self.asked
    }

    /// Runs `answer`, which watches [`Interrupt::asked`].
    pub fn answering<T>(&self, answer: impl FnOnce() -> T) -> T {
        self.asked.store(false, Ordering::SeqCst);
        self.answering.store(true, Ordering::SeqCst);
        let answer = answer();
        self.answering.store(false, Ordering::SeqCst);
        answer
    }
}
