//! An answer on its way to the terminal.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;

use plimsoll_engine::{Finish, GenerateOptions, Generation, Prompt, Session};
use plimsoll_panel::shown_text;

use crate::images::TimedImage;
use crate::notice::say;

/// Prints an answer as it comes, and ends its line. In a pipe it is as the model wrote it; of what a terminal would obey
/// the terminal is shown the spelling.
pub fn stream(session: &mut Session, prompt: Prompt<'_>, options: &GenerateOptions<'_>) -> anyhow::Result<Generation> {
    let mut out = std::io::stdout();
    let mut failed = None;
    let mut harmless = out.is_terminal().then(Harmless::default);
    let answer = session.generate(prompt, options, |text| {
        let shown = harmless.as_mut().map(|harmless| harmless.of(text));
        match write!(out, "{}", shown.as_deref().unwrap_or(text)).and_then(|()| out.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
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

/// Text that comes in pieces, without what a terminal obeys: line ends and tabs stay.
#[derive(Default)]
struct Harmless {
    /// Whether the last piece ended with a carriage return, which begins a line end or is to be spelled.
    returned: bool,
}

impl Harmless {
    fn of(&mut self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            if std::mem::take(&mut self.returned) && c != '\n' {
                shown.push_str(r"\u{d}");
            }
            match c {
                '\r' => self.returned = true,
                '\n' | '\t' => shown.push(c),
                c => shown.push_str(&shown_text(c.encode_utf8(&mut [0; 4]), usize::MAX)),
            }
        }
        shown
    }
}

/// One line of what was looked at.
pub fn looked_words(looked: &TimedImage) -> String {
    let (tiles, seconds) = (looked.image.n_tiles, looked.time.as_secs_f64());
    let kept = if looked.image.cached { ", seen before" } else { "" };
    format!("{tiles} tile{} in {seconds:.2} s{kept}", if tiles == 1 { "" } else { "s" })
}

/// An answer that was not ended by the model says so; `is_asked` tells whether its length was asked for here.
pub fn note_cut(answer: &Generation, context: usize, is_asked: bool) {
    match answer.finish {
        Finish::ContextFull => {
            say(format_args!("note: the answer ends here because the context of {context} tokens is full"))
        }
        Finish::Length if is_asked => say("note: the answer ends here because of --max-tokens"),
        Finish::Length => say(
            "note: the answer ends here because the model's generation_config.json allows no more; --max-tokens N allows \
             another length",
        ),
        Finish::Interrupted => say("note: interrupted"),
        Finish::Stop => {}
    }
}

/// One line of speed. A single token has no time between tokens.
pub fn summary(answer: &Generation) -> String {
    let t = &answer.timings;
    let prefill = (t.prompt_tokens - t.reused_tokens) as f64 / t.prefill.as_secs_f64().max(1e-9);
    let (prompt, reused, tokens) = (t.prompt_tokens, t.reused_tokens, answer.tokens.len());
    let decode = match tokens {
        0 | 1 => String::new(),
        _ => format!(" {:.1}/s", (tokens - 1) as f64 / t.decode.as_secs_f64().max(1e-9)),
    };
    format!("{prompt} prompt tokens ({reused} cached) {prefill:.0}/s, {tokens} answered{decode}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_reaches_it_and_text_does() {
        let mut harmless = Harmless::default();
        let shown: String = ["Hi\u{1b}]0;owned\u{7}", "\u{9b}2J\r", "\nok\ttab\r", "x \u{202e}é 東"]
            .map(|piece| harmless.of(piece))
            .concat();
        assert_eq!(shown, "Hi\\u{1b}]0;owned\\u{7}\\u{9b}2J\nok\ttab\\u{d}x \\u{202e}é 東");
    }
}
