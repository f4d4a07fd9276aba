//! Ctrl-C: it stops an answer; where there is none to stop, it ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::notice::say;

/// Exit status of a program ended by Ctrl-C: 128 and the number of SIGINT.
pub const EXIT: u8 = 130;

/// Whether an answer is in progress, and whether it was asked to stop.
#[derive(Debug, Default)]
pub struct Interrupt {
    answering: AtomicBool,
    asked: AtomicBool,
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
    ctrlc::set_handler(handler).context("cannot take over Ctrl-C")
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
        ctrlc::set_handler(handler).context("cannot take over Ctrl-C")?;
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
