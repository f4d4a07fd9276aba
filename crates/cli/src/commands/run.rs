//! `plimsoll run`

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::process::ExitCode;

use plimsoll_engine::{
    Conversation, Finish, GenerateOptions, Generation, Prompt, SamplingParams, Session, SessionError, SessionOptions,
};
use serde_json::{Value, json};

use crate::answer::{looked_words, note_cut, stream, summary};
use crate::args::{Run, TemplateArg};
use crate::chat::{Chat, Chosen, Talk};
use crate::commands::pull;
use crate::images::{TimedImage, require_tower};
use crate::interrupt::{self, Interrupt};
use crate::mistake::Mistake;
use crate::notice::say;
use crate::settings::Settings;
use crate::style::Style;
use crate::{answering, licence_notice, model, output, piped};

/// Answers one prompt, or chats.
pub fn run(command: &Run, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    require_tower(command.images.mmproj.as_deref())?;
    let fetched = pull::offered(&command.model)?;
    if fetched != ExitCode::SUCCESS {
        return Ok(fetched);
    }
    let checkpoint = model::open(&command.model)?;
    let interrupt = Interrupt::install()?;
    licence_notice::tell_once(&command.model, &checkpoint)?;
    let options = model::session_options(settings, command.context, command.cache.into());
    let template = command.template.as_ref().map(TemplateArg::source).transpose()?;
    let options = SessionOptions { mmproj: command.images.mmproj.clone(), template, ..options };
    let mut session = Session::open(&checkpoint, &options)?;
    let continues = command.raw || (is_chat(command) && can_only_continue(command, &session));
    // Before anything is typed, looked at or waited for.
    let shows = !command.images.paths().is_empty() && !is_chat(command);
    let does_without = continues || (shows && has_no_template(&session));
    if !does_without {
        session.require_template()?;
    }
    let mut conversation =
        Conversation::new(command.system.as_deref(), answering::variables(&command.model, command.thinks(), &session)?);
    let looked = command.images.encode(&mut session)?;
    looked.iter().for_each(|looked| conversation.show(looked.image.clone()));
    let seed = answering::clock_seed();
    let options = answering::options(&command.sampling, &session, command.template.as_ref(), seed)?;
    answering::tell_not_honoured(&command.sampling, session.defaults());
    let options = GenerateOptions { interrupt: Some(interrupt.asked()), ..options };
    if let Some(prompt) = prompt(command)? {
        let asked = Asked { command, looked: &looked, prompt: &prompt };
        return answer(asked, &mut session, conversation, &options, &interrupt, as_json);
    }
    if as_json {
        return Err(Mistake::error(
            "--json needs a prompt",
            "a chat is for people: plimsoll run MODEL --json \"prompt\"",
        ));
    }
    let talk = if continues { Talk::Text(String::new()) } else { Talk::Messages(conversation) };
    let settings = Chosen::new(command, seed);
    let shown = command.images.paths();
    let (session, checkpoint) = (&mut session, &checkpoint);
    Chat { session, checkpoint, talk, shown, command, settings, options, interrupt: &interrupt }.run()?;
    Ok(ExitCode::SUCCESS)
}

/// Whether somebody sits at a terminal and gave no words.
fn is_chat(command: &Run) -> bool {
    let sits = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    command.prompt.is_none() && sits && !piped::is_there()
}

/// Whether the model has no template, and nothing was asked for that would need one.
fn can_only_continue(command: &Run, session: &Session) -> bool {
    let Run { system, images, .. } = command;
    let is_plain = system.is_none() && command.thinks().is_none() && images.paths().is_empty();
    is_plain && has_no_template(session)
}

fn has_no_template(session: &Session) -> bool {
    matches!(session.require_template(), Err(SessionError::NoTemplate { .. }))
}

/// What is asked once: the words of the command line behind what is piped in. None where somebody sits at a terminal and
/// gave no words: then it is a chat.
fn prompt(command: &Run) -> anyhow::Result<Option<String>> {
    let words = command.prompt.as_deref().filter(|prompt| *prompt != "-");
    match (words, piped::is_there()) {
        (Some(words), false) => Ok(Some(words.to_owned())),
        (Some(words), true) => Ok(Some(joined(&piped::text()?, words, command.raw))),
        (None, _) if is_chat(command) => Ok(None),
        (None, _) => {
            let text = piped::text()?;
            if text.trim().is_empty() {
                return Err(Mistake::error(
                    "nothing is asked: there is no prompt, and standard input is empty",
                    "plimsoll run MODEL \"prompt\", or plimsoll run MODEL at a terminal for a chat",
                ));
            }
            // What is continued is continued as it stands.
            Ok(Some(if command.raw { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }))
        }
    }
}

/// A text and the question about it; with `raw` as they stand.
fn joined(text: &str, words: &str, raw: bool) -> String {
    match text {
        text if raw => format!("{text}{words}"),
        text if text.trim().is_empty() => words.to_owned(),
        text => format!("{}\n\n{words}", text.trim_end()),
    }
}

/// One question.
struct Asked<'a> {
    command: &'a Run,
    prompt: &'a str,
    looked: &'a [TimedImage],
}

fn answer(
    Asked { command, prompt, looked }: Asked<'_>,
    session: &mut Session,
    mut conversation: Conversation,
    options: &GenerateOptions<'_>,
    interrupt: &Interrupt,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let ids = if command.raw || has_no_template(session) {
        if !command.raw {
            say(format_args!(
                "note: the model has no chat template: the prompt is continued as it stands, behind what is shown"
            ));
        }
        session.text_ids_with_images(prompt, conversation.images())?
    } else {
        conversation.say("user", prompt);
        session.chat_ids_with_images(&conversation.request(), conversation.images())?
    };
    let prompt = Prompt { ids: &ids, images: conversation.images() };
    if as_json {
        let answer = interrupt.answering(|| session.generate(prompt, options, |_| ControlFlow::Continue(())))?;
        output::print_json(&as_value(command, looked, &answer, &options.sampling))?;
        return Ok(status(&answer));
    }
    let answer = interrupt.answering(|| stream(session, prompt, options))?;
    let style = Style::stderr();
    if command.stats {
        looked.iter().for_each(|looked| say(style.dim(&looked_words(looked))));
        say(style.dim(&summary(&answer)));
    }
    note_cut(&answer, session.context(), command.sampling.max_tokens.is_some());
    Ok(status(&answer))
}

/// Whoever waits for the one answer is told that it was broken off.
fn status(answer: &Generation) -> ExitCode {
    if answer.finish == Finish::Interrupted { interrupt::EXIT.into() } else { ExitCode::SUCCESS }
}

fn as_value(command: &Run, looked: &[TimedImage], answer: &Generation, sampling: &SamplingParams) -> Value {
    let seed = (sampling.temperature > 0.0).then_some(sampling.seed);
    let finish = match answer.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ContextFull => "context_full",
        Finish::Interrupted => "interrupted",
    };
    let t = &answer.timings;
    json!({
        "model": command.model, "text": answer.text, "tokens": answer.tokens, "finish": finish, "seed": seed,
        "prompt_tokens": t.prompt_tokens,
        "shown": looked.iter().map(|looked| json!({
            "tiles": looked.image.n_tiles, "seconds": looked.time.as_secs_f64(),
        })).collect::<Vec<_>>(),
        "seconds": {
            "prefill": t.prefill.as_secs_f64(), "first_token": t.first_token.as_secs_f64(),
            "decode": t.decode.as_secs_f64(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn what_is_piped_stands_before_the_question() {
        assert_eq!(joined("The ferry leaves at 9.\n", "When?", false), "The ferry leaves at 9.\n\nWhen?");
        assert_eq!(joined(" \n", "When?", false), "When?");
        assert_eq!(joined("a ", "b", true), "a b");
    }
}
