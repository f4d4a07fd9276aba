//! An answer on its way to the terminal.

use std::io::Write;
use std::ops::ControlFlow;

use plimsoll_engine::{Finish, GenerateOptions, Generation, Prompt, Session};

use crate::notice::say;
use crate::show::Looked;

/// Prints an answer as it comes, and ends its line.
pub fn stream(session: &mut Session, prompt: Prompt<'_>, options: &GenerateOptions<'_>) -> anyhow::Result<Generation> {
    let mut out = std::io::stdout();
    let mut failed = None;
    let answer = session.generate(prompt, options, |text| match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if !answer.text.ends_with('\n') {
        writeln!(out)?;
    }
    Ok(answer)
}

/// One line of what was looked at.
pub fn looked_words(looked: &Looked) -> String {
    let (tiles, seconds) = (looked.seen.n_tiles, looked.time.as_secs_f64());
    let kept = if looked.seen.remembered { ", seen before" } else { "" };
    format!("{tiles} tile{} in {seconds:.2} s{kept}", if tiles == 1 { "" } else { "s" })
}

/// An answer that was not ended by the model says so.
pub fn note_cut(answer: &Generation, context: usize) {
    match answer.finish {
        Finish::ContextFull => {
            say(format_args!("note: the answer ends here because the context of {context} tokens is full"))
        }
        Finish::Length => say("note: the answer ends here because of --max-tokens"),
        Finish::Interrupted => say("note: interrupted"),
        Finish::Stop => {}
    }
}

/// One line of speed.
pub fn summary(answer: &Generation) -> String {
    let t = &answer.timings;
    let decode = answer.tokens.len().saturating_sub(1) as f64 / t.decode.as_secs_f64().max(1e-9);
    let prefill = (t.prompt_tokens - t.reused_tokens) as f64 / t.prefill.as_secs_f64().max(1e-9);
    let (prompt, reused, tokens) = (t.prompt_tokens, t.reused_tokens, answer.tokens.len());
    format!("{prompt} prompt tokens ({reused} cached) {prefill:.0}/s, {tokens} answered {decode:.1}/s")
}
