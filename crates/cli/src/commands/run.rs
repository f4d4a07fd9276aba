//! `plimsoll run`

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use plimsoll_engine::{
    Conversation, Finish, GenerateOptions, Generation, Prompt, SamplingParams, Session, SessionOptions,
};
use plimsoll_formats::{GenerationDefaults, Unusable};
use serde_json::{Map, Value, json};

use crate::answer::{looked_words, note_cut, stream, summary};
use crate::args::{Run, SamplingArgs, TemplateArg};
use crate::chat::{Chat, Talk};
use crate::commands::pull;
use crate::images::{TimedImage, require_tower};
use crate::interrupt::{self, Interrupt};
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output;
use crate::settings::Settings;
use crate::style::Style;
use crate::{licence_notice, model, piped};

/// The tokens that end a message of ChatML, where the model has no such token and spells it.
const CHATML_END: &str = "<|im_end|>";

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
    // Before anything is typed, looked at or waited for.
    if !command.raw {
        session.require_template()?;
    }
    let mut conversation = Conversation::new(command.system.as_deref(), variables(command, &session)?);
    let looked = command.images.encode(&mut session)?;
    looked.iter().for_each(|looked| conversation.show(looked.image.clone()));
    let maker = session.defaults();
    let sampling = sampling(&command.sampling, maker, session.eos_ids())?;
    let mut options = GenerateOptions { sampling, interrupt: Some(interrupt.asked()), ..session.recommended() };
    if let Some(max_tokens) = command.sampling.max_tokens {
        options = GenerateOptions { max_tokens: Some(max_tokens), max_length: None, ..options };
    }
    options.stops.extend(command.sampling.stop.iter().cloned());
    options.stops.extend(matches!(command.template, Some(TemplateArg::Chatml)).then(|| CHATML_END.to_owned()));
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
    let talk = if command.raw { Talk::Text(String::new()) } else { Talk::Messages(conversation) };
    Chat { session: &mut session, talk, command, options: &options, interrupt: &interrupt }.run()?;
    Ok(ExitCode::SUCCESS)
}

/// What the template is told of the flags.
///
/// # Errors
/// A reasoning switch is asked for that the template does not have.
fn variables(command: &Run, session: &Session) -> anyhow::Result<Map<String, Value>> {
    let mut variables = Map::new();
    if command.think || command.no_think {
        if !session.template().is_some_and(|template| template.supports_thinking()) {
            bail!(
                "{}: its template has no reasoning switch, so --think and --no-think would do nothing",
                command.model
            );
        }
        variables.insert("enable_thinking".to_owned(), Value::Bool(command.think));
    }
    Ok(variables)
}

/// What is asked once: the words of the command line behind what is piped in. None where somebody sits at a terminal and
/// gave no words: then it is a chat.
fn prompt(command: &Run) -> anyhow::Result<Option<String>> {
    let words = command.prompt.as_deref().filter(|prompt| *prompt != "-");
    let sits = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    match (words, piped::is_there()) {
        (Some(words), false) => Ok(Some(words.to_owned())),
        (Some(words), true) => Ok(Some(joined(&piped::text()?, words, command.raw))),
        (None, false) if sits && command.prompt.is_none() => Ok(None),
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
    let ids = if command.raw {
        session.text_ids(prompt)?
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

/// The sampling asked for; what is not asked for is as the model's maker recommends, else greedy.
fn sampling(asked: &SamplingArgs, maker: &GenerationDefaults, eos_ids: &[u32]) -> anyhow::Result<SamplingParams> {
    let makers = SamplingParams::recommended(maker, eos_ids, asked.temperature);
    let params = SamplingParams {
        top_k: asked.top_k.unwrap_or(makers.top_k),
        top_p: asked.top_p.unwrap_or(makers.top_p),
        min_p: asked.min_p.unwrap_or(makers.min_p),
        repetition_penalty: asked.repetition_penalty.unwrap_or(makers.repetition_penalty),
        presence_penalty: asked.presence_penalty.unwrap_or(makers.presence_penalty),
        frequency_penalty: asked.frequency_penalty.unwrap_or(makers.frequency_penalty),
        logit_bias: asked.logit_bias.iter().copied().collect(),
        seed: asked.seed.unwrap_or_else(clock_seed),
        ..makers
    };
    params.validate()?;
    tell_unusable(asked, maker, &params)?;
    Ok(params)
}

/// Says which of the maker's settings are not honoured. One that says how tokens are drawn is refused where tokens are
/// drawn, unless another was asked for in its place.
fn tell_unusable(asked: &SamplingArgs, maker: &GenerationDefaults, params: &SamplingParams) -> anyhow::Result<()> {
    for Unusable { key, what, of_sampling } in &maker.unusable {
        let is_replaced = match key.as_str() {
            "temperature" => asked.temperature.is_some(),
            "top_k" => asked.top_k.is_some(),
            "top_p" => asked.top_p.is_some(),
            "min_p" => asked.min_p.is_some(),
            "repetition_penalty" => asked.repetition_penalty.is_some(),
            "max_new_tokens" | "max_length" => asked.max_tokens.is_some(),
            _ => false,
        };
        match (of_sampling, params.temperature > 0.0) {
            _ if is_replaced => {}
            (true, false) => {}
            (true, true) => {
                let flag = key.replace('_', "-");
                return Err(Mistake::error(
                    what,
                    format!(
                        "give a value of your own (--{flag}), or take the likeliest token every time: --temperature 0"
                    ),
                ));
            }
            (false, _) => say(format_args!("note: {what}; it is not honoured")),
        }
    }
    Ok(())
}

/// Fewer than 2^53, so that any reader of JSON gives it back whole.
fn clock_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64 & ((1 << 53) - 1))
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
